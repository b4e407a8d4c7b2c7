#include "observe/run_view.hpp"

#include <optional>

namespace steward {
namespace {

/// What a rate is made of: messages handled, or tasks that ended.
std::optional<std::uint64_t> done(const sample& x) {
  if (x.handled) return x.handled;
  if (x.succeeded || x.failed) return x.succeeded.value_or(0) + x.failed.value_or(0);
  return std::nullopt;
}

std::optional<double> rate(const sample& before, const sample& now) {
  const auto a = done(before);
  const auto b = done(now);
  const std::chrono::duration<double> passed = now.at - before.at;
  if (!a || !b || *b < *a || passed.count() <= 0.0) return std::nullopt;
  return static_cast<double>(*b - *a) / passed.count();
}

void take(std::optional<figures_view>& into, const sample& x) {
  if (into && x.at < into->last.at) return;
  const auto per_second = into ? rate(into->last, x) : std::nullopt;
  into = figures_view{x, per_second};
}

}  // namespace

void fold(run_view& view, const sample& x) {
  if (x.path.empty()) return take(view.figures, x);
  const auto it = view.children.find(x.path);
  if (it != view.children.end()) take(it->second.figures, x);
}

}  // namespace steward
