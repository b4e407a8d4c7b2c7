#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <span>

namespace steward::process {

/// What has become of a message that was handed to an actor in a process. The numbers lie in shared memory.
enum class work_state : std::uint8_t {
  sent = 0,       ///< it was not begun yet
  begun = 1,      ///< its handler runs; that of a dead process was running
  handled = 2,    ///< its handler has returned
  failed = 3,     ///< a request that was answered with an error
  lost = 4,       ///< a tell whose handler threw, where its actor goes on
  unhandled = 5,  ///< a tell that the actor has no handler for
  skipped = 6,    ///< its actor wants other messages first; from here it may be begun again
};

/// What an actor in a process shares with its parent about the messages that it was handed: each has a slot. It lies in
/// the arena of a flight recorder, so it survives any death of the process. The child writes, one thread of it; the
/// parent reads and trusts nothing in it.
struct work_page {
  static constexpr std::uint32_t slots = 16'384;
  /// A slot is told once when its message is skipped, and once when that is settled.
  static constexpr std::uint32_t ring_size = 2 * slots;

  std::atomic<std::uint64_t> turn{0};  ///< handlers that were begun, times two, odd while one runs
  std::atomic<std::uint64_t> told{0};  ///< entries that were ever written to the ring
  std::array<std::atomic<std::uint8_t>, slots> state{};
  std::array<std::atomic<std::uint32_t>, ring_size> ring{};  ///< slot and state of those that were skipped or settled

  work_state state_of(std::uint32_t slot) const noexcept {
    const auto x = state[slot].load(std::memory_order_acquire);
    return x <= static_cast<std::uint8_t>(work_state::skipped) ? static_cast<work_state>(x) : work_state::begun;
  }

  /// In a zeroed arena: all slots are `sent`. Null where that is too small.
  static work_page* in(std::span<std::byte> arena) noexcept {
    return arena.size() < sizeof(work_page) ? nullptr : std::launder(reinterpret_cast<work_page*>(arena.data()));
  }
};

/// The child's side. For the actor's own thread.
class work_marks {
public:
  static constexpr std::uint32_t no_slot = work_page::slots;

  explicit work_marks(work_page& page) : page_(page) {}

  /// A message is about to be handled; `no_slot`: one that the parent knows nothing of.
  void begin(std::uint32_t slot) noexcept {
    slot_ = slot;
    if (slot != no_slot) page_.state[slot].store(static_cast<std::uint8_t>(work_state::begun), release);
    page_.turn.store(++turn_, release);
  }
  void end(work_state how) noexcept {
    page_.turn.store(++turn_, release);
    if (slot_ == no_slot) return;
    auto& told_before = told_skipped_[slot_];
    page_.state[slot_].store(static_cast<std::uint8_t>(how), release);
    if (how != work_state::skipped || !told_before) {
      const auto at = page_.told.load(std::memory_order_relaxed);
      page_.ring[at % work_page::ring_size].store(slot_ | static_cast<std::uint32_t>(how) << 24U,
                                                  std::memory_order_relaxed);
      page_.told.store(at + 1, release);
      ++untold_;
    }
    told_before = how == work_state::skipped;
    slot_ = no_slot;
  }
  /// How many slots were told since this was asked.
  std::uint32_t untold() const noexcept { return untold_; }
  void have_told() noexcept { untold_ = 0; }

private:
  static constexpr auto release = std::memory_order_release;

  work_page& page_;
  std::uint32_t slot_ = no_slot;
  std::uint64_t turn_ = 0;
  std::uint32_t untold_ = 0;
  std::array<bool, work_page::slots> told_skipped_{};
};

/// The parent's side: what was told since the last look.
class work_news {
public:
  explicit work_news(const work_page& page) : page_(page) {}

  struct entry {
    std::uint32_t slot;
    work_state how;
  };
  /// The next one; none when there is no more. `broken` when the child has written what cannot be.
  std::optional<entry> next() noexcept {
    const auto told = page_.told.load(std::memory_order_acquire);
    if (seen_ == told || broken_) return std::nullopt;
    broken_ = told < seen_ || told - seen_ > work_page::ring_size;
    const auto x = page_.ring[seen_ % work_page::ring_size].load(std::memory_order_relaxed);
    const entry out{x & 0xFFFFFFU, static_cast<work_state>(x >> 24U)};
    broken_ = broken_ || out.slot >= work_page::slots || out.how < work_state::handled || out.how > work_state::skipped;
    if (broken_) return std::nullopt;
    ++seen_;
    return out;
  }
  bool has_more() const noexcept { return page_.told.load(std::memory_order_acquire) != seen_; }
  bool broken() const noexcept { return broken_; }

private:
  const work_page& page_;
  std::uint64_t seen_ = 0;
  bool broken_ = false;
};

}  // namespace steward::process
