#pragma once

#include "pool/actions.hpp"
#include "pool/ledger.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace steward::pooling {

/// The tasks that have a key: in which order they may go, and to which worker.
///
/// Those of one key stand in a line, and only its first one is out: it waits for a worker, or has one, for as long as
/// it has a record, whatever happens to it meanwhile. So the others need not know of retries, of tasks that are taken
/// back or of workers that die. Where a worker has the key, what is out waits for that worker alone. Not thread-safe.
class key_lines {
public:
  /// The workers of this many keys without a task are remembered.
  static constexpr std::size_t most_idle = 65'536;

  /// A task that waits for the worker that has its key.
  struct due {
    slip task;
    int priority = 0;
  };

  // The lines.

  /// Joins the line of its key. True where it is the first one, and so is out.
  bool join(const std::string& key, slip e);
  /// This one has ended; where it was out, the next live one of its line is out now.
  template <class IsLive>
  std::optional<slip> ended(const std::string& key, task_id id, IsLive&& is_live) {
    const auto found = lines_.find(key);
    if (found == lines_.end() || found->second.out != id) return std::nullopt;
    auto& behind = found->second.behind;
    while (!behind.empty()) {
      const auto next = behind.front();
      behind.pop_front();
      if (!is_live(next)) continue;
      found->second.out = next.id;
      return next;
    }
    found->second.out = 0;
    rest(found->first, found->second);
    return std::nullopt;
  }
  /// All that waits in lines, or for one worker. Nothing is known of any key after that.
  std::vector<slip> take_all();

  // Who has which key.

  /// The worker that ran the last one of it, which may be gone; an incarnation of 0: none.
  worker_ref holder(const std::string& key) const;
  /// The one that is out has gone to this worker, and so does all of its key from now on.
  void give(const std::string& key, worker_ref to);
  /// How many keys it has.
  std::size_t keys_of(worker_ref who) const;

  // What waits for one worker.

  bool any_due() const noexcept { return due_ > 0; }
  /// Behind others of its priority.
  void wait_for(unsigned worker, due one);
  /// Before them.
  void wait_first(unsigned worker, due one);
  /// The highest priority first; null for none.
  const due* next_due(unsigned worker) const;
  void pop_due(unsigned worker);
  std::deque<due> take_due(unsigned worker);

private:
  struct line {
    task_id out = 0;         // 0: none
    std::list<slip> behind;  // costs nothing while it is empty
    worker_ref holder;
    std::list<const std::string*>::iterator idle;  // valid while nothing is out
  };
  struct desk {
    std::uint64_t incarnation = 0;
    std::size_t keys = 0;
    std::deque<due> waits;
  };

  void rest(const std::string& key, line& of);
  void let_go(worker_ref of);
  desk& at(unsigned worker);

  std::unordered_map<std::string, line> lines_;
  std::list<const std::string*> idle_;  // the one that was used last at the end
  std::vector<desk> desks_;             // by the worker's index
  std::size_t due_ = 0;
};

}  // namespace steward::pooling
