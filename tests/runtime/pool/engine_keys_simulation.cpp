// Tasks with and without keys on make-believe workers, at random, against what is promised of keys.
#include "engine_case.hpp"
#include "fake_workers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace steward;
using namespace steward::pooling;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using steward::test::answer;
using steward::test::answered;

struct fake : test::fake_worker {
  bool waits = false;
  job_ptr waits_for;
  bool busy = false;
  time_point since;
};

/// Workers run, throw, die, wait for others, and give back what they have not begun. The truth about each key is kept
/// here: what was submitted in which order, what is over, and which worker has it.
class keys_simulation : test::fake_workers<keys_simulation, fake> {
public:
  explicit keys_simulation(std::uint64_t seed) : fake_workers(seed) {
    spec_.runs_in = chance(50) ? rung::process : rung::thread;
    spec_.size.workers = 1 + pick(4);
    if (chance(50)) spec_.size.min_workers = pick(2);
    if (chance(50)) spec_.size.max_workers = spec_.size.workers + pick(3);
    spec_.size.idle_exit = milliseconds(5);
    spec_.limits.attempts = 1 + pick(3);
    spec_.limits.deadline = milliseconds(chance(20) ? 30 : 0);
    spec_.limits.grace = milliseconds(5);
    spec_.limits.shutdown = milliseconds(500);
    spec_.on_exception = chance(50) ? exception_policy::retry : exception_policy::fail;
    spec_.restarts.worker_restarts.restarts = 10'000;
    spec_.restarts.recycle_after = chance(20) ? 1 + pick(5) : 0;
    if (chance(20)) spec_.size.spares = 1;
    resizes_ = chance(20);
    death_percent_ = pick(5);
    key_percent_ = 30 + pick(71);
    keys_ = 1 + pick(6);
    // A worker stands by, or has a share of tasks, only where one of these is so: else a key stays where it is.
    is_strict_ = spec_.size.spares == 0 && spec_.restarts.recycle_after == 0 && !resizes_;
    brain_.emplace(spec_, "/p", seed);
  }

