// A task whose argument cannot travel, and all that one does with it.
#include "steward/pool.hpp"

struct named {
  std::string name;
};

std::int64_t length(named x) { return static_cast<std::int64_t>(x.name.size()); }

void use(steward::task_registry& tasks, steward::process_pool& pool) {
  const auto task = tasks.add("length", &length);
  static_cast<void>(pool.map(task, std::vector<named>{}));
  static_cast<void>(pool.map_outcomes(task, std::vector<named>{}));
  static_cast<void>(pool.submit(task, named{}).get());
}
