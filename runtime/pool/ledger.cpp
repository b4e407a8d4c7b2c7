#include "pool/ledger.hpp"

#include <algorithm>

namespace steward::pooling {

namespace {

/// A part of a chunk as a job of its own; the job itself when the part is all of it.
job_ptr part_of(const job_ptr& whole, std::uint32_t item, std::uint32_t count) {
  if (item == 0 && count == whole->items) return whole;
  auto part = std::make_shared<job>();
  part->entry = whole->entry;
  part->priority = whole->priority;
  part->attempts = whole->attempts;
  part->deadline = whole->deadline;
  part->sink = whole->sink;
  part->first = whole->first + item;
  part->items = count;
  part->many = whole->many;
  part->base = whole->base + item;
  part->batch = whole->batch;
  part->submitted = whole->submitted;
  if (whole->entry) {
    detail::item_reader items(whole->args, whole->entry->args_size);
    items.next(item);
    const auto bytes = items.next(count);
    part->args.assign(bytes.begin(), bytes.end());
  }
  return part;
}

}  // namespace

slip ledger::add(job_ptr&& task, task_id id, unsigned attempt) {
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

void ledger::drop(slip e) {
  auto& r = at(e);
  const auto task = std::move(r.task);
  static_cast<facts&>(r) = {};
  if (!r.history.empty()) r.history = {};
  free_.push_back(e.place);
  // A run that is to come has a record of its own.
  if (task->key && !is_live({task->place, task->id})) ended_.push_back(task);
}

void ledger::line_up(slip e) {
  at(e).in_line = true;
  ++lined_up_;
  ++queued_;
}

void ledger::leave_line(slip e) {
  at(e).in_line = false;
  --lined_up_;
  --queued_;
}

std::optional<slip> ledger::find(const job_ptr& task) const {
  if (task->place >= records_.size()) return std::nullopt;
  const slip e{task->place, task->id};
  if (!is_live(e) || at(e).task != task || at(e).cancelled) return std::nullopt;
  return e;
}

std::vector<slip> ledger::find_all(const detail::item_sink* sink) const {
  std::vector<slip> out;
  for (std::uint32_t i = 0; i < records_.size(); ++i) {
    const auto& r = records_[i];
    if (r.id != 0 && r.task->sink.get() == sink && !r.cancelled) out.push_back({i, r.id});
  }
  return out;
}

slip ledger::split(slip from, std::uint32_t item, std::uint32_t count) {
  auto part = part_of(at(from).task, item, count);
  auto history = at(from).history;
  const auto e = add(std::move(part), at(from).id + item, at(from).attempt);
  at(e).history = std::move(history);
  return e;
}

void ledger::try_again(slip e) {
  ++at(e).attempt;
  ++counts_.retried;
}

ledger::band& ledger::find_band(int priority) {
  const auto at = std::find_if(bands_.begin(), bands_.end(), [=](const band& x) { return x.priority <= priority; });
  if (at != bands_.end() && at->priority == priority) return *at;
  return *bands_.insert(at, band{priority, {}});
}

void ledger::enqueue(slip e) {
  queued_ += at(e).items;
  band_of(at(e).task->priority).queue.push_back(e);
}

void ledger::put_first(slip e) {
  at(e).task->begun.store(false, std::memory_order_relaxed);
  queued_ += at(e).items;
  band_of(at(e).task->priority).queue.push_front(e);
}

void ledger::suspect(slip e, std::size_t place) {
  at(e).task->begun.store(false, std::memory_order_relaxed);
  queued_ += at(e).items;
  suspects_.insert(suspects_.begin() + static_cast<std::ptrdiff_t>(std::min(place, suspects_.size())), e);
}

/// Its job is more than what is left where some of it was answered, or taken back before.
void ledger::requeue(slip e) {
  if (at(e).received == 0 && at(e).items == at(e).task->items) {
    at(e).sent = at(e).cut = false;
    return put_first(e);
  }
  const auto left = at(e).items - at(e).received;
  if (left > 0) put_first(split(e, at(e).received, left));
  drop(e);
}

void ledger::take_back(slip e) {
  counts_.taken_back += at(e).items;
  requeue(e);
}

void ledger::take_back(slip e, std::uint32_t behind, std::uint32_t parts) {
  const auto left = at(e).items - behind;
  for (auto part = parts; part-- > 0;) {
    const auto first = static_cast<std::uint32_t>(std::uint64_t{left} * part / parts);
    const auto end = static_cast<std::uint32_t>(std::uint64_t{left} * (part + 1) / parts);
    put_first(split(e, behind + first, end - first));
  }
  counts_.taken_back += left;
  at(e).items = behind;
}

std::optional<slip> ledger::front() {
  for (auto& l : bands_) {
    while (!l.queue.empty() && !is_live(l.queue.front())) l.queue.pop_front();
    if (!l.queue.empty()) return l.queue.front();
  }
  return std::nullopt;
}

void ledger::pop_front() {
  for (auto& l : bands_) {
    if (l.queue.empty()) continue;
    queued_ -= at(l.queue.front()).items;
    l.queue.pop_front();
    return;
  }
}

slip ledger::take_front(std::uint64_t most) {
  auto e = *front();
  pop_front();
  while (at(e).items > most) {
    // By halves, so that a chunk of many shares is not copied once for each.
    const auto items = at(e).items;
    const auto kept = std::max(items / 2, static_cast<std::uint32_t>(std::min<std::uint64_t>(most, items - 1)));
    put_first(split(e, kept, items - kept));
    const auto part = split(e, 0, kept);
    drop(e);
    e = part;
  }
  return e;
}

std::size_t ledger::waiting() const noexcept {
  std::size_t out = 0;
  for (const auto& l : bands_) out += l.queue.size();
  return out;
}

void ledger::settle_queue(outcome_kind kind, const cause& why) {
  const auto settle = [&](std::deque<slip>& all) {
    for (const auto e : std::exchange(all, {})) {
      if (is_live(e)) settle_rest(e, kind, work_state::not_started, why);
    }
  };
  settle(suspects_);
  for (auto& l : bands_) settle(l.queue);
  queued_ = lined_up_ = 0;
}

void ledger::settle_values(slip e, std::uint64_t item, std::uint64_t count, bytes results, double ran_ms) {
  if (count == 0) return;
  auto& r = at(e);
  if (r.cancelled) return pass(e, count);
  counts_.settled += count;
  open_ -= count;
  r.received += static_cast<std::uint32_t>(count);
  if (r.task->sink) {
    news_.emplace_back(news::items_settled{r.task, item, count, std::move(results), ran_ms});
  } else {
    news_.emplace_back(news::settled{r.task, outcome<bytes>(std::move(results), ran_ms), 0});
  }
}

void ledger::settle_failed(slip e, std::uint64_t item, task_error error) {
  count(error.kind);
  news_.emplace_back(news::settled{at(e).task, outcome<bytes>(std::move(error)), item});
  --open_;
  ++counts_.settled;
  ++counts_.failed;
}

/// For each item that has none.
void ledger::settle_error(slip e, outcome_kind kind, work_state work, const cause& why) {
  for (auto item = at(e).received; item < at(e).items; ++item)
    settle_failed(e, item, error_of(e, kind, work, why, item));
}

void ledger::settle_rest(slip e, outcome_kind kind, work_state work, const cause& why) {
  if (!at(e).cancelled) settle_error(e, kind, work, why);
  drop(e);
}

void ledger::cancel(slip e, const cause& why) {
  if (!at(e).sent) {
    if (at(e).in_line)
      leave_line(e);
    else
      queued_ -= at(e).items;
    return settle_rest(e, outcome_kind::cancelled, work_state::not_started, why);
  }
  settle_error(e, outcome_kind::cancelled, work_state::unknown, why);
  at(e).cancelled = true;
}

task_error ledger::error_of(slip e, outcome_kind kind, work_state work, cause why, std::uint64_t item) const {
  const auto& r = at(e);
  task_error error{kind, work, r.id + item, name_of(r.task->entry), std::move(why), r.history};
  // A task that is given up between two attempts did run.
  if (work == work_state::not_started && !error.attempts.empty()) error.work = work_state::unknown;
  return error;
}

void ledger::count(outcome_kind kind) {
  if (kind == outcome_kind::quarantined) ++counts_.quarantined;
  if (kind == outcome_kind::cancelled) ++counts_.cancelled;
  if (kind == outcome_kind::rejected) ++counts_.rejected;
}

}  // namespace steward::pooling
