// Messages in both directions, with handles in them; ends that others hear of; timers.
#include "placed_tree.hpp"

namespace steward::test {
namespace {

using ::testing::HasSubstr;

class placed_talk : public on_any_rung {};
INSTANTIATE_TEST_SUITE_P(on, placed_talk, ::testing::Values(rung::thread, rung::process), name_of_rung);

TEST_P(placed_talk, asks_a_handle_that_came_in_a_message) {
  probe_tree t{{probe_child("a", where()), probe_child("b", rung::thread), probe_child("c", where())}};
  EXPECT_EQ(t.say(t.actor("a"), "ask", t.actor("b")), "got 1");
  EXPECT_EQ(t.say(t.actor("a"), "ask", t.actor("c")), "got 1");
  EXPECT_EQ(t.say(t.actor("b"), "ask", t.actor("a")), "got 1");
  EXPECT_EQ(t.sum(t.actor("a")), 1);
}

TEST_P(placed_talk, is_known_by_one_handle) {
  probe_tree t{{probe_child("a", where()), probe_child("b", where())}};
  const auto a = t.actor("a");
  const auto b = t.actor("b");
  EXPECT_EQ(t.say(a, "same", a), "same");
  EXPECT_EQ(t.say(a, "same", b), "another");
  EXPECT_EQ(t.say(a, "introduce", b), "introduce");  // b is told a's handle, by a, and tells it something
  EXPECT_TRUE(comes([&] { return t.list(a) == "8"; }));
  caf::scoped_actor self{t.rt->system()};
  self->send(a, std::string{"introduce"}, caf::actor{self});
  bool same = false;
  self->receive([&](const std::string&, const caf::actor& who) { same = who == a; });
  EXPECT_TRUE(same);
}

TEST_P(placed_talk, tells_and_asks_itself) {
  probe_tree t{{probe_child("a", where(), {{"sum", 3}})}};
  EXPECT_EQ(t.say(t.actor("a"), "ask_self"), "self 3");
  EXPECT_EQ(t.say(t.actor("a"), "tell", t.actor("a")), "tell");
  EXPECT_TRUE(comes([&] { return t.list(t.actor("a")) == "7"; }));
}

TEST_P(placed_talk, answers_of_a_dead_incarnation_reach_nobody) {
  probe_tree t{{probe_child("a", where()), probe_child("b", rung::thread)}};
  const auto a = t.actor("a");
  const auto b = t.actor("b");
  for (int i = 0; i < 20; ++i) {
    port::send_anonymously(b, std::string{"sleep 5"});
    port::send_anonymously(a, std::string{"ask"}, b);
    port::send_anonymously(a, std::string{"throw"});
    EXPECT_EQ(t.say(a, "ask", b), "got " + std::to_string(2 * i + 2));
  }
}

TEST_P(placed_talk, hears_of_the_end_of_what_it_watches) {
  auto one = probe_child("b", rung::thread);
  one.restart = restart_type::temporary;
  auto two = one;
  two.id = "c";
  probe_tree t{{probe_child("a", where()), one, two}};
  const auto a = t.actor("a");
  t.say(a, "monitor", t.actor("b"));
  t.say(a, "link", t.actor("c"));
  EXPECT_TRUE(static_cast<bool>(t.tree->terminate_child("/root/b")));
  EXPECT_TRUE(comes([&] { return t.say(a, "heard") == "down"; })) << t.say(a, "heard");
  EXPECT_TRUE(static_cast<bool>(t.tree->terminate_child("/root/c")));
  EXPECT_TRUE(comes([&] { return t.say(a, "heard") == "down, exit"; })) << t.say(a, "heard");
}

TEST_P(placed_talk, tells_whom_it_has_linked_itself_to_of_its_end) {
  probe_tree t{{probe_child("a", where()), probe_child("c", rung::thread)}};
  const auto a = t.actor("a");
  const auto c = t.actor("c");
  t.say(c, "hear_exits");
  t.say(a, "link", c);
  t.say(a, in_process() ? "segv" : "throw");
  EXPECT_TRUE(comes([&] { return t.say(c, "heard") == "exit"; })) << t.say(c, "heard");
  EXPECT_EQ(t.say(a, "incarnation"), "2");
  t.say(a, "throw");  // the new one has no link
  EXPECT_EQ(t.say(a, "incarnation"), "3");
  EXPECT_EQ(t.say(c, "heard"), "exit");
  t.say(a, "link", c);
  t.say(a, "unlink", c);
  t.say(a, in_process() ? "segv" : "throw");
  EXPECT_EQ(t.say(a, "incarnation"), "4");
  EXPECT_EQ(t.say(c, "heard"), "exit");
  t.say(a, "link", c);
  EXPECT_TRUE(static_cast<bool>(t.tree->terminate_child("/root/a")));
  EXPECT_TRUE(comes([&] { return t.say(c, "heard") == "exit, exit"; })) << t.say(c, "heard");
}

TEST_P(placed_talk, is_watched_through_its_crashes) {
  probe_tree t{{probe_child("a", where())}};
  const auto a = t.actor("a");
  caf::scoped_actor self{t.rt->system()};
  self->monitor(a);
  t.say(a, "throw");
  EXPECT_EQ(t.say(a, "incarnation"), "2");
  bool down = false;
  self->receive([&](const caf::down_msg&) { down = true; }, caf::after(50ms) >> [] {});
  EXPECT_FALSE(down);
  EXPECT_TRUE(static_cast<bool>(t.tree->terminate_child("/root/a")));
  self->receive([&](const caf::down_msg&) { down = true; }, caf::after(10s) >> [] {});
  EXPECT_TRUE(down);
}

TEST_P(placed_talk, has_timers_that_end_with_their_incarnation) {
  probe_tree t{{probe_child("a", where())}};
  const auto a = t.actor("a");
  t.say(a, "timer 20");
  EXPECT_TRUE(comes([&] { return t.sum(a) == 1000; }));
  t.say(a, "timer 100");
  t.say(a, "throw");
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(t.sum(a), 0);
  t.say(a, "beat 5");
  EXPECT_TRUE(comes([&] { return t.sum(a) > 3; }));
}

TEST_P(placed_talk, large_messages_cross) {
  probe_tree t{{probe_child("a", where())}};
  const auto a = t.actor("a");
  const std::string large(std::size_t{20} << 20U, 'x');
  EXPECT_EQ(t.say(a, "say " + large).size(), large.size() + 4);
}

TEST_P(placed_talk, sees_who_has_sent) {
  probe_tree t{{probe_child("a", where()), probe_child("b", where())}};
  caf::scoped_actor self{t.rt->system()};
  std::string said;
  self->request(t.actor("a"), caf::infinite, std::string{"sender"}, caf::actor{self})
      .receive([&](const std::string& x) { said = x; }, [](caf::error&) {});
  EXPECT_EQ(said, "same");
}

TEST_P(placed_talk, is_used_by_tasks_in_worker_processes) {
  probe_tree t{{probe_child("shared", where()), workers_child()}};
  const auto p = t.tree->pool_at("/root/workers");
  std::vector<bytes> args(200);
  for (auto& x : args) encode_all(x, std::int64_t{1});
  for (const auto& x : p->map(*probe_tasks().find("add_to"), args)) EXPECT_TRUE(x.ok());
  EXPECT_EQ(t.sum(t.actor("shared")), 200);
}

}  // namespace
}  // namespace steward::test
