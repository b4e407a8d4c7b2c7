#pragma once

#include <csignal>
#include <functional>
#include <thread>

namespace steward::cli {

/// Turns SIGINT, SIGTERM and SIGHUP into an orderly stop.
///
/// Blocks the three, less those that it was started with as ignored (nohup), for the calling thread and every thread
/// made after it, and waits for them on a thread of its own. The first calls `on_stop(signal)` on that thread; a second
/// one ends the program at once with 128 + signal (child processes die with it). With an `on_reload`, a SIGHUP that a
/// process sent calls that instead, each time, until the stop began; one that the kernel sent, because the terminal is
/// gone, stops as ever. Neither callback may block. Make it before other threads exist. The destructor gives the
/// signals back.
class stop_signals {
public:
  explicit stop_signals(std::function<void(int)> on_stop, std::function<void()> on_reload = {});
  ~stop_signals();
  stop_signals(const stop_signals&) = delete;
  stop_signals& operator=(const stop_signals&) = delete;

private:
  void wait_for_signals();

  std::function<void(int)> on_stop_;
  std::function<void()> on_reload_;
  sigset_t set_{};  // those that the program does not inherit as ignored
  int signal_fd_ = -1;
  int end_fd_ = -1;
  std::thread thread_;
};

}  // namespace steward::cli
