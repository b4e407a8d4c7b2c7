// The checker of soaks against histories that were tampered with: a short real one, with each of its lines removed,
// told twice or altered, one at a time. A checker that takes any of these for sound would take a pool that loses,
// doubles or mixes up its tasks for sound, too.
#include "soak/checker.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <unistd.h>

namespace steward::soak {
namespace {

using lines = std::vector<std::string>;

/// A sound history, made by a run of the program. In a run of three seconds on a busy machine more faults come too late
/// than the checker lets pass, and then another one is made: whether pools are sound is for soaks that last.
const lines& sound_history() {
  static const lines all = [] {
    const auto file = std::filesystem::temp_directory_path() / ("steward_soak_" + std::to_string(::getpid()) + ".csv");
    const std::string run = std::string(STEWARD_SOAK_PROGRAM) +
                            " soak --seed 3 --seconds 3 --faults-per-second 20 --tasks 200 --history " + file.string() +
                            " >/dev/null 2>&1";
    int code = std::system(run.c_str());
    for (int more = 9; more > 0 && code != 0; --more) code = std::system(run.c_str());
    EXPECT_EQ(code, 0);
    std::ifstream in(file);
    lines out;
    for (std::string line; std::getline(in, line);) out.push_back(line);
    in.close();
    std::filesystem::remove(file);
    return out;
  }();
  return all;
}

verdict judged(const lines& history) {
  std::string text;
  for (const auto& line : history) text += line + "\n";
  std::istringstream in(text);
  return check(in);
}

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, ',');) out.push_back(field);
  return out;
}

std::string joined(const std::vector<std::string>& fields) {
  std::string out;
  for (const auto& field : fields) out += (out.empty() ? "" : ",") + field;
  return out;
}

/// What was changed unnoticed, if anything.
using oversight = std::optional<std::string>;

/// A worker that was stopped, and is told as one that was not, looks like one that a busy machine held up. A few of
/// these are allowed, and counted: so the count is how it is noticed.
oversight overlooked(const lines& history, const std::string& what) {
  static const auto late = judged(sound_history()).late;
  const auto v = judged(history);
  if (v.problem_count > 0 || v.late != late) return std::nullopt;
  return what;
}

void expect_none(const std::vector<std::string>& unnoticed, std::size_t tried) {
  std::string all;
  for (const auto& one : unnoticed) all += "\n  " + one;
  EXPECT_TRUE(unnoticed.empty()) << unnoticed.size() << " of " << tried << " changes go unnoticed:" << all;
  EXPECT_GT(tried, 500u);  // lines, or fields
}

TEST(soak_checker, takes_a_sound_history_for_sound) {
  const auto v = judged(sound_history());
  EXPECT_EQ(v.problem_count, 0u) << (v.problems.empty() ? "" : v.problems.front());
  EXPECT_GE(v.fault_count, 55u);
  EXPECT_GE(v.outcomes.at("value"), 150u);
}

TEST(soak_checker, notices_each_line_that_is_removed) {
  const auto& sound = sound_history();
  ASSERT_EQ(judged(sound).problem_count, 0u) << judged(sound).problems.front();
  std::vector<std::string> unnoticed;
  for (std::size_t i = 0; i < sound.size(); ++i) {
    auto history = sound;
    history.erase(history.begin() + static_cast<std::ptrdiff_t>(i));
    if (const auto what = overlooked(history, sound[i])) unnoticed.push_back(*what);
  }
  expect_none(unnoticed, sound.size());
}

TEST(soak_checker, notices_each_line_that_is_told_twice) {
  const auto& sound = sound_history();
  ASSERT_EQ(judged(sound).problem_count, 0u) << judged(sound).problems.front();
  std::vector<std::string> unnoticed;
  for (std::size_t i = 0; i < sound.size(); ++i) {
    auto history = sound;
    history.insert(history.begin() + static_cast<std::ptrdiff_t>(i), sound[i]);
    if (const auto what = overlooked(history, sound[i])) unnoticed.push_back(*what);
  }
  expect_none(unnoticed, sound.size());
}

// Of the fields each, or without optimisation each third, for the time it takes.
#ifdef NDEBUG
constexpr std::size_t stride = 1;
#else
constexpr std::size_t stride = 3;
#endif

/// The next number that stands nowhere in the history.
std::string number_of_nobody(const std::string& behind) {
  static const auto known = [] {
    std::set<std::string> out;
    for (const auto& line : sound_history())
      for (auto& field : fields_of(line)) out.insert(std::move(field));
    return out;
  }();
  auto next = std::stoull(behind) + 1;
  while (known.count(std::to_string(next)) > 0) ++next;
  return std::to_string(next);
}

/// Another value of the same kind; nothing for a field that may be otherwise in a sound history, such as a time, the
/// resident set or a time of recovery.
std::optional<std::string> altered(const std::vector<std::string>& fields, std::size_t i) {
  static const std::map<std::string, std::set<std::size_t>> free_fields{
      {"S", {1}},     // time
      {"A", {7}},     // run time
      {"O", {1, 5}},  // time; whether the work was begun
      {"F", {1}},     // time
      {"E", {1}},     // time
      {"M", {2, 3}},  // time; resident set
  };
  const auto known = free_fields.find(fields[0]);
  if (known != free_fields.end() && known->second.count(i) > 0) return std::nullopt;
  if (fields[0] == "E" && ((i == 13 && fields[10] != "-") || (i == 15 && fields[3] == "recover"))) return std::nullopt;
  // What the run was told to do is no statement about the pool.
  static const std::set<std::string> free_names{"tasks",       "in_flight",    "faults", "attempts",
                                                "deadline_ms", "heartbeat_ms", "back_ms"};
  if (i == 2 && (fields[0] == "H" || fields[0] == "X") && free_names.count(fields[1]) > 0) return std::nullopt;
  const auto& was = fields[i];
  // To which process a fault was done: done to another one that died as well, it may be as sound.
  if (fields[0] == "F" && i == 4) return number_of_nobody(was);
  const bool number = was.find_first_not_of("0123456789") == std::string::npos;
  return number ? std::to_string(std::stoull(was) + 1) : was == "-" ? "1" : was + "x";
}

TEST(soak_checker, notices_each_field_that_is_altered) {
  const auto& sound = sound_history();
  ASSERT_EQ(judged(sound).problem_count, 0u) << judged(sound).problems.front();
  std::vector<std::string> unnoticed;
  std::size_t tried = 0;
  for (std::size_t i = 0; i < sound.size(); ++i) {
    const auto fields = fields_of(sound[i]);
    for (std::size_t field = 0; field < fields.size(); ++field) {
      if ((i + field) % stride != 0) continue;
      const auto other = altered(fields, field);
      if (!other) continue;
      auto changed = fields;
      changed[field] = *other;
      auto history = sound;
      history[i] = joined(changed);
      ++tried;
      if (const auto what = overlooked(history, sound[i] + " -> " + history[i])) unnoticed.push_back(*what);
    }
  }
  expect_none(unnoticed, tried);
}

TEST(soak_checker, notices_a_history_that_is_cut_off) {
  const auto& sound = sound_history();
  ASSERT_EQ(judged(sound).problem_count, 0u) << judged(sound).problems.front();
  for (std::size_t i = 0; i < sound.size(); i += 7) {
    const lines history(sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_GT(judged(history).problem_count, 0u) << i;
  }
}

}  // namespace
}  // namespace steward::soak
