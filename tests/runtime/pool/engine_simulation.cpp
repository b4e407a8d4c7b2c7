#include "engine_case.hpp"
#include "fake_workers.hpp"
#include "tasks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>

namespace {

using namespace steward;
using namespace steward::pooling;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using steward::test::answer;
using steward::test::answered;

struct fake : test::fake_worker {
  std::deque<act::assign> unsent;  // answered, but the answer has not left the worker
  task_id current = 0;
  time_point since;
};

/// A pool of make-believe workers that run, die, freeze and answer late, all from one seed. It knows the truth about
/// each run, so that the engine's book-keeping can be held against it.
class simulation : test::fake_workers<simulation, fake> {
public:
  explicit simulation(std::uint64_t seed) : fake_workers(seed) {
    spec_.size.workers = 1 + pick(4);
    spec_.limits.attempts = 1 + pick(3);
    spec_.limits.queue_limit = chance(10) ? 5 : 1'000;
    spec_.restarts.recycle_after = chance(20) ? 1 + pick(5) : 0;
    spec_.limits.deadline = milliseconds(chance(30) ? 20 : 0);
    spec_.on_exception = chance(30) ? exception_policy::retry : exception_policy::fail;
    spec_.restarts.worker_restarts.restarts = chance(20) ? 3 : 1'000;
    spec_.runs_in = chance(50) ? rung::process : rung::thread;
    spec_.limits.shutdown = milliseconds(200);
    failed_start_percent_ = 5;
    death_percent_ = pick(8);
    brain_.emplace(spec_, "/p", seed);
  }

  void run() {
    brain_->start(now_);
    const int length = 200;
    const int stop_at = chance(60) ? static_cast<int>(pick(length)) : length;
    for (int i = 0; i < length; ++i) {
      if (i == stop_at) brain_->stop(chance(50), now_);
      if (chance(40)) submit();
      if (chance(3)) late_reports();
      turn(true);
    }
    brain_->stop(true, now_);
    // Kindly from here on: what has been asked to stop does, in bounded time.
    for (int i = 0; i < 20'000 && !brain_->finished(); ++i) turn(false);
    EXPECT_TRUE(brain_->finished());
    check();
  }

private:
  friend class test::fake_workers<simulation, fake>;
  using fake_workers::take;

  struct truth {
    int outcomes = 0;
    unsigned runs = 0;     // how often a worker began it
    unsigned charged = 0;  // what the engine says
    bool ok = false;
    outcome_kind kind = outcome_kind::value;
    work_state work = work_state::failed;
  };

  void submit() {
    auto j = std::make_shared<job>();
    j->entry = test::tasks().square.entry;
    encode_all(j->args, std::int64_t{1});
    const task_id id = truths_.size() + 1;
    truths_.emplace_back();
    j->done = [this, id](outcome<bytes> r) {
      auto& t = truths_[id - 1];
      ++t.outcomes;
      t.ok = r.ok();
      if (r.ok()) return;
      t.kind = r.error().kind;
      t.work = r.error().work;
      t.charged = static_cast<unsigned>(r.error().attempts.size());
      EXPECT_EQ(r.error().task_id, id);
    };
    brain_->submit(std::move(j), now_);
  }

  void turn(bool hostile) {
    now_ += microseconds(pick(3'000));
    for (auto& w : workers_) act_on(w, hostile);
    if (const auto due = brain_->next_due(); due && *due <= now_) observe();
    step();
  }

  void act_on(fake& w, bool hostile) {
    if (!w.alive) return;
    if (w.killed || w.terminated) return die(w, true);
    if (hostile && chance(death_percent_)) return die(w, false);
    if (!w.ready) return get_ready(w);
    if (hostile && chance(3)) return;  // it is slow
    if (w.current != 0 && chance(70)) finish(w);
    if (w.current == 0 && !w.todo.empty()) begin(w);
    if (w.current == 0 && w.todo.empty()) {
      flush(w);
      if (w.asked_to_stop) die(w, false);
    }
  }

  void begin(fake& w) {
    w.current = w.todo.front().id;
    w.since = now_;
    ++truths_[w.current - 1].runs;
  }

  void finish(fake& w) {
    w.unsent.push_back(w.todo.front());
    w.todo.pop_front();
    w.current = 0;
    if (chance(80)) flush(w);
    if (!w.todo.empty()) begin(w);
  }

  void flush(fake& w) {
    for (const auto& a : std::exchange(w.unsent, {})) {
      answer reply;
      reply.ran_ms = pick(3) == 0 ? 2.0 : 0.003;
      reply.failed = chance(10);
      EXPECT_TRUE(answered(*brain_, a.worker, a.id, std::move(reply), now_));
    }
  }

  void die(fake& w, bool by_us) {
    // What left the worker before it died is read before the death is told.
    if (chance(50)) flush(w);
    // The recorder shows a task until the next one begins or its answer has left.
    if (w.current == 0 && !w.unsent.empty()) w.current = w.unsent.back().id;
    const auto gone = std::exchange(w, fake{});
    graveyard_.push_back(gone);
    brain_->worker_died(gone.ref, death{killed(), gone.current, by_us}, now_);
  }

  void late_reports() {
    if (graveyard_.empty()) return;
    const auto& old = graveyard_[pick(static_cast<unsigned>(graveyard_.size()))];
    brain_->worker_ready(old.ref, now_);
    brain_->worker_running(old.ref, 1, now_, now_);
    EXPECT_TRUE(answered(*brain_, old.ref, old.current, answer{}, now_));
    brain_->worker_died(old.ref, death{{}, old.current, false}, now_);
  }

  void observe() {
    for (const auto& w : workers_) {
      if (w.alive && w.current != 0) brain_->worker_running(w.ref, w.current, w.since, now_);
    }
  }

  void take(act::assign& x) {
    auto* w = find(x.worker);
    ASSERT_NE(w, nullptr);
    EXPECT_LE(x.attempt, spec_.limits.attempts);
    w->todo.push_back(x);
  }
  void take(act::withdraw&) {}  // a worker that keeps all

  void check() {
    for (std::size_t i = 0; i < truths_.size(); ++i) {
      const auto& t = truths_[i];
      EXPECT_EQ(t.outcomes, 1) << "task " << i + 1;
      EXPECT_LE(t.runs, spec_.limits.attempts) << "task " << i + 1;
      EXPECT_LE(t.charged, t.runs) << "task " << i + 1 << " was charged a run that never was";
      if (t.ok) {
        EXPECT_GE(t.runs, 1u);
      } else if (t.work == work_state::not_started) {
        EXPECT_EQ(t.charged, 0u);
      }
      if (!t.ok && t.kind == outcome_kind::quarantined) {
        EXPECT_EQ(t.charged, spec_.limits.attempts);
      }
      if (!t.ok && t.kind == outcome_kind::rejected) {
        EXPECT_EQ(t.runs, 0u);
      }
    }
    EXPECT_EQ(brain_->open(), 0u);
    EXPECT_EQ(brain_->totals().settled, truths_.size());
  }

  std::vector<fake> graveyard_;
  std::deque<truth> truths_;
};

TEST(engine_simulation, gives_each_task_exactly_one_outcome_whatever_dies) {
  for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
    simulation(seed).run();
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
  }
}

}  // namespace
