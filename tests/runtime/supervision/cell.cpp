#include "probe.hpp"
#include "tests/support/virtual_tree.hpp"

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

class cell : public virtual_tree {
protected:
  cell() {
    switches() = {};
    actor_type<probe>("probe");
  }
  void start_one(restart_type restart = restart_type::permanent, intensity limit = {100, 60s}) {
    start(tree({child("a", "probe", restart)}, limit));
    ASSERT_TRUE(started_);
    ASSERT_EQ(started_->failed_child, "");
  }
  static constexpr const char* path = "/root/a";
};

TEST_F(cell, answers_messages_like_any_actor) {
  start_one();
  EXPECT_EQ(ask<std::int64_t>(path, caf::add_atom::value, std::int64_t{2}), 2);
  EXPECT_EQ(ask<std::int64_t>(path, caf::add_atom::value, std::int64_t{3}), 5);
}

TEST_F(cell, answers_the_request_in_hand_at_once_with_type_and_text) {
  start_one();
  EXPECT_FALSE(ask<std::int64_t>(path, crash_atom::value));
  const auto crash = crash_of(error_);
  ASSERT_TRUE(crash) << describe(error_);
  EXPECT_EQ(crash->exception, "std::invalid_argument");
  EXPECT_EQ(crash->message, "boom");
}

TEST_F(cell, keeps_its_handle_and_begins_a_new_state) {
  start_one();
  const auto before = at(path);
  ask<std::int64_t>(path, caf::add_atom::value, std::int64_t{7});
  ask<std::int64_t>(path, crash_atom::value);
  EXPECT_EQ(at(path), before);
  EXPECT_EQ(ask<std::int64_t>(path, caf::add_atom::value, std::int64_t{1}), 1) << "the sum was not carried over";
  EXPECT_EQ(ask<std::uint64_t>(path, caf::get_atom::value), 2U);
  EXPECT_EQ(switches().alive, 1) << "the old state was destroyed";
}

TEST_F(cell, handles_a_hundred_messages_queued_behind_a_crash_in_order) {
  start_one();
  send(path, crash_atom::value);
  for (int i = 0; i < 100; ++i) send(path, caf::add_atom::value, std::int64_t{1});
  EXPECT_EQ(ask<std::int64_t>(path, caf::add_atom::value, std::int64_t{0}), 100);
}

TEST_F(cell, keeps_messages_through_a_back_off) {
  start_one();
  ask<std::int64_t>(path, crash_atom::value);  // restarted at once
  send(path, crash_atom::value);               // this one waits 100 ms
  for (int i = 0; i < 100; ++i) send(path, caf::add_atom::value, std::int64_t{1});
  caf::scoped_actor self{*system_};
  auto pending = port::ask(self.ptr(), at(path), caf::infinite, caf::add_atom::value, std::int64_t{0});
  run();
  EXPECT_EQ(switches().alive, 0) << "nothing runs during the back-off";
  advance(99ms);
  EXPECT_EQ(switches().alive, 0);
  advance(1ms);
  EXPECT_EQ(take<std::int64_t>(pending), 100);
  const auto crashes = events_of(event_kind::crash);
  ASSERT_EQ(crashes.size(), 2U);
  EXPECT_EQ(crashes[1].kept, 101U) << "the report says how many messages wait";
  EXPECT_EQ(crashes[1].decision->delay_ms, 100);
}

