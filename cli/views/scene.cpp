#include "cli/views/scene.hpp"

#include "observe/phrases.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace steward::cli {
namespace {

ink ink_of(view_status x) {
  switch (x) {
    case view_status::up:
      return ink::good;
    case view_status::restarting:
    case view_status::starting:
    case view_status::stopping:
      return ink::odd;
    case view_status::parked:
    case view_status::gave_up:
      return ink::bad;
    case view_status::idle:
    case view_status::stopped:
    case view_status::ended:
      return ink::dim;
  }
  return ink::plain;
}

bool is_gone(const child_view& x) { return x.kind == "worker" && is_down(x.status); }

/// How a child has crashed of late.
struct streak {
  std::size_t crashes = 0;  ///< the latest ones, each with no shorter delay than the one before
  std::int64_t delay_ms = 0;
  bool grew = false;
};

void note(streak& of, std::int64_t delay_ms) {
  const bool goes_on = of.crashes > 0 && delay_ms > 0 && delay_ms * 2 > of.delay_ms;  // a jitter is less than half
  if (!goes_on) of = {};
  of.grew = of.grew || (of.crashes > 0 && delay_ms > of.delay_ms);
  of.delay_ms = delay_ms;
  ++of.crashes;
}

}  // namespace

const char* to_string(run_state x) noexcept {
  switch (x) {
    case run_state::live:
      return "live";
    case run_state::over:
      return "over";
    case run_state::lost:
      return "lost";
    case run_state::past:
      return "past";
  }
  return "unknown";
}

run_state state_of(const run_view& view, bool live) noexcept {
  if (view.ended) return run_state::over;
  return live ? run_state::live : run_state::lost;
}

std::set<std::string, std::less<>> flapping_children(const run_view& view, run_view::time_point now) {
  std::map<std::string_view, streak> all;
  for (const auto& one : view.crashes) {
    const bool again = one.decision && (one.decision->action == "restart" || one.decision->action == "retry");
    if (again) note(all[one.path], one.decision->delay_ms);
  }
  std::set<std::string, std::less<>> out;
  for (const auto& [path, of] : all) {
    const auto* x = view.find(path);
    if (x == nullptr || is_down(x->status) || of.crashes < flapping_crashes || !of.grew) continue;
    const auto rest = std::max<std::chrono::milliseconds>(std::chrono::milliseconds{2 * of.delay_ms}, flapping_rest);
    if (!x->up_since || now - *x->up_since < rest) out.emplace(path);
  }
  return out;
}

scene::scene(const run_view& of, time_point at, run_state how)
    : view(of), now(at), state(how), flapping_(flapping_children(of, at)) {}

cell scene::status(std::string_view path, const child_view& x) const {
  std::string text = to_string(x.status);
  std::replace(text.begin(), text.end(), '_', ' ');
  if (state == run_state::lost && !is_down(x.status)) return {"was " + text, ink::odd};
  if (x.due && *x.due > now) text += ", in " + phrases::span(*x.due - now);
  if (flaps(path) && state != run_state::over) return {text + ", flapping", ink::bad};
  return {std::move(text), ink_of(x.status)};
}

std::vector<placed_child> scene::children() const {
  auto out = in_tree_order(view);
  if (all) return out;
  std::erase_if(out, [](const placed_child& one) { return is_gone(*one.child); });
  return out;
}

std::size_t scene::left_out() const {
  if (all) return 0;
  return static_cast<std::size_t>(
      std::count_if(view.children.begin(), view.children.end(), [](const auto& one) { return is_gone(one.second); }));
}

}  // namespace steward::cli
