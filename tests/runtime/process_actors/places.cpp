// What an actor is, wherever it lives.
#include "placed_tree.hpp"

#include <unistd.h>

namespace steward::test {
namespace {

using ::testing::HasSubstr;

class placed_actor : public on_any_rung {};
INSTANTIATE_TEST_SUITE_P(on, placed_actor, ::testing::Values(rung::thread, rung::process), name_of_rung);

TEST_P(placed_actor, answers_and_keeps_its_state) {
  probe_tree t{{probe_child("a", where(), {{"sum", 5}})}};
  ASSERT_TRUE(t.started.ok) << t.started.why.message;
  const auto a = t.actor("a");
  EXPECT_EQ(t.ask<std::int64_t>(a, caf::add_atom::value, std::int64_t{2}).value, 7);
  EXPECT_EQ(t.sum(a), 7);
  EXPECT_EQ(t.say(a, "path"), "/root/a");
  EXPECT_EQ(t.say(a, "incarnation"), "1");
  EXPECT_EQ(t.say(a, "pid") != std::to_string(::getpid()), in_process());
  const auto n = t.settled("a");
  EXPECT_EQ(n.accepted, 5U);
  EXPECT_EQ(n.handled, 5U);
}

TEST_P(placed_actor, begins_anew_behind_the_same_handle) {
  probe_tree t{{probe_child("a", where(), {{"sum", 5}})}};
  const auto a = t.actor("a");
  t.ask<std::int64_t>(a, caf::add_atom::value, std::int64_t{2});
  const auto crash = t.ask<std::string>(a, std::string{"throw"});
  EXPECT_EQ(crash.code, errc::crashed);
  EXPECT_THAT(crash.error, HasSubstr("std::runtime_error"));
  EXPECT_THAT(crash.error, HasSubstr("boom"));
  EXPECT_EQ(t.sum(a), 5);
  EXPECT_EQ(t.say(a, "incarnation"), "2");
  EXPECT_EQ(t.actor("a"), a);
  const auto n = t.settled("a");
  EXPECT_EQ(n.accepted, 4U);
  EXPECT_EQ(n.handled, 3U);
  EXPECT_EQ(n.failed, 1U);
}

TEST_P(placed_actor, tells_of_its_crash) {
  probe_tree t{{probe_child("a", where())}};
  t.say(t.actor("a"), "throw");
  ASSERT_TRUE(comes([&] { return !t.events.of(event_kind::recover, "/root/a").empty(); }));
  const auto crash = t.events.of(event_kind::crash, "/root/a");
  ASSERT_EQ(crash.size(), 1U);
  EXPECT_EQ(crash[0].why->cls, cause_class::exception);
  EXPECT_EQ(crash[0].why->exception, "std::runtime_error");
  EXPECT_EQ(crash[0].why->message, "boom");
  EXPECT_EQ(crash[0].runs_in, in_process() ? "process" : "thread");
  EXPECT_THAT(crash[0].text, HasSubstr("while it handled"));
  EXPECT_THAT(crash[0].text, HasSubstr("throw"));
  EXPECT_EQ(crash[0].incarnation, 1U);
  EXPECT_EQ(crash[0].pid.has_value(), in_process());
}

TEST_P(placed_actor, throws_what_is_no_exception) {
  probe_tree t{{probe_child("a", where())}};
  EXPECT_THAT(t.say(t.actor("a"), "throw_number"), HasSubstr("unknown exception"));
  EXPECT_EQ(t.say(t.actor("a"), "incarnation"), "2");
}

TEST_P(placed_actor, is_resumed_by_its_rules) {
  probe_tree t{{probe_child("a", where(), {}, "strict_probe")}};
  const auto a = t.actor("a");
  t.ask<std::int64_t>(a, caf::add_atom::value, std::int64_t{2});
  EXPECT_THAT(t.say(a, "bad_input"), HasSubstr("bad"));
  EXPECT_EQ(t.sum(a), 2);
  EXPECT_EQ(t.say(a, "incarnation"), "1");
  port::send_anonymously(a, std::string{"bad_input"});
  EXPECT_EQ(t.sum(a), 2);
  const auto n = t.settled("a");
  EXPECT_EQ(n.failed, 1U);
  EXPECT_EQ(n.dead, 1U);
  EXPECT_EQ(n.accepted, n.handled + 2);
  EXPECT_TRUE(comes([&] { return t.events.of(event_kind::crash, "/root/a").size() == 2; }));
}

TEST_P(placed_actor, is_stopped_by_its_rules) {
  probe_tree t{{probe_child("a", where(), {}, "strict_probe"), probe_child("b", where())}};
  const auto a = t.actor("a");
  EXPECT_THAT(t.say(a, "last_straw"), HasSubstr("enough"));
  EXPECT_TRUE(comes([&] { return t.say(a, "path").starts_with("failed"); }));
  EXPECT_EQ(t.say(t.actor("b"), "path"), "/root/b");
}

TEST_P(placed_actor, escalates_by_its_rules) {
  auto inner = std::make_shared<supervisor_spec>();
  inner->children = {probe_child("a", where(), {}, "strict_probe"), probe_child("b", where())};
  child_spec group;
  group.id = "g";
  group.what = inner;
  probe_tree t{{group}};
  const auto b = t.actor("g/b");
  t.ask<std::int64_t>(b, caf::add_atom::value, std::int64_t{2});
  EXPECT_THAT(t.say(t.actor("g/a"), "high_treason"), HasSubstr("worse"));
  EXPECT_TRUE(comes([&] { return t.say(t.actor("g/b"), "incarnation") == "2"; }));
  EXPECT_EQ(t.sum(t.actor("g/b")), 0);
}

TEST_P(placed_actor, is_restarted_with_its_group) {
  probe_tree t{{probe_child("a", where()), probe_child("b", where())}, strategy::one_for_all};
  const auto b = t.actor("b");
  t.ask<std::int64_t>(b, caf::add_atom::value, std::int64_t{2});
  EXPECT_THAT(t.say(t.actor("a"), "throw"), HasSubstr("boom"));
  EXPECT_TRUE(comes([&] { return t.say(b, "incarnation") == "2"; }));
  EXPECT_EQ(t.sum(b), 0);
}

TEST_P(placed_actor, that_quits_in_order_is_done_when_it_is_transient) {
  auto one = probe_child("a", where());
  one.restart = restart_type::transient;
  probe_tree t{{one}};
  port::send_anonymously(t.actor("a"), std::string{"quit"});
  EXPECT_TRUE(comes([&] { return !t.events.of(event_kind::stop, "/root/a").empty(); }));
  EXPECT_TRUE(t.events.of(event_kind::crash, "/root/a").empty());
}

TEST_P(placed_actor, that_quits_badly_comes_back) {
  probe_tree t{{probe_child("a", where())}};
  port::send_anonymously(t.actor("a"), std::string{"quit_badly"});
  EXPECT_TRUE(comes([&] { return t.say(t.actor("a"), "incarnation") == "2"; }));
  ASSERT_TRUE(comes([&] { return t.events.of(event_kind::crash, "/root/a").size() == 1; }));
  const auto crash = t.events.of(event_kind::crash, "/root/a");
  EXPECT_EQ(crash[0].why->cls, cause_class::quit);
  EXPECT_THAT(crash[0].why->message, HasSubstr("of its own will"));
}

TEST_P(placed_actor, that_does_not_start_fails_the_start) {
  probe_tree t{{probe_child("a", where(), {{"start", "throw"}})}};
  EXPECT_FALSE(t.started.ok);
  EXPECT_EQ(t.started.failed_child, "/root/a");
  EXPECT_THAT(describe(t.started.why), HasSubstr("it does not start"));
}

TEST_P(placed_actor, that_does_not_start_is_tried_again) {
  auto one = probe_child("a", where(), {{"start", "throw_first"}});
  one.start_retries = 2;
  probe_tree t{{one}};
  ASSERT_TRUE(t.started.ok);
  EXPECT_EQ(t.say(t.actor("a"), "incarnation"), "2");
}

TEST_P(placed_actor, may_decline_its_start) {
  probe_tree t{{probe_child("a", where(), {{"start", "decline"}}), probe_child("b", where())}};
  ASSERT_TRUE(t.started.ok);
  EXPECT_EQ(t.say(t.actor("b"), "path"), "/root/b");
}

TEST_P(placed_actor, is_given_other_actors) {
  probe_tree t{{probe_child("a", where()), probe_child("b", where(), {{"peer", "a"}})}};
  ASSERT_TRUE(t.started.ok) << t.started.why.message;
  EXPECT_EQ(t.say(t.actor("b"), "ask_peer"), "got 1");
  EXPECT_EQ(t.sum(t.actor("a")), 1);
}

TEST_P(placed_actor, prints_lines_of_the_run) {
  probe_tree t{{probe_child("a", where())}};
  t.say(t.actor("a"), "print");
  EXPECT_TRUE(comes([&] { return !t.lines().empty(); }));
  EXPECT_EQ(t.lines().at(0), "a line of /root/a");
}

TEST_P(placed_actor, hears_of_the_end_of_a_sibling) {
  probe_tree t{{probe_child("a", where()), probe_child("b", where())}};
  t.say(t.actor("a"), "watch b");
  ASSERT_EQ(t.say(t.actor("a"), "path"), "/root/a");
  std::this_thread::sleep_for(20ms);
  t.say(t.actor("b"), "throw");
  EXPECT_TRUE(comes([&] { return t.say(t.actor("a"), "heard") == "/root/b crashed"; })) << t.say(t.actor("a"), "heard");
}

TEST_P(placed_actor, tells_its_starter_something) {
  auto inner = std::make_shared<supervisor_spec>();
  inner->strategy = strategy::simple_one_for_one;
  inner->children = {probe_child("n", where(), {{"start", "tell"}})};
  child_spec group;
  group.id = "g";
  group.what = inner;
  probe_tree t{{group}};
  const auto made = t.tree->start_child("/root/g", param_map{});
  ASSERT_TRUE(static_cast<bool>(made));
  EXPECT_EQ(made.extra, "hello from " + made.path);
  EXPECT_EQ(t.sum(made.handle), 0);
}

TEST_P(placed_actor, is_stopped_killed_and_restarted_by_hand) {
  probe_tree t{{probe_child("a", where())}};
  const auto a = t.actor("a");
  t.ask<std::int64_t>(a, caf::add_atom::value, std::int64_t{2});
  EXPECT_TRUE(static_cast<bool>(t.tree->operate(operation::kill, "/root/a", "a test")));
  EXPECT_TRUE(comes([&] { return t.say(a, "incarnation") == "2"; }));
  EXPECT_TRUE(static_cast<bool>(t.tree->operate(operation::restart, "/root/a", "a test")));
  EXPECT_TRUE(comes([&] { return t.say(a, "incarnation") == "3"; }));
  EXPECT_TRUE(static_cast<bool>(t.tree->terminate_child("/root/a")));
  EXPECT_TRUE(static_cast<bool>(t.tree->restart_child("/root/a")));
  EXPECT_EQ(t.sum(t.actor("a")), 0);
}

TEST_P(placed_actor, whose_handler_hangs_is_reported) {
  auto one = probe_child("a", where());
  one.hang_after = 50ms;
  probe_tree t{{one}};
  t.say(t.actor("a"), "sleep 400");
  ASSERT_TRUE(comes([&] { return !t.events.of(event_kind::hang, "/root/a").empty(); }));
  const auto hang = t.events.of(event_kind::hang, "/root/a");
  ASSERT_EQ(hang.size(), 1U);
  EXPECT_THAT(hang[0].text, HasSubstr("sleep 400"));
}

TEST_P(placed_actor, whose_handler_hangs_is_replaced_or_killed) {
  auto one = probe_child("a", where());
  one.hang_after = 50ms;
  one.on_hang = in_process() ? hang_policy::kill : hang_policy::replace;
  probe_tree t{{one}};
  const auto a = t.actor("a");
  port::send_anonymously(a, std::string{in_process() ? "sleep 60000" : "sleep 600"});
  EXPECT_TRUE(comes([&] { return t.say(t.actor("a"), "incarnation") == "2"; }));
  ASSERT_TRUE(comes([&] { return t.events.of(event_kind::crash, "/root/a").size() == 1; }));
  EXPECT_EQ(t.events.of(event_kind::crash, "/root/a").back().why->cls, cause_class::heartbeat);
}

}  // namespace
}  // namespace steward::test
