#include "pool/pool_impl.hpp"

#include "base/in_hand.hpp"
#include "pool/wire.hpp"
#include "pool/worker.hpp"
#include "process/room.hpp"
#include "process/sandbox.hpp"
#include "steward/detail/no_waiting.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <future>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include <cxxabi.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

namespace steward {

namespace {

using pooling::time_point;
using process::signals_blocked;

constexpr std::uint64_t wake_key = 0;
// This long the loop lets answers gather while they come fast. Each waits no longer, whatever runs after it.
constexpr timespec nap_time{0, 20'000};
// How often one that waits for room looks whether it is to leave.
constexpr milliseconds look_for_room_every{20};

/// The spec, where it has no faults. Nothing is built of one that has.
pool_spec sound(pool_spec spec, const std::string& name, const pool_environment& env) {
  const auto faults = validate(spec, env.path);
  if (faults.empty()) return spec;
  std::string text = "the pool '" + name + "' cannot be:";
  for (const auto& one : faults) text += "\n  " + describe(one);
  throw std::invalid_argument(text);
}

int timeout_ms(std::optional<time_point> due, time_point now) {
  if (!due) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - now).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

}  // namespace

thread_local bool is_pool_loop = false;

outcome<bytes> refusal(const detail::pool_work& work, outcome_kind kind, cause why) {
  task_error error;
  error.kind = kind;
  error.work = work_state::not_started;
  error.task = pooling::name_of(work.entry);
  error.why = std::move(why);
  return outcome<bytes>(std::move(error));
}

namespace {

/// Tells the outcome of a job that is no chunk. Nothing calls the pool for it after that.
void settle(pooling::job& work, outcome<bytes> how) {
  if (work.stop) work.stop->cut();
  if (work.end) return work.end->settle(std::move(how));
  // The callback goes with the job, so that what it holds is let go of.
  std::exchange(work.done, nullptr)(std::move(how));
}

}  // namespace

void refuse(pooling::job& work, outcome_kind kind, const cause& why) {
  if (!work.sink) return settle(work, refusal(work, kind, why));
  for (std::uint32_t i = 0; i < work.items; ++i) work.sink->error(work.first + i, refusal(work, kind, why).error());
}

pool::impl::impl(pool_environment e, std::string n, pool_spec s)
    : env(std::move(e)), name(std::move(n)), spec(sound(std::move(s), name, env)), brain(spec, env.path, env.seed) {
  if (spec.runs_in == rung::process && !env.keeper)
    throw std::invalid_argument("a pool of processes needs a process keeper");
  const auto* initializer = env.tasks && !spec.initializer.empty() ? env.tasks->find(spec.initializer) : nullptr;
  bytes args;
  if (initializer) args = pooling::initializer_args(*initializer, spec.initializer_args);
  if (spec.runs_in == rung::thread && !spec.initializer.empty() && !initializer)
    throw std::invalid_argument("no task '" + spec.initializer + "' is registered for the pool's initializer");
  epoll_fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) throw std::system_error(errno, std::generic_category(), "a pool needs an epoll descriptor");
  epoll_event wake{};
  wake.events = EPOLLIN;
  wake.data.u64 = wake_key;
  ::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, in->fd(), &wake);
  if (spec.runs_in == rung::process) {
    pooling::process_driver::options o{env.keeper, name, env.path, spec, env.actor_link};
    hands = std::make_unique<pooling::process_driver>(in, epoll_fd, std::move(o));
  } else {
    pooling::thread_driver::options o{name, spec, initializer, std::move(args)};
    hands = std::make_unique<pooling::thread_driver>(in, std::move(o));
  }
  publish();
}

std::optional<cause> pool::impl::begin() {
  const std::lock_guard lock(thread_mutex);
  if (begun) return std::nullopt;
  try {
    const signals_blocked quiet;
    thread = std::thread([this] {
      try {
        run();
      } catch (const abi::__forced_unwind&) {
        end_program("pthread_exit in a callback of a pool: its thread is the one that runs the pool");
      }
    });
  } catch (const std::system_error& problem) {
    return pooling::make_cause(cause_class::start, std::string("no thread for the pool: ") + problem.what());
  }
  begun = true;
  return std::nullopt;
}

