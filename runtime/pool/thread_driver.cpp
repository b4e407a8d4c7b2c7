#include "pool/thread_driver.hpp"

#include "base/in_hand.hpp"
#include "process/flight_page.hpp"
#include "process/signal_mask.hpp"
#include "steward/detail/many_run.hpp"
#include "steward/event.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <cxxabi.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace steward::pooling {

namespace {

// Room for the results of a chunk of a registered task.
constexpr std::size_t stage_bytes = std::size_t{64} * 1024;

long membarrier(int command) { return ::syscall(SYS_membarrier, command, 0, 0); }

/// True when one thread can make all others of the program pass a barrier, so that they need none of their own.
bool barriers_by_others() {
  static const bool can = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
  return can;
}

}  // namespace

/// Whether the loop is to hear of something soon, or at once, because a thread has nothing left to do.
enum class thread_driver::urgency : std::uint8_t { none, some, urgent };

/// What a thread says of items of the task in hand: values, or one that threw.
struct thread_driver::reply {
  task_id id = 0;
  std::uint64_t item = 0;
  std::uint64_t count = 0;
  bytes results;
  std::unique_ptr<cause> why;
  double ran_ms = 0.0;
  bool done = false;
};

struct thread_driver::remains {
  task_id in_hand = 0;
  std::uint64_t item = 0;  // of a chunk in hand
  std::uint64_t from = 0;  // results that are staged
  std::uint64_t count = 0;
  bytes results;
};

/// What a thread and the pool's loop share. The thread holds a reference, so that an abandoned one may outlive the
/// pool.
struct thread_driver::worker {
  static thread_local const worker* in_this_thread;

  std::string pool;
  worker_ref ref;
  const task_entry* initializer = nullptr;
  bytes initializer_args;
  unsigned attempts = 1;
  bool clocked = false;
  std::shared_ptr<inbox> loop;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<act::assign> input;
  std::vector<reply> output;
  bool closed = false;            // ends when the input is empty
  bool abandoned = false;         // nobody listens any more
  std::atomic<bool> over{false};  // the same, and it has ended
  bool ready = false;
  bool ended = false;
  bool torn = false;  // the same, and in the middle of something: a task has ended the thread
  std::unique_ptr<cause> not_started;
  task_id current = 0;
  std::uint64_t kept_from = 0;  // written by the thread alone
  act::assign hand;             // by the thread alone
  bool holds = false;           // the same: `hand` was begun with the answer before it
  std::atomic<urgency> news{urgency::none};

  // Marks of the chunk in hand; see `detail::chunk_marks`.
  std::atomic<std::uint64_t> item{0};
  std::atomic<std::uint64_t> cut{0};
  std::atomic<std::uint64_t> started_ns{0};
  std::atomic<std::uint64_t> kept{0};
  std::atomic<std::uint64_t> stop{0};
  std::vector<std::byte> stage = std::vector<std::byte>(stage_bytes);
  time_point began;  // by the thread alone

  /// Under the lock, which the loop takes after it has taken the news: so old news stand for what came after them.
  void tell(urgency how) {
    if (news.load(std::memory_order_seq_cst) >= how) return;
    news.store(how, std::memory_order_seq_cst);
    loop->wake(how == urgency::urgent);
  }

  /// Takes the next task, under the lock.
  void begin_next(time_point now) {
    hand = std::move(input.front());
    input.pop_front();
    holds = true;
    current = hand.id;
    kept_from = 0;
    kept.store(0, std::memory_order_relaxed);
    item.store(0, std::memory_order_relaxed);
    began = now;
    started_ns.store(static_cast<std::uint64_t>(std::chrono::nanoseconds(now.time_since_epoch()).count()),
                     std::memory_order_relaxed);
  }

  void run() {
    std::unique_lock lock(mutex);
    if (!initialize(lock)) return;
    ready = true;
    tell(urgency::urgent);
    for (;;) {
      changed.wait(lock, [this] { return closed || abandoned || !input.empty(); });
      if (abandoned) return;
      if (input.empty()) break;
      begin_next(std::chrono::steady_clock::now());
      lock.unlock();
      while (holds) {
        const auto work = std::exchange(hand, {});
        holds = false;
        execute(work);
      }
      lock.lock();
      if (abandoned) return;
    }
    ended = true;
    tell(urgency::urgent);
  }

  /// An abandoned one is not counted as leaked any more.
  void end() {
    const std::lock_guard lock(mutex);
    over = true;
    if (abandoned) return loop->wake(true);
    if (std::exchange(ended, true)) return;
    torn = true;
    tell(urgency::urgent);
  }

