#include "machine_support.hpp"

#include <ctime>
#include <functional>

// What a machine of very many children costs. Ratios only: twenty times the children may take a hundred times as long
// before a test fails, which is far above n log n and far below what a loop over all of them in each call makes.

namespace steward::policy::testing_support {
namespace {

constexpr child_number few = 1'000;
constexpr child_number many = 20'000;  // twenty times as many
constexpr double generous = 100.0;     // n log n makes 27, a loop over all children in each call 400

/// What this thread has worked so far, whatever others did meanwhile.
double worked_seconds() {
  timespec at{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
  return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_nsec) * 1e-9;
}

double seconds_of(const std::function<void()>& f) {
  const auto begin = worked_seconds();
  f();
  return worked_seconds() - begin;
}

/// The best of some runs, so that a busy machine does not disturb.
double ratio_of(const std::function<void(child_number)>& f) {
  double small = 1e9;
  double large = 1e9;
  for (int run = 0; run < 10; ++run) {
    small = std::min(small, seconds_of([&] { f(few); }));
    large = std::min(large, seconds_of([&] { f(many); }));
    if (run > 0 && large < generous * small) break;
  }
  return large / small;
}

/// A machine and a clock; what it does is thrown away.
struct crowd {
  crowd(child_number size, machine_options how, const child_policy& policy) : machine(how), count(size) {
    const auto all = shared(policy);
    for (child_number i = 1; i <= size; ++i) machine.add(i, all);
    machine.start(origin);
    for (child_number i = 1; i <= size; ++i) machine.child_ready(i, 1, origin);
  }

  supervisor_machine machine;
  child_number count;
};

machine_options unlimited(strategy how) { return options(how, {1'000'000, 3'600s}); }

TEST(scale, starting_and_stopping_children_costs_little_each) {
  for (const auto how : {strategy::one_for_one, strategy::rest_for_one, strategy::simple_one_for_one}) {
    EXPECT_LT(ratio_of([&](child_number n) {
                crowd x{n, unlimited(how), child()};
                ASSERT_TRUE(x.machine.running());
                x.machine.stop(origin);
                for (child_number i = n; i >= 1; --i) x.machine.child_stopped(i, origin);
                ASSERT_TRUE(x.machine.over());
              }),
              generous)
        << steward::to_string(how);
  }
}

TEST(scale, a_mass_crash_costs_little_each) {
  for (const auto how : {strategy::one_for_one, strategy::simple_one_for_one, strategy::one_for_all}) {
    EXPECT_LT(ratio_of([&](child_number n) {
                crowd x{n, unlimited(how), eager()};
                for (child_number i = 1; i <= n; ++i) x.machine.child_exited(i, 1, crash_info(), origin);
                x.machine.child_stopped(n, origin);  // of a group, the last one was being stopped already
                for (child_number i = 1; i <= n; ++i) x.machine.child_ready(i, 2, origin);
                ASSERT_EQ(x.machine.count_up(), n);
              }),
              generous)
        << steward::to_string(how);
  }
}

TEST(scale, a_group_restart_costs_little_for_each_member) {
  EXPECT_LT(ratio_of([&](child_number n) {
              crowd x{n, unlimited(strategy::one_for_all), child()};
              x.machine.child_exited(1, 1, crash_info(), origin);
              for (child_number i = n; i >= 2; --i) x.machine.child_stopped(i, origin);
              for (child_number i = 1; i <= n; ++i) x.machine.child_ready(i, 2, origin);
              ASSERT_EQ(x.machine.count_up(), n);
            }),
            generous);
}

TEST(scale, significant_children_that_finish_one_after_the_other_cost_little_each) {
  for (const bool forwards : {true, false}) {
    EXPECT_LT(ratio_of([&](child_number n) {
                auto how = unlimited(strategy::one_for_one);
                how.auto_shutdown = auto_shutdown::all_significant;
                crowd x{n, how, significant(transient())};
                for (child_number k = 1; k < n; ++k) {
                  const auto i = forwards ? k : n + 1 - k;
                  x.machine.child_exited(i, 1, exit_info{}, origin);
                  x.machine.child_stopped(i, origin);
                }
                ASSERT_TRUE(x.machine.in_service());
              }),
              generous);
  }
}

TEST(scale, dynamic_children_come_and_go_at_little_cost) {
  EXPECT_LT(ratio_of([&](child_number n) {
              const auto policy = shared(temporary());
              crowd x{0, unlimited(strategy::simple_one_for_one), temporary()};
              for (child_number i = 1; i <= n; ++i) {
                x.machine.start_child(i, policy, i, origin);
                x.machine.child_ready(i, 1, origin);
              }
              for (child_number i = 1; i <= n; ++i) {
                x.machine.terminate_child(i, n + i, origin);
                x.machine.child_stopped(i, origin);
              }
              ASSERT_EQ(x.machine.size(), 0U);
            }),
            generous);
}

TEST(scale, a_full_window_of_restarts_is_counted_without_a_walk_through_it) {
  EXPECT_LT(ratio_of([&](child_number n) {
              restart_budget budget{intensity{static_cast<unsigned>(n), 3'600s}};
              for (child_number i = 0; i < n; ++i) {
                ASSERT_TRUE(budget.allow(origin + milliseconds{i}));
                ASSERT_EQ(budget.count(origin + milliseconds{i}), i + 1);
              }
            }),
            generous);
}

}  // namespace
}  // namespace steward::policy::testing_support