bool pool::impl::claim_loop() {
  const std::lock_guard lock(thread_mutex);
  return !std::exchange(begun, true);
}

void pool::impl::join() {
  const std::lock_guard lock(thread_mutex);
  if (thread.joinable()) thread.join();
}

void pool::impl::run() {
  loop_id = std::this_thread::get_id();
  is_pool_loop = true;
  tell_gaps();
  while (true) {
    const auto now = std::chrono::steady_clock::now();
    for (auto& message : in->take()) heed(message, now);
    hands->collect(brain, now);
    if (const auto due = brain.next_due(); due && *due <= now) hands->observe(brain, now);
    work_off(now);
    publish();
    if (brain.finished()) break;
    sleep(now);
  }
  end_of_room();
  // Whoever comes from now on is answered by the inbox's refusal.
  const auto last = std::chrono::steady_clock::now();
  for (auto& message : in->close()) heed(message, last);
  work_off(last);
  hands.reset();
  publish();
  for (auto& done : std::exchange(on_started, {}))
    done(gone ? *gone : pooling::make_cause(cause_class::killed, "stopped"));
  for (auto& done : std::exchange(on_stopped, {})) done();
  // This may have been the thread of whoever stopped it.
  is_pool_loop = false;
  loop_id = std::thread::id{};
}

/// What of the sandbox this machine cannot enforce, and what nobody can: said once.
void pool::impl::tell_gaps() {
  if (!env.events) return;
  const auto tell = [this](std::string text) {
    event e;
    e.kind = event_kind::warn;
    e.level = event_level::warn;
    e.actor = env.path;
    e.runs_in = to_string(spec.runs_in);
    e.text = std::move(text);
    env.events->emit(std::move(e));
  };
  if (spec.runs_in == rung::thread) {
    if (spec.limits.deadline.count() > 0)
      tell("threads cannot be killed: a task past its deadline is abandoned, not ended");
    return;
  }
  if (spec.process.sandbox == sandbox_level::none) return;
  for (const auto& gap : process::sandbox_gaps(spec.process.sandbox))
    tell(std::string("sandbox ") + to_string(spec.process.sandbox) + ": " + gap);
}

void pool::impl::sleep(time_point now) {
  auto due = brain.next_due();
  if (const auto also = hands->next_due(); also && (!due || *also < *due)) due = also;
  std::array<epoll_event, 32> events;
  const auto most = static_cast<int>(events.size());
  const bool nap = hands->may_nap() && (!due || *due > now + std::chrono::nanoseconds(nap_time.tv_nsec));
  int count = -1;
  if (nap) {
    in->about_to_nap();
    if (in->empty() && !hands->has_urgent_news())
      count = ::epoll_pwait2(epoll_fd, events.data(), most, &nap_time, nullptr);
  } else {
    in->about_to_sleep();
    const int timeout = !in->empty() || hands->has_news() ? 0 : timeout_ms(due, now);
    count = ::epoll_wait(epoll_fd, events.data(), most, timeout);
  }
  bool signaled = false;
  const auto woke = std::chrono::steady_clock::now();
  for (int i = 0; i < count; ++i) {
    const auto& e = events[static_cast<std::size_t>(i)];
    if (e.data.u64 == wake_key) signaled = true;
  }
  in->awake(signaled);
  for (int i = 0; i < count; ++i) {
    const auto& e = events[static_cast<std::size_t>(i)];
    if (e.data.u64 != wake_key) hands->channel_event(e.data.u64, e.events, brain, woke);
  }
}

void pool::impl::work_off(time_point now) {
  for (;;) {
    auto decided = brain.step(now);
    if (decided.empty()) return brain.reuse(std::move(decided));
    if (hands) carry_out(decided.orders, now);
    // Whoever learns of an outcome finds it counted.
    publish();
    for (auto& one : decided.notices) std::visit([this](auto& what) { pass_on(what); }, one);
    brain.reuse(std::move(decided));
  }
}

