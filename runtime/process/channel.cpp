#include "process/channel.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace steward::process {
namespace {

constexpr std::size_t first_reserve_bytes = std::size_t{16} * 1024;
constexpr std::size_t keep_bytes = std::size_t{1024} * 1024;
constexpr std::size_t read_bytes = std::size_t{64} * 1024;

template <class T>
void put(std::byte*& to, T value) noexcept {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    *to++ = static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
}

template <class T>
T get(const std::byte* from) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value |= std::to_integer<std::uint64_t>(from[i]) << (8 * i);
  return static_cast<T>(value);
}

void write_header(std::byte* to, frame_kind kind, std::uint16_t flags, std::uint64_t id, std::size_t length) noexcept {
  put(to, frame_magic);
  put(to, static_cast<std::uint32_t>(length));
  put(to, static_cast<std::uint16_t>(kind));
  put(to, flags);
  put(to, std::uint32_t{0});
  put(to, id);
}

bool known_kind(std::uint16_t kind) noexcept {
  return kind >= static_cast<std::uint16_t>(frame_kind::hello) && kind <= static_cast<std::uint16_t>(frame_kind::stop);
}

bool wait_for(int fd, short what) noexcept {
  pollfd one{fd, what, 0};
  int ready = 0;
  do {
    ready = ::poll(&one, 1, -1);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

}  // namespace

std::pair<int, int> make_channel() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return {-1, -1};
  int flags = ::fcntl(ends[0], F_GETFL);
  if (flags < 0 || ::fcntl(ends[0], F_SETFL, flags | O_NONBLOCK) != 0) {
    int problem = errno;
    ::close(ends[0]);
    ::close(ends[1]);
    errno = problem;
    return {-1, -1};
  }
  return {ends[0], ends[1]};
}

std::span<std::byte> byte_queue::room(std::size_t count) {
  if (capacity_ - end_ >= count) return {bytes_.get() + end_, capacity_ - end_};
  // Moving what is held to the front is cheap only while it is little compared with the space that this wins.
  if (capacity_ - size() >= count && begin_ >= size()) {
    if (size() > 0) std::memmove(bytes_.get(), front(), size());
  } else {
    std::size_t wanted = std::max({first_reserve_bytes, 2 * size(), size() + count});
    auto grown = std::make_unique_for_overwrite<std::byte[]>(wanted);
    if (size() > 0) std::memcpy(grown.get(), front(), size());
    bytes_ = std::move(grown);
    capacity_ = wanted;
  }
  end_ = size();
  begin_ = 0;
  return {bytes_.get() + end_, capacity_ - end_};
}

void byte_queue::append(const void* bytes, std::size_t count) {
  if (count == 0) return;
  std::memcpy(room(count).data(), bytes, count);
  grew_by(count);
}

void byte_queue::consume(std::size_t count) noexcept {
  begin_ += count;
  if (begin_ == end_) begin_ = end_ = 0;
}

void byte_queue::shrink_to(std::size_t bytes) noexcept {
  if (size() > 0 || capacity_ <= bytes) return;
  bytes_.reset();
  capacity_ = 0;
}

frame_reader::frame_reader(std::size_t max_payload) : max_payload_(std::min(max_payload, max_frame_bytes)) {}

// The frame yielded last stays in place until the next call, because its payload is a view.
void frame_reader::release_last() {
  if (release_ == 0) return;
  held_.consume(release_);
  release_ = 0;
  held_.shrink_to(keep_bytes);
}

// True when the header at the front is complete and sound; `frame_` then holds the size of the frame.
bool frame_reader::check_header() {
  if (broken_) return false;
  if (frame_ != 0) return true;
  // A wrong magic is told from its first byte: a peer that prints to the channel may send less than a header.
  const std::byte* at = held_.front() + release_;
  std::size_t have = held_.size() - release_;
  for (std::size_t i = 0; i < std::min<std::size_t>(have, 4); ++i) {
    if (at[i] == static_cast<std::byte>(frame_magic >> (8 * i))) continue;
    broken_ = true;
    problem_ = fmt::format("byte 0x{:02x} where a frame should begin", std::to_integer<unsigned>(at[i]));
    return false;
  }
  if (have < frame_header_bytes) return false;
  auto length = get<std::uint32_t>(at + 4);
  auto kind = get<std::uint16_t>(at + 8);
  if (length > max_payload_) {
    problem_ = fmt::format("a frame of {} bytes, more than the limit of {}", length, max_payload_);
  } else if (!known_kind(kind)) {
    problem_ = fmt::format("a frame of unknown kind {}", kind);
  } else if (get<std::uint32_t>(at + 12) != 0) {
    problem_ = "a frame whose reserved field is not zero";
  } else {
    frame_ = frame_header_bytes + length;
    return true;
  }
  broken_ = true;
  return false;
}

