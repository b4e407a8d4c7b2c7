#include "soak/soak.hpp"

#include "observe/standard_streams.hpp"
#include "process/child.hpp"
#include "process/keeper.hpp"
#include "soak/history.hpp"
#include "soak/injector.hpp"
#include "soak/tasks.hpp"
#include "steward/pool.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <vector>

#include <sys/wait.h>

namespace steward::soak {

namespace {

using std::chrono::steady_clock;

constexpr double share_by_tasks = 0.45;
constexpr std::chrono::seconds patience_at_end{20};
// Probes are tasks beyond the planned ones, for workers whose fault only a task brings to light.
constexpr std::chrono::milliseconds between_probes{50};
// Long and many enough that each worker gets one, the last of them, too.
constexpr std::uint32_t probe_us = 3'000;
constexpr unsigned probes_each = 2;

page* shared_page = nullptr;

/// Tells in how far the program is at rest.
std::uint64_t entries_of(const char* directory) {
  return static_cast<std::uint64_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

/// Waits until something that is counted elsewhere is what it should be: what was reaped or joined may stay listed for
/// a moment.
std::uint64_t settled_count(const char* directory, std::uint64_t wanted) {
  const auto until = steady_clock::now() + std::chrono::seconds(2);
  auto count = entries_of(directory);
  while (count != wanted && steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    count = entries_of(directory);
  }
  return count;
}

pool_spec spec_of(const options& what) {
  pool_spec spec;
  spec.size.workers = what.workers;
  spec.limits.attempts = what.attempts;
  spec.limits.deadline = milliseconds(what.deadline_ms);
  spec.limits.heartbeat = milliseconds(what.heartbeat_ms);
  spec.limits.start_within = start_within;
  spec.restarts.worker_restarts = {1'000'000, milliseconds(5'000)};
  spec.restarts.worker_backoff.min = milliseconds(1);
  spec.restarts.worker_backoff.max = milliseconds(20);
  return spec;
}

/// A pool with its surroundings, and the tasks that are open in it.
class bench {
public:
  bench(const options& what, history* to) : what_(what), to_(to) {
    events_.add_sink([this](const event& e) {
      if (to_) to_->happened(e);
      if (e.kind == event_kind::crash && e.pid) {
        ++crashes_;
        const std::lock_guard lock(injector_mutex_);
        if (injector_) injector_->saw_crash(*e.pid);
      }
    });
    pool_environment environment;
    environment.events = &events_;
    environment.keeper = &keeper_;
    environment.path = "/soak";
    environment.seed = what.seed;
    pool_.emplace(environment, "soak", spec_of(what));
  }

  pool& victim() { return *pool_; }
  std::uint64_t done() const noexcept { return done_.load(std::memory_order_relaxed); }
  std::uint64_t crashes() const noexcept { return crashes_.load(); }

  void begin_faults(page& shared, injector::course course) {
    auto made = std::make_unique<injector>(*pool_, shared, to_, course, [this] { return done(); });
    const std::lock_guard lock(injector_mutex_);
    injector_ = std::move(made);
  }
  const injector& faults() const { return *injector_; }
  void end_faults() {
    if (injector_) injector_->stop();
    const std::lock_guard lock(injector_mutex_);
    injector_.reset();
  }

  /// Submits a task as soon as fewer than `in_flight` are open. False when that takes longer than until `limit`.
  bool submit(std::uint64_t number, std::uint64_t fault_every, steady_clock::time_point limit,
              std::optional<std::uint32_t> spin_us = std::nullopt) {
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait_until(lock, limit, [this] { return open_ < what_.in_flight; })) return false;
      ++open_;
    }
    if (to_) to_->submitted(number);
    pool_->submit(soak_task(), encode_args({what_.seed, fault_every, spin_us.value_or(what_.spin_us), number}),
                  [this, number](outcome<bytes> result) {
                    if (to_) to_->ended(number, result);
                    done_.fetch_add(1, std::memory_order_relaxed);
                    const std::lock_guard lock(mutex_);
                    --open_;
                    changed_.notify_one();
                  });
    return true;
  }

  bool wait_for_all(steady_clock::time_point limit) {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, limit, [this] { return open_ == 0; });
  }

private:
  options what_;
  history* to_;
  event_log events_{"soak"};
  process::keeper keeper_;
  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned open_ = 0;
  std::atomic<std::uint64_t> done_{0};
  std::atomic<std::uint64_t> crashes_{0};
  std::mutex injector_mutex_;
  std::unique_ptr<injector> injector_;
  std::optional<pool> pool_;  // last, so that it ends first
};

/// How the faults of a run are dealt out.
struct shares {
  std::uint64_t from_outside = 0;
  std::uint64_t fault_every = 0;  ///< one task of this many has a fault
};

shares shares_of(const options& what) {
  const double faults = what.faults_per_second * what.seconds;
  const auto by_tasks = static_cast<std::uint64_t>(std::ceil(share_by_tasks * faults));
  shares out;
  out.from_outside = static_cast<std::uint64_t>(std::ceil((1.0 - share_by_tasks) * faults));
  if (by_tasks > 0) out.fault_every = std::max<std::uint64_t>(1, what.tasks / by_tasks);
  return out;
}

void write_parameters(history& to, const options& what, const shares& s) {
  to.parameter("seed", what.seed);
  to.parameter("tasks", what.tasks);
  to.parameter("fault_every", s.fault_every);
  to.parameter("faults_outside", s.from_outside);
  to.parameter("faults", static_cast<std::uint64_t>(what.faults_per_second * what.seconds));
  to.parameter("workers", what.workers);
  to.parameter("in_flight", what.in_flight);
  to.parameter("attempts", what.attempts);
  to.parameter("deadline_ms", what.deadline_ms);
  to.parameter("heartbeat_ms", what.heartbeat_ms);
}

/// Lets a condition come true; until then tasks are submitted, one every so often, from number `next` on.
template <class Condition>
bool with_probes(bench& b, std::uint64_t& next, Condition condition) {
  const auto limit = steady_clock::now() + patience_at_end;
  while (!condition()) {
    if (steady_clock::now() > limit) return false;
    for (unsigned i = 0; i < probes_each * b.victim().spec().size.workers; ++i) b.submit(next++, 0, limit, probe_us);
    std::this_thread::sleep_for(between_probes);
  }
  return true;
}

/// The run itself. False when it took too long.
bool drive(bench& b, history& to, const options& what, const shares& s) {
  const auto begun = steady_clock::now();
  const auto limit = begun + std::chrono::duration_cast<steady_clock::duration>(
                                 std::chrono::duration<double>(what.seconds * what.limit_factor));
  b.begin_faults(*shared_page, {what.seed, s.from_outside, what.tasks});
  bool in_time = true;
  for (std::uint64_t n = 0; n < what.tasks && in_time; ++n) {
    const auto due = begun + std::chrono::duration_cast<steady_clock::duration>(std::chrono::duration<double>(
                                 what.seconds * static_cast<double>(n) / static_cast<double>(what.tasks)));
    if (due > steady_clock::now() + std::chrono::milliseconds(1)) std::this_thread::sleep_until(due);
    in_time = b.submit(n, s.fault_every, limit);
  }
  in_time = in_time && b.wait_for_all(limit);
  auto next = what.tasks;
  const bool settled = in_time && with_probes(b, next, [&b] { return b.faults().settled(); });
  b.end_faults();
  const auto ended = steady_clock::now();
  b.wait_for_all(ended + patience_at_end);
  const auto full = [&b, &what] { return b.victim().stats().ready == what.workers; };
  while (!full() && steady_clock::now() < ended + patience_at_end)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto back = std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - ended).count();
  to.found("settled", settled ? 1 : 0);
  to.found("ready", b.victim().stats().ready);
  to.found("back_ms", static_cast<std::uint64_t>(back));
  to.found("submitted", next);
  for (const auto& w : b.victim().stats().each) to.found(w.name.c_str(), static_cast<std::uint64_t>(w.pid));
  return in_time;
}

std::uint64_t children_left() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == -1 && errno == ECHILD ? 0 : 1;
}

}  // namespace

