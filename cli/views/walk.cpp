#include "cli/views/walk.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace steward::cli {
namespace {

using entry = std::pair<const std::string, child_view>;
using families = std::unordered_map<std::string_view, std::vector<const entry*>>;

void place(const families& all, const std::vector<const entry*>& siblings, const std::vector<bool>& above,
           std::size_t depth, std::vector<placed_child>& out) {
  for (std::size_t i = 0; i < siblings.size(); ++i) {
    auto more = above;
    if (depth > 0) more.push_back(i + 1 < siblings.size());
    const auto& [path, child] = *siblings[i];
    out.push_back({&path, &child, depth, more});
    if (const auto it = all.find(path); it != all.end()) place(all, it->second, more, depth + 1, out);
  }
}

}  // namespace

std::string placed_child::name() const { return depth == 0 ? *path : path->substr(path->rfind('/') + 1); }

std::vector<placed_child> in_tree_order(const run_view& view) {
  families all;
  std::vector<const entry*> roots;
  for (const auto& one : view.children) {
    const auto& parent = one.second.parent;
    auto& siblings = view.children.contains(parent) ? all[parent] : roots;
    siblings.push_back(&one);
  }
  const auto by_order = [](const entry* a, const entry* b) { return a->second.order < b->second.order; };
  for (auto& [parent, siblings] : all) std::sort(siblings.begin(), siblings.end(), by_order);
  std::sort(roots.begin(), roots.end(), by_order);
  std::vector<placed_child> out;
  out.reserve(view.children.size());
  place(all, roots, {}, 0, out);
  return out;
}

std::string branches_of(const placed_child& x, bool utf8) {
  std::string out;
  for (std::size_t i = 0; i < x.more.size(); ++i) {
    const bool own = i + 1 == x.more.size();
    if (own)
      out += utf8 ? (x.more[i] ? "├─ " : "└─ ") : (x.more[i] ? "|- " : "`- ");
    else
      out += utf8 ? (x.more[i] ? "│  " : "   ") : (x.more[i] ? "|  " : "   ");
  }
  return out;
}

}  // namespace steward::cli
