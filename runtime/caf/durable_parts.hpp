#pragma once

// What the sources of durable_actor share.

#include "caf/durable_actor.hpp"

#include <deque>
#include <limits>
#include <mutex>
#include <string>

namespace steward::port {

inline constexpr auto relaxed = std::memory_order_relaxed;
inline constexpr auto acquire = std::memory_order_acquire;

/// What any single type that CAF does not know itself has: commands, and what this file sends itself.
inline constexpr std::uint32_t own_token = caf::make_type_token<guarded_request>();
inline constexpr std::uint64_t answered =
    std::numeric_limits<std::uint64_t>::max();  // a guarded request that is only a husk

/// Messages of one element have the largest tokens, and all that must be told from ordinary ones has one element.
constexpr bool may_be_special(std::uint32_t token) { return token >= 0xFFFFFFFFU << 6; }

inline bool is_user_message(caf::message_id mid, std::uint32_t token) {
  if (!may_be_special(token)) return !mid.is_response() && !mid.is_stream_message();
  return !mid.is_response() && !mid.is_stream_message() && token != caf::make_type_token<caf::exit_msg>() &&
         token != caf::make_type_token<caf::down_msg>() && token != caf::make_type_token<caf::timeout_msg>();
}

inline bool counts_as_message(caf::message_id mid, std::uint32_t token) {
  return mid.is_normal_message() && is_user_message(mid, token);
}

// A bit that no request's number reaches tells the actor's thread that the sender has found the message to be an
// ordinary one. It is taken off before anybody else sees the number.
inline constexpr std::uint64_t ordinary_bit = std::uint64_t{1} << 59;

inline bool has_ordinary_bit(caf::message_id mid) { return (mid.integer_value() & ordinary_bit) != 0; }
inline void set_ordinary_bit(caf::message_id& mid) { mid = caf::message_id{mid.integer_value() | ordinary_bit}; }
inline void clear_ordinary_bit(caf::message_id& mid) { mid = caf::message_id{mid.integer_value() & ~ordinary_bit}; }

inline const std::type_info* own_type_of(const caf::type_erased_tuple& content) { return content.type(0).second; }

/// A guarded request that was answered while the mailbox was held.
inline bool is_husk(const caf::type_erased_tuple& content, std::uint32_t token) {
  return token == own_token && *own_type_of(content) == typeid(guarded_request) &&
         content.get_as<guarded_request>(0).incarnation == answered;
}

inline void answer(const caf::strong_actor_ptr& asker, caf::message_id mid, caf::error problem) {
  if (asker && mid.is_request())
    asker->enqueue(caf::make_mailbox_element(nullptr, mid.response_id(), {}, std::move(problem)), nullptr);
}

/// A message as text; says so when it cannot be shown.
std::string text_of(const caf::type_erased_tuple& content);

/// Where messages go while the mailbox is full and drops its oldest.
struct durable_actor::overflow_ring {
  std::mutex mutex;
  std::deque<caf::mailbox_element_ptr> content;
  bool engaged = false;  // a marker is under way, or parked; all messages come here
  bool parked = false;   // the marker arrived while the mailbox was held
  bool closed = false;
  counter doomed{0};  // so many of the messages before these are to be dropped
};

/// Copies of messages, for those who redeliver and those who watch.
struct durable_actor::copy_keeper {
  std::mutex mutex;
  caf::message copy;              // of what is in hand; under the mutex
  caf::mailbox_element_ptr next;  // to be handled again, first
  const caf::mailbox_element* again = nullptr;
  unsigned repeats = 0;  // of `next`, or of `again`

  void put(caf::message x) {
    std::lock_guard guard{mutex};
    copy.swap(x);
  }
};

}  // namespace steward::port
