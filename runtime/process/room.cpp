#include "process/room.hpp"

#include <pthread.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace steward::process {
namespace {

constexpr std::size_t thread_bytes = std::size_t{64} * 1024;

class parked_threads {
public:
  parked_threads() = default;
  ~parked_threads() {
    {
      const std::lock_guard lock{mutex_};
      over_ = true;
    }
    changed_.notify_all();
    for (auto& one : threads_) one.join();
  }
  parked_threads(const parked_threads&) = delete;
  parked_threads& operator=(const parked_threads&) = delete;

  void add() {
    threads_.emplace_back([this] { park(); });
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return parked_ == threads_.size(); });
  }

private:
  // Each holds some memory, as one does that works: with the first of it libc may reserve far more for the thread.
  void park() {
    const std::unique_ptr<char[]> memory{new (std::nothrow) char[thread_bytes]};
    std::unique_lock lock{mutex_};
    ++parked_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return over_; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t parked_ = 0;
  bool over_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

signals_blocked::signals_blocked() noexcept {
  sigset_t all;
  ::sigfillset(&all);
  // Faults stay deliverable: a blocked one would end the program without its last words.
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP, SIGXCPU}) ::sigdelset(&all, fault);
  ::pthread_sigmask(SIG_SETMASK, &all, &before_);
}

signals_blocked::~signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

void expect_room_for_threads(std::size_t count) {
  const signals_blocked quiet;
  parked_threads parked;
  for (std::size_t i = 0; i < count; ++i) {
    try {
      parked.add();
    } catch (const std::system_error& problem) {
      throw std::system_error{problem.code(), "room for " + std::to_string(count) +
                                                  " more threads is needed, there is for " + std::to_string(i)};
    }
  }
}

}  // namespace steward::process
