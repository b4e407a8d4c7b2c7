// Actors that share a process: those of a group, and all below a supervisor.
#include "placed_tree.hpp"

#include "steward/child.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace steward::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

child_spec member(std::string id, std::string group = "g", param_map params = {}) {
  auto out = probe_child(std::move(id), rung::process, std::move(params));
  out.process.group = std::move(group);
  return out;
}

/// A supervisor whose actors all live in one process.
child_spec house(std::vector<child_spec> children, strategy how = strategy::one_for_one) {
  supervisor_spec below;
  below.strategy = how;
  below.intensity = {1'000, milliseconds{1'000}};
  below.children = std::move(children);
  child_spec out;
  out.id = "house";
  out.runs_in = rung::process;
  out.backoff = {milliseconds{1}, milliseconds{5}, 1.0, 0.0, milliseconds{30'000}};
  out.what = std::make_shared<supervisor_spec>(std::move(below));
  return out;
}

child_spec inside(std::string id, param_map params = {}) {
  return probe_child(std::move(id), rung::thread, std::move(params));
}

std::string pid_of(probe_tree& t, const std::string& id) { return t.say(t.actor(id), "pid"); }
bool is_there(const std::string& pid) { return ::kill(std::stoi(pid), 0) == 0; }

/// Kills its process, and tells what it died of.
cause kill_through(probe_tree& t, const std::string& id, const std::string& how) {
  const auto before = t.events.of(event_kind::crash).size();
  EXPECT_EQ(t.ask<std::string>(t.actor(id), how).code, errc::crashed);
  EXPECT_TRUE(comes([&] { return t.events.of(event_kind::crash).size() > before; }));
  const auto crashes = t.events.of(event_kind::crash);
  return crashes.empty() ? cause{} : *crashes.back().why;  // of whoever was the first to tell
}

TEST(process_group, lives_in_one_process) {
  probe_tree t{{member("a"), member("b"), member("c", "other"), probe_child("d", rung::process),
                probe_child("e", rung::thread)}};
  const auto of_a = pid_of(t, "a");
  EXPECT_EQ(pid_of(t, "b"), of_a);
  const std::set<std::string> all{of_a, pid_of(t, "c"), pid_of(t, "d"), pid_of(t, "e")};
  EXPECT_THAT(all, SizeIs(4));
  EXPECT_EQ(pid_of(t, "e"), std::to_string(::getpid()));
}

TEST(process_group, has_mailboxes_states_and_talks_of_its_own) {
  probe_tree t{
      {member("a", "g", {{"sum", param_value{10}}}), member("b", "g", {{"sum", param_value{20}}, {"peer", "a"}})}};
  const auto a = t.actor("a");
  const auto b = t.actor("b");
  EXPECT_EQ(t.sum(a), 10);
  EXPECT_EQ(t.sum(b), 20);
  EXPECT_EQ(t.say(b, "ask_peer"), "got 11");
  EXPECT_EQ(t.say(a, "ask", b), "got 21");
  EXPECT_EQ(t.say(a, "tell", b), "tell");
  EXPECT_EQ(t.say(a, "introduce", b), "introduce");
  EXPECT_TRUE(comes([&] { return t.list(b) == "7" && t.list(a) == "8"; })) << t.list(b) << "; " << t.list(a);
  EXPECT_EQ(t.say(a, "sender", a), "another");
}

TEST(process_group, does_not_let_one_that_works_hold_up_the_others) {
  probe_tree t{{member("a"), member("b")}};
  const auto a = t.actor("a");
  std::thread asker{[&] { EXPECT_EQ(t.say(a, "sleep 1000"), "sleep 1000"); }};
  comes([&] { return t.counts("a").waiting > 0; });
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(t.say(t.actor("b"), "path"), "/root/b");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 900ms);
  asker.join();
}

