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
      return dim;
  }
  return dim;
}

bool is_failure(event_kind kind) noexcept {
  return kind == event_kind::crash || kind == event_kind::hang || kind == event_kind::task_quarantine ||
         kind == event_kind::task_fail || kind == event_kind::quarantine;
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
      return console_detail::normal;
    case event_kind::run_start:
    case event_kind::run_end:
    case event_kind::start:
    case event_kind::ready:
    case event_kind::stop:
    case event_kind::config:
    case event_kind::output:
      break;
  }
  return level >= event_level::warn ? console_detail::normal : console_detail::verbose;
}

// The workers of a pool are interchangeable, so a repeat is counted for the pool; any other child counts for itself.
std::string place_of(std::string_view actor) {
  const auto slash = actor.rfind('/');
  if (slash == std::string_view::npos || slash + 2 >= actor.size() || actor[slash + 1] != 'w') {
    return std::string{actor};
  }
  const auto number = actor.substr(slash + 2);
  const bool worker = std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
  return std::string{worker ? actor.substr(0, slash) : actor};
}

std::string local_time(std::chrono::system_clock::time_point at) {
  using namespace std::chrono;
  const auto whole = floor<seconds>(at);
  const std::time_t seconds_since_epoch = system_clock::to_time_t(whole);
  std::tm parts{};
  localtime_r(&seconds_since_epoch, &parts);
  return fmt::format("{:02}:{:02}:{:02}.{:03}", parts.tm_hour, parts.tm_min, parts.tm_sec,
                     duration_cast<milliseconds>(at - whole).count());
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
  if (!wanted(e)) {
    return;
  }
  if (options_.detail != console_detail::verbose) {
    if (carries_out_what_was_told(e) || folded(e)) {
      return;
    }
    remember_what_was_told(e);
  }
  tell_repeats();
  out_(render(e));
}

void console_view::finish() { tell_repeats(); }

bool console_view::wanted(const event& e) {
  return e.kind != event_kind::output && least_detail(e.kind, e.level) <= options_.detail;
}

bool console_view::folded(const event& e) {
  if (!is_failure(e.kind)) {
    return false;
  }
  if (failures_.size() >= max_remembered) {
    tell_repeats();
    failures_.clear();
  }
  auto key = fmt::format("{}\n{}\n{}\n{}", to_string(e.kind), place_of(e.actor), report::cause_text(e),
                         e.decision ? e.decision->action : std::string{});
  auto& same = failures_[std::move(key)];
  if (++same.seen <= shown_repeats) {
    return false;
  }
  ++same.untold;
  same.last = e;
  remember(muted_actors_, e.actor);
  if (e.task && e.task_fate == "requeued") {
    remember(told_tasks_, e.task->id);
  }
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
  if (e.task && e.task_fate == "requeued") {
    remember(told_tasks_, e.task->id);
  }
}

void console_view::tell_repeats() {
  for (auto& [key, same] : failures_) {
    if (same.untold == 0) {
      continue;
    }
    const auto times = same.untold == 1 ? std::string{"once"} : fmt::format("{} times", same.untold);
    out_(fmt::format("{}same as above, {}: {}\n", head(same.last, report::actor_text(place_of(same.last.actor))), times,
                     report::safe_cause(same.last)));
    same.untold = 0;
  }
}

std::string console_view::head(const event& e, std::string_view actor) const {
  const auto kind = fmt::format("{:<9}", report::title_of(e.kind));
  if (options_.colour) {
    return fmt::format("{}  {}{}{}{:<18}  ", local_time(e.ts), colour_of(e.kind), kind, plain, actor);
  }
  return fmt::format("{}  {}{:<18}  ", local_time(e.ts), kind, actor);
}

std::string console_view::render(const event& e) const {
  auto out = head(e, report::actor_of(e)) + report::glance(e);
  while (out.ends_with(' ')) {
    out.pop_back();
  }
  out += '\n';
  for (const auto& detail : std::array{report::circumstances(e), report::consequence(e)}) {
    if (!detail.empty()) {
      out += fmt::format("{:{}}{}\n", "", detail_indent, detail);
    }
  }
  return out;
}

}  // namespace steward
