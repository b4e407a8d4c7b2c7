// The ledger: what is open, what waits, and how each record gets its outcome.
#include "pool/engine.hpp"

#include <algorithm>
#include <utility>

namespace steward::pooling {

namespace {

/// A part of a chunk as a job of its own; the job itself when the part is all of it.
job_ptr part_of(const job_ptr& whole, std::uint32_t item, std::uint32_t count) {
  if (item == 0 && count == whole->items) return whole;
  auto part = std::make_shared<job>();
  part->entry = whole->entry;
  part->priority = whole->priority;
  part->sink = whole->sink;
  part->first = whole->first + item;
  part->items = count;
  part->many = whole->many;
  part->base = whole->base + item;
  if (whole->entry) {
    detail::item_reader items(whole->args, whole->entry->args_size);
    items.next(item);
    const auto bytes = items.next(count);
    part->args.assign(bytes.begin(), bytes.end());
  }
  return part;
}

}  // namespace

engine::slip engine::add_record(job_ptr task, task_id id, unsigned attempt) {
  std::uint32_t place = 0;
  if (free_.empty()) {
    place = static_cast<std::uint32_t>(records_.size());
    records_.emplace_back();
  } else {
    place = free_.back();
    free_.pop_back();
  }
  auto& r = records_[place];  // fresh, or as the one before it was dropped
  r.id = id;
  r.items = task->items;
  r.attempt = attempt;
  r.task = std::move(task);
  r.task->place = place;
  r.task->id = id;
  return {place, id};
}

void engine::drop_record(slip e) {
  at(e) = record{};
  free_.push_back(e.place);
}

/// A new record for items of another one, with its attempt and its history.
engine::slip engine::split(const record& from, std::uint32_t item, std::uint32_t count) {
  auto part = part_of(from.task, item, count);
  auto history = from.history;
  const auto id = from.id + item;
  const auto attempt = from.attempt;
  const auto e = add_record(std::move(part), id, attempt);  // `from` may have moved
  at(e).history = std::move(history);
  return e;
}

/// The next one in the queue, of no more items than these: what is left of it goes back.
engine::slip engine::take_front(std::uint64_t most) {
  auto e = *front();
  pop_front();
  while (at(e).items > most) {
    // By halves, so that a chunk of many shares is not copied once for each.
    const auto items = at(e).items;
    const auto keep = std::max(items / 2, static_cast<std::uint32_t>(std::min<std::uint64_t>(most, items - 1)));
    push_front(split(at(e), keep, items - keep));
    const auto part = split(at(e), 0, keep);
    drop_record(e);
    e = part;
  }
  return e;
}

engine::band& engine::band_of(int priority) {
  const auto at = std::find_if(bands_.begin(), bands_.end(), [=](const band& x) { return x.priority <= priority; });
  if (at != bands_.end() && at->priority == priority) return *at;
  return *bands_.insert(at, band{priority, {}});
}

void engine::push_back(slip e) {
  queued_ += at(e).items;
  band_of(at(e).task->priority).queue.push_back(e);
}

void engine::push_front(slip e) {
  queued_ += at(e).items;
  band_of(at(e).task->priority).queue.push_front(e);
}

/// What is left of something that a worker was sent waits again, first in the queue. Its job is more than that where
/// some of it was answered, or taken back before.
void engine::requeue(slip e) {
  if (at(e).received == 0 && at(e).items == at(e).task->items) {
    at(e).sent = at(e).cut = false;
    return push_front(e);
  }
  const auto left = at(e).items - at(e).received;
  if (left > 0) push_front(split(at(e), at(e).received, left));
  drop_record(e);
}

/// The next one of the highest priority; what was cancelled meanwhile is skipped.
std::optional<engine::slip> engine::front() {
  for (auto& l : bands_) {
    while (!l.queue.empty() && !is_live(l.queue.front())) l.queue.pop_front();
    if (!l.queue.empty()) return l.queue.front();
  }
  return std::nullopt;
}

void engine::pop_front() {
  for (auto& l : bands_) {
    if (l.queue.empty()) continue;
    queued_ -= at(l.queue.front()).items;
    l.queue.pop_front();
    return;
  }
}

bool engine::cancel(const job_ptr& task, time_point now) {
  if (task->place >= records_.size()) return false;
  const slip e{task->place, task->id};
  if (!is_live(e) || at(e).task != task || at(e).cancelled) return false;
  cancel(e, "it was cancelled", now);
  return true;
}

void engine::cancel_all(const detail::item_sink* sink, const char* reason, time_point now) {
  for (std::uint32_t i = 0; i < records_.size(); ++i) {
    const slip e{i, records_[i].id};
    if (e.id != 0 && at(e).task->sink.get() == sink && !at(e).cancelled) cancel(e, reason, now);
  }
}

void engine::cancel(slip e, const char* reason, time_point now) {
  const auto why = make_cause(cause_class::killed, reason);
  if (!at(e).sent) {
    queued_ -= at(e).items;
    settle_rest(e, outcome_kind::cancelled, work_state::not_started, why);
    return;
  }
  // Nobody learns of the outcome before the worker can know.
  bool in_hand = false;
  for (auto& w : workers_) {
    if (w.sent.empty() || w.sent.front().place != e.place) continue;
    cancel_head(w, now);
    in_hand = true;
  }
  settle_error(at(e), outcome_kind::cancelled, work_state::unknown, why);
  at(e).cancelled = true;
  if (!in_hand) cancelled_behind_ = true;
}

/// What was cancelled while it waits behind another one is not to run any more.
void engine::take_back_cancelled() {
  cancelled_behind_ = false;
  for (auto& w : workers_) {
    const bool works = w.at == state::ready || (w.at == state::retiring && !asked_);
    if (!works || w.held || !w.withdrawn.empty() || w.sent.size() < 2) continue;
    if (std::any_of(w.sent.begin() + 1, w.sent.end(), [this](slip e) { return at(e).cancelled; })) take_back(w);
  }
}

/// All that the worker has not begun.
void engine::take_back(worker& w) {
  w.held = true;
  withdraw(w, w.sent.size());
}

void engine::withdraw(worker& w, std::size_t sent) {
  const auto head = w.sent.front();
  orders_.emplace_back(act::withdraw{ref_of(w), head.id, sent, at(head).task->sink != nullptr});
}

/// What the worker runs has its outcome already: it is asked to end it, and made to after the grace.
void engine::cancel_head(worker& w, time_point now) {
  orders_.emplace_back(act::ask_task{ref_of(w), w.sent.front().id, true});
  if (processes() && works(w)) w.end_by = now + spec_.grace;
}

/// What the worker has not begun waits again, first in the queue; what is left of a chunk is shared among those who
/// have nothing to do and the one that had it.
void engine::worker_withdrew(worker_ref ref, const withdrawal& what) {
  auto* w = find(ref);
  if (!w || w->sent.empty()) return;
  w->went_on = w->was_cut && (what.begun > 1 || (what.item && *what.item > w->head_item));
  while (w->sent.size() > std::max<std::size_t>(1, what.begun)) {
    const auto e = w->sent.back();
    w->sent.pop_back();
    w->sent_items -= at(e).items;
    w->load_us = std::max(0.0, w->load_us - estimate(at(e)));
    if (what.will_answer) w->withdrawn.push_front(e.id);
    if (at(e).cancelled) {
      drop_record(e);
      continue;
    }
    totals_.taken_back += at(e).items;
    requeue(e);
  }
  at(w->sent.back()).cut = true;
  const auto e = w->sent.front();
  if (!what.item) return;
  at(e).cut = true;
  if (at(e).cancelled) return;
  // What the worker shows is not believed beyond what can be.
  const auto items = std::uint64_t{at(e).items};
  const auto keep = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(*what.item + 1, at(e).received, items));
  const auto left = at(e).items - keep;
  if (left == 0) return;
  const auto parts = static_cast<std::uint32_t>(std::min<std::size_t>(left, idle() + 1));
  for (auto part = parts; part-- > 0;) {
    const auto first = static_cast<std::uint32_t>(std::uint64_t{left} * part / parts);
    const auto end = static_cast<std::uint32_t>(std::uint64_t{left} * (part + 1) / parts);
    push_front(split(at(e), keep + first, end - first));
  }
  totals_.taken_back += left;
  w->load_us = std::max(0.0, w->load_us - estimate(at(e)));
  at(e).items = keep;
  w->load_us += estimate(at(e));
  w->sent_items -= left;
}

