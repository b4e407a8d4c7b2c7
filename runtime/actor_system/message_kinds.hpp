#pragma once

// What tells messages apart, as cheaply as CAF allows: those that count, those that CAF or a durable actor acts on.

#include "steward/port.hpp"

#include <caf/error.hpp>
#include <caf/mailbox_element.hpp>

#include <cstdint>
#include <limits>
#include <typeinfo>
#include <utility>

namespace steward::port {

/// What any single type that CAF does not know itself has: commands, and what a durable actor sends itself.
inline constexpr std::uint32_t own_token = caf::make_type_token<guarded_request>();
inline constexpr std::uint64_t answered =
    std::numeric_limits<std::uint64_t>::max();  // a guarded request that is only a husk

/// The names under which the clock knows our timeouts.
inline constexpr caf::atom_value deadline_atom = caf::atom("ask-limit");
inline constexpr caf::atom_value timer_atom = caf::atom("timer");

/// Messages of one element have the largest tokens, and all that must be told from ordinary ones has one element.
constexpr bool may_be_special(std::uint32_t token) { return token >= 0xFFFFFFFFU << 6; }

inline bool is_user_message(caf::message_id mid, std::uint32_t token) {
  if (!may_be_special(token)) return !mid.is_response() && !mid.is_stream_message();
  return !mid.is_response() && !mid.is_stream_message() && token != caf::make_type_token<caf::exit_msg>() &&
         token != caf::make_type_token<caf::down_msg>() && token != caf::make_type_token<caf::timeout_msg>() &&
         token != caf::make_type_token<caf::open_stream_msg>();
}

inline bool counts_as_message(caf::message_id mid, std::uint32_t token) {
  return mid.is_normal_message() && is_user_message(mid, token);
}

inline bool is_of_a_stream(caf::message_id mid, std::uint32_t token) {
  return mid.is_stream_message() || token == caf::make_type_token<caf::open_stream_msg>();
}

// A bit that no request's number reaches tells the actor's thread that the sender has found the message to be an
// ordinary one. It is taken off before anybody else sees the number.
inline constexpr std::uint64_t ordinary_bit = std::uint64_t{1} << 59;

inline bool has_ordinary_bit(caf::message_id mid) { return (mid.integer_value() & ordinary_bit) != 0; }
inline void set_ordinary_bit(caf::message_id& mid) { mid = caf::message_id{mid.integer_value() | ordinary_bit}; }
inline void clear_ordinary_bit(caf::message_id& mid) { mid = caf::message_id{mid.integer_value() & ~ordinary_bit}; }

/// Of a message that has `own_token`.
inline const std::type_info* own_type_of(const caf::type_erased_tuple& content) { return content.type(0).second; }

inline bool is_guarded(const caf::type_erased_tuple& content, std::uint32_t token) {
  return token == own_token && *own_type_of(content) == typeid(guarded_request);
}

/// A guarded request that was answered while the mailbox was held.
inline bool is_husk(const caf::type_erased_tuple& content, std::uint32_t token) {
  return is_guarded(content, token) && content.get_as<guarded_request>(0).incarnation == answered;
}

inline void answer(const caf::strong_actor_ptr& asker, caf::message_id mid, caf::error problem) {
  if (asker && mid.is_request())
    asker->enqueue(caf::make_mailbox_element(nullptr, mid.response_id(), {}, std::move(problem)), nullptr);
}

}  // namespace steward::port
