#include "cli/commands.hpp"

#include "cli/program_commands.hpp"
#include "cli/scenario_commands.hpp"
#include "cli/views/log.hpp"
#include "cli/views/observe.hpp"
#include "cli/views/operate.hpp"
#include "cli/views/ps.hpp"
#include "cli/views/report.hpp"
#include "cli/views/runs.hpp"
#include "cli/views/show.hpp"
#include "cli/views/top.hpp"
#include "cli/views/tree.hpp"

#include <utility>

namespace steward::cli {

std::vector<std::unique_ptr<command>> all_commands() {
  using maker = std::unique_ptr<command> (*)();
  constexpr maker views[] = {make_ps_command,   make_tree_command, make_log_command,  make_report_command,
                             make_show_command, make_top_command,  make_runs_command, make_observe_command};
  auto out = make_scenario_commands();
  for (const auto make : views) out.push_back(make());
  for (auto& one : make_operator_commands()) out.push_back(std::move(one));
  for (auto& one : make_program_commands()) out.push_back(std::move(one));
  return out;
}

}  // namespace steward::cli
