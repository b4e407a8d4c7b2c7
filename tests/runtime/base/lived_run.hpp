#pragma once

#include "base/crash_id.hpp"
#include "steward/event.hpp"

#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace steward::test {

/// Events of a run that never was: a supervisor of some actors that crash and come back at random.
class lived_run {
public:
  using time_point = std::chrono::system_clock::time_point;

  explicit lived_run(unsigned children, std::uint64_t seed = 1) : random_(seed) {
    add(event_kind::run_start, "").scenario = event_scenario{"lived", "lived.yaml", 1};
    child("/root", "supervisor");
    for (unsigned i = 0; i < children; ++i) {
      paths_.push_back("/root/a" + std::to_string(i));
      child(paths_.back(), "actor");
      add(event_kind::start, paths_.back(), 1);
      add(event_kind::ready, paths_.back(), 1);
      incarnations_.push_back(1);
    }
  }

  /// A crash, the restart after it, and that it is up again.
  lived_run& crash(std::size_t which) {
    auto& incarnation = incarnations_.at(which);
    const auto path = paths_.at(which);
    auto& e = add(event_kind::crash, path, incarnation);
    e.id = crash_id(++crashes_);
    e.fingerprint = "f-" + std::to_string(which);
    e.why.emplace().cls = cause_class::exception;
    e.why->message = "no luck";
    e.decision = event_decision{"restart", "one_for_one", 1, 3, 5'000, 0, {}};
    add(event_kind::restart, path, ++incarnation);
    add(event_kind::recover, path, incarnation).recovery_ms = 2.0;
    return *this;
  }
  lived_run& crash_at_random(std::size_t times) {
    for (; times > 0; --times) crash(random_() % paths_.size());
    return *this;
  }

  event& add(event_kind kind, const std::string& path, std::uint64_t incarnation = 0) {
    event e;
    e.seq = events.size() + 1;
    now_ += std::chrono::microseconds{1 + random_() % 3'000};
    e.ts = now_;
    e.run = "r-1";
    e.kind = kind;
    e.actor = path;
    if (incarnation > 0) e.incarnation = incarnation;
    events.push_back(std::move(e));
    return events.back();
  }

  std::vector<event> events;

private:
  void child(const std::string& path, const std::string& kind) {
    auto& e = add(event_kind::child, path, kind == "supervisor" ? 1 : 0);
    e.child.emplace().kind = kind;
    e.child->state = kind == "supervisor" ? "up" : "idle";
  }

  std::mt19937_64 random_;
  time_point now_{std::chrono::seconds{1'700'000'000}};
  std::vector<std::string> paths_;
  std::vector<std::uint64_t> incarnations_;
  std::uint64_t crashes_ = 0;
};

}  // namespace steward::test
