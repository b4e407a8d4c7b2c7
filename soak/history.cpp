#include "soak/history.hpp"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

#include <fmt/format.h>

namespace steward::soak {

namespace {

constexpr std::size_t write_at_bytes = 256 * 1024;
constexpr std::string_view history_start = "H,";  // of its first line

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// The number of a task from its arguments as text: the last of them.
std::string_view number_in(std::string_view args) {
  const auto comma = args.rfind(", ");
  return comma == std::string_view::npos ? args : args.substr(comma + 2);
}

std::int64_t us_of(double ms) { return static_cast<std::int64_t>(ms * 1'000.0); }

/// What is no history is not emptied.
std::FILE* open_history(const std::string& file) {
  std::string start(history_start.size(), '\0');
  std::ifstream before(file);
  before.read(start.data(), static_cast<std::streamsize>(start.size()));
  if (before.gcount() > 0 && start != history_start)
    throw std::system_error(std::make_error_code(std::errc::file_exists),
                            file + " holds something else than a history");
  return std::fopen(file.c_str(), "we");
}

}  // namespace

history::history(const std::string& file) : file_(open_history(file)) {
  if (file_ == nullptr) throw std::system_error(errno, std::generic_category(), file);
  lines_.reserve(2 * write_at_bytes);
  writer_ = std::thread([this] { write_out(); });
}

history::~history() { close(); }

std::int64_t history::now_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun_).count();
}

void history::parameter(const char* name, std::uint64_t value) {
  const std::lock_guard lock(mutex_);
  fmt::format_to(std::back_inserter(lines_), "H,{},{}\n", name, value);
}

void history::submitted(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  fmt::format_to(std::back_inserter(lines_), "S,{},{}\n", now_us(), number);
  if (lines_.size() > write_at_bytes) changed_.notify_one();
}

void history::ended(std::uint64_t number, const outcome<bytes>& result) {
  const std::lock_guard lock(mutex_);
  auto out = std::back_inserter(lines_);
  if (result.ok()) {
    std::string value = "undecodable";
    try {
      value = std::to_string(decode_all<std::int64_t>(result.value()));
    } catch (const decode_error&) {
      // Told as it is: it is for the checker to judge.
    }
    fmt::format_to(out, "O,{},{},value,{},-,-,0,0,0\n", now_us(), number, value);
    return;
  }
  const auto& error = result.error();
  for (const auto& a : error.attempts) {
    fmt::format_to(out, "A,{},{},{},{},{},{},{}\n", number, a.attempt, a.pid, to_string(a.why.cls), a.why.signal,
                   a.why.code, us_of(a.ran_ms));
  }
  fmt::format_to(out, "O,{},{},{},-,{},{},{},{},{}\n", now_us(), number, to_string(error.kind), to_string(error.work),
                 to_string(error.why.cls), error.why.signal, error.why.code, error.attempts.size());
}

void history::fault(fault_kind kind, int pid) {
  const std::lock_guard lock(mutex_);
  fmt::format_to(std::back_inserter(lines_), "F,{},{},{},{},-,-\n", now_us(), faults_++, to_string(kind), pid);
}

void history::fault(fault_kind kind, int pid, std::uint64_t number, unsigned attempt) {
  const std::lock_guard lock(mutex_);
  fmt::format_to(std::back_inserter(lines_), "F,{},{},{},{},{},{}\n", now_us(), faults_++, to_string(kind), pid, number,
                 attempt);
}

void history::happened(const event& e) {
  const std::lock_guard lock(mutex_);
  ++events_;
  auto out = std::back_inserter(lines_);
  fmt::format_to(out, "E,{},{},{},{},{},{}", now_us(), e.seq, to_string(e.kind), last_part(e.actor),
                 e.incarnation.value_or(0), e.pid.value_or(0));
  if (e.why) {
    fmt::format_to(out, ",{},{},{}", to_string(e.why->cls), e.why->signal, e.why->code);
  } else {
    fmt::format_to(out, ",-,0,0");
  }
  if (e.task) {
    fmt::format_to(out, ",{},{},{},{}", number_in(e.task->args), e.task->attempt,
                   e.task_fate.empty() ? "-" : e.task_fate, us_of(e.task->ran_ms));
  } else {
    fmt::format_to(out, ",-,-,-,0");
  }
  fmt::format_to(out, ",{},{}\n", e.decision ? e.decision->action : "-", e.recovery_ms ? us_of(*e.recovery_ms) : 0);
}

void history::resident(std::uint64_t kib) {
  const std::lock_guard lock(mutex_);
  fmt::format_to(std::back_inserter(lines_), "M,{},{},{}\n", samples_++, now_us(), kib);
}

void history::found(const char* name, std::uint64_t value) {
  const std::lock_guard lock(mutex_);
  fmt::format_to(std::back_inserter(lines_), "X,{},{}\n", name, value);
}

void history::write_out() {
  std::string chunk;
  chunk.reserve(2 * write_at_bytes);
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, std::chrono::seconds(1), [this] { return over_ || lines_.size() > write_at_bytes; });
      if (lines_.empty() && over_) return;
      std::swap(chunk, lines_);
    }
    if (std::fwrite(chunk.data(), 1, chunk.size(), file_) != chunk.size()) failed_ = true;
    chunk.clear();
  }
}

bool history::close() {
  if (!writer_.joinable()) return !failed_;
  found("faults", faults_);
  found("events", events_);
  found("samples", samples_);
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_one();
  writer_.join();
  if (std::fclose(file_) != 0) failed_ = true;
  return !failed_;
}

}  // namespace steward::soak
