// A task whose result cannot travel: it holds what cannot, in a vector.
#include "steward/pool.hpp"

#include <memory>

std::vector<std::unique_ptr<int>> owners(std::int64_t) { return {}; }

void use(steward::task_registry& tasks, steward::process_pool& pool) {
  const auto task = tasks.add("owners", &owners);
  static_cast<void>(pool.map(task, std::vector<std::int64_t>{}));
  static_cast<void>(pool.submit(task, 1).get());
}
