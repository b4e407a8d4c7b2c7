#pragma once

#include "actor_system/gate_loop.hpp"
#include "pool/worker_output.hpp"

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace steward::supervision {

/// What the process of an actor writes to its standard error. It goes to the program's, line by line, each with the
/// actor's path before it, and the last lines are kept for the cause of its death. Thread-safe.
class process_errors final : public port::side_reader {
public:
  explicit process_errors(std::string path) : path_(std::move(path)) {}

  /// The writing end of a fresh pipe, to be closed by the caller; -1, with errno, when there is none.
  int open() {
    const std::lock_guard lock{mutex_};
    int out = -1;
    return output_.open_errors(out) ? out : -1;
  }
  /// The process has ended: all that it wrote is told. Its last lines.
  std::vector<std::string> finish() {
    const std::lock_guard lock{mutex_};
    output_.finish({}, [](const auto&, std::string_view) {});
    auto out = output_.last_error_lines();
    output_ = {};
    return out;
  }

  // -- for the thread that reads it --
  void join(int epoll, std::uint64_t key) override {
    const std::lock_guard lock{mutex_};
    output_.watch(epoll, 0, key, path_);
  }
  bool read() override {
    const std::lock_guard lock{mutex_};
    output_.read_errors();
    return output_.waits();
  }
  bool try_again() override {
    const std::lock_guard lock{mutex_};
    output_.try_again();
    return output_.waits();
  }

private:
  const std::string path_;
  std::mutex mutex_;
  pooling::worker_output output_;
};

}  // namespace steward::supervision
