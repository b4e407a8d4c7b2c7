#include "steward/task.hpp"

#include "steward/outcome.hpp"
#include "tasks.hpp"

#include <gtest/gtest.h>

#include <array>
#include <stdexcept>

namespace {

using namespace steward;

std::int64_t add(std::int64_t a, const std::int32_t& b) { return a + b; }
int which_attempt(const task_context& context) { return static_cast<int>(context.attempt); }
std::vector<int> lists(std::vector<int> x) { return x; }

TEST(task_registry, runs_a_function_by_name) {
  task_registry registry;
  registry.add("add", &add);
  const auto* entry = registry.find("add");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->signature, "int64(int64, int32)");
  EXPECT_EQ(entry->arity, 2u);
  EXPECT_TRUE(entry->parsable);
  bytes args;
  encode_all(args, std::int64_t{40}, std::int32_t{2});
  EXPECT_EQ(entry->render_args(args), "40, 2");
  EXPECT_EQ(entry->render_result(entry->run({}, args)), "42");
  EXPECT_EQ(registry.find("sub"), nullptr);
}

TEST(task_registry, passes_the_context_to_those_who_ask) {
  task_registry registry;
  const auto handle = registry.add("which_attempt", &which_attempt);
  EXPECT_EQ(handle.entry->arity, 0u);
  EXPECT_EQ(handle.entry->signature, "int32()");
  task_context context;
  context.attempt = 2;
  EXPECT_EQ(decode_all<int>(handle.entry->run(context, {})), 2);
}

TEST(task_registry, remembers_where_a_task_was_registered) {
  task_registry registry;
  const unsigned line = __LINE__ + 1;
  const auto handle = registry.add("add", &add);
  EXPECT_EQ(handle.entry->where.line, line);
  EXPECT_NE(std::string(handle.entry->where.file_name()).find("task.cpp"), std::string::npos);
}

TEST(task_registry, refuses_bad_and_taken_names) {
  task_registry registry;
  registry.add("add", &add);
  EXPECT_THROW(registry.add("add", &add), std::invalid_argument);
  for (const char* name : {"", "Add", "1add", "_add", "a-b", "a b"})
    EXPECT_THROW(registry.add(name, &add), std::invalid_argument) << name;
  EXPECT_EQ(registry.all().size(), 1u);
}

TEST(task_registry, reads_arguments_from_text) {
  task_registry registry;
  const auto* entry = registry.add("add", &add).entry;
  bytes args;
  EXPECT_EQ(entry->parse(std::array<std::string, 2>{"40", "2"}, args), std::nullopt);
  EXPECT_EQ(entry->render_args(args), "40, 2");
  const bytes before = args;
  EXPECT_EQ(entry->parse(std::array<std::string, 2>{"1", "010"}, args),
            "argument 2 (int32): '010' is not a plain decimal number");
  EXPECT_EQ(entry->parse(std::array<std::string, 1>{"1"}, args), "takes 2 arguments, not 1");
  EXPECT_EQ(args, before);
}

TEST(task_registry, says_when_arguments_have_no_text) {
  task_registry registry;
  const auto* entry = registry.add("lists", &lists).entry;
  EXPECT_EQ(entry->signature, "list<int32>(list<int32>)");
  EXPECT_FALSE(entry->parsable);
  bytes args;
  EXPECT_NE(entry->parse(std::array<std::string, 1>{"1"}, args), std::nullopt);
}

TEST(task_entry, throws_for_bytes_that_are_no_arguments) {
  EXPECT_THROW(test::tasks().square.entry->run({}, bytes(3)), decode_error);
  EXPECT_THROW(test::tasks().square.entry->run({}, bytes(9)), decode_error);
}

TEST(task_entry, returns_nothing_for_void) {
  bytes args;
  encode_all(args, std::int64_t{1});
  EXPECT_EQ(test::tasks().nothing.entry->run({}, args), bytes{});
  EXPECT_EQ(test::tasks().nothing.entry->signature, "void(int64)");
}

TEST(task_error, is_described_in_one_line) {
  task_error error;
  error.kind = outcome_kind::quarantined;
  error.work = work_state::unknown;
  error.task_id = 17;
  error.task = "square";
  error.why.cls = cause_class::signal;
  error.why.signal = 11;
  error.attempts.push_back({3, "w2", 4711, error.why, 1.0});
  EXPECT_EQ(
      describe(error),
      "task 17 square is quarantined after 1 attempt: SIGSEGV (attempt 3 in w2, pid 4711); how far it came is unknown");
  EXPECT_EQ(task_failed(error).what(), describe(error));
}

TEST(outcome, gives_its_value_or_throws_its_error) {
  const outcome<int> good(4, 0.5);
  EXPECT_EQ(good.value(), 4);
  EXPECT_EQ(good.ran_ms(), 0.5);
  task_error error;
  error.kind = outcome_kind::rejected;
  const outcome<int> bad(error);
  EXPECT_FALSE(bad.ok());
  EXPECT_THROW(bad.value(), task_failed);
  EXPECT_EQ(bad.error().kind, outcome_kind::rejected);
}

}  // namespace