task_error engine::error_of(const record& r, outcome_kind kind, work_state work, cause why, std::uint64_t item) const {
  task_error error{kind,           work,     r.id + item, r.task->entry ? r.task->entry->name : "callable",
                   std::move(why), r.history};
  // A task that is given up between two attempts did run.
  if (work == work_state::not_started && !error.attempts.empty()) error.work = work_state::unknown;
  return error;
}

void engine::settle_failed(const record& r, std::uint64_t item, task_error error) {
  notices_.emplace_back(news::settled{r.task, outcome<bytes>(std::move(error)), item});
  --open_;
  ++totals_.settled;
  ++totals_.failed;
}

/// The same outcome for each item that has none.
void engine::settle_error(record& r, outcome_kind kind, work_state work, const cause& why) {
  for (auto item = r.received; item < r.items; ++item) {
    settle_failed(r, item, error_of(r, kind, work, why, item));
    count(kind);
  }
}

void engine::settle_rest(slip e, outcome_kind kind, work_state work, const cause& why) {
  if (!at(e).cancelled) settle_error(at(e), kind, work, why);
  drop_record(e);
}

void engine::count(outcome_kind kind) {
  if (kind == outcome_kind::quarantined) ++totals_.quarantined;
  if (kind == outcome_kind::cancelled) ++totals_.cancelled;
  if (kind == outcome_kind::rejected) ++totals_.rejected;
}

void engine::settle_all(outcome_kind kind, const cause& why) {
  for (auto& w : workers_) {
    // Whether it began what it was sent first is not known; of what came behind we know that it will not count.
    bool first = true;
    for (const auto e : std::exchange(w.sent, {})) {
      settle_rest(e, kind, std::exchange(first, false) ? work_state::unknown : work_state::not_started, why);
    }
    if (!first) --busy_;
    w.sent_items = 0;
    w.load_us = 0.0;
  }
  for (const auto e : std::exchange(suspects_, {})) {
    if (is_live(e)) settle_rest(e, kind, work_state::not_started, why);
  }
  for (auto& l : bands_) {
    for (const auto e : std::exchange(l.queue, {})) {
      if (is_live(e)) settle_rest(e, kind, work_state::not_started, why);
    }
  }
  queued_ = 0;
}

}  // namespace steward::pooling
