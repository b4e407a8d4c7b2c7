#include "steward/control.hpp"

#include "control/control_server.hpp"
#include "observe/run_monitor.hpp"

#include <utility>

namespace steward {

struct control::impl {
  std::shared_ptr<run_monitor> monitor = std::make_shared<run_monitor>();
  std::optional<control_api::control_server> server;
};

control::control(event_log& events, supervisor& tree, control_options options) : impl_(std::make_unique<impl>()) {
  control_api::server_options how;
  how.name = std::move(options.name);
  how.socket = options.socket;
  if (!options.folder.empty()) how.folder = std::move(options.folder);
  if (!options.observe.empty())
    how.door = std::make_shared<control_api::loopback_door>(control_api::loopback_address_of(options.observe),
                                                            options.token_file);
  how.warn = [&events](const std::string& what) {
    event e;
    e.kind = event_kind::warn;
    e.level = event_level::warn;
    e.text = what;
    events.emit(std::move(e));
  };
  events.add_sink([monitor = impl_->monitor](const event& e) { monitor->take(e); });
  impl_->server.emplace(impl_->monitor, std::move(how));
  impl_->server->steering().set(control_api::operations_of(tree, events, std::move(options.reload),
                                                           std::move(options.shutdown), std::move(options.plan)));
}

control::~control() {
  impl_->server.reset();
  impl_->monitor->close();  // the log has its sink for ever
}

std::string control::socket() const { return impl_->server->socket(); }
std::string control::url() const { return impl_->server->url(); }
void control::take(const sample& x) { impl_->monitor->take(x); }

}  // namespace steward
