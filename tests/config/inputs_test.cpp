#include "config/loader.hpp"

#include "test_catalog.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace steward::config {
namespace {

std::string document(std::string_view task, std::string_view inputs) {
  return fmt::format(
      "scenario: t\ntree: {{children: [{{id: p, pool: {{task: {}}}}}]}}\nrun:\n  - map: {{pool: p, inputs: {}}}\n",
      task, inputs);
}

std::vector<task_input> inputs_of(std::string_view task, std::string_view inputs) {
  const auto result = load(document(task, inputs));
  EXPECT_TRUE(result.value) << render_all(result.problems);
  return result.value ? std::get<map_step>(result.value->run.at(0).what).inputs : std::vector<task_input>{};
}

// "col path message" of the only fault; inputs begin in column 28.
std::string fault_of(std::string_view task, std::string_view inputs) {
  const auto result = load(document(task, inputs));
  EXPECT_EQ(result.problems.size(), 1U) << render_all(result.problems);
  if (result.problems.empty()) {
    return "no fault";
  }
  const auto& fault = result.problems.front();
  EXPECT_EQ(fault.line, 4U);
  return fmt::format("{} {} {}", fault.col, fault.path, fault.message);
}

using inputs = std::vector<task_input>;

TEST(inputs, of_a_range_include_both_ends) {
  EXPECT_EQ(inputs_of("square", "1..3"), (inputs{{"1"}, {"2"}, {"3"}}));
  EXPECT_EQ(inputs_of("square", "-1..1"), (inputs{{"-1"}, {"0"}, {"1"}}));
  EXPECT_EQ(inputs_of("square", "5..5"), (inputs{{"5"}}));
  EXPECT_EQ(inputs_of("square", "9223372036854775806..9223372036854775807").size(), 2U);
}

TEST(inputs, of_a_list_are_single_arguments_or_lists_of_them) {
  EXPECT_EQ(inputs_of("square", "[3, '4', -5]"), (inputs{{"3"}, {"4"}, {"-5"}}));
  EXPECT_EQ(inputs_of("square_unless", "[[1, none], [2, segfault]]"), (inputs{{"1", "none"}, {"2", "segfault"}}));
  EXPECT_EQ(inputs_of("square", "[[7]]"), (inputs{{"7"}}));
}

TEST(inputs, may_be_none) {
  EXPECT_EQ(inputs_of("square", "[]"), inputs{});
  EXPECT_EQ(inputs_of("square", "{values: [], times: 3}"), inputs{});
}

TEST(inputs, in_another_form_are_advised_in_ours) {
  const auto advice = [](std::string_view written) {
    const auto result = load(document("square", written));
    return result.problems.size() == 1 ? result.problems.front().suggestion.value_or("none") : "not one fault";
  };
  for (const auto* written : {"1-10", "1...10", "1 .. 10", "1 to 10", "1:10", "[1..10]"}) {
    EXPECT_EQ(advice(written), "1..10") << written;
  }
  EXPECT_EQ(advice("-3 to 3"), "-3..3");
  EXPECT_EQ(advice("5"), "[5]");
  EXPECT_EQ(advice("range(10)"), "none");
}

TEST(inputs, may_be_repeated) {
  EXPECT_EQ(inputs_of("square", "{value: 4, times: 3}"), (inputs{{"4"}, {"4"}, {"4"}}));
  EXPECT_EQ(inputs_of("square_unless", "{value: [4, none], times: 2}"), (inputs{{"4", "none"}, {"4", "none"}}));
  EXPECT_EQ(inputs_of("square", "{values: [1, 2], times: 2}"), (inputs{{"1"}, {"2"}, {"1"}, {"2"}}));
}

TEST(inputs, are_limited_to_a_million) {
  EXPECT_EQ(inputs_of("square", "1..1000000").size(), 1'000'000U);
  EXPECT_EQ(fault_of("square", "1..1000001"), "28 run[0].map.inputs too many inputs");
  EXPECT_EQ(fault_of("square", "-9223372036854775808..9223372036854775807"), "28 run[0].map.inputs too many inputs");
  EXPECT_EQ(fault_of("square", "{values: [1, 2], times: 500001}"), "28 run[0].map.inputs too many inputs");
  EXPECT_EQ(fault_of("square", "{value: 1, times: 1000001}"), "46 run[0].map.inputs.times 1000001 is too large");
}

TEST(inputs, of_no_known_form_are_refused) {
  EXPECT_EQ(fault_of("square", "5"), "28 run[0].map.inputs found text");
  EXPECT_EQ(fault_of("square", "'1..3'"), "28 run[0].map.inputs found text in quotes");
  EXPECT_EQ(fault_of("square", "~"), "20 run[0].map.inputs found nothing");
  EXPECT_EQ(fault_of("square", "3..1"), "28 run[0].map.inputs the range 3..1 is empty");
  EXPECT_EQ(fault_of("square", "1..x"), "28 run[0].map.inputs 'x' is not an integer");
  EXPECT_EQ(fault_of("square", "1...3"), "28 run[0].map.inputs '.3' is not an integer");
  EXPECT_EQ(fault_of("square", "[1, ~]"), "32 run[0].map.inputs[1] found nothing");
  EXPECT_EQ(fault_of("square_unless", "[[1, [2]]]"), "33 run[0].map.inputs[0][1] found a list");
  EXPECT_EQ(fault_of("square", "[{a: 1}]"), "29 run[0].map.inputs[0] found a map");
}

TEST(inputs, that_repeat_need_one_thing_to_repeat) {
  EXPECT_EQ(fault_of("square", "{times: 2}"), "28 run[0].map.inputs inputs that repeat name what they repeat");
  EXPECT_EQ(fault_of("square", "{value: 1, values: [1], times: 2}"),
            "28 run[0].map.inputs inputs that repeat name what they repeat");
  EXPECT_EQ(fault_of("square", "{value: 1}"), "28 run[0].map.inputs the key 'times' is missing");
  EXPECT_EQ(fault_of("square", "{value: 1, times: 0}"), "46 run[0].map.inputs.times 0 is too small");
  EXPECT_EQ(fault_of("square", "{values: 1, times: 2}"), "37 run[0].map.inputs.values found text");
}

TEST(inputs, must_fit_the_task) {
  EXPECT_EQ(fault_of("square", "[1, two]"),
            "32 run[0].map.inputs[1] not an input of 'square', int64(int64): 'two' is not an int64");
  EXPECT_EQ(fault_of("factorial", "-1..5"),
            "28 run[0].map.inputs not an input of 'factorial', string(uint32): '-1' is not a uint32");
  EXPECT_EQ(fault_of("square_unless", "[[1]]"),
            "29 run[0].map.inputs[0] 1 argument for 'square_unless', int64(int64, string)");
  EXPECT_EQ(fault_of("square", "[[1, 2]]"), "29 run[0].map.inputs[0] 2 arguments for 'square', int64(int64)");
  EXPECT_EQ(fault_of("opaque", "1..2"),
            "28 run[0].map.inputs the task 'opaque' takes arguments that have no text form");
}

}  // namespace
}  // namespace steward::config
