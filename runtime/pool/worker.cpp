#include "pool/worker.hpp"

#include "base/thrown_frames.hpp"
#include "pool/actions.hpp"
#include "pool/barriers.hpp"
#include "pool/chunk_runner.hpp"
#include "pool/wire.hpp"
#include "pool/worker_stdio.hpp"

#include "process/channel.hpp"
#include "process/child.hpp"
#include "process/copied.hpp"
#include "process/flight_page.hpp"
#include "process/frame_names.hpp"
#include "steward/detail/many_run.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <cxxabi.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

namespace steward::pooling {

namespace {

using process::frame;
using process::frame_kind;

constexpr int channel_fd = process::first_child_fd;
constexpr int page_fd = process::first_child_fd + 1;
constexpr int link_fd = process::first_child_fd + 2;
constexpr int exit_initializer = 78;

// A child main is a plain function, so what it needs is found here. Written before threads exist.
const task_registry* registered_tasks = nullptr;
std::atomic<int> link{-1};

std::uint64_t ns_since_epoch(time_point t) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(t.time_since_epoch()).count());
}

std::string errno_text(int error) { return std::generic_category().message(error); }

/// One worker process: reads tasks, runs them one after the other, answers.
class worker_process {
public:
  worker_process(const task_registry& tasks, std::string pool, process::flight_recorder& recorder)
      : tasks_(tasks), pool_(std::move(pool)), page_(recorder.page()), arena_(recorder.arena()) {
    process::know_copies();
  }

  int run(std::span<const std::string> initializer) {
    // So that the parent can make this process pass a barrier where it takes items back.
    page_.fenced.store(allow_fences() ? 0 : 1, std::memory_order_seq_cst);
    if (!initializer.empty() && !initialize(initializer)) return exit_initializer;
    process::frame_reader reader;
    out_.push(frame_kind::ready, 0, 0, {});
    for (;;) {
      while (auto next = reader.next()) {
        if (next->kind == frame_kind::stop) {
          send();
          return 0;
        }
        if (next->kind == frame_kind::task && (next->error != 0 || (next->flags & flag_unsent) != 0)) {
          do_not_take(*next);
        } else if (next->kind != frame_kind::task || !serve(*next)) {
          return broken("a frame that is no task");
        }
      }
      if (reader.broken()) return broken(reader.problem());
      // Nothing is in hand any more once its answer has left, so the order of these two matters.
      send();
      page_.current.store(0, std::memory_order_release);
      switch (wait(reader)) {
        case process::read_status::more:
          break;
        case process::read_status::closed:
          return 0;
        case process::read_status::protocol_error:
        case process::read_status::io_error:
          return broken("its channel failed: " + reader.problem());
      }
    }
  }

private:
  /// Where that fails it is over at once, so that what is staged stays so: the parent takes it from there.
  void send() {
    process::leave_if_copy();  // what a task forks, and lets return or throw, is no worker
    for (;;) {
      const auto how = out_.flush(channel_fd);
      if (how == process::frame_writer::status::idle) return;
      const int error = errno;
      pollfd room{channel_fd, POLLOUT, 0};
      if (how == process::frame_writer::status::would_block && ::poll(&room, 1, -1) >= 0) continue;
      const bool gone = error == EPIPE || error == ECONNRESET;
      if (!gone) broken("it cannot answer: " + errno_text(error));
      std::fflush(nullptr);
      ::_exit(gone ? 0 : exit_broken);
    }
  }

  process::read_status wait(process::frame_reader& reader) {
    try {
      return reader.wait(channel_fd);
    } catch (const std::bad_alloc&) {
      // Whose arguments it cannot even read is what it dies of, lest that comes back for ever.
      if (!is_withdrawn()) take_up(reader.arriving());
      broken("it has no memory for the arguments of its task");
      return process::read_status::io_error;
    }
  }

  int broken(const std::string& why) {
    process::leave_note(page_, why);
    return exit_broken;
  }

  /// A process has no other thread that could go on.
  [[noreturn]] void thread_ended() {
    broken("its thread was ended by what it ran (pthread_exit)");
    std::fflush(nullptr);
    ::_exit(exit_broken);
  }

  /// By a task's name and its arguments.
  bool initialize(std::span<const std::string> call) {
    try {
      const auto* entry = tasks_.find(call.front());
      if (!entry) throw std::invalid_argument("no task '" + call.front() + "' is registered in the worker process");
      entry->run({0, 1, 1, pool_}, initializer_args(*entry, call.subspan(1)));
      return true;
    } catch (const abi::__forced_unwind&) {
      thread_ended();
    } catch (...) {
      // This is the outermost frame of a worker process: what the initializer throws is why it does not become ready.
      id_ = 0;
      answer_failure(0, std::current_exception(), true);
      send();
      return false;
    }
  }

