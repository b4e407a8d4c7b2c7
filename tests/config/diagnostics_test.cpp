#include "config/diagnostics.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace steward::config {
namespace {

diagnostic only_fault(std::string text, const mark& at, std::string message, hint more = {}) {
  fault_log faults;
  faults.add_source("a.yaml", std::move(text));
  faults.add(at, "tree.x", std::move(message), std::move(more));
  return faults.sorted().at(0);
}

TEST(diagnostics, look_like_those_of_a_compiler) {
  const auto fault = only_fault("one: 1\ntwo: wrong # here\n", {0, 2, 6}, "unknown key", {{}, "right"});
  EXPECT_EQ(render(fault),
            "a.yaml:2:6: error: tree.x: unknown key (did you mean 'right'?)\n"
            "  two: wrong # here\n"
            "       ^\n");
}

TEST(diagnostics, tell_what_was_expected) {
  EXPECT_TRUE(render(only_fault("a", {0, 1, 1}, "bad", {"a number", {}}))
                  .starts_with("a.yaml:1:1: error: tree.x: bad (expected a number)\n"));
  EXPECT_TRUE(render(only_fault("a", {0, 1, 1}, "bad", {"a number", "5"}))
                  .starts_with("a.yaml:1:1: error: tree.x: bad (expected a number; did you mean '5'?)\n"));
}

TEST(diagnostics, keep_the_caret_below_the_place_behind_tabs_and_wide_bytes) {
  EXPECT_EQ(render(only_fault("a:\té: b", {0, 1, 7}, "bad")),
            "a.yaml:1:7: error: tree.x: bad\n"
            "  a: é: b\n"
            "       ^\n");
}

TEST(diagnostics, escape_what_a_terminal_would_act_on) {
  const auto text = render(only_fault("a: \x1b[31m\xff z", {0, 1, 11}, "bad \x1b[0m"));
  EXPECT_EQ(text,
            "a.yaml:1:11: error: tree.x: bad \\x1b[0m\n"
            "  a: \\x1b[31m\\xff z\n"
            "                  ^\n");
}

TEST(diagnostics, cut_long_lines_around_the_place) {
  const std::string line = std::string(5'000, 'x') + "HERE" + std::string(5'000, 'y');
  const auto fault = only_fault(line, {0, 1, 5'001}, "bad");
  EXPECT_LT(fault.excerpt.size(), 160U);
  EXPECT_TRUE(fault.excerpt.starts_with("...x"));
  EXPECT_TRUE(fault.excerpt.ends_with("y..."));
  EXPECT_EQ(fault.excerpt.substr(fault.caret, 4), "HERE");
}

TEST(diagnostics, do_not_split_characters_when_they_cut) {
  std::string line;
  for (int i = 0; i < 500; ++i) {
    line += "é";
  }
  for (std::size_t col = 1; col < 400; col += 2) {
    const auto fault = only_fault(line, {0, 1, col}, "bad");
    EXPECT_EQ(fault.excerpt.find("\\x"), std::string::npos) << col;
  }
}

TEST(diagnostics, place_the_caret_at_the_end_of_a_line_for_columns_beyond_it) {
  EXPECT_EQ(only_fault("ab\r\ncd", {0, 1, 99}, "bad").caret, 2U);
  EXPECT_EQ(only_fault("ab", {0, 7, 1}, "bad").excerpt, "");
  EXPECT_EQ(only_fault("", {0, 1, 1}, "bad").caret, 0U);
}

TEST(diagnostics, without_a_place_have_no_line) {
  diagnostic fault;
  fault.file = "gone.yaml";
  fault.message = "cannot read the file";
  EXPECT_EQ(render(fault), "gone.yaml: error: cannot read the file\n");
}

TEST(diagnostics, come_in_the_order_of_their_places) {
  fault_log faults;
  faults.add_source("a.yaml", "a\nb\nc\n");
  faults.add_source("--set", "x=1");
  faults.add({1, 1, 1}, "", "fourth");
  faults.add({0, 3, 1}, "", "third");
  faults.add({0, 1, 2}, "", "second");
  faults.add({0, 1, 1}, "", "first");
  std::string order;
  for (const auto& one : faults.sorted()) {
    order += one.message + " ";
  }
  EXPECT_EQ(order, "first second third fourth ");
}

TEST(diagnostics, say_how_many_are_not_shown) {
  fault_log faults;
  faults.add_source("a.yaml", "a");
  for (std::size_t i = 0; i < fault_log::max_faults + 7; ++i) {
    faults.add({0, 1, 1}, "", "bad");
  }
  EXPECT_EQ(faults.count(), fault_log::max_faults + 7);
  const auto all = faults.sorted();
  ASSERT_EQ(all.size(), fault_log::max_faults + 1);
  EXPECT_EQ(render(all.back()), "a.yaml: error: 7 more faults are not shown\n");
}

TEST(diagnostics, have_a_json_form_that_survives_any_byte) {
  const auto fault = only_fault("a", {0, 1, 1}, "bad \xff \"q\"", {"a number", "5"});
  const auto json = nlohmann::json::parse(render_json({fault, {}}));
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(json[0]["file"], "a.yaml");
  EXPECT_EQ(json[0]["line"], 1);
  EXPECT_EQ(json[0]["col"], 1);
  EXPECT_EQ(json[0]["path"], "tree.x");
  EXPECT_EQ(json[0]["message"], "bad \xef\xbf\xbd \"q\"");
  EXPECT_EQ(json[0]["expected"], "a number");
  EXPECT_EQ(json[0]["suggestion"], "5");
  EXPECT_FALSE(json[1].contains("expected"));
  EXPECT_EQ(render_json({}), "[]");
}

}  // namespace
}  // namespace steward::config
