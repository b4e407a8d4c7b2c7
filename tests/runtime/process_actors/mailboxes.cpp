// Of messages: each is handled, answered with an error or dead, in its order, whatever crashes.
#include "placed_tree.hpp"

namespace steward::test {
namespace {

using ::testing::HasSubstr;

class placed_mailbox : public on_any_rung {};
INSTANTIATE_TEST_SUITE_P(on, placed_mailbox, ::testing::Values(rung::thread, rung::process), name_of_rung);

std::string numbers(int from, int to) {
  std::string out;
  for (int i = from; i <= to; ++i) out += (out.empty() ? "" : " ") + std::to_string(i);
  return out;
}

TEST_P(placed_mailbox, keeps_what_waits_in_its_order) {
  probe_tree t{{probe_child("a", where())}};
  const auto a = t.actor("a");
  port::send_anonymously(a, std::string{"sleep 100"});
  port::send_anonymously(a, std::string{"throw"});
  for (std::int64_t i = 1; i <= 3'000; ++i) port::send_anonymously(a, caf::put_atom::value, i);
  EXPECT_EQ(t.list(a), numbers(1, 3'000));
  const auto n = t.settled("a");
  EXPECT_EQ(n.accepted, 3'003U);
  EXPECT_EQ(n.handled, 3'002U);
  EXPECT_EQ(n.dead, 1U);
}

TEST_P(placed_mailbox, loses_only_what_was_in_hand_between_others) {
  probe_tree t{{probe_child("a", where())}};
  const auto a = t.actor("a");
  port::send_anonymously(a, std::string{"sleep 50"});
  for (std::int64_t i = 1; i <= 100; ++i) {
    port::send_anonymously(a, caf::put_atom::value, i);
    if (i % 10 == 0) port::send_anonymously(a, std::string{"throw"});
  }
  // Each incarnation has what came between two crashes; the last one what came behind the last.
  port::send_anonymously(a, caf::put_atom::value, std::int64_t{7});
  EXPECT_EQ(t.list(a), "7");
  const auto n = t.settled("a");
  EXPECT_EQ(n.accepted, 113U);
  EXPECT_EQ(n.handled, 103U);
  EXPECT_EQ(n.dead, 10U);
  EXPECT_EQ(t.say(a, "incarnation"), "11");
  ASSERT_TRUE(comes([&] { return t.events.of(event_kind::crash, "/root/a").size() == 10; }));
  std::uint64_t lost = 0;
  for (const auto& x : t.events.of(event_kind::crash, "/root/a")) lost += x.lost.value_or(0);
  EXPECT_EQ(lost, n.dead) << "each crash tells of what it has cost";
  t.say(a, "throw");  // its sender is answered, and that may be before the crash is told of
  ASSERT_TRUE(comes([&] { return t.events.of(event_kind::crash, "/root/a").size() == 11; }));
  EXPECT_FALSE(t.events.of(event_kind::crash, "/root/a").back().lost.has_value());
}

TEST_P(placed_mailbox, handles_again_what_has_crashed) {
  auto one = probe_child("a", where());
  one.redeliver = 2;
  probe_tree t{{one}};
  const auto a = t.actor("a");
  EXPECT_EQ(t.say(a, "throw_once"), "throw_once");
  EXPECT_EQ(t.say(a, "incarnation"), "2");
  const auto n = t.settled("a");
  EXPECT_EQ(n.accepted, 2U);
  EXPECT_EQ(n.handled, 2U);
}

TEST_P(placed_mailbox, puts_what_crashes_again_and_again_aside) {
  auto one = probe_child("a", where());
  one.redeliver = 2;
  probe_tree t{{one}};
  const auto a = t.actor("a");
  port::send_anonymously(a, std::string{"sleep 50"});
  port::send_anonymously(a, caf::put_atom::value, std::int64_t{1});
  port::send_anonymously(a, std::string{"throw"});
  port::send_anonymously(a, caf::put_atom::value, std::int64_t{2});
  EXPECT_EQ(t.list(a), "2");
  EXPECT_EQ(t.say(a, "incarnation"), "4");
  const auto asked = t.ask<std::string>(a, std::string{"throw"});
  EXPECT_EQ(asked.code, errc::quarantined);
  EXPECT_THAT(asked.error, HasSubstr("boom"));
  EXPECT_TRUE(comes([&] { return t.events.of(event_kind::quarantine, "/root/a").size() == 2; }));
  const auto n = t.settled("a");
  EXPECT_EQ(n.accepted, 7U);
  EXPECT_EQ(n.handled, 5U);
  EXPECT_EQ(n.dead, 1U);
  EXPECT_EQ(n.failed, 1U);
}

TEST_P(placed_mailbox, answers_a_guarded_request_of_a_dead_incarnation) {
  auto one = probe_child("a", where());
  one.backoff = {milliseconds{300}, milliseconds{300}, 1.0, 0.0, milliseconds{30'000}};
  probe_tree t{{one, probe_child("b", rung::thread)}};
  const auto a = t.actor("a");
  port::send_anonymously(a, std::string{"sleep 100"});
  port::send_anonymously(a, std::string{"throw"});
  caf::scoped_actor self{t.rt->system()};
  std::string error;
  self->request(a, caf::infinite, port::guarded_request{caf::make_message(caf::get_atom::value)})
      .receive([](std::int64_t) {}, [&](caf::error& e) { error = describe(e); });
  EXPECT_THAT(error, HasSubstr("restarting"));
  EXPECT_EQ(t.sum(a), 0);
}

TEST_P(placed_mailbox, is_bounded) {
  auto one = probe_child("a", where());
  one.mailbox = {10, overflow_policy::reject};
  probe_tree t{{one}};
  const auto a = t.actor("a");
  port::send_anonymously(a, std::string{"sleep 300"});
  ASSERT_TRUE(comes([&] { return t.counts("a").accepted == 1; }));
  int taken = 0;
  for (std::int64_t i = 1; i <= 100; ++i) taken += offer(a, caf::put_atom::value, i) ? 1 : 0;
  EXPECT_EQ(taken, 9);
  EXPECT_EQ(t.settled("a").rejected, 91U);
  EXPECT_EQ(t.list(a), numbers(1, 9));
}

TEST_P(placed_mailbox, makes_room_by_its_oldest) {
  auto one = probe_child("a", where());
  one.mailbox = {10, overflow_policy::drop_oldest};
  probe_tree t{{one}};
  const auto a = t.actor("a");
  port::send_anonymously(a, std::string{"sleep 300"});
  std::this_thread::sleep_for(50ms);
  for (std::int64_t i = 1; i <= 100; ++i) port::send_anonymously(a, caf::put_atom::value, i);
  const auto n = t.settled("a");
  EXPECT_EQ(n.accepted, 101U);
  EXPECT_EQ(n.handled + n.dead, 101U);
  EXPECT_GE(n.dead, 1U);
  EXPECT_THAT(t.list(a), ::testing::EndsWith("100"));
}

TEST_P(placed_mailbox, is_handled_to_its_end_by_a_drain) {
  auto one = probe_child("a", where());
  one.on_stop = stop_policy::drain;
  one.shutdown = infinity;  // it ends by itself
  probe_tree t{{one}};
  const auto a = t.actor("a");
  port::send_anonymously(a, std::string{"sleep 100"});
  for (std::int64_t i = 1; i <= 3'000; ++i) port::send_anonymously(a, caf::put_atom::value, i);
  EXPECT_TRUE(static_cast<bool>(t.tree->terminate_child("/root/a")));
  const auto n = t.counts("a");
  EXPECT_EQ(n.accepted, 3'001U);
  EXPECT_EQ(n.handled, 3'001U);
}

TEST_P(placed_mailbox, answers_what_is_left_at_the_end) {
  probe_tree t{{probe_child("a", where())}};
  const auto a = t.actor("a");
  port::send_anonymously(a, std::string{"sleep 200"});
  for (std::int64_t i = 1; i <= 50; ++i) port::send_anonymously(a, caf::put_atom::value, i);
  caf::scoped_actor self{t.rt->system()};
  auto waits = self->request(a, caf::infinite, caf::get_atom::value);
  EXPECT_TRUE(static_cast<bool>(t.tree->terminate_child("/root/a")));
  std::string error;
  waits.receive([](std::int64_t) {}, [&](caf::error& e) { error = describe(e); });
  EXPECT_THAT(error, HasSubstr("ended"));
  const auto n = t.counts("a");
  EXPECT_EQ(n.accepted, 52U);
  EXPECT_EQ(n.failed, 1U);
  EXPECT_EQ(n.handled + n.dead, 51U);
}

TEST_P(placed_mailbox, outlasts_a_restart_by_hand) {
  probe_tree t{{probe_child("a", where())}};
  const auto a = t.actor("a");
  port::send_anonymously(a, std::string{"sleep 100"});
  for (std::int64_t i = 1; i <= 2'000; ++i) port::send_anonymously(a, caf::put_atom::value, i);
  EXPECT_TRUE(static_cast<bool>(t.tree->operate(operation::restart, "/root/a", "a test")));
  const auto got = t.list(a);
  const auto n = t.settled("a");
  EXPECT_EQ(n.accepted, 2'002U);
  EXPECT_EQ(n.handled, 2'002U);
  EXPECT_THAT(got, ::testing::EndsWith("1999 2000"));
}

TEST_P(placed_mailbox, keeps_what_the_actor_has_told_itself) {
  probe_tree t{{probe_child("a", where())}};
  const auto a = t.actor("a");
  EXPECT_EQ(t.say(a, "tell_self 500"), "tell_self 500");
  EXPECT_TRUE(comes([&] { return t.list(a) == numbers(1, 500); }));
  EXPECT_THAT(t.say(a, "tell_self_and_die 500"), HasSubstr("told itself"));
  EXPECT_TRUE(comes([&] { return t.list(a) == numbers(1, 500); })) << t.list(a);
  EXPECT_EQ(t.say(a, "incarnation"), "2");
}

TEST_P(placed_mailbox, counts_what_nobody_has_a_handler_for) {
  probe_tree t{{probe_child("a", where())}};
  const auto a = t.actor("a");
  port::send_anonymously(a, caf::tick_atom::value, std::int64_t{1});
  EXPECT_NE(t.ask<std::int64_t>(a, caf::tick_atom::value, std::int64_t{1}).error, "");
  const auto n = t.settled("a");
  EXPECT_EQ(n.accepted, 2U);
  EXPECT_EQ(n.dead, 1U);
  EXPECT_EQ(n.failed, 1U);
  EXPECT_TRUE(comes([&] { return t.events.of(event_kind::warn, "/root/a").size() == 2; }));
}

TEST_P(placed_mailbox, holds_what_the_actor_skips) {
  probe_tree t{{probe_child("a", where())}};
  const auto a = t.actor("a");
  t.say(a, "wait_for_get");
  for (std::int64_t i = 1; i <= 5'000; ++i) port::send_anonymously(a, caf::put_atom::value, i);
  EXPECT_EQ(t.sum(a), 0);
  EXPECT_EQ(t.list(a), numbers(1, 5'000));
}

}  // namespace
}  // namespace steward::test
