#include "soak/page.hpp"

#include <cerrno>
#include <new>
#include <system_error>

#include <sys/mman.h>
#include <unistd.h>

namespace steward::soak {

namespace {

enum token_state : std::uint32_t { free_token, armed_token, being_taken, taken_token };

}  // namespace

page* page::create() {
  void* memory = ::mmap(nullptr, sizeof(page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "no shared memory");
  return new (memory) page;
}

void page::destroy(page* shared) noexcept { ::munmap(shared, sizeof(page)); }

void page::tell(const struck& what) noexcept {
  const auto entry = what.number << 32 | static_cast<std::uint64_t>(what.pid) << 10 |
                     static_cast<std::uint64_t>(what.attempt) << 4 | static_cast<std::uint64_t>(what.kind);
  // The reader empties them each millisecond, so one is free soon.
  for (std::size_t i = static_cast<std::size_t>(what.pid);; ++i) {
    std::uint64_t expected = 0;
    if (entries_[i % entries_.size()].compare_exchange_strong(expected, entry, std::memory_order_release)) return;
  }
}

std::optional<struck> page::next() noexcept {
  for (auto& e : entries_) {
    if (e.load(std::memory_order_relaxed) == 0) continue;
    const auto entry = e.exchange(0, std::memory_order_acquire);
    return struck{static_cast<fault_kind>(entry & 0xf), static_cast<int>(entry >> 10 & 0x3fffff), entry >> 32,
                  static_cast<unsigned>(entry >> 4 & 0x3f)};
  }
  return std::nullopt;
}

fault_kind page::take_start_fault() noexcept {
  for (auto& t : tokens_) {
    std::uint32_t expected = armed_token;
    if (!t.state.compare_exchange_strong(expected, being_taken)) continue;
    const auto kind = static_cast<fault_kind>(t.kind.load());
    t.pid.store(::getpid());
    t.state.store(taken_token, std::memory_order_release);
    return kind;
  }
  return fault_kind::none;
}

bool page::arm(std::uint64_t id, fault_kind kind) noexcept {
  for (auto& t : tokens_) {
    if (t.state.load(std::memory_order_acquire) != free_token) continue;
    t.id.store(id);
    t.kind.store(static_cast<std::uint32_t>(kind));
    t.state.store(armed_token, std::memory_order_release);
    return true;
  }
  return false;
}

std::optional<start_fault> page::taken() noexcept {
  for (auto& t : tokens_) {
    if (t.state.load(std::memory_order_acquire) != taken_token) continue;
    start_fault out{t.id.load(), static_cast<fault_kind>(t.kind.load()), t.pid.load()};
    t.state.store(free_token, std::memory_order_release);
    return out;
  }
  return std::nullopt;
}

unsigned page::armed() const noexcept {
  unsigned count = 0;
  for (const auto& t : tokens_) count += t.state.load(std::memory_order_acquire) != free_token ? 1U : 0U;
  return count;
}

}  // namespace steward::soak
