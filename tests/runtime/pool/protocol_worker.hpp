#pragma once

#include "pool/actions.hpp"
#include "protocol_model.hpp"

#include <cstdint>
#include <deque>
#include <vector>

/// The worker of the model of the protocol.
namespace steward::test {

using namespace steward::pooling;

struct hash {
  std::uint64_t at = 0x9e3779b97f4a7c15ULL;
  void mix(std::uint64_t x) {
    at ^= x + 0x9e3779b97f4a7c15ULL + (at << 6) + (at >> 2);
    at *= 0xbf58476d1ce4e5b9ULL;
    at ^= at >> 29;
  }
};

struct frame {
  task_id id = 0;
  std::uint64_t number = 0;
  bool chunk = false;
  std::vector<std::int64_t> inputs;
};

struct said {
  task_id id = 0;
  std::uint64_t item = 0;
  std::vector<std::int64_t> results;
  bool failed = false;
  bool done = false;
  bool ready = false;
};

/// The flight page, as far as the protocol goes.
struct page {
  std::uint64_t begun = 0, limit = 0, item = 0, cut = 0, current = 0, kept_from = 0;
  std::vector<std::int64_t> kept;
};

/// A worker process. Each step is one access to what it shares.
struct machine {
  enum class at : std::uint8_t {
    waits,
    took,
    announced,
    allowed,
    placed,
    begins,
    marked,
    ran,
    throws,
    threw,
    failed,
    answers,
    forgets
  };
  /// Who keeps the account of what is run.
  class runner {
  public:
    runner() = default;
    runner(const runner&) = delete;
    runner& operator=(const runner&) = delete;
    virtual ~runner() = default;
    /// False when the input throws.
    virtual bool runs(std::int64_t input) = 0;
  };

  worker_ref ref;
  bool alive = false;
  at now = at::waits;
  page shared;
  std::deque<frame> in;    // in the channel
  std::deque<frame> read;  // out of it
  std::deque<said> out;
  frame hand;
  bool cancelled = false;
  bool stops = false;  // it has seen the cut
  std::uint64_t received = 0;
  bool threw = false;
  std::uint64_t next = 0;
  // The driver's.
  std::uint64_t assigned = 0;
  std::uint64_t answered = 0;
  bool limited = false;

  bool can_step() const;
  void step(mutation wrong, runner& on);
  void mix(hash& h) const {
    for (const auto x :
         {static_cast<std::uint64_t>(alive), static_cast<std::uint64_t>(now), shared.begun, shared.limit, shared.item,
          shared.cut, shared.current, shared.kept_from, shared.kept.size(), in.size(), read.size(), out.size(), hand.id,
          static_cast<std::uint64_t>(cancelled), static_cast<std::uint64_t>(stops), received, next})
      h.mix(x);
    for (const auto& s : out) {
      h.mix(s.id);
      h.mix(s.item << 20 | s.results.size() << 2 | (s.failed ? 2U : 0U) | (s.done ? 1U : 0U));
    }
  }

private:
  void run_step(mutation wrong, runner& on);
  bool may_not() const;
  at after_placed() const;
};

}  // namespace steward::test
