#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

// How the items of a chunk are taken one by one, taken back, and found after a death: the accesses to the marks that
// the runner of a chunk and the driver of its pool share. They lie in the memory of a program whose workers are
// threads, and in the flight page of a worker process.
//
//   the runner, for each item i            the driver, to take items back       the driver, to harvest
//   1  item = i                            1  cut = id of the chunk             1  read kept_from, kept
//   2  a barrier                           2  a barrier                         2  copy the results
//   3  is cut the chunk's id? then stop    3  read item                         3  the same as in 1, and still in hand?
//   4  run it; stage the result; kept =
//      one more
//   5  answer; kept = 0, kept_from = next
//
// Why no item is both taken back and run. Each side writes one word and then reads the other's. With a barrier between
// the two accesses of each side, at least one sees what the other has written: the runner sees the cut and stops, or
// the driver reads this item or a later one. The driver leaves the chunk all items up to the one that it reads, and
// takes the rest. An item that the runner marks, and then does not run for the cut, may be among those that are left:
// the runner's last answer ends before it, and so it waits again.
//
// Why the barrier costs the runner nothing. It takes an item each few nanoseconds, and the driver cuts seldom. So the
// runner keeps the compiler from moving 3 before 1, and the driver makes the runner's processor pass a barrier
// (membarrier), which falls before 1 or behind 3, or between them, and is as good as one at 2. Where the kernel cannot
// do that the runner is `fenced`: its store is sequentially consistent, and the driver's accesses are so in any case.
//
// Why what is harvested is whole. `kept` is written with release after the result, and is one word, so its count and
// its bytes are of the same moment. Results are only added until they are answered; then both words change before the
// first byte is written over (a release fence lies between). A reader whose copy has a byte of the next results finds
// one of the two changed, or another chunk in hand, when it looks again behind an acquire fence, and takes nothing.
// What was copied may have been answered by then. That does no harm: the ledger skips what it has.
//
// Who wants to hear of each item (`next`) has the runner `fenced`. Then the runner marks item i and looks whether news
// wait already, and the driver takes the news and then reads the mark, all sequentially consistent. Where the runner
// finds old news and says nothing, the driver has yet to read the mark, and sees this one.
namespace steward::detail {

/// How many results are staged, and in how many bytes: one word, so that both are always of the same moment.
struct staged_size {
  static constexpr unsigned bits_of_bytes = 40;

  std::uint64_t count = 0;
  std::uint64_t bytes = 0;

  constexpr std::uint64_t packed() const noexcept { return count << bits_of_bytes | bytes; }
  static constexpr staged_size unpack(std::uint64_t word) noexcept {
    return {word >> bits_of_bytes, word & ((std::uint64_t{1} << bits_of_bytes) - 1)};
  }
};

/// The runner's side. Belongs to the thread that runs the chunk; what it points to is read by others, and `cut` is
/// written by them.
struct chunk_marks {
  std::uint64_t chunk = 0;                           ///< its id
  std::atomic<std::uint64_t>* item = nullptr;        ///< the one in hand
  const std::atomic<std::uint64_t>* cut = nullptr;   ///< id of the chunk of which no further item is to start
  std::atomic<std::uint64_t>* started_ns = nullptr;  ///< when the one in hand was started; null: nobody asks
  std::atomic<std::uint64_t>* kept = nullptr;        ///< a packed `staged_size`
  bool fenced = false;               ///< who cuts cannot make this thread pass a barrier, so it passes one at each item
  void (*next)(void* of) = nullptr;  ///< called when the items before this one are over, and it is not begun
  void* of = nullptr;

  /// Takes this item; false when the chunk was cut, and then it is not to be run.
  bool take(std::uint64_t i) const noexcept {
    // The time comes before the mark: whoever sees the item sees no earlier time than its own.
    clock();
    if (fenced) {
      item->store(i, std::memory_order_seq_cst);
    } else {
      item->store(i, std::memory_order_release);
      std::atomic_signal_fence(std::memory_order_seq_cst);
    }
    if (next && i > 0) next(of);
    return cut->load(std::memory_order_seq_cst) != chunk;
  }
  /// So much is staged now, with the result that was written last.
  void keep(staged_size all) const noexcept { kept->store(all.packed(), std::memory_order_release); }

private:
  void clock() const noexcept {
    if (!started_ns) return;
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    started_ns->store(static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count()), std::memory_order_relaxed);
  }
};

/// The runner's side: what is staged was answered, and the next result is that of item `next`.
inline void forget_staged(std::atomic<std::uint64_t>& kept_from, std::atomic<std::uint64_t>& kept,
                          std::uint64_t next) noexcept {
  kept.store(0, std::memory_order_release);
  kept_from.store(next, std::memory_order_release);
  std::atomic_thread_fence(std::memory_order_release);
}

/// The driver's side: no item of this chunk is taken from now on, but for one that `item_taken` shows. `barrier` makes
/// the runner pass one, unless it is fenced; this returns what it does: false where that could not be done, and then
/// nobody knows what the runner has taken.
template <class Barrier>
bool cut_items(std::atomic<std::uint64_t>& cut, std::uint64_t chunk, Barrier&& barrier) {
  cut.store(chunk, std::memory_order_seq_cst);
  return barrier();
}
/// After a cut: the last item of the chunk that may be run, as long as the chunk is in hand.
inline std::uint64_t item_taken(const std::atomic<std::uint64_t>& item) noexcept {
  return item.load(std::memory_order_seq_cst);
}

/// Results of items that lie side by side, from `from` on.
struct staged_items {
  std::uint64_t from = 0;
  std::uint64_t count = 0;
  std::vector<std::byte> results{};
};

/// The driver's side: a copy of what is staged, or of nothing when it changes meanwhile. Nothing that the runner wrote
/// is trusted: `in_hand` says, before and after, whether the chunk is the runner's at all.
template <class InHand>
staged_items harvest_staged(const std::atomic<std::uint64_t>& kept_from, const std::atomic<std::uint64_t>& kept,
                            std::span<const std::byte> stage, InHand&& in_hand) {
  staged_items out;
  out.from = kept_from.load(std::memory_order_acquire);
  const auto word = kept.load(std::memory_order_acquire);
  const auto size = staged_size::unpack(word);
  if (size.bytes > stage.size() || !in_hand()) return out;
  out.results.resize(static_cast<std::size_t>(size.bytes));
  if (size.bytes > 0) std::memcpy(out.results.data(), stage.data(), out.results.size());
  std::atomic_thread_fence(std::memory_order_acquire);
  const bool steady = kept_from.load(std::memory_order_relaxed) == out.from &&
                      kept.load(std::memory_order_relaxed) >= word && in_hand();
  if (steady) out.count = size.count;
  return out;
}

}  // namespace steward::detail
