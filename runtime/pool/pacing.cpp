#include "steward/detail/pacing.hpp"

#include <algorithm>

namespace steward::detail {

namespace {

// A chunk is meant to take this long: long against what it costs to send one, short against what people notice.
constexpr double chunk_us = 1'000.0;
constexpr std::size_t max_chunk = 16'384;
// The same for a batch, which only saves what it costs to keep books on each input: it is over before it is noticed.
constexpr double batch_us = 50.0;
constexpr std::size_t max_batch = 64;
// A short test may mislead, so a chunk is no more than this many times the largest one before.
constexpr std::size_t chunk_growth = 8;
// Chunks that are open at a time: one runs, one is sent ahead, two wait, for each worker, and two for the rest.
constexpr std::size_t chunks_each = 4;
// Where inputs travel one by one, more of them: up to this much work, but no more than that many, and that many bytes.
constexpr double ahead_us = 2'000.0;
constexpr std::size_t singles_each = 2'048;
constexpr std::size_t ahead_bytes = std::size_t{8} << 20;
// Of a queue, so that others find room as well.
constexpr std::size_t chunk_share = 4;
constexpr double least_us = 0.0001;

}  // namespace

std::size_t pacing::chunk_size(pool_size of) const noexcept {
  const std::size_t fair = std::max<std::size_t>(1, of.queue_limit / chunk_share);
  if (batches_) return std::max<std::size_t>(1, std::min(size_by_time(batch_us, max_batch), fair));
  if (wanted_chunk_ > 0) return std::min(wanted_chunk_, fair);
  auto size = size_by_time(chunk_us, max_chunk);
  // Near the end chunks get smaller, so that all workers end at about the same time.
  const auto workers = std::max<std::size_t>(1, of.workers);
  if (total_ && *total_ > taken_) size = std::min(size, (*total_ - taken_) / (2 * workers) + 1);
  return std::max<std::size_t>(1, std::min(size, fair));
}

/// As many as run in this time, and are read in it: what is read slowly is not made to wait for others.
std::size_t pacing::size_by_time(double us, std::size_t most) const noexcept {
  if (item_us_ <= 0.0) return 1;
  const auto size = std::min(static_cast<std::size_t>(us / item_us_) + 1, chunk_growth * largest_);
  const auto soon = static_cast<std::size_t>(us / std::max(read_us_, 0.001));
  return std::min({size, most, soon});
}

std::size_t pacing::window(std::size_t size, pool_size of) const noexcept {
  const auto workers = std::max<std::size_t>(1, of.workers);
  if (batches_) size = 1;
  auto chunks = workers * chunks_each + 2;
  // What is sent before a run was timed only serves to time it.
  if (usual_us_ > 0.0) {
    const auto work = static_cast<std::size_t>(ahead_us / usual_us_);
    auto singles = workers * std::min(singles_each, work);
    if (bytes_ > 0) singles = std::min(singles, ahead_bytes * taken_ / bytes_);
    chunks = std::max(chunks, singles / size);
  }
  return std::min(wanted_window_ > 0 ? wanted_window_ : chunks * size, of.queue_limit);
}

void pacing::took(std::size_t inputs, std::size_t bytes) noexcept {
  taken_ += inputs;
  bytes_ += bytes;
  largest_ = std::max(largest_, inputs);
}

void pacing::ran(std::size_t inputs, double ms) noexcept {
  if (inputs == 0 || ms <= 0.0) return;
  const double us = std::max(ms * 1'000.0 / static_cast<double>(inputs), least_us);
  item_us_ = item_us_ <= 0.0 || us > item_us_ ? us : item_us_ + (us - item_us_) / 4.0;
  // Follows the median: a few that were interrupted say little of the others.
  usual_us_ = usual_us_ <= 0.0 ? us : usual_us_ * (us > usual_us_ ? 1.25 : 0.8);
}

}  // namespace steward::detail
