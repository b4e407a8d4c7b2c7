#include "cli/contained.hpp"
#include "cli/runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace steward::cli {

namespace {

constexpr int name_width = 12;
/// Times that differ by less say nothing of the pools.
constexpr double least_ratio = 1.15;

std::string survivors(std::size_t results, std::size_t all) { return fmt::format("{} of {} results", results, all); }

std::string death_of(const cause& why) {
  return why.signal != 0 ? "the program died, " + signal_name(why.signal) : describe(why);
}

}  // namespace

void runner::perform(const config::compare_step& step) {
  constexpr int cell_width = 46;
  std::string head = fmt::format("{:<{}}", "Work", name_width);
  for (const auto& pool : step.pools) head += fmt::format("{:<{}}", pool, cell_width);
  out_.line(head.substr(0, head.find_last_not_of(' ') + 1));
  std::vector<std::string> verdicts;
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
    if (step.verdict && row.size() >= 2) verdicts.push_back(verdict_on(work, step.pools, row));
    if (!step.ratio.empty() && row.size() >= 2 && row[0].seconds > 0.0)
      out_.line(fmt::format("{}: 1 : {:.1f}", step.ratio, row[1].seconds / row[0].seconds));
  }
  for (const auto& one : verdicts) out_.line(one);
  if (!step.advice.empty()) out_.lines(step.advice);
}

/// More results count first, then less time.
std::string runner::verdict_on(const config::compare_work& work, const std::vector<std::string>& pools,
                               const std::vector<cell>& row) {
  std::size_t best = 0;
  std::size_t next = 1;
  const auto better = [&](std::size_t a, std::size_t b) {
    return row[a].results != row[b].results ? row[a].results > row[b].results : row[a].seconds < row[b].seconds;
  };
  if (better(next, best)) std::swap(best, next);
  for (std::size_t i = 2; i < row.size(); ++i) {
    if (better(i, best))
      next = std::exchange(best, i);
    else if (better(i, next))
      next = i;
  }
  const auto line = fmt::format("{:<{}}{}: ", work.name, name_width, pools[best]);
  if (row[best].results > row[next].results)
    return line +
           fmt::format("{}, {} {}", survivors(row[best].results, work.inputs.size()), pools[next], row[next].results);
  const auto ratio = row[next].seconds / std::max(row[best].seconds, 1e-9);
  if (ratio >= least_ratio) return line + fmt::format("{:.1f} times as fast as {}", ratio, pools[next]);
  return fmt::format("{:<{}}either: {:.4f} s and {:.4f} s differ by too little", work.name, name_width,
                     row[best].seconds, row[next].seconds);
}

runner::cell runner::compare_one(const std::string& pool_name, const config::compare_work& work) {
  const auto path = absolute(pool_name);
  const auto target = tree_.pool_at(path);
  if (!target) {
    failed("the pool " + path + " is gone");
    return {0.0, "no pool", 0};
  }
  const auto& entry = *tasks_.find(work.task);
  const auto inputs = encode(entry, work.inputs);
  if (work.contain && target->spec().runs_in == rung::thread) return compare_contained(*target, work);
  const auto result = run_in_tree(path, [&](pool& on) { return measured{on.map(entry, inputs), 0.0, {}}; });
  for (const auto& one : result.outcomes)
    if (!one.ok()) failed(work.name + ": " + describe(one.error()));
  const auto ok = std::ranges::count_if(result.outcomes, [](const auto& x) { return x.ok(); });
  const auto results = static_cast<std::size_t>(ok);
  return {result.seconds, survivors(results, result.outcomes.size()), results};
}

runner::cell runner::compare_contained(const pool& threads, const config::compare_work& work) {
  pool_spec spec;
  spec.runs_in = rung::process;
  spec.size.workers = 1;
  spec.limits.attempts = 1;
  const auto size = std::max(1U, threads.stats().workers);
  const auto count = work.inputs.size();
  const auto result = run_fresh(threads.name() + "@contained", spec, [&](pool& on) {
    return measured{on.map(*tasks_.find(contained_task), {encode_contained(work.task, size, work.inputs)}), 0.0, {}};
  });
  if (!result.problem.empty()) {
    failed(result.problem);
    return {result.seconds, "not started", 0};
  }
  if (result.outcomes.empty()) return {result.seconds, "interrupted", 0};
  const auto& only = result.outcomes.front();
  if (only.ok()) {
    const auto results = decode_all<std::uint32_t>(only.value());
    return {result.seconds, survivors(results, count), results};
  }
  const auto& error = only.error();
  const auto& why = error.attempts.empty() ? error.why : error.attempts.back().why;
  return {result.seconds, fmt::format("0 of {}: {}", count, death_of(why)), 0};
}

}  // namespace steward::cli
