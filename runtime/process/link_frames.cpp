#include "process/link_frames.hpp"

#include "process/work_page.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace steward::process {

namespace {

static_assert(std::endian::native == std::endian::little, "a header is read and written as it lies in memory");

constexpr std::size_t read_bytes = std::size_t{64} * 1024;
constexpr std::size_t kept_bytes = std::size_t{256} * 1024;
constexpr std::size_t most_at_once = std::size_t{4} * 1024 * 1024;
constexpr std::size_t reserved_at_once = std::size_t{16} * 1024 * 1024;
// With room for the header and for what was read beside a frame of 16 MiB.
constexpr std::size_t kept_at_most = reserved_at_once + std::size_t{128} * 1024;
// This many frames in a row that fill less than a quarter of a large buffer are the end of it.
constexpr unsigned most_too_large = 64;
// Lazy frames wait for company no longer than this many bytes.
constexpr std::size_t lazy_bytes = 2048;
// Small frames that wait go in one piece.
constexpr std::size_t gathered_bytes = std::size_t{64} * 1024;

struct wire_header {
  std::uint32_t content;
  std::uint8_t kind;
  std::uint8_t zeroes[3];
  std::uint64_t target;
  std::uint64_t sender;
  std::uint64_t number;
};
static_assert(sizeof(wire_header) == link_header_bytes);

/// What the fields of each kind are.
bool well_formed(const link_header& h, std::size_t content) noexcept {
  const bool numbered = h.number >= 1 && h.number <= max_link_number;
  switch (h.kind) {
    case link_kind::hello:
      return h.target == 0 && h.sender == 0 && content == link_node_bytes;
    case link_kind::tell:
      return h.number == 0 && content > 0;
    case link_kind::ask:
      return h.sender != 0 && numbered && content > 0;
    case link_kind::answer:
      return h.target == 0 && h.sender == 0 && numbered && content > 0;
    case link_kind::release:
      return h.target != 0 && h.sender == 0 && numbered && content == 0;
    case link_kind::watch:
      return h.target != 0 && h.sender == 0 && h.number == 0 && content == 0;
    case link_kind::ended:
    case link_kind::exit:
      return h.target != 0 && h.sender == 0 && h.number == 0 && content > 0;
    case link_kind::deliver:
      return h.target >= 1 && h.target <= work_page::slots && h.number == 0 && content > 0;
    case link_kind::deliver_ask:
      return h.target >= 1 && h.target <= work_page::slots && h.sender != 0 && numbered && content > 0;
    case link_kind::settled:
      return h.target == 0 && h.sender == 0 && h.number == 0 && content == 0;
    case link_kind::word:
      return h.target == 0 && h.sender == 0 && h.number == 0 && content > 0;
    case link_kind::guest:
      return h.target != 0 && h.sender == 0 && h.number == 0 && content == 0;
  }
  return false;
}

}  // namespace

void write_link_header(char* at, const link_header& header, std::size_t content) noexcept {
  const wire_header wire{static_cast<std::uint32_t>(content),
                         static_cast<std::uint8_t>(header.kind),
                         {},
                         header.target,
                         header.sender,
                         header.number};
  std::memcpy(at, &wire, sizeof wire);
}

void spare_room::used(std::size_t size, std::size_t capacity) noexcept {
  too_large_ = size >= capacity / 4 ? 0 : too_large_ + 1;
}

bool spare_room::keeps(std::size_t capacity) const noexcept {
  return capacity <= kept_bytes || (capacity <= kept_at_most && too_large_ < most_too_large);
}

std::span<std::byte> link_reader::room() {
  held_.consume(std::exchange(release_, 0));
  if (held_.size() == 0 && !used_.keeps(held_.capacity())) held_.shrink_to(kept_bytes);
  // Room for the rest of a large frame is made at once, up to a size that nobody misses; from then on it doubles.
  const auto missing = wanted_ > held_.size() ? wanted_ - held_.size() : 0;
  const auto count = std::clamp(missing, read_bytes, std::max(reserved_at_once, held_.size()));
  return held_.room(count).first(std::min(count, most_at_once));
}