void pool::impl::carry_out(std::vector<pooling::order>& orders, time_point now) {
  for (auto& one : orders) {
    if (!std::holds_alternative<pooling::act::start>(one)) hands->launch(now);
    std::visit([this, now](auto& what) { hands->carry_out(std::move(what), now); }, one);
  }
  hands->launch(now);
  hands->flush();
  hands->report(brain, now);
}

void pool::impl::pass_on(pooling::news::happened& what) {
  const auto& e = *what.what;
  if (e.kind == event_kind::output) {
    const auto line = e.actor + ": " + e.text;
    if (env.print) {
      env.print(line);
    } else {
      std::fputs((line + "\n").c_str(), stdout);
      std::fflush(stdout);
    }
  }
  if (env.incarnation != 0 && e.actor == env.path) what.what->incarnation = env.incarnation;
  if (env.events) env.events->emit(std::move(*what.what));
}

void pool::impl::pass_on(pooling::news::items_settled& what) {
  left(what.count);
  const auto& task = *what.task;
  task.sink->values(task.first + what.item, what.count, std::move(what.results), task.many, task.base + what.item,
                    what.ran_ms);
}

void pool::impl::pass_on(pooling::news::settled& what) {
  left(1);
  if (what.task->sink) {
    what.task->sink->error(what.task->first + what.item, std::move(what.result).take_error());
    return;
  }
  settle(*what.task, std::move(what.result));
}

void pool::impl::pass_on(pooling::news::all_ready&) {
  all_ready = true;
  for (auto& done : std::exchange(on_started, {})) done(std::nullopt);
}

void pool::impl::pass_on(pooling::news::gave_up& what) {
  gone = what.why;
  for (auto& done : std::exchange(on_started, {})) done(what.why);
  if (env.on_gave_up) env.on_gave_up(what.why);
}

void pool::impl::left(std::size_t count) {
  in_pool.fetch_sub(count, std::memory_order_seq_cst);
  if (waiting_for_room.load(std::memory_order_seq_cst) == 0) return;
  const std::lock_guard lock(room_mutex);
  room_changed.notify_all();
}

bool pool::impl::try_let_in(std::size_t count) {
  auto now = in_pool.load(std::memory_order_seq_cst);
  while (now + count <= spec.limits.queue_limit) {
    if (in_pool.compare_exchange_weak(now, now + count, std::memory_order_seq_cst)) return true;
  }
  return false;
}

pool::impl::entry pool::impl::wait_for_room(std::size_t count, const std::function<bool()>& leaves) {
  std::optional<entry> how;
  if (std::this_thread::get_id() != loop_id.load()) {
    const auto refused = std::make_shared<bool>(false);
    const auto decided = [&] {
      if (try_let_in(count)) how = entry::open;
      if (!how && *refused && !room_is_over) how = entry::refused;
      return how || room_is_over;
    };
    // On the loop's thread, which alone ends the room.
    auto has_come = [this, count] { return room_is_over || in_pool.load() + count <= spec.limits.queue_limit; };
    auto refuse_room = [this, refused] {
      const std::lock_guard lock(room_mutex);
      *refused = true;
      room_changed.notify_all();
    };
    await({nullptr, nullptr, std::move(has_come), std::move(refuse_room)}, [&] {
      std::unique_lock lock(room_mutex);
      ++waiting_for_room;
      if (!leaves) room_changed.wait(lock, decided);
      while (leaves && !room_changed.wait_for(lock, look_for_room_every, decided)) {
        lock.unlock();
        if (leaves()) how = entry::left;
        lock.lock();
        if (how) break;
      }
      --waiting_for_room;
    });
    if (how) return *how;
  }
  // Where the pool is over, its inbox says so.
  in_pool.fetch_add(count);
  return entry::open;
}

std::optional<cause> pool::impl::let_in() {
  if (try_let_in(1)) return std::nullopt;
  std::optional<cause> why;
  const bool may_wait = detail::may_wait_here() && std::this_thread::get_id() != loop_id.load();
  if (spec.limits.on_full == full_policy::block && may_wait) {
    why = make_started();
    if (!why && wait_for_room(1, nullptr) == entry::open) return std::nullopt;
    if (!why) why = pooling::make_cause(cause_class::none, no_room_for_own_task);
  } else {
    why = pooling::make_cause(cause_class::none,
                              "queue_limit of " + std::to_string(spec.limits.queue_limit) + " is reached");
  }
  turned_away.fetch_add(1);
  return why;
}

