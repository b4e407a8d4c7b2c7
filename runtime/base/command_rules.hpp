#pragma once

#include "steward/cause.hpp"
#include "steward/spec.hpp"

#include <regex.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What the spec of a command means, for those who check it and for those who carry it out.

namespace steward {

/// Where a program is asked over HTTP.
struct http_url {
  std::string host;  ///< a numeric address; "localhost" is 127.0.0.1
  bool is_v6 = false;
  unsigned port = 80;
  std::string path;       ///< with the query, from its slash on
  std::string authority;  ///< as it was written, for the Host field

  friend bool operator==(const http_url&, const http_url&) = default;
};

/// "http://127.0.0.1:8080/health", "http://localhost", "http://[::1]:80/": no names but localhost, for to ask for one
/// may take long. None when it is not one of these.
std::optional<http_url> parse_http_url(std::string_view text);

/// An extended regular expression as `grep -E` takes it, looked for in lines. Movable; thread-safe once it is made.
class line_pattern {
public:
  /// Why it is none; empty when it is one. Escapes that `grep -E` would take for letters are refused, such as \d.
  static std::string fault_of(const std::string& text);

  /// Of a text without faults.
  explicit line_pattern(const std::string& text);
  bool matches(std::string_view line) const;

private:
  struct deleter {
    void operator()(regex_t* x) const noexcept;
  };
  std::unique_ptr<regex_t, deleter> compiled_;
};

/// The number of "SIGTERM"; 0 when there is no such signal.
int signal_number(std::string_view name);

/// How a command is stopped, from the first signal to SIGKILL: waits have their times, and none comes first or twice in
/// a row. `infinity` is the wait without an end.
std::vector<stop_step> ladder_of(const command_spec& x, milliseconds shutdown);
/// How long that takes at most.
milliseconds length_of(const std::vector<stop_step>& ladder);

/// After this long a program that was sent SIGKILL is not waited for any more.
inline constexpr milliseconds kill_takes_at_most{5'000};
/// When a supervisor stops waiting for the end of a child that it has asked to stop.
milliseconds stop_limit_of(const child_spec& x);
/// When it stops waiting for its start: never for what looks after that itself.
milliseconds start_limit_of(const child_spec& x);

/// What is wrong with a child that is a command. Fields are called as in YAML, from the child on; paths are empty.
std::vector<spec_fault> faults_of_command(const child_spec& x);

}  // namespace steward