  /// False when the frame is no task.
  bool serve(const frame& f) {
    try {
      const auto [header, args] = decode_task(f.payload);
      execute(f.id, f.flags, header, args);
      // An answer is never kept while the next task runs: that one may take long, or take this process with it.
      forget_staged(0);
      return true;
    } catch (const decode_error&) {
      return false;
    }
  }

  /// Its arguments did not arrive. The channel is sound all the same, so that is an answer.
  void do_not_take(const frame& f) {
    id_ = f.id;
    if (is_withdrawn()) return answer_values(0, 0, {}, true);
    const auto why = f.error != 0 ? "its arguments find no room in the worker: " + errno_text(f.error)
                                  : std::string(reinterpret_cast<const char*>(f.payload.data()), f.payload.size());
    payload_.clear();
    encode_failure(payload_, 0, 0, f.error == ENOMEM ? "std::bad_alloc" : "std::system_error", why);
    out_.push(frame_kind::failure, flag_done | flag_not_taken, id_, payload_);
  }

  void execute(task_id id, std::uint16_t flags, const task_header& header, bytes_view args) {
    id_ = id;
    const bool cancelled = page_.cut.load(std::memory_order_seq_cst) == id;
    if (is_withdrawn() || cancelled) return answer_values(0, 0, {}, true);
    // What was answered with nothing does not wait for this one.
    send();
    take_up(id);
    if (!entry_ || entry_->name != header.name) entry_ = tasks_.find(header.name);
    if (!entry_) return fail_all(header);
    const task_context context{id, header.attempt, header.attempts, pool_, &page_.stop};
    if (flags & flag_raw) {
      run_one(context, args);
    } else {
      run_many(context, args, header.count, (flags & flag_clock) != 0);
    }
  }

  /// Whether the parent has taken it back: either we see that it has, or it sees that we have begun. What it has is not
  /// begun any more, or it would be charged with our death.
  bool is_withdrawn() {
    const auto before = page_.begun.load(std::memory_order_relaxed);
    page_.begun.store(++received_, std::memory_order_seq_cst);
    const auto limit = page_.limit.load(std::memory_order_seq_cst);
    const bool withdrawn = limit != 0 && received_ >= limit;
    if (withdrawn) page_.begun.store(before, std::memory_order_seq_cst);
    return withdrawn;
  }

  /// From here on it is in hand. Its marks replace those of the one before it, so this comes after `is_withdrawn`.
  void take_up(task_id id) {
    page_.item.store(0, std::memory_order_relaxed);
    began_ = std::chrono::steady_clock::now();
    page_.started_ns.store(ns_since_epoch(began_), std::memory_order_relaxed);
    page_.current.store(id, std::memory_order_release);
    forget_staged(0);
  }

  detail::chunk_marks marks_of(task_id id, bool clocked) {
    const bool fenced = page_.fenced.load(std::memory_order_relaxed) != 0;
    return {id, &page_.item, &page_.cut, clocked ? &page_.started_ns : nullptr, &page_.kept, fenced};
  }

  /// Nobody here knows the task. Items that are taken back meanwhile are not answered, as if they were run.
  void fail_all(const task_header& header) {
    const auto why = std::make_exception_ptr(
        std::invalid_argument("no task '" + header.name + "' is registered in the worker process"));
    detail::many_run run(id_, {}, 0, header.count);
    run.marks = marks_of(id_, false);
    while (run.begin()) answer_failure(run.next - 1, why, run.next == run.count);
    if (run.taken_back) answer_values(run.next, 0, {}, true);
    send();
  }

  void run_one(const task_context& context, bytes_view args) {
    try {
      const auto result = entry_->run(context, args);
      process::leave_if_copy();
      // In the arena it outlives this process from now on.
      if (!result.empty() && result.size() <= arena_.size()) std::memcpy(arena_.data(), result.data(), result.size());
      if (result.size() <= arena_.size())
        page_.kept.store(detail::staged_size{1, result.size()}.packed(), std::memory_order_release);
      answer_values(0, 1, result, true);
    } catch (const abi::__forced_unwind&) {
      thread_ended();
    } catch (...) {
      // This is the outermost frame of a worker process: whatever a task throws is its answer.
      answer_failure(0, std::current_exception(), true);
    }
    send();
  }

  void run_many(const task_context& context, bytes_view args, std::uint32_t count, bool clocked) {
    detail::many_run run(id_, args, entry_->args_size, count);
    run.marks = marks_of(id_, clocked);
    run.stage = arena_.data();
    run.stage_size = arena_.size();
    run.printed = stdio_.printed();
    run.on_printed = [](detail::many_run& from) {
      static_cast<worker_process*>(from.owner)->stdio_.mark({from.id, from.next - 1});
    };
    clocked_ = clocked;
    chunk_runner<worker_process>::run_chunk(*this, *entry_, context, run);
  }

