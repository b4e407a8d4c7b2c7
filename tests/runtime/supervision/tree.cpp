#include "probe.hpp"
#include "tests/support/virtual_tree.hpp"

#include <caf/exit_reason.hpp>

#include <tuple>

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

class tree_test : public virtual_tree {
protected:
  tree_test() {
    switches() = {};
    actor_type<probe>("probe");
  }
};

using paths = std::vector<std::string>;

TEST_F(tree_test, starts_children_in_order_and_stops_them_in_reverse) {
  start(tree({child("a", "probe"), child("b", "probe"), child("c", "probe")}));
  EXPECT_EQ(paths_of(event_kind::ready), (paths{"/root/a", "/root/b", "/root/c"}));
  stop();
  EXPECT_EQ(switches().ends, (paths{"/root/c", "/root/b", "/root/a"}));
  ASSERT_TRUE(ended_);
  EXPECT_EQ(ended_->cls, policy::exit_class::shutdown);
}

TEST_F(tree_test, a_failed_start_rolls_back_in_reverse_order) {
  start(tree({child("a", "probe"), child("b", "probe"), child("c", "nobody")}));
  ASSERT_TRUE(started_);
  EXPECT_EQ(started_->failed_child, "/root/c");
  EXPECT_EQ(switches().ends, (paths{"/root/b", "/root/a"}));
}

TEST_F(tree_test, a_crash_touches_no_sibling) {
  start(tree({child("a", "probe"), child("b", "probe")}));
  ask<std::int64_t>("/root/b", caf::add_atom::value, std::int64_t{5});
  ask<std::int64_t>("/root/a", crash_atom::value);
  EXPECT_EQ(ask<std::int64_t>("/root/b", caf::add_atom::value, std::int64_t{0}), 5);
  EXPECT_EQ(switches().ends, paths{"/root/a"});
}

TEST_F(tree_test, gives_up_after_one_restart_too_many_and_tells_its_owner) {
  start(tree({child("a", "probe"), child("b", "probe")}, {2, 5s}));
  for (int i = 0; i < 3; ++i) {
    ask<std::int64_t>("/root/a", crash_atom::value);
    advance(200ms);
  }
  ASSERT_TRUE(ended_);
  EXPECT_EQ(ended_->cls, policy::exit_class::gave_up);
  EXPECT_EQ(ended_->why.message, "boom");
  EXPECT_EQ(events_of(event_kind::limit).size(), 1U);
  EXPECT_EQ(paths_of(event_kind::give_up), paths{"/root"});
  EXPECT_EQ(switches().alive, 0);
}

TEST_F(tree_test, a_nested_supervisor_that_gives_up_is_restarted_with_all_its_children) {
  start(tree({child("a", "probe"), nested("sub", tree({child("x", "probe"), child("y", "probe")}, {1, 5s}))}, {3, 5s}));
  const auto crash_x = [&] {
    send("/root/sub/x", crash_atom::value);
    run();
  };
  crash_x();
  EXPECT_EQ(ask<std::uint64_t>("/root/sub/x", caf::get_atom::value), 2U);
  const auto x = at("/root/sub/x");
  const auto y = at("/root/sub/y");
  crash_x();
  EXPECT_EQ(paths_of(event_kind::escalate), paths{"/root/sub"});
  advance(1s);
  EXPECT_EQ(ask<std::uint64_t>("/root/sub/x", caf::get_atom::value), 3U) << "incarnations are counted on";
  EXPECT_EQ(ask<std::uint64_t>("/root/sub/y", caf::get_atom::value), 2U);
  EXPECT_EQ(at("/root/sub/x"), x) << "handles outlive the restart of the whole subtree";
  EXPECT_EQ(at("/root/sub/y"), y);
  EXPECT_EQ(ask<std::uint64_t>("/root/a", caf::get_atom::value), 1U) << "outside of it nothing happened";
  EXPECT_FALSE(ended_);
}

TEST_F(tree_test, a_transient_supervisor_that_gives_up_is_restarted) {
  start(tree({nested("sub", tree({child("x", "probe")}, {0, 5s}), restart_type::transient)}, {3, 5s}));
  send("/root/sub/x", crash_atom::value);
  run();
  EXPECT_EQ(ask<std::uint64_t>("/root/sub/x", caf::get_atom::value), 2U);
  EXPECT_FALSE(ended_);
}

