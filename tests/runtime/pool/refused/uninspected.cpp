// A struct that CAF cannot inspect, where those that it can inspect travel.
#include "steward/caf_codec.hpp"
#include "steward/pool.hpp"

struct named {
  std::string name;
};
struct inspected {
  std::string name;
};
STEWARD_INSPECT(inspected, name)

named stripped(inspected x) { return {x.name}; }

void use(steward::task_registry& tasks, steward::process_pool& pool) {
  const auto task = tasks.add("stripped", &stripped);
  static_cast<void>(pool.map(task, std::vector<inspected>{}));
}