  void run() {
    brain_->start(now_);
    for (int i = 0; i < 150; ++i) {
      if (chance(50)) submit();
      if (chance(4) && !jobs_.empty()) brain_->cancel(jobs_[pick(static_cast<unsigned>(jobs_.size()))], now_);
      if (resizes_ && chance(3)) brain_->resize(pick(3), 1 + pick(5), now_);
      turn(true);
    }
    // Nobody dies any more: whatever waits comes to its turn.
    for (int i = 0; i < 20'000 && brain_->open() > 0; ++i) turn(false);
    EXPECT_EQ(brain_->open(), 0u) << "something is held up for ever";
    if (spec_.size.min_workers == 0U && !resizes_ && spec_.size.spares == 0) {
      for (int i = 0; i < 2'000 && brain_->size() > 0; ++i) turn(false);
      EXPECT_EQ(brain_->size(), 0u);
    }
    for (int i = 0; i < 10; ++i) submit();
    brain_->stop(chance(50), now_);
    for (int i = 0; i < 20'000 && !brain_->finished(); ++i) turn(false);
    EXPECT_TRUE(brain_->finished());
    EXPECT_FALSE(gave_up_);
    for (std::size_t i = 0; i < truths_.size(); ++i) EXPECT_EQ(truths_[i].outcomes, 1) << "task " << i + 1;
    EXPECT_EQ(brain_->open(), 0u);
    EXPECT_EQ(brain_->queued(), 0u);
  }

  std::size_t moves_ = 0;  // keys that went to another worker
  std::size_t stays_ = 0;
  std::size_t refused_ = 0;  // waits

private:
  friend class test::fake_workers<keys_simulation, fake>;
  using fake_workers::take;

  struct truth {
    int outcomes = 0;
    unsigned key = 0;  // 0: none
  };

  job_ptr submit() {
    auto j = std::make_shared<job>();
    j->entry = test::tasks().square.entry;
    encode_all(j->args, std::int64_t{1});
    j->priority = chance(20) ? 1 : 0;
    const task_id id = truths_.size() + 1;
    truths_.emplace_back();
    if (chance(key_percent_)) {
      truths_.back().key = 1 + pick(keys_);
      j->key = std::make_shared<const std::string>("key " + std::to_string(truths_.back().key));
      of_key_[truths_.back().key].push_back(id);
    }
    j->done = [this, id](outcome<bytes> r) {
      ++truths_[id - 1].outcomes;
      if (!r.ok() && r.error().why.message.find("holds it up") != std::string::npos) ++refused_;
    };
    jobs_.push_back(j);
    EXPECT_EQ(brain_->submit(j, now_), id);
    return j;
  }

  void turn(bool hostile) {
    now_ += microseconds(pick(3'000));
    for (auto& w : workers_) act_on(w, hostile);
    if (const auto due = brain_->next_due(); due && *due <= now_) {
      for (const auto& w : workers_) {
        if (w.alive && w.busy) brain_->worker_running(w.ref, w.todo.front().id, w.since, now_);
      }
    }
    step();
  }

  void act_on(fake& w, bool hostile) {
    if (!w.alive) return;
    if (w.killed || w.terminated) return die(w, true);
    if (hostile && chance(death_percent_)) return die(w, false);
    if (!w.ready) return get_ready(w);
    if (w.waits) {
      if (truth_of(w.waits_for->id).outcomes == 0) return;
      w.waits = false;
      brain_->worker_waits(w.ref, std::nullopt);
    }
    if (w.busy && hostile && spec_.runs_in == rung::thread && chance(5)) return wait_for_another(w);
    if (w.busy && chance(60)) finish(w);
    while (!w.busy && !w.todo.empty() && w.skipped == w.todo.size()) skip(w);
    if (!w.busy && !w.todo.empty()) begin(w);
    if (w.todo.empty() && w.asked_to_stop) die(w, false);
  }

  truth& truth_of(task_id id) { return truths_[id - 1]; }

  void wait_for_another(fake& w) {
    w.waits = true;
    w.waits_for = submit();
    brain_->worker_waits(w.ref, awaited{w.waits_for, nullptr, nullptr});
  }

  void begin(fake& w) {
    w.busy = true;
    w.since = now_;
    const auto id = w.todo.front().id;
    const auto key = truth_of(id).key;
    if (key == 0) return;
    for (const auto& other : workers_) {
      if (&other == &w || !other.alive || !other.busy) continue;
      EXPECT_NE(truth_of(other.todo.front().id).key, key) << "two of a key at once";
    }
    for (const auto earlier : of_key_[key]) {
      if (earlier == id) break;
      EXPECT_EQ(truth_of(earlier).outcomes, 1) << "task " << id << " was begun before task " << earlier;
    }
  }

  void finish(fake& w) {
    const auto a = w.todo.front();
    answer reply;
    reply.ran_ms = pick(3) == 0 ? 2.0 : 0.003;
    reply.failed = chance(15);
    w.todo.pop_front();
    w.busy = false;
    EXPECT_TRUE(answered(*brain_, a.worker, a.id, std::move(reply), now_));
  }

  void die(fake& w, bool by_us) {
    const auto gone = std::exchange(w, fake{});
    brain_->worker_died(gone.ref, death{killed(), gone.busy ? gone.todo.front().id : 0, by_us}, now_);
  }

  void take(act::assign& x) {
    auto* w = find(x.worker);
    ASSERT_NE(w, nullptr);
    EXPECT_EQ(w->skipped, 0u) << "it has not answered what was withdrawn";
    w->todo.push_back(x);
    const auto key = truth_of(x.id).key;
    if (key == 0) return;
    for (const auto& other : workers_) {
      if (&other == w || !other.alive) continue;
      for (std::size_t i = 0; i + other.skipped < other.todo.size(); ++i)
        EXPECT_NE(truth_of(other.todo[i].id).key, key) << "two workers have a key";
    }
    const auto* had = find(holders_[key]);
    const bool stays = had && !had->asked_to_stop && !had->killed && !had->terminated && !had->waits;
    if (stays && is_strict_) {
      EXPECT_EQ(had, w) << "task " << x.id << " left the worker of its key";
    }
    if (holders_[key].incarnation != 0) ++(holders_[key] == x.worker ? stays_ : moves_);
    holders_[key] = x.worker;
  }
  void take(act::withdraw& x) {
    auto* w = find(x.worker);
    if (!w) return;
    const auto kept = give_back(*w, x.sent);
    report([this, ref = x.worker, kept] { brain_->worker_withdrew(ref, kept); });
  }

  unsigned key_percent_ = 0;
  unsigned keys_ = 0;
  bool resizes_ = false;
  bool is_strict_ = false;
  std::deque<truth> truths_;
  std::vector<job_ptr> jobs_;
  std::map<unsigned, std::vector<task_id>> of_key_;
  std::map<unsigned, worker_ref> holders_;
};

TEST(engine_keys_simulation, runs_tasks_of_a_key_one_by_one_in_order_on_one_worker_whatever_dies) {
  // STEWARD_SEED=n replays one.
  const char* only = std::getenv("STEWARD_SEED");
  const char* more = std::getenv("STEWARD_SEEDS");
  const std::uint64_t count = only ? 1 : (more ? std::strtoull(more, nullptr, 10) : 1'000);
  const std::uint64_t first = only ? std::strtoull(only, nullptr, 10) : 1;
  std::size_t moves = 0;
  std::size_t stays = 0;
  std::size_t refused = 0;
  for (auto seed = first; seed < first + count; ++seed) {
    keys_simulation one(seed);
    one.run();
    moves += one.moves_;
    stays += one.stays_;
    refused += one.refused_;
    ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
  }
  EXPECT_TRUE(only || moves > 100u) << moves;
  EXPECT_TRUE(only || stays > moves) << stays;
  EXPECT_TRUE(only || refused > 10u) << refused;
}

}  // namespace
