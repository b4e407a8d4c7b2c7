// A lambda that captures, as a task for worker processes.
#include "steward/task.hpp"

void use(steward::task_registry& tasks, std::int64_t factor) {
  tasks.add("times", [factor](std::int64_t n) { return n * factor; });
}
