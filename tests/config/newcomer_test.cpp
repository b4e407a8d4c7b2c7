#include "config/loader.hpp"

#include "test_catalog.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <ostream>
#include <string>
#include <vector>

namespace steward::config {
namespace {

struct mistake {
  std::string scenario;
  std::string right;
  std::string wrong;
  std::string told;  // "line:col: path: message", or the start of it
};

std::ostream& operator<<(std::ostream& out, const mistake& x) { return out << x.scenario << ": " << x.wrong; }

std::vector<mistake> read_mistakes() {
  std::ifstream in{STEWARD_MISTAKES};
  std::vector<mistake> result;
  std::string line;
  const auto append = [](std::string& to, const std::string& text) { to += (to.empty() ? "" : "\n") + text; };
  while (std::getline(in, line)) {
    const auto text = line.size() > 2 ? line.substr(2) : "";
    if (line.starts_with('<')) {
      append(result.back().right, text);
    } else if (line.starts_with('>')) {
      append(result.back().wrong, text);
    } else if (line.starts_with('=')) {
      result.back().told = text;
    } else if (!line.empty() && !line.starts_with('#')) {
      result.push_back({line, "", "", ""});
    }
  }
  return result;
}

// The scenario with the mistake in it.
std::string text_with(const mistake& x) {
  auto text = read_scenario(x.scenario);
  const auto at = text.find(x.right);
  return at == std::string::npos ? "" : text.replace(at, x.right.size(), x.wrong);
}

std::string summary(const diagnostic& fault) {
  const auto text = render(fault);
  const auto shown = fmt::format("{}:{}: {}", fault.line, fault.col, text.substr(text.find("error: ") + 7));
  return shown.substr(0, shown.find('\n'));
}

class newcomer : public testing::TestWithParam<mistake> {};

TEST_P(newcomer, is_told_the_mistake_and_its_place) {
  const auto& x = GetParam();
  const auto text = text_with(x);
  ASSERT_NE(text, "") << "the scenario has no such text";
  const auto result = load(text);
  ASSERT_FALSE(result.problems.empty());
  const auto told = summary(result.problems.front());
  EXPECT_TRUE(told.starts_with(x.told)) << told << "\nexpected " << x.told;
}

TEST_P(newcomer, is_told_one_mistake_once) {
  const auto result = load(text_with(GetParam()));
  EXPECT_EQ(result.problems.size(), 1U) << render_all(result.problems);
}

INSTANTIATE_TEST_SUITE_P(of_the_shipped_scenarios, newcomer, testing::ValuesIn(read_mistakes()));

}  // namespace
}  // namespace steward::config
