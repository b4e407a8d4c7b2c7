#include "observe/report_text.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace steward {
namespace {

constexpr std::size_t max_glance_bytes = 400;
constexpr std::size_t max_actor_bytes = 200;
constexpr std::size_t max_args_shown = 120;
constexpr std::size_t detail_indent = 4;

std::string safe(std::string_view text, std::size_t max_bytes = max_glance_bytes) {
  return shorten(escape_text(shorten(text, max_bytes)), max_bytes);
}

std::string human_period(std::int64_t ms) {
  return ms != 0 && ms % 1000 == 0 ? fmt::format("{} s", ms / 1000) : fmt::format("{} ms", ms);
}

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
    out += fmt::format(", ran {}", report::human_ms(task.ran_ms));
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
    out = decision.period_ms == 0
              ? fmt::format("gave up: {} failed starts in a row are allowed", decision.limit)
              : fmt::format("gave up: {} restarts in {} are allowed", decision.limit, human_period(decision.period_ms));
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

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

/// The same for events that tell the same.
std::string gist_of(const event& e) {
  return fmt::format("{}\n{}\n{}\n{}", to_string(e.kind), parent_of(e.actor), report::cause_text(e),
                     e.decision ? e.decision->action : std::string{});
}

std::string count_left_out(std::size_t all, std::size_t shown) {
  return all > shown ? fmt::format("and {} more", all - shown) : std::string{};
}

std::string lay_out(std::string first, const std::vector<std::string>& details, const report_format& how) {
  for (const auto& detail : details) {
    if (detail.empty()) {
      continue;
    }
    first += how.single_line ? "; " + detail : fmt::format("\n{:{}}{}", "", detail_indent, detail);
  }
  return (how.chars_limit > 0 ? shorten(first, how.chars_limit) : std::move(first)) + "\n";
}

std::string head_of(const event& e, const std::string& who) {
  auto out = std::string{report::title_of(e.kind)};
  append(out, who, " ");
  append(out, report::glance(e), ": ");
  return out;
}

void append_frames(std::vector<std::string>& details, const event& e, std::size_t depth) {
  if (e.why) {
    for (const auto& line : e.why->stderr_tail) details.push_back("stderr: " + safe(line));
  }
  if (!e.why) {
    return;
  }
  const auto& frames = e.why->frames;
  for (std::size_t i = 0; i < std::min(frames.size(), depth); ++i) {
    details.push_back("at " + safe(frames[i]));
  }
  details.push_back(count_left_out(frames.size(), depth));
}

std::string format_group(const std::vector<const event*>& alike, const report_format& how) {
  const auto& last = *alike.back();
  std::vector<std::string> names;
  for (const auto* e : alike) {
    if (names.size() < how.depth) {
      names.push_back(report::actor_text(e->actor.substr(e->actor.rfind('/') + 1)));
    }
  }
  std::string who;
  for (const auto& name : names) {
    append(who, name);
  }
  append(who, count_left_out(alike.size(), names.size()));
  std::vector<std::string> details{who, report::consequence(last)};
  append_frames(details, last, how.depth);
  const auto crowd = fmt::format("{} children of {}", alike.size(), report::actor_text(parent_of(last.actor)));
  return lay_out(head_of(last, crowd), details, how);
}

}  // namespace

namespace report {

std::string_view title_of(event_kind kind) noexcept {
  switch (kind) {
    case event_kind::run_start:
      return "RUN";
    case event_kind::run_end:
      return "END";
    case event_kind::start:
      return "START";
    case event_kind::ready:
      return "READY";
    case event_kind::stop:
      return "STOP";
    case event_kind::crash:
      return "CRASH";
    case event_kind::hang:
      return "HANG";
    case event_kind::restart:
      return "RESTART";
    case event_kind::recover:
      return "RECOVER";
    case event_kind::backoff:
      return "BACKOFF";
    case event_kind::limit:
      return "LIMIT";
    case event_kind::escalate:
      return "ESCALATE";
    case event_kind::give_up:
      return "GIVE UP";
    case event_kind::task_retry:
      return "RETRY";
    case event_kind::task_quarantine:
      return "POISON";
    case event_kind::task_fail:
      return "FAILED";
    case event_kind::quarantine:
      return "POISON";
    case event_kind::park:
      return "PARKED";
    case event_kind::dead_letter:
      return "DEAD";
    case event_kind::config:
      return "CONFIG";
    case event_kind::operator_:
      return "OPERATOR";
    case event_kind::warn:
      return "WARN";
    case event_kind::output:
      return "OUTPUT";
  }
  return "EVENT";
}

std::string human_ms(double ms) {
  if (ms >= 10'000.0) {
    return fmt::format("{:.1f} s", ms / 1000.0);
  }
  return ms >= 100.0 ? fmt::format("{:.0f} ms", ms) : fmt::format("{:.1f} ms", ms);
}

std::string escaped(std::string_view text) { return safe(text); }

std::string place_of(std::string_view actor) {
  const auto slash = actor.rfind('/');
  if (slash == std::string_view::npos || slash + 2 >= actor.size() || actor[slash + 1] != 'w') {
    return std::string{actor};
  }
  const auto number = actor.substr(slash + 2);
  const bool worker = std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
  return std::string{worker ? actor.substr(0, slash) : actor};
}

std::string actor_text(std::string_view path) { return safe(path, max_actor_bytes); }

std::string actor_of(const event& e) {
  auto name = actor_text(e.actor);
  if (e.incarnation.value_or(1) > 1) {
    name += fmt::format("#{}", *e.incarnation);
  }
  return name;
}

std::string cause_text(const event& e) { return e.why ? describe(*e.why) : e.text; }

std::string safe_cause(const event& e) { return safe(cause_text(e)); }

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

std::string consequence(const event& e) {
  std::string out = e.decision ? decision_text(*e.decision) : std::string{};
  append(out, fate_text(e), "; ");
  return out;
}

}  // namespace report

std::string format_report(const event& e, const report_format& how) {
  std::vector<std::string> details{report::circumstances(e), report::consequence(e)};
  append_frames(details, e, how.depth);
  return lay_out(head_of(e, report::actor_of(e)), details, how);
}

std::string format_reports(const std::vector<event>& events, const report_format& how) {
  std::vector<std::vector<const event*>> groups;
  std::map<std::string, std::size_t> group_of;
  for (const auto& e : events) {
    const auto [at, is_new] = group_of.emplace(gist_of(e), groups.size());
    if (is_new) {
      groups.emplace_back();
    }
    groups[at->second].push_back(&e);
  }
  std::string out;
  for (const auto& alike : groups) {
    out += alike.size() == 1 ? format_report(*alike.front(), how) : format_group(alike, how);
  }
  return out;
}

}  // namespace steward
