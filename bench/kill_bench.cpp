// The work of kill_vs_python.py for a pool of this project: squares, some of whose workers are killed.
//
//   bench_kill busy|idle [TASKS] [WORKERS] [MILLISECONDS]
//
// busy: one worker is killed while it runs a task. idle: each worker is killed, one after the other, before the first
// task. Prints how many of the results are there and right.
#include "pool/worker.hpp"
#include "process/child.hpp"
#include "process/keeper.hpp"
#include "process/zygote.hpp"
#include "steward/pool.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace steward;

std::int64_t slow_square(std::int64_t n, std::int64_t ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  return n * n;
}

struct work {
  task_registry registry;
  task<std::int64_t, std::int64_t, std::int64_t> square = registry.add("slow_square", &slow_square);
};

int busy_pid(const pool_stats& stats) {
  for (const auto& w : stats.each) {
    if (w.tasks > 0 && w.pid > 0) return w.pid;
  }
  return 0;
}

int run(const work& all, bool busy, std::int64_t count, unsigned workers, std::int64_t ms) {
  process::keeper keeper;
  pool_environment environment;
  environment.keeper = &keeper;
  environment.tasks = &all.registry;
  pool_spec spec;
  spec.size.workers = workers;
  process_pool pool(environment, "squares", spec);
  if (pool.start()) return 1;
  if (!busy) {
    for (const auto& w : pool.stats().each) ::kill(w.pid, SIGKILL);
  }
  std::vector<task_future<std::int64_t>> futures;
  for (std::int64_t n = 0; n < count; ++n) futures.push_back(pool.submit(all.square, n, ms));
  for (int pid = 0; busy && pid == 0;) {
    pid = busy_pid(pool.stats());
    if (pid != 0) ::kill(pid, SIGKILL);
  }
  std::int64_t right = 0;
  for (std::int64_t n = 0; n < count; ++n) {
    const auto got = futures[static_cast<std::size_t>(n)].get();
    right += got.ok() && got.value() == n * n ? 1 : 0;
  }
  std::printf("%lld\n", static_cast<long long>(right));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  work all;
  pooling::register_pool_worker(all.registry);
  if (process::is_spawned_child(argc, argv)) return process::run_spawned_child(argc, argv);
  process::start_zygote();
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto number = [&](std::size_t i, int otherwise) {
    return words.size() > i ? std::atoi(words[i].c_str()) : otherwise;
  };
  const bool busy = words.empty() || words[0] == "busy";
  const int result = run(all, busy, number(1, 40), static_cast<unsigned>(number(2, 4)), number(3, 25));
  process::stop_zygote();
  return result;
}