TEST_F(cell, survives_a_thousand_crashes_with_messages_between_them) {
  auto spec = child("a", "probe");
  spec.backoff = backoff_spec{0ms, 0ms, 1.0, 0.0, 30s};
  start(tree({spec}, {1'000'000, 60s}));
  for (int i = 0; i < 1'000; ++i) {
    send(path, crash_atom::value);
    send(path, caf::add_atom::value, std::int64_t{1});
    send(path, caf::add_atom::value, std::int64_t{1});
  }
  EXPECT_EQ(ask<std::int64_t>(path, caf::add_atom::value, std::int64_t{0}), 2) << "each state began anew";
  EXPECT_EQ(ask<std::uint64_t>(path, caf::get_atom::value), 1'001U);
  EXPECT_EQ(events_of(event_kind::crash).size(), 1'000U);
}

TEST_F(cell, reports_what_it_handled_when_it_crashed) {
  start_one();
  ask<std::int64_t>(path, crash_atom::value);
  const auto crashes = events_of(event_kind::crash);
  ASSERT_EQ(crashes.size(), 1U);
  EXPECT_EQ(crashes[0].actor, path);
  EXPECT_EQ(crashes[0].incarnation, 1U);
  EXPECT_EQ(crashes[0].why->cls, cause_class::exception);
  EXPECT_EQ(crashes[0].why->message, "boom");
  EXPECT_NE(crashes[0].text.find("crash"), std::string::npos) << crashes[0].text;
  const auto recovered = events_of(event_kind::recover);
  ASSERT_EQ(recovered.size(), 1U);
  EXPECT_EQ(recovered[0].incarnation, 2U);
}

TEST_F(cell, contains_what_is_no_exception) {
  start_one();
  switches().throws_an_int = true;
  EXPECT_FALSE(ask<std::int64_t>(path, crash_atom::value));
  ASSERT_TRUE(crash_of(error_));
  EXPECT_EQ(ask<std::uint64_t>(path, caf::get_atom::value), 2U);
}

TEST_F(cell, a_throwing_constructor_is_a_failed_start) {
  switches().constructor_throws = 1;
  start(tree({child("a", "probe")}));
  ASSERT_TRUE(started_);
  EXPECT_EQ(started_->failed_child, "/root/a");
  EXPECT_EQ(started_->why.message, "no constructor today");
  EXPECT_EQ(switches().alive, 0);
}

TEST_F(cell, a_throwing_init_is_a_failed_start) {
  switches().init_throws = 1;
  start(tree({child("a", "probe")}));
  ASSERT_TRUE(started_);
  EXPECT_EQ(started_->failed_child, "/root/a");
  EXPECT_EQ(started_->why.exception, "std::runtime_error");
  EXPECT_EQ(switches().alive, 0) << "the half-made state is gone";
}

TEST_F(cell, no_behaviour_is_a_failed_start) {
  switches().no_behavior = true;
  start(tree({child("a", "probe")}));
  ASSERT_TRUE(started_);
  EXPECT_EQ(started_->failed_child, "/root/a");
}

TEST_F(cell, quitting_while_it_starts_is_a_failed_start) {
  switches().quits_in_init = true;
  start(tree({child("a", "probe")}));
  ASSERT_TRUE(started_);
  EXPECT_EQ(started_->failed_child, "/root/a");
}

TEST_F(cell, an_unknown_actor_type_is_a_failed_start) {
  start(tree({child("a", "nobody")}));
  ASSERT_TRUE(started_);
  EXPECT_EQ(started_->failed_child, "/root/a");
  EXPECT_NE(started_->why.message.find("nobody"), std::string::npos);
}

TEST_F(cell, a_restart_whose_constructor_throws_waits_and_tries_again) {
  start_one();
  switches().constructor_throws = 2;
  send(path, crash_atom::value);
  for (int i = 0; i < 5; ++i) send(path, caf::add_atom::value, std::int64_t{1});
  run();
  EXPECT_EQ(switches().constructor_throws, 1) << "the first restart was at once";
  advance(100ms);
  EXPECT_EQ(switches().constructor_throws, 0);
  advance(200ms);
  EXPECT_EQ(ask<std::int64_t>(path, caf::add_atom::value, std::int64_t{0}), 5) << "and the messages were kept";
  EXPECT_EQ(ask<std::uint64_t>(path, caf::get_atom::value), 4U);
}

TEST_F(cell, quit_counts_as_the_exit_it_names) {
  start_one(restart_type::transient);
  ask<std::int64_t>(path, caf::delete_atom::value, std::int64_t{2});
  EXPECT_EQ(ask<std::uint64_t>(path, caf::get_atom::value), 2U) << "an error restarts a transient child";
  send(path, caf::delete_atom::value, std::int64_t{0});
  run();
  EXPECT_EQ(switches().alive, 0) << "a normal end does not";
  EXPECT_FALSE(at(path));
  EXPECT_TRUE(names_.end_of(path));
}

TEST_F(cell, a_permanent_child_comes_back_after_a_normal_end_with_the_same_handle) {
  start_one();
  const auto before = at(path);
  for (const std::int64_t how : {0, 1, 2, 3}) {
    send(path, caf::delete_atom::value, how);
    run();
    advance(1s);
  }
  EXPECT_EQ(at(path), before);
  EXPECT_EQ(ask<std::uint64_t>(path, caf::get_atom::value), 5U);
}

TEST_F(cell, an_exit_message_from_outside_is_contained_too) {
  start_one();
  caf::anon_send_exit(at(path), caf::exit_reason::kill);
  run();
  EXPECT_EQ(ask<std::uint64_t>(path, caf::get_atom::value), 2U);
}

TEST_F(cell, drops_answers_that_a_dead_state_waited_for) {
  start(tree({child("a", "probe"), child("b", "probe")}, {100, 60s}));
  send("/root/a", caf::put_atom::value, at("/root/b"));  // a asks b, and crashes before the answer is there
  send("/root/a", crash_atom::value);
  EXPECT_EQ(ask<std::int64_t>("/root/a", caf::add_atom::value, std::int64_t{0}), 0);
  EXPECT_EQ(ask<std::uint64_t>("/root/a", caf::get_atom::value), 2U);
}

TEST_F(cell, a_message_without_a_handler_is_reported_and_answered_with_an_error) {
  start_one();
  EXPECT_FALSE(ask<std::int64_t>(path, caf::tick_atom::value, std::string{"what?"}));
  EXPECT_EQ(error_, caf::sec::unexpected_message);
  EXPECT_EQ(describe(error_), "unexpected_message: it has no handler for a message of these types");
  EXPECT_EQ(events_of(event_kind::warn).size(), 1U);
  EXPECT_EQ(ask<std::uint64_t>(path, caf::get_atom::value), 1U) << "the actor lives";
}

TEST_F(cell, what_is_left_when_it_ends_for_good_is_told_as_dead_letters) {
  start_one(restart_type::temporary);
  send(path, crash_atom::value);
  for (int i = 0; i < 4; ++i) send(path, caf::add_atom::value, std::int64_t{1});
  caf::scoped_actor self{*system_};
  auto pending = port::ask(self.ptr(), at(path), caf::infinite, caf::get_atom::value);
  run();
  const auto dead = events_of(event_kind::dead_letter);
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].lost, 4U);
  EXPECT_FALSE(take<std::uint64_t>(pending));
  EXPECT_EQ(code_of(error_), errc::gave_up) << "a request that waited is answered, not forgotten: " << describe(error_);
}

}  // namespace
