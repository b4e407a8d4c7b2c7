#include "process/flight_page.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>
#include <utility>
#include <vector>

#include "process/frame_names.hpp"

namespace steward::process {
namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t mapping_bytes = page_bytes + arena_bytes;

flight_page* map_page(int fd) noexcept {
  void* at = ::mmap(nullptr, mapping_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return at == MAP_FAILED ? nullptr : static_cast<flight_page*>(at);
}

// The worker may have left no NUL at the buffer's end.
template <std::size_t N>
std::string text_of(const char (&buffer)[N]) {
  char copy[N];
  std::memcpy(copy, buffer, N);
  return {copy, ::strnlen(copy, N)};
}

/// Copied: whoever wrote them may still be at it.
std::vector<std::uint64_t> frames_in(const flight_page& page) {
  if (page.said.load(std::memory_order_acquire) < said_frames) return {};
  const auto count = std::min<std::size_t>(page.frame_count, std::size(page.frames));
  return {page.frames, page.frames + count};
}

}  // namespace

flight_recorder::flight_recorder(flight_recorder&& other) noexcept
    : page_{std::exchange(other.page_, nullptr)}, fd_{std::exchange(other.fd_, -1)} {}

flight_recorder& flight_recorder::operator=(flight_recorder&& other) noexcept {
  std::swap(page_, other.page_);
  std::swap(fd_, other.fd_);
  return *this;
}

flight_recorder::~flight_recorder() {
  if (page_ != nullptr) ::munmap(page_, mapping_bytes);
  close_fd();
}

flight_recorder flight_recorder::create() {
  flight_recorder made;
  made.fd_ = ::memfd_create("steward-flight-page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  // The seals: a worker that cut the file short would make the parent die of SIGBUS at its next look.
  if (made.fd_ < 0 || ::ftruncate(made.fd_, mapping_bytes) != 0 ||
      ::fcntl(made.fd_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return {};
  }
  made.page_ = map_page(made.fd_);
  if (made.page_ == nullptr) return {};
  new (made.page_) flight_page;
  return made;
}

flight_recorder flight_recorder::open(int fd) {
  flight_recorder opened;
  opened.page_ = map_page(fd);
  if (opened.page_ != nullptr) opened.fd_ = fd;
  return opened;
}

void flight_recorder::close_fd() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::span<std::byte> flight_recorder::arena() const noexcept {
  return {reinterpret_cast<std::byte*>(page_) + page_bytes, arena_bytes};
}

std::optional<cause> flight_recorder::last_words() const {
  return page_ == nullptr ? std::nullopt : last_words_in(*page_);
}

std::optional<cause> last_words_in(const flight_page& page) {
  std::uint32_t said = page.said.load(std::memory_order_acquire);
  if (said == 0) return std::nullopt;
  cause why;
  why.cls = cause_class::signal;
  why.signal = std::clamp(page.signal, 0, NSIG - 1);
  why.code = page.code;
  if (page.has_address != 0) why.address = page.address;
  if (page.sender_pid > 0) {
    why.sender_pid = page.sender_pid;
    why.sender_uid = page.sender_uid;
  }
  why.exception = text_of(page.exception);
  why.message = text_of(page.message);
  if (page.stack_overflow != 0 && why.message.empty()) why.message = "stack overflow";
  why.frames = frame_names(frames_in(page), page.anchor);
  return why;
}

bool flight_recorder::find_names(std::function<void()> then) const {
  if (page_ == nullptr) return true;
  const auto raw = frames_in(*page_);
  return raw.empty() || find_frame_names(raw, page_->anchor, std::move(then));
}

}  // namespace steward::process
