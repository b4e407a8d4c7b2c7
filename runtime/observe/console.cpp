#include "observe/console.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

namespace steward {
namespace {

constexpr std::size_t max_glance_bytes = 400;
constexpr std::size_t max_actor_bytes = 200;
constexpr std::size_t max_args_shown = 120;
constexpr std::size_t max_remembered = 4096;
constexpr std::size_t detail_indent = 23;

struct kind_look {
  std::string_view name;
  std::string_view colour;
};

constexpr std::string_view red = "\x1b[31m";
constexpr std::string_view yellow = "\x1b[33m";
constexpr std::string_view green = "\x1b[32m";
constexpr std::string_view dim = "\x1b[2m";
constexpr std::string_view plain = "\x1b[0m";

kind_look look_of(event_kind kind) noexcept {
  switch (kind) {
    case event_kind::run_start:
      return {"RUN", dim};
    case event_kind::run_end:
      return {"END", dim};
    case event_kind::start:
      return {"START", dim};
    case event_kind::ready:
      return {"READY", dim};
    case event_kind::stop:
      return {"STOP", dim};
    case event_kind::crash:
      return {"CRASH", red};
    case event_kind::hang:
      return {"HANG", red};
    case event_kind::restart:
      return {"RESTART", yellow};
    case event_kind::recover:
      return {"RECOVER", green};
    case event_kind::backoff:
      return {"BACKOFF", yellow};
    case event_kind::limit:
      return {"LIMIT", red};
    case event_kind::escalate:
      return {"ESCALATE", red};
    case event_kind::give_up:
      return {"GIVE UP", red};
    case event_kind::task_retry:
      return {"RETRY", yellow};
    case event_kind::task_quarantine:
      return {"POISON", red};
    case event_kind::task_fail:
      return {"FAILED", red};
    case event_kind::dead_letter:
      return {"DEAD", yellow};
    case event_kind::config:
      return {"CONFIG", dim};
    case event_kind::operator_:
      return {"OPERATOR", yellow};
    case event_kind::warn:
      return {"WARN", yellow};
    case event_kind::output:
      return {"OUTPUT", dim};
  }
  return {"EVENT", dim};
}

bool is_failure(event_kind kind) noexcept {
  return kind == event_kind::crash || kind == event_kind::hang || kind == event_kind::task_quarantine ||
         kind == event_kind::task_fail;
}

console_detail least_detail(event_kind kind, event_level level) noexcept {
  switch (kind) {
    case event_kind::limit:
    case event_kind::escalate:
    case event_kind::give_up:
    case event_kind::task_quarantine:
    case event_kind::task_fail:
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

std::string safe(std::string_view text, std::size_t max_bytes = max_glance_bytes) {
  return shorten(escape_text(shorten(text, max_bytes)), max_bytes);
}

std::string human_ms(double ms) {
  if (ms >= 10'000.0) {
    return fmt::format("{:.1f} s", ms / 1000.0);
  }
  return ms >= 100.0 ? fmt::format("{:.0f} ms", ms) : fmt::format("{:.1f} ms", ms);
}

std::string human_period(std::int64_t ms) {
  return ms != 0 && ms % 1000 == 0 ? fmt::format("{} s", ms / 1000) : fmt::format("{} ms", ms);
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

std::string name_of(const event& e) {
  auto name = safe(e.actor, max_actor_bytes);
  if (e.incarnation.value_or(1) > 1) {
    name += fmt::format("#{}", *e.incarnation);
  }
  return name;
}

std::string cause_text(const event& e) { return e.why ? describe(*e.why) : e.text; }

void append(std::string& text, std::string_view part, std::string_view separator = ", ") {
  if (part.empty()) {
    return;
  }
  if (!text.empty()) {
    text += separator;
  }
  text += part;
}

std::string task_text(const event_task& task) {
  auto out = fmt::format("task {} {}({})", task.id, safe(task.name, max_actor_bytes), safe(task.args, max_args_shown));
  if (task.attempt != 0) {
    out += fmt::format(", attempt {} of {}", task.attempt, task.attempts);
  }
  if (task.ran_ms > 0.0) {
    out += fmt::format(", ran {}", human_ms(task.ran_ms));
  }
  return out;
}

std::string decision_text(const event_decision& decision) {
  std::string out;
  if (decision.action == "restart") {
    out = fmt::format("restart {} of {} in {}, {}", decision.restarts, decision.limit, human_period(decision.period_ms),
                      decision.delay_ms == 0 ? "now" : "after " + human_period(decision.delay_ms));
  } else if (decision.action == "stop") {
    out = "not restarted";
  } else if (decision.action == "escalate") {
    out = "handed to its supervisor's parent";
  } else if (decision.action == "give_up") {
    out = fmt::format("gave up: {} restarts in {} are allowed", decision.limit, human_period(decision.period_ms));
  } else if (decision.action == "none") {
    out = "nothing to decide";
  } else {
    out = safe(decision.action);
  }
  std::string others;
  for (const auto& other : decision.also) {
    append(others, safe(other, max_actor_bytes));
  }
  append(out, others.empty() ? others : "also: " + others, "; ");
  return out;
}

std::string fate_text(const event& e) {
  if (!e.task || e.task_fate.empty() || e.task_fate == "none") {
    return {};
  }
  if (e.task_fate == "requeued") {
    return fmt::format("task {} runs again on another worker", e.task->id);
  }
  return fmt::format("task {} is {}", e.task->id, safe(e.task_fate));
}

// The first line's message: what happened, in the fewest words.
std::string glance(const event& e) {
  std::string out;
  if (e.recovery_ms) {
    out = human_ms(*e.recovery_ms) + " after the crash";
  }
  append(out, e.why ? safe(describe(*e.why)) : std::string{});
  append(out, safe(e.text), e.why ? "; " : ", ");
  if (e.pid && !e.task && e.kind != event_kind::crash) {
    append(out, fmt::format("pid {}", *e.pid));
  }
  if (e.lost) {
    append(out, fmt::format("{} lost", *e.lost));
  }
  if (e.kept) {
    append(out, fmt::format("{} kept", *e.kept));
  }
  if (e.code) {
    append(out, fmt::format("exit code {}", *e.code));
  }
  return out;
}

std::string circumstances(const event& e) {
  std::string out = e.task ? task_text(*e.task) : std::string{};
  if (e.pid && (e.task || e.kind == event_kind::crash)) {
    append(out, fmt::format("pid {}", *e.pid), "; ");
  }
  if (e.rss_peak_kib) {
    append(out, fmt::format("peak memory {:.1f} MiB", static_cast<double>(*e.rss_peak_kib) / 1024.0), "; ");
  }
  return out;
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
  auto key = fmt::format("{}\n{}\n{}\n{}", to_string(e.kind), place_of(e.actor), cause_text(e),
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
    out_(fmt::format("{}same as above, {}: {}\n", head(same.last, safe(place_of(same.last.actor), max_actor_bytes)),
                     times, safe(cause_text(same.last))));
    same.untold = 0;
  }
}

std::string console_view::head(const event& e, std::string_view actor) const {
  const auto look = look_of(e.kind);
  const auto kind = fmt::format("{:<9}", look.name);
  if (options_.colour) {
    return fmt::format("{}  {}{}{}{:<18}  ", local_time(e.ts), look.colour, kind, plain, actor);
  }
  return fmt::format("{}  {}{:<18}  ", local_time(e.ts), kind, actor);
}

std::string console_view::render(const event& e) const {
  auto out = head(e, name_of(e)) + glance(e);
  while (out.ends_with(' ')) {
    out.pop_back();
  }
  out += '\n';
  std::string consequence = e.decision ? decision_text(*e.decision) : std::string{};
  append(consequence, fate_text(e), "; ");
  for (const auto& detail : std::array{circumstances(e), consequence}) {
    if (!detail.empty()) {
      out += fmt::format("{:{}}{}\n", "", detail_indent, detail);
    }
  }
  return out;
}

}  // namespace steward
