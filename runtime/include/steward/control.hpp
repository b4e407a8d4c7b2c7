#pragma once

#include "steward/admin.hpp"
#include "steward/event.hpp"
#include "steward/sample.hpp"
#include "steward/supervisor.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace steward {

/// What came of an operation that somebody asked for from outside.
struct control_outcome {
  std::string code = "ok";  ///< as `admin_code` names it
  std::string text;         ///< what was done, or why not
  std::vector<reload_change> changes;
  std::vector<std::string> faults;  ///< of a file that was not loaded

  explicit operator bool() const noexcept { return code == "ok" || code == "ignored"; }
};

struct control_reload {
  bool dry_run = false;  ///< only tell what would change
  std::string file;      ///< empty: the one that runs
};

/// `by` is who asks: "uid 1000 (ann)", or "web".
using control_reloader = std::function<control_outcome(const control_reload& what, const std::string& by)>;
using control_stopper = std::function<control_outcome(const std::string& by)>;
/// What the run was made of, as one JSON object for those who look at it; docs/control.md tells of its form.
using control_planner = std::function<std::string()>;

struct control_options {
  std::string name = "program";  ///< of the run: that of the socket begins so
  bool socket = true;            ///< a Unix socket in the runtime folder
  std::string folder;            ///< in place of the runtime folder
  std::string observe;       ///< "PORT" or "ADDRESS:PORT" of the loopback interface, to listen there too; 0: any port
  std::string token_file;    ///< where the token of the URL is kept from run to run; empty: a new one each time
  control_reloader reload;   ///< empty: reloads are refused
  control_stopper shutdown;  ///< empty: the tree is asked to stop
  control_planner plan;      ///< empty: there is none to be shown
};

/// Lets a running tree be looked into and steered over HTTP, as `steward run` does by itself; docs/control.md has the
/// routes.
///
///     steward::event_log events;
///     steward::runtime rt{events, tasks, actors};
///     steward::supervisor tree{rt, spec};
///     steward::control control{events, tree, {.name = "shop"}};
///     auto started = tree.start();
///
/// Make it before the tree is started: it tells of what it has seen. Only the user of this program, and root, may
/// connect to the socket; the URL holds a token that others do not have. A socket that cannot be had is told by a
/// `warn` event, and is no error; an address to observe that cannot be had is: std::runtime_error, or
/// std::invalid_argument for what is no address of the loopback interface; so is a token file that others could read.
///
/// Has a thread that sleeps until somebody connects. The destructor ends it: it waits for the operations that are under
/// way, and briefly for streams that are not at their end. The log and the tree must outlive it. Members are
/// thread-safe.
class control {
public:
  control(event_log& events, supervisor& tree, control_options options = {});
  ~control();
  control(const control&) = delete;
  control& operator=(const control&) = delete;

  /// Path of the Unix socket; empty when there is none.
  [[nodiscard]] std::string socket() const;
  /// For a browser, with the token; empty when nothing is to be observed.
  [[nodiscard]] std::string url() const;
  /// Figures for the views, from whoever takes them.
  void take(const sample& x);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace steward
