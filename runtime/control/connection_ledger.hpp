#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <optional>
#include <vector>

namespace steward::control_api {

/// Who is connected to one listener, what each connection is at, and which of them have taken too long. Pure: it is
/// told the time and opens, reads and closes nothing. Not thread-safe.
///
/// A connection asks until a request is whole, body included; it is at work until its answer begins; it tells until all
/// of the answer is taken, and then it asks again. The limits of a phase are in all, whatever trickles meanwhile: what
/// comes one byte at a time comes too slowly.
class connection_ledger {
public:
  using time_point = std::chrono::steady_clock::time_point;
  using duration = std::chrono::steady_clock::duration;

  struct limits {
    std::size_t most = 192;                       ///< connections that are served
    duration asking = std::chrono::seconds{20};   ///< until a request is whole
    duration telling = std::chrono::seconds{60};  ///< until an answer is taken
    duration block = std::chrono::seconds{30};    ///< until the next block of a stream is taken
    duration hurried = std::chrono::seconds{3};   ///< until an answer is taken, where others want the place
  };

  enum class phase : unsigned char {
    asks,
    works,    ///< has no limit: operations have limits of their own
    tells,    ///< an answer that was made at once
    streams,  ///< a block of a stream
    rests,    ///< a stream that has nothing to tell
  };

  struct connection {
    int fd = -1;
    phase at = phase::asks;
    time_point since;
    bool dropped = false;  ///< its end is on the way
    bool refused = false;  ///< there were as many as there may be, and nobody could go in its place
  };
  using handle = std::list<connection>::iterator;

  explicit connection_ledger(limits within) : within_(within) {}

  /// `displaced` is who is to be dropped in its place, when there are too many: the one that has asked for nothing for
  /// longest, else one that does not take its answer.
  struct opening {
    handle opened;
    std::optional<handle> displaced;
  };
  opening open(int fd, time_point now);
  void close(handle x) { all_.erase(x); }
  void enter(handle x, phase next, time_point now);
  void drop(handle x) { x->dropped = true; }

  /// Those that have taken too long; each is told until it is dropped or closed.
  std::vector<handle> overdue(time_point now);
  /// When the next one will have; none when there is none.
  std::optional<time_point> next_due() const;
  std::size_t size() const noexcept { return all_.size(); }
  /// Whether somebody who has asked has not got all of the answer yet; streams do not count.
  bool owes_answers() const;
  const limits& within() const noexcept { return within_; }

private:
  std::optional<time_point> due(const connection& x) const;
  /// Who is the first to go.
  handle dispensable(time_point now);

  limits within_;
  std::list<connection> all_;  // in the order of `since`
};

}  // namespace steward::control_api
