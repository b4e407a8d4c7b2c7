#pragma once

#include "process/payload.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace steward::process {

/// What a frame is for. The numbers are the wire format; a number outside of this list is a protocol error.
enum class frame_kind : std::uint16_t { ready = 2, task = 3, result = 4, failure = 5, stop = 6 };

/// One message between a pool and its worker, as a view into the reader that yielded it.
struct frame {
  frame_kind kind = frame_kind::ready;
  std::uint16_t flags = 0;             ///< free for the two ends to use
  std::uint64_t id = 0;                ///< task id, 0 where there is none
  std::span<const std::byte> payload;  ///< valid until the next call on the reader
  int error = 0;  ///< an errno: why this process cannot take the payload, of which then only the head is there, if any
};

/// So much of a payload is read where there is no room for the whole.
inline constexpr std::size_t payload_head_bytes = 64;
/// Largest payload of a frame. A header that announces more is a protocol error, found before memory is reserved.
inline constexpr std::size_t max_frame_bytes = std::size_t{1024} * 1024 * 1024;
/// Payloads above this size travel in a sealed memory file, whose descriptor goes with the header; the reader maps it.
/// So no end ever reserves more than this for a frame, and no payload is copied in pieces. In time the file costs twice
/// what the socket does at 128 KiB, the same at about 200 KiB, and half from 1 MiB on (bench/payload_bench.cpp).
inline constexpr std::size_t inline_frame_bytes = std::size_t{64} * 1024;
/// Largest payload that may come through the socket all the same, from a writer that could not make a memory file.
inline constexpr std::size_t max_inline_bytes = std::size_t{64} * 1024 * 1024;
/// Memory files that a reader holds for frames that were not yielded yet. It reads no further with this many.
inline constexpr std::size_t max_held_files = 16;
/// Bytes of {u32 magic, u32 length, u16 kind, u16 flags, u32 body, u64 id}, all little-endian. `body` is 0 when the
/// payload follows, 1 when it is in the file whose descriptor came with the header.
inline constexpr std::size_t frame_header_bytes = 24;
/// "STWD" as the first four bytes on the wire.
inline constexpr std::uint32_t frame_magic = 0x44575453;

/// A connected pair of stream sockets, both close-on-exec: {parent end (non-blocking), child end (blocking)}, to be
/// closed by the caller. {-1, -1} with errno set when the kernel refuses.
std::pair<int, int> make_channel();

/// How a read went. `more` also when nothing had arrived. Complete frames may be waiting in the reader whatever it
/// says.
enum class read_status : std::uint8_t {
  more,            ///< the channel lives
  closed,          ///< the peer closed or died; `has_partial` tells whether in mid-frame
  protocol_error,  ///< the next bytes are not our protocol; `problem` says why
  io_error,        ///< the descriptor failed; `problem` holds the errno's text
};

/// A growing run of bytes that is appended at its end and consumed from its front, without zeroing what it reserves.
class byte_queue {
public:
  std::byte* front() noexcept { return bytes_.get() + begin_; }
  std::size_t size() const noexcept { return end_ - begin_; }
  std::size_t capacity() const noexcept { return capacity_; }

  /// Room for at least `count` more bytes, to be filled and then handed to `grew_by`. Reserves at most twice what is
  /// held.
  std::span<std::byte> room(std::size_t count);
  void grew_by(std::size_t count) noexcept { end_ += count; }
  void append(const void* bytes, std::size_t count);
  void consume(std::size_t count) noexcept;
  /// Gives memory back when nothing is held and more than `bytes` are reserved.
  void shrink_to(std::size_t bytes) noexcept;

private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

/// Cuts a stream of bytes into frames. It trusts nothing: a bad header stops it for good, and its memory follows the
/// bytes that arrived, never a length that was only announced. Frames that came before the bad header are still
/// yielded.
///
/// Not thread-safe. Does not own the descriptor.
class frame_reader {
public:
  explicit frame_reader(std::size_t max_payload = max_frame_bytes);

