#pragma once

#include "fault_tasks.hpp"
#include "support.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

namespace steward::test {

/// Waits until something holds, but not for ever.
template <class Condition>
bool holds_soon(Condition condition, std::chrono::milliseconds limit = patience) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    ::usleep(200);
  }
  return true;
}

/// A file that does not exist until it is wanted: what tells `hold` in other processes to go on.
class gate {
public:
  gate();
  ~gate();
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;
  const std::string& path() const { return path_; }
  bool begun_in(int pid) const;
  /// The pid that follows `infix` in the name of a file beside it; 0 when there is none yet.
  int pid_after(const std::string& infix) const;
  void open();

private:
  std::string directory_;
  std::string path_;
};

/// One fault of the matrix: a pool, a fault, and what must hold after each, see `end_fault`.
class faulty_pool : public ::testing::Test {
protected:
  void SetUp() override;
  void TearDown() override;

  /// A pool with `spec`, whose workers start as its name says; see fault_matrix_main.cpp. Fails the test unless it
  /// starts.
  void start(pool_spec spec, const std::string& name = "faults");
  /// The same without waiting for it.
  void make(pool_spec spec, const std::string& name = "faults");

  template <class R, class... Args>
  std::size_t submit(task<R, Args...> what, std::type_identity_t<Args>... args) {
    bytes encoded;
    encode_all(encoded, args...);
    return submit_bytes(*what.entry, std::move(encoded));
  }
  /// Squares from `first` on, `count` of them; their places.
  std::vector<std::size_t> submit_squares(std::int64_t first, std::size_t count);

  /// The outcome at a place, once it is there.
  const outcome<bytes>& result(std::size_t place);
  template <class T = std::int64_t>
  T value(std::size_t place) {
    return decode_all<T>(result(place).value());
  }
  /// All these have values, in order the squares of first, first + 1, ...
  void expect_squares(const std::vector<std::size_t>& places, std::int64_t first);

  pool& victim() { return *pool_; }
  event_recorder& events() { return around_->events; }
  process::keeper& keeper() { return around_->keeper; }
  std::vector<event> crashes() { return events().all(event_kind::crash); }
  std::vector<worker_stats> workers() { return pool_->stats().each; }
  /// The pid of a worker that has begun `hold` at this gate.
  int busy_pid(const gate& at);

  /// What must hold after each fault. Called by TearDown, or earlier when the rest of a test needs the pool gone:
  /// the pool has its size again unless it gave up; each task had exactly one outcome; the causes of crashes are told;
  /// no child, no descriptor and no thread is left.
  void end_fault();
  /// The pool gives up, and is to.
  void expect_gone() { gone_ = true; }
  /// The test has stopped the pool itself.
  void expect_stopped() { stopped_ = true; }

private:
  struct slot {
    int outcomes = 0;
    std::optional<outcome<bytes>> result;
  };

  std::size_t submit_bytes(const task_entry& entry, bytes args);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<slot> slots_;
  std::unique_ptr<surroundings> around_;
  std::unique_ptr<pool> pool_;
  unsigned size_ = 0;
  bool gone_ = false;  // the pool is expected to give up
  bool stopped_ = false;
  bool over_ = false;
  std::size_t fds_ = 0;
  std::size_t threads_ = 0;
};

std::size_t entries_of(const char* directory);

}  // namespace steward::test
