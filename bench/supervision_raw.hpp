#pragma once

#include "supervision_common.hpp"

#include <caf/actor_addr.hpp>
#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace bench {

/// Plain CAF, as a program without a framework would have it: the same states, in actors that end when they throw.
namespace raw {

template <class State>
struct holder {
  std::unique_ptr<State> state;
};

template <class State>
caf::behavior hosted(caf::stateful_actor<holder<State>>* self) {
  // CAF's own exception handler prints; a supervisor is quieter, and so is everybody else in this comparison.
  self->set_exception_handler([](std::exception_ptr&) -> caf::error { return caf::sec::runtime_error; });
  self->state.state = std::make_unique<State>(self);
  return self->state.state->make_behavior();
}

/// Monitors its children and spawns each anew when it is down; tells the handle to whoever wants to know.
class supervisor_state {
public:
  supervisor_state(caf::event_based_actor* self, caf::actor listener) : self_(self), listener_(std::move(listener)) {
    self_->set_down_handler([this](const caf::down_msg& x) { on_down(x.source); });
  }

  caf::behavior make_behavior() {
    return {
        [this](caf::add_atom, std::int64_t n) {
          children_.resize(static_cast<std::size_t>(n));
          for (std::size_t slot = 0; slot < children_.size(); ++slot) start(slot);
        },
        [this](crash_atom) {
          for (const auto& child : children_) tell(self_, child, crash_atom::value);
        },
        [this](caf::delete_atom) {
          stopping_ = true;
          for (const auto& child : children_) self_->send_exit(child, caf::exit_reason::user_shutdown);
        },
    };
  }

private:
  void start(std::size_t slot) {
    children_[slot] = self_->spawn<caf::monitored>(hosted<victim>);
    slots_.emplace(children_[slot].address(), slot);
    if (listener_) tell(self_, listener_, caf::put_atom::value, children_[slot]);
  }
  void on_down(const caf::actor_addr& who) {
    const auto it = slots_.find(who);
    if (it == slots_.end()) return;
    const auto slot = it->second;
    slots_.erase(it);
    if (!stopping_)
      start(slot);
    else if (slots_.empty())
      self_->quit();
  }

  caf::event_based_actor* self_;
  caf::actor listener_;
  std::vector<caf::actor> children_;
  std::map<caf::actor_addr, std::size_t> slots_;
  bool stopping_ = false;
};

inline caf::behavior supervise(caf::stateful_actor<holder<supervisor_state>>* self, const caf::actor& listener) {
  self->state.state = std::make_unique<supervisor_state>(self, listener);
  return self->state.state->make_behavior();
}

/// An actor system with the settings that ours has, and a supervisor of victims in it.
struct program {
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;

  program() {
    port::configure(config, port::scheduling::sharing, thread_count());
    port::announce_block<caf::id_block::steward>(config);
    system = std::make_unique<caf::actor_system>(config);
  }

  caf::actor supervise(std::int64_t children, const caf::actor& listener = {}) {
    auto out = system->spawn(raw::supervise, listener);
    caf::anon_send(out, caf::add_atom::value, children);
    return out;
  }
  /// Stops the children, and waits until their supervisor is down.
  void stop(const caf::actor& supervisor) {
    caf::scoped_actor self{*system};
    caf::anon_send(supervisor, caf::delete_atom::value);
    self->wait_for(supervisor);
  }
};

}  // namespace raw
}  // namespace bench
