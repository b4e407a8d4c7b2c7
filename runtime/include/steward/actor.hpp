#pragma once

#include "steward/exceptions.hpp"
#include "steward/messages.hpp"
#include "steward/source_place.hpp"
#include "steward/spec.hpp"
#include "steward/timer.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace steward {

class actor_pool;
namespace detail {
struct pool_places;
}

// What a state sets up by its `self` belongs to its incarnation, and ends with it:
//
//   | of CAF                                      | in a supervised actor                                            |
//   |---------------------------------------------|------------------------------------------------------------------|
//   | link_to, spawn<linked>                      | undone; the other is told, as if the actor had ended             |
//   | monitor, spawn<monitored>                   | undone; no down message reaches the next incarnation             |
//   | attach_functor                              | called before the state is destroyed; dropped when a constructor |
//   |                                             | throws; what a functor throws is reported                        |
//   | join                                        | left                                                             |
//   | then, await; default, exit, down and error  | forgotten                                                        |
//   | handlers; become, after                     |                                                                  |
//   | quit; unbecome of the last behaviour        | the incarnation ends; the restart type decides                   |
//   | what a handler returns to a plain tell      | goes nowhere; of a request it is the answer                      |
//   | delayed_send, scheduled_send                | to oneself refused and reported: use `tell_after` or `every`; to |
//   |                                             | others as in CAF: it outlives the incarnation                    |
//   | set_exception_handler                       | without effect: use `exception_rules`                            |
//   | streams                                     | refused and reported                                             |
//   | send, request, delegate, response promises, | as in CAF; a promise that the state keeps is its own to answer   |
//   | spawn, current_sender                       |                                                                  |
//
// Links, monitors and functors that others have set stay until the actor leaves for good. Messages that wait, also
// those that the actor has told itself, are handled by the next incarnation.

/// What an incarnation of an actor is built with: its parameters and its place in the tree.
///
/// Handed to the constructor of the state; valid only until the constructor returns, so copy what you keep. Getters
/// throw std::out_of_range for a parameter that the registration does not declare with that type, which makes the start
/// fail.
class actor_args {
public:
  using printer = std::function<void(const std::string&)>;

  actor_args(std::string path, std::uint64_t incarnation, const param_map& params,
             const std::map<std::string, caf::actor>& actors, const printer& print, std::uint64_t seed,
             self_ptr self = nullptr, const detail::pool_places* pools = nullptr)
      : path_(std::move(path)),
        incarnation_(incarnation),
        params_(params),
        actors_(actors),
        print_(print),
        seed_(seed),
        self_(self),
        pools_(pools) {}

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::uint64_t incarnation() const noexcept { return incarnation_; }

  [[nodiscard]] std::int64_t integer(std::string_view name) const;
  [[nodiscard]] double real(std::string_view name) const;
  [[nodiscard]] bool boolean(std::string_view name) const;
  [[nodiscard]] std::string text(std::string_view name) const;
  [[nodiscard]] milliseconds duration(std::string_view name) const;
  /// The actor that a parameter of type `actor` names. Its handle survives that actor's restarts.
  [[nodiscard]] caf::actor actor(std::string_view name) const;
  /// The pool that a parameter of type `pool` names, for this incarnation; include <steward/actor_pool.hpp>. It may be
  /// kept, and survives that pool's restarts.
  [[nodiscard]] actor_pool pool(std::string_view name) const;

  /// Prints a line of the run: to stdout, and into the event file. Thread-safe, may be copied and kept.
  const printer& print() const noexcept { return print_; }

  /// A seed that is the same in every run with the same `seed`, and different for every actor and incarnation.
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }

  /// Extra information for whoever asked for this start; OTP's third element of {ok, Pid, Info}. Empty by default.
  void tell_starter(std::string what) const { for_starter_ = std::move(what); }
  const std::string& for_starter() const noexcept { return for_starter_; }

private:
  std::string path_;
  std::uint64_t incarnation_;
  const param_map& params_;
  const std::map<std::string, caf::actor>& actors_;
  const printer& print_;
  std::uint64_t seed_;
  self_ptr self_;
  const detail::pool_places* pools_;
  mutable std::string for_starter_;
};

/// An actor's state with its type erased.
class hosted_state {
public:
  virtual ~hosted_state() = default;
  virtual caf::behavior make_behavior() = 0;
};

/// Builds the state of one incarnation on the actor's own thread. May throw: that is a failed start.
using state_factory = std::function<std::unique_ptr<hosted_state>(self_ptr, const actor_args&)>;

/// The same as a plain function: another process of the program finds it, too.
using plain_factory = std::unique_ptr<hosted_state> (*)(self_ptr, const actor_args&);