void pool::impl::end_of_room() {
  const std::lock_guard lock(room_mutex);
  room_is_over = true;
  room_changed.notify_all();
}

void pool::impl::publish() {
  workers.store(std::max(1U, brain.size()), std::memory_order_relaxed);
  const std::lock_guard lock(stats_mutex);
  auto& s = snapshot;
  s.workers = 0;
  s.ready = s.idle = 0;
  s.running = 0;
  std::size_t next = 0;
  for (unsigned i = 0; i < brain.places(); ++i) {
    const auto v = brain.view(i);
    if (!v.exists) continue;
    if (next == s.each.size()) s.each.emplace_back();
    auto& w = s.each[next++];
    if (w.place != i || w.name.empty()) w.name = "w" + std::to_string(i + 1);
    w.place = i;
    ++s.workers;
    w.incarnation = v.incarnation;
    w.pid = v.pid;
    w.ready = v.ready;
    w.tasks = v.sent;
    w.task = v.in_hand == 0 ? std::string_view{} : pooling::name_of(v.entry);
    w.task_id = v.in_hand;
    w.since = v.since;
    s.ready += v.ready ? 1 : 0;
    s.idle += v.ready && v.sent == 0 ? 1 : 0;
    s.running += v.sent;
  }
  s.each.resize(next);
  const auto& totals = brain.totals();
  s.recycled = totals.recycled;
  s.crashes = totals.crashes;
  s.memory = totals.memory;
  s.deadlines = totals.deadlines;
  s.frozen = totals.frozen;
  s.exceptions = totals.exceptions;
  s.quarantined = totals.quarantined;
  s.cancelled = totals.cancelled;
  s.rejected = totals.rejected;
  s.queued = brain.queued();
  s.submitted = totals.submitted;
  s.failed = totals.failed;
  s.succeeded = totals.settled - totals.failed;
  s.retried = totals.retried;
  s.taken_back = totals.taken_back;
  s.restarts = totals.restarts;
  s.run_times = brain.times_taken();
  s.wait_times = brain.times_waited();
  s.gave_up = brain.has_given_up();
  if (hands) s.leaked_threads = hands->leaked();
}

void pool::impl::heed(pooling::inbox::message& what, time_point now) {
  if (auto* job = std::get_if<pooling::job_ptr>(&what)) {
    brain.submit(std::move(*job), now);
  } else {
    std::get<0>(what)();
  }
}

/// Hands a job to the loop, or settles it here when there is none any more.
void pool::impl::enqueue(const pooling::job_ptr& job) {
  if (!in->push(job))
    refuse(*job, outcome_kind::cancelled, pooling::make_cause(cause_class::killed, "the pool was stopped"));
}

void pool::impl::enqueue(std::vector<pooling::job_ptr> jobs) {
  auto shared = std::make_shared<std::vector<pooling::job_ptr>>(std::move(jobs));
  const bool taken = in->push([this, shared] {
    const auto now = std::chrono::steady_clock::now();
    for (auto& j : *shared) brain.submit(std::move(j), now);
  });
  if (taken) return;
  for (auto& j : *shared)
    refuse(*j, outcome_kind::cancelled, pooling::make_cause(cause_class::killed, "the pool was stopped"));
}

/// Why this work cannot be run here at all; none when it can.
std::optional<cause> pool::impl::unfit(const detail::pool_work& work) const {
  if (spec.runs_in != rung::process) return std::nullopt;
  if (!work.entry) throw std::logic_error("a callable cannot be sent to a worker process: register it as a task");
  const auto size = work.args.size() + work.entry->name.size() + pooling::task_head_bytes;
  if (size <= process::max_frame_bytes) return std::nullopt;
  return pooling::make_cause(cause_class::none,
                             "its arguments are larger than " + std::to_string(process::max_frame_bytes) + " bytes");
}

}  // namespace steward
