#pragma once

#include <caf/actor.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace steward::supervision {

/// Actors that no child has any more: they were told to leave, and are awaited at the end of the tree; or they were
/// abandoned, since their handlers hang, and nobody waits. Named by their actor ids. Not thread-safe.
class leaving_cells {
public:
  struct entry {
    std::string path;
    caf::actor cell;
    bool abandoned = false;
  };

  void add(entry x) {
    const auto id = x.cell.id();
    const bool waited_for = !x.abandoned;
    if (all_.emplace(id, std::move(x)).second && waited_for) ++awaited_;
  }
  /// The actor has left.
  std::optional<entry> take(std::uint64_t id) {
    const auto it = all_.find(id);
    if (it == all_.end()) return std::nullopt;
    std::optional<entry> out{std::move(it->second)};
    if (!out->abandoned) --awaited_;
    all_.erase(it);
    return out;
  }
  /// Nobody waits for any of them any more; `f(path)` is called for each that was still awaited.
  template <class F>
  void abandon_all(F&& f) {
    awaited_ = 0;
    for (auto& [id, x] : all_)
      if (!std::exchange(x.abandoned, true)) f(x.path);
  }
  void clear() {
    all_.clear();
    awaited_ = 0;
  }

  std::size_t awaited() const noexcept { return awaited_; }
  std::size_t abandoned() const noexcept { return all_.size() - awaited_; }

private:
  std::unordered_map<std::uint64_t, entry> all_;
  std::size_t awaited_ = 0;
};

}  // namespace steward::supervision
