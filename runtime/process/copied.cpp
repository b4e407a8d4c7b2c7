#include "process/copied.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <new>

namespace steward::process {

namespace {

using mark = std::atomic<std::uint32_t>;

std::atomic<pid_t> original_pid{0};

/// In a page that a copy finds empty; null where there is none. It stays until the end of the process.
mark* make_mark() noexcept {
  void* page = ::mmap(nullptr, sizeof(mark), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return nullptr;
  if (::madvise(page, sizeof(mark), MADV_WIPEONFORK) == 0) return new (page) mark(0);
  ::munmap(page, sizeof(mark));
  return nullptr;
}

constinit const mark nothing_known{0};
constinit const mark no_copies_known{1};

}  // namespace

constinit std::atomic<const mark*> detail::sign_of_original{&no_copies_known};

mark* original_mark() noexcept {
  static mark* const only = make_mark();
  return only;
}

void know_copies() noexcept {
  original_pid.store(::getpid());
  auto* own = original_mark();
  if (own != nullptr) own->store(1);
  detail::sign_of_original.store(own != nullptr ? own : &nothing_known);
}

bool is_copy() noexcept {
  const auto original = original_pid.load(std::memory_order_relaxed);
  if (original == 0) return false;
  const auto* own = original_mark();
  return own != nullptr ? own->load(std::memory_order_relaxed) == 0 : ::getpid() != original;
}

void detail::leave_if_copy_indeed() noexcept {
  if (is_copy()) ::_exit(exit_of_a_copy);
}

}  // namespace steward::process
