#include "steward/child.hpp"
#include "tests/support/virtual_tree.hpp"

#include <gmock/gmock.h>

// What operators do to children, with real cells in virtual time.

namespace steward::testing_support {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using enum operation;

struct counts {
  explicit counts(const actor_args& args) : incarnation(args.incarnation()) {}
  caf::behavior make_behavior() {
    return {[this](caf::add_atom) { return ++sum; }, [this](caf::get_atom) { return incarnation; },
            [](crash_atom) { throw std::runtime_error("boom"); }};
  }
  std::uint64_t incarnation;
  std::int64_t sum = 0;
};

class operations : public virtual_tree {
protected:
  void start_two(intensity limit = {3, 60s}, strategy how = strategy::one_for_one) {
    start(tree({child::actor<counts>("a"), child::actor<counts>("b")}, limit, how));
  }
  std::string code(operation what, const std::string& path) {
    const auto out = operate(what, path);
    return out ? to_string(out->code) : "pending";
  }
  event last_told() { return events_of(event_kind::operator_).back(); }
};

TEST_F(operations, restart_keeps_what_waits_and_makes_a_new_state) {
  start_two();
  EXPECT_EQ(ask<std::int64_t>("/root/a", caf::add_atom::value), 1);
  hold_back("/root/a");
  send("/root/a", caf::add_atom::value);
  const auto answer = administer_later(
      [](supervision::tree_host& host, auto done) { host.operate(restart, "/root/a", "uid 1000 (ann)", done); });
  let_go("/root/a");
  ASSERT_TRUE(*answer);
  EXPECT_EQ((*answer)->code, admin_code::ok);
  EXPECT_EQ(incarnation_of("/root/a"), 2U);
  EXPECT_EQ(ask<std::int64_t>("/root/a", caf::add_atom::value), 2) << "the one that waited came before";
  EXPECT_EQ(incarnation_of("/root/b"), 1U);
  EXPECT_TRUE(events_of(event_kind::crash).empty());
  EXPECT_TRUE(events_of(event_kind::dead_letter).empty());
  const auto told = events_of(event_kind::operator_);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(*told[0].by, "uid 1000 (ann)");
  EXPECT_EQ(told[0].text, "restart of /root/a");
  EXPECT_EQ(told[0].actor, "/root/a");
}

TEST_F(operations, kill_is_a_crash_that_says_by_whom) {
  start_two({1, 60s});
  EXPECT_EQ(code(kill, "/root/a"), "ok");
  EXPECT_EQ(incarnation_of("/root/a"), 2U);
  const auto crash = events_of(event_kind::crash).back();
  EXPECT_EQ(crash.why->cls, cause_class::killed);
  EXPECT_EQ(crash.why->message, "killed by ann");
  EXPECT_EQ(crash.decision->action, "restart");
  EXPECT_FALSE(ended_);
  EXPECT_EQ(code(kill, "/root/a"), "ok");
  EXPECT_TRUE(ended_) << "it is charged to the limit";
}

TEST_F(operations, kill_of_one_whose_handler_hangs_abandons_it) {
  start_two();
  hold_back("/root/a");
  const auto answer =
      administer_later([](supervision::tree_host& host, auto done) { host.operate(kill, "/root/a", "ann", done); });
  EXPECT_FALSE(*answer);
  advance(policy::supervisor_machine::kill_grace);
  ASSERT_TRUE(*answer);
  EXPECT_EQ(leaked(), 1U);
  let_go("/root/a");
  EXPECT_EQ(incarnation_of("/root/a"), 2U);
  EXPECT_EQ(status_of("/root/a"), "running");
  EXPECT_EQ(leaked(), 0U);
}

TEST_F(operations, a_parked_actor_keeps_its_messages_until_it_is_revived) {
  start_two();
  EXPECT_EQ(code(park, "/root/a"), "ok");
  EXPECT_EQ(status_of("/root/a"), "parked");
  send("/root/a", caf::add_atom::value);
  run();
  advance(1h);
  EXPECT_EQ(status_of("/root/a"), "parked");
  EXPECT_EQ(paths_of(event_kind::park), std::vector<std::string>{"/root/a"});
  EXPECT_EQ(code(park, "/root/a"), "ok");
  EXPECT_EQ(last_told().text, "park of /root/a, which was so already");
  EXPECT_EQ(code(revive, "/root/a"), "ok");
  EXPECT_EQ(ask<std::int64_t>("/root/a", caf::add_atom::value), 2);
}

TEST_F(operations, stop_and_start_are_told) {
  start_two();
  EXPECT_EQ(code(operation::stop, "/root/a"), "ok");
  EXPECT_EQ(status_of("/root/a"), "undefined");
  EXPECT_EQ(last_told().text, "stop of /root/a");
  EXPECT_EQ(code(operation::stop, "/root/a"), "ok");
  EXPECT_EQ(last_told().text, "stop of /root/a, which was so already");
  EXPECT_EQ(code(operation::start, "/root/a"), "ok");
  EXPECT_EQ(ask<std::uint64_t>("/root/a", caf::get_atom::value), 2U);
  EXPECT_EQ(last_told().text, "start of /root/a");
  EXPECT_EQ(code(operation::start, "/root/a"), "ok") << "as a stop of what is down";
  EXPECT_EQ(last_told().text, "start of /root/a, which was so already");
  EXPECT_EQ(ask<std::uint64_t>("/root/a", caf::get_atom::value), 2U) << "it is the same incarnation";
}

TEST_F(operations, what_was_so_already_is_said) {
  start_two();
  EXPECT_TRUE(operate(operation::start, "/root/a")->already);
  EXPECT_TRUE(operate(revive, "/root/a")->already);
  EXPECT_FALSE(operate(operation::stop, "/root/a")->already);
  EXPECT_TRUE(operate(operation::stop, "/root/a")->already);
  EXPECT_FALSE(operate(operation::start, "/root/a")->already);
  EXPECT_FALSE(operate(park, "/root/a")->already);
  EXPECT_TRUE(operate(park, "/root/a")->already);
}

TEST_F(operations, revive_ends_a_wait_and_start_does_not) {
  auto slow = child::actor<counts>("slow", {}, {.backoff = {5s, 5s, 2.0, 0.0, 30s}});
  start(tree({slow}, {10, 60s}));
  for (int i = 0; i < 2; ++i) {
    send("/root/slow", crash_atom::value);
    run();
  }
  EXPECT_EQ(status_of("/root/slow"), "restarting");
  EXPECT_EQ(code(operation::start, "/root/slow"), "restarting");
  EXPECT_EQ(code(revive, "/root/slow"), "ok");
  EXPECT_EQ(incarnation_of("/root/slow"), 3U);
  EXPECT_EQ(code(revive, "/root/slow"), "ok") << "it is up";
}

TEST_F(operations, a_refusal_is_told_with_its_reason) {
  start_two();
  const auto root = operate(restart, "/root");
  EXPECT_EQ(root->code, admin_code::unsupported);
  EXPECT_THAT(root->why.message, HasSubstr("shut the run down"));
  EXPECT_THAT(last_told().text, HasSubstr("restart of /root was refused: the root is the whole tree"));
  EXPECT_EQ(last_told().level, event_level::warn);
  EXPECT_EQ(operate(kill, "/root/nobody")->code, admin_code::not_found);
  EXPECT_EQ(last_told().text, "kill of /root/nobody was refused: there is no such child");
  EXPECT_EQ(operate(kill, "nonsense")->code, admin_code::not_found);
  EXPECT_EQ(operate(kill, "")->code, admin_code::not_found);
  operate(operation::stop, "/root/a");
  EXPECT_EQ(operate(kill, "/root/a")->why.message, "it is down");
  EXPECT_EQ(events_of(event_kind::operator_).size(), 6U) << "one each";
  EXPECT_EQ(*last_told().by, "ann");
}

class operations_below : public operations {
protected:
  void start_nested() {
    start(tree(
        {nested("team", tree({child::actor<counts>("a"), child::actor<counts>("b")})), child::actor<counts>("other")},
        {5, 60s}));
  }
};

TEST_F(operations_below, restart_of_a_supervisor_takes_its_children_along_with_their_messages) {
  start_nested();
  hold_back("/root/team/a");
  send("/root/team/a", caf::add_atom::value);
  const auto answer = administer_later(
      [](supervision::tree_host& host, auto done) { host.operate(restart, "/root/team", "ann", done); });
  let_go("/root/team/a");
  ASSERT_TRUE(*answer);
  EXPECT_EQ((*answer)->code, admin_code::ok);
  EXPECT_EQ(incarnation_of("/root/team"), 2U);
  EXPECT_EQ(incarnation_of("/root/team/a"), 2U);
  EXPECT_EQ(incarnation_of("/root/team/b"), 2U);
  EXPECT_EQ(incarnation_of("/root/other"), 1U);
  EXPECT_EQ(ask<std::int64_t>("/root/team/a", caf::add_atom::value), 2);
  EXPECT_TRUE(events_of(event_kind::crash).empty());
}

TEST_F(operations_below, kill_of_a_supervisor_ends_all_below_it_and_its_parent_decides) {
  start_nested();
  send("/root/team/a", caf::add_atom::value);
  EXPECT_EQ(code(kill, "/root/team"), "ok");
  EXPECT_EQ(paths_of(event_kind::crash), std::vector<std::string>{"/root/team"});
  EXPECT_EQ(events_of(event_kind::crash).back().why->cls, cause_class::killed);
  EXPECT_TRUE(events_of(event_kind::escalate).empty());
  EXPECT_EQ(incarnation_of("/root/team"), 2U);
  EXPECT_EQ(ask<std::uint64_t>("/root/team/b", caf::get_atom::value), 2U);
}

TEST_F(operations_below, kill_of_a_supervisor_does_not_wait_for_a_child_that_hangs) {
  start_nested();
  hold_back("/root/team/a");
  const auto answer =
      administer_later([](supervision::tree_host& host, auto done) { host.operate(kill, "/root/team", "ann", done); });
  advance(50ms);
  ASSERT_TRUE(*answer);
  EXPECT_EQ((*answer)->code, admin_code::ok);
  let_go("/root/team/a");
  EXPECT_EQ(ask<std::uint64_t>("/root/team/a", caf::get_atom::value), 2U);
}

TEST_F(operations_below, a_parked_supervisor_is_revived_with_all_below_it) {
  start_nested();
  EXPECT_EQ(code(park, "/root/team"), "ok");
  send("/root/team/a", caf::add_atom::value);
  EXPECT_EQ(status_of("/root/team"), "parked");
  EXPECT_EQ(code(restart, "/root/team/a"), "noproc");
  EXPECT_EQ(last_told().text, "restart of /root/team/a was refused: its supervisor is not in service");
  EXPECT_EQ(code(revive, "/root/team"), "ok");
  EXPECT_EQ(ask<std::int64_t>("/root/team/a", caf::add_atom::value), 2) << "what was told meanwhile counts";
}

TEST_F(operations, dynamic_children_can_be_operated_as_others) {
  auto workers = tree({child::actor<counts>("w")}, {5, 60s}, strategy::simple_one_for_one);
  workers.initial = 2;
  start(tree({nested("workers", workers)}));
  EXPECT_EQ(code(restart, "/root/workers/w-1"), "ok");
  EXPECT_EQ(incarnation_of("/root/workers/w-1"), 2U);
  EXPECT_EQ(code(kill, "/root/workers/w-1"), "ok");
  EXPECT_EQ(incarnation_of("/root/workers/w-1"), 3U);
  EXPECT_EQ(code(park, "/root/workers/w-2"), "ok");
  EXPECT_EQ(code(revive, "/root/workers/w-2"), "ok");
  EXPECT_EQ(code(operation::stop, "/root/workers/w-2"), "ok");
  EXPECT_EQ(status_of("/root/workers/w-2"), "not_found");
}

TEST_F(operations, nothing_is_operated_when_the_tree_is_over) {
  start_two();
  virtual_tree::stop();
  EXPECT_EQ(code(restart, "/root/a"), "noproc");
  EXPECT_EQ(last_told().text, "restart of /root/a was refused: the tree is over, or about to be");
}

std::vector<std::string> lines(const std::vector<reload_change>& all) {
  std::vector<std::string> out;
  for (const auto& x : all) out.push_back(x.path + ": " + x.what + (x.waits_for.empty() ? "" : " at " + x.waits_for));
  return out;
}

TEST_F(operations, preview_says_what_reload_would_do_and_changes_nothing) {
  const auto spec = tree({child::actor<counts>("a"), nested("team", tree({child::actor<counts>("b")}))});
  start(spec);
  auto next = tree({child::actor<counts>("a", {}, {.shutdown = 1s}), nested("team", tree({child::actor<counts>("c")}))},
                   {7, 60s});
  std::vector<reload_change> seen;
  std::vector<reload_change> done;
  const auto before = events_.size();
  EXPECT_TRUE(query([&](supervision::tree_host& host) { return host.preview(next, seen); }).empty());
  EXPECT_EQ(events_.size(), before);
  EXPECT_EQ(get_childspec("/root/a")->shutdown, 5s);
  EXPECT_EQ(status_of("/root/team/c"), "not_found");
  EXPECT_TRUE(query([&](supervision::tree_host& host) { return host.reload(next, done, "SIGHUP"); }).empty());
  EXPECT_EQ(lines(seen), lines(done));
  EXPECT_EQ(done.size(), 5U) << testing::PrintToString(lines(done));
  EXPECT_EQ(get_childspec("/root/a")->shutdown, 1s);
  EXPECT_EQ(last_told().text, "new specs were loaded: 5 changes");
  EXPECT_EQ(*last_told().by, "SIGHUP");
  std::vector<reload_change> again;
  EXPECT_TRUE(query([&](supervision::tree_host& host) { return host.reload(next, again); }).empty());
  EXPECT_TRUE(again.empty());
  EXPECT_EQ(last_told().text, "new specs were loaded: nothing in them differs");
}

TEST_F(operations, preview_of_what_cannot_be_tells_the_faults) {
  start_two();
  auto next = tree({nested("a", tree({child::actor<counts>("x")})), child::actor<counts>("b")});
  std::vector<reload_change> seen;
  const auto faults = query([&](supervision::tree_host& host) { return host.preview(next, seen); });
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_THAT(describe(faults[0]), HasSubstr("another kind of child"));
  EXPECT_TRUE(seen.empty());
}

}  // namespace
}  // namespace steward::testing_support
