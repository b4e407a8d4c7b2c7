#pragma once

#include "steward/event.hpp"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace steward::test {

/// Events with every key, some or none, and values of all sizes.
class random_events {
public:
  explicit random_events(std::uint64_t seed) : random_(seed) {}

  event next() {
    event e;
    e.seq = number();
    e.ts = std::chrono::system_clock::time_point{
        std::chrono::microseconds{static_cast<std::int64_t>(random_() % 4'000'000'000'000'000ULL)}};
    e.run = text();
    e.level = static_cast<event_level>(pick(4));
    e.kind = static_cast<event_kind>(pick(static_cast<unsigned>(event_kind::child) + 1));
    maybe([&] { e.actor = text(); });
    maybe([&] { e.id = text(); });
    maybe([&] { e.fingerprint = text(); });
    maybe([&] { e.incarnation = number(); });
    maybe([&] { e.pid = whole(); });
    maybe([&] { e.runs_in = text(); });
    maybe([&] { e.why = why(); });
    maybe([&] { e.task = event_task{number(), text(), text(), small(), small(), fraction()}; });
    maybe([&] { e.task_fate = text(); });
    maybe([&] { e.decision = event_decision{text(), text(), small(), small(), wide(), wide(), texts()}; });
    maybe([&] { e.child = child(); });
    maybe([&] { e.scenario = event_scenario{text(), text(), number()}; });
    maybe([&] { e.kept = number(); });
    maybe([&] { e.lost = number(); });
    maybe([&] { e.recovery_ms = fraction(); });
    maybe([&] { e.by = "x" + text(); });
    maybe([&] { e.stream = "x" + text(); });
    maybe([&] { e.rss_peak_kib = number(); });
    maybe([&] { e.code = whole(); });
    maybe([&] { e.text = text(); });
    return e;
  }

private:
  unsigned pick(unsigned n) { return static_cast<unsigned>(random_() % n); }
  void maybe(const std::function<void()>& f) {
    if (pick(2) == 0) f();
  }
  std::uint64_t number() { return random_() >> pick(64); }
  std::int64_t wide() { return static_cast<std::int64_t>(number()) * (pick(2) == 0 ? 1 : -1); }
  int whole() { return static_cast<int>(random_()); }
  unsigned small() { return static_cast<unsigned>(random_()) >> pick(32); }
  double fraction() { return std::ldexp(static_cast<double>(random_() >> 11), static_cast<int>(pick(80)) - 90); }
  std::string text() {
    static const std::string parts[] = {
        "a", "/", "\"", "\\", "\n", "\t", "\x01", "\x7f", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x8e\x89",
        "{", "0", " "};
    std::string out;
    for (auto n = pick(12); n > 0; --n) out += parts[pick(std::size(parts))];
    return out;
  }
  std::vector<std::string> texts() {
    std::vector<std::string> out(pick(4));
    for (auto& x : out) x = text();
    return out;
  }
  cause why() {
    cause out;
    out.cls = static_cast<cause_class>(pick(static_cast<unsigned>(cause_class::protocol) + 1));
    maybe([&] { out.signal = 1 + static_cast<int>(pick(64)); });
    maybe([&] { out.code = whole(); });
    maybe([&] { out.exception = text(); });
    maybe([&] { out.message = text(); });
    maybe([&] { out.address = number(); });
    out.frames = texts();
    out.stderr_tail = texts();
    maybe([&] { out.rss_peak_kib = number(); });
    maybe([&] { out.cpu_ms = number(); });
    maybe([&] { out.sender_pid = whole(); });
    maybe([&] { out.sender_uid = small(); });
    return out;
  }
  event_child child() {
    event_child out;
    for (auto* x : {&out.state, &out.kind, &out.type, &out.restart, &out.strategy, &out.makes, &out.on_spent})
      maybe([&] { *x = text(); });
    for (auto* x : {&out.own_limit, &out.limit, &out.workers, &out.least_workers, &out.most_workers, &out.spares})
      maybe([&] { *x = small(); });
    for (auto* x : {&out.own_period_ms, &out.period_ms}) maybe([&] { *x = wide(); });
    for (auto* x : {&out.submitted, &out.succeeded, &out.failed}) maybe([&] { *x = number(); });
    for (auto* x : {&out.backoff, &out.worker_backoff})
      maybe([&] { *x = event_backoff{wide(), wide(), static_cast<double>(small()) / 4, wide()}; });
    return out;
  }

  std::mt19937_64 random_;
};

}  // namespace steward::test
