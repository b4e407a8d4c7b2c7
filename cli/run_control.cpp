#include "cli/run_control.hpp"

#include "control/operations.hpp"
#include "observe/standard_streams.hpp"
#include "process/copied.hpp"

#include <atomic>
#include <utility>

namespace steward::cli {

run_control::run_control(event_log& events, const control_request& request) : events_(events), socket_(request.socket) {
  if (!request.socket && request.observe.empty()) return;
  if (!request.observe.empty())
    door_ = std::make_shared<control_api::loopback_door>(control_api::loopback_address_of(request.observe),
                                                         request.token_file);
  monitor_ = std::make_shared<run_monitor>();
  process::know_copies();
  // A copy of the program that tells of its death has no use for the monitor, whose lock somebody may have held.
  events_.add_sink([monitor = monitor_, original = process::original_mark()](const event& e) {
    if (original == nullptr || original->load(std::memory_order_relaxed) != 0) monitor->take(e);
  });
}

run_control::~run_control() {
  if (!monitor_) return;
  monitor_->close();
  monitor_->set_history(nullptr);  // the log keeps the monitor for longer than what is kept can be had
}

void run_control::open(const std::string& name) {
  if (!monitor_) return;
  control_api::server_options how;
  how.name = name;
  how.socket = socket_;
  how.door = door_;
  how.warn = [this](const std::string& what) {
    event e;
    e.kind = event_kind::warn;
    e.level = event_level::warn;
    e.text = what;
    events_.emit(std::move(e));
  };
  server_.emplace(monitor_, std::move(how));
  if (door_) standard_streams::say("steward: " + name + " can be observed at " + door_->told() + "\n");
}

run_control::steering::steering(run_control& owner, supervisor& tree, control_reloader reload, control_stopper shutdown,
                                control_planner plan)
    : owner_(owner) {
  if (owner_.server_)
    owner_.server_->steering().set(
        control_api::operations_of(tree, owner_.events_, std::move(reload), std::move(shutdown), std::move(plan)));
}

run_control::steering::~steering() {
  if (owner_.server_) owner_.server_->steering().set(nullptr);
}

}  // namespace steward::cli
