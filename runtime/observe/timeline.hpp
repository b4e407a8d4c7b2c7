#pragma once

#include "observe/run_view.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace steward {

/// How much a `run_timeline` keeps.
struct timeline_limits {
  std::size_t most_lanes = 100'000;   ///< later children have none
  std::size_t most_bars = 2'000'000;  ///< of all lanes together; of the fullest lanes the oldest half is forgotten
  std::size_t least_bars = 64;        ///< each lane may have these all the same
  std::size_t most_crashes = 1'024;   ///< of one lane, the latest
  std::size_t most_groups = 1'024;    ///< the latest
};

/// Microseconds since 1970.
using timeline_time = std::int64_t;
timeline_time timeline_time_of(run_view::time_point at);

/// A stretch in the life of a child through which its status was the same.
struct timeline_bar {
  static constexpr timeline_time open = std::numeric_limits<timeline_time>::max();

  timeline_time from = 0;
  timeline_time to = open;  ///< `open`: it goes on
  std::uint64_t seq = 0;    ///< of the event it begins with
  std::uint64_t incarnation = 0;
  view_status status = view_status::idle;

  friend bool operator==(const timeline_bar&, const timeline_bar&) = default;
};

struct timeline_crash {
  timeline_time at = 0;
  std::uint64_t seq = 0;
  std::string id;

  friend bool operator==(const timeline_crash&, const timeline_crash&) = default;
};

/// The life of one child or worker, from its first event to its last. A child that was removed keeps its lane.
struct timeline_lane {
  std::string parent;
  std::string kind;
  std::uint64_t order = 0;
  std::vector<timeline_bar>
      bars;  ///< in order; each begins where the one before it ends, but for a child that was gone
  std::vector<timeline_crash> crashes;
  std::uint64_t forgotten = 0;  ///< bars before those that are here
};

/// A crash that has made others begin anew, too.
struct timeline_group {
  timeline_time at = 0;
  std::uint64_t seq = 0;
  std::string path;
  std::vector<std::string> also;
};

/// Events over the whole run, in at most `most_buckets` stretches of the same length.
struct timeline_strip {
  static constexpr std::size_t most_buckets = 400;

  timeline_time from = 0;
  timeline_time step = 1'000;  ///< doubled when the run has become too long for it
  std::size_t count = 0;
  std::array<std::uint32_t, most_buckets> events{};
  std::array<std::uint32_t, most_buckets> crashes{};
  std::array<std::uint64_t, most_buckets> newest{};  ///< number of the newest event up to the end of each

  void note(timeline_time at, std::uint64_t seq, bool crash);

private:
  void halve();
};

/// Lays a run out in time: what each child was doing when. Made by folding its events in order, as the view is, whose
/// statuses it notes as they change. Its memory is bounded. Not thread-safe.
class run_timeline {
public:
  explicit run_timeline(timeline_limits within = {}) : within_(within) {}

  /// Begins with what a run was when the events come: each child with its status and since when it has that, and the
  /// crashes that the picture has. To be called before anything is taken.
  void begin_with(run_view picture);
  void take(const event& e);

  /// The picture behind the last event that was taken.
  const run_view& view() const noexcept { return view_; }
  const std::map<std::string, timeline_lane, std::less<>>& lanes() const noexcept { return lanes_; }
  const std::vector<timeline_group>& groups() const noexcept { return groups_; }
  const timeline_strip& strip() const noexcept { return strip_; }
  /// Paths of all lanes: what is above comes before what is below it, and siblings as they were heard of.
  const std::vector<std::string>& order() const;

  /// The bars of a lane that touch [from, to), at most about `most`: neighbours that are too short to be seen are one
  /// bar, with the status that lasted longest, and are counted in `merged`.
  static std::vector<timeline_bar> bars_between(const timeline_lane& lane, timeline_time from, timeline_time to,
                                                timeline_time now, std::size_t most, std::uint64_t& merged);

private:
  void note(const std::string& path, const child_view& child, const event& e);
  void note_below(const std::string& path, const event& e);
  void close_gone(const event& e);
  void make_room(timeline_lane& in);

  timeline_limits within_;
  run_view view_;
  std::map<std::string, timeline_lane, std::less<>> lanes_;
  std::vector<timeline_group> groups_;
  timeline_strip strip_;
  std::size_t bars_ = 0;
  mutable std::vector<std::string> order_;  // made when it is asked for
};

}  // namespace steward
