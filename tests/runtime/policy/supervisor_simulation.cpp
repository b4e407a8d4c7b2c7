#include "naive_supervisor.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <sstream>

// Random lives of a supervisor_machine, each compared at every step with a naive_supervisor, and with rules that hold
// whatever either of them says. STEWARD_SEED=n runs that one life and prints its story; STEWARD_LIVES=n runs this many.

namespace steward::policy::testing_support {
namespace {

using namespace std::chrono_literals;

std::optional<std::uint64_t> from_environment(const char* name) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  if (text == nullptr) return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

class life {
public:
  life(std::uint64_t seed, strategy how, bool tell) : random_(seed), tell_(tell), options_(random_options(how, seed)) {
    machine_.emplace(options_);
    naive_.emplace(options_);
    const auto count = pick(7);
    for (unsigned n = 0; n < count; ++n) {
      const auto p = random_policy();
      machine_->add(next_, share(p));
      naive_->add(next_++, p);
    }
  }

  void run() {
    story("start");
    naive_->start(now_);
    compare(machine_->start(now_));
    const auto steps = 30 + pick(200);
    for (unsigned n = 0; n < steps && healthy() && !machine_->over(); ++n) step();
    for (int n = 0; n < 3'000 && healthy() && !machine_->over(); ++n) {
      if (n % 40 == 0) stop(pick(4) == 0, false);
      step();
    }
    if (!healthy()) return;
    ASSERT_TRUE(machine_->over()) << "it never ended";
    EXPECT_TRUE(open_.empty()) << "request " << *open_.begin() << " was never answered";
    EXPECT_TRUE(timers_.empty()) << "the timer of " << timers_.begin()->first << " is still armed";
    EXPECT_TRUE(alive_.empty()) << "child " << alive_.begin()->first << " was left behind";
    for (int n = 0; n < 5 && healthy(); ++n) late_news();
  }

private:
  /// What a child still owes an answer to.
  struct debt {
    bool start = false;  // else a stop
    bool never = false;  // it hangs
  };

  static std::shared_ptr<const child_policy> share(const child_policy& p) {
    return std::make_shared<const child_policy>(p);
  }
  static bool healthy() { return !testing::Test::HasFailure(); }

  unsigned pick(unsigned n) { return static_cast<unsigned>(random_() % n); }

  template <class T>
  T one_of(std::initializer_list<T> all) {
    return *(all.begin() + pick(static_cast<unsigned>(all.size())));
  }

