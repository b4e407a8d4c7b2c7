#include "observe/ladder.hpp"

#include "observe/phrases.hpp"
#include "observe/report_text.hpp"
#include "steward/spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace steward {
namespace {

event_backoff told(const backoff_spec& x) { return {x.min.count(), x.max.count(), x.factor, x.healthy.count()}; }

/// The delays of its restarts; events leave out the usual ones.
event_backoff backoff_of(const run_view& view, const child_view& x) {
  if (x.kind != "worker") return x.backoff ? *x.backoff : told(child_spec{}.backoff);
  const auto* pool = view.find(x.parent);
  return pool != nullptr && pool->worker_backoff ? *pool->worker_backoff : told(pool_spec{}.restarts.worker_backoff);
}

/// The delay behind one of so long, which may have been lengthened by a jitter.
std::int64_t next_delay(const event_backoff& of, std::int64_t after) {
  if (after <= 0) return of.min_ms;
  if (of.factor <= 1.0 || of.min_ms <= 0) return std::min(std::max(after, of.min_ms), of.max_ms);
  const double steps =
      std::floor(std::log(static_cast<double>(after) / static_cast<double>(of.min_ms)) / std::log(of.factor) + 1e-9);
  const double next = static_cast<double>(of.min_ms) * std::pow(of.factor, std::max(steps, 0.0) + 1.0);
  return next < static_cast<double>(of.max_ms) ? std::llround(next) : of.max_ms;
}

std::string time(std::int64_t ms) { return phrases::span(std::chrono::milliseconds{ms}); }

/// "after 200 ms, 400 ms, 800 ms and so on up to 10 s".
std::string delays_text(const event_backoff& of, std::int64_t last, std::uint64_t left) {
  constexpr std::uint64_t most_named = 3;
  std::string out;
  std::uint64_t named = 0;
  for (; named < std::min(left, most_named) && (named == 0 || last < of.max_ms); ++named) {
    last = next_delay(of, last);
    out += (out.empty() ? "after " : ", ") + time(last);
  }
  if (named >= left) return out;
  return last >= of.max_ms ? out + " each" : out + " and so on up to " + time(of.max_ms);
}

std::string when_spent(const child_view& x) {
  if (x.on_spent == "park") return "it is parked: it stays down, its messages wait, and the rest goes on";
  if (x.on_spent == "end") return "it ends for good, what waits for it is lost, and the rest goes on";
  return {};
}

/// The step of who is charged for the crash itself.
std::string own_step(const run_view& view, const child_view& x, const crash_view& crash, std::uint64_t left,
                     const std::string& used) {
  if (left == 0) return fmt::format("it may not be restarted once more (used: {})", used);
  const auto delays = backoff_of(view, x);
  return fmt::format("it may be restarted {} more, {} (used: {}); after {} without a crash the delays begin anew",
                     phrases::counted(left, "time"), delays_text(delays, crash.decision->delay_ms, left), used,
                     time(delays.healthy_ms));
}

}  // namespace

std::vector<std::string> ladder_of(const run_view& view, const crash_view& crash) {
  constexpr std::size_t most_steps = 32;
  std::vector<std::string> out;
  auto path = crash.path;
  const auto* x = view.find(path);
  if (x == nullptr || !crash.decision || crash.decision->period_ms == 0) return out;
  for (std::size_t step = 0; x != nullptr && step < most_steps; ++step) {
    const auto of = phrases::budget_of(view, path, *x);
    if (of.budget == nullptr) break;
    const auto used = of.budget->used(crash.at);
    const auto left = *of.budget->limit > used ? *of.budget->limit - used : 0;
    const auto text = phrases::budget(*of.budget, crash.at);
    if (step == 0)
      out.push_back(own_step(view, *x, crash, left, text));
    else
      out.push_back(fmt::format("{} may be restarted {} more (used: {})", report::actor_text(path),
                                phrases::counted(left, "time"), text));
    if (of.of == path) {
      if (const auto end = when_spent(*x); !end.empty()) {
        out.push_back("then " + end);
        return out;
      }
      path = x->parent;  // its supervisor gives up for it
    } else {
      path = of.of;
    }
    x = view.find(path);
    const bool is_root = x != nullptr && !view.children.contains(x->parent);
    out.push_back(fmt::format("then {} gives up{}", report::actor_text(path),
                              is_root ? ", and the run ends with exit code 4" : ""));
  }
  return out;
}

}  // namespace steward
