#pragma once

#include "supervision_common.hpp"

#include <caf/actor_addr.hpp>
#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>

#include <cstddef>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <typeinfo>
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

/// The same, but its end tells the exception's type and text. CAF's handler gets it as a pointer only.
template <class State>
caf::behavior hosted_telling(caf::stateful_actor<holder<State>>* self) {
  self->set_exception_handler([](std::exception_ptr& problem) -> caf::error {
    try {
      std::rethrow_exception(problem);
    } catch (const std::exception& e) {
      return caf::make_error(caf::sec::runtime_error, demangle(typeid(e).name()), std::string{e.what()});
    }
  });
  self->state.state = std::make_unique<State>(self);
  return self->state.state->make_behavior();
}

/// Monitors its children and spawns each anew when it is down; tells the handle to whoever wants to know.
class supervisor_state {
public:
  /// `careful`: it knows why a child ended.
  supervisor_state(caf::event_based_actor* self, caf::actor listener, bool careful)
      : self_(self), listener_(std::move(listener)), careful_(careful) {
    self_->set_down_handler([this](const caf::down_msg& x) {
      if (careful_) latest_cause_ = port::render(x.reason);
      on_down(x.source);
    });
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
    children_[slot] =
        careful_ ? self_->spawn<caf::monitored>(hosted_telling<victim>) : self_->spawn<caf::monitored>(hosted<victim>);
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
  bool careful_;
  std::string latest_cause_;
  std::vector<caf::actor> children_;
  std::map<caf::actor_addr, std::size_t> slots_;
  bool stopping_ = false;
};

inline caf::behavior supervise(caf::stateful_actor<holder<supervisor_state>>* self, const caf::actor& listener,
                               bool careful) {
  self->state.state = std::make_unique<supervisor_state>(self, listener, careful);
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

  caf::actor supervise(std::int64_t children, const caf::actor& listener = {}, bool careful = false) {
    auto out = system->spawn(raw::supervise, listener, careful);
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
