// Kills under load: every message is handled, answered with an error or dead, exactly, and nothing is left over.
#include "placed_tree.hpp"

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <thread>

namespace steward::test {
namespace {

std::size_t entries_of(const char* folder) {
  std::size_t out = 0;
  if (auto* dir = ::opendir(folder)) {
    while (::readdir(dir) != nullptr) ++out;
    ::closedir(dir);
  }
  return out;
}

/// Of what a sender has sent to one actor.
struct sent {
  std::uint64_t tells = 0;
  std::uint64_t values = 0;
  std::uint64_t errors = 0;
};

/// Sends to all actors, in turns, until it is told to stop.
sent send_to(probe_tree& t, const std::vector<caf::actor>& to, std::atomic<bool>& stop, unsigned seed) {
  std::mt19937 random{seed};
  caf::scoped_actor self{t.rt->system()};
  sent out;
  std::int64_t n = 0;
  while (!stop.load()) {
    const auto& who = to[random() % to.size()];
    for (int i = 0; i < 20; ++i, ++out.tells) self->send(who, caf::put_atom::value, ++n);
    port::ask(self.ptr(), who, long_enough, caf::add_atom::value, std::int64_t{1})
        .receive([&](std::int64_t) { ++out.values; }, [&](caf::error&) { ++out.errors; });
  }
  return out;
}

/// The same by tasks in worker processes, to the first of them.
sent send_by_tasks(probe_tree& t, std::atomic<bool>& stop) {
  const auto workers = t.tree->pool_at("/root/workers");
  const std::vector<bytes> args(20, [] {
    bytes out;
    encode_all(out, std::int64_t{1});
    return out;
  }());
  sent out;
  while (!stop.load())
    for (const auto& x : workers->map(*probe_tasks().find("add_to"), args)) ++(x.ok() ? out.values : out.errors);
  return out;
}

/// STEWARD_STORM_KILLS: how many instead.
int kills_or(int few) {
  const auto* const many = std::getenv("STEWARD_STORM_KILLS");
  return many == nullptr ? few : std::atoi(many);
}

void storm(int kills, std::vector<std::string> ways) {
  const std::vector<std::string> names{"shared", "a1", "a2", "a3"};
  std::vector<child_spec> children;
  for (const auto& name : names) {
    auto one = probe_child(name, rung::process);
    one.hang_after = 100ms;
    one.on_hang = hang_policy::kill;
    children.push_back(one);
  }
  children.push_back(probe_child("talker", rung::process));
  children.push_back(workers_child());
  probe_tree t{std::move(children)};
  ASSERT_TRUE(t.started.ok) << t.started.why.message;
  std::vector<caf::actor> targets;
  for (const auto& name : names) targets.push_back(t.actor(name));
  for (const auto& who : targets) EXPECT_EQ(t.sum(who), 0);
  const auto fds = entries_of("/proc/self/fd");
  const auto threads = entries_of("/proc/self/task");

  std::atomic<bool> stop{false};
  std::vector<sent> all(4);
  std::vector<std::thread> senders;
  for (unsigned i = 0; i < 3; ++i) senders.emplace_back([&, i] { all[i] = send_to(t, targets, stop, i); });
  senders.emplace_back([&] { all[3] = send_by_tasks(t, stop); });
  std::uint64_t told = 0;
  std::mt19937 random{42};
  for (int i = 0; i < kills; ++i) {
    const auto n = random() % targets.size();
    const auto& way = ways[static_cast<std::size_t>(i) % ways.size()];
    const auto path = "/root/" + names[n];
    const auto before = t.events.of(event_kind::crash, path).size();
    port::send_anonymously(targets[n], way);
    ++told;
    t.say(t.actor("talker"), "ask", targets[n]);
    EXPECT_TRUE(comes([&] { return t.events.of(event_kind::crash, path).size() > before; })) << way;
  }
  stop.store(true);
  for (auto& one : senders) one.join();

  // Each has accepted what was sent to it, and knows what became of it.
  message_counts sum;
  for (int i = 0; i < 4; ++i) {
    EXPECT_GE(t.sum(targets[static_cast<std::size_t>(i)]), 0);
    const auto n = t.settled(names[static_cast<std::size_t>(i)]);
    EXPECT_EQ(n.waiting, 0U);
    EXPECT_EQ(n.accepted, n.handled + n.failed + n.dead);
    sum.accepted += n.accepted;
    sum.handled += n.handled;
    sum.failed += n.failed;
    sum.dead += n.dead;
  }
  sent total;
  for (const auto& one : all) {
    total.tells += one.tells;
    total.values += one.values;
    total.errors += one.errors;
  }
  // 4 before, 4 now, and one of the talker for each kill.
  EXPECT_EQ(sum.accepted, total.tells + total.values + total.errors + 2 * told + 8);
  EXPECT_EQ(sum.dead, told) << "only what has killed is lost";
  EXPECT_EQ(sum.failed, total.errors);
  EXPECT_TRUE(comes([&] { return entries_of("/proc/self/fd") <= fds; })) << fds << entries_of("/proc/self/fd");
  EXPECT_TRUE(comes([&] { return entries_of("/proc/self/task") <= threads; }));
}

TEST(process_actor_storm, loses_only_what_has_killed) {
  storm(kills_or(60), {"segv", "abort", "kill", "exit 3", "throw"});
}

TEST(process_actor_storm, survives_stops_that_hang) { storm(kills_or(60) / 10, {"stop_self"}); }

TEST(process_actor_storm, of_kills_from_outside_accounts_for_everything) {
  probe_tree t{{probe_child("a", rung::process)}};
  const auto a = t.actor("a");
  std::atomic<bool> stop{false};
  sent all;
  std::thread sender{[&] { all = send_to(t, {a}, stop, 1); }};
  int killed = 0;
  for (int i = 0; i < 40; ++i) {
    const auto pid = t.say(a, "pid");
    if (!pid.starts_with("failed") && ::kill(std::stoi(pid), SIGKILL) == 0) ++killed;
    std::this_thread::sleep_for(std::chrono::milliseconds{i % 7});
  }
  stop.store(true);
  sender.join();
  EXPECT_GT(killed, 20);
  EXPECT_GE(t.sum(a), 0);
  const auto n = t.settled("a");
  EXPECT_EQ(n.waiting, 0U);
  EXPECT_EQ(n.accepted, n.handled + n.failed + n.dead);
  EXPECT_LE(n.dead + n.failed, static_cast<std::uint64_t>(killed)) << "at most what was in hand";
  EXPECT_TRUE(
      comes([&] { return t.events.of(event_kind::crash, "/root/a").size() == static_cast<std::size_t>(killed); }));
}

TEST(process_actor_storm, a_slow_actor_fills_no_memory) {
  probe_tree t{{probe_child("a", rung::process)}};
  const auto a = t.actor("a");
  port::send_anonymously(a, std::string{"sleep 300"});
  const std::string large(100'000, 'x');
  for (int i = 0; i < 2'000; ++i) port::send_anonymously(a, "say " + large);
  EXPECT_EQ(t.sum(a), 0);
  const auto n = t.settled("a");
  EXPECT_EQ(n.accepted, n.handled);
}

TEST(process_actor_storm, a_flood_of_answers_passes) {
  probe_tree t{{probe_child("a", rung::process), probe_child("b", rung::process)}};
  const auto a = t.actor("a");
  caf::scoped_actor self{t.rt->system()};
  constexpr int many = 20'000;
  for (int i = 0; i < many; ++i)
    a->enqueue(caf::make_mailbox_element(caf::actor_cast<caf::strong_actor_ptr>(self),
                                         self->new_request_id(caf::message_priority::normal), {}, caf::add_atom::value,
                                         std::int64_t{1}),
               nullptr);
  EXPECT_EQ(t.sum(a), many);
  const auto n = t.settled("a");
  EXPECT_EQ(n.handled, static_cast<std::uint64_t>(many) + 1);
}

}  // namespace
}  // namespace steward::test
