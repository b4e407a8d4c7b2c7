#pragma once

#include "soak/oracle.hpp"

#include <array>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

namespace steward::soak {

/// What a history shows. It is sound when `problems` is empty.
struct verdict {
  std::vector<std::string> problems;  ///< the first of them, in words
  std::uint64_t problem_count = 0;

  std::uint64_t seed = 0;
  std::uint64_t tasks = 0;
  double seconds = 0;  ///< from the first submission to the last outcome
  std::map<std::string, std::uint64_t> outcomes;
  std::uint64_t attempts_lost = 0;
  std::uint64_t salvaged = 0;  ///< answers of workers that died before they could send them

  struct fault_row {
    std::uint64_t injected = 0;
    std::uint64_t told = 0;       ///< its crash names it
    std::uint64_t overtaken = 0;  ///< its worker died of another fault first
  };
  std::array<fault_row, fault_kinds> faults;
  std::uint64_t fault_count = 0;
  std::uint64_t fault_rate_target = 0;
  std::map<std::string, std::uint64_t> overtakings;  ///< "kill, dead of segv first": how often
  std::uint64_t never_struck = 0;  ///< planned attempts whose worker died of something else before them
  std::uint64_t late = 0;          ///< tasks or workers without a fault that a busy machine held up past a limit

  std::uint64_t recoveries = 0;  ///< whose start had no fault of its own
  double recovery_p50_ms = 0;    ///< of these, from crash to ready
  double recovery_p99_ms = 0;
  double recovery_max_ms = 0;
  double slowest_ms = 0;  ///< of all, those included whose starts had faults
  double oldest_ms = 0;   ///< from submission to outcome
  double age_p99_ms = 0;
  std::uint64_t back_ms = 0;  ///< until the pool had its size again, at the end
  double slope_kib_5min = 0;  ///< of resident memory, over the last 80 %
  std::uint64_t resident_kib = 0;
};

/// Judges a history by itself alone; see history.hpp for the format. It trusts nothing in it.
verdict check(std::istream& history);

/// A table for people.
std::string render(const verdict& v);
std::string render_json(const verdict& v);

}  // namespace steward::soak
