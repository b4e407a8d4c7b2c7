#pragma once

#include "store/database.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace steward::store {

/// How much of the past is kept.
struct keep_limits {
  static constexpr std::chrono::hours default_max_age{30 * 24};
  static constexpr std::uint64_t default_max_bytes = std::uint64_t{1} << 30;

  std::chrono::milliseconds max_age{default_max_age};
  std::uint64_t max_bytes = default_max_bytes;  ///< of the database, without what waits in its log
};

/// Samples that are older than `age` are one for each `step`.
struct sample_tier {
  std::chrono::seconds age;
  std::chrono::seconds step;
};

inline constexpr sample_tier sample_tiers[] = {
    {std::chrono::minutes{15}, std::chrono::seconds{10}},
    {std::chrono::hours{24}, std::chrono::seconds{60}},
};

/// About so many bytes a sample takes, with its keys.
constexpr std::size_t sample_weight(std::size_t figures, std::size_t path) noexcept { return figures + 2 * path + 40; }

/// Removes what is older than it may be, or beyond the size, from the oldest on, and thins samples out; in small steps,
/// so that whoever writes is not held up.
///
/// Runs that are over go whole. Of the current one, events go up to a checkpoint, so that it can be folded from there.
/// Samples have a quarter of the size. Not thread-safe. Throws `database_error`.
class retention {
public:
  using time_point = std::chrono::system_clock::time_point;

  static constexpr std::uint64_t samples_share = 4;  ///< one part in so many

  retention(database& in, keep_limits keep, std::uint64_t current_run) : in_(in), keep_(keep), current_(current_run) {}

  /// One step, which changes about so many rows; false: nothing is left to do now.
  bool step(time_point now, std::int64_t rows);

private:
  bool piece(time_point now, std::int64_t rows);
  bool remove_what_was_cut(std::int64_t rows);
  bool remove_where(const char* sql, std::int64_t below, std::int64_t rows);
  bool remove_old_samples(time_point now, std::int64_t rows);
  bool remove_samples(const char* which, std::initializer_list<std::int64_t> values, std::int64_t rows);
  bool thin_samples(time_point now, std::int64_t rows);
  bool thin(const sample_tier& tier, const char* progress, time_point now, std::int64_t rows);
  bool cut_by_age(time_point now);
  bool cut_by_size();
  bool drop_oldest_run();
  void cut_run(std::int64_t run, std::int64_t checkpoint);
  bool give_pages_back();
  std::int64_t progress(const char* what);
  void set_progress(const char* what, std::int64_t value);

  database& in_;
  const keep_limits keep_;
  const std::uint64_t current_;
};

}  // namespace steward::store
