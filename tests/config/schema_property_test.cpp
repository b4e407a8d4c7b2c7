#include "config/loader.hpp"
#include "config/schema.hpp"

#include "test_catalog.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace steward::config {
namespace {

// A document in which a key of a section may stand in place of the mark. Lines that begin with '?' are left out where
// they hold the key at hand.
const std::map<std::string, std::string>& documents() {
  static const std::string step =
      "scenario: t\ntree:\n  children:\n    - {id: a, actor: counter}\n"
      "    - {id: p, pool: {task: square}}\n"
      "    - {id: d, supervisor: {strategy: simple_one_for_one, children: "
      "[{id: x, actor: counter}]}}\nrun:\n";
  static const std::string child = "scenario: t\ntree:\n  children:\n    - id: c\n";
  static const std::map<std::string, std::string> all{
      {"scenario", "?scenario: t\n?tree: {children: []}\n@\n"},
      {"state", "scenario: t\ntree: {children: []}\nstate:\n?  dir: d\n  @\n"},
      {"supervisor", "scenario: t\ntree:\n  @\n?  children: []\n"},
      {"intensity", "scenario: t\ntree:\n  intensity:\n    @\n  children: []\n"},
      {"child", "scenario: t\ntree:\n  children:\n    -\n?      id: c\n?      actor: counter\n      @\n"},
      {"mailbox", child + "      actor: counter\n      mailbox:\n        @\n"},
      {"on_crash", child + "      actor: counter\n      on_crash:\n        @\n"},
      {"backoff", child + "      actor: counter\n      backoff:\n        @\n"},
      {"process", child + "      actor: counter\n      runs_in: process\n      process:\n        @\n"},
      {"ready", child + "      command: [sleep, '1']\n      ready:\n        @\n"},
      {"rlimits", child + "      command: [sleep, '1']\n      rlimits:\n        @\n"},
      {"logs", child + "      command: [sleep, '1']\n      logs:\n        @\n"},
      {"pool", child + "      pool:\n        @\n"},
      {"worker_restarts", child + "      pool:\n        worker_restarts:\n          @\n"},
      {"worker_backoff", child + "      pool:\n        worker_backoff:\n          @\n"},
      {"step", step + "  - @\n"},
      {"map", step + "  - map:\n?      pool: p\n?      inputs: 1..2\n      @\n"},
      {"inputs", step + "  - map:\n      pool: p\n      inputs:\n?        times: 2\n        @\n"},
      {"compare",
       step + "  - compare:\n?      pools: [p]\n?      work: [{name: n, task: square, inputs: 1..2}]\n      @\n"},
      {"work",
       step + "  - compare:\n      pools: [p]\n      work:\n        -\n?          name: n\n?          task: square\n"
              "?          inputs: 1..2\n          @\n"},
      {"wait_for", step + "  - wait_for:\n      @\n"},
      {"resize", step + "  - resize:\n?      pool: p\n?      workers: 2\n      @\n"},
      {"show", step + "  - show:\n?      actor: a\n      @\n"},
      {"crash", step + "  - crash:\n      @\n"},
      {"start_child", step + "  - start_child:\n?      supervisor: d\n      @\n"},
  };
  return all;
}

struct placed_document {
  std::string text;
  std::size_t line = 0;  // of the key
};

placed_document document_with(const field& of, const std::string& value) {
  placed_document result;
  const auto& pattern = documents().at(std::string{of.section});
  for (std::size_t at = 0, line = 1; at < pattern.size();) {
    const auto end = pattern.find('\n', at);
    auto text = pattern.substr(at, end - at);
    at = end + 1;
    if (text.starts_with('?')) {
      text.erase(0, 1);
      if (text.substr(text.find_first_not_of(' ')).starts_with(std::string{of.key} + ":")) {
        continue;
      }
    }
    if (const auto mark = text.find('@'); mark != std::string::npos) {
      text.replace(mark, 1, fmt::format("{}: {}", of.key, value));
      result.line = line;
    }
    result.text += text + "\n";
    ++line;
  }
  return result;
}

// What is never right behind a key of this kind.
std::vector<std::string> wrong_values(value_kind kind) {
  switch (kind) {
    case value_kind::text:
      return {"[x]", "{a: b}", "~"};
    case value_kind::name:
      return {"[x]", "{a: b}", "~", "a b", "''", ".x"};
    case value_kind::integer:
      return {"x", "1.5", "'5'", "[1]", "{a: b}", "~", "99999999999999999999", "0x10", "1e3", "1_0", "true", "+1", "-"};
    case value_kind::real:
      return {"x", "'1'", "[1]", "{a: b}", "~", ".nan", "1e999", "0,5", "-1", "50%"};
    case value_kind::boolean:
      return {"maybe", "1", "yes", "[true]", "{a: b}", "~", "'true'"};
    case value_kind::duration:
      return {
          "5", "0", "5 s", "-5s", "x", "[5s]", "{a: b}", "~", "'5s'", "99999999999999999999s", "9223372036854775807h"};
    case value_kind::size:
      return {"5", "0", "5 MiB", "-5B", "x", "[5B]", "{a: b}", "~", "'64MiB'", "9223372036854775807GiB"};
    case value_kind::choice:
      return {"frobnicate", "[x]", "{a: b}", "~", "1"};
    case value_kind::texts:
      return {"x", "{a: b}", "~", "[[x]]", "[{a: b}]", "[~]"};
    case value_kind::integers:
      return {"5", "{a: b}", "~", "[x]", "[[1]]", "[-1]", "['1']"};
    case value_kind::choices:
      return {"x", "{a: b}", "~", "[frobnicate]", "[[x]]"};
    case value_kind::section:
      return {"x", "[x]", "~", "{frobnicate: 1}", "1"};
    case value_kind::sections:
      return {"x", "{a: b}", "[x]", "[~]", "[[x]]", "1"};
    case value_kind::special:
      return {"{frobnicate: 1}"};
  }
  return {};
}

TEST(schema_property, every_wrong_value_of_every_key_is_told_in_its_line) {
  std::size_t tried = 0;
  for (const auto& of : schema()) {
    for (const auto& value : wrong_values(of.kind)) {
      const auto document = document_with(of, value);
      const auto result = load(document.text);
      ASSERT_FALSE(result.value) << document.text;
      ASSERT_FALSE(result.problems.empty());
      const auto& first = result.problems.front();
      EXPECT_EQ(first.file, "test.yaml");
      EXPECT_EQ(first.line, document.line) << document.text << render_all(result.problems);
      EXPECT_GE(first.col, 1U);
      EXPECT_FALSE(first.message.empty());
      ++tried;
    }
  }
  EXPECT_GT(tried, 800U);
}

// What people write where our notation is another.
std::vector<std::string> foreign_values_of(value_kind kind) {
  switch (kind) {
    case value_kind::integer:
      return {"1,000", "0x10", "1e3", "+5", "2.0", "1k", "-1", "none", "auto"};
    case value_kind::real:
      return {"0,5", "50%", "+2", "2.", "1x"};
    case value_kind::boolean:
      return {"yes", "NO", "1", "tru"};
    case value_kind::duration:
      return {"5",    "0",      "500",   "5000000", "5 s",   "5S",   "0.5s",
              "1,5s", "2 days", "1h30m", "1e3ms",   "never", "none", "-1"};
    case value_kind::size:
      return {"5", "0", "64", "536870912", "0.5GiB", "512MB", "1 TB", "1k", "unlimited", "-1"};
    case value_kind::choice:
      return {"OneForAll", "always", "on-failure", "never", "yes", "no", "Process", "thread", "drop", "block", "all"};
    case value_kind::texts:
      return {"a", "a, b"};
    case value_kind::integers:
      return {"2", "2, 4", "x", "true", "0"};
    case value_kind::choices:
      return {"each", "true", "each, results", "frobnicate"};
    default:
      return {};
  }
}

TEST(schema_property, advice_that_is_followed_is_taken) {
  std::size_t followed = 0;
  for (const auto& of : schema()) {
    for (const auto& value : foreign_values_of(of.kind)) {
      const auto result = load(document_with(of, value).text);
      if (result.problems.empty()) {
        continue;
      }
      const auto& fault = result.problems.front();
      const auto say = fault.message.find(": say ");
      const auto advice = say == std::string::npos ? fault.suggestion : std::optional{fault.message.substr(say + 6)};
      if (!advice) {
        continue;
      }
      const auto better = load(document_with(of, *advice).text);
      EXPECT_TRUE(std::ranges::none_of(
          better.problems,
          [&](const auto& x) {
            // What a value asks for beside it is another matter.
            return x.path == fault.path &&
                   (x.message.starts_with("'") || x.message.find(" is too ") != std::string::npos ||
                    x.message.starts_with("unknown value") || x.message.starts_with("found "));
          }))
          << of.section << "." << of.key << ": " << value << " -> " << *advice << "\n"
          << render_all(better.problems);
      ++followed;
    }
  }
  EXPECT_GT(followed, 150U);
}

}  // namespace
}  // namespace steward::config
