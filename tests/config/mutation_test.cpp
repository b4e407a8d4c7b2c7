#include "config/loader.hpp"

#include "test_catalog.hpp"

#include <gtest/gtest.h>

#include <array>

namespace steward::config {
namespace {

// What a load of any bytes must keep: a scenario or faults, and faults that can be shown.
void expect_a_verdict(const std::string& text, const catalog& names) {
  const auto result = load_text(text, "mutated.yaml", names);
  ASSERT_NE(result.value.has_value(), !result.problems.empty());
  for (const auto& fault : result.problems) {
    ASSERT_FALSE(fault.message.empty());
    for (const char c : render(fault)) {
      ASSERT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
    }
  }
}

TEST(mutation, every_beginning_of_a_scenario_gets_a_verdict) {
  const auto names = make_catalog();
  for (const auto* name : {"shared_state", "threads_vs_processes"}) {
    const auto text = read_scenario(name);
    ASSERT_FALSE(text.empty());
    for (std::size_t length = 0; length < text.size(); ++length) {
      expect_a_verdict(text.substr(0, length), names);
    }
  }
}

TEST(mutation, every_replaced_byte_gets_a_verdict) {
  constexpr std::array<char, 12> nasty{'\0', '\t', '\n', '"', '\'', '{', ']', ':', '*', '-', '\x80', '9'};
  const auto names = make_catalog();
  const auto text = read_scenario("square");
  ASSERT_FALSE(text.empty());
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const char replacement : nasty) {
      auto mutated = text;
      mutated[i] = replacement;
      expect_a_verdict(mutated, names);
    }
  }
}

TEST(mutation, every_removed_byte_gets_a_verdict) {
  const auto names = make_catalog();
  for (const auto* name : {"crash_recovery", "shared_list", "supervision"}) {
    const auto text = read_scenario(name);
    ASSERT_FALSE(text.empty());
    for (std::size_t i = 0; i < text.size(); ++i) {
      auto mutated = text;
      mutated.erase(i, 1);
      expect_a_verdict(mutated, names);
    }
  }
}

}  // namespace
}  // namespace steward::config
