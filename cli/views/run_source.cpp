#include "cli/views/run_source.hpp"

#include "observe/phrases.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace steward::cli {

run_view run_source::view_at(const moment& when) {
  run_view out;
  events_after(0, [&](const event& e) {
    if (when.is_over_at(e)) return false;
    fold(out, e);
    return !when.is_last(e);
  });
  return out;
}

std::vector<std::string> gaps_of(const run_view& view) {
  using phrases::counted;
  constexpr std::size_t most_named = 5;
  std::vector<std::string> out;
  if (view.missing > 0) {
    std::string where;
    for (std::size_t i = 0; i < std::min(view.gaps.size(), most_named); ++i) {
      const auto [first, last] = view.gaps[i];
      where += (i > 0 ? ", " : "") + (first == last ? std::to_string(first) : fmt::format("{}-{}", first, last));
    }
    if (view.gaps.size() > most_named) where += " and more";
    out.push_back(fmt::format("a gap: {} missing (numbers {}); what they told is not in these figures",
                              counted(view.missing, "event is", "events are"), where));
  }
  if (view.repeated > 0)
    out.push_back(counted(view.repeated, "event came", "events came") + " twice or too late, and counted once");
  if (view.untold_children > 0)
    out.push_back(fmt::format("there are more than {} children; {} about others", run_view::max_children,
                              counted(view.untold_children, "event is", "events are")));
  return out;
}

}  // namespace steward::cli
