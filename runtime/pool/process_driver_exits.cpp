// How worker processes end, and what of their work is found in the memory that they share with us.
#include "pool/process_driver.hpp"
#include "pool/wire.hpp"
#include "pool/worker.hpp"
#include "process/account_of_death.hpp"
#include "process/proc_status.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <utility>

namespace steward::pooling {

namespace {

// As often an ending process is looked at again.
constexpr std::chrono::milliseconds look_again{100};

}  // namespace

void process_driver::out_of_patience(slot& s, engine& to, time_point now) {
  if (s.killed || s.fault || s.lingers) {
    bury(s, to, now);
    return;
  }
  // On a busy machine it takes its time to end: what has begun to is waited for.
  const bool ends = s.recorder.page().said.load(std::memory_order_acquire) != 0 || process::is_ending(s.pid);
  if (ends && now < s.closed.value_or(now) + patience_for_kill) {
    s.patience = now + look_again;
    return;
  }
  s.lingers = true;
  options_.keeper->kill(s.child, SIGKILL);
  s.patience = now + patience_for_kill;
}

/// Asks for the names of the frames that it left. They are read elsewhere, since that may take long; false until then.
bool process_driver::find_names(slot& s) {
  if (std::exchange(s.named, true)) return true;
  const auto tell = [this, ref = s.ref, box = inbox_] { box->push([this, ref] { named_.push_back(ref); }); };
  return s.recorder.find_names(tell);
}

/// The worker may be at work on it.
detail::staged_items process_driver::read_staged(const slot& s, std::uint64_t id) {
  const auto& page = s.recorder.page();
  return detail::harvest_staged(page.kept_from, page.kept, s.recorder.arena(),
                                [&s, id] { return id != 0 && s.in_hand() == id; });
}

/// Takes the results that a dead worker had finished and not sent.
void process_driver::salvage(slot& s, engine& to, time_point now) {
  const auto id = s.in_hand();
  const auto [task, received] = to.sent(s.ref, id);
  auto [from, count, results] = read_staged(s, id);
  if (!task || count == 0 || from > received || received >= from + count) return;
  if (!task->sink) {
    if (count == 1) to.worker_items(s.ref, id, 0, 1, std::move(results), 0.0, false, now);
    return;
  }
  if (holds_items(results, task->entry->result_size, count))
    to.worker_finished(s.ref, id, from, count, std::move(results), now, now);
}

void process_driver::carry_out(const act::harvest& what, time_point now) {
  auto* s = find(what.worker);
  if (!s || s->fault) return;
  auto found = read_staged(*s, what.id);
  if (found.count == 0 || !holds_items(found.results, what.task->entry->result_size, found.count)) return;
  const bool clocked = what.task->is_clocked_in(options_.spec);
  const auto started = s->recorder.page().started_ns.load(std::memory_order_relaxed);
  const auto since = clocked ? time_of(*s, started, now) : now;
  harvested_.push_back({what.worker, what.id, std::move(found), since});
}

/// Tells the engine. The slot is free after it; a report that still comes is about an older incarnation.
void process_driver::bury(slot& s, engine& to, time_point now) {
  if (!find_names(s)) {
    s.patience.reset();
    return;
  }
  s.output.finish(place_of(s), lines_of(s, to));
  const auto& page = s.recorder.page();
  death how;
  how.why = judge(s);
  how.in_hand = s.in_hand();
  how.item = page.item.load(std::memory_order_acquire);
  // What it has begun is known by number. Where its bytes were not ours, and it shows nothing, the first one is at
  // fault.
  const auto begun = std::min(page.begun.load(std::memory_order_acquire), s.assigned);
  how.begun = static_cast<std::size_t>(begun > s.answered ? begun - s.answered : 0);
  if ((s.fault || s.lingers) && how.in_hand == 0) how.begun = std::max<std::size_t>(1, how.begun);
  if (how.in_hand != 0) how.since = time_of(s, page.started_ns.load(std::memory_order_relaxed), now);
  const bool by_kill = s.killed && (!s.report || (s.report->signaled && s.report->signal == SIGKILL));
  const bool by_term = s.terminated && s.report && (!s.report->signaled || s.report->signal == SIGTERM);
  how.by_us = by_kill || by_term;
  if (!s.fault) salvage(s, to, now);
  const auto ref = s.ref;
  s.close_ends();
  s = slot{};
  to.worker_died(ref, how, now);
}

/// Puts the accounts of a death together: the kernel's, the worker's own, and what it wrote last.
cause process_driver::judge(slot& s) const {
  if (s.fault && (!s.report || s.report->sent_signal == SIGKILL)) return *s.fault;
  if (!s.report) return make_cause(cause_class::killed, "the kernel has not reported its end");
  auto why = process::account_of_death(*s.report, s.recorder, s.lingers);
  if (why.cls == cause_class::protocol) return why;
  if (!s.report->signaled && !s.report->is_lost()) {
    if (s.not_started)
      why = *s.not_started;
    else
      explain_exit(s, why);
  }
  if (!s.ready && !s.not_started && !options_.spec.initializer.empty()) {
    why.message =
        "in its initializer '" + options_.spec.initializer + "'" + (why.message.empty() ? "" : ": " + why.message);
  }
  why.stderr_tail = s.output.last_error_lines();
  why.rss_peak_kib = s.report->rss_peak_kib;
  why.cpu_ms = s.report->cpu_ms;
  return why;
}

void process_driver::explain_exit(const slot& s, cause& why) const {
  if (why.code != exit_broken) return;
  const auto note = s.recorder.last_words();
  if (note && note->signal == 0) {
    why.message = note->message;
  } else if (!s.ready && options_.spec.process.memory_limit > 0) {
    why.message =
        "it could not begin under the memory_limit of " + std::to_string(options_.spec.process.memory_limit) + " bytes";
  }
}

/// A time that a worker wrote; out of range is out of the question, whatever it wrote.
time_point process_driver::time_of(const slot& s, std::uint64_t ns, time_point now) const {
  const auto now_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(now.time_since_epoch()).count());
  const auto written = time_point(std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(now_ns, ns))));
  return std::max(written, s.born);
}

}  // namespace steward::pooling
