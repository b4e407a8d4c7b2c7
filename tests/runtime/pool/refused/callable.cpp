// A callable that nobody registered, for worker processes.
#include "steward/pool.hpp"

void use(steward::process_pool& pool) {
  auto end = pool.submit([](std::int64_t n) { return n; }, 1);
  auto value = end.get();
}
