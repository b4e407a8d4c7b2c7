#pragma once

#include "control/http_server.hpp"
#include "control/loopback.hpp"
#include "control/operations.hpp"
#include "control/owned_fd.hpp"
#include "control/router.hpp"
#include "control/runtime_folder.hpp"
#include "observe/run_monitor.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace steward::control_api {

/// Where browsers of this machine come in. Throws std::runtime_error, with the reason, where that cannot be had, or
/// nobody could answer there.
struct loopback_door {
  /// With the token of that file (`token_of_file`), or with a new one.
  explicit loopback_door(const loopback_address& wanted, const std::string& token_file = {});

  /// What people are told: the URL, but of a token that is kept in a file only where that is. Others may read what a
  /// service tells.
  std::string told() const;

  loopback_socket socket;
  loopback_access access;
  std::string token_file;
};

struct server_options {
  std::string name = "program";                  ///< of the run
  bool record = false;                           ///< of a run whose program is not there any more
  std::string plan;                              ///< of such a run, as JSON; empty when it is not kept
  bool socket = true;                            ///< a Unix socket
  std::string folder = runtime_folder_path();    ///< where it lies
  std::shared_ptr<const loopback_door> door;     ///< null for none
  std::function<void(const std::string&)> warn;  ///< is told, once, why there is no socket, or nobody answers on it
  http_limits http;
  std::chrono::milliseconds rest{20};           ///< streams are woken no more often
  std::chrono::milliseconds heartbeat{15'000};  ///< after this long streams show whether somebody is there
  std::chrono::milliseconds linger{500};        ///< at the end this long for streams, and this long for answers
};

/// Listens for a run: on a Unix socket, and on loopback where that is asked for.
///
/// The sockets are there when it is made. What answers on them is loaded when the first one connects, or at once where
/// the run is to be observed, by the thread that folds the view; so a run that nobody looks at pays for that thread and
/// no more.
class control_server {
public:
  /// What is missing for a socket is told to `warn`, and no error.
  control_server(std::shared_ptr<run_monitor> monitor, server_options options);
  ~control_server();
  control_server(const control_server&) = delete;
  control_server& operator=(const control_server&) = delete;

  std::string socket() const { return socket_ ? socket_->path() : std::string{}; }
  std::string url() const { return options_.door ? options_.door->access.url() : std::string{}; }
  /// What can be done to the run now.
  operations_slot& steering() noexcept { return steering_; }
  /// Folds what has come for every question that there may be, so that none of them has to wait for that. It is done by
  /// itself when somebody asks.
  void prepare();

private:
  void make_socket();
  void serve() noexcept;
  void open_server();
  void refuse_callers();
  void refuse_caller(int listener);
  /// Until something happens; whether it is that somebody connects.
  bool wait();
  void wake() noexcept;
  void warn(const std::string& what);

  std::shared_ptr<run_monitor> monitor_;
  server_options options_;
  operations_slot steering_;
  std::optional<run_socket> socket_;
  owned_fd news_;
  std::unique_ptr<router> router_;
  std::unique_ptr<http_server> server_;  // of the thread, as the next two
  std::string broken_;                   // why there is none
  std::chrono::steady_clock::time_point next_beat_;
  std::optional<std::chrono::steady_clock::time_point> next_overdue_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace steward::control_api
