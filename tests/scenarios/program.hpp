#pragma once

#include "tests/support/subprocess.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace steward::test {

using json = nlohmann::json;
using std::chrono::milliseconds;

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool under_asan = true;
#elif defined(__has_feature)
inline constexpr bool under_asan = __has_feature(address_sanitizer);
#else
inline constexpr bool under_asan = false;
#endif

/// Limit of one run of the program: far above what any of them takes, far below the limit of a test.
inline constexpr milliseconds run_limit = under_asan ? milliseconds{40'000} : milliseconds{25'000};

/// Of crash_recovery: an address space with a sanitizer's shadow in it cannot be limited.
inline constexpr const char* settings_without_a_memory_limit[] = {
    "tree.children.fragile.pool.memory_limit=0B",
    "run.0.map.inputs=[[1, none], [2, exception], [3, uncaught], [4, segfault], [5, stack_overflow], [6, abort], "
    "[7, exit], [8, kill], [9, none], [10, none]]"};

/// What a run of the program left.
struct finished {
  bool in_time = false;  ///< false: it hung, and was killed
  int code = -1;
  int signal = 0;
  std::string out;
  std::string err;
  std::vector<json> events;  ///< of its event file, or of the pipe that was followed
};

/// A run in the background whose events the test reads as they come.
class running {
public:
  explicit running(const std::vector<std::string>& command, const subprocess::options& how);

  int pid() const noexcept { return process_.pid(); }
  void signal(int number) const noexcept { process_.signal(number); }
  /// Waits until this stands on standard error; false when it does not come.
  bool has_said(const std::string& text) {
    return process_.read_until([&] { return process_.err().find(text) != std::string::npos; },
                               subprocess::clock::now() + run_limit);
  }

  /// The events so far.
  const std::vector<json>& events();
  /// Waits for the `nth` event (counted from 1) that satisfies `wanted`, and returns it; null when the program ends or
  /// the limit passes before.
  json wait_for(const std::function<bool(const json&)>& wanted, std::size_t nth = 1, milliseconds limit = run_limit);
  /// Waits for the end; kills the program when that does not come within the limit.
  finished wait(milliseconds limit = run_limit);

private:
  subprocess process_;
  std::vector<json> events_;
  std::size_t parsed_ = 0;
};

/// Runs the built program, and checks after each test that no process is left of it.
class program_test : public testing::Test {
protected:
  program_test();
  ~program_test() override;
  void TearDown() override;

  /// Runs the program to its end.
  finished run(std::vector<std::string> arguments);
  /// Runs a scenario with an event file, which it reads.
  finished run_scenario(const std::string& scenario, const std::vector<std::string>& more = {});
  /// The scenario that ships as crash_recovery, as far as a sanitizer leaves room for it.
  finished run_crash_recovery(std::vector<std::string> more = {});
  /// Starts a scenario whose events can be followed.
  std::unique_ptr<running> start_scenario(const std::string& scenario, const std::vector<std::string>& more = {});
  subprocess::options environment() const;

  /// Writes a scenario of this test and returns its path.
  std::string write(const std::string& name, const std::string& yaml) const;
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  static std::string program();

private:
  std::filesystem::path folder_;
  int runs_ = 0;
};

/// The lines of a text, without their ends.
std::vector<std::string> lines_of(const std::string& text);
/// One JSON object a line; throws for a line that is none.
std::vector<json> parse_lines(const std::string& text);
std::string read_file(const std::string& path);

/// True for events of one kind, and of one actor when one is named.
std::function<bool(const json&)> of_kind(const std::string& kind, const std::string& actor = {});
std::vector<json> all_of_kind(const std::vector<json>& events, const std::string& kind);

/// Checks what holds for every event file: numbers without a gap, times, known kinds and levels, one run_start at the
/// front and one run_end with this exit code at the end.
void expect_sound_events(const std::vector<json>& events, int exit_code);

}  // namespace steward::test
