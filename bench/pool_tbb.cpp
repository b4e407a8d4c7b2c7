// oneTBB on two threads, one round: squares one by one and in ranges. bench/pools.py runs it beside the pool of
// threads.
#include "pool_json.hpp"

#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_group.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <vector>

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  const tbb::global_control two(tbb::global_control::max_allowed_parallelism, 2);
  const std::size_t few = quick ? 200'000 : 2'000'000;
  const std::size_t many = quick ? 1'000'000 : 10'000'000;
  std::vector<std::int64_t> inputs(many);
  std::iota(inputs.begin(), inputs.end(), 1);
  const auto rate = [&](const char* measure, const char* peer, std::size_t count, std::size_t turns, auto&& run) {
    // The results are made in the time that counts, as a map makes them.
    const double took = pool_bench::timed([&] {
      for (std::size_t i = 0; i < turns; ++i) {
        std::vector<std::int64_t> results(count);
        run(results);
        if (results[count - 1] != inputs[count - 1] * inputs[count - 1]) std::abort();
      }
    });
    pool_bench::figure(measure, peer, static_cast<double>(count * turns) / took);
  };
  const auto squares = [&](std::vector<std::int64_t>& results, const tbb::blocked_range<std::size_t>& part) {
    for (auto i = part.begin(); i != part.end(); ++i) results[i] = inputs[i] * inputs[i];
  };
  const auto by_ranges = [&](std::vector<std::int64_t>& results) {
    tbb::parallel_for(tbb::blocked_range<std::size_t>(0, results.size()),
                      [&](const auto& part) { squares(results, part); });
  };
  rate("thread_single", "oneTBB parallel_for", few, 1, [&](auto& results) {
    tbb::parallel_for(
        tbb::blocked_range<std::size_t>(0, few, 1), [&](const auto& part) { squares(results, part); },
        tbb::simple_partitioner());
  });
  rate("thread_single", "oneTBB task_group", few, 1, [&](auto& results) {
    tbb::task_group tasks;
    for (std::size_t i = 0; i < few; ++i) {
      tasks.run([&results, &inputs, i] { results[i] = inputs[i] * inputs[i]; });
    }
    tasks.wait();
  });
  rate("thread_auto_1e6", "oneTBB parallel_for", 1'000'000, quick ? 5 : 50, by_ranges);
  rate("thread_auto_1e7", "oneTBB parallel_for", many, 1, by_ranges);
  return 0;
}
