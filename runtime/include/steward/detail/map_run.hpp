#pragma once

#include "steward/detail/pacing.hpp"

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

// Included by pool.hpp: a map on its way.
namespace steward::detail {

/// What became of inputs of a map that lie side by side: their values, or the error of one.
struct map_piece {
  std::size_t first = 0;
  std::size_t count = 0;
  bytes results;                    ///< as `item_reader` reads them
  std::shared_ptr<many_body> many;  ///< or kept by this, from `base` on
  std::size_t base = 0;
  double ran_ms = 0.0;
  std::unique_ptr<task_error> error;
};

/// A map on its way: feeds a pool with chunks and yields what becomes of them. Belongs to one thread. The inputs are
/// not read ahead of the window.
class map_run {
public:
  /// Fills `into` with up to `most` inputs (arguments, or a body) and returns how many; 0 at their end. `into.first` is
  /// the number of the first.
  using source = std::function<std::size_t(pool_work& into, std::size_t most)>;

  /// `total`: how many inputs there are, where that is known. `prompt`: pieces are wanted as they come.
  map_run(pool& on, source next, map_options options, std::optional<std::size_t> total, bool prompt);
  /// What has not ended is cancelled.
  ~map_run();
  map_run(const map_run&) = delete;
  map_run& operator=(const map_run&) = delete;

  /// Hands over what fits into the window, without waiting. True when there may be more, but reading it takes so long
  /// that something else may be due meanwhile. `take` does it, too.
  bool feed();
  /// Waits for the next pieces. False when there are no more.
  bool take(std::vector<map_piece>& out);
  void cancel();
  /// It was cancelled before all inputs were read: those have no outcome.
  bool is_cut_short() const noexcept { return cut_short_; }
  /// This many outcomes that were taken count as if they were open.
  void hold(std::size_t count) noexcept { held_ = count; }

private:
  struct gathering;

  pacing::pool_size pool_size() const;
  void collect(std::vector<map_piece>& out);
  void tell(bool last);
  void cancel_for(const char* why);
  void end_in_time();
  void read(std::size_t most);
  std::size_t waiting_items() const;
  /// Sleeps until something is to be done: pieces, news to tell, or an end.
  void await();

  pool& pool_;
  source next_;
  map_options options_;
  std::optional<std::size_t> total_;
  bool prompt_;
  std::shared_ptr<gathering> shared_;
  bool more_ = true;
  bool cancelled_ = false;
  bool cut_short_ = false;
  std::deque<std::shared_ptr<pooling::job>> waiting_;  // read, and not let in yet
  pacing pace_;
  std::size_t open_ = 0;  // inputs read, without an outcome
  std::size_t held_ = 0;  // taken, and counted for the window
  std::size_t done_ = 0;
  std::size_t failed_ = 0;
  std::chrono::steady_clock::time_point told_;
  std::optional<std::chrono::steady_clock::time_point> ends_;
};

}  // namespace steward::detail
