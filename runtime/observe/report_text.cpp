#include "observe/report_text.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

#include <utility>

namespace steward {
namespace {

constexpr std::size_t max_glance_bytes = 400;
constexpr std::size_t max_actor_bytes = 200;
constexpr std::size_t max_args_shown = 120;

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
  } else if (decision.action == "retry") {
    out = fmt::format("start again, {} of {}, {}", decision.restarts, decision.limit,
                      decision.delay_ms == 0 ? "now" : "after " + human_period(decision.delay_ms));
  } else if (decision.action == "end") {
    out =
        fmt::format("ended for good: {} restarts in {} are allowed", decision.limit, human_period(decision.period_ms));
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

/// What is new with a child, where no other kind of event says it.
std::string child_text(const event_child& x) {
  std::string out = safe(x.state);
  append(out, safe(x.kind), ": ");
  append(out, safe(x.kind == "supervisor" ? x.strategy : x.type), " ");
  return out;
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
    case event_kind::log:
      return "LOG";
    case event_kind::child:
      return "CHILD";
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
  if (e.kind == event_kind::child && e.child) append(out, child_text(*e.child));
  append(out, e.why ? safe(describe(*e.why)) : std::string{});
  append(out, safe(e.text), e.why ? "; " : ", ");
  if (e.pid && !e.task && e.kind != event_kind::crash && e.kind != event_kind::log) {
    append(out, fmt::format("pid {}", *e.pid));
  }
  if (e.lost) {
    append(out, fmt::format("{} lost", *e.lost));
  }
  if (e.by) append(out, "by " + safe(*e.by));
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

}  // namespace steward
