#pragma once

#include "policy/supervisor_machine.hpp"
#include "steward/watch.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace steward::supervision {

end_kind kind_of(policy::exit_class how) noexcept;

/// Who watches: an incarnation of an actor, or, with `actor` 0, somebody outside.
struct watcher {
  std::uint64_t actor = 0;
  std::uint64_t incarnation = 0;
};

/// Who is to be told when a life of which child ends, by path. Each is told once. Used on the host's thread; nothing is
/// kept of children that nobody watches.
class watch_list {
public:
  using teller = std::function<void(const child_end&)>;

  bool empty() const noexcept { return by_path_.empty(); }

  /// `from`: the first incarnation whose end is news. What an earlier incarnation of the same watcher has asked for is
  /// forgotten.
  void add(const std::string& path, const watcher& who, std::uint64_t from, teller tell) {
    auto& all = by_path_[path];
    if (who.actor != 0)
      std::erase_if(all,
                    [&](const entry& x) { return x.who.actor == who.actor && x.who.incarnation != who.incarnation; });
    all.push_back({who, from, std::move(tell)});
  }

  /// The watches that this ends; they are told by the caller, for what they do may change the list.
  std::vector<teller> take(const child_end& what) {
    std::vector<teller> out;
    const auto found = by_path_.find(what.path);
    if (found == by_path_.end()) return out;
    std::vector<entry> later;
    for (auto& x : found->second) {
      if (what.next == after_end::restart && what.incarnation < x.from)
        later.push_back(std::move(x));
      else
        out.push_back(std::move(x.tell));
    }
    found->second = std::move(later);
    if (found->second.empty()) by_path_.erase(found);
    return out;
  }

  void remove(const std::string& path, std::uint64_t actor) {
    const auto found = by_path_.find(path);
    if (found != by_path_.end()) remove(found, actor);
  }
  /// This actor is over.
  void remove(std::uint64_t actor) {
    for (auto at = by_path_.begin(); at != by_path_.end();) at = remove(at, actor);
  }
  void clear() { by_path_.clear(); }

private:
  struct entry {
    watcher who;
    std::uint64_t from = 0;
    teller tell;
  };
  using table = std::map<std::string, std::vector<entry>>;

  table::iterator remove(table::iterator at, std::uint64_t actor) {
    std::erase_if(at->second, [&](const entry& x) { return x.who.actor == actor; });
    return at->second.empty() ? by_path_.erase(at) : std::next(at);
  }

  table by_path_;
};

}  // namespace steward::supervision
