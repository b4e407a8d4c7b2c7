#pragma once

#include "soak/oracle.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

// Memory that the soak shares with its workers: where they say what they are about to do to themselves, and where a
// worker that starts finds that its start is to go wrong. It survives every death of a worker.
namespace steward::soak {

/// A fault as the one who does it tells it.
struct struck {
  fault_kind kind = fault_kind::none;
  int pid = 0;
  std::uint64_t number = 0;  ///< of the task
  unsigned attempt = 0;
};

/// A fault of a start: waits for the next worker that starts.
struct start_fault {
  std::uint64_t id = 0;
  fault_kind kind = fault_kind::none;
  int pid = 0;
};

class page {
public:
  /// A fresh page, shared by all processes that are forked from this one. Throws std::system_error.
  static page* create();
  static void destroy(page* shared) noexcept;

  // --- in workers
  // -----------------------------------------------------------------------------------------------------
  /// Says what is about to happen, just before it does.
  void tell(const struck& what) noexcept;
  /// The fault that this start is to have, if any.
  fault_kind take_start_fault() noexcept;

  // --- in the soak, on one thread
  // -------------------------------------------------------------------------------------
  std::optional<struck> next() noexcept;
  /// False when too many are waiting.
  bool arm(std::uint64_t id, fault_kind kind) noexcept;
  /// A start fault that a worker has taken.
  std::optional<start_fault> taken() noexcept;
  /// Start faults that nobody has taken yet.
  unsigned armed() const noexcept;

private:
  page() = default;

  struct token {
    std::atomic<std::uint32_t> state{0};  // free, armed, being taken, taken
    std::atomic<std::uint32_t> kind{0};
    std::atomic<std::uint64_t> id{0};
    std::atomic<std::int32_t> pid{0};
  };

  // One word each, so that a worker that is killed leaves a whole entry or none: number << 32 | pid << 10 | attempt <<
  // 4 | kind; 0 is free.
  std::array<std::atomic<std::uint64_t>, 1024> entries_{};
  std::array<token, 32> tokens_;
};

}  // namespace steward::soak
