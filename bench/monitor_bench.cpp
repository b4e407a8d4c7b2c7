// What a run monitor costs whoever emits an event, beside a log that nobody hears and one with a sink that does
// nothing.
//   bench_monitor [EVENTS]
#include "observe/run_monitor.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace steward;
using clock_type = std::chrono::steady_clock;

constexpr int rounds = 7;

event crash_of(std::uint64_t n) {
  event e;
  e.kind = n % 2 == 0 ? event_kind::crash : event_kind::recover;
  e.actor = "/root/squares/w" + std::to_string(n % 8);
  e.incarnation = n / 8 + 1;
  if (n % 2 == 0) {
    e.why.emplace().cls = cause_class::exception;
    e.why->exception = "std::runtime_error";
    e.why->message = "the task has thrown this";
    e.decision = event_decision{"restart", "", 1, 100, 1'000, 0, {}};
  } else {
    e.recovery_ms = 0.4;
  }
  return e;
}

/// Nanoseconds for each event, of the best round.
template <class Make>
double cost(std::uint64_t events, Make&& make) {
  double best = 1e12;
  for (int i = 0; i < rounds; ++i) {
    event_log log{"r-bench"};
    [[maybe_unused]] const auto kept = make(log);
    const auto begin = clock_type::now();
    for (std::uint64_t n = 0; n < events; ++n) log.emit(crash_of(n));
    const std::chrono::duration<double, std::nano> took = clock_type::now() - begin;
    best = std::min(best, took.count() / static_cast<double>(events));
  }
  return best;
}

/// Folds when it is told that much waits, as the control's thread does.
class folding {
public:
  explicit folding(std::shared_ptr<run_monitor> of) : of_(std::move(of)), thread_([this] { serve(); }) {
    of_->on_news([this] {
      const std::lock_guard lock{mutex_};
      news_ = true;
      changed_.notify_one();
    });
  }
  ~folding() {
    of_->on_news(nullptr);
    {
      const std::lock_guard lock{mutex_};
      over_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  folding(const folding&) = delete;
  folding& operator=(const folding&) = delete;

private:
  void serve() {
    std::unique_lock lock{mutex_};
    for (;;) {
      changed_.wait(lock, [this] { return news_ || over_; });
      if (over_) return;
      news_ = false;
      lock.unlock();
      of_->catch_up();
      lock.lock();
    }
  }

  std::shared_ptr<run_monitor> of_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool news_ = false;
  bool over_ = false;
  std::thread thread_;
};

std::shared_ptr<run_monitor> monitor_of(event_log& log) {
  auto out = std::make_shared<run_monitor>();
  log.add_sink([out](const event& e) { out->take(e); });
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t events = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 200'000;
  std::printf("%-44s %8.0f ns\n", "an event that nobody hears", cost(events, [](event_log&) { return 0; }));
  std::printf("%-44s %8.0f ns\n", "one that a sink hears, which does nothing", cost(events, [](event_log& log) {
                log.add_sink([](const event&) {});
                return 0;
              }));
  std::printf("%-44s %8.0f ns\n", "one that a monitor keeps", cost(events, monitor_of));
  std::printf("%-44s %8.0f ns\n", "the same, folded by another thread",
              cost(events, [](event_log& log) { return std::make_unique<folding>(monitor_of(log)); }));
}
