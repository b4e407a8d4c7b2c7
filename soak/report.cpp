// The verdict as text.
#include "soak/checker.hpp"

#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace steward::soak {

std::string render(const verdict& v) {
  std::string out;
  auto to = std::back_inserter(out);
  fmt::format_to(to, "seed {}: {} tasks in {:.1f} s ({:.0f}/s), {} faults ({:.1f}/s)\n", v.seed, v.tasks, v.seconds,
                 v.seconds > 0 ? static_cast<double>(v.tasks) / v.seconds : 0.0, v.fault_count,
                 v.seconds > 0 ? static_cast<double>(v.fault_count) / v.seconds : 0.0);
  fmt::format_to(to, "{:<14}{:>9}{:>9}{:>11}\n", "fault", "done", "told", "overtaken");
  for (std::size_t i = 1; i < v.faults.size(); ++i) {
    const auto& f = v.faults[i];
    fmt::format_to(to, "{:<14}{:>9}{:>9}{:>11}\n", to_string(static_cast<fault_kind>(i)), f.injected, f.told,
                   f.overtaken);
  }
  for (const auto& [what, count] : v.overtakings) fmt::format_to(to, "  overtaken: {}: {}\n", what, count);
  fmt::format_to(to, "planned faults whose attempt was lost before: {}; held up past a limit without a fault: {}\n",
                 v.never_struck, v.late);
  fmt::format_to(to, "outcomes:");
  for (const auto& [kind, count] : v.outcomes) fmt::format_to(to, " {} {}", kind, count);
  fmt::format_to(to, "; attempts lost {}, answers found after a death {}\n", v.attempts_lost, v.salvaged);
  fmt::format_to(to, "crash to ready: p50 {:.2f} ms, p99 {:.1f} ms, max {:.0f} ms ({}; with bad starts {:.0f} ms)\n",
                 v.recovery_p50_ms, v.recovery_p99_ms, v.recovery_max_ms, v.recoveries, v.slowest_ms);
  fmt::format_to(to, "submission to outcome: p99 {:.1f} ms, max {:.0f} ms; full size {} ms after the end\n",
                 v.age_p99_ms, v.oldest_ms, v.back_ms);
  fmt::format_to(to, "resident memory: {} KiB, slope {:+.0f} KiB per 5 min\n", v.resident_kib, v.slope_kib_5min);
  for (const auto& p : v.problems) fmt::format_to(to, "WRONG: {}\n", p);
  if (v.problem_count > v.problems.size())
    fmt::format_to(to, "WRONG: and {} more\n", v.problem_count - v.problems.size());
  fmt::format_to(
      to, "{}\n",
      v.problem_count == 0 ? "sound: nothing lost, doubled or wrong; every fault accounted for" : "NOT SOUND");
  return out;
}

std::string render_json(const verdict& v) {
  using json = nlohmann::ordered_json;
  json faults = json::object();
  for (std::size_t i = 1; i < v.faults.size(); ++i) {
    const auto& f = v.faults[i];
    faults[to_string(static_cast<fault_kind>(i))] = {
        {"done", f.injected}, {"told", f.told}, {"overtaken", f.overtaken}};
  }
  const json out{{"sound", v.problem_count == 0},
                 {"seed", v.seed},
                 {"tasks", v.tasks},
                 {"seconds", v.seconds},
                 {"outcomes", v.outcomes},
                 {"attempts_lost", v.attempts_lost},
                 {"salvaged", v.salvaged},
                 {"faults", faults},
                 {"fault_count", v.fault_count},
                 {"overtaken", v.overtakings},
                 {"never_struck", v.never_struck},
                 {"late", v.late},
                 {"recovery_ms",
                  {{"p50", v.recovery_p50_ms},
                   {"p99", v.recovery_p99_ms},
                   {"max", v.recovery_max_ms},
                   {"count", v.recoveries},
                   {"slowest", v.slowest_ms}}},
                 {"age_ms", {{"p99", v.age_p99_ms}, {"max", v.oldest_ms}}},
                 {"back_ms", v.back_ms},
                 {"resident_kib", v.resident_kib},
                 {"slope_kib_5min", v.slope_kib_5min},
                 {"problem_count", v.problem_count},
                 {"problems", v.problems}};
  return out.dump();
}

}  // namespace steward::soak
