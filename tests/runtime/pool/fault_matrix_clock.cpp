// A fault of the matrix: the wall clock jumps. This program's own clock_gettime stands in for the C library's, for
// the C++ library, too.
#include "fault_fixture.hpp"

#include <atomic>
#include <ctime>

#include <sys/syscall.h>

namespace {

std::atomic<long> wall_clock_ahead{0};  // seconds

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* at) noexcept {
  const auto result = ::syscall(SYS_clock_gettime, clock, at);
  if (result == 0 && clock == CLOCK_REALTIME) at->tv_sec += wall_clock_ahead.load();
  return static_cast<int>(result);
}

namespace steward::test {
namespace {

constexpr long hour = 3'600;

class fault_matrix_clock : public faulty_pool {
protected:
  void TearDown() override {
    wall_clock_ahead = 0;
    faulty_pool::TearDown();
  }
};

TEST_F(fault_matrix_clock, a_wall_clock_that_jumps_moves_no_deadline_no_delay_and_no_budget) {
  auto spec = spec_of(2);
  spec.limits.deadline = milliseconds(300);
  spec.restarts.worker_restarts = {5, milliseconds(60'000)};
  spec.limits.heartbeat = milliseconds(2'000);
  start(spec);
  const auto before = std::chrono::system_clock::now();
  for (const long ahead : {hour, -hour}) {
    const auto begun = std::chrono::steady_clock::now();
    const auto endless = submit(fault_tasks().act, 7, std::string("hang"));
    ASSERT_TRUE(holds_soon([this] { return victim().stats().running == 1; }));
    wall_clock_ahead = ahead;
    const auto squares = submit_squares(1, 20);
    expect_squares(squares, 1);
    const auto& got = result(endless);
    const auto took = std::chrono::steady_clock::now() - begun;
    ASSERT_FALSE(got.ok());
    EXPECT_EQ(got.error().kind, outcome_kind::deadline);
    EXPECT_GE(took, milliseconds(300));
    EXPECT_LT(took, patience);
    EXPECT_EQ(value(submit(fault_tasks().act, 7, std::string("segv"))), 49);
  }
  ASSERT_TRUE(events().wait_for(event_kind::recover, 4));
  EXPECT_EQ(crashes().size(), 4u);
  EXPECT_LT(events().all(event_kind::recover).back().recovery_ms, 10'000.0);
  // It did jump: the times of day that events tell are of the clock as it was.
  EXPECT_LT(events().all(event_kind::recover).back().ts, before - std::chrono::minutes(30));
}

}  // namespace
}  // namespace steward::test
