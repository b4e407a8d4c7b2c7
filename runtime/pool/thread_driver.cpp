#include "pool/thread_driver.hpp"

#include "pool/thread_worker.hpp"
#include "process/flight_page.hpp"
#include "process/signal_mask.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace steward::pooling {

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
  std::vector<reply> heard;  // empty but for its memory, or what one that was killed has answered
  remains left;              // by one that was killed
};

thread_driver::thread_driver(std::shared_ptr<inbox> to, options o)
    : inbox_(std::move(to)), options_(std::move(o)), mask_(process::held_back_here()) {
  can_fence_threads();  // before there are threads that ask
  process::know_copies();
}

thread_driver::~thread_driver() = default;

thread_driver::slot* thread_driver::find(worker_ref ref) {
  if (ref.index >= slots_.size()) return nullptr;
  auto& s = slots_[ref.index];
  return s.self && s.ref == ref ? &s : nullptr;
}

void thread_driver::carry_out(const act::start& what, time_point) {
  if (what.worker.index >= slots_.size()) slots_.resize(what.worker.index + 1);
  auto& s = slots_[what.worker.index];
  auto self = std::make_shared<worker>();
  self->pool = options_.pool;
  self->ref = what.worker;
  self->initializer = options_.initializer;
  self->initializer_args = options_.initializer_args;
  self->spec = options_.spec;
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
    launched_.emplace_back(what.worker, std::move(why));
    return;
  }
  s.ref = what.worker;
  s.self = std::move(self);
  launched_.emplace_back(what.worker, std::nullopt);
}

void thread_driver::report(engine& to, time_point now) {
  for (const auto& [ref, problem] : std::exchange(launched_, {})) {
    if (problem) {
      to.worker_start_failed(ref, *problem, now);
    } else {
      to.worker_exists(ref, 0);
    }
  }
  for (const auto& [ref, kept] : std::exchange(withdrawn_, {})) to.worker_withdrew(ref, kept);
  for (auto& one : std::exchange(harvested_, {}))
    to.worker_finished(one.ref, one.id, one.from, one.count, std::move(one.results), one.since, now);
  for (const auto ref : std::exchange(killed_, {}))
    if (auto* s = find(ref)) tell_end(*s, {make_cause(cause_class::killed, "abandoned"), 0, true}, to, now);
}

void thread_driver::carry_out(act::assign what, time_point) {
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

void thread_driver::carry_out(const act::stop& what, time_point) {
  auto* s = find(what.worker);
  if (!s) return;
  const std::lock_guard lock(s->self->mutex);
  std::move(s->staged.begin(), s->staged.end(), std::back_inserter(s->self->input));
  s->staged.clear();
  s->self->closed = true;
  s->self->changed.notify_one();
}

void thread_driver::carry_out(const act::ask_task& what, time_point) {
  auto* s = find(what.worker);
  if (!s) return;
  auto asked = what.id;
  if (what.whole) {
    const std::lock_guard lock(s->self->mutex);
    detail::cut_items(s->self->cut, what.id, fence_threads);
    if (s->self->current == what.id) asked += detail::item_taken(s->self->item);
  }
  s->self->stop.store(asked, std::memory_order_relaxed);
}

void thread_driver::carry_out(const act::withdraw& what, time_point) {
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
    if (in_hand && what.chunk) {
      detail::cut_items(s->self->cut, what.head, fence_threads);
      kept.item = detail::item_taken(s->self->item);
    }
  }
  withdrawn_.emplace_back(what.worker, kept);
}

void thread_driver::carry_out(const act::harvest& what, time_point now) {
  auto* s = find(what.worker);
  if (!s) return;
  auto& self = *s->self;
  harvested found;
  {
    const std::lock_guard lock(self.mutex);
    // What it has answered comes first.
    if (self.current != what.id || !self.output.empty()) return;
    found = self.finished();
  }
  found.ref = what.worker;
  if (what.task->many) found.count_from(what.received);
  if (!what.task->batch && !what.task->is_clocked_in(options_.spec)) found.since = now;
  if (found.count > 0) harvested_.push_back(std::move(found));
}

void thread_driver::carry_out(const act::kill& what, time_point) {
  auto* s = find(what.worker);
  if (!s) return;
  let_go(*s);
  killed_.push_back(what.worker);
}

/// What it has answered counts; from now on nothing more does, and nothing more is begun.
void thread_driver::let_go(slot& s) {
  std::deque<act::assign> unstarted;
  {
    const std::lock_guard lock(s.self->mutex);
    s.self->abandoned = true;
    s.heard.swap(s.self->output);
    unstarted.swap(s.self->input);
    detail::cut_items(s.self->cut, s.self->current, fence_threads);
    s.left = s.self->left_behind();
    s.self->stop.store(s.left.in_hand + s.left.item, std::memory_order_relaxed);
    s.self->changed.notify_one();
  }
}

/// Of one that was let go.
void thread_driver::tell_end(slot& s, death how, engine& to, time_point now) {
  for (auto& said : std::exchange(s.heard, {})) hear(s, said, to, now);
  if (s.left.in_hand == 0) {
    s.thread.join();
  } else {
    s.thread.detach();
    std::erase_if(abandoned_, [](const auto& w) { return w.expired(); });
    abandoned_.push_back(s.self);
  }
  bury(s, std::move(how), std::exchange(s.left, {}), to, now);
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

bool thread_driver::hear(slot& s, reply& said, engine& to, time_point now) {
  if (said.why)
    return to.worker_item_failed(s.ref, said.id, said.item, std::move(*said.why), said.ran_ms, said.done, now);
  return to.worker_items(s.ref, said.id, said.item, said.count, std::move(said.results), said.ran_ms, said.done, now);
}

/// What it has finished of the batch in hand.
void thread_driver::hear_batch(slot& s, harvested& found, engine& to, time_point now) {
  const auto [task, received] = to.sent(s.ref, found.id);
  if (!task) return;
  if (task->many) found.count_from(received);
  if (found.count == 0) return;
  heard_ += found.count;
  to.worker_finished(s.ref, found.id, found.from, found.count, std::move(found.results), found.since, now);
}

bool thread_driver::collect_from(slot& s, engine& to, time_point now) {
  if (!s.self || s.self->news.exchange(urgency::none, std::memory_order_seq_cst) == urgency::none) return false;
  auto output = std::move(s.heard);
  bool ready = false;
  bool ended = false;
  remains left;
  std::unique_ptr<cause> not_started;
  harvested batch;
  {
    const std::lock_guard lock(s.self->mutex);
    output.swap(s.self->output);
    if (s.self->in_batch && s.self->current != 0) batch = s.self->finished();
    ready = std::exchange(s.self->ready, false);
    ended = s.self->ended;
    if (s.self->torn) left = s.self->left_behind();
    not_started = std::move(s.self->not_started);
  }
  if (ready) to.worker_ready(s.ref, now);
  // Then nobody knows any more what it is at: as with a process, it costs the worker, and no task waits for ever.
  const bool sound = std::all_of(output.begin(), output.end(), [&](reply& said) { return hear(s, said, to, now); });
  heard_ += output.size();
  if (sound && batch.id != 0) hear_batch(s, batch, to, now);
  output.clear();
  s.heard = std::move(output);
  if (!sound) {
    let_go(s);
    tell_end(s, {make_cause(cause_class::protocol, "an answer that nobody asked for")}, to, now);
  } else if (ended) {
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
