#pragma once

#include "pool/actions.hpp"
#include "protocol_model.hpp"
#include "steward/detail/item_protocol.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
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

/// One that is copied with the page that it is in.
struct word : std::atomic<std::uint64_t> {
  word() : atomic(0) {}
  word(const word& other) : atomic(other.load()) {}
  ~word() = default;
  word& operator=(const word& other) {
    store(other.load());
    return *this;
  }
  using atomic::operator=;
};

/// The flight page and what is staged beside it, as far as the protocol goes.
struct page {
  std::uint64_t begun = 0, limit = 0, current = 0;
  word item, cut, kept_from, kept;
  std::vector<std::byte> stage;

  detail::staged_size staged() const { return detail::staged_size::unpack(kept.load()); }
  std::vector<std::int64_t> results() const {
    std::vector<std::int64_t> out(staged().count);
    if (!out.empty()) std::memcpy(out.data(), stage.data(), staged().bytes);
    return out;
  }
  void keep(std::int64_t result) {
    auto all = staged();
    stage.resize(std::max<std::size_t>(stage.size(), all.bytes + sizeof result));
    std::memcpy(stage.data() + all.bytes, &result, sizeof result);
    ++all.count;
    all.bytes += sizeof result;
    detail::chunk_marks marks;
    marks.kept = &kept;
    marks.keep(all);
  }
  void forget(std::uint64_t next) { detail::forget_staged(kept_from, kept, next); }
};

/// A worker process. Each step is one access to what it shares, so an item is taken (`chunk_marks::take`) in two: the
/// mark, and the look at the cut.
struct machine {
  enum class at : std::uint8_t {
    waits,
    took,
    announced,
    refused,
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
  std::uint64_t before = 0;  // what it had noted as begun
  bool withdrawn = false;    // by the parent, before it was begun
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
         {static_cast<std::uint64_t>(alive), static_cast<std::uint64_t>(now), shared.begun, shared.limit,
          shared.item.load(), shared.cut.load(), shared.current, shared.kept_from.load(), shared.staged().count,
          in.size(), read.size(), out.size(), hand.id, static_cast<std::uint64_t>(cancelled),
          static_cast<std::uint64_t>(stops), static_cast<std::uint64_t>(withdrawn), received, before, next})
      h.mix(x);
    for (const auto& s : out) {
      h.mix(s.id);
      h.mix(s.item << 20 | s.results.size() << 2 | (s.failed ? 2U : 0U) | (s.done ? 1U : 0U));
    }
  }

private:
  void run_step(mutation wrong, runner& on);
  at after_placed() const;
};

}  // namespace steward::test
