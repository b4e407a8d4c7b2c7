// What a pool costs: start, ten squares and stop of process pools, and the rate of tiny tasks on both kinds of pool.
#include "pool/worker.hpp"
#include "process/child.hpp"
#include "process/keeper.hpp"
#include "steward/pool.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <vector>

namespace {

using steward::pool_environment;
using steward::pool_spec;

std::int64_t square(std::int64_t n) { return n * n; }

double now_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct phases {
  double start = 0;
  double compute = 0;
  double stop = 0;
  double total() const { return start + compute + stop; }
};

template <class Pool, class Task>
phases once(const pool_environment& environment, unsigned workers, Task task, const std::vector<std::int64_t>& inputs) {
  pool_spec spec;
  spec.workers = workers;
  phases out;
  const double begun = now_ms();
  Pool pool(environment, "bench", spec);
  if (pool.start()) return out;
  const double ready = now_ms();
  const auto results = pool.map(task, inputs);
  const double computed = now_ms();
  pool.stop();
  out = {ready - begun, computed - ready, now_ms() - computed};
  if (results.back() != inputs.back() * inputs.back()) std::puts("wrong result");
  return out;
}

std::vector<std::int64_t> numbers(std::int64_t count) {
  std::vector<std::int64_t> out;
  for (std::int64_t i = 1; i <= count; ++i) out.push_back(i);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace steward;
  static task_registry tasks;
  const auto squares = tasks.add("square", &square);
  pooling::register_pool_worker(tasks);
  if (process::is_spawned_child(argc, argv)) return process::run_spawned_child(argc, argv);
  process::start_zygote();
  {
    process::keeper keeper;
    pool_environment environment;
    environment.keeper = &keeper;
    environment.tasks = &tasks;
    environment.path = "/bench";
    for (const unsigned workers : {2U, 4U, 8U}) {
      std::vector<phases> runs;
      for (int i = 0; i < 21; ++i) runs.push_back(once<process_pool>(environment, workers, squares, numbers(10)));
      std::sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) { return a.total() < b.total(); });
      const auto& median = runs[runs.size() / 2];
      std::printf(
          "processes %u: start %.2f ms, 10 squares %.2f ms, stop %.2f ms, total %.2f ms (median of %zu; worst %.2f)\n",
          workers, median.start, median.compute, median.stop, median.total(), runs.size(), runs.back().total());
    }
    const auto many = numbers(100'000);
    const auto in_processes = once<process_pool>(environment, 2, squares, many);
    const auto in_threads = once<thread_pool>(environment, 2, squares, many);
    std::printf("100000 squares on 2 processes: %.0f tasks/s; on 2 threads: %.0f tasks/s\n", 1e8 / in_processes.compute,
                1e8 / in_threads.compute);
  }
  process::stop_zygote();
  return 0;
}