TEST(process_group, dies_and_comes_back_together) {
  for (const auto* how : {"segv", "kill", "exit 3", "throw"}) {
    probe_tree t{{member("a"), member("b"), probe_child("c", rung::process)}};
    const auto before = pid_of(t, "a");
    const auto of_c = pid_of(t, "c");
    t.ask<std::int64_t>(t.actor("b"), caf::add_atom::value, std::int64_t{5});
    kill_through(t, "a", how);
    EXPECT_EQ(t.say(t.actor("a"), "incarnation"), "2") << how;
    EXPECT_EQ(t.say(t.actor("b"), "incarnation"), "2") << how;
    EXPECT_EQ(t.sum(t.actor("b")), 0) << how << ": its state went with the process";
    EXPECT_EQ(pid_of(t, "a"), pid_of(t, "b")) << how;
    EXPECT_NE(pid_of(t, "a"), before) << how;
    EXPECT_EQ(pid_of(t, "c"), of_c) << how;
    EXPECT_TRUE(comes([&] { return !is_there(before); })) << how;
    unsigned charged = 0;
    for (const auto& x : t.events.of(event_kind::crash)) charged = std::max(charged, x.decision->restarts);
    EXPECT_EQ(charged, 1U) << how;
  }
}

TEST(process_group, comes_back_while_another_one_waits_out_its_back_off) {
  auto a = member("a");
  auto b = member("b");
  a.backoff = b.backoff = {milliseconds{600'000}, milliseconds{600'000}, 1.0, 0.0, milliseconds{3'600'000}};
  probe_tree t{{a, b, member("c", "h"), member("d", "h")}};
  const auto of_c = pid_of(t, "c");
  kill_through(t, "a", "segv");  // which restarts it at once, and the next time after ten minutes
  EXPECT_EQ(t.say(t.actor("b"), "incarnation"), "2");
  kill_through(t, "a", "segv");
  EXPECT_TRUE(comes([&] { return !t.events.of(event_kind::backoff, "/root/a").empty(); }));
  kill_through(t, "c", "segv");
  for (const auto* id : {"c", "d"}) EXPECT_EQ(t.say(t.actor(id), "incarnation"), "2") << id;
  EXPECT_EQ(pid_of(t, "c"), pid_of(t, "d"));
  EXPECT_NE(pid_of(t, "c"), of_c);
  EXPECT_THAT(t.events.of(event_kind::restart, "/root/a"), SizeIs(1)) << "it waits";
}