/// A kind of actor that trees may name.
struct actor_entry {
  std::string name;
  std::vector<param_spec> params;
  state_factory make;
  source_place where;
  std::shared_ptr<const exception_rules> exceptions = {};  ///< null: every exception is a restart
  plain_factory plain = nullptr;                           ///< `make`, where that is a function
  /// The program's own types of its messages, where its `make_behavior` returns a `caf::typed_behavior`.
  std::vector<const std::type_info*> message_types = {};
};

namespace detail {

/// What makes the states of an actor: a callable that takes (self, args), (self), (args) or nothing.
template <class Make>
concept state_maker = std::is_invocable_v<Make&, self_ptr, const actor_args&> || std::is_invocable_v<Make&, self_ptr> ||
    std::is_invocable_v<Make&, const actor_args&> || std::is_invocable_v<Make&>;

template <state_maker Make>
auto make_state(Make& make, self_ptr self, const actor_args& args) {
  if constexpr (std::is_invocable_v<Make&, self_ptr, const actor_args&>)
    return make(self, args);
  else if constexpr (std::is_invocable_v<Make&, const actor_args&>)
    return make(args);
  else if constexpr (std::is_invocable_v<Make&, self_ptr>)
    return make(self);
  else
    return make();
}

template <class State>
auto behavior_of(State& state, [[maybe_unused]] self_ptr self) {
  if constexpr (requires { state.make_behavior(self); })
    return state.make_behavior(self);
  else
    return state.make_behavior();
}

/// What its signatures show of the program's own types.
template <class State>
std::vector<const std::type_info*> message_types_of() {
  return port::signatures<decltype(behavior_of(std::declval<State&>(), self_ptr{}))>::own_types();
}

template <class State>
class hosted final : public hosted_state {
public:
  hosted(self_ptr self, const actor_args& args) : self_(self), state_(build(self, args)) {}
  template <class Make>
  hosted(self_ptr self, const actor_args& args, Make& make) : self_(self), state_(make_state(make, self, args)) {}

  caf::behavior make_behavior() override { return port::untyped(behavior_of(state_, self_)); }

private:
  static State build(self_ptr self, const actor_args& args) {
    if constexpr (std::is_constructible_v<State, self_ptr, const actor_args&>)
      return State(self, args);
    else if constexpr (std::is_constructible_v<State, const actor_args&>)
      return State(args);
    else if constexpr (std::is_constructible_v<State, self_ptr>)
      return State(self);
    else
      return State();
  }

  self_ptr self_;
  State state_;
};

/// What any state class must have; the message says what to write.
template <class State>
constexpr void check_state() {
  static_assert(
      std::is_constructible_v<State, self_ptr, const actor_args&> ||
          std::is_constructible_v<State, const actor_args&> || std::is_constructible_v<State, self_ptr> ||
          std::is_default_constructible_v<State>,
      "a state needs a constructor that takes nothing, (self_ptr), (const actor_args&) or both, in this order");
  static_assert(
      requires(State & x) { x.make_behavior(); } || requires(State & x, self_ptr self) { x.make_behavior(self); },
      "a state needs a member `caf::behavior make_behavior()` or `caf::behavior make_behavior(self_ptr)`");
}

/// The parameters that a state class declares itself: `static std::vector<param_spec> parameters()`.
template <class State>
std::vector<param_spec> parameters_of() {
  if constexpr (requires { State::parameters(); })
    return State::parameters();
  else
    return {};
}

}  // namespace detail

/// The actors of a program, by name. Fill it before the runtime starts; afterwards any thread may read it.
class actor_registry {
public:
  /// Registers a state class: constructible from nothing, (self_ptr), (const actor_args&) or (self_ptr, const
  /// actor_args&), with `caf::behavior make_behavior()`, which may take the self_ptr. Where it returns a
  /// `caf::typed_behavior` instead, the compiler holds the handlers against its signatures, and their types are known
  /// before the actor runs in a process. Its parameters are those given here, or those of its `static
  /// std::vector<param_spec> parameters()`. Throws std::invalid_argument for a name that is taken or not
  /// `[a-z][a-z0-9_]*`.
  template <class State>
  void add(std::string name, std::vector<param_spec> params = detail::parameters_of<State>(),
           source_place where = source_place::current()) {
    insert({std::move(name), std::move(params), factory_of<State>(), where, nullptr, nullptr,
            detail::message_types_of<State>()});
  }
  /// The same, with what its exceptions lead to.
  template <class State>
  void add(std::string name, std::vector<param_spec> params, exception_rules rules,
           source_place where = source_place::current()) {
    insert({std::move(name), std::move(params), factory_of<State>(), where,
            std::make_shared<const exception_rules>(std::move(rules)), nullptr, detail::message_types_of<State>()});
  }