TEST_F(tree_test, messages_outlive_a_group_restart_in_order) {
  start(tree({child("a", "probe"), child("b", "probe")}, {100, 60s}, strategy::one_for_all));
  const auto b = at("/root/b");
  ask<std::int64_t>("/root/a", crash_atom::value);
  send("/root/a", crash_atom::value);  // the group is back after 100 ms
  for (int i = 0; i < 50; ++i) send("/root/b", caf::add_atom::value, std::int64_t{1});
  run();
  EXPECT_EQ(switches().alive, 0);
  for (int i = 0; i < 50; ++i) send("/root/b", caf::add_atom::value, std::int64_t{1});
  advance(100ms);
  EXPECT_EQ(at("/root/b"), b);
  EXPECT_EQ(ask<std::uint64_t>("/root/b", caf::get_atom::value), 3U);
  const auto sum = ask<std::int64_t>("/root/b", caf::add_atom::value, std::int64_t{0}).value_or(-1);
  EXPECT_GE(sum, 50) << "what came while the group was down";
  const auto info = which_child("/root/b");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->messages.accepted, info->messages.handled) << "and nothing was lost before";
}

TEST_F(tree_test, messages_outlive_the_restart_of_a_whole_subtree) {
  start(tree({nested("sub", tree({child("x", "probe"), child("y", "probe")}, {0, 5s}))}, {100, 60s}));
  send("/root/sub/x", crash_atom::value);  // sub gives up and is restarted at once
  run();
  send("/root/sub/x", crash_atom::value);  // and now after 100 ms
  run();
  for (int i = 0; i < 7; ++i) send("/root/sub/y", caf::add_atom::value, std::int64_t{1});
  run();
  EXPECT_EQ(switches().alive, 0);
  advance(100ms);
  EXPECT_EQ(ask<std::int64_t>("/root/sub/y", caf::add_atom::value, std::int64_t{0}), 7);
}

TEST_F(tree_test, what_waits_when_the_root_gives_up_is_told_as_dead_letters_with_the_reason) {
  start(tree({child("a", "probe"), child("b", "probe")}, {1, 60s}, strategy::one_for_all));
  ask<std::int64_t>("/root/a", crash_atom::value);
  send("/root/b", crash_atom::value);
  for (int i = 0; i < 3; ++i) send("/root/b", caf::add_atom::value, std::int64_t{1});
  run();
  ASSERT_TRUE(ended_);
  const auto dead = events_of(event_kind::dead_letter);
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].actor, "/root/b");
  EXPECT_EQ(dead[0].lost, 3U);
  EXPECT_NE(dead[0].text.find("boom"), std::string::npos) << dead[0].text;
}

TEST_F(tree_test, giving_up_climbs_to_the_root) {
  start(tree({nested("sub", tree({child("x", "probe")}, {0, 5s}))}, {0, 5s}));
  send("/root/sub/x", crash_atom::value);
  run();
  ASSERT_TRUE(ended_);
  EXPECT_EQ(ended_->cls, policy::exit_class::gave_up);
}

TEST_F(tree_test, a_nested_start_that_fails_fails_the_whole_start) {
  start(tree({child("a", "probe"), nested("sub", tree({child("x", "probe"), child("y", "nobody")}))}));
  ASSERT_TRUE(started_);
  EXPECT_EQ(started_->failed_child, "/root/sub/y");
  EXPECT_NE(started_->why.message.find("/root/sub/y"), std::string::npos) << started_->why.message;
  EXPECT_EQ(switches().alive, 0);
}

TEST_F(tree_test, stops_nested_children_in_reverse_order_too) {
  start(tree(
      {child("a", "probe"), nested("sub", tree({child("x", "probe"), child("y", "probe")})), child("b", "probe")}));
  stop();
  EXPECT_EQ(switches().ends, (paths{"/root/b", "/root/sub/y", "/root/sub/x", "/root/a"}));
}

TEST_F(tree_test, can_be_stopped_while_a_child_waits_for_its_restart) {
  start(tree({child("a", "probe")}, {100, 60s}));
  ask<std::int64_t>("/root/a", crash_atom::value);
  ask<std::int64_t>("/root/a", crash_atom::value);
  EXPECT_EQ(switches().alive, 0);
  stop();
  EXPECT_TRUE(ended_);
  advance(10s);
  EXPECT_EQ(switches().alive, 0) << "the restart was called off";
}

TEST_F(tree_test, a_child_that_was_told_of_another_reaches_it_through_its_restarts) {
  start(tree({child("a", "probe"), child("b", "probe")}, {100, 60s}));
  const auto kept = at("/root/a");
  ask<std::int64_t>("/root/a", crash_atom::value);
  caf::scoped_actor self{*system_};
  auto pending = port::ask(self.ptr(), kept, caf::infinite, caf::get_atom::value);
  run();
  EXPECT_EQ(take<std::uint64_t>(pending), 2U);
}

