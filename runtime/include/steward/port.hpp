#pragma once

// The only file that knows which CAF it is built against. Everything else is written in the words of this header.
// CAF 0.17.6 (Debian's libcaf-dev) is what is built and tested; ARCHITECTURE.md, "CAF versions", says how far 1.x goes.

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/after.hpp>
#include <caf/atom.hpp>
#include <caf/behavior.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/config.hpp>
#include <caf/detail/type_traits.hpp>
#include <caf/error.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/response_promise.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <caf/serializer.hpp>
#include <caf/system_messages.hpp>
#include <caf/type_id.hpp>
#include <caf/type_nr.hpp>
#include <caf/typed_behavior.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>
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

/// Fails to compile for what no actor can be sent.
template <class T>
constexpr void must_be_message() {
  using stored = typename caf::unbox_message_element<typename caf::detail::strip_and_convert<T>::type>::type;
  static_assert(
      caf::is_serializable_or_whitelisted<stored>::value && std::is_copy_constructible_v<stored>,
      "this type cannot be sent to an actor: write STEWARD_INSPECT(type, members...) beside it, and let it be "
      "copyable");
}

/// Sends an asynchronous message.
template <class Self, class Dst, class... Ts>
void send(Self* self, const Dst& dst, Ts&&... xs) {
  (must_be_message<Ts>(), ...);
  self->send(dst, std::forward<Ts>(xs)...);
}

/// Sends an asynchronous message after a delay.
template <class Self, class Rep, class Per, class Dst, class... Ts>
void send_after(Self* self, std::chrono::duration<Rep, Per> delay, const Dst& dst, Ts&&... xs) {
  // CAF adds it to its clock, which has an end.
  constexpr std::chrono::hours century{24 * 365 * 100};
  self->delayed_send(dst, std::chrono::nanoseconds(delay < century ? delay : century), std::forward<Ts>(xs)...);
}

/// Sends a message from outside of any actor; nobody gets an answer.
template <class Dst, class... Ts>
void send_anonymously(const Dst& dst, Ts&&... xs) {
  (must_be_message<Ts>(), ...);
  caf::anon_send(dst, std::forward<Ts>(xs)...);
}

/// As `send_anonymously`, but overtakes what is queued.
template <class Dst, class... Ts>
void send_urgently(const Dst& dst, Ts&&... xs) {
  caf::anon_send<caf::message_priority::high>(dst, std::forward<Ts>(xs)...);
}

/// The same after a delay.
template <class Dst, class Rep, class Per, class... Ts>
void send_urgently_after(const Dst& dst, std::chrono::duration<Rep, Per> delay, Ts&&... xs) {
  caf::delayed_anon_send<caf::message_priority::high>(dst, delay, std::forward<Ts>(xs)...);
}

/// Sends a request; the result has `.then` in an event-based actor and `.receive` in a scoped one.
template <class Self, class Dst, class Timeout, class... Ts>
auto ask(Self* self, const Dst& dst, Timeout timeout, Ts&&... xs) {
  return self->request(dst, timeout, std::forward<Ts>(xs)...);
}

/// Sends a request whose answer is waited for no longer than `timeout`: in a cell by the cell's own table of deadlines,
/// which forgets a request once its answer is there; elsewhere by CAF's clock.
void limit_request(caf::event_based_actor* self, caf::message_id response, std::chrono::milliseconds timeout);
template <class... Ts>
auto ask_within(caf::event_based_actor* self, const caf::actor& dst, std::chrono::milliseconds timeout, Ts&&... xs) {
  (must_be_message<Ts>(), ...);
  auto out = self->request(dst, caf::infinite, std::forward<Ts>(xs)...);
  if (timeout != std::chrono::milliseconds::max()) limit_request(self, out.id(), timeout);
  return out;
}

/// A request that only the incarnation which is up when it arrives shall handle. Cells take it out of its wrapping;
/// nobody else must be sent one.
struct guarded_request {
  caf::message content;
  std::uint64_t incarnation = 0;
};
/// True for local actors that are supervised.
bool is_cell(const caf::actor& dst);

/// Tells whether a mailbox refused what this thread has sent since the mark was set. While there is one, what is
/// refused is no dead letter and is not sent back: whoever has set it knows.
class refusal_mark {
public:
  refusal_mark();
  ~refusal_mark();
  refusal_mark(const refusal_mark&) = delete;
  refusal_mark& operator=(const refusal_mark&) = delete;
  bool refused() const;
  /// The last was refused for want of room; else its actor is over, or about to be.
  bool for_room() const;

private:
  std::uint64_t before_;
};

/// One thread's requests from outside of actors; each waits for its answer. Answers that come too late are dropped.
class blocking_asker {
public:
  explicit blocking_asker(caf::actor_system& system) : self_(system) {}
  /// Null when there was no answer in time.
  template <class... Ts>
  caf::mailbox_element_ptr ask(const caf::actor& dst, std::chrono::milliseconds timeout, Ts&&... xs) {
    (must_be_message<Ts>(), ...);
    const auto id = self_->new_request_id(caf::message_priority::normal);
    dst->enqueue(
        caf::make_mailbox_element(caf::actor_cast<caf::strong_actor_ptr>(self_), id, {}, std::forward<Ts>(xs)...),
        nullptr);
    return await(id.response_id(), timeout);
  }

private:
  caf::mailbox_element_ptr await(caf::message_id response, std::chrono::milliseconds timeout);

