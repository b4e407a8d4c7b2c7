// How workers of a pool start and end, in virtual time.
#include "pool/worker_lives.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace steward::test {
namespace {

using namespace steward::pooling;
using std::chrono::milliseconds;
using next = worker_lives::sequel::next;

struct lives_test : ::testing::Test {
  lives_test() {
    spec.runs_in = rung::process;
    spec.limits.start_within = milliseconds{1'000};
    spec.limits.grace = milliseconds{50};
    spec.limits.shutdown = milliseconds{400};
    spec.restarts.worker_restarts = {3, milliseconds{5'000}};
    spec.restarts.recycle_jitter = 0.0;
    spec.restarts.worker_backoff = {milliseconds{100}, milliseconds{1'000}, 2.0, 0.0};
  }
  /// What was ordered since the last call, such as "start 0".
  std::vector<std::string> ordered() {
    std::vector<std::string> out;
    for (const auto& one : std::exchange(orders, {})) {
      std::visit(
          [&out]<class Act>(const Act& x) {
            const char* what = std::is_same_v<Act, act::start>       ? "start "
                               : std::is_same_v<Act, act::stop>      ? "stop "
                               : std::is_same_v<Act, act::terminate> ? "terminate "
                               : std::is_same_v<Act, act::kill>      ? "kill "
                                                                     : "something else ";
            out.push_back(what + std::to_string(x.worker.index));
          },
          one);
    }
    return out;
  }
  std::vector<event_kind> told() {
    std::vector<event_kind> out;
    for (const auto& one : std::exchange(news, {})) out.push_back(std::get<news::happened>(one).what->kind);
    return out;
  }
  void make(unsigned count) {
    wanted = count;
    lives.emplace(spec, 1, events, orders);
    lives->keep(wanted, now);
  }
  void make_ready(unsigned count) {
    make(count);
    for (unsigned i = 0; i < count; ++i) ready(i);
    ordered();
    told();
  }
  void ready(unsigned i) {
    lives->exists(at(i), 100 + static_cast<int>(i));
    lives->ready(at(i), wanted, now);
  }
  worker_life& at(unsigned i) { return (*lives)[i]; }
  /// It dies, and what follows is done.
  next dies(unsigned i, worker_lives::loss how = {}) {
    how.wanted = wanted;
    const auto then = lives->lost(at(i), how, now);
    lives->carry_out(at(i), then, now);
    return then.what;
  }
  worker_lives::load_of no_load = [](unsigned) { return std::size_t{0}; };

  using strings = std::vector<std::string>;
  using kinds = std::vector<event_kind>;
  pool_spec spec;
  unsigned wanted = 0;
  time_point now{std::chrono::hours(1)};
  std::vector<order> orders;
  std::vector<notice> news;
  pool_events events{spec, "/p", news};
  std::optional<worker_lives> lives;
};

TEST_F(lives_test, starts_as_many_as_are_wanted_and_no_more_for_asking_again) {
  make(3);
  EXPECT_EQ(ordered(), (strings{"start 0", "start 1", "start 2"}));
  EXPECT_EQ(lives->living(), 3u);
  EXPECT_EQ(lives->coming(), 3u);
  EXPECT_FALSE(lives->all_came());
  lives->keep(3, now);
  EXPECT_EQ(ordered(), strings{});
  EXPECT_EQ(told(), kinds(3, event_kind::child)) << "they are being started";
  for (unsigned i = 0; i < 3; ++i) ready(i);
  EXPECT_TRUE(lives->all_came());
  EXPECT_EQ(lives->coming(), 0u);
  EXPECT_EQ(told(), (kinds{event_kind::ready, event_kind::ready, event_kind::ready}));
}

TEST_F(lives_test, ends_one_that_is_not_ready_in_time) {
  make(1);
  ordered();
  EXPECT_EQ(at(0).due(), now + milliseconds{1'000});
  now = at(0).due();
  lives->on_time(at(0), now);
  EXPECT_EQ(ordered(), strings{"kill 0"});
  ASSERT_TRUE(at(0).killed_for());
  EXPECT_EQ(at(0).killed_for()->cls, cause_class::start);
  EXPECT_EQ(at(0).due(), time_point::max()) << "nothing more can be done";
}

TEST_F(lives_test, starts_who_has_worked_anew_at_once_as_another_incarnation) {
  make_ready(1);
  const auto before = at(0).ref();
  at(0).answers(1);
  EXPECT_EQ(dies(0), next::restart);
  EXPECT_EQ(ordered(), strings{"start 0"});
  EXPECT_NE(at(0).ref(), before);
  EXPECT_EQ(at(0).answered(), 0u);
  EXPECT_EQ(told(), kinds{event_kind::restart});
  now += milliseconds{7};
  ready(0);
  EXPECT_EQ(told(), kinds{event_kind::recover});
}

TEST_F(lives_test, waits_longer_each_time_before_who_never_worked_is_started) {
  spec.restarts.worker_restarts = {100, milliseconds{5'000}};
  make(1);
  ordered();
  std::vector<long> waits;
  for (int i = 0; i < 4; ++i) {
    worker_lives::loss how;
    how.wanted = wanted;
    const auto then = lives->lost(at(0), how, now);
    lives->carry_out(at(0), then, now);
    waits.push_back(then.delay.count());
    if (then.delay.count() == 0) continue;
    EXPECT_TRUE(at(0).is_waiting());
    EXPECT_FALSE(at(0).exists());
    now = at(0).due();
    lives->on_time(at(0), now);
    EXPECT_TRUE(at(0).is_starting());
  }
  EXPECT_EQ(waits, (std::vector<long>{0, 100, 200, 400}));
}

TEST_F(lives_test, gives_up_at_one_restart_more_than_its_budget_has) {
  make_ready(2);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(dies(0, {.had_work = true}), next::restart);
    ready(0);
  }
  EXPECT_EQ(dies(0, {.had_work = true}), next::give_up);
}

TEST_F(lives_test, pays_nothing_for_an_end_that_was_meant) {
  make_ready(1);
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(dies(0, {.had_work = true, .meant = true}), next::restart);
    ready(0);
  }
  EXPECT_EQ(dies(0, {.had_work = true}), next::restart);
}

TEST_F(lives_test, finds_a_pool_hopeless_where_start_after_start_fails) {
  spec.restarts.worker_restarts = {1'000, milliseconds{1}};
  make(2);
  unsigned failed = 0;
  for (;; ++failed) {
    ASSERT_LT(failed, 100u);
    const unsigned i = failed % 2;
    if (at(i).is_waiting()) {
      now = at(i).due();
      lives->on_time(at(i), now);
    }
    if (dies(i, {.pool_starts = true}) == next::give_up) break;
  }
  EXPECT_EQ(failed, 10u) << "five for each";
}

TEST_F(lives_test, has_a_start_that_fails_wait_for_others_where_some_are_there) {
  make_ready(2);
  wanted = 4;
  lives->keep(wanted, now);
  EXPECT_EQ(ordered(), (strings{"start 2", "start 3"}));
  EXPECT_EQ(dies(2), next::wait);
  EXPECT_TRUE(lives->is_scarce());
  EXPECT_TRUE(at(2).is_down());
  // One at a time is tried.
  lives->keep(wanted, now);
  EXPECT_EQ(ordered(), strings{});
  ready(3);
  lives->keep(wanted, now);
  EXPECT_EQ(ordered(), strings{"start 2"});
  ready(2);
  EXPECT_FALSE(lives->is_scarce()) << "all are there";
}

TEST_F(lives_test, gives_the_room_of_one_that_is_gone_to_one_that_found_none) {
  make_ready(2);
  wanted = 3;
  lives->keep(wanted, now);
  EXPECT_EQ(dies(2), next::restart);
  ordered();
  EXPECT_EQ(dies(2), next::restart);
  EXPECT_TRUE(at(2).is_waiting());
  wanted = 2;
  lives->retire(at(1));
  ordered();
  lives->ended_as_planned(at(1), "gone", now);
  EXPECT_EQ(ordered(), strings{"start 2"}) << "before its time has come";
}

TEST_F(lives_test, replaces_nobody_who_has_a_replacement) {
  make_ready(3);
  wanted = 2;
  lives->let_go(wanted, no_load);
  EXPECT_EQ(ordered(), strings{"stop 0"});
  EXPECT_EQ(dies(0), next::none);
  EXPECT_EQ(ordered(), strings{});
  EXPECT_TRUE(at(0).is_down());
}

TEST_F(lives_test, lets_those_go_first_who_are_not_here_yet_and_then_who_has_the_least_to_do) {
  make_ready(3);
  wanted = 4;
  lives->keep(wanted, now);
  ordered();
  const std::vector<std::size_t> loads{5, 1, 3, 0};
  lives->let_go(2, [&loads](unsigned i) { return loads[i]; });
  EXPECT_EQ(ordered(), strings{"stop 1"});
  EXPECT_TRUE(at(3).is_leaving());
  EXPECT_EQ(lives->living(), 2u);
  lives->ready(at(3), 2, now);
  EXPECT_EQ(ordered(), strings{"stop 3"}) << "as soon as it is ready";
}

TEST_F(lives_test, keeps_one_that_is_wanted_again_before_it_came) {
  make_ready(1);
  lives->keep(2, now);
  lives->let_go(1, no_load);
  ordered();
  EXPECT_TRUE(at(1).is_leaving());
  lives->keep(2, now);
  EXPECT_EQ(ordered(), strings{}) << "no other is started for it";
  EXPECT_FALSE(at(1).is_leaving());
}

TEST_F(lives_test, gives_each_a_share_that_is_shorter_for_some) {
  spec.restarts.recycle_after = 100;
  spec.restarts.recycle_jitter = 0.5;
  make_ready(8);
  std::map<std::uint64_t, int> shares;
  for (unsigned i = 0; i < 8; ++i) {
    const auto share = at(i).left_of_share(0);
    EXPECT_GE(share, 50u);
    EXPECT_LE(share, 100u);
    ++shares[share];
  }
  EXPECT_GT(shares.size(), 4u);
}

TEST_F(lives_test, has_a_replacement_ready_before_a_share_is_over) {
  spec.restarts.recycle_after = 80;
  make_ready(2);
  at(0).answers(60);
  at(0).heed_share(9);
  EXPECT_FALSE(at(0).is_leaving());
  at(0).heed_share(10);
  EXPECT_TRUE(at(0).is_leaving());
  EXPECT_EQ(at(0).left_of_share(10), 10u);
  lives->keep(wanted, now);
  EXPECT_EQ(ordered(), strings{"start 2"});
  const auto load = [](unsigned i) { return i == 0 ? std::size_t{10} : std::size_t{0}; };
  lives->replace_leaving(wanted, load);
  EXPECT_EQ(ordered(), strings{});
  ready(2);
  lives->replace_leaving(wanted, load);
  EXPECT_EQ(ordered(), strings{"stop 0"});
}

TEST_F(lives_test, lets_who_has_done_its_share_go_before_its_replacement_is_ready) {
  spec.restarts.recycle_after = 10;
  make_ready(1);
  at(0).answers(10);
  at(0).heed_share(0);
  lives->keep(wanted, now);
  lives->replace_leaving(wanted, no_load);
  EXPECT_EQ(ordered(), (strings{"start 1", "stop 0"}));
}

TEST_F(lives_test, has_no_more_than_twice_as_many_as_are_wanted) {
  spec.restarts.recycle_after = 10;
  make_ready(2);
  const auto load = [](unsigned) { return std::size_t{1}; };
  for (unsigned turn = 0; turn < 3; ++turn) {
    for (unsigned i = 0; i < lives->size(); ++i) {
      if (at(i).is_starting()) ready(i);
      if (!at(i).is_ready()) continue;
      at(i).answers(10);
      at(i).heed_share(0);
    }
    lives->keep(wanted, now);
    lives->replace_leaving(wanted, load);
  }
  EXPECT_EQ(lives->size(), 4u);
}

TEST_F(lives_test, asks_a_process_to_end_before_it_is_killed_and_a_thread_never) {
  make_ready(1);
  lives->end(at(0), make_cause(cause_class::killed, "x"), false, now);
  EXPECT_EQ(ordered(), strings{"terminate 0"});
  EXPECT_EQ(at(0).due(), now + milliseconds{50});
  lives->on_time(at(0), at(0).due());
  EXPECT_EQ(ordered(), strings{"kill 0"});

  spec.runs_in = rung::thread;
  make_ready(1);
  lives->end(at(0), make_cause(cause_class::killed, "x"), false, now);
  EXPECT_EQ(ordered(), strings{"kill 0"});
}

TEST_F(lives_test, makes_one_end_that_was_asked_and_stays_with_nothing_to_do) {
  make_ready(1);
  lives->retire(at(0));
  EXPECT_EQ(at(0).idle_end_at(), time_point::max()) << "it may have work for as long as that takes";
  lives->hurry(at(0), now);
  EXPECT_EQ(at(0).idle_end_at(), now + milliseconds{400});
  lives->hurry(at(0), now + milliseconds{399});
  EXPECT_EQ(ordered(), strings{"stop 0"});
  lives->hurry(at(0), now + milliseconds{400});
  EXPECT_EQ(ordered(), strings{"kill 0"});
}

TEST_F(lives_test, asks_all_to_end_and_harder_who_is_in_the_middle_of_something) {
  make_ready(3);
  wanted = 4;
  lives->keep(wanted, now);
  lives->end(at(2), make_cause(cause_class::killed, "x"), false, now);
  ordered();
  for (unsigned i = 0; i < 4; ++i) lives->ask_to_end(at(i), i != 0);
  EXPECT_EQ(ordered(), (strings{"stop 0", "stop 1", "terminate 1", "stop 2", "stop 3", "terminate 3"}));
  lives->terminate_asked();
  EXPECT_EQ(ordered(), (strings{"terminate 0", "terminate 1", "terminate 2", "terminate 3"}));
  lives->ended(at(0));
  told();
  lives->kill_asked(now);
  EXPECT_EQ(ordered(), (strings{"kill 1", "kill 2", "kill 3"}));
  EXPECT_EQ(told(), (kinds{event_kind::warn, event_kind::warn, event_kind::warn}));
  EXPECT_FALSE(lives->all_down());
  for (unsigned i = 1; i < 4; ++i) lives->ended(at(i));
  EXPECT_TRUE(lives->all_down());
}

TEST_F(lives_test, ends_all_at_once_and_starts_nobody_who_waits) {
  make_ready(2);
  lives->keep(3, now);
  wanted = 3;
  dies(2);
  dies(2);
  ASSERT_TRUE(at(2).is_waiting());
  ordered();
  lives->end_all(make_cause(cause_class::killed, "x"), now);
  EXPECT_EQ(ordered(), (strings{"kill 0", "kill 1"}));
  EXPECT_TRUE(at(2).is_down());
}

TEST_F(lives_test, gives_its_time_again_to_who_was_to_come_or_go_while_nobody_looked) {
  make_ready(2);
  lives->keep(3, now);
  lives->end(at(0), make_cause(cause_class::killed, "x"), false, now);
  lives->retire(at(1));
  lives->hurry(at(1), now);
  now += std::chrono::hours(1);
  for (unsigned i = 0; i < 3; ++i) lives->catch_up(at(i), false, now);
  EXPECT_EQ(at(0).due(), now + milliseconds{50});
  EXPECT_EQ(at(1).idle_end_at(), now + milliseconds{400});
  EXPECT_EQ(at(2).due(), now + milliseconds{1'000});
}

/// The driver's side of the orders: who is there, and who of these was asked to go.
struct driver_view {
  struct one {
    std::uint64_t incarnation = 0;
    bool alive = false;
    bool asked = false;
  };
  std::map<unsigned, one> all;

  void take(const act::start& x) {
    auto& w = all[x.worker.index];
    EXPECT_FALSE(w.alive) << "two at one place";
    EXPECT_EQ(x.worker.incarnation, w.incarnation + 1);
    w = {x.worker.incarnation, true, false};
  }
  void take(const act::stop& x) { ask(x.worker); }
  void take(const act::terminate& x) { ask(x.worker); }
  void take(const act::kill& x) { ask(x.worker); }
  template <class Other>
  void take(const Other&) {
    ADD_FAILURE() << "an order that is not about lives";
  }
  void ask(worker_ref ref) {
    auto& w = all[ref.index];
    EXPECT_TRUE(w.alive && w.incarnation == ref.incarnation) << "an order for nobody";
    w.asked = true;
  }
};

TEST_F(lives_test, orders_only_what_can_be_done_and_comes_to_what_is_wanted_whatever_dies) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&random](unsigned n) { return static_cast<unsigned>(random() % n); };
    spec.restarts.worker_restarts = {1'000'000, milliseconds{1}};
    spec.restarts.recycle_after = pick(3) == 0 ? 5 : 0;
    orders.clear();
    make(1 + pick(4));
    driver_view driver;
    const auto drive = [&] {
      for (const auto& one : std::exchange(orders, {})) std::visit([&driver](const auto& x) { driver.take(x); }, one);
    };
    for (int turn = 0; turn < 300; ++turn) {
      const bool kind = turn > 200;
      now += milliseconds{1 + pick(300)};
      drive();
      if (!kind && pick(10) == 0) {
        wanted = 1 + pick(4);
        lives->keep(wanted, now);
        lives->let_go(wanted, no_load);
        drive();
      }
      for (unsigned i = 0; i < lives->size(); ++i) {
        auto& w = at(i);
        if (now >= w.due()) lives->on_time(w, now);
        drive();
        if (!w.exists()) continue;
        const auto& real = driver.all[i];
        if ((real.asked && pick(2) == 0) || (!kind && pick(20) == 0)) {
          if (w.is_retiring()) {
            lives->ended_as_planned(w, "as asked", now);
            lives->keep(wanted, now);
          } else {
            ASSERT_NE(dies(i), next::give_up);
          }
          driver.all[i].alive = false;
        } else if (w.is_starting() && pick(2) == 0) {
          ready(i);
          if (lives->is_scarce()) lives->keep(wanted, now);
        } else if (w.is_ready()) {
          w.answers(kind ? 0 : pick(2));
          w.heed_share(0);
          if (w.is_leaving()) {
            lives->keep(wanted, now);
            lives->replace_leaving(wanted, no_load);
          }
        }
        drive();
        ASSERT_LE(lives->living(), std::max(wanted, 4u));
      }
      ASSERT_FALSE(HasFailure()) << "seed " << seed << ", turn " << turn;
    }
    EXPECT_EQ(lives->living(), wanted) << "seed " << seed;
    EXPECT_TRUE(lives->all_came()) << "seed " << seed;
    std::size_t there = 0;
    for (const auto& [i, w] : driver.all) there += w.alive ? 1U : 0U;
    EXPECT_EQ(there, wanted) << "seed " << seed;
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace steward::test
