#include "cell_alone.hpp"

#include <caf/skip.hpp>

// Messages that an actor has set to come later, and the end of the incarnation that has set them.

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

std::vector<std::string>& said() {
  static std::vector<std::string> all;
  return all;
}

/// Ticks by itself from its start on, and crashes when it is told a number.
class ticker {
public:
  explicit ticker(self_ptr self) : self_(self) {}
  caf::behavior make_behavior() {
    tell_after(self_, 20ms, handle_of(self_), caf::tick_atom::value);
    return {[this](caf::tick_atom) {
              said().push_back("tick");
              tell_after(self_, 20ms, handle_of(self_), caf::tick_atom::value);
            },
            [](std::int64_t) { throw std::runtime_error("boom"); }};
  }

private:
  self_ptr self_;
};

/// Does with timers what it is told by name.
class scheduler {
public:
  explicit scheduler(self_ptr self) : self_(self) {}
  caf::behavior make_behavior() {
    return {
        [](const std::string& what) { said().push_back(what); },
        [this](caf::put_atom, std::int64_t ms) {
          latest_ = tell_after(self_, milliseconds{ms}, handle_of(self_), "after " + std::to_string(ms));
        },
        [this](caf::put_atom, const std::string& name, std::int64_t ms) {
          latest_ = tell_after(self_, name, milliseconds{ms}, handle_of(self_), name + " " + std::to_string(ms));
        },
        [this](caf::tick_atom, std::int64_t ms) { latest_ = every(self_, milliseconds{ms}, std::string{"tick"}); },
        [this](caf::delete_atom) { return latest_.cancel(); },
        [this](caf::get_atom) { return latest_.waits(); },
        [this](caf::add_atom, const caf::actor& other, std::int64_t ms) {
          tell_after(self_, milliseconds{ms}, other, std::string{"from another"});
        },
        [this](caf::tick_atom, const std::string& name, std::int64_t ms) {
          every(self_, name, milliseconds{ms}, name);
        },
        [](crash_atom) -> caf::result<void> { throw std::runtime_error("boom"); },
        [this](caf::ok_atom) { self_->delayed_send(self_, 10ms, std::string{"raw"}); },
        [this](caf::join_atom, const caf::actor& other) {
          self_->request(other, caf::infinite, caf::get_atom::value).await([](bool) { said().push_back("answered"); });
        },
    };
  }

private:
  self_ptr self_;
  timer latest_;
};

class cell_timers : public cell_alone {
protected:
  cell_timers() { said().clear(); }

  /// The cell has no machine that would restart it: that is for the test.
  void crash_and_restart(std::uint64_t next) {
    send(crash_atom::value);
    run();
    incarnate(next);
  }
  std::size_t count(const std::string& what) const {
    return static_cast<std::size_t>(std::count(said().begin(), said().end(), what));
  }
};

TEST_F(cell_timers, an_actor_that_ticks_ticks_as_often_after_five_crashes) {
  start<ticker>();
  for (std::uint64_t n = 2; n <= 6; ++n) {
    send(std::int64_t{1});
    run();
    incarnate(n);
  }
  said().clear();
  for (int i = 0; i < 15; ++i) advance(20ms);
  EXPECT_EQ(count("tick"), 15U);
}

TEST_F(cell_timers, a_timer_whose_time_has_come_does_not_reach_the_next_incarnation) {
  start<scheduler>();
  send(caf::put_atom::value, std::int64_t{10});
  run();
  send(crash_atom::value);
  scheduler_->advance_time(10ms);  // now it waits behind the crash
  run();
  incarnate(2);
  advance(1s);
  EXPECT_EQ(count("after 10"), 0U);
}

TEST_F(cell_timers, timers_end_when_the_cell_is_held) {
  start<scheduler>();
  send(caf::put_atom::value, std::int64_t{10});
  run();
  hold();
  incarnate(2);
  advance(1s);
  EXPECT_TRUE(said().empty());
}

TEST_F(cell_timers, a_timer_to_another_actor_ends_with_its_incarnation_too) {
  start<scheduler>();
  other_ = make<scheduler>();
  incarnate(other_, 1);
  send(caf::add_atom::value, other_, std::int64_t{10});
  run();
  advance(10ms);
  EXPECT_EQ(count("from another"), 1U);
  send(caf::add_atom::value, other_, std::int64_t{10});
  run();
  crash_and_restart(2);
  advance(1s);
  EXPECT_EQ(count("from another"), 1U);
}

TEST_F(cell_timers, go_off_in_the_order_of_their_times) {
  start<scheduler>();
  for (const std::int64_t ms : {30, 10, 0, 20, -5}) send(caf::put_atom::value, ms);
  run();
  advance(100ms);
  EXPECT_EQ(said(), (std::vector<std::string>{"after 0", "after -5", "after 10", "after 20", "after 30"}));
}

TEST_F(cell_timers, a_cancelled_timer_does_not_go_off_though_its_time_has_come) {
  start<scheduler>();
  send(caf::put_atom::value, std::int64_t{10});
  run();
  auto cancel = request(caf::delete_atom::value);  // handled before the timer that is due by then
  scheduler_->advance_time(10ms);
  run();
  EXPECT_TRUE(said().empty());
  auto waits = request(caf::get_atom::value);
  run();
  advance(1s);
  EXPECT_TRUE(said().empty());
}

TEST_F(cell_timers, a_timer_that_is_set_again_under_its_name_replaces_the_former) {
  start<scheduler>();
  for (const std::int64_t ms : {30, 10, 20}) send(caf::put_atom::value, std::string{"idle"}, ms);
  send(caf::put_atom::value, std::string{"other"}, std::int64_t{5});
  run();
  advance(1s);
  EXPECT_EQ(said(), (std::vector<std::string>{"other 5", "idle 20"}));
}

