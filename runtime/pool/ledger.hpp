#pragma once

#include "pool/actions.hpp"
#include "steward/outcome.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace steward::pooling {

/// Of items, since the pool was made.
struct task_counts {
  std::uint64_t submitted = 0;
  std::uint64_t settled = 0;
  std::uint64_t failed = 0;  ///< of the settled ones
  std::uint64_t retried = 0;
  std::uint64_t taken_back = 0;  ///< from a worker that was held up
  std::uint64_t quarantined = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t rejected = 0;
};

/// Names a record in the ledger, and proves that it is still the same one.
struct slip {
  std::uint32_t place = 0;
  task_id id = 0;
};

/// What a pool was given, and what waits of it. Each task or chunk is a record until all of it has its outcome, and
/// each item gets exactly one: the ledger alone gives outcomes, and knows what is open and what waits, in which order.
/// It knows no worker and no time. Not thread-safe.
class ledger {
public:
  /// What a record is made anew of; the rest owns memory, and is let go of by itself.
  struct facts {
    task_id id = 0;  ///< of the first item
    std::uint32_t items = 1;
    std::uint32_t received = 0;  ///< items that have their outcome, harvested or answered
    std::uint32_t answered = 0;  ///< items that the worker has told of
    unsigned attempt = 1;
    bool sent = false;
    bool cancelled = false;  ///< settled; kept until the worker has answered
    bool cut = false;        ///< its worker may answer a part of it, or nothing: more was to be taken back
    bool in_line = false;    ///< it waits for others of its key
  };
  struct record : facts {
    job_ptr task;
    std::vector<attempt_record> history;
  };

  /// Outcomes are added to `news`.
  explicit ledger(std::vector<notice>& news) : news_(news) {}

  /// A record that waits for nothing yet: `enqueue` it, or `settle_rest`.
  slip add(job_ptr task) {
    const auto items = task->items;
    const auto e = add(std::move(task), last_id_ + 1, 1);
    last_id_ += items;
    counts_.submitted += items;
    open_ += items;
    return e;
  }
  const record& operator[](slip e) const { return records_[e.place]; }
  bool is_live(slip e) const { return records_[e.place].id == e.id; }
  /// The record of this job; none when it has its outcome.
  std::optional<slip> find(const job_ptr& task) const;
  /// All records of this map that are open.
  std::vector<slip> find_all(const detail::item_sink* sink) const;

  // What waits.

  void enqueue(slip e);    ///< behind others of its priority
  void put_first(slip e);  ///< before them
  /// Its worker died under it, so it waits for a run alone, behind the first `place` of those that do.
  void suspect(slip e, std::size_t place);
  /// What is left of something that a worker was sent waits again, first in the queue.
  void requeue(slip e);
  /// The next one of the highest priority; what was cancelled meanwhile is skipped.
  std::optional<slip> front();
  /// The next one, of no more items than these: what is left of it goes back.
  slip take_front(std::uint64_t most);
  /// Those that wait for a run alone; cancelled ones count until they are offered.
  std::size_t suspects() const noexcept { return suspects_.size(); }
  /// Offers each of them in order; what `takes` returns true for waits no more.
  template <class Takes>
  void offer_suspects(Takes&& takes) {
    for (auto next = suspects_.begin(); next != suspects_.end();) {
      const auto e = *next;
      if (is_live(e)) {
        if (!takes(e)) {
          ++next;
          continue;
        }
        queued_ -= at(e).items;
      }
      next = suspects_.erase(next);
    }
  }
  std::size_t waiting() const noexcept;  ///< records in the queue, without suspects

  // What has a key and waits elsewhere; the ledger only counts it.

  void set_aside(slip e) { queued_ += at(e).items; }   ///< for one worker
  void take_aside(slip e) { queued_ -= at(e).items; }  ///< no longer for that one
  void line_up(slip e);                                ///< for others of its key
  void leave_line(slip e);
  std::size_t lined_up() const noexcept { return lined_up_; }
  /// Jobs with a key of which no record is left, since the last call.
  std::vector<job_ptr> take_ended() { return std::exchange(ended_, {}); }
  bool any_ended() const noexcept { return !ended_.empty(); }

  /// Everything that waits gets this outcome.
  void settle_queue(outcome_kind kind, const cause& why);

  // Parts.

  /// A new record for items of another one, with its attempt and its history.
  slip split(slip from, std::uint32_t item, std::uint32_t count);
  void note_run(slip e, attempt_record run) { at(e).history.push_back(std::move(run)); }
  /// It has an attempt more.
  void try_again(slip e);
  /// What its worker has not begun waits again, as it is.
  void take_back(slip e);
  /// What is behind these items waits again, in this many parts.
  void take_back(slip e, std::uint32_t behind, std::uint32_t parts);

  // What is heard of them.

  void cut(slip e) { at(e).cut = true; }
  void sent(slip e) { at(e).sent = true; }
  void answered(slip e, std::uint64_t count) { at(e).answered += static_cast<std::uint32_t>(count); }
  /// The next ones have their outcome in another record, or get it by `settle_failed`.
  void pass(slip e, std::uint64_t count) { at(e).received += static_cast<std::uint32_t>(count); }
  /// The next items have these values, which come too late for a cancelled one.
  void settle_values(slip e, std::uint64_t item, std::uint64_t count, bytes results, double ran_ms);
  /// An item that was passed has failed.
  void settle_failed(slip e, std::uint64_t item, task_error error);
  /// It is cancelled. What a worker was sent stays until that has answered, without outcomes to come.
  void cancel(slip e, const cause& why);
  /// The same outcome for each item that has none, which is the end of the record.
  void settle_rest(slip e, outcome_kind kind, work_state work, const cause& why);
  void drop(slip e);

  task_error error_of(slip e, outcome_kind kind, work_state work, cause why, std::uint64_t item) const;

  std::size_t queued() const noexcept { return queued_; }  ///< items that no worker was sent
  std::size_t open() const noexcept { return open_; }      ///< items without an outcome
  const task_counts& counts() const noexcept { return counts_; }

private:
  struct band {
    int priority = 0;
    std::deque<slip> queue;
  };

  record& at(slip e) { return records_[e.place]; }
  const record& at(slip e) const { return records_[e.place]; }
  slip add(job_ptr&& task, task_id id, unsigned attempt);
  void pop_front();
  band& band_of(int priority) {
    return bands_.size() == 1 && bands_.front().priority == priority ? bands_.front() : find_band(priority);
  }
  band& find_band(int priority);
  void settle_error(slip e, outcome_kind kind, work_state work, const cause& why);
  void count(outcome_kind kind);

  std::vector<notice>& news_;
  std::vector<record> records_;
  std::vector<std::uint32_t> free_;
  std::vector<band> bands_;  // highest priority first
  std::deque<slip> suspects_;
  std::vector<job_ptr> ended_;
  std::size_t queued_ = 0;
  std::size_t lined_up_ = 0;
  std::size_t open_ = 0;
  task_id last_id_ = 0;
  task_counts counts_;
};

}  // namespace steward::pooling