TEST_F(tree_test, a_short_back_off_is_not_held_up_by_the_timers_of_others) {
  start(tree({child("a", "probe"), child("b", "probe")}, {100, 60s}));
  const auto crash_twice = [&](const std::string& path) {
    ask<std::int64_t>(path, crash_atom::value);
    send(path, crash_atom::value);
    run();
  };
  crash_twice("/root/a");  // back after 100 ms, which arms the 5 s of its start
  advance(50ms);
  crash_twice("/root/b");  // back 100 ms later
  EXPECT_EQ(switches().alive, 0);
  advance(50ms);
  EXPECT_EQ(switches().alive, 1);
  advance(50ms);
  EXPECT_EQ(switches().alive, 2);
}

TEST_F(tree_test, a_nested_restart_that_fails_for_ever_climbs_to_the_root) {
  start(tree(
      {child("a", "probe"), nested("deep", tree({nested("sub", tree({child("x", "probe")}))})), child("b", "probe")}));
  ASSERT_EQ(started_->failed_child, "");
  switches().init_throws = 1'000;
  send("/root/deep/sub/x", crash_atom::value);
  for (int i = 0; i < 200; ++i) advance(50ms);
  ASSERT_TRUE(ended_);
  EXPECT_EQ(ended_->cls, policy::exit_class::gave_up);
  EXPECT_EQ(switches().alive, 0);
}

TEST_F(tree_test, a_child_of_a_supervisor_that_is_restarted_has_not_ended_for_good) {
  start(tree({nested("sub", tree({child("x", "probe"), child("y", "probe", restart_type::transient)}, {0, 5s}))},
             {3, 5s}));
  send("/root/sub/x", crash_atom::value);
  run();
  EXPECT_FALSE(names_.end_of("/root/sub/y"));
  send("/root/sub/y", caf::delete_atom::value, std::int64_t{0});
  run();
  EXPECT_TRUE(names_.end_of("/root/sub/y"));
}

TEST_F(tree_test, an_actor_that_is_restarted_finds_the_actors_that_it_names_as_they_are_now) {
  struct asker {
    asker(self_ptr self, const actor_args& args) : self_(self), other_(args.actor("other")) {}
    caf::behavior make_behavior() {
      return {[this](caf::get_atom) {
                auto promise = self_->make_response_promise<std::uint64_t>();
                self_->request(other_, caf::infinite, caf::get_atom::value).then([promise](std::uint64_t n) mutable {
                  promise.deliver(n);
                });
                return promise;
              },
              [](crash_atom) { throw std::runtime_error("again"); }};
    }
    self_ptr self_;
    caf::actor other_;
  };
  actor_type<asker>("asker", {{"other", param_type::actor, {}, {}, {}, ""}});
  auto a = child("a", "asker");
  a.what = actor_spec{"asker", {{"other", {std::string{"/root/sub/x"}}}}};
  start(tree({nested("sub", tree({child("x", "probe")}, {0, 5s})), a}, {10, 5s}));
  send("/root/sub/x", crash_atom::value);  // sub gives up and comes back
  run();
  send("/root/a", crash_atom::value);
  EXPECT_EQ(ask<std::uint64_t>("/root/a", caf::get_atom::value), 2U) << "x is the same actor, in its second life";
}

TEST_F(tree_test, numbers_its_events_without_a_gap) {
  start(tree({child("a", "probe"), child("b", "probe")}, {100, 60s}));
  for (int i = 0; i < 20; ++i) {
    ask<std::int64_t>("/root/a", crash_atom::value);
    advance(10s);
  }
  stop();
  for (std::size_t i = 0; i < events_.size(); ++i) EXPECT_EQ(events_[i].seq, i + 1);
}

TEST_F(tree_test, an_actor_is_built_with_its_parameters_and_prints_through_its_tree) {
  struct greeter {
    greeter(self_ptr, const actor_args& args) {
      args.print()(args.text("greeting") + " #" + std::to_string(args.integer("n")));
    }
    caf::behavior make_behavior() {
      return {[](caf::get_atom) { return 1; }};
    }
  };
  actor_type<greeter>("greeter",
                      {{"greeting", param_type::text, {}, {}, {}, ""}, {"n", param_type::integer, {}, {}, {}, ""}});
  auto spec = child("g", "greeter");
  spec.what = actor_spec{"greeter", {{"greeting", {std::string{"hello"}}}, {"n", {std::int64_t{3}}}}};
  start(tree({spec}));
  EXPECT_EQ(printed_, std::vector<std::string>{"hello #3"});
}

TEST_F(tree_test, asking_for_a_parameter_that_is_not_declared_is_a_failed_start) {
  struct asker {
    asker(self_ptr, const actor_args& args) { std::ignore = args.integer("nothing"); }
    caf::behavior make_behavior() { return {}; }
  };
  actor_type<asker>("asker");
  start(tree({child("a", "asker")}));
  ASSERT_TRUE(started_);
  EXPECT_EQ(started_->failed_child, "/root/a");
  EXPECT_NE(started_->why.message.find("nothing"), std::string::npos);
}

}  // namespace
