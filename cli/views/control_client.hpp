#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

namespace steward::cli {

/// Why the other side could not be asked, or what it said is no answer.
class no_answer : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// What a server has answered.
struct http_answer {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< by name in small letters
  std::string body;

  bool ok() const noexcept { return status >= 200 && status < 300; }
};

/// Asks the control server of a run over its Unix socket: one request a connection. It speaks the part of HTTP/1.1 that
/// this server speaks. Each call throws `no_answer`. Not thread-safe.
class control_client {
public:
  using clock = std::chrono::steady_clock;

  static constexpr std::chrono::seconds default_patience{10};
  static constexpr std::size_t max_head_bytes = std::size_t{64} << 10;
  static constexpr std::size_t max_body_bytes = std::size_t{512} << 20;
  static constexpr std::size_t max_stream_line_bytes = std::size_t{8} << 20;

  /// `patience`: how long an answer may take in all, and a stream until it begins.
  explicit control_client(std::string socket, std::chrono::milliseconds patience = default_patience)
      : socket_(std::move(socket)), patience_(patience) {}

  http_answer get(const std::string& target) const { return ask("GET", target, {}); }
  http_answer post(const std::string& target, const std::string& body = {}) const { return ask("POST", target, body); }

  /// False: that is enough.
  using line_taker = std::function<bool(std::string_view)>;
  /// Asked at least each 200 ms; false: the wait is over.
  using patience_of_caller = std::function<bool()>;
  /// Hands on each line of the answer's body as it comes, without its end, until the body is over. An answer that is
  /// not `ok` is returned with its body instead.
  http_answer stream(const std::string& target, const std::map<std::string, std::string>& headers, const line_taker& f,
                     const patience_of_caller& waits) const;

private:
  http_answer ask(const char* method, const std::string& target, const std::string& body) const;

  std::string socket_;
  std::chrono::milliseconds patience_;
};

/// A text as a part of a target.
std::string percent_encoded(std::string_view text, std::string_view also_plain = {});

}  // namespace steward::cli
