#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "process/channel.hpp"
#include "process/child.hpp"
#include "process/debug_info.hpp"
#include "process/keeper.hpp"
#include "process/zygote.hpp"

#if defined(__has_feature)
#define STEWARD_HAS_FEATURE(name) __has_feature(name)
#else
#define STEWARD_HAS_FEATURE(name) 0
#endif

namespace steward::test {

/// A limit for what should be a matter of milliseconds.
inline constexpr std::chrono::seconds patience{20};

#if defined(__SANITIZE_THREAD__) || STEWARD_HAS_FEATURE(thread_sanitizer)
inline constexpr bool under_thread_sanitizer = true;
#else
inline constexpr bool under_thread_sanitizer = false;
#endif
#if defined(__SANITIZE_ADDRESS__) || STEWARD_HAS_FEATURE(address_sanitizer)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = under_thread_sanitizer;
#endif

/// The next frame from a blocking descriptor. None when the peer is gone, or when the reader is broken.
inline std::optional<process::frame> read_frame(int fd, process::frame_reader& reader) {
  while (true) {
    if (auto one = reader.next()) return one;
    if (reader.broken()) return std::nullopt;
    const auto how = reader.wait(fd);
    if (how == process::read_status::closed || how == process::read_status::io_error) return std::nullopt;
  }
}

/// Bytes that have arrived and were not read.
inline std::size_t arrived_bytes(int fd) {
  int count = 0;
  EXPECT_EQ(::ioctl(fd, FIONREAD, &count), 0);
  return static_cast<std::size_t>(count);
}

/// Whether this program was compiled with -g and its debug information can be read.
inline bool have_debug_info() {
  auto found = process::look_up({reinterpret_cast<std::uint64_t>(&process::run_spawned_child)});
  return !found.front().empty() && found.front().front().text.find(" at ") != std::string::npos;
}

/// Starts the zygote where it is not alive. False under ThreadSanitizer once a test has had threads: then its runtime
/// has one of its own, and a zygote cannot be had any more. Tests that run one a process are not hit by that.
inline bool have_zygote() {
  if (process::zygote_alive()) return true;
  process::stop_zygote();
  if (under_thread_sanitizer) return process::start_zygote();
  // A thread that was joined stays in /proc/self/task until the kernel is done with it.
  auto deadline = std::chrono::steady_clock::now() + patience;
  while (!process::start_zygote()) {
    if (std::chrono::steady_clock::now() > deadline) {
      ADD_FAILURE() << "no zygote";
      return true;
    }
    std::this_thread::yield();
  }
  return true;
}

/// Hands the one report of a child from the keeper's thread to the test.
class exit_promise {
public:
  process::keeper::exit_handler handler() {
    return [shared = promise_](const process::exit_report& report) { shared->set_value(report); };
  }
  std::optional<process::exit_report> wait() {
    if (future_.wait_for(patience) != std::future_status::ready) return std::nullopt;
    return future_.get();
  }

private:
  // Shared: after a failed test the handler may outlive this object. A second call would throw and end the test
  // program.
  std::shared_ptr<std::promise<process::exit_report>> promise_ = std::make_shared<std::promise<process::exit_report>>();
  std::future<process::exit_report> future_ = promise_->get_future();
};

/// A pipe whose ends close with it.
class test_pipe {
public:
  test_pipe() {
    if (::pipe2(ends_, O_CLOEXEC) != 0) ADD_FAILURE() << "no pipe";
  }
  ~test_pipe() {
    close_read();
    close_write();
  }
  test_pipe(const test_pipe&) = delete;
  test_pipe& operator=(const test_pipe&) = delete;

  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }
  void close_read() { close(ends_[0]); }
  void close_write() { close(ends_[1]); }

  /// Everything up to the end, which comes when the last process that holds the write end is gone. None when it does
  /// not.
  std::optional<std::string> read_to_end() {
    close_write();
    std::string all;
    while (true) {
      auto part = read_some(4096);
      if (!part) return std::nullopt;
      if (part->empty()) return all;
      all += *part;
    }
  }

  std::optional<std::string> read_some(std::size_t limit) {
    pollfd one{ends_[0], POLLIN, 0};
    if (::poll(&one, 1, static_cast<int>(std::chrono::milliseconds{patience}.count())) <= 0) return std::nullopt;
    std::string part(limit, '\0');
    ssize_t count = ::read(ends_[0], part.data(), part.size());
    if (count < 0) return std::nullopt;
    part.resize(static_cast<std::size_t>(count));
    return part;
  }

private:
  static void close(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  int ends_[2] = {-1, -1};
};

}  // namespace steward::test
