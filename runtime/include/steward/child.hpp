#pragma once

#include "steward/actor.hpp"
#include "steward/cause.hpp"
#include "steward/spec.hpp"

#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

/// Children of a tree that is written in C++:
///
///     supervisor_spec tree{
///         .strategy = strategy::one_for_all,
///         .intensity = {.restarts = 3, .within = 5s},
///         .children = {
///             child::actor<tally>("total", {{"start", 10}}),
///             child::actor("cache", [&db] { return cache{db}; }),
///             child::registered("words", "dictionary"),
///             child::pool("squares", {.task = "square", .size = {.workers = 4}}),
///             child::command("web", {.run = {"nginx", "-g", "daemon off;"}, .ready = {.port = 8080}}),
///             child::supervisor("jobs", {.children = {...}}, {.restart = restart_type::transient}),
///         }};
///
/// The last argument of each, `policy`, has all else that YAML can say of a child: restart, shutdown, start_within,
/// backoff, intensity and so on. Its `id` and `what` are not looked at. None of these functions throws but for want of
/// memory: what is wrong with a tree is told by `validate` and by its start, all at once.
namespace steward::child {

namespace detail {

inline child_spec with(child_spec policy, std::string id, decltype(child_spec::what) what) {
  policy.id = std::move(id);
  policy.what = std::move(what);
  return policy;
}

/// The last part of a type's name.
std::string short_name(const std::type_info& type);

/// Parameters that nobody has declared are taken as they are given.
std::vector<param_spec> as_given(const param_map& params);

actor_spec spec_of(const std::type_info& state, state_factory make, std::vector<param_spec> declared, param_map params,
                   plain_factory plain = nullptr, std::vector<const std::type_info*> message_types = {});

}  // namespace detail

/// An actor of a state class; see `actor_registry::add` for what that must have. Nothing needs to be registered. Where
/// the class declares no `parameters()`, those that are given here are taken with their types.
template <class State>
child_spec actor(std::string id, param_map params = {}, child_spec policy = {}) {
  return detail::with(
      std::move(policy), std::move(id),
      detail::spec_of(typeid(State), actor_registry::factory_of<State>(), steward::detail::parameters_of<State>(),
                      std::move(params), actor_registry::plain_factory_of<State>(),
                      steward::detail::message_types_of<State>()));
}

/// An actor whose states are made by a callable: it takes (self_ptr, const actor_args&), one of these or nothing,
/// returns a state, and is called for each incarnation, on a thread of the actors. What it has captured must live as
/// long as the tree, and is shared by all incarnations: of children of a dynamic supervisor it may be called on
/// several threads at once.
template <class Make>
requires steward::detail::state_maker<const Make> child_spec actor(std::string id, Make make, param_map params = {},
                                                                   child_spec policy = {}) {
  using state = decltype(steward::detail::make_state(std::declval<const Make&>(), std::declval<self_ptr>(),
                                                     std::declval<const actor_args&>()));
  state_factory factory = [make = std::move(make)](self_ptr self, const actor_args& args) {
    return std::make_unique<steward::detail::hosted<state>>(self, args, make);
  };
  return detail::with(
      std::move(policy), std::move(id),
      detail::spec_of(typeid(state), std::move(factory), steward::detail::parameters_of<state>(), std::move(params)));
}

/// An actor of a kind that is registered under a name: a ready-made one, or one of `app.actor<State>(name)`.
inline child_spec registered(std::string id, std::string type, param_map params = {}, child_spec policy = {}) {
  return detail::with(std::move(policy), std::move(id), actor_spec{std::move(type), std::move(params)});
}

/// A pool of workers.
inline child_spec pool(std::string id, pool_spec spec, child_spec policy = {}) {
  return detail::with(std::move(policy), std::move(id), std::move(spec));
}

/// A program that is run in a process of its own.
inline child_spec command(std::string id, command_spec spec, child_spec policy = {}) {
  return detail::with(std::move(policy), std::move(id), std::move(spec));
}

/// A supervisor with children of its own.
inline child_spec supervisor(std::string id, supervisor_spec spec, child_spec policy = {}) {
  return detail::with(std::move(policy), std::move(id), std::make_shared<supervisor_spec>(std::move(spec)));
}

}  // namespace steward::child