  /// Takes what the socket holds now, at most about `fill_limit_bytes`; never blocks, whatever the descriptor's mode.
  /// To drain a dead worker's channel, call it until it says something else than `more` or `received_bytes` stands
  /// still.
  read_status fill(int fd);
  /// The same, but waits for at least one byte or the end. For a child that has nothing else to do.
  read_status wait(int fd);
  /// Takes bytes that came some other way, and so no memory files. `protocol_error` or `more`.
  read_status feed(std::span<const std::byte> bytes);

  /// The next complete frame; none when more bytes are needed or the stream is broken.
  std::optional<frame> next();

  /// True once the stream has proven not to be our protocol. Nothing is read after that.
  bool broken() const noexcept { return broken_; }
  const std::string& problem() const noexcept { return problem_; }
  /// The id of a frame whose header is known and whose payload is still on its way; 0 when there is none.
  std::uint64_t arriving() noexcept;
  /// True when bytes of an incomplete frame are held; ask it after `next` ran dry.
  bool has_partial() const noexcept { return held_.size() > release_; }
  std::uint64_t received_bytes() const noexcept { return received_; }
  /// Memory held now, for limits and tests.
  std::size_t reserved_bytes() const noexcept { return held_.capacity(); }

  static constexpr std::size_t fill_limit_bytes = std::size_t{1024} * 1024;

private:
  read_status read_once(int fd, int flags, std::size_t& got, bool& full);
  ssize_t receive(int fd, std::span<std::byte> room, int flags, bool& got_file);
  read_status fail(std::string problem);
  read_status check_files();
  bool check_header();
  bool check_body(std::size_t length, std::uint32_t body);
  void release_last();

  byte_queue held_;
  fd_queue files_;
  mapped_payload mapped_;                             // of the frame that was yielded last
  std::array<std::byte, payload_head_bytes> head_{};  // the same, where it could not be mapped
  std::size_t max_payload_;
  std::size_t release_ = 0;     // bytes of the frame that was yielded last
  std::size_t frame_ = 0;       // size in the stream of the frame at the front once its header was checked, else 0
  std::size_t file_bytes_ = 0;  // the size of its payload when that is in a file, else 0
  std::uint64_t received_ = 0;
  bool broken_ = false;
  std::string problem_;
};

/// Queues frames in one buffer, so that many small frames leave in one system call.
///
/// Not thread-safe. Does not own the descriptor. A writer to a dead peer says `closed` and raises no SIGPIPE.
class frame_writer {
public:
  /// Copies a frame to the queue, or a large payload to a memory file. False, and nothing is queued, when the payload
  /// is larger than `max_frame_bytes`, or larger than `max_inline_bytes` and no file can be had (see errno).
  bool push(frame_kind kind, std::uint16_t flags, std::uint64_t id, std::span<const std::byte> payload);

  enum class status : std::uint8_t {
    idle,         ///< everything left
    would_block,  ///< the socket is full: wait for EPOLLOUT, then flush again
    closed,       ///< the peer is gone, or the descriptor failed; what is queued will never leave
  };
  /// Sends what the socket takes. On a blocking descriptor it returns when everything left.
  status flush(int fd);

private:
  struct place {
    std::uint64_t at = 0;  // of a header with a file, counted from the first byte ever queued
  };

  byte_queue queued_;
  fd_queue files_;
  std::vector<place> places_;  // one for each file
  std::uint64_t sent_ = 0;
};

/// Child side, blocking descriptor: sends one frame without copying its payload. False when the parent is gone or the
/// payload is larger than `push` takes (errno EMSGSIZE or that of the memory file).
bool write_frame(int fd, frame_kind kind, std::uint16_t flags, std::uint64_t id, std::span<const std::byte> payload);

}  // namespace steward::process
