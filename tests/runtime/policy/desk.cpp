#include "policy/desk.hpp"

#include "machine_support.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace steward::policy::testing_support {
namespace {

machine_options unlimited(strategy how) { return options(how, {10'000'000, 3'600s}); }

/// Children that never wait for anything: no limits, no delays.
child_policy tireless() {
  auto out = stopping_within(eager(), infinity);
  out.start_within = infinity;
  return out;
}

std::unique_ptr<supervisor_machine> machine_of(child_number size, machine_options how) {
  auto out = std::make_unique<supervisor_machine>(how);
  for (child_number i = 1; i <= size; ++i) out->add(i, shared(tireless()));
  return out;
}

std::size_t starts_in(const actions& all) {
  return static_cast<std::size_t>(std::count_if(
      all.begin(), all.end(), [](const auto& x) { return std::holds_alternative<action::start_child>(x); }));
}

/// A desk whose one child is up, and whose actions were taken.
struct desk_with_one {
  desk_with_one() {
    desk.install(machine_of(1, unlimited(strategy::one_for_one)));
    desk.feed([](auto& m) { return m.start(origin); });
    desk.ready(1, 1, origin, "");
    desk.take();
    pokes = 0;
  }
  int pokes = 0;
  supervisor_desk desk{[this] { ++pokes; }};
};

TEST(supervisor_desk, hands_a_restart_that_is_due_at_once_to_whoever_told_of_the_crash) {
  desk_with_one x;
  EXPECT_EQ(x.desk.exited(1, 1, crash_info(), origin), std::uint64_t{2});
  x.desk.ready(1, 2, origin, "");
  const auto log = x.desk.take();
  EXPECT_EQ(starts_in(log), 1U);
  EXPECT_TRUE(x.desk.look([](const auto& m) { return m.state_of(1) == child_state::up; }, false));
}

TEST(supervisor_desk, does_not_hand_out_what_is_not_due_or_not_current) {
  desk_with_one x;
  EXPECT_EQ(x.desk.exited(1, 7, crash_info(), origin), std::nullopt) << "an incarnation that never was";
  EXPECT_EQ(x.desk.exited(2, 1, crash_info(), origin), std::nullopt) << "a child that never was";
  EXPECT_EQ(x.desk.feed([](auto& m) { return m.stop(origin); }), true);
  EXPECT_EQ(x.desk.exited(1, 1, crash_info(), origin), std::nullopt) << "it is being stopped";
}

TEST(supervisor_desk, pokes_once_until_its_actions_are_taken) {
  desk_with_one x;
  x.desk.exited(1, 1, crash_info(), origin);
  x.desk.ready(1, 2, origin, "");
  EXPECT_EQ(x.pokes, 1);
  EXPECT_FALSE(x.desk.take().empty());
  EXPECT_TRUE(x.desk.take().empty());
  x.desk.exited(1, 2, crash_info(), origin);
  EXPECT_EQ(x.pokes, 2);
}

TEST(supervisor_desk, does_not_poke_for_nothing) {
  desk_with_one x;
  x.desk.exited(1, 9, crash_info(), origin);
  x.desk.ready(1, 9, origin, "");
  x.desk.ready(3, 1, origin, "");
  EXPECT_EQ(x.pokes, 0);
  x.desk.feed([](auto& m) { return m.stop(origin); });
  EXPECT_EQ(x.pokes, 0) << "the owner knows what it does";
}

TEST(supervisor_desk, without_a_machine_does_nothing) {
  desk_with_one x;
  x.desk.remove();
  EXPECT_EQ(x.desk.exited(1, 1, crash_info(), origin), std::nullopt);
  x.desk.ready(1, 1, origin, "");
  EXPECT_FALSE(x.desk.feed([](auto& m) { return m.stop(origin); }));
  EXPECT_EQ(x.desk.look([](const auto&) { return 1; }, 2), 2);
  EXPECT_TRUE(x.desk.take().empty());
  EXPECT_EQ(x.pokes, 0);
}

TEST(supervisor_desk, drops_the_actions_of_a_machine_that_is_replaced_and_pokes_for_the_new_one) {
  desk_with_one x;
  x.desk.exited(1, 1, crash_info(), origin);
  EXPECT_EQ(x.pokes, 1);
  x.desk.install(machine_of(1, unlimited(strategy::one_for_one)));
  x.desk.feed([](auto& m) { return m.start(origin); });
  EXPECT_EQ(starts_in(x.desk.take()), 1U) << "of the new one only";
  x.desk.ready(1, 1, origin, "");
  x.desk.install(machine_of(1, unlimited(strategy::one_for_one)));
  x.desk.feed([](auto& m) { return m.start(origin); });
  const auto before = x.pokes;
  x.desk.ready(1, 1, origin, "");
  EXPECT_EQ(x.pokes, before + 1) << "the poke about the old one may have been dropped";
}

TEST(supervisor_desk, lets_a_storm_of_crashes_wait_when_its_owner_is_slow) {
  desk_with_one x;
  std::uint64_t incarnation = 1;
  while (const auto mine = x.desk.exited(1, incarnation, crash_info(), origin)) {
    incarnation = *mine;
    x.desk.ready(1, incarnation, origin, "");
    ASSERT_LT(incarnation, 2 * supervisor_desk::max_backlog);
  }
  auto log = x.desk.take();
  EXPECT_GE(log.size(), supervisor_desk::max_backlog);
  EXPECT_LE(log.size(), supervisor_desk::max_backlog + 8);
  EXPECT_EQ(starts_in(log), incarnation) << "none was lost, the one that waits included";
  const auto* last = std::get_if<action::start_child>(&log.back());
  ASSERT_NE(last, nullptr);
  EXPECT_FALSE(last->in_place) << "the owner begins this one";
  x.desk.ready(1, last->incarnation, origin, "");
  EXPECT_TRUE(x.desk.exited(1, last->incarnation, crash_info(), origin)) << "the backlog is gone";
}

/// A desk that gathers, in the midst of that: it poked, its actions were taken, and a look is due.
struct gathering_desk {
  gathering_desk() {
    desk.install(machine_of(3, unlimited(strategy::one_for_one)));
    desk.feed([](auto& m) { return m.start(origin); });
    for (child_number i = 1; i <= 3; ++i) desk.ready(i, 1, origin, "");
    std::vector<actions> batches;
    EXPECT_TRUE(desk.take(batches)) << "it was poked, and wants to be looked at";
    for (auto& batch : batches) batch.clear();
    EXPECT_FALSE(desk.take(batches)) << "one look is enough";
    pokes = 0;
  }
  int pokes = 0;
  supervisor_desk desk{[this] { ++pokes; }, milliseconds{1}};
};

TEST(supervisor_desk, that_gathers_is_silent_about_what_can_wait_for_the_next_look) {
  gathering_desk x;
  EXPECT_EQ(x.desk.exited(1, 1, crash_info(), origin), std::uint64_t{2});
  x.desk.ready(1, 2, origin, "");
  EXPECT_EQ(x.pokes, 0);
  EXPECT_TRUE(x.desk.look_again()) << "there is something to take";
  EXPECT_EQ(starts_in(x.desk.take()), 1U);
  EXPECT_FALSE(x.desk.look_again()) << "the storm is over";
  x.desk.exited(1, 2, crash_info(), origin);
  EXPECT_EQ(x.pokes, 1) << "the first one after a calm is told at once";
}

TEST(supervisor_desk, that_gathers_keeps_on_while_there_is_something_at_each_look) {
  gathering_desk x;
  for (std::uint64_t n = 1; n < 100; ++n) {
    EXPECT_EQ(x.desk.exited(1, n, crash_info(), origin), n + 1);
    x.desk.ready(1, n + 1, origin, "");
    EXPECT_TRUE(x.desk.look_again());
    EXPECT_EQ(starts_in(x.desk.take()), 1U);
  }
  EXPECT_EQ(x.pokes, 0);
}

TEST(supervisor_desk, that_gathers_pokes_at_once_for_what_its_owner_must_do) {
  gathering_desk x;
  auto how = crash_info();
  how.rule = verdict::stop;
  EXPECT_EQ(x.desk.exited(2, 1, how, origin), std::nullopt);
  EXPECT_EQ(x.pokes, 1) << "the owner stops what is left of it";
  x.desk.exited(1, 1, crash_info(), origin);
  EXPECT_EQ(x.pokes, 1) << "it is on its way";
  x.desk.ready(1, 2, origin, "");
  x.desk.take();
  x.desk.exited(1, 2, crash_info(), origin);
  EXPECT_EQ(x.pokes, 1) << "and still gathers";
}

/// Pokes for a restart that waits this long, at a desk that gathers.
int pokes_for_delay(milliseconds delay) {
  int pokes = 0;
  supervisor_desk desk{[&] { ++pokes; }, milliseconds{1}};
  auto machine = std::make_unique<supervisor_machine>(unlimited(strategy::one_for_one));
  auto policy = tireless();
  policy.delays = {delay, delay, 1.0, 0.0, milliseconds{1'000}};
  machine->add(1, shared(policy));
  desk.install(std::move(machine));
  desk.feed([](auto& m) { return m.start(origin); });
  desk.ready(1, 1, origin, "");
  EXPECT_EQ(desk.exited(1, 1, crash_info(), origin), std::uint64_t{2}) << "the first is at once";
  desk.ready(1, 2, origin, "");
  std::vector<actions> batches;
  desk.take(batches);
  pokes = 0;
  EXPECT_EQ(desk.exited(1, 2, crash_info(), origin), std::nullopt);
  EXPECT_TRUE(desk.look_again()) << "the timer is there to be taken";
  return pokes;
}

TEST(supervisor_desk, that_gathers_pokes_for_timers_that_are_due_soon) {
  EXPECT_EQ(pokes_for_delay(milliseconds{1}), 1);
  EXPECT_EQ(pokes_for_delay(milliseconds{3}), 1);
  EXPECT_EQ(pokes_for_delay(milliseconds{100}), 0);
}

TEST(supervisor_desk, that_gathers_pokes_when_its_queue_grows_long) {
  gathering_desk x;
  std::uint64_t incarnation = 1;
  while (x.pokes == 0) {
    const auto mine = x.desk.exited(1, incarnation, crash_info(), origin);
    ASSERT_TRUE(mine);
    incarnation = *mine;
    x.desk.ready(1, incarnation, origin, "");
    ASSERT_LT(incarnation, 2 * supervisor_desk::long_queue);
  }
  EXPECT_GE(x.desk.take().size(), supervisor_desk::long_queue);
}

TEST(supervisor_desk, that_gathers_forgets_that_with_its_machine) {
  gathering_desk x;
  x.desk.install(machine_of(1, unlimited(strategy::one_for_one)));
  x.desk.feed([](auto& m) { return m.start(origin); });
  x.desk.ready(1, 1, origin, "");
  EXPECT_EQ(x.pokes, 1);
}

TEST(supervisor_desk, uses_the_room_of_what_was_taken_again) {
  gathering_desk x;
  std::vector<actions> batches;
  for (std::uint64_t n = 1; n < 20; ++n) {
    ASSERT_EQ(x.desk.exited(1, n, crash_info(), origin), n + 1);
    x.desk.ready(1, n + 1, origin, "");
    ASSERT_TRUE(x.desk.look_again());
    x.desk.take(batches);
    ASSERT_EQ(batches.size(), 2U);
    EXPECT_FALSE(batches[0].empty());
    EXPECT_FALSE(batches[1].empty());
    for (auto& batch : batches) batch.clear();
  }
}

/// Actors on threads that crash all the time, an owner that carries out what the desk says, and an administrator.
class storm {
public:
  static constexpr child_number children = 6;
  static constexpr int threads = 3;
  static constexpr int crashes = 300;  // of one child at most; then it lives on

  explicit storm(strategy how, milliseconds gather = milliseconds{0}) : desk_([this] { poke(); }, gather) {
    desk_.install(machine_of(children, unlimited(how)));
    desk_.feed([](auto& m) { return m.start(std::chrono::steady_clock::now()); });
    poke();
  }

  /// `rounds` of administration, then a stop.
  void run(int rounds) {
    std::vector<std::thread> all;
    for (int n = 0; n < threads; ++n) all.emplace_back([this, n] { act(n); });
    all.emplace_back([this, rounds] { administer(rounds); });
    own();
    for (auto& t : all) t.join();
    check();
  }

private:
  /// What the owner tells a child.
  struct mail {
    std::uint64_t incarnation = 0;
    int handed_out = 0;  // incarnations that its thread began in place
    int crashed = 0;
  };

  static time_point now() { return std::chrono::steady_clock::now(); }

  void poke() {
    {
      std::lock_guard guard{mutex_};
      poked_ = true;
    }
    changed_.notify_all();
  }

  /// The cells of every third child.
  void act(int n) {
    std::map<child_number, std::uint64_t> lives;
    for (child_number i = 1 + static_cast<child_number>(n); i <= children; i += threads) lives[i] = 0;
    while (true) {
      {
        std::unique_lock guard{mutex_};
        const auto news = [&] {
          return over_ || std::any_of(lives.begin(), lives.end(),
                                      [&](const auto& x) { return mails_[x.first].incarnation > x.second; });
        };
        changed_.wait(guard, news);
        if (over_) return;
      }
      for (auto& [i, incarnation] : lives) live(i, incarnation);
    }
  }

  void live(child_number i, std::uint64_t& incarnation) {
    auto& x = mails_[i];
    {
      std::lock_guard guard{mutex_};
      if (x.incarnation <= incarnation) return;
      incarnation = x.incarnation;
    }
    desk_.ready(i, incarnation, now(), "");
    for (int n = 0; n < 50; ++n) {
      {
        std::lock_guard guard{mutex_};
        if (++x.crashed > crashes) return;
      }
      const auto mine = desk_.exited(i, incarnation, crash_info(), now());
      if (!mine) return;
      EXPECT_EQ(*mine, incarnation + 1);
      incarnation = *mine;
      {
        std::lock_guard guard{mutex_};
        ++x.handed_out;
      }
      desk_.ready(i, incarnation, now(), "");
    }
    // Once more, so that the other children of this thread have their turn before this one goes on.
    if (const auto mine = desk_.exited(i, incarnation, crash_info(), now())) {
      std::lock_guard guard{mutex_};
      ++x.handed_out;
      x.incarnation = *mine;  // it tells itself
    }
  }

  void administer(int rounds) {
    request_number r = 0;
    for (int n = 0; n < rounds; ++n) {
      const auto i = 1 + static_cast<child_number>(n) % children;
      desk_.feed([&](auto& m) { return m.terminate_child(i, ++r, now()); });
      desk_.feed([&](auto& m) { return m.restart_child(i, ++r, now()); });
      poke();
      EXPECT_TRUE(desk_.look([](const auto& m) { return m.size() == children; }, false));
      std::this_thread::yield();
    }
    desk_.feed([&](auto& m) { return m.stop(now()); });
    requests_ = r;
    poke();
  }

  void own() {
    while (true) {
      {
        std::unique_lock guard{mutex_};
        changed_.wait(guard, [this] { return poked_ || looks_; });
        poked_ = false;
      }
      if (looks_) looks_ = desk_.look_again();
      while (carry_out_all()) {
      }
      std::lock_guard guard{mutex_};
      if (!ended_) continue;
      over_ = true;
      changed_.notify_all();
      return;
    }
  }

  /// False when there was nothing.
  bool carry_out_all() {
    std::size_t done = 0;
    looks_ = desk_.take(batches_) || looks_;
    for (auto& batch : batches_) {
      done += batch.size();
      for (const auto& a : batch) {
        EXPECT_FALSE(ended_ && !std::holds_alternative<action::reply>(a)) << "an action after the end";
        std::visit([this](const auto& x) { perform(x); }, a);
      }
      batch.clear();
    }
    largest_batch_ = std::max(largest_batch_, done);
    return done > 0;
  }

  void perform(const action::start_child& x) {
    EXPECT_EQ(x.incarnation, ++starts_[x.child]) << "a start of " << x.child << " was lost or is out of order";
    in_place_[x.child] += x.in_place ? 1 : 0;
    if (x.in_place) return;
    {
      std::lock_guard guard{mutex_};
      mails_[x.child].incarnation = x.incarnation;
    }
    changed_.notify_all();
  }
  void perform(const action::stop_child& x) {
    desk_.feed([&](auto& m) { return m.child_stopped(x.child, now()); });
  }
  void perform(action::note x) {
    if (!x.about) return;
    auto& last = notes_[*x.about];
    const auto n = x.take().incarnation.value_or(last);
    EXPECT_GE(n, last) << "events out of order";
    last = n;
  }
  void perform(const action::reply& x) {
    EXPECT_TRUE(replies_.emplace(x.request, x.code).second) << "request " << x.request << " was answered twice";
  }
  void perform(const action::ended&) { ended_ = true; }
  template <class T>
  void perform(const T&) {}

  void check() {
    EXPECT_EQ(replies_.size(), requests_) << "each request is answered once";
    for (child_number i = 1; i <= children; ++i)
      EXPECT_EQ(in_place_[i], mails_[i].handed_out) << "what was handed out to " << i << " and what was logged differ";
    EXPECT_LE(largest_batch_, supervisor_desk::max_backlog + children * 8 + 100);
    EXPECT_TRUE(desk_.take().empty());
    EXPECT_TRUE(desk_.look([](const auto& m) { return m.over(); }, false));
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool poked_ = false;
  bool over_ = false;
  std::array<mail, children + 1> mails_;
  supervisor_desk desk_;
  // Of the owner:
  bool looks_ = false;  // a look is due: this owner is always about to look
  std::vector<actions> batches_;
  bool ended_ = false;
  std::map<child_number, std::uint64_t> starts_;
  std::map<child_number, int> in_place_;
  std::map<child_number, std::uint64_t> notes_;
  std::map<request_number, admin_code> replies_;
  std::size_t largest_batch_ = 0;
  std::atomic<request_number> requests_ = 0;
};

TEST(supervisor_desk, loses_nothing_while_threads_crash_and_another_administers) {
  storm{strategy::one_for_one}.run(200);
}

TEST(supervisor_desk, loses_nothing_with_dynamic_children_that_are_stopped_at_once) {
  storm{strategy::simple_one_for_one}.run(0);
}

TEST(supervisor_desk, loses_nothing_while_a_group_restarts_again_and_again) { storm{strategy::one_for_all}.run(100); }

TEST(supervisor_desk, loses_nothing_while_it_gathers) {
  storm{strategy::one_for_one, milliseconds{1}}.run(200);
  storm{strategy::simple_one_for_one, milliseconds{1}}.run(0);
  storm{strategy::one_for_all, milliseconds{1}}.run(50);
}

TEST(supervisor_desk, loses_nothing_when_it_is_stopped_amid_a_storm) {
  for (int n = 0; n < 10; ++n) storm{n % 2 == 0 ? strategy::one_for_one : strategy::rest_for_one}.run(n);
}

}  // namespace
}  // namespace steward::policy::testing_support
