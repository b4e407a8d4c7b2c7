#pragma once

// The only file that knows which CAF it is built against. Everything else is written in the words of this header.
// CAF 0.17.6 (Debian's libcaf-dev) is what is built and tested; ARCHITECTURE.md, "CAF versions", says how far 1.x goes.

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/after.hpp>
#include <caf/behavior.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/config.hpp>
#include <caf/error.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/response_promise.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <caf/system_messages.hpp>
#include <caf/type_id.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#if CAF_MAJOR_VERSION > 0
#error "steward's cell and process link are ported to CAF 0.17.6 only; see ARCHITECTURE.md, 'CAF versions'"
#endif

#include <caf/meta/type_name.hpp>

namespace steward {

/// What an actor's state gets as its `self`: the event-based actor it lives in.
using self_ptr = caf::event_based_actor*;

namespace port {

/// Sends an asynchronous message.
template <class Self, class Dst, class... Ts>
void tell(Self* self, const Dst& dst, Ts&&... xs) {
  self->send(dst, std::forward<Ts>(xs)...);
}

/// Sends an asynchronous message after a delay.
template <class Self, class Rep, class Per, class Dst, class... Ts>
void tell_after(Self* self, std::chrono::duration<Rep, Per> delay, const Dst& dst, Ts&&... xs) {
  self->delayed_send(dst, delay, std::forward<Ts>(xs)...);
}

/// Sends a message from outside of any actor; nobody gets an answer.
template <class Dst, class... Ts>
void tell_anonymously(const Dst& dst, Ts&&... xs) {
  caf::anon_send(dst, std::forward<Ts>(xs)...);
}

/// As `tell_anonymously`, but overtakes what is queued.
template <class Dst, class... Ts>
void tell_urgently(const Dst& dst, Ts&&... xs) {
  caf::anon_send<caf::message_priority::high>(dst, std::forward<Ts>(xs)...);
}

/// Sends a request; the result has `.then` in an event-based actor and `.receive` in a scoped one.
template <class Self, class Dst, class Timeout, class... Ts>
auto ask(Self* self, const Dst& dst, Timeout timeout, Ts&&... xs) {
  return self->request(dst, timeout, std::forward<Ts>(xs)...);
}

/// The number that names an error's kind within its category.
inline std::uint8_t code_of(const caf::error& e) { return e.code(); }
inline bool in_category(const caf::error& e, const char* category) {
  return e.category() == caf::atom_from_string(std::string{category});
}

/// The texts that an error carries; empty when its details are no texts.
std::vector<std::string> details_of(const caf::error& e);
/// CAF's own rendering of an error.
std::string render(const caf::error& e);

/// Writes and reads one value that CAF can inspect, without an actor system. Returns false when CAF refuses.
template <class T>
bool serialize(std::vector<char>& out, const T& x) {
  caf::binary_serializer sink{nullptr, out};
  sink.seek(out.size());
  return !sink(const_cast<T&>(x));  // 0.17's inspectors take non-const references and leave the value alone
}
template <class T>
bool deserialize(const char* data, std::size_t size, T& x, std::size_t& used) {
  caf::binary_deserializer source{nullptr, data, size};
  if (source(x)) return false;
  used = size - source.remaining();
  return true;
}

/// Names a message type for the wire.
template <class T>
void announce(caf::actor_system_config& cfg, const std::string& name) {
  cfg.add_message_type<T>(name);
}
template <class Block>
void announce_block(caf::actor_system_config& cfg) {
  cfg.add_message_types<Block>();
}

enum class scheduling : std::uint8_t { sharing, stealing, testing };

inline void configure(caf::actor_system_config& cfg, scheduling policy, std::size_t threads) {
  const char* const names[] = {"sharing", "stealing", "testing"};
  cfg.set("scheduler.policy", caf::atom_from_string(std::string{names[static_cast<std::size_t>(policy)]}));
  if (policy != scheduling::testing) cfg.set("scheduler.max-threads", threads);
  cfg.set("logger.verbosity", caf::atom("quiet"));
  cfg.set("logger.inline-output", true);
  cfg.set("middleman.workers", std::size_t{0});
}

/// CAF's network module over descriptors that were inherited or handed over: no port, no listener.
///
/// `load_network` comes before the actor system exists; `network_link` is made once after it does, on one thread.
/// `offer` makes `who` reachable for the process at the other end of the socket, `attach` fetches what the other end
/// offers. Both take the descriptor over. `offer` may be called from any thread.
void load_network(caf::actor_system_config& cfg);
class network_link {
public:
  explicit network_link(caf::actor_system& system);
  void offer(int fd, std::uint16_t port, const caf::actor& who);
  /// An invalid handle when the other end does not answer within `limit`.
  caf::actor attach(int fd, std::uint16_t port, std::chrono::milliseconds limit);
  /// Takes back what `offer` did for this actor, so that the system can end.
  void withdraw(const caf::actor& who);

private:
  caf::actor_system& system_;
  caf::actor broker_;
};

/// An actor that keeps its handle and its mailbox whatever its handlers throw: what cells are made of.
///
/// A handler that throws, or that calls `quit`, does not end the actor: `on_throw` or `on_quit` is called on the
/// actor's own thread, after which the actor goes on with the behaviour that the hook has set. A message of type
/// `Command` never reaches the behaviour but goes to `on_command`, even while the actor skips everything else or awaits
/// a response.
template <class Command>
class durable_actor : public caf::event_based_actor {
public:
  using caf::event_based_actor::event_based_actor;