  intensity random_limit() { return {pick(6), milliseconds{100 + pick(3'000)}}; }

  machine_options random_options(strategy how, std::uint64_t seed) {
    machine_options x;
    x.strategy = how;
    x.intensity = random_limit();
    if (pick(4) != 0) x.intensity = {1'000, 1s};
    x.seed = seed;
    x.keep_on_end = pick(2) == 0;
    if (how != strategy::simple_one_for_one)
      x.auto_shutdown = static_cast<auto_shutdown>(one_of({0, 0, 0, 0, 1, 2, 2}));
    return x;
  }

  child_policy random_policy() {
    child_policy p;
    p.restart = static_cast<restart_type>(one_of({0, 0, 0, 1, 1, 2}));
    p.shutdown = one_of({brutal_kill, 30ms, 300ms, 300ms, infinity});
    p.start_within = one_of({50ms, 500ms, 500ms, infinity});
    p.delays = backoff_spec{milliseconds{pick(3) * 40}, milliseconds{120 + pick(3) * 100}, 2.0, 0.0, 1s};
    p.significant = pick(3) == 0;
    p.start_retries = pick(3);
    if (options_.strategy != strategy::simple_one_for_one && shares_) p.group = one_of({"", "", "a", "b"});
    if (pick(3) == 0) {
      p.intensity = intensity{pick(3), milliseconds{100 + pick(1'000)}};
      p.on_spent = pick(8) == 0 ? spent_policy::escalate : pick(2) == 0 ? spent_policy::end : spent_policy::park;
      p.park_for = milliseconds{pick(3) * 150};
    }
    return p;
  }

  void story(const std::string& line) {
    if (tell_) std::cout << (now_ - time_point{1h}) / 1ms << " ms: " << line << '\n';
  }
  void story(const char* what, child_number i) {
    if (tell_) story(what + (" " + std::to_string(i)));
  }

  child_number any_child() { return next_ == 1 ? 0 : 1 + pick(static_cast<unsigned>(next_ - 1)); }
  std::uint64_t incarnation_of(child_number i) const { return machine_->knows(i) ? machine_->incarnation_of(i) : 1; }

  void step() {
    const auto dice = pick(100);
    if (dice < 35)
      pass_time();
    else if (dice < 60)
      pay();
    else if (dice < 80)
      exit_of_child();
    else if (dice < 94)
      administer();
    else if (dice < 97)
      change_rules();
    else if (dice < 99)
      late_news();
    else if (pick(16) == 0)
      stop(pick(2) == 0, pick(4) == 0);
    else if (pick(16) == 0)
      fail();
    if (healthy()) pay_if_quiet();
  }

  void pass_time() {
    now_ += milliseconds{pick(4) == 0 ? 0 : pick(80)};
    while (healthy()) {
      // Any of those that are due, not always the first.
      std::vector<child_number> due;
      for (const auto& [i, t] : timers_)
        if (t.at <= now_) due.push_back(i);
      if (due.empty()) return;
      fire(due[pick(static_cast<unsigned>(due.size()))]);
    }
  }

  void fire(child_number i) {
    const auto token = timers_.at(i).token;
    timers_.erase(i);
    story("timer of", i);
    naive_->timer(i, now_);
    compare(machine_->timer(i, token, now_));
  }

  /// A child does what it was asked to.
  void pay() {
    if (owed_.empty()) return;
    auto it = owed_.begin();
    std::advance(it, pick(static_cast<unsigned>(owed_.size())));
    if (it->second.never) return;
    const auto i = it->first;
    const bool start = it->second.start;
    if (!start && pick(4) == 0) report_exit(i);  // it is faster than the request
    owed_.erase(it);
    if (!start) {
      alive_.erase(i);
      story("stopped", i);
      naive_->stopped(i, now_);
      compare(machine_->child_stopped(i, now_));
      return;
    }
    const auto n = incarnation_of(i);
    const auto dice = machine_->running() || pick(5) == 0 ? pick(20) : 0;  // most first starts go well
    if (dice < 14) {
      story("ready", i);
      naive_->ready(i, n, now_);
      compare(machine_->child_ready(i, n, now_));
    } else if (dice < 17) {
      alive_.erase(i);
      story("start failed", i);
      naive_->start_failed(i, n, now_);
      compare(machine_->child_start_failed(i, n, {}, now_));
    } else if (dice < 18) {
      alive_.erase(i);
      report_exit(i);
    } else {
      alive_.erase(i);
      story("declined", i);
      naive_->declined(i, n, now_);
      compare(machine_->child_declined(i, n, now_));
    }
  }

  /// Time passes on its own when everybody waits for it; children with no limit answer at last.
  void pay_if_quiet() {
    for (auto& [i, d] : owed_)
      if (d.never && !timers_.contains(i)) d.never = false;
  }

  void exit_of_child() {
    const auto i = any_child();
    if (i == 0 || !machine_->knows(i)) return;
    const auto state = machine_->state_of(i);
    if (state != child_state::up && pick(8) != 0) return;
    if (state == child_state::up && pick(8) == 0) {
      alive_.erase(i);
      story("hung", i);
      naive_->hung(i, incarnation_of(i), now_);
      exit_info how;
      how.cls = exit_class::abnormal;
      compare(machine_->child_hung(i, incarnation_of(i), how, now_));
      return;
    }
    if (state == child_state::up || state == child_state::starting) alive_.erase(i);
    if (state == child_state::starting) owed_.erase(i);
    report_exit(i);
  }

  void report_exit(child_number i) {
    exit_info how;
    how.cls = static_cast<exit_class>(one_of({0, 1, 2, 2, 2, 3}));
    how.rule = pick(80) == 0 ? static_cast<verdict>(1 + pick(2)) : verdict::by_restart_type;
    const bool in_place = pick(2) == 0;
    if (tell_) story("exit of class " + std::to_string(static_cast<int>(how.cls)) + " of " + std::to_string(i));
    const auto n = incarnation_of(i);
    naive_->exited(i, n, how.cls, how.rule, in_place, now_);
    compare(machine_->child_exited(i, n, how, now_, in_place));
  }

  void administer() {
    const auto r = ++last_request_;
    const auto i = pick(20) == 0 ? next_ + 7 : std::max<child_number>(any_child(), 1);
    open_.insert(r);
    switch (pick(9)) {
      case 0: {
        if (next_ > 12 && machine_->size() > 6) return void(open_.erase(r));
        const auto p = random_policy();
        story("start_child", next_);
        naive_->start_child(next_, p, r, now_);
        compare(machine_->start_child(next_, share(p), r, now_));
        ++next_;
        return;
      }
      case 1:
      case 2:
        story("terminate_child", i);
        naive_->terminate(i, r, now_);
        compare(machine_->terminate_child(i, r, now_));
        return;
      case 3:
        story("restart_child", i);
        naive_->restart(i, r, now_);
        compare(machine_->restart_child(i, r, now_));
        return;
      case 4:
      case 5:
        story("restart by hand", i);
        naive_->restart_by_hand(i, r, now_);
        compare(machine_->restart_by_hand(i, r, now_));
        return;
      case 6:
        story("park", i);
        naive_->park(i, r, now_);
        compare(machine_->park_by_hand(i, r, now_));
        return;
      case 7:
        story("kill", i);
        naive_->kill(i, r, now_);
        compare(machine_->kill_by_hand(i, {}, r, now_));
        return;
      default:
        if (pick(3) != 0) return void(open_.erase(r));
        story("delete_child", i);
        naive_->remove(i, r);
        compare(machine_->delete_child(i, r));
    }
  }

  void change_rules() {
    if (pick(2) == 0) {
      const auto i = any_child();
      const auto p = random_policy();
      if (!machine_->knows(i)) return;
      story("repolicy", i);
      naive_->repolicy(i, p);
      machine_->repolicy(i, share(p));
      return;
    }
    auto next = random_options(options_.strategy, options_.seed);
    if (options_.strategy != strategy::simple_one_for_one && pick(3) == 0)
      next.strategy = static_cast<strategy>(pick(3));
    if (tell_) story(std::string{"reconfigure: "} + steward::to_string(next.strategy));
    options_ = next;
    naive_->reconfigure(next);
    machine_->reconfigure(next);
  }

  /// Reports about what is gone. Nothing may come of them.
  void late_news() {
    const auto i = any_child();
    if (i == 0) return;
    const auto n = incarnation_of(i) - 1;
    exit_info how;
    how.cls = exit_class::abnormal;
    story("late news of", i);
    compare(machine_->child_ready(i, n, now_));
    compare(machine_->child_declined(i, n, now_));
    compare(machine_->child_start_failed(i, n, {}, now_));
    compare(machine_->child_exited(i, n, how, now_));
    compare(machine_->child_hung(i, n, how, now_));
    if (!timers_.contains(i)) compare(machine_->timer(i, 0, now_));
    if (!machine_->knows(i) || machine_->state_of(i) != child_state::stopping)
      compare(machine_->child_stopped(i, now_));
  }

  void stop(bool keep, bool brutal) {
    if (tell_) story(std::string{"stop"} + (keep ? ", keep" : "") + (brutal ? ", brutal" : ""));
    stopping_ = true;
    naive_->stop(now_, keep, brutal);
    compare(machine_->stop(now_, keep, brutal));
  }

  void fail() {
    story("fail");
    stopping_ = stopping_ || machine_->in_service();
    naive_->fail(now_);
    compare(machine_->fail({}, now_));
  }

  void compare(const actions& out) {
    deeds_.clear();
    replies_.clear();
    for (const auto& a : out) {
      if (over_ && !std::holds_alternative<action::reply>(a)) ADD_FAILURE() << "an action after the end";
      std::visit([this](const auto& x) { perform(x); }, a);
    }
    if (!machine_->in_service()) stopping_ = true;
    if (tell_)
      for (const auto& d : deeds_) story("    " + to_string(d));
    if (deeds_ != naive_->deeds) {
      std::ostringstream text;
      for (const auto& d : deeds_) text << "\n  did      " << to_string(d);
      for (const auto& d : naive_->deeds) text << "\n  expected " << to_string(d);
      ADD_FAILURE() << text.str();
    }
    std::sort(replies_.begin(), replies_.end());
    std::sort(naive_->replies.begin(), naive_->replies.end());
    if (replies_ != naive_->replies) {
      std::ostringstream text;
      for (const auto& r : replies_) text << "\n  replied  " << r.request << " " << static_cast<int>(r.code);
      for (const auto& r : naive_->replies) text << "\n  expected " << r.request << " " << static_cast<int>(r.code);
      ADD_FAILURE() << text.str();
    }
    naive_->deeds.clear();
    naive_->replies.clear();
    compare_children();
  }

  void compare_children() {
    EXPECT_EQ(machine_->size(), naive_->kids.size());
    EXPECT_EQ(machine_->over(), naive_->over());
    EXPECT_EQ(machine_->running(), naive_->running());
    EXPECT_EQ(machine_->in_service(), naive_->serving());
    std::size_t timed = 0;
    for (const auto& [i, k] : naive_->kids) {
      if (!machine_->knows(i)) {
        ADD_FAILURE() << i << " was forgotten";
        continue;
      }
      if (machine_->state_of(i) != k.state)
        ADD_FAILURE() << i << " is " << policy::to_string(machine_->state_of(i)) << ", expected "
                      << policy::to_string(k.state);
      if (machine_->incarnation_of(i) != k.incarnation)
        ADD_FAILURE() << i << " lives for the " << machine_->incarnation_of(i) << "th time, expected " << k.incarnation;
      if (!k.due) continue;
      ++timed;
      const auto it = timers_.find(i);
      if (it == timers_.end())
        ADD_FAILURE() << "the timer of " << i << " is not armed";
      else if (it->second.at != *k.due)
        ADD_FAILURE() << "the timer of " << i << " is wrong by " << (it->second.at - *k.due) / 1ms << " ms";
    }
    if (timed != timers_.size()) {
      for (const auto& [i, t] : timers_)
        if (!naive_->kids.contains(i) || !naive_->kids.at(i).due) ADD_FAILURE() << "the timer of " << i << " is armed";
    }
  }

  void perform(const action::start_child& x) {
    deeds_.push_back({deed::kind::start, x.child, x.incarnation, false, x.in_place});
    if (stopping_) ADD_FAILURE() << x.child << " is started although everything is being stopped";
    if (x.incarnation != ++incarnations_[x.child]) ADD_FAILURE() << "incarnations count up by one";
    if (!alive_.emplace(x.child, true).second) ADD_FAILURE() << x.child << " is started although it is alive";
    owed_[x.child] = {true, pick(20) == 0};
  }
  void perform(const action::stop_child& x) {
    deeds_.push_back({deed::kind::stop, x.child, 0, x.keep, x.brutal});
    if (x.brutal && !x.keep) {
      alive_.erase(x.child);
      owed_.erase(x.child);
    } else {
      owed_[x.child] = {false, pick(12) == 0};
    }
  }
  void perform(const action::abandon_child& x) {
    deeds_.push_back({deed::kind::abandon, x.child});
    alive_.erase(x.child);
    owed_.erase(x.child);
  }
  void perform(const action::kill_child& x) {
    deeds_.push_back({deed::kind::kill, x.child});
    if (!alive_.contains(x.child)) ADD_FAILURE() << x.child << " is killed although it is down";
  }
  void perform(const action::forget_child& x) {
    deeds_.push_back({deed::kind::forget, x.child});
    if (alive_.contains(x.child)) ADD_FAILURE() << x.child << " is forgotten although it is alive";
    owed_.erase(x.child);
  }
  void perform(const action::arm_timer& x) { timers_.insert_or_assign(x.child, x); }
  void perform(const action::disarm_timer& x) {
    if (timers_.erase(x.child) != 1) ADD_FAILURE() << "the timer of " << x.child << " was not armed";
  }
  void perform(const action::note&) {}
  void perform(const action::reply& x) {
    replies_.push_back({x.request, x.code});
    if (open_.erase(x.request) != 1) ADD_FAILURE() << "request " << x.request << " was answered twice";
  }
  void perform(const action::started&) { deeds_.push_back({deed::kind::started}); }
  void perform(const action::start_failed& x) {
    deeds_.push_back({deed::kind::start_failed, x.child});
    over_ = true;
  }
  void perform(const action::ended& x) {
    deeds_.push_back({deed::kind::ended, 0, static_cast<std::uint64_t>(x.how->cls), x.kept});
    over_ = true;
  }

  std::mt19937_64 random_;
  bool tell_;
  machine_options options_;
  const bool shares_ = pick(2) == 0;  // some of the children share processes
  std::optional<supervisor_machine> machine_;
  std::optional<naive_supervisor> naive_;
  time_point now_{1h};
  child_number next_ = 1;
  request_number last_request_ = 0;
  std::map<child_number, action::arm_timer> timers_;
  std::map<child_number, debt> owed_;
  std::map<child_number, bool> alive_;
  std::map<child_number, std::uint64_t> incarnations_;
  std::set<request_number> open_;
  std::vector<deed> deeds_;
  std::vector<naive_reply> replies_;
  bool stopping_ = false;
  bool over_ = false;
};

void ten_thousand_lives(strategy how) {
  if (const auto seed = from_environment("STEWARD_SEED")) return life{*seed, how, true}.run();
  const auto lives = from_environment("STEWARD_LIVES").value_or(10'000);
  for (std::uint64_t seed = 1; seed <= lives; ++seed) {
    SCOPED_TRACE("STEWARD_SEED=" + std::to_string(seed));
    life{seed, how, false}.run();
    if (testing::Test::HasFailure()) return;
  }
}

TEST(supervisor_simulation, agrees_with_the_naive_one_in_ten_thousand_lives_of_one_for_one) {
  ten_thousand_lives(strategy::one_for_one);
}
TEST(supervisor_simulation, agrees_with_the_naive_one_in_ten_thousand_lives_of_one_for_all) {
  ten_thousand_lives(strategy::one_for_all);
}
TEST(supervisor_simulation, agrees_with_the_naive_one_in_ten_thousand_lives_of_rest_for_one) {
  ten_thousand_lives(strategy::rest_for_one);
}
TEST(supervisor_simulation, agrees_with_the_naive_one_in_ten_thousand_lives_of_simple_one_for_one) {
  ten_thousand_lives(strategy::simple_one_for_one);
}

}  // namespace
}  // namespace steward::policy::testing_support