  struct leaving {
    worker& who;
    ~leaving() { who.end(); }
  };

  /// What a thread that comes to no answer leaves, under the lock and when it begins no further item.
  remains left_behind() const {
    const auto marks = kept.load(std::memory_order_acquire);
    const auto size = static_cast<std::ptrdiff_t>(marks & ((std::uint64_t{1} << 40) - 1));
    return {current, item.load(std::memory_order_seq_cst), kept_from, marks >> 40,
            bytes(stage.begin(), stage.begin() + size)};
  }

  /// False when the thread is not fit for work.
  bool initialize(std::unique_lock<std::mutex>& lock) {
    if (!initializer) return true;
    lock.unlock();
    std::unique_ptr<cause> why;
    try {
      initializer->run({0, 1, 1, pool}, initializer_args);
    } catch (const abi::__forced_unwind&) {
      throw;
    } catch (...) {
      // This is the outermost frame of a worker thread: what the initializer throws is why it does not become ready.
      why = std::make_unique<cause>(cause_of(std::current_exception()));
    }
    lock.lock();
    if (!why) return !abandoned;
    why->message = "its initializer '" + initializer->name + "' failed: " + describe(*why);
    why->cls = cause_class::start;
    why->exception.clear();
    not_started = std::move(why);
    ended = true;
    tell(urgency::urgent);
    return false;
  }

  void execute(const act::assign& what) {
    const auto& task = *what.task;
    const task_context context{what.id, what.attempt, attempts, pool, &stop};
    const std::pair<const worker*, const act::assign*> now{this, &what};
    const in_hand_mark mark{[](const void* of, event& into) {
                              const auto& [self, work] = *static_cast<decltype(&now)>(of);
                              self->describe_work(*work, into);
                            },
                            &now};
    if (!task.sink) {
      run_one(task, context);
    } else if (task.entry) {
      run_entry(task, context);
    } else {
      run_body(task, context);
    }
  }

  void describe_work(const act::assign& what, event& into) const {
    into.actor = pool;
    into.runs_in = to_string(rung::thread);
    auto& task = into.task.emplace();
    task.id = what.id;
    task.name = what.task->entry ? what.task->entry->name : "callable";
    task.attempt = what.attempt;
    task.attempts = attempts;
    if (const auto at = item.load(std::memory_order_relaxed); what.task->sink && at > 0)
      into.text = "at item " + std::to_string(at) + " of its chunk";
  }

  void run_one(const job& task, const task_context& context) {
    if (cut.load(std::memory_order_seq_cst) == context.task_id)
      return answer_values(context.task_id, 0, 0, {}, true);  // cancelled before it began
    bytes result;
    try {
      if (task.entry) {
        result = task.entry->run(context, task.args);
      } else {
        task.body(context);
      }
    } catch (const abi::__forced_unwind&) {
      throw;  // pthread_exit: to keep that would abort the program
    } catch (...) {
      // This is the outermost frame of a worker thread: whatever a task throws is its answer.
      answer_failure(context.task_id, 0, std::current_exception(), true);
      return;
    }
    answer_values(context.task_id, 0, 1, std::move(result), true);
  }

  void run_entry(const job& task, const task_context& context) {
    detail::many_run run(context.task_id, task.args, task.entry->args_size, task.items);
    run.marks = {run.id, &item, &cut, clocked ? &started_ns : nullptr, &kept, !barriers_by_others()};
    run.stage = stage.data();
    run.stage_size = stage.size();
    run.owner = this;
    run.overflow = [](detail::many_run& from, bytes_view one, std::size_t item_size) {
      static_cast<worker*>(from.owner)->make_room(from, one, item_size);
    };
    for (bool done = false; !done;) {
      try {
        task.entry->run_many(context, run);
        answer_staged(run, true);
        done = true;
      } catch (const abi::__forced_unwind&) {
        throw;
      } catch (...) {
        // This is the outermost frame of a worker thread: whatever a task throws is its answer.
        const auto why = std::current_exception();
        done = run.next == run.count;
        answer_staged(run, false);
        answer_failure(run.id, run.next - 1, why, done);
      }
    }
  }

  void make_room(detail::many_run& run, bytes_view one, std::size_t item_size) {
    answer_staged(run, false);
    const std::size_t prefix = item_size == detail::variable_size ? sizeof(std::uint32_t) : 0;
    if (prefix + one.size() <= run.stage_size) {
      run.keep_bytes(one, item_size);
      return;
    }
    bytes alone;
    detail::append_item(alone, one, item_size);
    answer_values(run.id, run.next - 1, 1, std::move(alone), false);
  }

