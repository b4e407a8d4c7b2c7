#pragma once

#include "steward/cause.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace steward::process {

/// The page that a worker process shares with its parent: the flight recorder and the last words. It survives any death
/// of the worker, kill -9 included. The worker writes, the parent reads; the parent trusts nothing in it (texts are cut
/// at their buffer's end, counts are clamped).
struct flight_page {
  // Flight recorder. `current` is the id of the task in hand, 0 between tasks; written before the task starts.
  std::atomic<std::uint64_t> current{0};
  std::atomic<std::uint64_t> started_ns{0};  ///< steady clock at the start of `current`

  // Where `current` is a chunk of many items. `item` is the number of the one in hand, written before it starts. The
  // results of the items from `kept_from` on lie in the arena, `kept` being a packed
  // `staged_size`, written after each item: so they outlive the worker. See steward/detail/item_protocol.hpp.
  std::atomic<std::uint64_t> item{0};
  std::atomic<std::uint64_t> kept_from{0};
  std::atomic<std::uint64_t> kept{0};
  std::atomic<std::uint64_t> cut{0};  ///< written by the parent: id of the chunk of which no further item is to start

  std::atomic<std::uint64_t> stop{0};  ///< written by the parent: id of the task that is asked to stop

  // Last words, written by the signal handler or the terminate handler. `said` is set to `said_signal` when all but the
  // frames is written, and to `said_frames` when these are, too.
  std::atomic<std::uint32_t> said{0};
  std::int32_t signal = 0;
  std::int32_t code = 0;
  std::uint32_t has_address = 0;
  std::uint64_t address = 0;
  std::uint32_t stack_overflow = 0;
  std::uint32_t frame_count = 0;
  std::uint64_t frames[32] = {};
  std::int32_t sender_pid = 0;  ///< 0 unless another process sent the signal
  std::uint32_t sender_uid = 0;
  char exception[128] = {};
  char message[512] = {};
  std::uint64_t anchor = 0;  ///< where the program lies in the worker's memory; gives the frames their names

  // What the parent may take back. A worker counts the tasks and chunks that it receives, from 1; it notes the number
  // of each before it begins it, and then begins none from `limit` on, unless that is 0, and notes the one before
  // again.
  std::atomic<std::uint64_t> begun{0};
  std::atomic<std::uint64_t> limit{0};   ///< written by the parent
  std::atomic<std::uint32_t> fenced{0};  ///< it passes a barrier at each item, since the parent cannot make it do so
};
static_assert(sizeof(flight_page) <= 4096);
inline constexpr std::uint32_t said_signal = 1;
inline constexpr std::uint32_t said_frames = 2;

/// The rest of the mapping, in which a worker leaves results before it sends them.
inline constexpr std::size_t arena_bytes = std::size_t{256} * 1024;

/// What the last words in a page say, see `flight_recorder::last_words`.
std::optional<cause> last_words_in(const flight_page& page);

/// Owns a mapping of a flight page and its arena, backed by a memfd. Move-only. The parent creates it and passes `fd()`
/// to the child.
class flight_recorder {
public:
  flight_recorder() = default;
  flight_recorder(flight_recorder&& other) noexcept;
  flight_recorder& operator=(flight_recorder&& other) noexcept;
  ~flight_recorder();

  /// A fresh, zeroed page; `valid()` is false when the kernel refused.
  static flight_recorder create();
  /// Maps the page behind an inherited descriptor (child side) and owns the descriptor from then on.
  static flight_recorder open(int fd);

  bool valid() const noexcept { return page_ != nullptr; }
  int fd() const noexcept { return fd_; }
  /// Closes the descriptor and keeps the mapping.
  void close_fd() noexcept;
  flight_page& page() const noexcept { return *page_; }
  std::span<std::byte> arena() const noexcept;

  /// Sees to it that the frames' names are known by the time that `last_words` gives them. True when they are; else
  /// `then` is called once, from a thread of its own, as soon as they are.
  bool find_names(std::function<void()> then) const;

  /// What the worker managed to say before it died, as a cause of class signal. An uncaught exception is told as
  /// SIGABRT with `exception` and `message`, a stack overflow as SIGSEGV with that message. None when it said nothing,
  /// as after kill -9. Ask it after the worker was reaped.
  std::optional<cause> last_words() const;

private:
  flight_page* page_ = nullptr;
  int fd_ = -1;
};

/// Loads what tells the frames of a death, once: copies of this process find it loaded.
void load_unwinder() noexcept;

/// Child side: leaves a text for the case that it ends by an exit and not by a signal.
void leave_note(flight_page& page, const std::string& text) noexcept;

/// Child side: from now on a fatal signal (SEGV, BUS, FPE, ILL, ABRT, SYS, XCPU) and an uncaught exception write last
/// words into the page, shut `channel_fd` down so that the parent knows at once, and let the signal take its course
/// (the wait status stays true). Installs an alternate stack, so that a stack overflow is told, too. A child that this
/// process forks says nothing: it ends as if none of this had been installed. `page` must live for ever.
void install_last_words(flight_page& page, int channel_fd);

/// The same for a program of many threads, which has nobody to read its page: `told` is called in the signal handler
/// once the words are written, and has to care for them itself. Of several threads that die at once one has the word,
/// and the others wait. Signals that have a handler already are left alone.
void install_own_last_words(flight_page& page, void (*told)() noexcept);

/// As a terminate handler: writes the uncaught exception down and aborts.
[[noreturn]] void say_and_abort();

/// Gives the calling thread a stack for signal handlers, until it ends: else the overflow of its own is not told. The
/// thread that installs last words has one. Does nothing when there is no memory for it.
void own_signal_stack() noexcept;

}  // namespace steward::process
