#pragma once

// What the sources of durable_actor share.

#include "actor_system/durable_actor.hpp"

#include <deque>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace steward::port {

inline constexpr auto relaxed = std::memory_order_relaxed;
inline constexpr auto acquire = std::memory_order_acquire;

/// What any single type that CAF does not know itself has: commands, and what this file sends itself.
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

/// Where messages go while the mailbox is full and drops its oldest.
struct durable_actor::overflow_ring {
  std::mutex mutex;
  std::deque<caf::mailbox_element_ptr> content;
  bool engaged = false;  // a marker is under way, or parked; all messages come here
  bool parked = false;   // the marker arrived while the mailbox was held
  bool closed = false;
  counter doomed{0};  // so many of the messages before these are to be dropped
};

/// What is to come later. All of it is the incarnation's, but for the last number.
struct durable_actor::timer_table {
  struct entry {
    time_point at;
    timer_order order;
  };

  std::map<std::uint64_t, entry> all;
  std::set<std::pair<time_point, std::uint64_t>> by_time;
  std::map<std::string, std::uint64_t> by_name;
  std::optional<time_point> armed;  // CAF's clock
  std::uint64_t last = 0;

  void put(std::uint64_t number, entry x);
  bool erase(std::uint64_t number);
  void clear();
};

/// What an incarnation has tied to itself, or itself to, and what still comes of ties that were undone too late.
struct durable_actor::tie_list {
  struct tie {
    caf::actor_addr other;
    std::size_t count;
  };
  struct counted_ties {
    std::vector<tie> all;

    void add(const caf::actor_addr& x, std::size_t count = 1);
    /// False when there is none.
    bool take(const caf::actor_addr& x, std::size_t count = 1);
  };

  counted_ties links;
  counted_ties monitors;
  counted_ties late_exits;  // they are under way, and are to be dropped
  counted_ties late_downs;
  std::vector<caf::attachable_ptr> functors;
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