  caf::invoke_message_result consume(caf::mailbox_element& x) final {
    if (x.content().type_token() == caf::make_type_token<Command>() && x.content().template match_elements<Command>()) {
      current_element_ = &x;
      on_command(x.content().template get_mutable_as<Command>(0));
      return caf::invoke_message_result::consumed;
    }
    try {
      const auto result = caf::event_based_actor::consume(x);
      if (getf(is_shutting_down_flag) && !leaving_) {
        caf::error reason = std::move(fail_state_);
        forget_requests();
        on_quit(std::move(reason));
      }
      return result;
    } catch (...) {  // whatever a handler threw is what this actor is here to contain
      const auto problem = std::current_exception();
      forget_requests();
      on_throw(problem, to_string(x.content()));
    }
    return caf::invoke_message_result::consumed;
  }

protected:
  virtual void on_command(Command& command) = 0;
  virtual void on_throw(const std::exception_ptr& problem, const std::string& in_hand) = 0;
  virtual void on_quit(caf::error reason) = 0;
  /// Gets messages that the behaviour does not know.
  virtual caf::result<caf::message> on_unexpected(caf::message_view& view) = 0;

  /// Answers the request in hand, if there is one that was not answered yet.
  void answer_in_hand(caf::error problem) {
    if (current_element_ == nullptr || !current_element_->mid.is_request()) return;
    auto promise = make_response_promise();
    if (promise.pending()) promise.deliver(std::move(problem));
  }

  /// Keeps everything but commands in the mailbox, in order, until `release_mailbox`.
  void hold_mailbox() {
    reset_handlers();
    set_default_handler(caf::skip);
    become(caf::behavior{[](const Command&) {}});
  }

  /// Lets what `hold_mailbox` held be handled by the behaviour that was just set. A command is urgent, and CAF looks at
  /// messages that were skipped again only after one of the same urgency was handled.
  void release_mailbox() {
    get_normal_queue().flush_cache();
    get_urgent_queue().flush_cache();
  }

  /// Puts every handler that a former state may have set back to its default.
  void reset_handlers() {
    set_exit_handler([this](caf::exit_msg& msg) {
      if (msg.reason) quit(std::move(msg.reason));
    });
    set_down_handler([](caf::down_msg&) {});
    set_error_handler([this](caf::error& problem) { quit(std::move(problem)); });
    set_default_handler([this](caf::scheduled_actor*, caf::message_view& view) { return on_unexpected(view); });
  }

  /// True when a constructor or init called `quit`.
  bool quitting() const { return getf(is_shutting_down_flag); }

  /// Drops pending responses of a dead state: its handlers must never run. Undoes a `quit`.
  void forget_requests() {
    awaited_responses_.clear();
    multiplexed_responses_.clear();
    unsetf(is_shutting_down_flag);
    fail_state_ = caf::error{};
  }

  /// Messages that wait in the mailbox, held ones included.
  std::size_t waiting() {
    std::size_t n = mailbox().size();
    n += get_normal_queue().cache().total_task_size();
    n += get_urgent_queue().cache().total_task_size();
    return n;
  }

  /// Ends the actor for good; requests that still wait are answered with CAF's `request_receiver_down`.
  void leave(caf::exit_reason reason) {
    leaving_ = true;
    quit(reason);
  }

private:
  bool leaving_ = false;
};

}  // namespace port
}  // namespace steward

/// Makes an enum an error code of a category of at most 10 characters. Global namespace.
#define STEWARD_ERROR_CODES(type, category) CAF_ERROR_CODE_ENUM(type, category)

/// Lets CAF serialise and print a struct: STEWARD_INSPECT_2(point, x, y) beside the struct, in its namespace.
#define STEWARD_INSPECT_1(T, a)                                 \
  template <class Inspector>                                    \
  typename Inspector::result_type inspect(Inspector& f, T& x) { \
    return f(caf::meta::type_name(#T), x.a);                    \
  }
#define STEWARD_INSPECT_2(T, a, b)                              \
  template <class Inspector>                                    \
  typename Inspector::result_type inspect(Inspector& f, T& x) { \
    return f(caf::meta::type_name(#T), x.a, x.b);               \
  }
#define STEWARD_INSPECT_3(T, a, b, c)                           \
  template <class Inspector>                                    \
  typename Inspector::result_type inspect(Inspector& f, T& x) { \
    return f(caf::meta::type_name(#T), x.a, x.b, x.c);          \
  }
#define STEWARD_INSPECT_4(T, a, b, c, d)                        \
  template <class Inspector>                                    \
  typename Inspector::result_type inspect(Inspector& f, T& x) { \
    return f(caf::meta::type_name(#T), x.a, x.b, x.c, x.d);     \
  }