  /// A factory for a state class.
  template <class State>
  [[nodiscard]] static state_factory factory_of() {
    return plain_factory_of<State>();
  }
  template <class State>
  [[nodiscard]] static plain_factory plain_factory_of() {
    detail::check_state<State>();
    return [](self_ptr self, const actor_args& args) -> std::unique_ptr<hosted_state> {
      return std::make_unique<detail::hosted<State>>(self, args);
    };
  }

  [[nodiscard]] const actor_entry* find(std::string_view name) const noexcept;
  [[nodiscard]] std::vector<const actor_entry*> all() const;

private:
  void insert(actor_entry entry);

  std::deque<actor_entry> entries_;
};

/// How the actor of a spec is made: its own entry, or the registered one of its name; null when there is none.
const actor_entry* entry_of(const actor_spec& spec, const actor_registry& registered) noexcept;

namespace detail {

template <class Send>
std::optional<refused_message> try_send(const caf::actor& dst, caf::message message, Send send) {
  if (!dst) return refused_message{dst, std::move(message), errc::not_found};
  const port::refusal_mark mark;
  send(message);
  if (!mark.refused()) return std::nullopt;
  return refused_message{dst, std::move(message), mark.for_room() ? errc::full : errc::ended};
}

}  // namespace detail

/// Sends `message` to `dst` from within an actor.
template <class... Ts>
void tell(self_ptr self, const caf::actor& dst, Ts&&... message) {
  port::send(self, dst, std::forward<Ts>(message)...);
}

/// Sends `message` and says whether the mailbox of `dst` took it: false when it is full or its actor is over. Always
/// true for actors that are not supervised, or run elsewhere.
template <class... Ts>
[[nodiscard]] bool offer(self_ptr self, const caf::actor& dst, Ts&&... message) {
  if (!dst) return false;
  const port::refusal_mark mark;
  port::send(self, dst, std::forward<Ts>(message)...);
  return !mark.refused();
}
/// The same from outside of any actor.
template <class... Ts>
[[nodiscard]] bool offer(const caf::actor& dst, Ts&&... message) {
  if (!dst) return false;
  const port::refusal_mark mark;
  port::send_anonymously(dst, std::forward<Ts>(message)...);
  return !mark.refused();
}

/// Sends `message` and returns nothing, or gives it back where the mailbox of `dst` did not take it.
///
///     if (auto back = try_tell(self_, slow, work_atom::value, job)) later_.push_back(std::move(*back));
template <class... Ts>
[[nodiscard]] std::optional<refused_message> try_tell(self_ptr self, const caf::actor& dst, Ts&&... message) {
  return detail::try_send(dst, caf::make_message(std::forward<Ts>(message)...),
                          [self, &dst](const caf::message& x) { port::send(self, dst, x); });
}
/// The same from outside of any actor.
template <class... Ts>
[[nodiscard]] std::optional<refused_message> try_tell(const caf::actor& dst, Ts&&... message) {
  return detail::try_send(dst, caf::make_message(std::forward<Ts>(message)...),
                          [&dst](const caf::message& x) { port::send_anonymously(dst, x); });
}

/// What becomes of a request when the incarnation of a supervised actor is gone before it handled it.
enum class on_restart : std::uint8_t {
  wait,  ///< the next incarnation handles it, if it comes before the deadline (default)
  fail,  ///< it is answered with errc::restarting; at once when no incarnation is up
};

/// Sends a request from within an actor; `.then(on_value, on_error)` takes the answer. Without one in time the error is
/// CAF's request_timeout. Responses that arrive after the asker crashed are dropped: they belong to a state that is
/// gone. `infinity` waits without a limit.
template <class... Ts>
[[nodiscard]] auto ask(self_ptr self, const caf::actor& dst, milliseconds timeout, Ts&&... message) {
  return port::ask_within(self, dst, timeout, std::forward<Ts>(message)...);
}
template <class... Ts>
[[nodiscard]] auto ask(self_ptr self, const caf::actor& dst, milliseconds timeout, on_restart then, Ts&&... message) {
  if (then == on_restart::fail && port::is_cell(dst))
    return port::ask_within(self, dst, timeout, port::guarded_request{caf::make_message(std::forward<Ts>(message)...)});
  return port::ask_within(self, dst, timeout, std::forward<Ts>(message)...);
}
template <class... Ts>
[[nodiscard]] auto ask(self_ptr self, const caf::actor& dst, caf::infinite_t, Ts&&... message) {
  return ask(self, dst, infinity, std::forward<Ts>(message)...);
}

/// The actor's own handle.
[[nodiscard]] inline caf::actor handle_of(self_ptr self) { return caf::actor_cast<caf::actor>(self); }

}  // namespace steward
