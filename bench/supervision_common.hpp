#pragma once

// What the sides of bench_supervision share: the children that crash, what they tell the bench, and how it measures.

#include <steward/supervisor.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace bench {

using namespace steward;
using clock_type = std::chrono::steady_clock;

inline double seconds_since(clock_type::time_point start) {
  return std::chrono::duration<double>(clock_type::now() - start).count();
}

/// One line of the result: the driver knows figures by these names.
inline void figure(const std::string& name, double value) {
  std::printf("%s %.6g\n", name.c_str(), value);
  std::fflush(stdout);
}

inline void percentiles(const std::string& name, std::vector<double> micros) {
  std::sort(micros.begin(), micros.end());
  const auto at = [&](double share) {
    return micros[static_cast<std::size_t>(static_cast<double>(micros.size() - 1) * share)];
  };
  figure(name + ".p50_us", at(0.5));
  figure(name + ".p99_us", at(0.99));
  figure(name + ".max_us", micros.back());
}

/// Resident memory of this process in bytes.
inline double rss_bytes() {
  unsigned long size = 0;
  unsigned long resident = 0;
  if (auto* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%lu %lu", &size, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

/// Processor time that this process has used.
inline double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& x) {
    return static_cast<double>(x.tv_sec) + static_cast<double>(x.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

inline std::size_t thread_count() { return std::max<std::size_t>(2, std::thread::hardware_concurrency()); }

/// What the children of a measurement tell it. One measurement runs at a time.
struct board {
  static constexpr std::uint64_t stamp_every = 10'000;

  std::atomic<std::uint64_t> starts{0};  ///< states that were built
  std::uint64_t target = 0;              ///< `reached` is released when there are this many
  bool crash_at_once = false;            ///< a child crashes as soon as it is up, until the target is reached
  bool stamped = false;                  ///< one child: note the time of each 10,000th start
  std::vector<clock_type::time_point> stamps;
  std::atomic<std::uint64_t> answered{0};
  std::counting_semaphore<> reached{0};
  std::counting_semaphore<> gate{0};  ///< holds a handler until it is released
  std::atomic<bool> spin{false};

  void expect(std::uint64_t n) {
    starts = 0;
    target = n;
    stamps.clear();
  }
  void wait() { reached.acquire(); }
  /// The number of this start.
  std::uint64_t started() {
    const auto n = starts.fetch_add(1, std::memory_order_relaxed) + 1;
    if (stamped && n % stamp_every == 1) stamps.push_back(clock_type::now());
    if (n == target) reached.release();
    return n;
  }
};

inline board the_board;

/// The child that crashes: throws on request, counts what it is told, answers with the count.
class victim {
public:
  static constexpr std::int64_t wait_at_gate = -1;

  explicit victim(self_ptr self) {
    const auto n = the_board.started();
    if (the_board.crash_at_once && n < the_board.target) tell(self, handle_of(self), crash_atom::value);
  }

  caf::behavior make_behavior() {
    return {
        [](crash_atom) { throw std::runtime_error("crashed on purpose"); },
        [this](caf::add_atom, std::int64_t n) { add(n); },
        [this](caf::get_atom) { return count_; },
    };
  }

private:
  void add(std::int64_t n) {
    if (n == wait_at_gate)
      the_board.gate.acquire();
    else
      count_ += n;
  }

  std::int64_t count_ = 0;
};

/// Keeps a scheduler thread busy in one handler, until the board says stop.
class spinner {
public:
  explicit spinner(self_ptr) {}
  caf::behavior make_behavior() {
    return {[](caf::tick_atom) {
      the_board.answered.fetch_add(1);
      while (the_board.spin.load(std::memory_order_relaxed)) {
      }
    }};
  }
};

/// Cannot be built but for the first time.
class lemon {
public:
  explicit lemon(self_ptr self) {
    if (the_board.started() > 1) throw std::runtime_error("broken on purpose");
    tell(self, handle_of(self), crash_atom::value);
  }
  caf::behavior make_behavior() {
    return {[](crash_atom) { throw std::runtime_error("crashed on purpose"); }};
  }
};

/// Asks a partner this many times, 100 requests at a time.
class asker {
public:
  explicit asker(self_ptr self) : self_(self) {}
  caf::behavior make_behavior() {
    return {[this](caf::put_atom, const caf::actor& partner, std::int64_t n, std::int64_t limit_ms) {
      begin(partner, n, limit_ms);
    }};
  }

private:
  static constexpr std::int64_t in_flight = 100;

  void begin(const caf::actor& partner, std::int64_t n, std::int64_t limit_ms) {
    partner_ = partner;
    unsent_ = unanswered_ = n;
    limit_ = limit_ms == 0 ? infinity : milliseconds{limit_ms};
    for (std::int64_t i = 0; i < in_flight && unsent_ > 0; ++i) next();
  }
  void next() {
    --unsent_;
    ask(self_, partner_, limit_, caf::get_atom::value).then([this](std::int64_t) { on_answer(); });
  }
  void on_answer() {
    if (--unanswered_ == 0)
      the_board.reached.release();
    else if (unsent_ > 0)
      next();
  }

  self_ptr self_;
  caf::actor partner_;
  std::int64_t unsent_ = 0;
  std::int64_t unanswered_ = 0;
  milliseconds limit_{0};
};

/// How the next answer after a crash is got, timed by an actor. `told` is the handle to ask from now on, when that
/// changes with a restart.
class crash_timer {
public:
  struct order {
    caf::actor child;
    bool told;  ///< wait for the new handle before asking
    milliseconds pace;
    std::size_t times;
    std::vector<double>* micros;
  };

  crash_timer(self_ptr self, order x) : self_(self), order_(std::move(x)) {}
  caf::behavior make_behavior() {
    return {
        [this](caf::tick_atom) { crash(); },
        [this](caf::put_atom, const caf::actor& child) {
          order_.child = child;
          ask_it();
        },
    };
  }

private:
  void crash() {
    begun_ = clock_type::now();
    tell(self_, order_.child, crash_atom::value);
    if (!order_.told) ask_it();
  }
  void ask_it() {
    ask(self_, order_.child, infinity, caf::get_atom::value).then([this](std::int64_t) { on_answer(); });
  }
  void on_answer() {
    order_.micros->push_back(seconds_since(begun_) * 1e6);
    if (order_.micros->size() == order_.times)
      the_board.reached.release();
    else if (order_.pace.count() > 0)
      tell_after(self_, order_.pace, handle_of(self_), caf::tick_atom::value);
    else
      tell(self_, handle_of(self_), caf::tick_atom::value);
  }

  self_ptr self_;
  order order_;
  clock_type::time_point begun_;
};

/// Asks for crashes, one after the other: each answer tells the cause, and the next request is for the next life.
/// `told` is as in crash_timer.
class crash_asker {
public:
  struct order {
    caf::actor child;
    bool told;
    std::uint64_t times;
  };

  crash_asker(self_ptr self, order x) : self_(self), order_(std::move(x)) {}
  caf::behavior make_behavior() {
    return {
        [this](caf::tick_atom) { go_on(); },
        [this](caf::put_atom, const caf::actor& child) {
          order_.child = child;
          told_ = true;
          go_on();
        },
    };
  }

private:
  void crash() {
    told_ = answered_ = false;
    ask(self_, order_.child, infinity, crash_atom::value)
        .then([] { std::abort(); },
              [this](const caf::error& problem) {
                if (port::details_of(problem).size() < 2) std::abort();  // type and text of the exception
                answered_ = true;
                go_on();
              });
  }
  void go_on() {
    if (begun_ && (!answered_ || (order_.told && !told_))) return;
    if (begun_ && --order_.times == 0) {
      the_board.reached.release();
      return;
    }
    begun_ = true;
    crash();
  }

  self_ptr self_;
  order order_;
  bool begun_ = false;
  bool told_ = false;
  bool answered_ = false;
};

/// Restarts per second: all, the first 10,000 and the last 10,000.
inline void restart_rates(const std::string& name, std::uint64_t crashes) {
  const auto& stamps = the_board.stamps;
  const auto rate = [&](std::size_t from, std::size_t to) {
    return static_cast<double>((to - from) * board::stamp_every) /
           std::chrono::duration<double>(stamps[to] - stamps[from]).count();
  };
  const auto last = static_cast<std::size_t>(crashes / board::stamp_every);
  figure(name + ".per_s", rate(0, last));
  figure(name + ".first_10k_per_s", rate(0, 1));
  figure(name + ".last_10k_per_s", rate(last - 1, last));
}

}  // namespace bench
