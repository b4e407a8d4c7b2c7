#include "steward/pool.hpp"

#include "pool/engine.hpp"
#include "pool/inbox.hpp"
#include "pool/process_driver.hpp"
#include "pool/thread_driver.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <future>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include <sys/epoll.h>
#include <unistd.h>

namespace steward {

namespace {

using pooling::time_point;

// Inputs of one map that are handed to the loop in one message.
constexpr std::size_t batch_tasks = 1024;
constexpr std::uint64_t wake_key = 0;

/// Signals of the program are for its main thread: the threads of a pool take none.
class signals_blocked {
public:
  signals_blocked() {
    sigset_t all;
    sigfillset(&all);
    // Faults stay deliverable: a blocked one would end the process without its last words.
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP, SIGXCPU}) sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

private:
  sigset_t before_{};
};

int timeout_ms(std::optional<time_point> due, time_point now) {
  if (!due) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - now).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

outcome<bytes> refusal(const detail::pool_work& work, outcome_kind kind, cause why) {
  task_error error;
  error.kind = kind;
  error.work = work_state::not_started;
  error.task = work.entry ? work.entry->name : "callable";
  error.why = std::move(why);
  return outcome<bytes>(std::move(error));
}

}  // namespace

/// The loop of a pool and what it owns. `brain` decides, `hands` act; both belong to the loop's thread.
struct pool::impl {
  pool_environment env;
  std::string name;
  pool_spec spec;
  std::shared_ptr<pooling::inbox> in = std::make_shared<pooling::inbox>();
  pooling::engine brain;
  std::unique_ptr<pooling::driver> hands;
  int epoll_fd = -1;
  std::vector<std::function<void(std::optional<cause>)>> on_started;
  std::vector<std::function<void()>> on_stopped;
  bool all_ready = false;
  std::optional<cause> gone;

  std::mutex thread_mutex;  // guards the two below
  std::thread thread;
  bool begun = false;

  mutable std::mutex stats_mutex;
  pool_stats snapshot;