std::optional<link_frame> link_reader::next() {
  held_.consume(std::exchange(release_, 0));
  if (!problem_.empty() || held_.size() < link_header_bytes) return std::nullopt;
  wire_header wire;
  std::memcpy(&wire, held_.front(), sizeof wire);
  const link_header header{static_cast<link_kind>(wire.kind), wire.target, wire.sender, wire.number};
  if (wanted_ == 0) {
    const bool zero = wire.zeroes[0] == 0 && wire.zeroes[1] == 0 && wire.zeroes[2] == 0;
    if (!check(header, wire.content, zero)) return std::nullopt;
    wanted_ = link_header_bytes + wire.content;
  }
  if (held_.size() < wanted_) return std::nullopt;
  release_ = std::exchange(wanted_, 0);
  used_.used(release_, held_.capacity());
  return link_frame{header, {held_.front() + link_header_bytes, wire.content}};
}

bool link_reader::check(const link_header& header, std::size_t content, bool zeroes) {
  if (content > max_link_bytes)
    problem_ = "a message of " + std::to_string(content) + " bytes; the limit is " + std::to_string(max_link_bytes);
  else if (!zeroes || !well_formed(header, content))
    problem_ = "a frame that makes no sense (kind " + std::to_string(static_cast<unsigned>(header.kind)) + ")";
  else if ((header.kind == link_kind::hello) == greeted_)
    problem_ = greeted_ ? "a second greeting" : "a frame before the greeting";
  else if (header.kind == link_kind::hello && header.number != link_version)
    problem_ = "version " + std::to_string(header.number) + " of the protocol; this is " + std::to_string(link_version);
  greeted_ = true;
  return problem_.empty();
}

std::vector<char> link_outbox::fresh() {
  const std::lock_guard lock(mutex_);
  return std::exchange(spare_, {});
}

bool link_outbox::push(std::vector<char> frame, bool lazy) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  waiting_ += frame.size();
  if (!queue_.empty() && queue_.back().size() + frame.size() <= gathered_bytes)
    queue_.back().insert(queue_.back().end(), frame.begin(), frame.end());
  else
    queue_.push_back(std::move(frame));
  if (blocked_ || (lazy && waiting_ <= lazy_bytes)) return false;
  write();
  return blocked_;
}

void link_outbox::flush() {
  const std::lock_guard lock(mutex_);
  write();
  drained_.notify_all();
}

void link_outbox::write() {
  blocked_ = false;
  while (!queue_.empty()) {
    auto& first = queue_.front();
    const auto count = ::send(fd_, first.data() + written_, first.size() - written_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    // Whatever else is wrong with the socket its loop learns from the reading side.
    blocked_ = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (blocked_) return;
    const auto gone = count < 0 ? first.size() - written_ : static_cast<std::size_t>(count);
    written_ += gone;
    waiting_ -= gone;
    if (written_ < first.size()) continue;
    used_.used(first.size(), first.capacity());
    if (first.capacity() > spare_.capacity()) spare_.swap(first);
    spare_.clear();
    if (!used_.keeps(spare_.capacity())) spare_ = std::vector<char>();
    queue_.pop_front();
    written_ = 0;
  }
}

bool link_outbox::blocked() const {
  const std::lock_guard lock(mutex_);
  return blocked_;
}

std::size_t link_outbox::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

void link_outbox::await_room(std::size_t most) {
  std::unique_lock lock(mutex_);
  drained_.wait(lock, [&] { return closed_ || waiting_ < most; });
}

void link_outbox::drain() {
  constexpr std::chrono::milliseconds look_again{10};
  std::unique_lock lock(mutex_);
  while (!closed_ && waiting_ > 0) {
    if (!blocked_) write();
    if (waiting_ > 0) drained_.wait_for(lock, look_again);
  }
}

void link_outbox::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  blocked_ = false;
  queue_.clear();
  spare_ = std::vector<char>();
  written_ = waiting_ = 0;
  drained_.notify_all();
}

}  // namespace steward::process
