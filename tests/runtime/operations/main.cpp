#include "pool/worker.hpp"
#include "process/child.hpp"
#include "work.hpp"

#include <gtest/gtest.h>

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <new>

namespace steward::test {

namespace {

std::int64_t square(std::int64_t n) { return n * n; }
std::int64_t stuck_once(const task_context& how, std::int64_t n) {
  if (how.attempt == 1) ++*work().stuck;
  while (how.attempt == 1) ::pause();
  return n;
}

std::int64_t spin(const task_context& how, std::int64_t n) {
  auto x = static_cast<std::uint64_t>(n);
  while (!how.stop_requested()) x = x * 3 + 1;
  return static_cast<std::int64_t>(x % 1'000);
}

}  // namespace

known_work& work() {
  static known_work all = [] {
    known_work out;
    void* shared =
        ::mmap(nullptr, sizeof(std::atomic<unsigned>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) throw std::bad_alloc{};
    out.stuck = new (shared) std::atomic<unsigned>{0};
    out.square = out.tasks.add("square", square);
    out.stuck_once = out.tasks.add("stuck_once", stuck_once);
    out.spin = out.tasks.add("spin", spin);
    return out;
  }();
  return all;
}

}  // namespace steward::test

int main(int argc, char** argv) {
  using namespace steward;
  pooling::register_pool_worker(test::work().tasks);
  if (process::is_spawned_child(argc, argv)) return process::run_spawned_child(argc, argv);
  process::start_zygote();
  ::testing::InitGoogleTest(&argc, argv);
  const int result = RUN_ALL_TESTS();
  process::stop_zygote();
  return result;
}