  impl(pool_environment e, std::string n, pool_spec s)
      : env(std::move(e)), name(std::move(n)), spec(std::move(s)), brain(spec, env.path, env.seed) {
    if (spec.runs_in == rung::process && !env.keeper)
      throw std::invalid_argument("a pool of processes needs a process keeper");
    epoll_fd = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0) throw std::system_error(errno, std::generic_category(), "a pool needs an epoll descriptor");
    epoll_event wake{};
    wake.events = EPOLLIN;
    wake.data.u64 = wake_key;
    ::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, in->fd(), &wake);
    if (spec.runs_in == rung::process) {
      pooling::process_driver::options o{env.keeper,   name,          spec.memory_limit,
                                         brain.size(), spec.attempts, env.actor_link};
      hands = std::make_unique<pooling::process_driver>(in, epoll_fd, std::move(o));
    } else {
      hands = std::make_unique<pooling::thread_driver>(in, name, brain.size(), spec.attempts);
    }
    publish();
  }

  ~impl() { ::close(epoll_fd); }

  void begin() {
    const std::lock_guard lock(thread_mutex);
    if (begun) return;
    begun = true;
    const signals_blocked quiet;
    thread = std::thread([this] { run(); });
  }

  void join() {
    const std::lock_guard lock(thread_mutex);
    if (thread.joinable()) thread.join();
  }

  void run() {
    while (true) {
      const auto now = std::chrono::steady_clock::now();
      for (auto& message : in->take()) message();
      hands->collect(brain, now);
      if (const auto due = brain.next_due(); due && *due <= now) hands->observe(brain, now);
      work_off(now);
      publish();
      if (brain.finished()) break;
      sleep(now);
    }
    // Whoever comes from now on is answered by the inbox's refusal.
    for (auto& message : in->close()) message();
    work_off(std::chrono::steady_clock::now());
    hands.reset();
    publish();
    for (auto& done : std::exchange(on_started, {}))
      done(gone ? *gone : pooling::make_cause(cause_class::killed, "stopped"));
    for (auto& done : std::exchange(on_stopped, {})) done();
  }

  void sleep(time_point now) {
    auto due = brain.next_due();
    if (const auto also = hands->next_due(); also && (!due || *also < *due)) due = also;
    in->about_to_sleep();
    const int timeout = !in->empty() || hands->has_news() ? 0 : timeout_ms(due, now);
    std::array<epoll_event, 32> events;
    const int count = ::epoll_wait(epoll_fd, events.data(), static_cast<int>(events.size()), timeout);
    bool signaled = false;
    const auto woke = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) {
      const auto& e = events[static_cast<std::size_t>(i)];
      if (e.data.u64 == wake_key) signaled = true;
    }
    in->awake(signaled);
    for (int i = 0; i < count; ++i) {
      const auto& e = events[static_cast<std::size_t>(i)];
      if (e.data.u64 != wake_key) hands->channel_event(static_cast<unsigned>(e.data.u64 - 1), e.events, brain, woke);
    }
  }

  void work_off(time_point now) {
    for (;;) {
      auto actions = brain.step(now);
      if (actions.empty()) return;
      // Whoever learns of an outcome finds it counted.
      publish();
      for (auto& a : actions) {
        std::visit([this, now](auto& what) { carry_out(what, now); }, a);
      }
      if (hands) hands->flush();
    }
  }

  void carry_out(event& what, time_point) {
    if (env.events) env.events->emit(std::move(what));
  }
  void carry_out(pooling::act::settle& what, time_point) {
    // The callback goes with the job, so that what it holds is let go of.
    const auto done = std::exchange(what.task->done, nullptr);
    done(std::move(what.result));
  }
  void carry_out(pooling::act::all_ready&, time_point) {
    all_ready = true;
    for (auto& done : std::exchange(on_started, {})) done(std::nullopt);
  }
  void carry_out(pooling::act::gave_up& what, time_point) {
    gone = what.why;
    for (auto& done : std::exchange(on_started, {})) done(what.why);
    if (env.on_gave_up) env.on_gave_up(what.why);
  }
  void carry_out(pooling::act::stopped&, time_point) {}
  void carry_out(pooling::act::start& what, time_point now) { hands->carry_out(what, brain, now); }
  void carry_out(pooling::act::assign& what, time_point now) { hands->carry_out(std::move(what), brain, now); }
  void carry_out(pooling::act::stop& what, time_point) { hands->carry_out(what); }
  void carry_out(pooling::act::terminate& what, time_point) { hands->carry_out(what); }
  void carry_out(pooling::act::kill& what, time_point now) { hands->carry_out(what, brain, now); }

  void publish() {
    const std::lock_guard lock(stats_mutex);
    auto& s = snapshot;
    s.workers = brain.size();
    s.ready = s.idle = 0;
    s.running = 0;
    s.each.resize(brain.size());
    for (unsigned i = 0; i < brain.size(); ++i) {
      const auto v = brain.view(i);
      auto& w = s.each[i];
      if (w.name.empty()) w.name = "w" + std::to_string(i + 1);
      w.incarnation = v.incarnation;
      w.pid = v.pid;
      w.ready = v.ready;
      w.tasks = v.sent;
      s.ready += v.ready ? 1 : 0;
      s.idle += v.ready && v.sent == 0 ? 1 : 0;
      s.running += v.sent;
    }
    const auto& totals = brain.totals();
    s.queued = brain.queued();
    s.submitted = totals.submitted;
    s.failed = totals.failed;
    s.succeeded = totals.settled - totals.failed;
    s.retried = totals.retried;
    s.restarts = totals.restarts;
    s.gave_up = brain.has_given_up();
    if (hands) s.leaked_threads = hands->leaked();
  }

  /// Hands jobs to the loop, or settles them here when there is none any more.
  void enqueue(std::vector<pooling::job_ptr> jobs) {
    auto shared = std::make_shared<std::vector<pooling::job_ptr>>(std::move(jobs));
    const bool taken = in->push([this, shared] {
      for (auto& j : *shared) brain.submit(std::move(j));
    });
    if (taken) return;
    for (auto& j : *shared)
      j->done(refusal(*j, outcome_kind::cancelled, pooling::make_cause(cause_class::killed, "the pool was stopped")));
  }

  /// Why this work cannot be run here at all; none when it can.
  std::optional<cause> unfit(const detail::pool_work& work) const {
    if (spec.runs_in != rung::process) return std::nullopt;
    if (!work.entry) throw std::logic_error("a callable cannot be sent to a worker process: register it as a task");
    const auto size = work.args.size() + work.entry->name.size() + 16;
    if (size <= process::max_frame_bytes) return std::nullopt;
    return pooling::make_cause(cause_class::none,
                               "its arguments are larger than " + std::to_string(process::max_frame_bytes) + " bytes");
  }

  pooling::job_ptr make_job(detail::pool_work work, completion done) const {
    auto j = std::make_shared<pooling::job>();
    static_cast<detail::pool_work&>(*j) = std::move(work);
    j->done = std::move(done);
    return j;
  }
};

pool::pool(pool_environment environment, std::string name, pool_spec spec)
    : impl_(std::make_unique<impl>(std::move(environment), std::move(name), std::move(spec))) {}

pool::~pool() { stop(false); }

