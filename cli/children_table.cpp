#include "cli/children_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace steward::cli {

std::vector<std::string> children_table(const std::vector<child_info>& children) {
  constexpr std::size_t columns = 7;
  using row = std::array<std::string, columns>;
  std::vector<row> rows{{"id", "status", "restart", "incarnation", "handled", "waiting", "dead"}};
  for (auto it = children.rbegin(); it != children.rend(); ++it) {
    const auto& one = *it;
    // A pool has no messages, and neither has a supervisor.
    const bool counts = !one.is_supervisor && (one.handle || one.messages.accepted > 0 || one.messages.rejected > 0);
    const auto count = [&](std::uint64_t x) { return counts ? fmt::format("{}", x) : std::string{"-"}; };
    rows.push_back({one.id, to_string(one.status), to_string(one.restart), fmt::format("{}", one.incarnation),
                    count(one.messages.handled), count(one.messages.waiting), count(one.messages.dead)});
  }
  row::size_type column = 0;
  std::array<std::size_t, columns> width{};
  for (; column < columns; ++column)
    for (const auto& one : rows) width.at(column) = std::max(width.at(column), one.at(column).size());
  constexpr std::size_t first_number = 3;
  std::vector<std::string> out;
  for (const auto& one : rows) {
    std::string line;
    for (column = 0; column < columns; ++column) {
      const auto& text = one.at(column);
      line += column == 0 ? "" : "  ";
      line += column < first_number ? fmt::format("{:<{}}", text, width.at(column))
                                    : fmt::format("{:>{}}", text, width.at(column));
    }
    out.push_back(std::move(line));
  }
  return out;
}

}  // namespace steward::cli