TEST(process_group, whose_process_dies_is_charged_one_restart) {
  probe_tree t{{member("a"), member("b"), member("c"), member("d")}, strategy::one_for_one, {2, milliseconds{60'000}}};
  for (int round = 2; round <= 3; ++round) {
    kill_through(t, "b", "segv");
    for (const auto* id : {"a", "b", "c", "d"}) EXPECT_EQ(t.say(t.actor(id), "incarnation"), std::to_string(round));
  }
}

TEST(process_group, tells_each_what_the_process_died_of) {
  probe_tree t{{member("a"), member("b")}};
  const auto why = kill_through(t, "a", "complain 1");
  EXPECT_EQ(why.signal, SIGSEGV);
  EXPECT_THAT(why.frames, ::testing::Contains(HasSubstr("fault")));
  EXPECT_THAT(why.stderr_tail, ::testing::Contains("the last one, with no end"));
}

TEST(process_group, keeps_the_messages_that_nobody_has_begun) {
  probe_tree t{{member("a"), member("b")}};
  const auto a = t.actor("a");
  const auto b = t.actor("b");
  std::thread asker{[&] { t.ask<std::string>(b, std::string{"print_and_sleep 500"}); }};
  EXPECT_TRUE(comes([&] { return !t.lines().empty(); }));
  for (std::int64_t n = 1; n <= 100; ++n) caf::anon_send(b, caf::put_atom::value, n);
  kill_through(t, "a", "segv");
  asker.join();
  const auto counts = t.settled("b");
  EXPECT_EQ(counts.accepted, counts.handled + counts.failed + counts.dead);
  EXPECT_EQ(counts.dead, 0U);
  EXPECT_EQ(counts.failed, 1U) << "the one that was in hand";
  std::string all;
  for (int n = 1; n <= 100; ++n) all += (n == 1 ? "" : " ") + std::to_string(n);
  EXPECT_EQ(t.list(b), all);
}

TEST(process_group, goes_on_without_one_that_is_terminated) {
  probe_tree t{{member("a"), member("b")}};
  const auto pid = pid_of(t, "a");
  t.ask<std::int64_t>(t.actor("b"), caf::add_atom::value, std::int64_t{5});
  ASSERT_TRUE(t.tree->terminate_child("/root/a"));
  EXPECT_EQ(t.sum(t.actor("b")), 5);
  EXPECT_EQ(pid_of(t, "b"), pid);
  ASSERT_TRUE(t.tree->restart_child("/root/a"));
  EXPECT_EQ(pid_of(t, "a"), pid) << "there is room for it where the others are";
  EXPECT_EQ(t.say(t.actor("a"), "incarnation"), "2");
  ASSERT_TRUE(t.tree->terminate_child("/root/a"));
  ASSERT_TRUE(t.tree->terminate_child("/root/b"));
  EXPECT_TRUE(comes([&] { return !is_there(pid); })) << "nobody lives there any more";
  ASSERT_TRUE(t.tree->restart_child("/root/b"));
  EXPECT_NE(pid_of(t, "b"), pid);
}

TEST(process_group, that_hangs_is_killed_together) {
  auto a = member("a");
  a.hang_after = 100ms;
  a.on_hang = hang_policy::kill;
  probe_tree t{{a, member("b")}};
  EXPECT_EQ(t.ask<std::string>(t.actor("a"), std::string{"sleep 60000"}).code, errc::crashed);
  EXPECT_EQ(t.say(t.actor("b"), "incarnation"), "2");
  for (const auto& crash : t.events.of(event_kind::crash)) {
    EXPECT_EQ(crash.why->cls, cause_class::heartbeat);
    EXPECT_THAT(crash.why->message, HasSubstr("it has finished nothing for"));
  }
  EXPECT_FALSE(t.events.of(event_kind::crash).empty());
}

TEST(process_group, whose_process_cannot_be_had_fails_to_start) {
  auto a = member("a");
  a.process.working_directory = "/nowhere/at/all";
  auto b = member("b");
  b.process.working_directory = "/nowhere/at/all";
  probe_tree t{{a, b}};
  EXPECT_FALSE(t.started);
  EXPECT_EQ(t.started.failed_child, "/root/a");
}

TEST(process_group, that_has_no_descriptor_left_for_one_more_says_so) {
  std::vector<child_spec> many;
  for (int i = 0; i < 40; ++i) {
    many.push_back(member("m" + std::to_string(i)));
    many.back().process.open_files = 32;
  }
  probe_tree t{many};
  EXPECT_FALSE(t.started);
  EXPECT_THAT(describe(t.started.why), HasSubstr("no descriptor for one actor more"));
}

TEST(process_group, one_whose_start_fails_leaves_the_others_alone) {
  probe_tree t{{member("a")}};
  const auto pid = pid_of(t, "a");
  auto b = member("b", "g", {{"start", "throw"}});
  EXPECT_FALSE(t.tree->start_child("/root", b));
  EXPECT_FALSE(t.tree->start_child("/root", member("c", "g", {{"start", "decline"}})).code == admin_code::ok);
  EXPECT_EQ(pid_of(t, "a"), pid);
  ASSERT_TRUE(t.tree->start_child("/root", member("d")));
  EXPECT_EQ(pid_of(t, "d"), pid);
}

TEST(process_group, of_a_hundred_leaves_nothing_behind) {
  const auto descriptors = [] {
    const std::filesystem::directory_iterator all{"/proc/self/fd"};
    return std::distance(begin(all), end(all));
  };
  std::vector<child_spec> many;
  for (int i = 0; i < 100; ++i) many.push_back(member("m" + std::to_string(i)));
  { probe_tree first{{member("a")}}; }
  const auto before = descriptors();
  std::string pid;
  {
    probe_tree t{many};
    pid = pid_of(t, "m0");
    EXPECT_EQ(pid_of(t, "m99"), pid);
    kill_through(t, "m50", "abort");
    EXPECT_EQ(t.say(t.actor("m99"), "incarnation"), "2");
    EXPECT_TRUE(comes([&] { return !is_there(pid); }));
    pid = pid_of(t, "m0");
  }
  EXPECT_TRUE(comes([&] { return !is_there(pid); }));
  EXPECT_TRUE(comes([&] { return descriptors() <= before; })) << descriptors() << " and " << before;
}

TEST(process_group, of_which_one_is_stopped_at_once_goes_on) {
  auto b = member("b");
  b.shutdown = brutal_kill;
  probe_tree t{{member("a"), b}};
  const auto pid = pid_of(t, "a");
  ASSERT_TRUE(t.tree->terminate_child("/root/b"));
  ASSERT_TRUE(t.tree->restart_child("/root/b"));
  EXPECT_EQ(t.say(t.actor("b"), "incarnation"), "2");
  ASSERT_TRUE(t.tree->terminate_child("/root/b"));
  EXPECT_EQ(t.say(t.actor("a"), "incarnation"), "1");
  EXPECT_EQ(pid_of(t, "a"), pid);
  t.tree->stop();
  EXPECT_TRUE(t.events.of(event_kind::crash).empty());
}

TEST(process_group, leaves_one_that_does_not_stop_in_time_to_itself) {
  auto b = member("b");
  b.shutdown = 50ms;
  probe_tree t{{member("a"), b}};
  std::thread asker{[&] { EXPECT_EQ(t.ask<std::string>(t.actor("b"), std::string{"sleep 2000"}).code, errc::ended); }};
  comes([&] { return t.counts("b").waiting > 0; });
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(t.tree->terminate_child("/root/b"));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 1'500ms);
  asker.join();
  EXPECT_EQ(t.say(t.actor("a"), "incarnation"), "1");
}

TEST(process_group, lays_its_death_to_the_one_that_was_killed) {
  probe_tree t{{member("a"), member("b"), member("c")}};
  for (int round = 2; round <= 4; ++round) {
    ASSERT_TRUE(t.tree->operate(operation::kill, "/root/b"));
    for (const auto* id : {"a", "b", "c"}) EXPECT_EQ(t.say(t.actor(id), "incarnation"), std::to_string(round));
    for (const auto& x : t.events.of(event_kind::crash)) {
      if (x.actor == "/root/b") continue;
      EXPECT_NE(x.decision->action, "restart") << x.actor;
      EXPECT_THAT(x.why->message, HasSubstr("for /root/b"));
    }
    EXPECT_THAT(t.events.of(event_kind::crash, "/root/b"), SizeIs(static_cast<std::size_t>(round - 1)));
  }
}

TEST(process_group, puts_no_message_aside_for_what_another_one_was_killed_for) {
  auto b = member("b");
  b.redeliver = 1;
  probe_tree t{{member("a"), b}};
  std::string answer;
  std::thread asker{[&] { answer = t.say(t.actor("b"), "print_and_sleep 500"); }};
  for (int round = 2; round <= 4; ++round) {
    EXPECT_TRUE(comes([&] { return t.lines().size() == static_cast<std::size_t>(round - 1); })) << "it is begun";
    ASSERT_TRUE(t.tree->operate(operation::kill, "/root/a"));
    EXPECT_EQ(t.say(t.actor("a"), "incarnation"), std::to_string(round));
  }
  asker.join();
  EXPECT_EQ(answer, "print_and_sleep 500");
  EXPECT_TRUE(t.events.of(event_kind::quarantine).empty());
}

TEST(process_group, may_be_moved_out_of_its_process_by_a_reload) {
  probe_tree t{{member("a"), member("b")}};
  const auto pid = pid_of(t, "a");
  supervisor_spec next;
  next.intensity = {10'000, milliseconds{1'000}};
  next.children = {probe_child("a", rung::thread), probe_child("b", rung::thread)};
  ASSERT_TRUE(t.tree->reload(next).empty());
  EXPECT_EQ(pid_of(t, "a"), pid) << "until its next restart";
  ::kill(std::stoi(pid), SIGKILL);
  for (const auto* id : {"a", "b"})
    EXPECT_TRUE(comes([&] { return pid_of(t, id) == std::to_string(::getpid()); })) << id;
}

TEST(subtree_in_a_process, may_be_moved_out_of_it_and_into_it_by_a_reload) {
  probe_tree t{{house({inside("a"), inside("b")})}, strategy::one_for_one, {10, milliseconds{60'000}}};
  const auto pid = pid_of(t, "house/a");
  supervisor_spec next;
  next.intensity = {10, milliseconds{60'000}};
  next.children = {house({inside("a"), inside("b")})};
  next.children.front().runs_in = rung::thread;
  ASSERT_TRUE(t.tree->reload(next).empty());
  ::kill(std::stoi(pid), SIGKILL);
  for (const auto* id : {"house/a", "house/b"})
    EXPECT_TRUE(comes([&] { return pid_of(t, id) == std::to_string(::getpid()); })) << id;
  EXPECT_THAT(t.events.of(event_kind::crash, "/root/house"), SizeIs(1)) << "it had owned the process";
  next.children.front().runs_in = rung::process;
  ASSERT_TRUE(t.tree->reload(next).empty());
  ASSERT_TRUE(t.tree->operate(operation::restart, "/root/house/a"));
  const auto again = pid_of(t, "house/a");
  EXPECT_NE(again, std::to_string(::getpid()));
  ::kill(std::stoi(again), SIGKILL);
  EXPECT_TRUE(comes([&] { return pid_of(t, "house/b") != std::to_string(::getpid()); }));
  EXPECT_EQ(pid_of(t, "house/a"), pid_of(t, "house/b"));
  EXPECT_TRUE(t.events.of(event_kind::give_up).empty());
}

TEST(subtree_in_a_process, lives_in_one_whatever_is_below) {
  supervisor_spec deep;
  deep.children = {inside("x"), inside("y")};
  child_spec below;
  below.id = "deep";
  below.what = std::make_shared<supervisor_spec>(deep);
  probe_tree t{{house({inside("a"), below}), probe_child("b", rung::thread)}};
  ASSERT_TRUE(t.started) << describe(t.started.why);
  const auto pid = pid_of(t, "house/a");
  EXPECT_NE(pid, std::to_string(::getpid()));
  EXPECT_EQ(pid_of(t, "house/deep/x"), pid);
  EXPECT_EQ(pid_of(t, "house/deep/y"), pid);
  EXPECT_EQ(pid_of(t, "b"), std::to_string(::getpid()));
}

TEST(subtree_in_a_process, restarts_one_that_throws_where_the_others_are) {
  probe_tree t{{house({inside("a"), inside("b")})}};
  const auto pid = pid_of(t, "house/a");
  t.ask<std::int64_t>(t.actor("house/b"), caf::add_atom::value, std::int64_t{5});
  kill_through(t, "house/a", "throw");
  EXPECT_EQ(t.say(t.actor("house/a"), "incarnation"), "2");
  EXPECT_EQ(pid_of(t, "house/a"), pid);
  EXPECT_EQ(t.sum(t.actor("house/b")), 5) << "nothing has happened to it";
}

TEST(subtree_in_a_process, whose_process_dies_is_a_crash_of_its_supervisor) {
  supervisor_spec deep;
  deep.children = {inside("x"), inside("y")};
  child_spec below;
  below.id = "deep";
  below.what = std::make_shared<supervisor_spec>(deep);
  probe_tree t{{house({inside("a"), inside("b"), below})}, strategy::one_for_one, {2, milliseconds{60'000}}};
  for (int round = 2; round <= 3; ++round) {
    const auto pid = pid_of(t, "house/b");
    const auto why = kill_through(t, round == 2 ? "house/deep/x" : "house/a", "segv");
    EXPECT_EQ(why.signal, SIGSEGV);
    for (const auto* id : {"house/a", "house/b", "house/deep/x", "house/deep/y"})
      EXPECT_EQ(t.say(t.actor(id), "incarnation"), std::to_string(round)) << id;
    EXPECT_NE(pid_of(t, "house/b"), pid);
    EXPECT_EQ(pid_of(t, "house/b"), pid_of(t, "house/deep/y"));
    const auto crashes = t.events.of(event_kind::crash, "/root/house");
    ASSERT_THAT(crashes, SizeIs(static_cast<std::size_t>(round - 1)));
    EXPECT_EQ(crashes.back().why->signal, SIGSEGV);
    EXPECT_EQ(crashes.back().decision->restarts, static_cast<unsigned>(round - 1));
    EXPECT_THAT(t.events.of(event_kind::escalate, "/root/house").back().text, HasSubstr("its process has ended"));
  }
}

TEST(subtree_in_a_process, takes_children_in_while_it_runs) {
  supervisor_spec many;
  many.strategy = strategy::simple_one_for_one;
  many.children = {inside("one")};
  child_spec crowd;
  crowd.id = "crowd";
  crowd.what = std::make_shared<supervisor_spec>(many);
  probe_tree t{{house({inside("a"), crowd})}};
  const auto pid = pid_of(t, "house/a");
  ASSERT_TRUE(t.tree->start_child("/root/house/crowd", param_map{}));
  EXPECT_EQ(pid_of(t, "house/crowd/one-1"), pid);
  ASSERT_TRUE(t.tree->start_child("/root/house", inside("late")));
  EXPECT_EQ(pid_of(t, "house/late"), pid);
  pool_spec pool;
  pool.task = "add_to";
  child_spec workers;
  workers.id = "workers";
  workers.what = pool;
  const auto refused = t.tree->start_child("/root/house", workers);
  ASSERT_THAT(refused.faults, SizeIs(1));
  EXPECT_THAT(describe(refused.faults.front()), HasSubstr("a pool cannot be in the process of /root/house"));
}

TEST(subtree_in_a_process, gives_up_when_its_supervisor_has_no_restart_left) {
  probe_tree t{{house({inside("a"), inside("b")})}, strategy::one_for_one, {0, milliseconds{1'000}}};
  const auto pid = pid_of(t, "house/a");
  t.ask<std::string>(t.actor("house/b"), std::string{"kill"});
  EXPECT_TRUE(comes([&] { return !t.events.of(event_kind::give_up, "/root").empty(); }));
  EXPECT_TRUE(comes([&] { return !is_there(pid); }));
}

TEST(subtree_in_a_process, keeps_messages_over_the_death_of_its_process) {
  probe_tree t{{house({inside("a"), inside("b")})}};
  const auto b = t.actor("house/b");
  std::thread asker{[&] { t.ask<std::string>(b, std::string{"sleep 200"}); }};
  comes([&] { return t.tree->which_child("/root/house/b")->messages.waiting > 0; });
  for (std::int64_t n = 1; n <= 50; ++n) caf::anon_send(b, caf::put_atom::value, n);
  kill_through(t, "house/a", "segv");
  asker.join();
  const auto again = t.actor("house/b");
  std::string all;
  for (int n = 1; n <= 50; ++n) all += (n == 1 ? "" : " ") + std::to_string(n);
  EXPECT_TRUE(comes([&] { return t.list(again) == all; })) << t.list(again);
}

TEST(subtree_in_a_process, says_what_cannot_be_there) {
  supervisor_spec tree;
  pool_spec pool;
  pool.task = "add_to";
  child_spec workers;
  workers.id = "workers";
  workers.what = pool;
  auto own = probe_child("own", rung::process);
  auto replaced = inside("replaced");
  replaced.hang_after = 1s;
  replaced.on_hang = hang_policy::replace;
  auto all = house({workers, own, replaced});
  all.process.spare = true;
  tree.children = {all};
  std::vector<std::string> told;
  for (const auto& one : validate(tree)) told.push_back(describe(one));
  EXPECT_THAT(told, ::testing::UnorderedElementsAre(
                        HasSubstr("/root/house/workers: pool: a pool cannot be in the process of /root/house"),
                        HasSubstr("/root/house/own: runs_in: it lives in the process of /root/house already"),
                        HasSubstr("/root/house/replaced: on_hang: the process of an actor that hangs is killed"),
                        HasSubstr("/root/house: process.spare: the process of a supervisor has no spare")));
}

TEST(process_group, says_what_cannot_share) {
  const auto faults = [](const supervisor_spec& tree) {
    std::vector<std::string> told;
    for (const auto& one : validate(tree)) told.push_back(describe(one));
    return told;
  };
  supervisor_spec tree;
  auto b = member("b");
  b.process.open_files = 100;
  tree.children = {member("a"), b};
  EXPECT_THAT(faults(tree),
              ::testing::ElementsAre(HasSubstr("/root/b: process: 'a' of the same group 'g' has other settings")));
  auto spare = member("a");
  spare.process.spare = true;
  tree.children = {spare};
  EXPECT_THAT(faults(tree), ::testing::ElementsAre(HasSubstr("process.spare: the process of a group has no spare")));
  auto thread = member("a");
  thread.runs_in = rung::thread;
  tree.children = {thread};
  EXPECT_THAT(faults(tree), ::testing::ElementsAre(HasSubstr("process.group: a thread has no such limit")));
  tree.children = {member("a", "no name")};
  EXPECT_THAT(faults(tree), ::testing::ElementsAre(HasSubstr("process.group: 'no name' is not a name")));
  auto limited = member("a");
  limited.intensity = intensity{1, milliseconds{1'000}};
  tree.children = {limited};
  EXPECT_THAT(faults(tree), ::testing::ElementsAre(HasSubstr("it has no limit of its own")));
  tree.strategy = strategy::simple_one_for_one;
  tree.children = {member("a")};
  EXPECT_THAT(faults(tree), ::testing::ElementsAre(HasSubstr("children of a template cannot be a group")));
}

}  // namespace
}  // namespace steward::test
