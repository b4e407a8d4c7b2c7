#include "observe/run_summary.hpp"

#include "observe/report_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace steward {
namespace {

constexpr std::size_t max_kinds = 4096;
constexpr std::size_t max_shown_children = 8;
constexpr std::size_t max_shown_causes = 6;

using counts = std::vector<std::pair<std::string, std::uint64_t>>;

std::string counted(std::uint64_t n, const char* one, const char* more) {
  return fmt::format("{} {}", n, n == 1 ? one : more);
}

/// Without what differs from one crash to the next.
std::string brief_cause(const event& e) {
  if (!e.why) return "unknown cause";
  cause brief;
  brief.cls = e.why->cls;
  brief.signal = e.why->signal;
  brief.code = e.why->code;
  if (brief.cls == cause_class::exception) brief.exception = e.why->exception;
  return report::escaped(describe(brief));
}

/// Steps of 2 from 100 on, of 5 from 200, of 10 from 500, of 20 from 1,000, and so on.
std::int64_t rounded(std::int64_t us) {
  if (us < 100) return us;
  std::int64_t scale = 1;
  while (us / scale >= 1'000) scale *= 10;
  const auto leading = us / scale;
  const auto step = scale * (leading < 200 ? 2 : leading < 500 ? 5 : 10);
  return (us + step / 2) / step * step;
}

/// The most frequent first, and the rest as a number.
std::string list_of(counts what, std::size_t most) {
  std::ranges::stable_sort(what, [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string out;
  for (std::size_t i = 0; i < std::min(what.size(), most); ++i) out += (i > 0 ? ", " : "") + what[i].first;
  if (what.size() > most) out += fmt::format(", and {} more", what.size() - most);
  return out;
}

}  // namespace

void run_summary::note(const event& e) {
  switch (e.kind) {
    case event_kind::crash:
      return note_crash(e);
    case event_kind::recover:
      ++counted_.recoveries;
      if (e.recovery_ms && std::isfinite(*e.recovery_ms)) {
        const auto us = std::llround(std::clamp(*e.recovery_ms * 1e3, 0.0, 1e15));
        ++counted_.recovery_times[rounded(us)];
        counted_.slowest_recovery_us = std::max<std::int64_t>(counted_.slowest_recovery_us, us);
      }
      return;
    case event_kind::stop:
      if (e.child) counted_.valueless += e.child->failed.value_or(0);
      return;
    case event_kind::task_retry:
      ++counted_.retried;
      return;
    case event_kind::task_quarantine:
      ++counted_.quarantined;
      return;
    case event_kind::task_fail:
      ++counted_.failed;
      return;
    case event_kind::give_up:
      counted_.given_up += e.lost.value_or(0);
      return;
    case event_kind::dead_letter:
      counted_.lost_messages += e.lost.value_or(0);
      return;
    case event_kind::quarantine:
      ++counted_.quarantined_messages;
      return;
    default:
      return;
  }
}

void run_summary::note_crash(const event& e) {
  ++counted_.crashes;
  counted_.lost_messages += e.lost.value_or(0);
  auto child = report::actor_text(report::place_of(e.actor));
  auto why = brief_cause(e);
  const auto known = counted_.by_child.find(child);
  const bool is_new = known == counted_.by_child.end() || !known->second.contains(why);
  if (is_new && counted_.kinds >= max_kinds)
    child = why = "others";
  else if (is_new)
    ++counted_.kinds;
  ++counted_.by_child[child][why];
  ++counted_.by_class[e.why ? to_string(e.why->cls) : "unknown"];
}

std::array<std::string, 3> run_summary::lines() const { return {crashes_text(), recoveries_text(), work_text()}; }

std::string run_summary::crashes_text() const {
  counts children;
  for (const auto& [child, causes] : counted_.by_child) {
    counts each;
    std::uint64_t all = 0;
    for (const auto& [why, n] : causes) {
      each.emplace_back(fmt::format("{} {}", n, why), n);
      all += n;
    }
    children.emplace_back(fmt::format("{} ({})", child, list_of(std::move(each), max_shown_causes)), all);
  }
  const auto out = counted(counted_.crashes, "crash", "crashes");
  return children.empty() ? out : out + ": " + list_of(std::move(children), max_shown_children);
}

std::string run_summary::recoveries_text() const {
  const auto out = counted(counted_.recoveries, "recovery", "recoveries");
  if (counted_.recovery_times.empty()) return out;
  return out +
         fmt::format(", p50 {}, p99 {}", report::human_ms(percentile_ms(50)), report::human_ms(percentile_ms(99)));
}

std::string run_summary::work_text() const {
  auto out = counted(counted_.retried, "task", "tasks") + " retried, ";
  out += counted(counted_.quarantined + counted_.failed + counted_.given_up, "task", "tasks") + " lost";
  std::string how;
  const auto add = [&how](std::uint64_t n, const char* what) {
    if (n > 0) how += fmt::format("{}{} {}", how.empty() ? "" : ", ", n, what);
  };
  add(counted_.quarantined, "quarantined");
  add(counted_.failed, "failed");
  add(counted_.given_up, "given up");
  if (!how.empty()) out += " (" + how + ")";
  if (cancelled() > 0) out += ", " + counted(cancelled(), "task", "tasks") + " cancelled";
  const auto lost = counted_.lost_messages + counted_.quarantined_messages;
  if (lost > 0) out += ", " + counted(lost, "message", "messages") + " lost";
  if (counted_.quarantined_messages > 0) out += fmt::format(" ({} quarantined)", counted_.quarantined_messages);
  return out;
}

double run_summary::percentile_ms(std::uint64_t percent) const {
  std::uint64_t all = 0;
  for (const auto& [us, n] : counted_.recovery_times) all += n;
  const auto rank = (all * percent + 99) / 100;
  std::uint64_t seen = 0;
  for (const auto& [us, n] : counted_.recovery_times) {
    seen += n;
    if (seen < rank) continue;
    const auto slowest = counted_.slowest_recovery_us;
    return static_cast<double>(seen == all && rounded(slowest) == us ? slowest : us) / 1e3;
  }
  return 0.0;
}

}  // namespace steward
