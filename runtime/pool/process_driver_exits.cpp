// How worker processes end, and what of their work is found in the memory that they share with us.
#include "pool/process_driver.hpp"
#include "pool/worker.hpp"
#include "steward/detail/many_run.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <string_view>
#include <utility>

namespace steward::pooling {

namespace {

constexpr std::size_t stderr_kept_lines = 10;

std::vector<std::string> last_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty() && lines.size() < stderr_kept_lines) {
    if (text.back() == '\n') text.remove_suffix(1);
    const auto before = text.rfind('\n');
    const auto start = before == std::string_view::npos ? 0 : before + 1;
    lines.emplace_back(text.substr(start));
    text = text.substr(0, start);
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

}  // namespace

void process_driver::out_of_patience(slot& s, engine& to, time_point now) {
  if (s.killed || s.fault) {
    bury(s, to, now);
    return;
  }
  s.fault = make_cause(cause_class::protocol, "it closed its channel and went on");
  options_.keeper->kill(s.child, SIGKILL);
  s.patience = now + patience_for_kill;
}

/// Results that a worker has finished and not sent, as its arena shows them.
struct process_driver::staged {
  std::uint64_t from = 0;
  std::uint64_t count = 0;
  bytes results{};
};

/// Nothing in the arena is trusted. The worker may be at work on it: what changes meanwhile is not taken.
process_driver::staged process_driver::read_staged(const slot& s, std::uint64_t id) const {
  const auto& page = s.recorder.page();
  staged out;
  out.from = page.kept_from.load(std::memory_order_acquire);
  const auto kept = page.kept.load(std::memory_order_acquire);
  const auto size = kept & ((std::uint64_t{1} << 40) - 1);
  if (size > process::arena_bytes || page.current.load(std::memory_order_acquire) != id) return out;
  const auto arena = s.recorder.arena();
  out.results.resize(static_cast<std::size_t>(size));
  if (size > 0) std::memcpy(out.results.data(), arena.data(), out.results.size());
  // Results are only added as long as these two stand.
  std::atomic_thread_fence(std::memory_order_acquire);
  const bool steady = page.kept_from.load(std::memory_order_relaxed) == out.from &&
                      page.kept.load(std::memory_order_relaxed) >= kept &&
                      page.current.load(std::memory_order_relaxed) == id;
  if (steady) out.count = kept >> 40;
  return out;
}

/// Takes the results that a dead worker had finished and not sent.
void process_driver::salvage(slot& s, engine& to, time_point now) {
  const auto id = s.recorder.page().current.load(std::memory_order_acquire);
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

void process_driver::carry_out(const act::harvest& what, engine& to, time_point now) {
  auto* s = find(what.worker);
  if (!s || s->fault) return;
  const auto* task = to.sent(what.worker, what.id).first;
  auto [from, count, results] = read_staged(*s, what.id);
  if (!task || count == 0 || !holds_items(results, task->entry->result_size, count)) return;
  const bool clocked = options_.spec.deadline.count() > 0 || options_.spec.soft_deadline.count() > 0;
  const auto started = s->recorder.page().started_ns.load(std::memory_order_relaxed);
  const auto since = clocked ? time_of(*s, started, now) : now;
  to.worker_finished(what.worker, what.id, from, count, std::move(results), since, now);
}

/// Tells the engine. The slot is free after it; a report that still comes is about an older incarnation.
void process_driver::bury(slot& s, engine& to, time_point now) {
  s.output.finish(place_of(s), lines_of(s, to));
  const auto& page = s.recorder.page();
  death how;
  how.why = judge(s);
  how.in_hand = page.current.load(std::memory_order_acquire);
  how.item = page.item.load(std::memory_order_acquire);
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
  auto why = process::cause_of(*s.report);
  if (s.report->signaled || s.report->is_lost()) {
    if (auto words = s.recorder.last_words()) {
      // When the kernel's account is lost, this one is all there is.
      if (s.report->is_lost() || words->cls == cause_class::exception || words->signal == s.report->signal) {
        if (!s.report->is_lost()) words->signal = s.report->signal;
        if (words->message.empty()) words->message = why.message;
        why = std::move(*words);
      }
    }
    if (why.cls == cause_class::signal && s.report->signal == SIGKILL && s.report->sent_signal != SIGKILL &&
        why.message.empty())
      why.message = "not sent by us; possibly out of memory";
  } else if (s.not_started) {
    why = *s.not_started;
  } else {
    explain_exit(s, why);
  }
  if (!s.ready && !s.not_started && !options_.spec.initializer.empty()) {
    why.message =
        "in its initializer '" + options_.spec.initializer + "'" + (why.message.empty() ? "" : ": " + why.message);
  }
  why.stderr_tail = last_lines(s.output.last_errors());
  why.rss_peak_kib = s.report->rss_peak_kib;
  return why;
}

void process_driver::explain_exit(const slot& s, cause& why) const {
  if (why.code != exit_broken) return;
  const auto note = s.recorder.last_words();
  if (note && note->signal == 0) {
    why.message = note->message;
  } else if (!s.ready && options_.spec.memory_limit > 0) {
    why.message =
        "it could not begin under the memory_limit of " + std::to_string(options_.spec.memory_limit) + " bytes";
  }
}

/// A time that a worker wrote; out of range is out of the question, whatever it wrote.
time_point process_driver::time_of(const slot& s, std::uint64_t ns, time_point now) const {
  const auto now_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(now.time_since_epoch()).count());
  const auto written = time_point(std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(now_ns, ns))));
  return std::max(written, s.born);
}

}  // namespace steward::pooling
