#pragma once

#include "control/control_server.hpp"
#include "observe/run_monitor.hpp"
#include "steward/control.hpp"
#include "steward/supervisor.hpp"

#include <memory>
#include <optional>
#include <string>

namespace steward::cli {

/// What a command line says of how runs are looked into.
struct control_request {
  bool socket = true;
  std::string observe;     ///< as `control_api::loopback_address_of` reads it; empty for none
  std::string token_file;  ///< as `control_api::token_of_file` reads it; empty: a new token
};

/// Lets the runs of a program be looked into and steered, one after the other. Made before anything emits; its log must
/// outlive it.
class run_control {
public:
  /// Throws std::runtime_error, with the reason, where runs are to be observed and cannot be.
  run_control(event_log& events, const control_request& request);
  ~run_control();
  run_control(const run_control&) = delete;
  run_control& operator=(const run_control&) = delete;

  /// What is not in memory any more comes from there. Null for none.
  void look_back_with(std::shared_ptr<event_history> from) {
    if (monitor_) monitor_->set_history(std::move(from));
  }

  /// While it lives a run can be looked into.
  class scope {
  public:
    scope(run_control& owner, const std::string& name) : owner_(owner) { owner_.open(name); }
    ~scope() { owner_.server_.reset(); }
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

  private:
    run_control& owner_;
  };

  /// While it lives a tree can be steered; the end waits for what is under way.
  class steering {
  public:
    steering(run_control& owner, supervisor& tree, control_reloader reload, control_stopper shutdown,
             control_planner plan);
    ~steering();
    steering(const steering&) = delete;
    steering& operator=(const steering&) = delete;

  private:
    run_control& owner_;
  };

  bool wants_samples() const noexcept { return monitor_ != nullptr; }
  void take(const sample& x) {
    if (monitor_) monitor_->take(x);
  }

private:
  void open(const std::string& name);

  event_log& events_;
  bool socket_;
  std::shared_ptr<const control_api::loopback_door> door_;
  std::shared_ptr<run_monitor> monitor_;  // null where nothing is to be looked into
  std::optional<control_api::control_server> server_;
};

}  // namespace steward::cli
