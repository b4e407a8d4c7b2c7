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

#include "process/passed_fds.hpp"

namespace steward::process {
namespace {

constexpr std::size_t first_reserve_bytes = std::size_t{16} * 1024;
constexpr std::size_t keep_bytes = std::size_t{1024} * 1024;
constexpr std::size_t read_bytes = std::size_t{64} * 1024;
constexpr std::uint32_t body_inline = 0;
constexpr std::uint32_t body_in_file = 1;

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

void write_header(std::byte* to, frame_kind kind, std::uint16_t flags, std::uint64_t id, std::size_t length,
                  std::uint32_t body) noexcept {
  put(to, frame_magic);
  put(to, static_cast<std::uint32_t>(length));
  put(to, static_cast<std::uint16_t>(kind));
  put(to, flags);
  put(to, body);
  put(to, id);
}

bool known_kind(std::uint16_t kind) noexcept {
  return kind >= static_cast<std::uint16_t>(frame_kind::ready) && kind <= static_cast<std::uint16_t>(frame_kind::stop);
}

bool wait_for(int fd, short what) noexcept {
  pollfd one{fd, what, 0};
  int ready = 0;
  do {
    ready = ::poll(&one, 1, -1);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

// One descriptor along with the bytes; none when it is negative.
ssize_t send_with(int fd, iovec* parts, std::size_t count, int file) noexcept {
  passed_fds<1> files;
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = count;
  if (file >= 0) files.attach(message, {&file, 1});
  return ::sendmsg(fd, &message, MSG_NOSIGNAL);
}

// A file for a payload that is to travel in one. False when it can travel in no way; -1 in `file`: through the socket.
bool choose_body(std::span<const std::byte> payload, int& file) noexcept {
  file = -1;
  if (payload.size() <= inline_frame_bytes) return true;
  if (payload.size() > max_frame_bytes) {
    errno = EMSGSIZE;
    return false;
  }
  file = make_payload_file(payload);
  return file >= 0 || payload.size() <= max_inline_bytes;
}

bool socket_is_full(int error) noexcept {
  // The last: the kernel allows only so many descriptors on their way.
  return error == EAGAIN || error == EWOULDBLOCK || error == ETOOMANYREFS;
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
  mapped_.unmap();
  if (release_ == 0) return;
  held_.consume(release_);
  release_ = 0;
  held_.shrink_to(keep_bytes);
}

read_status frame_reader::fail(std::string problem) {
  broken_ = true;
  problem_ = std::move(problem);
  return read_status::protocol_error;
}

// Asked before a read, when all complete frames have been yielded.
read_status frame_reader::check_files() {
  if (files_.size() < max_held_files) return read_status::more;
  return fail(fmt::format("{} descriptors ahead of their frames", files_.size()));
}

// Where the payload is, and whether that is sound. A file came with the first byte of the header at the latest.
bool frame_reader::check_body(std::size_t length, std::uint32_t body) {
  file_bytes_ = 0;
  std::size_t limit = body == body_in_file ? max_payload_ : std::min(max_payload_, max_inline_bytes);
  if (body != body_inline && body != body_in_file) {
    fail("a frame whose reserved field is not zero");
  } else if (length > limit) {
    fail(fmt::format("a frame of {} bytes, more than the limit of {}", length, limit));
  } else if (body == body_in_file && (files_.empty() || length == 0)) {
    fail("a frame whose payload should be in a file, without one");
  } else if (body == body_in_file) {
    file_bytes_ = length;
  }
  return !broken_;
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
    fail(fmt::format("byte 0x{:02x} where a frame should begin", std::to_integer<unsigned>(at[i])));
    return false;
  }
  if (have < frame_header_bytes) return false;
  auto length = get<std::uint32_t>(at + 4);
  auto kind = get<std::uint16_t>(at + 8);
  if (!known_kind(kind)) {
    fail(fmt::format("a frame of unknown kind {}", kind));
    return false;
  }
  if (!check_body(length, get<std::uint32_t>(at + 12))) return false;
  frame_ = frame_header_bytes + (file_bytes_ == 0 ? length : 0);
  return true;
}

ssize_t frame_reader::receive(int fd, std::span<std::byte> room, int flags, bool& got_file) {
  passed_fds<1> control;
  iovec part{room.data(), room.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  control.make_room(message);
  ssize_t count = 0;
  do {
    count = ::recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  got_file = false;
  if (count < 0 || (message.msg_controllen == 0 && (message.msg_flags & MSG_CTRUNC) == 0)) return count;
  for_each_passed_fd(message, [&](int file) {
    files_.push(file);
    got_file = true;
  });
  if ((message.msg_flags & MSG_CTRUNC) == 0) return count;
  if (got_file) {
    fail("a descriptor was lost: too many at once, or none left here");
  } else {
    files_.push(-1);  // no number was left for it
    got_file = true;
  }
  return count;
}

read_status frame_reader::read_once(int fd, int flags, std::size_t& got, bool& full) {
  std::span<std::byte> room = held_.room(std::min(read_bytes, std::max(first_reserve_bytes, held_.size())));
  got = 0;
  full = false;
  bool got_file = false;
  ssize_t count = receive(fd, room, flags, got_file);
  if (count == 0) return read_status::closed;
  if (count < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return read_status::more;
    // The peer closed while bytes from us lay unread with it: that is an ordinary death.
    if (errno == ECONNRESET) return read_status::closed;
    problem_ = std::generic_category().message(errno);
    return read_status::io_error;
  }
  got = static_cast<std::size_t>(count);
  // A read also ends after bytes that came with a descriptor.
  full = got == room.size() || got_file;
  held_.grew_by(got);
  received_ += got;
  check_header();
  return broken_ ? read_status::protocol_error : read_status::more;
}

read_status frame_reader::fill(int fd) {
  release_last();
  if (!broken_ && check_files() != read_status::more) return read_status::protocol_error;
  std::size_t total = 0;
  bool full = true;
  // A read that came back short has emptied the socket, so another call would only cost time.
  while (full && total < fill_limit_bytes && files_.size() < max_held_files) {
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
  while (!broken_ && check_files() == read_status::more) {
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

std::uint64_t frame_reader::arriving() noexcept {
  if (frame_ == 0 || held_.size() < frame_header_bytes) return 0;
  return get<std::uint64_t>(held_.front() + 16);
}

std::optional<frame> frame_reader::next() {
  release_last();
  if (!check_header() || held_.size() < frame_) {
    if (!broken_ && held_.size() == 0 && !files_.empty()) fail("a descriptor that belongs to no frame");
    return std::nullopt;
  }
  const std::byte* at = held_.front();
  frame one;
  one.kind = static_cast<frame_kind>(get<std::uint16_t>(at + 8));
  one.flags = get<std::uint16_t>(at + 10);
  one.id = get<std::uint64_t>(at + 16);
  one.payload = {at + frame_header_bytes, frame_ - frame_header_bytes};
  if (file_bytes_ != 0) {
    int file = files_.pop();
    std::string problem;
    bool mapped = file >= 0 && mapped_.map(file, file_bytes_, problem);
    if (!mapped) one.error = file >= 0 ? errno : EMFILE;
    ssize_t got = 0;
    if (file >= 0 && !mapped) got = ::pread(file, head_.data(), std::min(head_.size(), file_bytes_), 0);
    if (file >= 0) ::close(file);
    if (!problem.empty()) {
      fail(std::move(problem));
      return std::nullopt;
    }
    one.payload = mapped ? mapped_.bytes()
                         : std::span<const std::byte>(head_.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  }
  release_ = frame_;
  frame_ = 0;
  return one;
}

bool frame_writer::push(frame_kind kind, std::uint16_t flags, std::uint64_t id, std::span<const std::byte> payload) {
  int file = -1;
  if (!choose_body(payload, file)) return false;
  if (file >= 0) {
    places_.push_back({sent_ + queued_.size()});
    files_.push(file);
  }
  std::size_t inline_bytes = file >= 0 ? 0 : payload.size();
  std::byte* to = queued_.room(frame_header_bytes + inline_bytes).data();
  write_header(to, kind, flags, id, payload.size(), file >= 0 ? body_in_file : body_inline);
  if (inline_bytes != 0) std::memcpy(to + frame_header_bytes, payload.data(), inline_bytes);
  queued_.grew_by(frame_header_bytes + inline_bytes);
  return true;
}

frame_writer::status frame_writer::flush(int fd) {
  while (queued_.size() > 0) {
    // Up to the next header with a file, or from that one to the next.
    bool with_file = !places_.empty() && places_.front().at == sent_;
    std::size_t next = with_file ? 1 : 0;
    std::size_t count = next < places_.size() ? static_cast<std::size_t>(places_[next].at - sent_) : queued_.size();
    iovec part{queued_.front(), count};
    ssize_t sent =
        with_file ? send_with(fd, &part, 1, files_.front()) : ::send(fd, queued_.front(), count, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return socket_is_full(errno) ? status::would_block : status::closed;
    }
    if (with_file) {
      ::close(files_.pop());
      places_.erase(places_.begin());
    }
    queued_.consume(static_cast<std::size_t>(sent));
    sent_ += static_cast<std::uint64_t>(sent);
  }
  queued_.shrink_to(keep_bytes);
  return status::idle;
}

bool write_frame(int fd, frame_kind kind, std::uint16_t flags, std::uint64_t id, std::span<const std::byte> payload) {
  int file = -1;
  if (!choose_body(payload, file)) return false;
  std::byte header[frame_header_bytes];
  write_header(header, kind, flags, id, payload.size(), file >= 0 ? body_in_file : body_inline);
  if (file >= 0) payload = {};
  std::size_t total = frame_header_bytes + payload.size();
  std::size_t done = 0;
  bool sound = true;
  while (sound && done < total) {
    // sendmsg wants mutable pointers although it only reads.
    iovec parts[2];
    std::size_t count = 0;
    if (done < frame_header_bytes) parts[count++] = {header + done, frame_header_bytes - done};
    std::size_t skip = done > frame_header_bytes ? done - frame_header_bytes : 0;
    if (skip < payload.size()) {
      parts[count++] = {const_cast<std::byte*>(payload.data()) + skip, payload.size() - skip};
    }
    // The file goes with the first byte.
    ssize_t sent = send_with(fd, parts, count, done == 0 ? file : -1);
    if (sent >= 0) {
      done += static_cast<std::size_t>(sent);
    } else if (socket_is_full(errno)) {
      sound = wait_for(fd, POLLOUT);
    } else if (errno != EINTR) {
      sound = false;
    }
  }
  if (file >= 0) ::close(file);
  return sound;
}

}  // namespace steward::process
