#pragma once

#include "control/http.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

namespace steward::control_api {

struct http_limits {
  /// Of each listener, and no more than a fifth of the program's descriptors. Who comes beyond it takes the place of
  /// the one that has asked for nothing for longest; where all are busy, it is answered with 503.
  unsigned most_connections = 192;
  unsigned most_streams = 128;  ///< of all listeners; further ones are answered with 503
  unsigned most_errands = 8;    ///< the same
  std::size_t most_header_bytes = std::size_t{32} << 10;
  std::size_t most_body_bytes = std::size_t{64} << 10;
  std::chrono::seconds idle{10};     ///< of a connection on which nothing comes, in the middle of a request or between
  std::chrono::seconds request{20};  ///< until a request is whole, from the beginning or from the answer before it
  std::chrono::seconds answer{60};   ///< until an answer is taken that is no stream
  std::chrono::seconds hurried{3};   ///< the same, where there are as many connections as there may be
  std::chrono::seconds stalled{30};  ///< until the next block (16 KiB) of a stream is taken
};

/// Throws std::runtime_error, with the reason and what to install, when the HTTP library cannot be had.
void load_http_library();

/// Answers HTTP on sockets that others have made; the one place that knows the HTTP library, which is loaded when this
/// is made. Each listener has a thread, which calls the handler; errands run on threads of their own. Thread-safe.
class http_server {
public:
  /// Called on the threads of listeners, several at a time. What it throws ends that connection.
  using handler = std::function<http_answer(const http_request&)>;

  /// `on_haste` is called, on any thread, when `wake_streams` and `drop_overdue` are wanted soon. Throws as
  /// `load_http_library` does.
  http_server(handler answer, http_limits within, std::function<void()> on_haste);
  /// As `finish` without patience.
  ~http_server();
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;

  /// Accepts from a socket that listens already; takes a copy of the descriptor. `local`: it is a Unix socket. Throws
  /// std::runtime_error.
  void listen(int fd, bool local);
  /// Something has happened that streams may wait for.
  void wake_streams();
  /// Streams show whether somebody is still there.
  void show_life();
  /// Ends the connections that have taken too long. When that is to be called again; none while nobody is waited for.
  /// `on_haste` is called when it becomes earlier.
  std::optional<std::chrono::steady_clock::time_point> drop_overdue();
  std::size_t streams() const;
  /// Lets nothing new begin. Streams end behind what they have to tell, errands at their end, and whoever has asked
  /// gets the answer: waits for errands, and at most this long for the sending of each.
  void finish(std::chrono::milliseconds patience);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace steward::control_api
