#include "observe/console.hpp"

#include "observe/report_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

namespace steward {
namespace {

constexpr std::size_t max_remembered = 4096;
constexpr std::size_t max_named_tasks = 20;  // of one line
constexpr std::size_t detail_indent = 23;

constexpr std::string_view red = "\x1b[31m";
constexpr std::string_view yellow = "\x1b[33m";
constexpr std::string_view green = "\x1b[32m";
constexpr std::string_view dim = "\x1b[2m";
constexpr std::string_view plain = "\x1b[0m";

std::string_view colour_of(event_kind kind) noexcept {
  switch (kind) {
    case event_kind::crash:
    case event_kind::hang:
    case event_kind::limit:
    case event_kind::escalate:
    case event_kind::give_up:
    case event_kind::task_quarantine:
    case event_kind::task_fail:
    case event_kind::quarantine:
    case event_kind::park:
      return red;
    case event_kind::restart:
    case event_kind::backoff:
    case event_kind::task_retry:
    case event_kind::dead_letter:
    case event_kind::operator_:
    case event_kind::warn:
      return yellow;
    case event_kind::recover:
      return green;
    case event_kind::run_start:
    case event_kind::run_end:
    case event_kind::start:
    case event_kind::ready:
    case event_kind::stop:
    case event_kind::config:
    case event_kind::output:
    case event_kind::log:
    case event_kind::child:
      return dim;
  }
  return dim;
}

bool is_failure(event_kind kind) noexcept {
  return kind == event_kind::crash || kind == event_kind::hang || kind == event_kind::task_quarantine ||
         kind == event_kind::task_fail || kind == event_kind::quarantine || kind == event_kind::task_retry;
}

/// What people read as the outcome of all that came before it.
bool ends_work(event_kind kind) noexcept {
  return kind == event_kind::limit || kind == event_kind::escalate || kind == event_kind::give_up ||
         kind == event_kind::park;
}

/// A crash whose restart is the last one that is allowed.
bool is_last_warning(const event& e) noexcept {
  return e.kind == event_kind::crash && e.decision && e.decision->limit > 0 &&
         e.decision->restarts >= e.decision->limit;
}

console_detail least_detail(event_kind kind, event_level level) noexcept {
  switch (kind) {
    case event_kind::limit:
    case event_kind::escalate:
    case event_kind::give_up:
    case event_kind::task_quarantine:
    case event_kind::task_fail:
    case event_kind::quarantine:
    case event_kind::park:
      return console_detail::quiet;
    case event_kind::crash:
    case event_kind::hang:
    case event_kind::restart:
    case event_kind::recover:
    case event_kind::backoff:
    case event_kind::task_retry:
    case event_kind::dead_letter:
    case event_kind::operator_:
    case event_kind::warn:
    case event_kind::log:
      return console_detail::normal;
    case event_kind::run_start:
    case event_kind::run_end:
    case event_kind::start:
    case event_kind::ready:
    case event_kind::stop:
    case event_kind::config:
    case event_kind::output:
    case event_kind::child:
      break;
  }
  return level >= event_level::warn ? console_detail::normal : console_detail::verbose;
}

std::tm local_parts(std::chrono::system_clock::time_point at) {
  const std::time_t seconds_since_epoch = std::chrono::system_clock::to_time_t(at);
  std::tm parts{};
  localtime_r(&seconds_since_epoch, &parts);
  return parts;
}

std::string local_time(std::chrono::system_clock::time_point at) {
  using namespace std::chrono;
  const auto whole = floor<seconds>(at);
  const auto parts = local_parts(whole);
  return fmt::format("{:02}:{:02}:{:02}.{:03}", parts.tm_hour, parts.tm_min, parts.tm_sec,
                     duration_cast<milliseconds>(at - whole).count());
}

std::string local_day(std::chrono::system_clock::time_point at) {
  const auto parts = local_parts(std::chrono::floor<std::chrono::seconds>(at));
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

bool is_lost(std::string_view fate) { return fate == "failed" || fate == "quarantined"; }

/// Another event tells of it, too.
bool has_fate(std::string_view fate) { return fate == "requeued" || is_lost(fate); }

/// "tasks 3, 5-9, 12"
std::string tasks_text(std::vector<std::uint64_t> ids) {
  std::ranges::sort(ids);
  std::string out = ids.size() == 1 ? "task" : "tasks";
  for (std::size_t i = 0; i < ids.size(); ++i) {
    out += fmt::format("{} {}", i > 0 ? "," : "", ids[i]);
    const auto first = i;
    while (i + 1 < ids.size() && ids[i + 1] == ids[i] + 1) ++i;
    if (i > first) out += fmt::format("-{}", ids[i]);
  }
  return out;
}

// A memory of what was told must not grow without limit when nothing ever takes entries out again; forgetting only
// means that a line too many is shown.
template <class Set, class Value>
void remember(Set& memory, Value value) {
  if (memory.size() >= max_remembered) {
    memory.clear();
  }
  memory.insert(std::move(value));
}

}  // namespace

console_view::console_view(console_options options, writer out) : options_{options}, out_{std::move(out)} {}

void console_view::show(const event& e) {
  now_ = e.ts;
  summary_.note(e);
  tell_repeats(ends_work(e.kind));
  if (shows(e, options_.detail)) {
    if (options_.detail == console_detail::verbose)
      out_(render(e));
    else if (!waits_for_its_end(e) && !carries_out_what_was_told(e))
      tell(with_its_hang(e));
  }
  if (e.kind == event_kind::run_end) {
    finish();
    tell_summary(e.code.value_or(0));
  }
}

void console_view::show_alone(const event& e) {
  now_ = e.ts;
  out_(render(e));
}

void console_view::finish() {
  tell_repeats(true);
  for (const auto& [actor, hang] : std::exchange(hangs_, {})) out_(render(hang));
}

bool console_view::shows(const event& e, console_detail detail) noexcept {
  return e.kind != event_kind::output && e.kind != event_kind::child && least_detail(e.kind, e.level) <= detail;
}

void console_view::tell(const event& e) {
  if (folded(e)) return;
  remember_what_was_told(e);
  out_(render(e));
}

/// A worker that is killed for its task dies soon after that: then the whole of it is known.
bool console_view::waits_for_its_end(const event& e) {
  if (e.kind != event_kind::hang || !e.task || e.level < event_level::warn) return false;
  const auto [at, is_new] = hangs_.try_emplace(e.actor, e);
  if (!is_new) out_(render(std::exchange(at->second, e)));
  return true;
}

/// The end of a worker that was killed for its task, as what it was: a hang. Other events stay as they are.
event console_view::with_its_hang(const event& e) {
  auto whole = e;
  const auto found = hangs_.find(e.actor);
  if (found == hangs_.end() || e.kind != event_kind::crash) return whole;
  if (e.why && e.why->cls == cause_class::deadline) {
    whole.kind = event_kind::hang;
    if (!whole.task) whole.task = found->second.task;
  } else {
    out_(render(found->second));
  }
  hangs_.erase(found);
  return whole;
}

bool console_view::folded(const event& e) {
  if (!is_failure(e.kind) || is_last_warning(e)) {
    return false;
  }
  if (failures_.size() >= max_remembered) {
    tell_repeats(true);
    failures_.clear();
  }
  auto key = fmt::format("{}\n{}\n{}\n{}", to_string(e.kind), report::place_of(e.actor), report::cause_text(e),
                         e.decision ? e.decision->action : std::string{});
  auto& same = failures_[std::move(key)];
  if (same.untold == 0 && e.ts - same.last.ts > calm) same.seen = 0;
  same.last = e;
  if (++same.seen <= shown_repeats) {
    same.since = now_;
    return false;
  }
  if (same.untold++ == 0) ++folding_;
  if (e.kind == event_kind::crash || e.kind == event_kind::hang) {
    remember(muted_actors_, e.actor);
    if (e.task && has_fate(e.task_fate)) remember(told_tasks_, e.task->id);
  }
  if (e.task && is_lost(e.task_fate)) same.lost_tasks.push_back(e.task->id);
  if (same.lost_tasks.size() >= max_named_tasks) tell(same);
  return true;
}

bool console_view::carries_out_what_was_told(const event& e) {
  switch (e.kind) {
    case event_kind::restart:
    case event_kind::backoff:
      return told_actors_.contains(e.actor) || muted_actors_.contains(e.actor);
    case event_kind::recover:
      told_actors_.erase(e.actor);
      return muted_actors_.erase(e.actor) != 0;
    case event_kind::task_retry:
    case event_kind::task_fail:
    case event_kind::task_quarantine:
      return e.task && told_tasks_.erase(e.task->id) != 0;
    default:
      return false;
  }
}

void console_view::remember_what_was_told(const event& e) {
  if (e.kind != event_kind::crash && e.kind != event_kind::hang) {
    return;
  }
  muted_actors_.erase(e.actor);
  if (e.decision) {
    remember(told_actors_, e.actor);
  }
  if (e.task && has_fate(e.task_fate)) {
    remember(told_tasks_, e.task->id);
  }
}

void console_view::tell_repeats(bool all) {
  if (folding_ == 0) return;
  for (auto& [key, same] : failures_)
    if (same.untold > 0 && (all || now_ - same.since >= fold_for)) tell(same);
}

void console_view::tell(repeats& same) {
  const auto span = std::chrono::duration<double>(now_ - same.since).count();
  const auto times =
      same.untold == 1 ? std::string{"once more"} : fmt::format("{} more in {:.1f} s", same.untold, span);
  auto text = fmt::format("{}{}: {}\n", head(same.last.kind, report::actor_text(report::place_of(same.last.actor))),
                          times, report::safe_cause(same.last));
  if (!same.lost_tasks.empty())
    text += fmt::format("{:{}}lost: {}\n", "", indent(), tasks_text(std::exchange(same.lost_tasks, {})));
  out_(text);
  same.untold = 0;
  same.since = now_;
  --folding_;
}

void console_view::tell_summary(int code) {
  const auto lines = std::exchange(summary_, {}).lines();
  if (!has_summary_ || (options_.detail == console_detail::quiet && code == 0)) return;
  auto text = fmt::format("{}  {:<9}{}\n", time_text(), "SUMMARY", lines[0]);
  for (const auto* line : {&lines[1], &lines[2]}) text += fmt::format("{:{}}{}\n", "", indent(), *line);
  out_(text);
}

std::size_t console_view::indent() const { return detail_indent + (options_.dates ? day_.size() + 1 : 0); }

/// The time of a line. Where it bears no date, a line above it tells of a new day.
std::string console_view::time_text() {
  const auto before = std::exchange(day_, local_day(now_));
  if (options_.dates) return day_ + " " + local_time(now_);
  return (before.empty() || before == day_ ? std::string{} : day_ + "\n") + local_time(now_);
}

std::string console_view::head(event_kind kind, std::string_view actor) {
  const auto title = fmt::format("{:<9}", report::title_of(kind));
  if (options_.colour) {
    return fmt::format("{}  {}{}{}{:<18}  ", time_text(), colour_of(kind), title, plain, actor);
  }
  return fmt::format("{}  {}{:<18}  ", time_text(), title, actor);
}

std::string console_view::render(const event& e) {
  auto out = head(e.kind, report::actor_of(e)) + report::glance(e);
  while (out.ends_with(' ')) {
    out.pop_back();
  }
  out += '\n';
  for (const auto& detail : std::array{report::circumstances(e), report::consequence(e)}) {
    if (!detail.empty()) {
      out += fmt::format("{:{}}{}\n", "", indent(), detail);
    }
  }
  return out;
}

}  // namespace steward