  caf::scoped_actor self_;
};

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

/// What the two above take.
template <class T>
inline constexpr bool serializable = caf::detail::is_serializable<T>::value;

/// What is known of the messages of a behaviour by its type: the program's own types in the signatures of a
/// `caf::typed_behavior`. A `caf::behavior` does not show any.
template <class Behavior>
struct signatures {
  static std::vector<const std::type_info*> own_types() { return {}; }
};
template <class... Signatures>
struct signatures<caf::typed_behavior<Signatures...>> {
  static std::vector<const std::type_info*> own_types() {
    std::vector<const std::type_info*> out;
    (add(out, Signatures{}), ...);
    return out;
  }

private:
  template <class... In, class... Out>
  static void add(std::vector<const std::type_info*>& out,
                  caf::typed_mpi<caf::detail::type_list<In...>, caf::output_tuple<Out...>>) {
    (add_one<std::decay_t<In>>(out), ...);
    (add_one<std::decay_t<Out>>(out), ...);
  }
  template <class T>
  static void add_one(std::vector<const std::type_info*>& out) {
    if constexpr (!std::is_void_v<T>)
      if constexpr (caf::type_nr<T>::value == 0) out.push_back(&typeid(T));
  }
};

/// The handlers alone.
inline caf::behavior untyped(caf::behavior x) { return x; }
template <class... Signatures>
caf::behavior untyped(caf::typed_behavior<Signatures...> x) {
  return std::move(x.unbox());
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

enum class scheduling : std::uint8_t { sharing, testing };

inline void configure(caf::actor_system_config& cfg, scheduling policy, std::size_t threads) {
  const char* const names[] = {"sharing", "testing"};
  cfg.set("scheduler.policy", caf::atom_from_string(std::string{names[static_cast<std::size_t>(policy)]}));
  if (policy != scheduling::testing) cfg.set("scheduler.max-threads", threads);
  cfg.set("logger.verbosity", caf::atom("quiet"));
  cfg.set("logger.inline-output", true);
}

/// Makes an actor system. CAF makes its threads and descriptors one by one, and what it has made half can neither be
/// used nor taken down. So whether the system has room for all of them, and for one detached actor, is asked before:
/// throws std::system_error when it has not. Where the room goes meanwhile, std::terminate ends the program.
std::unique_ptr<caf::actor_system> make_system(caf::actor_system_config& cfg);
/// The same in a process that has nothing to lose yet, without that question: where there is no room it ends.
std::unique_ptr<caf::actor_system> make_system_or_end(caf::actor_system_config& cfg);

}  // namespace port
}  // namespace steward

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::port::guarded_request)

/// Makes an enum an error code of a category of at most 10 characters. Global namespace.
#define STEWARD_ERROR_CODES(type, category) CAF_ERROR_CODE_ENUM(type, category)

/// Lets CAF serialise and print a struct: STEWARD_INSPECT(point, x, y) beside the struct, in its namespace, for any
/// number of members.
#define STEWARD_INSPECT(T, ...)                                                       \
  template <class Inspector>                                                          \
  typename Inspector::result_type inspect(Inspector& f, T& x) {                       \
    static_cast<void>(x);                                                             \
    return f(caf::meta::type_name(#T) STEWARD_MEMBERS(x __VA_OPT__(, ) __VA_ARGS__)); \
  }

/// An atom of one's own, for messages: STEWARD_ATOM(refill) declares `refill_atom`, of at most 10 characters.
#define STEWARD_ATOM(name) using name##_atom = ::caf::atom_constant<::caf::atom(#name)>

// ", x.a, x.b, x.c". Each turn of the expansion takes one name; 256 are enough.
#define STEWARD_MEMBERS(x, ...) __VA_OPT__(STEWARD_EXPAND(STEWARD_MEMBER(x, __VA_ARGS__)))
#define STEWARD_MEMBER(x, a, ...) , x.a __VA_OPT__(STEWARD_MEMBER_AGAIN STEWARD_NOTHING(x, __VA_ARGS__))
#define STEWARD_MEMBER_AGAIN() STEWARD_MEMBER
#define STEWARD_NOTHING ()
#define STEWARD_EXPAND(...) STEWARD_EXPAND3(STEWARD_EXPAND3(STEWARD_EXPAND3(STEWARD_EXPAND3(__VA_ARGS__))))
#define STEWARD_EXPAND3(...) STEWARD_EXPAND2(STEWARD_EXPAND2(STEWARD_EXPAND2(STEWARD_EXPAND2(__VA_ARGS__))))
#define STEWARD_EXPAND2(...) STEWARD_EXPAND1(STEWARD_EXPAND1(STEWARD_EXPAND1(STEWARD_EXPAND1(__VA_ARGS__))))
#define STEWARD_EXPAND1(...) STEWARD_EXPAND0(STEWARD_EXPAND0(STEWARD_EXPAND0(STEWARD_EXPAND0(__VA_ARGS__))))
#define STEWARD_EXPAND0(...) __VA_ARGS__