bool prepare() {
  if (shared_page == nullptr) shared_page = page::create();
  register_workers(*shared_page);
  return process::start_zygote();
}

void finish() {
  process::stop_zygote();
  if (shared_page != nullptr) page::destroy(std::exchange(shared_page, nullptr));
}

bool run(const options& what) {
  const auto s = shares_of(what);
  history to(what.history);
  write_parameters(to, what, s);
  const auto fds = entries_of("/proc/self/fd");
  const auto threads = entries_of("/proc/self/task");
  bool in_time = false;
  {
    bench b(what, &to);
    if (const auto problem = b.victim().start()) {
      standard_streams::say("soak: the pool does not start: " + describe(*problem) + "\n");
      return false;
    }
    in_time = drive(b, to, what, s);
    b.victim().stop(false);
  }
  to.found("fds_before", fds);
  to.found("fds_after", settled_count("/proc/self/fd", fds));
  to.found("threads_before", threads);
  to.found("threads_after", settled_count("/proc/self/task", threads));
  process::stop_zygote();
  to.found("children_left", children_left());
  to.found("complete", in_time ? 1 : 0);
  if (!to.close()) {
    standard_streams::say("soak: " + what.history + " cannot be written\n");
    return false;
  }
  return true;
}

namespace {

struct slice {
  double rate = 0;
  std::uint64_t faults = 0;
  double seconds = 0;
};

/// Tasks as fast as they go, for `seconds`; with faults when `rate` says how many tasks a second are to be expected.
slice run_slice(const options& what, double seconds, double rate, std::uint64_t& number) {
  bench b(what, nullptr);
  slice out;
  if (b.victim().start()) return out;
  const auto begun = steady_clock::now();
  const auto end = begun + std::chrono::duration_cast<steady_clock::duration>(std::chrono::duration<double>(seconds));
  std::uint64_t every = 0;
  if (rate > 0) {
    every = static_cast<std::uint64_t>(std::max(1.0, rate / (share_by_tasks * what.faults_per_second)));
    const auto outside = static_cast<std::uint64_t>((1.0 - share_by_tasks) * what.faults_per_second * seconds);
    b.begin_faults(*shared_page, {what.seed + number, outside, static_cast<std::uint64_t>(rate * seconds)});
  }
  while (steady_clock::now() < end) {
    if (!b.submit(number++, every, end)) break;
  }
  out.seconds = std::chrono::duration<double>(steady_clock::now() - begun).count();
  out.rate = static_cast<double>(b.done()) / out.seconds;
  if (rate > 0) out.faults = b.faults().count();
  b.end_faults();
  b.victim().stop(false);
  return out;
}

double median(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return x.empty() ? 0.0 : x[x.size() / 2];
}

}  // namespace

