#include "cli/contained.hpp"
#include "cli/runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace steward::cli {

namespace {

std::string survivors(const std::vector<outcome<bytes>>& outcomes) {
  const auto ok = std::count_if(outcomes.begin(), outcomes.end(), [](const auto& x) { return x.ok(); });
  return fmt::format("{} of {} results", ok, outcomes.size());
}

std::string death_of(const cause& why) {
  return why.signal != 0 ? "the program died, " + signal_name(why.signal) : describe(why);
}

}  // namespace

void runner::perform(const config::compare_step& step) {
  constexpr int name_width = 12;
  constexpr int cell_width = 46;
  std::string head = fmt::format("{:<{}}", "Work", name_width);
  for (const auto& pool : step.pools) head += fmt::format("{:<{}}", pool, cell_width);
  out_.line(head.substr(0, head.find_last_not_of(' ') + 1));
  for (const auto& work : step.work) {
    std::vector<cell> row;
    for (const auto& pool : step.pools) {
      if (interrupted()) return;
      row.push_back(compare_one(pool, work));
    }
    std::string line = fmt::format("{:<{}}", work.name, name_width);
    for (const auto& one : row)
      line += fmt::format("{:<{}}", fmt::format("{:.4f} s, {}", one.seconds, one.survived), cell_width);
    out_.line(line.substr(0, line.find_last_not_of(' ') + 1));
    if (!step.ratio.empty() && row.size() >= 2 && row[0].seconds > 0.0)
      out_.line(fmt::format("{}: 1 : {:.1f}", step.ratio, row[1].seconds / row[0].seconds));
  }
  if (!step.advice.empty()) out_.lines(step.advice);
}

runner::cell runner::compare_one(const std::string& pool_name, const config::compare_work& work) {
  const auto path = absolute(pool_name);
  const auto target = tree_.pool_at(path);
  if (!target) {
    failed("the pool " + path + " is gone");
    return {0.0, "no pool"};
  }
  const auto& entry = *tasks_.find(work.task);
  const auto inputs = encode(entry, work.inputs);
  if (work.contain && target->spec().runs_in == rung::thread) return compare_contained(*target, work);
  const auto result = run_in_tree(path, [&](pool& on) { return measured{on.map(entry, inputs), 0.0, {}}; });
  for (const auto& one : result.outcomes)
    if (!one.ok()) failed(work.name + ": " + describe(one.error()));
  return {result.seconds, survivors(result.outcomes)};
}

runner::cell runner::compare_contained(const pool& threads, const config::compare_work& work) {
  pool_spec spec;
  spec.runs_in = rung::process;
  spec.workers = 1;
  spec.attempts = 1;
  const auto size = std::max(1U, threads.stats().workers);
  const auto count = work.inputs.size();
  const auto result = run_fresh(threads.name() + "@contained", spec, [&](pool& on) {
    return measured{on.map(*tasks_.find(contained_task), {encode_contained(work.task, size, work.inputs)}), 0.0, {}};
  });
  if (!result.problem.empty()) {
    failed(result.problem);
    return {result.seconds, "not started"};
  }
  if (result.outcomes.empty()) return {result.seconds, "interrupted"};
  const auto& only = result.outcomes.front();
  if (only.ok())
    return {result.seconds, fmt::format("{} of {} results", decode_all<std::uint32_t>(only.value()), count)};
  const auto& error = only.error();
  const auto& why = error.attempts.empty() ? error.why : error.attempts.back().why;
  return {result.seconds, fmt::format("0 of {}: {}", count, death_of(why))};
}

}  // namespace steward::cli
