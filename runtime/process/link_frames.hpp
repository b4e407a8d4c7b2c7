#pragma once

#include "process/channel.hpp"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace steward::process {

/// What a frame of an actor link is for. The numbers are the wire format; others are protocol errors.
enum class link_kind : std::uint8_t {
  hello = 1,    ///< the first of each side, and no other: number is the version, content the node that handles show
  tell = 2,     ///< a message for target; sender may be 0
  ask = 3,      ///< a request for target whose answer bears the number
  answer = 4,   ///< to the request of that number, once
  release = 5,  ///< target, which has come this many times (number), is not held any more
  watch = 6,    ///< asks to be told when target ends
  ended = 7,    ///< the sender's own actor `target` has ended; content is why
  exit = 8,     ///< target shall end; content is why; only to a side that trusts the other
  // Of a link that carries the messages of one actor, the guest, which lives at the child's end; its mailbox at the
  // parent's. Slots count from 1 here.
  deliver = 9,       ///< a tell for the guest; target is its slot
  deliver_ask = 10,  ///< a request for the guest; target is its slot
  settled = 11,      ///< the work page has news
  word = 12,         ///< content is a message from one keeper of the guest to the other
  guest = 13,        ///< target is the guest's number
};

/// One frame. An actor is named by its number at the side where it lives; 0 is what each side offers from the start.
struct link_header {
  link_kind kind = link_kind::hello;
  std::uint64_t target = 0;
  std::uint64_t sender = 0;
  std::uint64_t number = 0;
};
struct link_frame : link_header {
  std::span<const std::byte> content{};  ///< valid until the next call on the reader
};

/// The sender of what the guest has sent to itself.
inline constexpr std::uint64_t link_self = std::numeric_limits<std::uint64_t>::max();
/// Bytes of {u32 content, u8 kind, 3 zeroes, u64 target, u64 sender, u64 number}, all little-endian.
inline constexpr std::size_t link_header_bytes = 32;
/// Largest content. A header that announces more is a protocol error, found before memory is reserved.
inline constexpr std::size_t max_link_bytes = std::size_t{128} * 1024 * 1024;
/// Content of a hello.
inline constexpr std::size_t link_node_bytes = 24;
inline constexpr std::uint64_t link_version = 1;
/// Numbers of requests count from 1 to this.
inline constexpr std::uint64_t max_link_number = (std::uint64_t{1} << 48) - 1;

/// Writes the 32 bytes of a header.
void write_link_header(char* at, const link_header& header, std::size_t content) noexcept;

/// Says when a buffer that was made for a large frame is to be given back: it is kept for the next one, since fresh
/// memory costs more than the copying, until it was far too large for a number of frames in a row. Not thread-safe.
class spare_room {
public:
  /// A frame of this size was in a buffer of that one.
  void used(std::size_t size, std::size_t capacity) noexcept;
  /// Whether a buffer of this size is worth keeping.
  bool keeps(std::size_t capacity) const noexcept;

private:
  unsigned too_large_ = 0;  // frames in a row that filled little of it
};

/// Cuts a stream of bytes into frames, each in the form that its kind has. It trusts nothing: a bad header stops it for
/// good, and beyond 16 MiB it reserves no more than twice what has arrived, whatever length was announced. Up to 16 MiB
/// stay reserved while large frames keep coming. Frames before the bad one are still yielded. Not thread-safe.
class link_reader {
public:
  /// Where the next bytes go; then `took` says how many came.
  std::span<std::byte> room();
  void took(std::size_t count) noexcept { held_.grew_by(count); }

  /// The next complete frame; none when more bytes are needed or the stream is broken.
  std::optional<link_frame> next();

  /// Empty as long as the stream is our protocol.
  const std::string& problem() const noexcept { return problem_; }
  std::size_t reserved_bytes() const noexcept { return held_.capacity(); }

private:
  bool check(const link_header& header, std::size_t content, bool zeroes);

  byte_queue held_;
  std::size_t release_ = 0;  // bytes of the frame that was yielded last
  std::size_t wanted_ = 0;   // bytes of the frame at the front, once its header was checked
  spare_room used_;
  bool greeted_ = false;
  std::string problem_;
};

/// What waits to be written to a link. Whoever has a frame writes it at once if the socket takes it; what is left the
/// link's loop writes. Thread-safe; does not own the descriptor.
class link_outbox {
public:
  explicit link_outbox(int fd) : fd_(fd) {}

  /// An empty frame to be filled and pushed, with the memory of one that was written where there is one.
  std::vector<char> fresh();
  /// `lazy`: it may wait for the next frame that is not. True when the loop must write the rest.
  bool push(std::vector<char> frame, bool lazy);
  /// Writes what the socket takes.
  void flush();
  /// True while the socket takes no more.
  bool blocked() const;
  std::size_t waiting() const;
  /// Waits until less than `most` bytes wait, or the link is over.
  void await_room(std::size_t most);
  /// Returns when nothing waits, or the link is over: what is lazy is written, too. Not for the loop's thread.
  void drain();
  /// Drops what waits, and all that comes.
  void close();

private:
  void write();

  const int fd_;
  mutable std::mutex mutex_;
  std::condition_variable drained_;
  std::deque<std::vector<char>> queue_;
  std::vector<char> spare_;
  spare_room used_;
  std::size_t written_ = 0;  // of the first
  std::size_t waiting_ = 0;
  bool blocked_ = false;
  bool closed_ = false;
};

}  // namespace steward::process
