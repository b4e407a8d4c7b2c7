#pragma once

#include "policy/supervisor_machine.hpp"
#include "steward/detail/pool_places.hpp"
#include "steward/pool.hpp"
#include "supervision/path_hash.hpp"

#include <caf/actor.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace steward::supervision {

/// What the tree holds at the moment, by path: written by the host, read by anyone. Thread-safe.
class directory final : public detail::pool_finder {
public:
  /// A cell; it has its path.
  void put_actor(const caf::actor& handle);
  void put_pool(const std::string& path, std::shared_ptr<pool> handle);
  /// The process of a program that is up; 0: it is not any more.
  void put_program(const std::string& path, int pid);
  /// The child at this path is a number of children, called 0, 1, ... below it.
  void put_partitions(const std::string& path, unsigned count);
  void put_end(const std::string& path, policy::exit_info how);
  void erase(const std::string& path);
  void clear();
  /// Reserves the name of a tree. False when another tree has it.
  bool claim(const std::string& root);
  void release(const std::string& root);

  /// An invalid handle when there is no such actor.
  caf::actor actor(const std::string& path) const;
  /// The partition at a path that a key leads to; the actor itself when it has none.
  caf::actor partition(const std::string& path, std::string_view key) const;
  /// Where it is, of any kind of child; `path` itself where there are none.
  std::string partition_path(const std::string& path, std::string_view key) const;
  /// What an actor at `own` means by a name: a path as it is, an id that of a sibling, nothing its supervisor.
  /// Partitions of an actor mean what that actor means.
  std::string path_near(const std::string& own, const std::string& name) const;
  std::shared_ptr<steward::pool> pool_at(const std::string& path) const override;
  void keep(std::shared_ptr<void> x, std::shared_ptr<const std::atomic<bool>> over) override;

  /// Waits until every path has ended for good, or until `until`. Tells which have not.
  std::vector<std::string> wait_for_ends(const std::vector<std::string>& paths,
                                         std::chrono::steady_clock::time_point until) const;
  /// The actors below this path, without an order, and the pools there.
  std::vector<caf::actor> actors_below(const std::string& path) const;
  std::vector<std::pair<std::string, std::shared_ptr<steward::pool>>> pools_below(const std::string& path) const;
  std::vector<std::pair<std::string, int>> programs_below(const std::string& path) const;
  /// How a child ended for good, when it has.
  std::optional<policy::exit_info> end_of(const std::string& path) const;
  /// Wakes every waiter, now and from now on.
  void give_up_waiting();

private:
  std::string partition_path_of(const std::string& path, std::string_view key) const;

  /// Finds cells by their paths.
  struct by_path {
    using is_transparent = void;

    // Not noexcept, so that the set keeps the hashes: it costs more to compute one than to keep it.
    std::size_t operator()(std::string_view path) const { return path_hash::of(path); }
    std::size_t operator()(const caf::actor& cell) const;
    bool operator()(const caf::actor& a, const caf::actor& b) const;
    bool operator()(std::string_view path, const caf::actor& cell) const;
    bool operator()(const caf::actor& cell, std::string_view path) const { return (*this)(path, cell); }
  };

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::unordered_set<caf::actor, by_path, by_path> actors_;
  std::map<std::string, std::shared_ptr<steward::pool>> pools_;
  std::map<std::string, int> programs_;
  std::map<std::string, policy::exit_info> ends_;
  std::map<std::string, unsigned> partitions_;  // kept while they restart, as handles are
  std::set<std::string> claimed_;
  bool no_more_waiting_ = false;
  std::mutex kept_mutex_;
  std::vector<std::pair<std::shared_ptr<void>, std::shared_ptr<const std::atomic<bool>>>> kept_;
};

}  // namespace steward::supervision
