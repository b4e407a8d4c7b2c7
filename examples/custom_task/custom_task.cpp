// A task on structs of one's own, in a pool of worker processes, from C++; and what a kill -9 costs: nothing.

#include <steward/steward.hpp>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace fractal {

/// A point of the plane, and how long its orbit stays near the origin: argument and result of the task.
struct point {
  double x = 0.0;
  double y = 0.0;
};
STEWARD_INSPECT(point, x, y)

struct orbit {
  std::int64_t steps = 0;
  double end = 0.0;
};
STEWARD_INSPECT(orbit, steps, end)

/// Any function will do: it runs in a process of its own, so it may even crash.
orbit follow(point c) {
  constexpr std::int64_t max_steps = 1'000'000;
  double x = 0.0;
  double y = 0.0;
  std::int64_t steps = 0;
  for (; steps < max_steps && x * x + y * y < 4.0; ++steps) {
    const double next = x * x - y * y + c.x;
    y = 2.0 * x * y + c.y;
    x = next;
  }
  return {steps, x * x + y * y};
}

}  // namespace fractal

namespace {

using fractal::follow;
using fractal::orbit;
using fractal::point;

std::vector<point> points() {
  constexpr int count = 60;
  std::vector<point> out;
  for (int i = 0; i < count; ++i) out.push_back({-0.5 + 0.01 * i, 0.1});
  return out;
}

/// Kills the first worker process that there is.
int kill_one(const steward::process_pool& pool) {
  for (const auto& worker : pool.stats().each)
    if (worker.pid > 0) return ::kill(worker.pid, SIGKILL) == 0 ? 1 : 0;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  steward::app app;
  const auto task = app.task("follow", follow);
  return app.run(argc, argv, [&](steward::runtime& rt) {
    steward::pool_spec spec;
    spec.size.workers = 3;
    spec.limits.attempts = 3;
    steward::process_pool pool{rt.pools("/orbits"), "orbits", spec};
    if (const auto problem = pool.start()) {
      std::fprintf(stderr, "the pool did not start: %s\n", describe(*problem).c_str());
      return 1;
    }
    const auto inputs = points();
    const std::vector<orbit> expected = pool.map(task, inputs);
    std::printf("an orbit of %lld steps, and %zu more\n", static_cast<long long>(expected[0].steps), inputs.size() - 1);

    // The same again. When the first result is in, a worker is killed: its task is run again by another one.
    std::size_t same = 0;
    int killed = 0;
    pool.for_each_outcome(task, inputs, [&](std::size_t i, const steward::outcome<orbit>& result) {
      if (killed == 0) killed = kill_one(pool);
      if (result.ok() && result.value().steps == expected[i].steps) ++same;
    });
    pool.stop();
    std::printf("%zu of %zu results are the same, though %d worker was killed\n", same, inputs.size(), killed);
    return same == inputs.size() && killed == 1 && pool.stats().restarts == 1 ? 0 : 1;
  });
}