TEST_F(cell_timers, a_timer_that_repeats_keeps_its_pace_and_makes_up_for_nothing) {
  start<scheduler>();
  send(caf::tick_atom::value, std::int64_t{10});
  run();
  for (int i = 0; i < 5; ++i) advance(10ms);
  EXPECT_EQ(count("tick"), 5U);
  advance(35ms);
  EXPECT_EQ(count("tick"), 6U) << "one for three periods";
  advance(5ms);
  EXPECT_EQ(count("tick"), 7U) << "the pace is the old one";
  send(caf::delete_atom::value);
  run();
  advance(1s);
  EXPECT_EQ(count("tick"), 7U);
}

TEST_F(cell_timers, a_timer_that_repeats_ends_with_its_incarnation) {
  start<scheduler>();
  for (std::uint64_t n = 2; n <= 5; ++n) {
    send(caf::tick_atom::value, std::string{"beat"}, std::int64_t{10});
    run();
    crash_and_restart(n);
  }
  advance(1s);
  EXPECT_TRUE(said().empty());
}

TEST_F(cell_timers, are_counted_like_messages_once_they_are_handled) {
  start<scheduler>();
  send(caf::put_atom::value, std::int64_t{10});
  send(caf::put_atom::value, std::int64_t{20});
  run();
  advance(10ms);
  EXPECT_EQ(counts().handled, 3U);
  EXPECT_EQ(counts().waiting, 0U);
  crash_and_restart(2);
  expect_sound(counts());
}

TEST_F(cell_timers, wait_for_the_response_that_the_actor_awaits) {
  start<scheduler>();
  other_ = make<scheduler>();  // without an incarnation: it does not answer
  send(caf::put_atom::value, std::int64_t{10});
  send(caf::join_atom::value, other_);
  run();
  advance(1s);
  EXPECT_TRUE(said().empty());
  incarnate(other_, 1);
  EXPECT_EQ(said(), (std::vector<std::string>{"answered", "after 10"}));
}

TEST_F(cell_timers, what_a_timers_handler_throws_is_a_crash_and_its_message_is_not_handled_again) {
  class thrower {
  public:
    explicit thrower(self_ptr self) : self_(self) {}
    caf::behavior make_behavior() {
      tell_after(self_, 10ms, handle_of(self_), caf::tick_atom::value);
      tell_after(self_, 10ms, handle_of(self_), std::string{"the next one"});
      return {[](caf::tick_atom) { throw std::runtime_error("late"); },
              [](const std::string& what) { said().push_back(what); }};
    }

  private:
    self_ptr self_;
  };
  kind().redeliver = 5;
  start<thrower>();
  advance(10ms);
  incarnate(2);
  EXPECT_TRUE(said().empty());
  EXPECT_EQ(counts().dead, 1U);
  expect_sound(counts());
}

TEST_F(cell_timers, a_message_that_the_behaviour_skips_comes_again) {
  class moody {
  public:
    explicit moody(self_ptr self) : self_(self) {}
    caf::behavior make_behavior() {
      self_->set_default_handler(caf::skip);
      tell_after(self_, 10ms, handle_of(self_), caf::tick_atom::value);
      return {[this](caf::ok_atom) {
        self_->become([](caf::tick_atom) { said().push_back("tick"); }, [](caf::ok_atom) {});
      }};
    }

  private:
    self_ptr self_;
  };
  start<moody>();
  advance(10ms);
  EXPECT_TRUE(said().empty());
  send(caf::ok_atom::value);
  run();
  EXPECT_EQ(count("tick"), 1U);
  expect_sound(counts());
}

TEST_F(cell_timers, a_delayed_message_of_cafs_own_to_oneself_is_refused_and_says_what_to_use) {
  start<scheduler>();
  send(caf::ok_atom::value);
  run();
  advance(10ms);
  EXPECT_TRUE(said().empty());
  const auto told = events_of(event_kind::warn);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0].text.find("tell_after"), std::string::npos) << told[0].text;
  expect_sound(counts());
}

TEST_F(cell_timers, a_period_of_nothing_is_refused) {
  class restless {
  public:
    explicit restless(self_ptr self) { every(self, 0ms, caf::tick_atom::value); }
    caf::behavior make_behavior() {
      return {[](caf::tick_atom) {}};
    }
  };
  start<restless>();
  ASSERT_EQ(reports_of(report::kind::start_failed).size(), 1U);
  EXPECT_EQ(reports_of(report::kind::start_failed)[0].why.exception, "std::invalid_argument");
}

TEST_F(cell_timers, a_hundred_thousand_are_set_and_cancelled) {
  class many {
  public:
    explicit many(self_ptr self) : self_(self) {}
    caf::behavior make_behavior() {
      return {[this](caf::put_atom, std::int64_t n) {
                for (std::int64_t i = 0; i < n; ++i)
                  all_.push_back(tell_after(self_, milliseconds{10 + i % 7}, handle_of(self_), caf::tick_atom::value));
                for (std::size_t i = 0; i < all_.size(); i += 2) cancelled_ += all_[i].cancel() ? 1 : 0;
                return cancelled_;
              },
              [](caf::tick_atom) { said().emplace_back("tick"); }};
    }

  private:
    self_ptr self_;
    std::vector<timer> all_;
    std::int64_t cancelled_ = 0;
  };
  start<many>();
  auto cancelled = request(caf::put_atom::value, std::int64_t{100'000});
  run();
  cancelled->look();
  EXPECT_EQ(cancelled->value, 50'000);
  advance(1s);
  EXPECT_EQ(count("tick"), 50'000U);
}

}  // namespace
