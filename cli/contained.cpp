#include "cli/contained.hpp"

#include "steward/pool.hpp"

#include <algorithm>
#include <stdexcept>

namespace steward::cli {

namespace {

const task_registry* registered = nullptr;

std::uint32_t run_on_threads(std::string task, std::uint32_t workers, std::vector<std::vector<std::string>> inputs) {
  const auto* entry = registered->find(task);
  if (entry == nullptr) throw std::invalid_argument("no task is registered as '" + task + "'");
  std::vector<bytes> calls(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (const auto problem = entry->parse(inputs[i], calls[i])) throw std::invalid_argument(*problem);
  pool_environment env;
  env.tasks = registered;
  pool_spec spec;
  spec.runs_in = rung::thread;
  spec.size.workers = workers;
  pool threads{env, "contained", spec};
  if (const auto problem = threads.start()) throw std::runtime_error(describe(*problem));
  const auto outcomes = threads.map(*entry, std::move(calls));
  return static_cast<std::uint32_t>(std::count_if(outcomes.begin(), outcomes.end(), [](auto& x) { return x.ok(); }));
}

}  // namespace

void register_contained(task_registry& tasks) {
  registered = &tasks;
  tasks.add(contained_task, run_on_threads);
}

bytes encode_contained(const std::string& task, unsigned workers, const std::vector<std::vector<std::string>>& inputs) {
  bytes out;
  encode_all(out, task, std::uint32_t{workers}, inputs);
  return out;
}

}  // namespace steward::cli