  void answer_staged(detail::many_run& run, bool done) {
    if (run.staged > 0 || done) {
      answer_values(run.id, kept_from, run.staged, bytes(run.stage, run.stage + run.used), done);
    }
    run.used = 0;
    run.staged = 0;
  }

  void run_body(const job& task, const task_context& context) {
    const detail::chunk_marks marks{context.task_id,      &item, &cut, clocked ? &started_ns : nullptr, &kept,
                                    !barriers_by_others()};
    const auto end = task.base + task.items;
    std::uint64_t at = task.base;
    for (bool done = false; !done;) {
      const auto from = at;
      try {
        task.many->run(context, marks, task.base, at, end);
        answer_values(context.task_id, from - task.base, at - from, {}, true);
        done = true;
      } catch (const abi::__forced_unwind&) {
        throw;
      } catch (...) {
        // This is the outermost frame of a worker thread: whatever a task throws is its answer.
        const auto why = std::current_exception();
        if (at > from) answer_values(context.task_id, from - task.base, at - from, {}, false);
        done = ++at == end;
        answer_failure(context.task_id, at - 1 - task.base, why, done);
      }
    }
  }

  double take_ran() {
    const auto now = std::chrono::steady_clock::now();
    return ms_between(std::exchange(began, now), now);
  }

  void answer_values(task_id id, std::uint64_t first, std::uint64_t count, bytes results, bool done) {
    answer({id, first, count, std::move(results), nullptr, take_ran(), done});
  }
  void answer_failure(task_id id, std::uint64_t at, std::exception_ptr problem, bool done) {
    answer({id, at, 1, {}, std::make_unique<cause>(cause_of(std::move(problem))), take_ran(), done});
  }

  /// Never kept while the next item runs: that one may take long. With the last answer of a task the next one begins.
  void answer(reply said) {
    const std::lock_guard lock(mutex);
    if (abandoned) return;
    kept_from = said.item + said.count;
    kept.store(0, std::memory_order_relaxed);
    const bool done = said.done;
    output.push_back(std::move(said));
    if (!done) return tell(urgency::some);
    if (input.empty()) {
      current = 0;
      tell(urgency::urgent);
    } else {
      begin_next(began);
      tell(urgency::some);
    }
  }
};

thread_local const thread_driver::worker* thread_driver::worker::in_this_thread = nullptr;

std::pair<const inbox*, worker_ref> thread_driver::here() {
  if (const auto* self = worker::in_this_thread) return {self->loop.get(), self->ref};
  return {nullptr, {}};
}

struct thread_driver::slot {
  worker_ref ref;
  std::shared_ptr<worker> self;
  std::thread thread;
  std::vector<act::assign> staged;
  std::vector<reply> heard;  // empty but for its memory
};

thread_driver::thread_driver(std::shared_ptr<inbox> to, options o)
    : inbox_(std::move(to)), options_(std::move(o)), mask_(process::held_back_here()) {
  barriers_by_others();
}

thread_driver::~thread_driver() = default;

thread_driver::slot* thread_driver::find(worker_ref ref) {
  if (ref.index >= slots_.size()) return nullptr;
  auto& s = slots_[ref.index];
  return s.self && s.ref == ref ? &s : nullptr;
}

void thread_driver::carry_out(const act::start& what, engine& to, time_point now) {
  if (what.worker.index >= slots_.size()) slots_.resize(what.worker.index + 1);
  auto& s = slots_[what.worker.index];
  auto self = std::make_shared<worker>();
  self->pool = options_.pool;
  self->ref = what.worker;
  self->initializer = options_.initializer;
  self->initializer_args = options_.initializer_args;
  self->attempts = options_.spec.attempts;
  self->clocked = options_.spec.deadline.count() > 0 || options_.spec.soft_deadline.count() > 0;
  self->loop = inbox_;
  try {
    s.thread = std::thread([self, mask = mask_] {
      process::hold_back_only(mask);
      process::own_signal_stack();
      const worker::leaving at_end{*self};  // also when a task ends the thread, by pthread_exit
      worker::in_this_thread = self.get();
      self->run();
    });
  } catch (const std::system_error&) {
    auto why = cause_of(std::current_exception());
    why.cls = cause_class::start;
    to.worker_start_failed(what.worker, why, now);
    return;
  }
  s.ref = what.worker;
  s.self = std::move(self);
  to.worker_exists(what.worker, 0);
}

