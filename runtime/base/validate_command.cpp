#include "base/bounds.hpp"
#include "base/command_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <string_view>
#include <utility>

namespace steward {

namespace {

constexpr milliseconds max_wait = std::chrono::hours{1};
constexpr milliseconds max_after = std::chrono::hours{24};
constexpr unsigned max_umask = 0777;

class command_checker {
public:
  explicit command_checker(const child_spec& x) : child_(x), x_(std::get<command_spec>(x.what)) {}

  std::vector<spec_fault> faults() {
    check_run();
    check_ready();
    check_stop();
    check_codes();
    check_surroundings();
    check_limits();
    return std::move(faults_);
  }

private:
  void fault(std::string field, std::string wrong, std::string right) {
    faults_.push_back({{}, std::move(field), std::move(wrong), std::move(right)});
  }

  static bool has_nul(const std::string& x) { return x.find('\0') != std::string::npos; }

  void check_run() {
    if (x_.run.empty()) return fault("command", "there is no program", "a program and its arguments");
    if (x_.run.front().empty()) fault("command", "the program's name is empty", "a program and its arguments");
    std::size_t bytes = 0;
    for (const auto& one : x_.run) {
      bytes += one.size() + 1;
      if (has_nul(one)) fault("command", "an argument holds a NUL", "a text without");
    }
    if (bytes > bounds::command_bytes.max)
      fault("command", fmt::format("{} bytes of arguments", bytes),
            fmt::format("at most {}", bounds::command_bytes.max));
  }

  void check_ready() {
    const auto& ready = x_.ready;
    const int given = !ready.line.empty() + (ready.port != 0) + !ready.file.empty() + !ready.http.empty() +
                      ready.notify + (ready.after.count() != 0);
    if (given > 1)
      fault("ready", fmt::format("{} conditions", given), "one of line, port, file, http, notify and after");
    if (!ready.line.empty()) {
      const auto wrong = line_pattern::fault_of(ready.line);
      if (!wrong.empty()) fault("ready.line", "not a regular expression: " + wrong, "one that `grep -E` takes");
    }
    if (ready.port > bounds::port.max)
      fault("ready.port", fmt::format("{} is too large", ready.port), "from 1 to 65535");
    if (has_nul(ready.file)) fault("ready.file", "a path with a NUL", "a path");
    if (!ready.http.empty() && !parse_http_url(ready.http))
      fault("ready.http", fmt::format("'{}' is no URL that can be asked", ready.http),
            "http:// with a numeric address or localhost, such as http://127.0.0.1:8080/health");
    if (ready.after < milliseconds{0} || ready.after > max_after)
      fault("ready.after",
            fmt::format("{} is too {}", render_duration(ready.after), ready.after < milliseconds{0} ? "short" : "long"),
            "a duration up to 24h");
    else if (start_within_of(child_) != infinity && ready.after >= start_within_of(child_))
      fault("ready.after",
            fmt::format("it is not less than start_within, {}", render_duration(start_within_of(child_))),
            "a longer start_within");
  }

  void check_stop() {
    bool last_was_wait = true;
    for (std::size_t i = 0; i < x_.stop.size(); ++i) {
      const auto& one = x_.stop[i];
      const bool is_wait = one.signal == 0;
      if (is_wait && last_was_wait)
        fault("stop", i == 0 ? "a wait comes first" : "two waits in a row", "a signal before each wait");
      if (!is_wait && signal_number(signal_name(one.signal)) != one.signal)
        fault("stop", fmt::format("{} is no signal", one.signal), "signals by their names, such as SIGTERM");
      if (one.signal == SIGKILL && i + 1 < x_.stop.size())
        fault("stop", "something comes after SIGKILL", "SIGKILL as the last");
      if (one.signal == SIGSTOP || one.signal == SIGTSTP)
        fault("stop", signal_name(one.signal) + " does not end a program", "a signal that does");
      if (one.wait && *one.wait != infinity && (*one.wait <= milliseconds{0} || *one.wait > max_wait))
        fault("stop", fmt::format("a wait of {}", render_duration(*one.wait)), "waits from 1ms to 1h");
      last_was_wait = is_wait;
    }
  }

  void check_codes() {
    for (const int code : x_.ok_codes)
      if (code < 0 || code > bounds::exit_code.max)
        fault("ok_codes", fmt::format("{} is no exit code", code), "numbers from 0 to 255");
  }

  void check_surroundings() {
    if (x_.environment.size() > bounds::command_variables.max)
      fault("environment", fmt::format("{} variables", x_.environment.size()),
            fmt::format("at most {}", bounds::command_variables.max));
    std::size_t bytes = 0;
    for (const auto& one : x_.environment) {
      bytes += one.size() + 1;
      if (one.empty() || one.front() == '=' || has_nul(one))
        fault("environment", "a variable without a name", "NAME, NAME=value or *");
    }
    if (bytes > bounds::command_bytes.max)
      fault("environment", fmt::format("{} bytes", bytes), fmt::format("at most {}", bounds::command_bytes.max));
    const auto is_odd = [](char c) { return c <= ' ' || c == '/' || c == '\x7f'; };
    const auto colon = x_.user.find(':');
    const bool is_half = colon == 0 || (colon != std::string::npos && colon + 1 == x_.user.size());
    if (is_half || std::ranges::count(x_.user, ':') > 1 || std::ranges::any_of(x_.user, is_odd))
      fault("user", fmt::format("'{}' names no user", x_.user), "a user, or user:group");
    if (has_nul(x_.working_directory)) fault("working_directory", "a path with a NUL", "a path");
    if (x_.umask.value_or(0) > max_umask)
      fault("umask", fmt::format("{:o} is too large", *x_.umask), "three octal digits, such as 022");
    if (x_.nice.value_or(0) < bounds::nice.min || x_.nice.value_or(0) > bounds::nice.max)
      fault("nice", fmt::format("{} is too {}", *x_.nice, *x_.nice < 0 ? "small" : "large"), "from -20 to 19");
  }

  void check_limits() {
    if (x_.rlimits.cpu < milliseconds{0})
      fault("rlimits.cpu", "it is negative", "a duration");
    else if (x_.rlimits.cpu.count() % 1'000 != 0)
      fault("rlimits.cpu", fmt::format("{} is no whole number of seconds", render_duration(x_.rlimits.cpu)),
            "whole seconds");
    const auto& logs = x_.logs;
    if (logs.lines_a_second > bounds::log_lines.max)
      fault("logs.lines_a_second", fmt::format("{} is too large", logs.lines_a_second),
            fmt::format("0, or from 1 to {}", bounds::log_lines.max));
    if (logs.line_length < bounds::log_line_bytes.min || logs.line_length > bounds::log_line_bytes.max)
      fault("logs.line_length",
            fmt::format("{} is too {}", logs.line_length,
                        logs.line_length < bounds::log_line_bytes.min ? "small" : "large"),
            fmt::format("from {} to {}", bounds::log_line_bytes.min, bounds::log_line_bytes.max));
  }

  const child_spec& child_;
  const command_spec& x_;
  std::vector<spec_fault> faults_;
};

}  // namespace

std::vector<spec_fault> faults_of_command(const child_spec& x) { return command_checker{x}.faults(); }

}  // namespace steward
