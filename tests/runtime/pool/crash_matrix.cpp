// The matrix of CPython's test_deadlock.py and of loky: each moment of a task's way, each way to die. On the worker's
// side all five faults: that task alone errs, the others have their values, and the pool lives. On the caller's side an
// exception alone applies: exit, SIGSEGV and SIGKILL would end the caller's own program, as anywhere in it.
#include "fault_fixture.hpp"

#include <csignal>

namespace steward::test {
namespace {

struct crash_cell {
  const char* moment;
  const char* how;
};

std::ostream& operator<<(std::ostream& to, const crash_cell& x) { return to << x.moment << ", " << x.how; }

class in_worker : public faulty_pool, public ::testing::WithParamInterface<crash_cell> {
protected:
  std::size_t submit_crash() {
    const auto& cell = GetParam();
    const std::string moment = cell.moment;
    if (moment == "decode_argument")
      return submit(fault_tasks().take_hostile, hostile{7, hostile_moment::decode, true, cell.how});
    if (moment == "run") return submit(fault_tasks().always, 7, std::string(cell.how));
    return submit(fault_tasks().give_hostile, 7, std::string(cell.how));
  }

  static void expect_cause(const cause& why) {
    const std::string how = GetParam().how;
    if (how == "throw") {
      EXPECT_EQ(why.cls, cause_class::exception) << describe(why);
      EXPECT_EQ(why.message, "it was asked to throw");
    } else if (how == "exit3" || how == "exit0") {
      EXPECT_EQ(why.cls, cause_class::exit) << describe(why);
      EXPECT_EQ(why.code, how == "exit3" ? 3 : 0);
    } else {
      EXPECT_EQ(why.cls, cause_class::signal) << describe(why);
      EXPECT_EQ(why.signal, how == "segv" ? SIGSEGV : SIGKILL);
    }
  }
};

TEST_P(in_worker, costs_that_task_alone) {
  start(spec_of(2));
  const auto before = submit_squares(1, 20);
  const auto struck = submit_crash();
  const auto after = submit_squares(21, 20);
  expect_squares(before, 1);
  expect_squares(after, 21);
  const auto& got = result(struck);
  ASSERT_FALSE(got.ok());
  const bool thrown = std::string(GetParam().how) == "throw";
  EXPECT_EQ(got.error().kind, thrown ? outcome_kind::exception : outcome_kind::quarantined);
  EXPECT_EQ(got.error().attempts.size(), thrown ? 1u : 3u);
  expect_cause(got.error().why);
  for (const auto& attempt : got.error().attempts) expect_cause(attempt.why);
  EXPECT_EQ(crashes().size(), thrown ? 0u : 3u);
}

/// The same as an input of a map, in the middle of a chunk: the others of the chunk have their values, too.
TEST_P(in_worker, costs_that_input_of_a_map_alone) {
  surroundings around;
  process_pool typed(around.environment(), "faults", spec_of(2));
  ASSERT_EQ(typed.start(), std::nullopt);
  constexpr std::size_t struck = 13;
  const auto check = [&](const auto& outcomes, const auto& number) {
    ASSERT_EQ(outcomes.size(), 40u);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      ASSERT_EQ(outcomes[i].ok(), i != struck) << i;
      if (i != struck) {
        EXPECT_EQ(number(outcomes[i].value()), static_cast<std::int64_t>(i * i));
      }
    }
    const auto& error = outcomes[struck].error();
    const bool thrown = std::string(GetParam().how) == "throw";
    EXPECT_EQ(error.kind, thrown ? outcome_kind::exception : outcome_kind::quarantined);
    EXPECT_EQ(error.attempts.size(), thrown ? 1u : 3u);
    expect_cause(error.why);
    for (const auto& e : around.events.all(event_kind::task_retry))
      EXPECT_EQ(e.task->id, error.task_id) << "no one else is charged";
  };
  const auto how_of = [](std::int64_t n) { return std::string(n == struck ? GetParam().how : "none"); };
  map_options chunks;
  chunks.chunk = 8;
  const auto inputs = numbers(0, 40);
  const std::string moment = GetParam().moment;
  const auto itself = [](std::int64_t n) { return n; };
  if (moment == "decode_argument") {
    std::vector<hostile> hostiles;
    for (const auto n : inputs) hostiles.push_back({n, hostile_moment::decode, true, how_of(n)});
    check(typed.map_outcomes(fault_tasks().take_hostile, hostiles, chunks), itself);
  } else {
    std::vector<std::tuple<std::int64_t, std::string>> pairs;
    for (const auto n : inputs) pairs.emplace_back(n, how_of(n));
    if (moment == "run") {
      check(typed.map_outcomes(fault_tasks().always, pairs, chunks), itself);
    } else {
      check(typed.map_outcomes(fault_tasks().give_hostile, pairs, chunks), [](const hostile& x) { return x.n; });
    }
  }
}

std::vector<crash_cell> all_cells() {
  std::vector<crash_cell> out;
  for (const char* moment : {"decode_argument", "run", "encode_result"}) {
    for (const char* how : {"throw", "exit3", "exit0", "segv", "kill"}) out.push_back({moment, how});
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(crash_matrix, in_worker, ::testing::ValuesIn(all_cells()),
                         [](const auto& one) { return std::string(one.param.moment) + "_" + one.param.how; });

/// On the caller's side the typed pool does the encoding and the decoding.
class crash_matrix : public faulty_pool {
protected:
  static hostile throws_when(hostile_moment when, std::int64_t n) { return {n, when, false, "throw"}; }
  static hostile harmless(std::int64_t n) { return {n, hostile_moment::never, false, "none"}; }
};

TEST_F(crash_matrix, encode_argument_in_the_caller_throw_costs_that_task_alone) {
  surroundings around;
  process_pool typed(around.environment(), "faults", spec_of(2));
  ASSERT_EQ(typed.start(), std::nullopt);
  auto before = typed.submit(tasks().square, 5);
  auto struck = typed.submit(fault_tasks().take_hostile, throws_when(hostile_moment::encode, 7));
  auto after = typed.submit(tasks().square, 6);
  EXPECT_EQ(get_soon(before).value(), 25);
  const auto got = get_soon(struck);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().kind, outcome_kind::exception);
  EXPECT_EQ(got.error().work, work_state::not_started);
  EXPECT_EQ(got.error().why.message, "it was asked to throw");
  EXPECT_EQ(get_soon(after).value(), 36);
}

TEST_F(crash_matrix, encode_argument_in_the_caller_throw_in_a_map_costs_that_input_alone) {
  surroundings around;
  process_pool typed(around.environment(), "faults", spec_of(2));
  ASSERT_EQ(typed.start(), std::nullopt);
  std::vector<hostile> inputs;
  for (std::int64_t n = 0; n < 20; ++n) inputs.push_back(n == 7 ? throws_when(hostile_moment::encode, n) : harmless(n));
  const auto outcomes = typed.map_outcomes(fault_tasks().take_hostile, inputs);
  ASSERT_EQ(outcomes.size(), 20u);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    EXPECT_EQ(outcomes[i].ok(), i != 7);
    if (outcomes[i].ok()) {
      EXPECT_EQ(outcomes[i].value(), static_cast<std::int64_t>(i * i));
    }
  }
  EXPECT_EQ(outcomes[7].error().work, work_state::not_started);
  EXPECT_THROW(typed.map(fault_tasks().take_hostile, inputs), task_failed);
  EXPECT_EQ(typed.map(tasks().square, numbers(1, 20)), squares_of(numbers(1, 20)));
  EXPECT_TRUE(around.events.all(event_kind::crash).empty());
}

TEST_F(crash_matrix, decode_result_in_the_caller_throw_costs_that_task_alone) {
  surroundings around;
  process_pool typed(around.environment(), "faults", spec_of(2));
  ASSERT_EQ(typed.start(), std::nullopt);
  std::vector<hostile> inputs;
  for (std::int64_t n = 0; n < 20; ++n) inputs.push_back(n == 7 ? throws_when(hostile_moment::decode, n) : harmless(n));
  const auto outcomes = typed.map_outcomes(fault_tasks().pass_hostile, inputs);
  ASSERT_EQ(outcomes.size(), 20u);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    EXPECT_EQ(outcomes[i].ok(), i != 7);
    if (outcomes[i].ok()) {
      EXPECT_EQ(outcomes[i].value().n, static_cast<std::int64_t>(i));
    }
  }
  EXPECT_EQ(outcomes[7].error().why.message, "it was asked to throw");
  auto alone = typed.submit(fault_tasks().pass_hostile, throws_when(hostile_moment::decode, 7));
  EXPECT_FALSE(get_soon(alone).ok());
  EXPECT_EQ(typed.map(tasks().square, numbers(1, 20)), squares_of(numbers(1, 20)));
  EXPECT_TRUE(around.events.all(event_kind::crash).empty());
}

}  // namespace
}  // namespace steward::test
