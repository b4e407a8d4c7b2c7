#include "supervision/directory.hpp"

#include "steward/partition.hpp"
#include "supervision/cell.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace steward::supervision {

std::size_t directory::by_path::operator()(const caf::actor& cell) const { return cell_of(cell).hash_of_path(); }

bool directory::by_path::operator()(const caf::actor& a, const caf::actor& b) const {
  return a == b || cell_of(a).path() == cell_of(b).path();
}

bool directory::by_path::operator()(std::string_view path, const caf::actor& cell) const {
  return cell_of(cell).path() == path;
}

void directory::put_actor(const caf::actor& handle) {
  std::lock_guard guard{mutex_};
  if (const auto [there, added] = actors_.insert(handle); !added && *there != handle) {
    actors_.erase(there);
    actors_.insert(handle);
  }
  if (!ends_.empty()) ends_.erase(cell_of(handle).path());
}

void directory::put_pool(const std::string& path, std::shared_ptr<steward::pool> handle) {
  std::lock_guard guard{mutex_};
  pools_[path].swap(handle);  // the old one goes after the lock
  ends_.erase(path);
}

void directory::put_program(const std::string& path, int pid) {
  std::lock_guard guard{mutex_};
  if (pid != 0)
    programs_[path] = pid;
  else
    programs_.erase(path);
  ends_.erase(path);
}

void directory::put_partitions(const std::string& path, unsigned count) {
  std::lock_guard guard{mutex_};
  partitions_[path] = count;
}

void directory::put_end(const std::string& path, policy::exit_info how) {
  {
    std::lock_guard guard{mutex_};
    ends_[path] = std::move(how);
  }
  changed_.notify_all();
}

void directory::erase(const std::string& path) {
  // What goes may take its time, a pool to join its thread: not under the lock.
  std::shared_ptr<steward::pool> last;
  decltype(actors_)::node_type actor;
  std::lock_guard guard{mutex_};
  if (const auto it = actors_.find(path); it != actors_.end()) actor = actors_.extract(it);
  if (!programs_.empty()) programs_.erase(path);
  if (pools_.empty()) return;
  if (auto it = pools_.find(path); it != pools_.end()) {
    last = std::move(it->second);
    pools_.erase(it);
  }
}

std::vector<caf::actor> directory::actors_below(const std::string& path) const {
  const auto prefix = path + "/";
  std::vector<caf::actor> out;
  std::lock_guard guard{mutex_};
  out.reserve(actors_.size());
  for (const auto& one : actors_) {
    const auto& where = cell_of(one).address();  // of dynamic children it is the beginning
    if (where.text.starts_with(prefix)) out.push_back(one);
  }
  return out;
}

std::vector<std::pair<std::string, std::shared_ptr<steward::pool>>> directory::pools_below(
    const std::string& path) const {
  const auto prefix = path + "/";
  std::vector<std::pair<std::string, std::shared_ptr<steward::pool>>> out;
  std::lock_guard guard{mutex_};
  for (auto it = pools_.lower_bound(prefix); it != pools_.end() && it->first.starts_with(prefix); ++it)
    out.emplace_back(*it);
  return out;
}

std::vector<std::pair<std::string, int>> directory::programs_below(const std::string& path) const {
  const auto prefix = path + "/";
  std::vector<std::pair<std::string, int>> out;
  std::lock_guard guard{mutex_};
  for (auto it = programs_.lower_bound(prefix); it != programs_.end() && it->first.starts_with(prefix); ++it)
    out.emplace_back(*it);
  return out;
}

void directory::keep(std::shared_ptr<void> x, std::shared_ptr<const std::atomic<bool>> over) {
  decltype(kept_) gone;  // they join threads when they go: not under the lock
  const std::lock_guard guard{kept_mutex_};
  const auto rest = std::partition(kept_.begin(), kept_.end(), [](const auto& one) { return !*one.second; });
  std::move(rest, kept_.end(), std::back_inserter(gone));
  kept_.erase(rest, kept_.end());
  kept_.emplace_back(std::move(x), std::move(over));
}

void directory::clear() {
  decltype(kept_) kept;
  {
    const std::lock_guard guard{kept_mutex_};
    kept.swap(kept_);
  }
  kept.clear();
  std::map<std::string, std::shared_ptr<steward::pool>> pools;
  std::lock_guard guard{mutex_};
  actors_.clear();
  pools.swap(pools_);
  programs_.clear();
}

bool directory::claim(const std::string& root) {
  std::lock_guard guard{mutex_};
  return claimed_.insert(root).second;
}

void directory::release(const std::string& root) {
  std::lock_guard guard{mutex_};
  claimed_.erase(root);
  std::erase_if(partitions_, [&](const auto& x) { return x.first.starts_with(root + "/"); });
}

caf::actor directory::actor(const std::string& path) const {
  std::lock_guard guard{mutex_};
  auto it = actors_.find(path);
  return it == actors_.end() ? caf::actor{} : *it;
}

caf::actor directory::partition(const std::string& path, std::string_view key) const {
  std::lock_guard guard{mutex_};
  auto found = actors_.find(path);
  if (found == actors_.end() && partitions_.contains(path)) found = actors_.find(partition_path_of(path, key));
  return found == actors_.end() ? caf::actor{} : *found;
}

std::string directory::partition_path(const std::string& path, std::string_view key) const {
  std::lock_guard guard{mutex_};
  return partition_path_of(path, key);
}

std::string directory::partition_path_of(const std::string& path, std::string_view key) const {
  const auto parts = partitions_.find(path);
  return parts == partitions_.end() ? path : path + "/" + std::to_string(partition_hash(key) % parts->second);
}

std::string directory::path_near(const std::string& own, const std::string& name) const {
  if (name.starts_with('/')) return name;
  auto base = own.substr(0, own.rfind('/'));
  {
    std::lock_guard guard{mutex_};
    if (partitions_.contains(base)) base.resize(base.rfind('/'));
  }
  return name.empty() ? base : base + "/" + name;
}

std::shared_ptr<steward::pool> directory::pool_at(const std::string& path) const {
  std::lock_guard guard{mutex_};
  auto it = pools_.find(path);
  return it == pools_.end() ? nullptr : it->second;
}

std::vector<std::string> directory::wait_for_ends(const std::vector<std::string>& paths,
                                                  std::chrono::steady_clock::time_point until) const {
  std::unique_lock guard{mutex_};
  auto all_ended = [&] {
    return no_more_waiting_ || std::all_of(paths.begin(), paths.end(), [&](auto& p) { return ends_.contains(p); });
  };
  changed_.wait_until(guard, until, all_ended);
  std::vector<std::string> open;
  for (const auto& path : paths)
    if (!ends_.contains(path)) open.push_back(path);
  return open;
}

std::optional<policy::exit_info> directory::end_of(const std::string& path) const {
  std::lock_guard guard{mutex_};
  auto it = ends_.find(path);
  if (it == ends_.end()) return std::nullopt;
  return it->second;
}

void directory::give_up_waiting() {
  {
    std::lock_guard guard{mutex_};
    no_more_waiting_ = true;
  }
  changed_.notify_all();
}

}  // namespace steward::supervision
