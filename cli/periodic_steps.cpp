#include "cli/periodic_steps.hpp"

#include "cli/beat.hpp"
#include "process/room.hpp"
#include "steward/spec.hpp"

#include <string>
#include <system_error>
#include <utility>

namespace steward::cli {

using clock = std::chrono::steady_clock;

periodic_steps::periodic_steps(const std::vector<config::step>& all, event_log& events, performer perform)
    : events_(events), perform_(std::move(perform)) {
  const auto from = clock::now();
  const process::signals_blocked quiet;
  try {
    for (const auto& one : all)
      if (one.every.count() > 0) threads_.emplace_back([this, &one, from] { serve(one, from); });
  } catch (const std::system_error&) {
    end();
    throw;
  }
}

periodic_steps::~periodic_steps() { end(); }

void periodic_steps::end() {
  {
    const std::lock_guard guard{mutex_};
    over_ = true;
  }
  changed_.notify_all();
  for (auto& one : threads_) one.join();
}

void periodic_steps::serve(const config::step& what, clock::time_point from) {
  beat when{what.every, from};
  std::uint64_t runs = 0;
  std::uint64_t failed = 0;
  std::uint64_t left_out = 0;
  std::unique_lock lock{mutex_};
  while (!changed_.wait_until(lock, when.due(), [this] { return over_; })) {
    lock.unlock();
    ++runs;
    if (perform_(what) > 0)
      warn("the step at " + what.where + " has failed, " + std::to_string(++failed) + " of " + std::to_string(runs) +
           " times so far");
    const auto missed = when.ended(clock::now());
    if (missed > 0 && left_out == 0)
      warn("the step at " + what.where + " takes longer than its " + render_duration(what.every) +
           ": what is due meanwhile is left out, which is told once");
    left_out += missed;
    lock.lock();
  }
}

void periodic_steps::warn(const std::string& text) {
  event e;
  e.kind = event_kind::warn;
  e.level = event_level::warn;
  e.actor = "/root";
  e.text = text;
  events_.emit(std::move(e));
}

}  // namespace steward::cli
