#include "cli/soak/page.hpp"

#include <cerrno>
#include <new>
#include <system_error>

#include <sys/mman.h>
#include <unistd.h>

namespace steward::soak {

namespace {

enum token_state : std::uint32_t { free_token, armed_token, being_taken, taken_token };

// A worker that is killed while it writes its entry leaves it incomplete; after so many looks it is passed over.
constexpr unsigned patience_for_entry = 1000;

}  // namespace

page* page::create() {
  void* memory = ::mmap(nullptr, sizeof(page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "no shared memory");
  return new (memory) page;
}

void page::destroy(page* shared) noexcept { ::munmap(shared, sizeof(page)); }

void page::tell(const struck& what) noexcept {
  const auto turn = head_.fetch_add(1, std::memory_order_relaxed);
  auto& s = slots_[turn % slots_.size()];
  s.number.store(what.number, std::memory_order_relaxed);
  s.pid.store(what.pid, std::memory_order_relaxed);
  s.what.store(what.attempt << 8 | static_cast<std::uint32_t>(what.kind), std::memory_order_relaxed);
  s.turn.store(turn + 1, std::memory_order_release);
}

std::optional<struck> page::next() noexcept {
  if (head_.load(std::memory_order_relaxed) == tail_) return std::nullopt;
  const auto& s = slots_[tail_ % slots_.size()];
  if (s.turn.load(std::memory_order_acquire) != tail_ + 1) {
    if (++waited_ < patience_for_entry) return std::nullopt;
    waited_ = 0;
    ++tail_;
    return std::nullopt;
  }
  waited_ = 0;
  ++tail_;
  const auto what = s.what.load(std::memory_order_relaxed);
  return struck{static_cast<fault_kind>(what & 0xff), s.pid.load(std::memory_order_relaxed),
                s.number.load(std::memory_order_relaxed), what >> 8};
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
