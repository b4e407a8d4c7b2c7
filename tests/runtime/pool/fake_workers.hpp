#pragma once

#include "pool/engine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <random>
#include <utility>
#include <variant>
#include <vector>

namespace steward::test {

using namespace steward::pooling;

/// What every make-believe worker has.
struct fake_worker {
  worker_ref ref;
  bool alive = false;
  bool ready = false;
  bool asked_to_stop = false;
  bool terminated = false;  // of processes only
  bool killed = false;
  std::deque<act::assign> todo;
  std::size_t skipped = 0;  // this many at the end of `todo` were withdrawn
};

/// An engine with make-believe workers, which do at random what real ones do; all from one seed. `Simulation` derives
/// from this, says what its `Worker`s do, and takes those orders and notices that mean more to it than to all.
template <class Simulation, class Worker>
class fake_workers {
protected:
  explicit fake_workers(std::uint64_t seed) : random_(seed) {}

  unsigned pick(unsigned n) { return static_cast<unsigned>(random_() % std::max(1U, n)); }
  bool chance(unsigned percent) { return pick(100) < percent; }

  Worker* find(worker_ref ref) {
    if (ref.index >= workers_.size()) return nullptr;
    auto& w = workers_[ref.index];
    return w.alive && w.ref == ref ? &w : nullptr;
  }

  /// One step of the engine, and all that it has decided.
  void step() {
    auto decided = brain_->step(now_);
    auto& all = static_cast<Simulation&>(*this);
    for (auto& one : decided.orders) std::visit([&all](auto& x) { all.take(x); }, one);
    for (const auto& tell : std::exchange(reports_, {})) tell();
    for (auto& one : decided.notices) std::visit([&all](auto& x) { all.take(x); }, one);
  }
  /// What became of an order, to be told when all have been carried out.
  void report(std::function<void()> tell) { reports_.push_back(std::move(tell)); }

  void get_ready(Worker& w) {
    w.ready = chance(60);
    if (w.ready) brain_->worker_ready(w.ref, now_);
  }
  /// What was withdrawn is answered with nothing.
  void skip(Worker& w) {
    EXPECT_TRUE(brain_->worker_items(w.ref, w.todo.front().id, 0, 0, {}, 0.0, true, now_));
    w.todo.pop_front();
    w.skipped = std::min(w.skipped, w.todo.size());
  }
  /// It gives back what it has not begun, or at least what is behind the next one.
  withdrawal give_back(Worker& w, std::size_t sent) {
    EXPECT_EQ(sent, w.todo.size());
    // A worker that is to end gives back what is behind the one in hand a second time.
    const auto before = w.skipped;
    withdrawal kept;
    kept.will_answer = spec_.runs_in == rung::process;
    // One more may be past the point where we can tell whether it will be begun.
    kept.begun = sent - before > 1 && kept.will_answer && chance(20) ? 2 : 1;
    if (kept.will_answer) {
      w.skipped = std::max(before, sent - (kept.begun == 2 && chance(50) ? 2 : 1));
    } else {
      w.todo.resize(1);
    }
    return kept;
  }
  static cause killed() {
    cause why;
    why.cls = cause_class::signal;
    why.signal = 9;
    return why;
  }

  void take(act::start& x) {
    while (x.worker.index >= workers_.size()) workers_.emplace_back();
    auto& w = workers_[x.worker.index];
    ASSERT_FALSE(w.alive) << "two incarnations at once";
    if (chance(failed_start_percent_)) {
      return report([this, ref = x.worker] {
        brain_->worker_start_failed(ref, make_cause(cause_class::start, "no process"), now_);
      });
    }
    w = Worker{};
    w.ref = x.worker;
    w.alive = true;
  }
  void take(act::stop& x) {
    if (auto* w = find(x.worker)) w->asked_to_stop = true;
  }
  void take(act::terminate& x) {
    if (auto* w = find(x.worker)) w->terminated = spec_.runs_in == rung::process;
  }
  void take(act::kill& x) {
    if (auto* w = find(x.worker)) w->killed = true;
  }
  void take(act::ask_task&) {}
  void take(act::harvest&) { FAIL() << "nobody submitted a chunk"; }
  void take(news::items_settled&) { FAIL() << "nobody submitted a chunk"; }
  void take(news::settled& x) { x.task->done(std::move(x.result)); }
  void take(news::all_ready&) {}
  void take(news::gave_up&) { EXPECT_FALSE(std::exchange(gave_up_, true)); }
  void take(news::stopped&) {}
  void take(news::happened&) {}

  std::mt19937_64 random_;
  pool_spec spec_;
  unsigned failed_start_percent_ = 3;
  unsigned death_percent_ = 0;
  time_point now_{std::chrono::hours(1)};
  std::optional<engine> brain_;
  std::deque<Worker> workers_;
  std::vector<std::function<void()>> reports_;
  bool gave_up_ = false;
};

}  // namespace steward::test
