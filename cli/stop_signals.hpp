#pragma once

#include <csignal>
#include <functional>
#include <thread>

namespace steward::cli {

/// Turns SIGINT, SIGTERM and SIGHUP into an orderly stop.
///
/// From its making on the three, less those that the program was started with as ignored (nohup), are held back for the
/// calling thread and every thread made after it: make it before other threads exist, one at a time. `listen` makes the
/// thread that takes them. The first calls `on_stop(signal)` on that thread. A second one ends the program at once with
/// 128 + signal, whatever anybody does or waits for at that moment, `on_stop` included; child processes die with it.
/// With an `on_reload`, a SIGHUP that a process sent calls that instead, each time, until the stop began; one that the
/// kernel sent, because the terminal is gone, stops as ever. The destructor gives the signals back; it waits for a
/// callback that is under way.
class stop_signals {
public:
  stop_signals();
  ~stop_signals();
  stop_signals(const stop_signals&) = delete;
  stop_signals& operator=(const stop_signals&) = delete;

  /// Signals that came before are taken now. Throws std::system_error when there is no descriptor or thread to be had.
  void listen(std::function<void(int)> on_stop, std::function<void()> on_reload = {});

private:
  void wait_for_signals();

  std::function<void(int)> on_stop_;
  std::function<void()> on_reload_;
  sigset_t set_{};  // those that the program does not inherit as ignored
  std::thread thread_;
};

}  // namespace steward::cli