void thread_driver::carry_out(act::assign what, engine&, time_point) {
  auto* s = find(what.worker);
  if (!s) return;
  auto& self = *s->self;
  // It may have been cut here once, or asked to stop. That was another run.
  if (self.cut.load(std::memory_order_relaxed) == what.id) self.cut.store(0, std::memory_order_seq_cst);
  if (self.stop.load(std::memory_order_relaxed) - what.id < what.task->items)
    self.stop.store(0, std::memory_order_relaxed);
  s->staged.push_back(std::move(what));
}

void thread_driver::flush() {
  for (auto& s : slots_) {
    if (s.staged.empty()) continue;
    if (s.self) {
      {
        const std::lock_guard lock(s.self->mutex);
        std::move(s.staged.begin(), s.staged.end(), std::back_inserter(s.self->input));
      }
      s.self->changed.notify_one();
    }
    s.staged.clear();
  }
}

void thread_driver::carry_out(const act::stop& what) {
  auto* s = find(what.worker);
  if (!s) return;
  const std::lock_guard lock(s->self->mutex);
  std::move(s->staged.begin(), s->staged.end(), std::back_inserter(s->self->input));
  s->staged.clear();
  s->self->closed = true;
  s->self->changed.notify_one();
}

void thread_driver::carry_out(const act::ask_task& what) {
  auto* s = find(what.worker);
  if (!s) return;
  auto asked = what.id;
  if (what.whole) {
    const std::lock_guard lock(s->self->mutex);
    s->self->cut.store(what.id, std::memory_order_seq_cst);
    // After this the thread has seen the cut, or we see the item that it has taken.
    if (barriers_by_others()) membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    if (s->self->current == what.id) asked += s->self->item.load(std::memory_order_seq_cst);
  }
  s->self->stop.store(asked, std::memory_order_relaxed);
}

void thread_driver::carry_out(const act::withdraw& what, engine& to, time_point) {
  auto* s = find(what.worker);
  if (!s) return;
  withdrawal kept;
  {
    const std::lock_guard lock(s->self->mutex);
    auto& input = s->self->input;
    std::move(s->staged.begin(), s->staged.end(), std::back_inserter(input));
    s->staged.clear();
    // It is in hand where it alone was begun and is not over.
    const bool in_hand = input.size() + 1 == what.sent && s->self->current != 0;
    // The first one stays, begun or not.
    const auto back = std::min(input.size(), what.sent - 1);
    input.erase(input.end() - static_cast<std::ptrdiff_t>(back), input.end());
    kept.begun = what.sent - back;
    s->self->changed.notify_one();
    const auto* task = to.sent(what.worker, what.head).first;
    if (in_hand && task && task->sink) {
      s->self->cut.store(what.head, std::memory_order_seq_cst);
      // After this the thread has seen the cut, or we see the item that it has taken.
      if (barriers_by_others()) membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
      kept.item = s->self->item.load(std::memory_order_seq_cst);
    }
  }
  to.worker_withdrew(what.worker, kept);
}

void thread_driver::carry_out(const act::harvest& what, engine& to, time_point now) {
  auto* s = find(what.worker);
  const auto [task, received] = to.sent(what.worker, what.id);
  if (!s || !task) return;
  auto& self = *s->self;
  std::uint64_t from = received;
  std::uint64_t count = 0;
  bytes results;
  auto since = now;
  {
    const std::lock_guard lock(self.mutex);
    // What it has answered comes first.
    if (self.current != what.id || !self.output.empty()) return;
    if (task->many) {
      const auto item = self.item.load(std::memory_order_acquire);
      count = item > received ? item - received : 0;
    } else {
      const auto kept = self.kept.load(std::memory_order_acquire);
      const auto size = kept & ((std::uint64_t{1} << 40) - 1);
      from = self.kept_from;
      count = kept >> 40;
      // It adds to these, and writes over them only after it has had the lock.
      results.assign(self.stage.begin(), self.stage.begin() + static_cast<std::ptrdiff_t>(size));
    }
    if (self.clocked) {
      const auto started = std::chrono::nanoseconds(self.started_ns.load(std::memory_order_relaxed));
      since = time_point(std::chrono::duration_cast<time_point::duration>(started));
    }
  }
  if (count > 0) to.worker_finished(what.worker, what.id, from, count, std::move(results), since, now);
}

