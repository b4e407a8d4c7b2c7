#pragma once

#include <charconv>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>

namespace steward::supervision {

/// The children of a tree, by number and by path. Owns them; references stay good until `erase`. Not thread-safe.
///
/// Children that a supervisor makes from a template have paths that end with their number less the supervisor's block:
/// for those nothing is kept, and `find` computes them. A `Child` has
///   - `id`, its number, and `parent`, null for the root;
///   - `path()`, and `path_text()`, a view of a path of its own that lives as long as it; empty when it is computed;
///   - `block()`, what the numbers of children below it are counted from; 0 when it has none.
template <class Child>
class child_table {
public:
  using number = std::uint64_t;

  /// Takes the path from whoever has it.
  Child& add(std::unique_ptr<Child> x) {
    const auto id = x->id;
    auto& placed = *all_.insert_or_assign(id, std::move(x)).first->second;
    if (const auto text = placed.path_text(); !text.empty()) {
      by_path_.erase(text);  // the key is a view of the former child's text
      by_path_.emplace(text, &placed);
    }
    return placed;
  }

  void erase(Child& x) {
    if (const auto it = by_path_.find(x.path_text()); it != by_path_.end() && it->second == &x) by_path_.erase(it);
    all_.erase(x.id);
  }

  void clear() {
    by_path_.clear();
    all_.clear();
  }

  Child* find(number id) const {
    const auto it = all_.find(id);
    return it == all_.end() ? nullptr : it->second.get();
  }
  Child& at(number id) const { return *all_.at(id); }
  bool contains(number id) const { return all_.contains(id); }

  Child* find(const std::string& path) const {
    if (const auto it = by_path_.find(path); it != by_path_.end()) return it->second;
    const auto cut = path.rfind('/');
    const auto dash = path.rfind('-');
    if (cut == 0 || cut == std::string::npos || dash == std::string::npos || dash < cut) return nullptr;
    const auto* owner = find(path.substr(0, cut));
    if (owner == nullptr || owner->block() == 0) return nullptr;
    number last = 0;
    const auto* const end = path.data() + path.size();
    const auto read = std::from_chars(path.data() + dash + 1, end, last);
    if (read.ec != std::errc{} || read.ptr != end) return nullptr;
    auto* child = find(owner->block() + last);
    return child != nullptr && child->parent == owner && child->path() == path ? child : nullptr;
  }

  template <class F>
  void for_each(F&& f) const {
    for (const auto& [id, x] : all_) f(*x);
  }

private:
  std::unordered_map<number, std::unique_ptr<Child>> all_;
  std::unordered_map<std::string_view, Child*> by_path_;  // views of texts of children that are in `all_`
};

}  // namespace steward::supervision
