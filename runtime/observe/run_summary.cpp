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
      ++recoveries_;
      if (e.recovery_ms && std::isfinite(*e.recovery_ms)) {
        const double us = std::clamp(*e.recovery_ms * 1e3, 0.0, 1e15);
        ++recovery_times_[us < 1e6 ? std::llround(us) : 1'000 * std::llround(us / 1e3)];
      }
      return;
    case event_kind::task_retry:
      ++retried_;
      return;
    case event_kind::task_quarantine:
      ++quarantined_;
      return;
    case event_kind::task_fail:
      ++failed_;
      return;
    case event_kind::give_up:
      given_up_ += e.lost.value_or(0);
      return;
    case event_kind::dead_letter:
      lost_messages_ += e.lost.value_or(0);
      return;
    default:
      return;
  }
}

void run_summary::note_crash(const event& e) {
  ++crashes_;
  auto child = report::actor_text(report::place_of(e.actor));
  auto why = brief_cause(e);
  const auto known = by_child_.find(child);
  const bool is_new = known == by_child_.end() || !known->second.contains(why);
  if (is_new && kinds_ >= max_kinds)
    child = why = "others";
  else if (is_new)
    ++kinds_;
  ++by_child_[child][why];
}

std::array<std::string, 3> run_summary::lines() const { return {crashes_text(), recoveries_text(), work_text()}; }

std::string run_summary::crashes_text() const {
  counts children;
  for (const auto& [child, causes] : by_child_) {
    counts each;
    std::uint64_t all = 0;
    for (const auto& [why, n] : causes) {
      each.emplace_back(fmt::format("{} {}", n, why), n);
      all += n;
    }
    children.emplace_back(fmt::format("{} ({})", child, list_of(std::move(each), max_shown_causes)), all);
  }
  const auto out = counted(crashes_, "crash", "crashes");
  return children.empty() ? out : out + ": " + list_of(std::move(children), max_shown_children);
}

std::string run_summary::recoveries_text() const {
  const auto out = counted(recoveries_, "recovery", "recoveries");
  if (recovery_times_.empty()) return out;
  return out +
         fmt::format(", p50 {}, p99 {}", report::human_ms(percentile_ms(50)), report::human_ms(percentile_ms(99)));
}

std::string run_summary::work_text() const {
  auto out = counted(retried_, "task", "tasks") + " retried, ";
  out += counted(quarantined_ + failed_ + given_up_, "task", "tasks") + " lost";
  std::string how;
  const auto add = [&how](std::uint64_t n, const char* what) {
    if (n > 0) how += fmt::format("{}{} {}", how.empty() ? "" : ", ", n, what);
  };
  add(quarantined_, "quarantined");
  add(failed_, "failed");
  add(given_up_, "given up");
  if (!how.empty()) out += " (" + how + ")";
  return lost_messages_ > 0 ? out + ", " + counted(lost_messages_, "message", "messages") + " lost" : out;
}

double run_summary::percentile_ms(std::uint64_t percent) const {
  std::uint64_t all = 0;
  for (const auto& [us, n] : recovery_times_) all += n;
  const auto rank = (all * percent + 99) / 100;
  std::uint64_t seen = 0;
  for (const auto& [us, n] : recovery_times_) {
    seen += n;
    if (seen >= rank) return static_cast<double>(us) / 1e3;
  }
  return 0.0;
}

}  // namespace steward
