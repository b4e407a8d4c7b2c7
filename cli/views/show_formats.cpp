#include "cli/views/show.hpp"
#include "control/crash_json.hpp"
#include "observe/cause_words.hpp"
#include "observe/console.hpp"
#include "observe/phrases.hpp"
#include "observe/report_text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

namespace steward::cli {
namespace {

using phrases::counted;

constexpr std::size_t label_width = 10;

/// Paragraphs with a word before each.
class paragraphs {
public:
  explicit paragraphs(const paper& on) : on_(on) {}

  void add(std::string_view label, const std::string& text, ink with = ink::plain) {
    if (text.empty()) return;
    const auto lines = on_.width > label_width ? wrapped(text, on_.width - label_width) : std::vector{text};
    for (const auto& line : lines) {
      const bool again = label == last_;
      text_ +=
          again ? std::string(label_width, ' ') : inked(fmt::format("{:<{}}", label, label_width), ink::strong, on_);
      last_ = label;
      text_ += inked(line, with, on_) + "\n";
    }
  }
  void add_events(std::string_view label, const std::vector<event>& events) {
    console_options how;
    how.colour = on_.colour;
    console_view view{how, [&](std::string_view block) {
                        while (!block.empty()) {
                          const auto end = block.find('\n');
                          add(label, std::string{block.substr(0, end)});
                          block.remove_prefix(end == std::string_view::npos ? block.size() : end + 1);
                        }
                      }};
    for (const auto& e : events) view.show_alone(e);
  }
  std::string take() { return std::move(text_); }

private:
  const paper& on_;
  std::string last_;
  std::string text_;
};

std::string identity(const whole_crash& x) {
  auto out = report::actor_text(x.crash.path);
  if (x.crash.incarnation) out += fmt::format(", incarnation {}", *x.crash.incarnation);
  if (x.child && !x.child->kind.empty()) out += ", " + phrases::kind(*x.child);
  if (x.child && x.child->kind == "worker" && !x.child->type.empty()) out += " of " + report::escaped(x.child->type);
  if (!x.crash.runs_in.empty()) out += ", in a " + report::escaped(x.crash.runs_in);
  return x.crash.pid ? out + fmt::format(", pid {}", *x.crash.pid) : out;
}

std::string seen(const whole_crash& x, run_view::time_point now) {
  if (x.alike.count <= 1) return x.crash.fingerprint + ": the only one of its kind";
  auto out =
      fmt::format("{}: seen {}, first {} at {}, last {} at {}", x.crash.fingerprint, counted(x.alike.count, "time"),
                  report::escaped(x.alike.first_id), phrases::at(x.alike.first, now), report::escaped(x.alike.last_id),
                  phrases::at(x.alike.last, now));
  return x.has_history ? out + fmt::format("; {} before this one", x.alike_before) : out;
}

/// The crash as an event, for the texts that there are for events.
event event_of(const crash_view& x) {
  event out;
  out.kind = event_kind::crash;
  out.why = x.why;
  out.task = x.task;
  out.task_fate = x.task_fate;
  out.decision = x.decision;
  return out;
}

std::string task_text(const event_task& x) {
  event e;
  e.task = x;
  return report::circumstances(e);
}

std::string fate_of_state(const crash_view& x) {
  if (!x.decision) return {};
  const auto& action = x.decision->action;
  if (action == "resume") return "state: kept, the message was skipped";
  if (x.task || x.path != x.place) return {};
  if (action == "restart" || action == "retry") return "state: gone with the incarnation; the next one begins anew";
  return "state: gone";
}

void add_cause(paragraphs& out, const crash_view& x, std::size_t frames) {
  out.add("why", report::escaped(describe(x.why)), ink::bad);
  out.add("why", meaning_of(x.why));
  out.add("why", author_of(x.why, x.pid.value_or(0)));
  for (const auto& line : frame_lines(x.why.frames, frames)) out.add("where", line);
}

/// What it wrote last. Of a thread nobody knows what of the program's output was its own.
void add_output(paragraphs& out, const whole_crash& x) {
  for (const auto& line : x.crash.why.stderr_tail) out.add("stderr", report::escaped(line), ink::dim);
  for (const auto& line : x.printed) out.add("stdout", report::escaped(line), ink::dim);
}

void add_circumstances(paragraphs& out, const whole_crash& x) {
  const auto& crash = x.crash;
  if (crash.task) out.add("in hand", task_text(*crash.task));
  out.add("in hand", report::escaped(crash.text));
  if (crash.kept) out.add("waiting", counted(*crash.kept, "message"));
  std::string used;
  if (crash.up_ms) used = "up for " + report::human_ms(*crash.up_ms);
  if (crash.why.cpu_ms > 0)
    used += (used.empty() ? "" : ", ") +
            fmt::format("{} of processor time", report::human_ms(static_cast<double>(crash.why.cpu_ms)));
  if (crash.why.rss_peak_kib > 0)
    used += (used.empty() ? "" : ", ") + ("at its peak " + phrases::memory(crash.why.rss_peak_kib));
  out.add("used", used);
  add_output(out, x);
}

void add_consequence(paragraphs& out, const whole_crash& x) {
  const auto& crash = x.crash;
  auto decided = report::consequence(event_of(crash));
  if (crash.decision && !crash.decision->strategy.empty())
    decided = report::escaped(crash.decision->strategy) + ": " + decided;
  out.add("decided", crash.decision ? decided : "nothing: the program itself died");
  if (crash.recovery_ms) out.add("decided", "ready again " + report::human_ms(*crash.recovery_ms) + " after the crash");
  for (const auto& one : x.ladder) out.add("if again", one);
  out.add("became", fate_of_state(crash));
  if (crash.lost.value_or(0) > 0) out.add("became", "the message in hand is lost");
  if (crash.kept.value_or(0) > 0) out.add("became", counted(*crash.kept, "message") + " kept for the next incarnation");
}

}  // namespace

std::string render_crash(const whole_crash& x, run_view::time_point now, const std::string& named, const paper& on,
                         std::size_t frames) {
  paragraphs out{on};
  out.add(x.crash.id, identity(x), ink::strong);
  out.add("when", fmt::format("{}, event {}", phrases::date_and_time(x.crash.at), x.crash.seq));
  out.add("alike", seen(x, now));
  add_cause(out, x.crash, frames);
  add_circumstances(out, x);
  out.add_events("before", x.before);
  add_consequence(out, x);
  out.add_events("after", x.after);
  if (!x.has_history) out.add("note", "the events around it are not kept, so what is told is the crash alone");
  const auto run = named.empty() ? "" : " " + report::escaped(named);
  out.add("next", fmt::format("steward log{} --actor '{}'", run, report::actor_text(x.crash.path)));
  out.add("next", fmt::format("steward tree{} --at {}", run, x.crash.id));
  return out.take();
}

std::string render_crash_json(const whole_crash& x) { return account_json(x).dump(2) + "\n"; }

}  // namespace steward::cli
