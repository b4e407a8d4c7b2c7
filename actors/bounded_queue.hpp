#pragma once

#include <steward/actor.hpp>

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

namespace steward::ready_made {

/// A first-in first-out queue with room for `capacity` numbers. A full queue slows its producers down: their request is
/// answered only when there is room again, and an empty one makes consumers wait in the same way.
///
/// | message | answer |
/// |---|---|
/// | (push_atom, int64) | nothing, once the number is in the queue |
/// | (pop_atom) | the oldest number, once there is one |
/// | (put_atom, int64) | nothing, or errc::full at once |
/// | (get_atom) | the oldest number, or errc::empty at once |
/// | (size_atom) | how many are in it, as uint64 |
/// | (show_atom) | one line for people |
/// | (crash_atom) | none: the handler throws; whoever waits gets an error |
///
/// At most `max_waiting` requests wait on either side; one more is answered with errc::full or errc::empty.
class bounded_queue {
public:
  static constexpr std::size_t max_waiting = 10'000;

  bounded_queue(self_ptr self, const actor_args& args);
  /// Answers whoever waits: a promise that is dropped would leave its requester waiting.
  ~bounded_queue();
  bounded_queue(const bounded_queue&) = delete;
  bounded_queue& operator=(const bounded_queue&) = delete;
  caf::behavior make_behavior();

private:
  caf::result<void> push(std::int64_t number);
  caf::result<std::int64_t> pop();
  caf::result<void> put(std::int64_t number);
  caf::result<std::int64_t> get();
  void store(std::int64_t number);
  std::int64_t take();
  std::string show() const;

  self_ptr self_;
  std::size_t capacity_;
  std::deque<std::int64_t> numbers_;
  std::deque<std::pair<std::int64_t, caf::response_promise>> producers_;  // wait for room
  std::deque<caf::response_promise> consumers_;                           // wait for a number
  std::uint64_t passed_ = 0;
  std::uint64_t waits_ = 0;
  std::size_t peak_ = 0;
};

}  // namespace steward::ready_made