read_status frame_reader::read_once(int fd, int flags, std::size_t& got, bool& full) {
  std::span<std::byte> room = held_.room(std::min(read_bytes, std::max(first_reserve_bytes, held_.size())));
  got = 0;
  full = false;
  ssize_t count = 0;
  do {
    count = ::recv(fd, room.data(), room.size(), flags);
  } while (count < 0 && errno == EINTR);
  if (count == 0) return read_status::closed;
  if (count < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return read_status::more;
    // The peer closed while bytes from us lay unread with it: that is an ordinary death.
    if (errno == ECONNRESET) return read_status::closed;
    problem_ = std::generic_category().message(errno);
    return read_status::io_error;
  }
  got = static_cast<std::size_t>(count);
  full = got == room.size();
  held_.grew_by(got);
  received_ += got;
  check_header();
  return broken_ ? read_status::protocol_error : read_status::more;
}

read_status frame_reader::fill(int fd) {
  release_last();
  std::size_t total = 0;
  bool full = true;
  // A read that came back short has emptied the socket, so another call would only cost time.
  while (full && total < fill_limit_bytes) {
    if (broken_) return read_status::protocol_error;
    std::size_t got = 0;
    read_status how = read_once(fd, MSG_DONTWAIT, got, full);
    if (how != read_status::more) return how;
    total += got;
  }
  return read_status::more;
}

read_status frame_reader::wait(int fd) {
  release_last();
  while (!broken_) {
    std::size_t got = 0;
    bool full = false;
    read_status how = read_once(fd, 0, got, full);
    if (how != read_status::more || got > 0) return how;
    // The descriptor is non-blocking after all.
    if (!wait_for(fd, POLLIN)) return read_status::io_error;
  }
  return read_status::protocol_error;
}

read_status frame_reader::feed(std::span<const std::byte> bytes) {
  release_last();
  if (broken_) return read_status::protocol_error;
  held_.append(bytes.data(), bytes.size());
  received_ += bytes.size();
  check_header();
  return broken_ ? read_status::protocol_error : read_status::more;
}

std::optional<frame> frame_reader::next() {
  release_last();
  if (!check_header() || held_.size() < frame_) return std::nullopt;
  const std::byte* at = held_.front();
  frame one;
  one.kind = static_cast<frame_kind>(get<std::uint16_t>(at + 8));
  one.flags = get<std::uint16_t>(at + 10);
  one.id = get<std::uint64_t>(at + 16);
  one.payload = {at + frame_header_bytes, frame_ - frame_header_bytes};
  release_ = frame_;
  frame_ = 0;
  return one;
}

bool frame_writer::push(frame_kind kind, std::uint16_t flags, std::uint64_t id, std::span<const std::byte> payload) {
  if (payload.size() > max_frame_bytes) return false;
  std::size_t total = frame_header_bytes + payload.size();
  std::byte* to = queued_.room(total).data();
  write_header(to, kind, flags, id, payload.size());
  if (!payload.empty()) std::memcpy(to + frame_header_bytes, payload.data(), payload.size());
  queued_.grew_by(total);
  return true;
}

frame_writer::status frame_writer::flush(int fd) {
  while (queued_.size() > 0) {
    ssize_t sent = ::send(fd, queued_.front(), queued_.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK ? status::would_block : status::closed;
    }
    queued_.consume(static_cast<std::size_t>(sent));
  }
  queued_.shrink_to(keep_bytes);
  return status::idle;
}

std::optional<frame> read_frame(int fd, frame_reader& reader) {
  while (true) {
    if (auto one = reader.next()) return one;
    if (reader.broken()) return std::nullopt;
    read_status how = reader.wait(fd);
    if (how == read_status::closed || how == read_status::io_error) return std::nullopt;
  }
}

bool write_frame(int fd, frame_kind kind, std::uint16_t flags, std::uint64_t id, std::span<const std::byte> payload) {
  if (payload.size() > max_frame_bytes) {
    errno = EMSGSIZE;
    return false;
  }
  std::byte header[frame_header_bytes];
  write_header(header, kind, flags, id, payload.size());
  std::size_t total = frame_header_bytes + payload.size();
  std::size_t done = 0;
  while (done < total) {
    // sendmsg wants mutable pointers although it only reads.
    iovec parts[2];
    std::size_t count = 0;
    if (done < frame_header_bytes) parts[count++] = {header + done, frame_header_bytes - done};
    std::size_t skip = done > frame_header_bytes ? done - frame_header_bytes : 0;
    if (skip < payload.size()) {
      parts[count++] = {const_cast<std::byte*>(payload.data()) + skip, payload.size() - skip};
    }
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = count;
    ssize_t sent = ::sendmsg(fd, &message, MSG_NOSIGNAL);
    if (sent >= 0) {
      done += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!wait_for(fd, POLLOUT)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace steward::process
