#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

// What the router sees of HTTP: values, and no library.
namespace steward::control_api {

/// Who is at the other end.
struct http_peer {
  bool local = false;  ///< on the Unix socket; else on loopback
  unsigned uid = 0;    ///< of a local one, as the kernel says

  friend bool operator==(const http_peer&, const http_peer&) = default;
};

struct http_request {
  std::string method;
  std::string path;  ///< without the query, as it was sent
  std::vector<std::pair<std::string, std::string>> query;
  std::string host;
  std::string origin;
  std::string accept;
  std::string authorization;
  std::string cookie;
  std::string last_event_id;
  std::string body;
  http_peer peer;

  /// The value of a part of the query; none when it is not there.
  std::optional<std::string> parameter(std::string_view name) const {
    for (const auto& [key, value] : query)
      if (key == name) return value;
    return std::nullopt;
  }
};

inline constexpr const char* json_type = "application/json";
inline constexpr const char* json_lines_type = "application/jsonl";
inline constexpr const char* problem_type = "application/problem+json";
inline constexpr const char* event_stream_type = "text/event-stream";

struct http_response {
  int status = 200;
  std::string type = json_type;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// A body that is made as it is sent. Used by one thread at a time, which may change.
class http_stream {
public:
  enum class state : unsigned char {
    more,   ///< there may be more at once
    waits,  ///< there is nothing until something happens
    over,
  };

  http_stream() = default;
  virtual ~http_stream() = default;
  http_stream(const http_stream&) = delete;
  http_stream& operator=(const http_stream&) = delete;

  virtual const char* type() const = 0;
  /// Beside the type.
  virtual std::vector<std::pair<std::string, std::string>> headers() const { return {}; }
  /// Appends what is next. Must not wait.
  virtual state read(std::string& into) = 0;
  /// Appends what shows that the other side is still there; nothing for streams that do not wait.
  virtual void show_life(std::string&) {}
};

/// What takes its time: it runs on a thread of its own.
struct http_errand {
  std::function<http_response()> run;
};

using http_answer = std::variant<http_response, std::unique_ptr<http_stream>, http_errand>;

}  // namespace steward::control_api
