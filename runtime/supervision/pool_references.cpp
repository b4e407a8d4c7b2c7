#include "supervision/pool_references.hpp"

#include <map>
#include <memory>
#include <set>
#include <utility>
#include <variant>

namespace steward::supervision {

namespace {

using nested_spec = std::shared_ptr<supervisor_spec>;

class walk {
public:
  walk(const actor_registry& actors, const path_lookup& running, std::vector<spec_fault>& faults)
      : actors_(actors), running_(running), faults_(faults) {}

  void note(const child_spec& x, const std::string& base) {
    const auto path = base + "/" + x.id;
    if (x.partitions == 0) {
      note_at(x, path);
      return;
    }
    kinds_[path] = found_there::other;
    for (unsigned i = 0; i < x.partitions; ++i) note_at(x, partition_of(path, i));
  }

  /// In start order. Of a child with partitions the first is checked for all. `base`: of the supervisor when it runs;
  /// `place`: in the specs.
  void check(const child_spec& x, const std::string& base, const std::string& place) {
    const auto path = base + "/" + x.id;
    const auto own_place = place + "/" + x.id;
    if (const auto* as_actor = std::get_if<actor_spec>(&x.what)) check(*as_actor, own_place, base);
    if (x.partitions == 0) start_at(x, path, own_place);
    const bool checks = checks_;
    for (unsigned i = 0; i < x.partitions; ++i) {
      start_at(x, partition_of(path, i), own_place);
      checks_ = false;
    }
    checks_ = checks;
  }

private:
  static std::string partition_of(const std::string& path, unsigned i) { return path + "/" + std::to_string(i); }

  void note_at(const child_spec& x, const std::string& path) {
    kinds_[path] = std::holds_alternative<pool_spec>(x.what) ? found_there::pool : found_there::other;
    if (const auto* nested = std::get_if<nested_spec>(&x.what))
      for (const auto& below : (*nested)->children) note(below, path);
  }

  void start_at(const child_spec& x, const std::string& path, const std::string& place) {
    if (std::holds_alternative<pool_spec>(x.what)) started_.insert(path);
    if (const auto* nested = std::get_if<nested_spec>(&x.what))
      for (const auto& below : (*nested)->children) check(below, path, place);
  }

  void check(const actor_spec& x, const std::string& path, const std::string& base) {
    const auto* entry = entry_of(x, actors_);
    if (entry == nullptr || !checks_) return;
    for (const auto& param : entry->params) {
      if (param.type != param_type::pool) continue;
      const auto given = x.params.find(param.name);
      const auto* value = given != x.params.end() ? &given->second : (param.fallback ? &*param.fallback : nullptr);
      const auto* name = value != nullptr ? std::get_if<std::string>(&value->value) : nullptr;
      if (name == nullptr) continue;  // others tell of that
      const auto there = name->starts_with('/') ? *name : base + "/" + *name;
      if (auto wrong = wrong_with(there); !wrong.empty())
        faults_.push_back({path, param.name, std::move(wrong), expected()});
    }
  }

  std::string wrong_with(const std::string& pool) const {
    if (started_.contains(pool)) return {};
    const auto in_tree = kinds_.find(pool);
    const auto what = in_tree != kinds_.end() ? in_tree->second : running_(pool);
    if (what == found_there::other) return "what is at '" + pool + "' is no pool";
    if (what == found_there::nothing) return "there is no pool at '" + pool + "'";
    return in_tree == kinds_.end() ? std::string{} : "the pool at '" + pool + "' starts after this actor";
  }

  std::string expected() const {
    std::string out = "a pool that starts before it";
    for (const auto& one : started_) out += (&one == &*started_.begin() ? ": " : ", ") + one;
    return out;
  }

  const actor_registry& actors_;
  const path_lookup& running_;
  std::vector<spec_fault>& faults_;
  std::map<std::string, found_there> kinds_;
  std::set<std::string> started_;  // pools
  bool checks_ = true;             // false in partitions that are like one before
};

}  // namespace

void check_pools(const actor_registry& actors, const supervisor_spec& tree, const std::string& path,
                 const path_lookup& running, std::vector<spec_fault>& faults) {
  walk all{actors, running, faults};
  for (const auto& x : tree.children) all.note(x, path);
  for (const auto& x : tree.children) all.check(x, path, path);
}

void check_pools(const actor_registry& actors, const child_spec& child, const std::string& base,
                 const path_lookup& running, std::vector<spec_fault>& faults) {
  walk all{actors, running, faults};
  all.note(child, base);
  all.check(child, base, base);
}

}  // namespace steward::supervision
