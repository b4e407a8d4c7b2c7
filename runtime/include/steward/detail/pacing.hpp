#pragma once

#include <cstddef>
#include <optional>

namespace steward::detail {

/// How many inputs of a map travel together, and how many are open at a time: by what the caller wants, and by how long
/// inputs were measured to run and to be read. Pure; reads no clock. Not thread-safe.
///
/// Worked numbers: inputs of 1 us travel by 1,001 once that is known, no more than eight times as many as before at a
/// time (1, 8, 64, 512, 1,001); with four workers 18 such chunks are open.
class pacing {
public:
  /// The pool at this moment.
  struct pool_size {
    std::size_t workers = 1;
    std::size_t queue_limit = 1;
  };

  /// `chunk`, `window`: what the caller wants; 0: by measured time. `total`: how many inputs there are, where that is
  /// known. `batches`: inputs that are wanted one by one may be handed over together.
  pacing(std::size_t chunk, std::size_t window, std::optional<std::size_t> total, bool batches = false) noexcept
      : wanted_chunk_(chunk), wanted_window_(window), total_(total), batches_(batches && chunk == 1) {}

  /// Inputs for the next chunk, or for the next batch of those that are wanted one by one; at least 1.
  std::size_t chunk_size(pool_size of) const noexcept;
  /// What `chunk_size` says is for a batch.
  bool makes_batches() const noexcept { return batches_; }
  /// Inputs that may be open at a time, in chunks of this size.
  std::size_t window(std::size_t size, pool_size of) const noexcept;

  /// One chunk of this many inputs was read, whose arguments take this many bytes.
  void took(std::size_t inputs, std::size_t bytes) noexcept;
  /// To read each of the last inputs took this long.
  void reading_took(double us_each) noexcept { read_us_ = us_each; }
  /// This many inputs ran for this long together. Nothing is learned of one that failed.
  void ran(std::size_t inputs, double ms) noexcept;

  std::size_t taken() const noexcept { return taken_; }  ///< inputs read so far
  bool knows_time() const noexcept { return item_us_ > 0.0; }

private:
  std::size_t size_by_time(double us, std::size_t most) const noexcept;

  std::size_t wanted_chunk_;
  std::size_t wanted_window_;
  std::optional<std::size_t> total_;
  bool batches_;
  std::size_t taken_ = 0;
  std::size_t largest_ = 1;  // chunk so far
  std::size_t bytes_ = 0;    // of the arguments read
  double item_us_ = 0.0;     // 0: not known
  double usual_us_ = 0.0;    // the same, not impressed by exceptions
  double read_us_ = 0.0;     // to read one, lately
};

}  // namespace steward::detail