void thread_driver::carry_out(const act::kill& what, engine& to, time_point now) {
  auto* s = find(what.worker);
  if (!s) return;
  // What it has answered counts; from the moment the flag is set, nothing more does, and nothing more is begun.
  std::vector<reply> output;
  std::deque<act::assign> unstarted;
  remains left;
  {
    const std::lock_guard lock(s->self->mutex);
    s->self->abandoned = true;
    output.swap(s->self->output);
    unstarted.swap(s->self->input);
    s->self->cut.store(s->self->current, std::memory_order_seq_cst);
    // After this the thread has seen the cut, or we see the item that it has taken.
    if (barriers_by_others()) membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    left = s->self->left_behind();
    s->self->stop.store(left.in_hand + left.item, std::memory_order_relaxed);
    s->self->changed.notify_one();
  }
  for (auto& said : output) hear(*s, said, to, now);
  if (left.in_hand == 0) {
    s->thread.join();
  } else {
    s->thread.detach();
    std::erase_if(abandoned_, [](const auto& w) { return w.expired(); });
    abandoned_.push_back(s->self);
  }
  bury(*s, {make_cause(cause_class::killed, "abandoned"), 0, true}, std::move(left), to, now);
}

/// What it had finished counts.
void thread_driver::bury(slot& s, death how, remains left, engine& to, time_point now) {
  how.in_hand = left.in_hand;
  how.item = left.item;
  const auto [task, received] = to.sent(s.ref, left.in_hand);
  if (task && task->many && left.item > received) {
    to.worker_finished(s.ref, left.in_hand, received, left.item - received, {}, now, now);
  } else if (task && task->entry && left.count > 0) {
    to.worker_finished(s.ref, left.in_hand, left.from, left.count, std::move(left.results), now, now);
  }
  s.self.reset();
  s.staged.clear();
  to.worker_died(s.ref, how, now);
}

void thread_driver::hear(slot& s, reply& said, engine& to, time_point now) {
  if (said.why) {
    to.worker_item_failed(s.ref, said.id, said.item, std::move(*said.why), said.ran_ms, said.done, now);
  } else {
    to.worker_items(s.ref, said.id, said.item, said.count, std::move(said.results), said.ran_ms, said.done, now);
  }
}

bool thread_driver::collect_from(slot& s, engine& to, time_point now) {
  if (!s.self || s.self->news.exchange(urgency::none, std::memory_order_seq_cst) == urgency::none) return false;
  auto output = std::move(s.heard);
  bool ready = false;
  bool ended = false;
  remains left;
  std::unique_ptr<cause> not_started;
  {
    const std::lock_guard lock(s.self->mutex);
    output.swap(s.self->output);
    ready = std::exchange(s.self->ready, false);
    ended = s.self->ended;
    if (s.self->torn) left = s.self->left_behind();
    not_started = std::move(s.self->not_started);
  }
  if (ready) to.worker_ready(s.ref, now);
  for (auto& said : output) hear(s, said, to, now);
  heard_ += output.size();
  output.clear();
  s.heard = std::move(output);
  if (ended) {
    s.thread.join();
    death how;
    if (s.self->torn) how.why = make_cause(cause_class::protocol, "its thread was ended by what it ran (pthread_exit)");
    if (not_started) how.why = std::move(*not_started);
    bury(s, std::move(how), std::move(left), to, now);
  }
  return true;
}

bool thread_driver::collect(engine& to, time_point now) {
  bool any = false;
  heard_ = 0;
  for (auto& s : slots_) any = collect_from(s, to, now) || any;
  return any;
}

bool thread_driver::any_news(urgency least) const {
  return std::any_of(slots_.begin(), slots_.end(), [least](const slot& s) {
    return s.self && s.self->news.load(std::memory_order_seq_cst) >= least;
  });
}

bool thread_driver::has_news() const { return any_news(urgency::some); }
bool thread_driver::has_urgent_news() const { return any_news(urgency::urgent); }

void thread_driver::observe(engine& to, time_point now) {
  for (auto& s : slots_) {
    if (!s.self) continue;
    task_id current = 0;
    std::uint64_t item = 0;
    std::uint64_t since = 0;
    {
      const std::lock_guard lock(s.self->mutex);
      current = s.self->current;
      item = s.self->item.load(std::memory_order_relaxed);
      since = s.self->started_ns.load(std::memory_order_relaxed);
    }
    if (current != 0)
      to.worker_running(s.ref, current, time_point(std::chrono::nanoseconds(static_cast<std::int64_t>(since))), now,
                        item);
  }
}

unsigned thread_driver::leaked() const {
  return static_cast<unsigned>(std::count_if(abandoned_.begin(), abandoned_.end(), [](const auto& w) {
    const auto still = w.lock();
    return still && !still->over.load();
  }));
}

}  // namespace steward::pooling
