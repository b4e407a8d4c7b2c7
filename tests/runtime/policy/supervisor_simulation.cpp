#include "policy/supervisor_machine.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <set>

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::policy;

/// A world of children that start, die, hang and end at random, driven by one machine. What it checks at each step is
/// written here from the rules of one_for_one, not from the machine.
class world {
public:
  explicit world(std::uint64_t seed) : random_(seed), limit_{1 + pick(5), milliseconds{200 + pick(3000)}} {
    const auto count = pick(7);
    for (unsigned i = 0; i < count; ++i) {
      child_policy p;
      p.id = std::to_string(i);
      p.restart = static_cast<restart_type>(pick(3));
      p.start_within = 500ms;
      p.shutdown = 300ms;
      p.delays = backoff_spec{milliseconds{1 + pick(50)}, 400ms, 2.0, 0.3, 2s};
      policies_.push_back(p);
    }
    alive_.resize(count);
    machine_.emplace(strategy::one_for_one, limit_, policies_, seed);
  }

  void run() {
    carry_out(machine_->start(now_));
    const auto steps = 50 + pick(200);
    for (unsigned i = 0; i < steps && !over_; ++i) step();
    if (!over_) carry_out(machine_->stop(now_));
    for (int i = 0; i < 1000 && !over_; ++i) step();
    ASSERT_TRUE(over_) << "the machine never ended";
    for (child_index i = 0; i < alive_.size(); ++i) EXPECT_FALSE(alive_[i]) << "child " << i << " was left behind";
    EXPECT_TRUE(machine_->over());
  }

private:
  enum class answer : std::uint8_t { starting, stopping };

  unsigned pick(unsigned n) { return static_cast<unsigned>(random_() % n); }

  void step() {
    now_ += milliseconds{pick(120)};
    while (!timers_.empty() && timers_.begin()->first <= now_) {
      const auto t = timers_.begin()->second;
      timers_.erase(timers_.begin());
      carry_out(machine_->timer(t.child, t.token, now_));
      if (over_) return;
    }
    if (alive_.empty()) return;
    const auto i = static_cast<child_index>(pick(static_cast<unsigned>(alive_.size())));
    if (auto it = pending_.find(i); it != pending_.end() && pick(10) != 0) {  // one in ten takes its time, or for ever
      const auto what = it->second;
      pending_.erase(it);
      if (what == answer::stopping) {
        alive_[i] = false;
        carry_out(machine_->child_stopped(i, now_));
      } else if (pick(5) == 0) {
        carry_out(machine_->child_start_failed(i, machine_->incarnation_of(i), {}, now_));
      } else {
        carry_out(machine_->child_ready(i, machine_->incarnation_of(i), now_));
      }
    } else if (machine_->state_of(i) == child_state::up && pick(3) == 0) {
      const auto how = static_cast<exit_class>(pick(4));
      carry_out(machine_->child_exited(i, machine_->incarnation_of(i), {how, {}}, now_));
    } else if (pick(20) == 0) {
      carry_out(machine_->child_exited(i, machine_->incarnation_of(i) - 1, {exit_class::abnormal, {}}, now_));
    }
  }

  void carry_out(actions out) {
    for (auto& a : out) {
      ASSERT_FALSE(over_) << "an action after the end";
      std::visit([this](auto& x) { perform(x); }, a);
    }
  }

  void perform(action::start_child& x) {
    ASSERT_FALSE(stopping_) << "a start while it stops";
    if (x.incarnation == 1) {
      for (child_index i = 0; i < x.child; ++i) ASSERT_TRUE(first_ready_.contains(i)) << "started out of order";
    } else {
      ASSERT_NE(policies_[x.child].restart, restart_type::temporary);
      restarts_.push_back(now_);
      while (restarts_.size() > limit_.restarts + 1) restarts_.pop_front();
    }
    ASSERT_EQ(x.incarnation, ++last_incarnation_[x.child]) << "incarnations count up by one";
    alive_[x.child] = true;
    pending_[x.child] = answer::starting;
  }
  void perform(action::stop_child& x) {
    ASSERT_TRUE(alive_[x.child]);
    pending_[x.child] = answer::stopping;
  }
  void perform(action::abandon_child& x) {
    pending_.erase(x.child);
    alive_[x.child] = machine_->state_of(x.child) != child_state::finished;
  }
  void perform(action::arm_timer& x) { timers_.emplace(x.at, x); }
  void perform(action::note& x) {
    if (x.what.kind == event_kind::ready && x.about) first_ready_.insert(*x.about);
    if (x.what.kind == event_kind::recover && x.about) first_ready_.insert(*x.about);
    if (x.what.kind == event_kind::limit) stopping_ = true;
  }
  void perform(action::started&) { ASSERT_EQ(first_ready_.size(), alive_.size()); }
  void perform(action::start_failed&) { over_ = true; }
  void perform(action::ended&) { over_ = true; }

  std::mt19937_64 random_;
  intensity limit_;
  std::vector<child_policy> policies_;
  std::optional<supervisor_machine> machine_;
  time_point now_{1h};
  std::vector<bool> alive_;
  std::map<child_index, answer> pending_;
  std::map<child_index, std::uint64_t> last_incarnation_;
  std::set<child_index> first_ready_;
  std::deque<time_point> restarts_;
  std::multimap<time_point, action::arm_timer> timers_;
  bool stopping_ = false;
  bool over_ = false;
};

TEST(supervisor_machine, holds_its_rules_in_ten_thousand_random_lives) {
  for (std::uint64_t seed = 1; seed <= 10'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    world{seed}.run();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
