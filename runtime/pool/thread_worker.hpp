#pragma once

// The worker of a pool of threads, as its driver sees it and as its thread runs it. Internal to the driver.

#include "base/in_hand.hpp"
#include "pool/barriers.hpp"
#include "pool/chunk_runner.hpp"
#include "pool/thread_driver.hpp"
#include "pool/thread_reports.hpp"
#include "process/copied.hpp"
#include "steward/detail/many_run.hpp"
#include "steward/event.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include <cxxabi.h>

namespace steward::pooling {

// Room for the results of a chunk of a registered task.
inline constexpr std::size_t stage_bytes = std::size_t{64} * 1024;

/// What a thread and the pool's loop share. The thread holds a reference, so that an abandoned one may outlive the
/// pool.
struct thread_driver::worker {
  static thread_local const worker* in_this_thread;

  std::string pool;
  worker_ref ref;
  const task_entry* initializer = nullptr;
  bytes initializer_args;
  pool_spec spec;
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
  bool in_batch = false;        // `current` is one
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

  /// Under the lock, which the loop takes after it has taken the news: so old news stand for what came after them. Only
  /// this thread has news to tell.
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
    in_batch = hand.task->batch;
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
    if (abandoned) return loop->ask_for_turn();
    if (std::exchange(ended, true)) return;
    torn = true;
    tell(urgency::urgent);
  }

  struct leaving {
    worker& who;
    ~leaving() { who.end(); }
  };

  /// Under the lock it stays as it is, but for what is added: the thread takes the lock before it writes over it.
  detail::staged_size staged() const { return detail::staged_size::unpack(kept.load(std::memory_order_acquire)); }

  /// Of the chunk in hand, under the lock, with the results that are staged. Those of a callable are not.
  harvested finished() const {
    harvested out;
    out.id = current;
    out.item = item.load(std::memory_order_seq_cst);
    const auto [count, size] = staged();
    out.from = kept_from;
    out.count = count;
    out.results.assign(stage.begin(), stage.begin() + static_cast<std::ptrdiff_t>(size));
    const auto started = std::chrono::nanoseconds(started_ns.load(std::memory_order_relaxed));
    out.since = time_point(std::chrono::duration_cast<time_point::duration>(started));
    return out;
  }

  /// What a thread that comes to no answer leaves, under the lock and when it begins no further item.
  remains left_behind() const {
    const auto [count, size] = staged();
    return {current, detail::item_taken(item), kept_from, count,
            bytes(stage.begin(), stage.begin() + static_cast<std::ptrdiff_t>(size))};
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
    process::leave_if_copy();
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
    const task_context context{what.id, what.attempt, task.attempts_in(spec), pool, &stop};
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
    task.name = name_of(what.task->entry);
    task.attempt = what.attempt;
    task.attempts = what.task->attempts_in(spec);
    if (const auto at = item.load(std::memory_order_relaxed); what.task->sink && at > 0)
      into.text = "at item " + std::to_string(at) + " of its chunk";
  }

  void run_one(const job& task, const task_context& context) {
    if (cut.load(std::memory_order_seq_cst) == context.task_id)
      return answer_values(context.task_id, 0, 0, {}, true);  // cancelled before it began
    task.begun.store(true, std::memory_order_relaxed);
    bytes result;
    try {
      if (task.entry) result = task.entry->run(context, task.args);
      if (!task.entry) task.body->run(context);
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
    run.marks = marks_of(task, run.id);
    run.stage = stage.data();
    run.stage_size = stage.size();
    chunk_runner<worker>::run_chunk(*this, *task.entry, context, run);
  }

  detail::chunk_marks marks_of(const job& task, task_id id) {
    const bool clocked = task.batch || task.is_clocked_in(spec);
    detail::chunk_marks out{id, &item, &cut, clocked ? &started_ns : nullptr, &kept, !can_fence_threads()};
    if (!task.batch) return out;
    out.fenced = true;  // so that `finished_some` comes behind the mark
    out.next = &finished_some;
    out.of = this;
    return out;
  }
  /// Without the lock: the mark of the item is set, and then the news are read; the loop takes the news, and then reads
  /// the mark. All of that is sequentially consistent, so whoever finds old news here is still looked at.
  static void finished_some(void* of) {
    auto& self = *static_cast<worker*>(of);
    if (self.news.load(std::memory_order_seq_cst) == urgency::none) self.tell(urgency::some);
  }
  std::uint64_t staged_from() const { return kept_from; }
  void answer_items(std::uint64_t first, std::uint64_t count, bytes_view results, bool done) {
    answer_values(current, first, count, bytes(results.begin(), results.end()), done);
  }
  void answer_thrown(std::uint64_t at, std::exception_ptr why, bool done) {
    answer_failure(current, at, std::move(why), done);
  }
  void thread_ends() {}  // the driver is told by `leaving`

  void run_body(const job& task, const task_context& context) {
    const auto marks = marks_of(task, context.task_id);
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
    auto why = std::make_unique<cause>(cause_of(problem));
    why->original = std::move(problem);
    answer({id, at, 1, {}, std::move(why), take_ran(), done});
  }

  /// Never kept while the next item runs: that one may take long. With the last answer of a task the next one begins.
  void answer(reply said) {
    process::leave_if_copy();
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

}  // namespace steward::pooling