  friend class chunk_runner<worker_process>;
  std::uint64_t staged_from() const { return page_.kept_from.load(std::memory_order_relaxed); }
  void answer_items(std::uint64_t item, std::uint64_t count, bytes_view results, bool done) {
    answer_values(item, count, results, done);
    send();
    forget_staged(item + count);
  }
  void answer_thrown(std::uint64_t item, const std::exception_ptr& why, bool done) {
    answer_failure(item, why, done);
    send();
    forget_staged(item + 1);
    began_ = std::chrono::steady_clock::now();
    if (!clocked_) page_.started_ns.store(ns_since_epoch(began_), std::memory_order_relaxed);
  }
  [[noreturn]] void thread_ends() { thread_ended(); }

  void forget_staged(std::uint64_t next_item) { detail::forget_staged(page_.kept_from, page_.kept, next_item); }

  std::uint64_t take_ran() {
    const auto now = std::chrono::steady_clock::now();
    return ns_since_epoch(now) - ns_since_epoch(std::exchange(began_, now));
  }

  void answer_values(std::uint64_t item, std::uint64_t count, bytes_view results, bool done) {
    payload_.clear();
    const auto ran = take_ran();
    encode_result_head(payload_, ran, item, count);
    payload_.insert(payload_.end(), results.begin(), results.end());
    const auto flags = answer_flags(count > 0 ? item + count - 1 : item, done, ran);
    const bool fits = out_.push(frame_kind::result, flags, id_, payload_);
    const int error = errno;
    if (payload_.capacity() > payload_kept) payload_ = bytes();
    if (fits) return;
    const auto size = "the result of " + std::to_string(results.size()) + " bytes ";
    const auto why = error == EMSGSIZE
                         ? std::make_exception_ptr(std::length_error(size + "is larger than a frame"))
                         : std::make_exception_ptr(std::runtime_error(size + "cannot be sent: " + errno_text(error)));
    answer_failure(item, why, done);
  }

  void answer_failure(std::uint64_t item, std::exception_ptr problem, bool done) {
    const auto frames = thrown_addresses(problem);
    const auto why = cause_without_frames(std::move(problem));
    payload_.clear();
    const auto ran = take_ran();
    encode_failure(payload_, ran, item, why.exception, why.message);
    if (!frames.empty()) encode_frames(payload_, process::program_anchor(), frames);
    out_.push(frame_kind::failure, answer_flags(item, done, ran), id_, payload_);
  }

  /// Whatever the task has printed leaves before its answer.
  std::uint16_t answer_flags(std::uint64_t item, bool done, std::uint64_t ran_ns) {
    const bool wrote = stdio_.settle({id_, item}, ran_ns);
    return static_cast<std::uint16_t>((done ? flag_done : 0) | (wrote ? flag_wrote : 0));
  }

  const task_registry& tasks_;
  std::string pool_;
  process::flight_page& page_;
  std::span<std::byte> arena_;
  const task_entry* entry_ = nullptr;
  task_id id_ = 0;
  std::uint64_t received_ = 0;  // tasks and chunks
  bool clocked_ = false;        // the chunk in hand has a clock before each item
  time_point began_{};
  bytes payload_;
  process::frame_writer out_;
  worker_stdio stdio_;
};

}  // namespace

int run_pool_worker(const process::child_context& context) {
  // The page lives as long as the process: a signal handler may write to it at any time.
  static process::flight_recorder recorder = process::flight_recorder::open(page_fd);
  if (!recorder.valid() || !registered_tasks) {
    std::fprintf(stderr, "steward: a worker cannot begin: %s\n", errno_text(errno).c_str());
    return exit_broken;
  }
  recorder.close_fd();
  if (context.fd_count > 2) link.store(link_fd);
  process::install_last_words(recorder.page(), channel_fd);
  std::vector<std::string> words{{}};
  for (const char c : context.argument) {
    if (c == '\0') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  worker_process worker(*registered_tasks, words.front(), recorder);
  return worker.run(std::span(words).subspan(1));
}

std::string worker_argument(const std::string& pool, const pool_spec& spec) {
  if (spec.initializer.empty()) return pool;
  auto out = pool + '\0' + spec.initializer;
  for (const auto& one : spec.initializer_args) out += '\0' + one;
  return out;
}

bytes initializer_args(const task_entry& initializer, std::span<const std::string> texts) {
  bytes out;
  if (auto problem = initializer.parse(texts, out)) {
    throw std::invalid_argument("the initializer '" + initializer.name + "' " +
                                (initializer.arity == texts.size() ? "cannot take its arguments: " : "") + *problem);
  }
  return out;
}

void register_pool_worker(const task_registry& tasks) {
  registered_tasks = &tasks;
  worker_stdio::of_stdio();
  process::register_child_main(worker_main_name, &run_pool_worker);
}

int worker_actor_link_fd() noexcept { return link.load(); }

}  // namespace steward::pooling
