#include "pool/worker.hpp"

#include "process/channel.hpp"
#include "process/child.hpp"
#include "process/flight_page.hpp"

#include <atomic>
#include <chrono>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <utility>

namespace steward::pooling {

namespace {

using process::frame;
using process::frame_kind;

constexpr int channel_fd = process::first_child_fd;
constexpr int page_fd = process::first_child_fd + 1;
constexpr int link_fd = process::first_child_fd + 2;
constexpr int exit_protocol = 76;

// A child main is a plain function, so what it needs is found here. Written before threads exist.
const task_registry* registered_tasks = nullptr;
std::atomic<int> link{-1};

std::uint64_t ns_since_epoch(time_point t) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(t.time_since_epoch()).count());
}

std::string cut(std::string text) {
  if (text.size() > max_exception_bytes) text.resize(max_exception_bytes);
  return text;
}

answer decode_ran(byte_reader& in) {
  answer out;
  out.ran_ms = static_cast<double>(codec<std::uint64_t>::decode(in)) / 1e6;
  return out;
}

/// One worker process: reads tasks, runs them one after the other, answers.
class worker_process {
public:
  worker_process(const task_registry& tasks, std::string pool, process::flight_page& page)
      : tasks_(tasks), pool_(std::move(pool)), page_(page) {}

  int run() {
    process::frame_reader reader;
    out_.push(frame_kind::ready, 0, 0, {});
    for (;;) {
      while (auto next = reader.next()) {
        if (next->kind == frame_kind::stop) {
          send();
          return 0;
        }
        if (next->kind != frame_kind::task || !serve(*next)) return exit_protocol;
      }
      if (reader.broken()) return exit_protocol;
      // Nothing is in hand any more once its answer has left, so the order of these two matters.
      if (!send()) return 0;
      page_.current.store(0, std::memory_order_release);
      switch (reader.wait(channel_fd)) {
        case process::read_status::more:
          break;
        case process::read_status::closed:
          return 0;
        case process::read_status::protocol_error:
        case process::read_status::io_error:
          return exit_protocol;
      }
    }
  }

private:
  bool send() { return out_.flush(channel_fd) == process::frame_writer::status::idle; }

  /// False when the frame is no task.
  bool serve(const frame& f) {
    try {
      const auto [header, args] = decode_task(f.payload);
      execute(f.id, header, args);
      // An answer is never kept while the next task runs: that one may take long, or take this process with it.
      send();
      return true;
    } catch (const decode_error&) {
      return false;
    }
  }

  void execute(task_id id, const task_header& header, bytes_view args) {
    const auto started = std::chrono::steady_clock::now();
    page_.started_ns.store(ns_since_epoch(started), std::memory_order_relaxed);
    page_.current.store(id, std::memory_order_release);
    bytes payload;
    auto kind = frame_kind::result;
    try {
      payload = run_task(id, header, args);
    } catch (...) {
      // This is the outermost frame of a worker process: whatever a task throws is its answer.
      kind = frame_kind::failure;
      payload = describe_failure(std::current_exception());
    }
    const auto ran = ns_since_epoch(std::chrono::steady_clock::now()) - ns_since_epoch(started);
    std::memcpy(payload.data(), &ran, sizeof ran);
    if (!out_.push(kind, 0, id, payload)) {
      payload = describe_failure(std::make_exception_ptr(
          std::length_error("the result is larger than a frame: " + std::to_string(payload.size()) + " bytes")));
      std::memcpy(payload.data(), &ran, sizeof ran);
      out_.push(frame_kind::failure, 0, id, payload);
    }
    page_.done.fetch_add(1, std::memory_order_relaxed);
  }

  /// The answer's payload, with room for the run time at its front.
  bytes run_task(task_id id, const task_header& header, bytes_view args) {
    if (!entry_ || entry_->name != header.name) entry_ = tasks_.find(header.name);
    if (!entry_) throw std::invalid_argument("no task '" + header.name + "' is registered in the worker process");
    const auto result = entry_->run({id, header.attempt, header.attempts, pool_}, args);
    bytes payload(sizeof(std::uint64_t));
    payload.insert(payload.end(), result.begin(), result.end());
    return payload;
  }

  static bytes describe_failure(std::exception_ptr problem) {
    const auto why = cause_of(std::move(problem));
    bytes payload;
    encode_all(payload, std::uint64_t{0}, cut(why.exception), cut(why.message));
    return payload;
  }

  const task_registry& tasks_;
  std::string pool_;
  process::flight_page& page_;
  const task_entry* entry_ = nullptr;
  process::frame_writer out_;
};

}  // namespace

int run_pool_worker(const process::child_context& context) {
  // The page lives as long as the process: a signal handler may write to it at any time.
  static process::flight_recorder recorder = process::flight_recorder::open(page_fd);
  if (!recorder.valid() || !registered_tasks) return exit_protocol;
  recorder.close_fd();
  if (context.fd_count > 2) link.store(link_fd);
  process::install_last_words(recorder.page(), channel_fd);
  worker_process worker(*registered_tasks, context.argument, recorder.page());
  return worker.run();
}

void encode_task(bytes& out, const task_header& header, bytes_view args) {
  encode_all(out, header.attempt, header.attempts, header.name);
  out.insert(out.end(), args.begin(), args.end());
}

std::pair<task_header, bytes_view> decode_task(bytes_view payload) {
  byte_reader in(payload);
  task_header header;
  header.attempt = codec<std::uint32_t>::decode(in);
  header.attempts = codec<std::uint32_t>::decode(in);
  header.name = codec<std::string>::decode(in);
  return {std::move(header), in.take(in.left())};
}

answer decode_result(bytes_view payload) {
  byte_reader in(payload);
  auto out = decode_ran(in);
  const auto rest = in.take(in.left());
  out.result.assign(rest.begin(), rest.end());
  return out;
}

answer decode_failure(bytes_view payload) {
  byte_reader in(payload);
  auto out = decode_ran(in);
  out.failed = true;
  out.why.cls = cause_class::exception;
  out.why.exception = cut(codec<std::string>::decode(in));
  out.why.message = cut(codec<std::string>::decode(in));
  return out;
}

void register_pool_worker(const task_registry& tasks) {
  registered_tasks = &tasks;
  process::register_child_main(worker_main_name, &run_pool_worker);
}

int worker_actor_link_fd() noexcept { return link.load(); }

}  // namespace steward::pooling