void pool::start_async(std::function<void(std::optional<cause>)> done) {
  auto& self = *impl_;
  const bool taken = self.in->push([&self, done]() mutable {
    self.brain.start(std::chrono::steady_clock::now());
    if (self.gone || self.all_ready) {
      done(self.gone);
    } else {
      self.on_started.push_back(std::move(done));
    }
  });
  if (taken) {
    self.begin();
  } else {
    done(pooling::make_cause(cause_class::killed, "the pool was stopped"));
  }
}

std::optional<cause> pool::start() {
  std::promise<std::optional<cause>> ended;
  start_async([&ended](std::optional<cause> why) { ended.set_value(std::move(why)); });
  return ended.get_future().get();
}

void pool::submit(const task_entry& entry, bytes args, completion done) {
  detail::pool_work work;
  work.entry = &entry;
  work.args = std::move(args);
  submit_work(std::move(work), std::move(done));
}

void pool::submit_work(detail::pool_work work, completion done) {
  auto& self = *impl_;
  if (auto why = self.unfit(work)) {
    done(refusal(work, outcome_kind::rejected, std::move(*why)));
    return;
  }
  std::vector<pooling::job_ptr> one;
  one.push_back(self.make_job(std::move(work), std::move(done)));
  self.enqueue(std::move(one));
}

namespace {

/// What a blocking caller and the pool's thread share. It outlives a caller that leaves early by an exception.
struct gathering {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<std::size_t, outcome<bytes>>> arrived;
  std::size_t wanted = 1;  // the caller sleeps until so many have arrived

  void put(std::size_t index, outcome<bytes> result) {
    const std::lock_guard lock(mutex);
    arrived.emplace_back(index, std::move(result));
    if (arrived.size() == wanted) changed.notify_one();
  }
  std::vector<std::pair<std::size_t, outcome<bytes>>> take(std::size_t at_least) {
    std::unique_lock lock(mutex);
    wanted = at_least;
    changed.wait(lock, [this] { return arrived.size() >= wanted; });
    return std::exchange(arrived, {});
  }
};

}  // namespace

void pool::run_all(const std::function<bool(detail::pool_work&)>& next,
                   const std::function<void(std::size_t, outcome<bytes>)>& sink, bool prompt) {
  auto& self = *impl_;
  const auto shared = std::make_shared<gathering>();
  const std::size_t limit = std::max(1U, self.spec.queue_limit);
  std::size_t count = 0;
  std::size_t open = 0;
  bool more = true;
  while (more || open > 0) {
    std::vector<pooling::job_ptr> batch;
    while (more && open + batch.size() < limit && batch.size() < batch_tasks) {
      detail::pool_work work;
      more = next(work);
      if (!more) break;
      const auto index = count++;
      if (auto why = self.unfit(work)) {
        sink(index, refusal(work, outcome_kind::rejected, std::move(*why)));
      } else {
        batch.push_back(
            self.make_job(std::move(work), [shared, index](outcome<bytes> r) { shared->put(index, std::move(r)); }));
      }
    }
    open += batch.size();
    if (!batch.empty()) self.enqueue(std::move(batch));
    if (open == 0 || (more && open < limit && !prompt)) continue;
    // A caller that wants everything is woken seldom; one that fills a bounded queue, when half of it is empty.
    const std::size_t wanted = prompt ? (more && open < limit ? 0 : 1) : (more ? (open + 1) / 2 : open);
    auto arrived = shared->take(wanted);
    open -= arrived.size();
    for (auto& [index, result] : arrived) sink(index, std::move(result));
  }
}

std::vector<outcome<bytes>> pool::map(const task_entry& entry, std::vector<bytes> args) {
  detail::ordered_outcomes<bytes> out;
  auto at = args.begin();
  run_all(
      [&](detail::pool_work& work) {
        if (at == args.end()) return false;
        work.entry = &entry;
        work.args = std::move(*at++);
        return true;
      },
      [&out](std::size_t i, outcome<bytes> result) { out.put(i, std::move(result)); }, false);
  return out.take();
}

void pool::stop_async(bool drain, std::function<void()> done) {
  auto& self = *impl_;
  const bool taken = self.in->push([&self, drain, done]() mutable {
    self.on_stopped.push_back(std::move(done));
    self.brain.stop(drain, std::chrono::steady_clock::now());
  });
  if (taken) {
    // A pool that was never started has a loop for its end alone, so that what was submitted is settled there.
    self.begin();
  } else {
    done();
  }
}

void pool::stop(bool drain) {
  std::promise<void> ended;
  stop_async(drain, [&ended] { ended.set_value(); });
  ended.get_future().wait();
  impl_->join();
}

pool_stats pool::stats() const {
  const std::lock_guard lock(impl_->stats_mutex);
  return impl_->snapshot;
}

const std::string& pool::name() const noexcept { return impl_->name; }
const pool_spec& pool::spec() const noexcept { return impl_->spec; }

}  // namespace steward