comparison compare(const options& what) {
  constexpr double slice_seconds = 2.0;
  const auto pairs = std::max(1U, static_cast<unsigned>(what.seconds / (2 * slice_seconds)));
  std::uint64_t number = 0;
  comparison out;
  std::vector<double> without;
  std::vector<double> with;
  std::vector<double> ratios;
  double seconds = 0;
  run_slice(what, slice_seconds / 2, 0, number);  // a first one, to warm up
  for (unsigned i = 0; i < pairs; ++i) {
    // Which comes first changes, so that a machine that slows down does not favour either.
    const double expected = with.empty() ? 5'000 : with.back();
    slice plain;
    slice hit;
    if (i % 2 == 0) plain = run_slice(what, slice_seconds, 0, number);
    hit = run_slice(what, slice_seconds, i == 0 ? plain.rate : expected, number);
    if (i % 2 == 1) plain = run_slice(what, slice_seconds, 0, number);
    without.push_back(plain.rate);
    with.push_back(hit.rate);
    ratios.push_back(hit.rate / plain.rate);
    out.faults += hit.faults;
    seconds += hit.seconds;
  }
  out.slices = pairs;
  out.without = median(without);
  out.with = median(with);
  out.ratio = median(ratios);
  out.fault_rate = static_cast<double>(out.faults) / seconds;
  return out;
}

}  // namespace steward::soak
