// OTP's cases of supervision that do not depend on where a child lives, under the names that its own suite has for
// them, on threads and in processes. In virtual time, and with all that they look at, they are in
// tests/runtime/supervision.
#include "placed_tree.hpp"

#include "steward/child.hpp"

#include <string>
#include <vector>

namespace steward::test {
namespace {

using ::testing::ElementsAre;

class otp_placed : public on_any_rung {
protected:
  static child_spec kid(std::string id, restart_type restart = restart_type::permanent, param_map params = {}) {
    auto out = probe_child(std::move(id), where(), std::move(params));
    out.restart = restart;
    return out;
  }
  static child_spec below(std::string id, std::vector<child_spec> children, intensity budget,
                          strategy how = strategy::one_for_one) {
    supervisor_spec spec;
    spec.strategy = how;
    spec.intensity = budget;
    spec.children = std::move(children);
    auto out = child::supervisor(std::move(id), std::move(spec));
    out.backoff = {milliseconds{1}, milliseconds{5}, 1.0, 0.0, milliseconds{30'000}};
    return out;
  }

  static std::uint64_t life(probe_tree& t, const std::string& id) {
    const auto found = t.tree->which_child("/root/" + id);
    return found ? found->incarnation : 0;
  }
  /// "running 2", "undefined 1"; "gone" without a spec.
  static std::string standing(probe_tree& t, const std::string& id) {
    const auto found = t.tree->which_child("/root/" + id);
    if (!found) return "gone";
    return std::string{to_string(found->status)} + " " + std::to_string(found->incarnation);
  }
  static std::vector<std::string> standings(probe_tree& t, const std::vector<std::string>& ids) {
    std::vector<std::string> out;
    for (const auto& id : ids) out.push_back(standing(t, id));
    return out;
  }
  /// It does what it is told, and dies of it.
  static void end(probe_tree& t, const std::string& id, const char* how) {
    caf::anon_send(t.actor(id), std::string{how});
  }
  static void expect_soon(probe_tree& t, const std::vector<std::string>& ids, const std::vector<std::string>& what) {
    EXPECT_TRUE(comes([&] { return standings(t, ids) == what; })) << ::testing::PrintToString(standings(t, ids));
  }
  static bool gave_up(probe_tree& t) {
    return comes([&] { return !t.events.of(event_kind::give_up, "/root").empty(); });
  }
  /// The ids of all that was told with this kind, in order.
  static std::vector<std::string> order_of(probe_tree& t, event_kind kind) {
    std::vector<std::string> out;
    for (const auto& x : t.events.of(kind))
      if (x.actor != "/root") out.push_back(x.actor.substr(x.actor.rfind('/') + 1));
    return out;
  }

  void ends_as(restart_type restart, const char* how, const std::string& then) {
    probe_tree t{{kid("a", restart), kid("b")}};
    end(t, "a", how);
    expect_soon(t, {"a", "b"}, {then, "running 1"});
    if (then.starts_with("running")) {
      EXPECT_EQ(t.say(t.actor("a"), "path"), "/root/a");
    }
  }
};

INSTANTIATE_TEST_SUITE_P(on, otp_placed, ::testing::Values(rung::thread, rung::process), name_of_rung);

TEST_P(otp_placed, permanent_normal) { ends_as(restart_type::permanent, "quit", "running 2"); }
TEST_P(otp_placed, transient_normal) { ends_as(restart_type::transient, "quit", "undefined 1"); }
TEST_P(otp_placed, temporary_normal) { ends_as(restart_type::temporary, "quit", "gone"); }
TEST_P(otp_placed, permanent_shutdown) { ends_as(restart_type::permanent, "quit_shutdown", "running 2"); }
TEST_P(otp_placed, transient_shutdown) { ends_as(restart_type::transient, "quit_shutdown", "undefined 1"); }
TEST_P(otp_placed, temporary_shutdown) { ends_as(restart_type::temporary, "quit_shutdown", "gone"); }
TEST_P(otp_placed, permanent_abnormal) { ends_as(restart_type::permanent, "throw", "running 2"); }
TEST_P(otp_placed, transient_abnormal) { ends_as(restart_type::transient, "throw", "running 2"); }
TEST_P(otp_placed, temporary_abnormal) { ends_as(restart_type::temporary, "throw", "gone"); }

TEST_P(otp_placed, temporary_bystander) {
  for (const auto how : {strategy::one_for_all, strategy::rest_for_one}) {
    probe_tree t{{kid("a"), kid("b", restart_type::temporary)}, how};
    end(t, "a", "throw");
    expect_soon(t, {"a", "b"}, {"running 2", "gone"});
  }
}

TEST_P(otp_placed, one_for_one) {
  probe_tree t{{kid("a"), kid("b"), kid("c")}, strategy::one_for_one, {2, milliseconds{60'000}}};
  end(t, "a", "throw");
  expect_soon(t, {"a", "b", "c"}, {"running 2", "running 1", "running 1"});
  end(t, "c", "throw");
  expect_soon(t, {"a", "b", "c"}, {"running 2", "running 1", "running 2"});
  end(t, "b", "throw");
  EXPECT_TRUE(gave_up(t)) << "the third restart of all together is one too many";
}

TEST_P(otp_placed, one_for_one_escalation) {
  probe_tree t{{below("s", {kid("a"), kid("b")}, {1, milliseconds{60'000}})}};
  end(t, "s/a", "throw");
  expect_soon(t, {"s/a"}, {"running 2"});
  end(t, "s/a", "throw");
  expect_soon(t, {"s", "s/a", "s/b"}, {"running 2", "running 3", "running 2"});
}

TEST_P(otp_placed, one_for_all) {
  probe_tree t{{kid("a"), kid("b"), kid("c")}, strategy::one_for_all, {1, milliseconds{60'000}}};
  t.ask<std::int64_t>(t.actor("c"), caf::add_atom::value, std::int64_t{5});
  end(t, "b", "throw");
  expect_soon(t, {"a", "b", "c"}, {"running 2", "running 2", "running 2"});
  EXPECT_EQ(t.sum(t.actor("c")), 0) << "no old state survives";
  EXPECT_THAT(order_of(t, event_kind::stop), ElementsAre("c", "a")) << "in reverse order";
  EXPECT_THAT(order_of(t, event_kind::restart), ElementsAre("a", "b", "c"));
  end(t, "c", "throw");
  EXPECT_TRUE(gave_up(t));
}

TEST_P(otp_placed, rest_for_one) {
  probe_tree t{{kid("a"), kid("b"), kid("c")}, strategy::rest_for_one, {1, milliseconds{60'000}}};
  end(t, "b", "throw");
  expect_soon(t, {"a", "b", "c"}, {"running 1", "running 2", "running 2"});
  EXPECT_THAT(order_of(t, event_kind::stop), ElementsAre("c"));
  EXPECT_THAT(order_of(t, event_kind::restart), ElementsAre("b", "c"));
  end(t, "a", "throw");
  EXPECT_TRUE(gave_up(t));
}

TEST_P(otp_placed, rest_for_one_escalation) {
  probe_tree t{{below("s", {kid("a"), kid("b")}, {0, milliseconds{60'000}}, strategy::rest_for_one)}};
  end(t, "s/a", "throw");
  expect_soon(t, {"s", "s/a", "s/b"}, {"running 2", "running 2", "running 2"});
}

TEST_P(otp_placed, one_for_all_other_child_fails_restart) {
  probe_tree t{{kid("a"), kid("b", restart_type::permanent, {{"start", "throw_again"}})},
               strategy::one_for_all,
               {3, milliseconds{60'000}}};
  ASSERT_TRUE(t.started);
  end(t, "a", "throw");
  EXPECT_TRUE(gave_up(t)) << "each try is a restart";
}

TEST_P(otp_placed, simple_one_for_one) {
  auto many = below("many", {kid("one")}, {100, milliseconds{1'000}}, strategy::simple_one_for_one);
  std::get<std::shared_ptr<supervisor_spec>>(many.what)->initial = 2;
  probe_tree t{{many}};
  ASSERT_TRUE(t.tree->start_child("/root/many", {{"sum", param_value{7}}}));
  EXPECT_EQ(t.sum(t.actor("many/one-3")), 7);
  end(t, "many/one-1", "throw");
  expect_soon(t, {"many/one-1", "many/one-2", "many/one-3"}, {"running 2", "running 1", "running 1"});
  ASSERT_TRUE(t.tree->terminate_child("/root/many/one-3"));
  EXPECT_EQ(standing(t, "many/one-3"), "gone");
  const auto counts = t.tree->count_children("/root/many");
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->active, 2U);
}

TEST_P(otp_placed, simple_one_for_one_escalation) {
  auto many = below("many", {kid("one")}, {1, milliseconds{60'000}}, strategy::simple_one_for_one);
  std::get<std::shared_ptr<supervisor_spec>>(many.what)->initial = 2;
  probe_tree t{{many}};
  end(t, "many/one-1", "throw");
  expect_soon(t, {"many/one-1"}, {"running 2"});
  end(t, "many/one-2", "throw");
  EXPECT_TRUE(comes([&] { return standing(t, "many") == "running 2"; })) << standing(t, "many");
}

TEST_P(otp_placed, sup_start_ignore_child) {
  probe_tree t{{kid("a", restart_type::permanent, {{"start", "decline"}}), kid("b")}};
  ASSERT_TRUE(t.started);
  expect_soon(t, {"a", "b"}, {"undefined 1", "running 1"});
}

TEST_P(otp_placed, sup_start_fail) {
  probe_tree t{{kid("a"), kid("b"), kid("c", restart_type::permanent, {{"start", "throw"}}), kid("d")}};
  EXPECT_FALSE(t.started);
  EXPECT_EQ(t.started.failed_child, "/root/c");
  EXPECT_THAT(order_of(t, event_kind::ready), ElementsAre("a", "b")) << "d was never tried";
  EXPECT_TRUE(comes([&] {
    return order_of(t, event_kind::stop) == std::vector<std::string>{"b", "a"};
  })) << "what was started is stopped in reverse order";
}

TEST_P(otp_placed, child_adm) {
  probe_tree t{{kid("a")}};
  EXPECT_EQ(t.tree->start_child("/root", kid("a")).code, admin_code::already_started);
  EXPECT_EQ(t.tree->restart_child("/root/a").code, admin_code::running);
  EXPECT_EQ(t.tree->delete_child("/root/a").code, admin_code::running);
  ASSERT_TRUE(t.tree->terminate_child("/root/a"));
  EXPECT_EQ(standing(t, "a"), "undefined 1");
  EXPECT_EQ(t.tree->start_child("/root", kid("a")).code, admin_code::already_present);
  ASSERT_TRUE(t.tree->restart_child("/root/a"));
  EXPECT_EQ(t.say(t.actor("a"), "incarnation"), "2");
  ASSERT_TRUE(t.tree->terminate_child("/root/a"));
  ASSERT_TRUE(t.tree->delete_child("/root/a"));
  EXPECT_EQ(standing(t, "a"), "gone");
  EXPECT_EQ(t.tree->restart_child("/root/a").code, admin_code::not_found);
  ASSERT_TRUE(t.tree->start_child("/root", kid("b")));
  EXPECT_EQ(t.say(t.actor("b"), "path"), "/root/b");
}

TEST_P(otp_placed, start_child_that_fails_leaves_no_spec) {
  probe_tree t{{kid("a")}};
  EXPECT_EQ(t.tree->start_child("/root", kid("b", restart_type::permanent, {{"start", "throw"}})).code,
            admin_code::failed);
  expect_soon(t, {"a", "b"}, {"running 1", "gone"});
}

TEST_P(otp_placed, stops_in_reverse_order_at_the_end) {
  probe_tree t{{kid("a"), kid("b"), below("s", {kid("x"), kid("y")}, {3, milliseconds{5'000}})}};
  t.tree->stop();
  EXPECT_THAT(order_of(t, event_kind::stop), ElementsAre("y", "x", "b", "a"));
}

TEST_P(otp_placed, significant_transient) {
  for (const auto mode : {auto_shutdown::any_significant, auto_shutdown::all_significant}) {
    auto s = below("s", {kid("a", restart_type::transient), kid("b", restart_type::transient), kid("c")},
                   {3, milliseconds{5'000}});
    auto& spec = *std::get<std::shared_ptr<supervisor_spec>>(s.what);
    spec.auto_shutdown = mode;
    spec.children[0].significant = spec.children[1].significant = true;
    s.restart = restart_type::transient;
    probe_tree t{{s}};
    end(t, "s/a", "throw");
    expect_soon(t, {"s", "s/a"}, {"running 1", "running 2"});
    end(t, "s/a", "quit");
    if (mode == auto_shutdown::all_significant) {
      expect_soon(t, {"s", "s/a", "s/b"}, {"running 1", "undefined 2", "running 1"});
      end(t, "s/b", "quit");
    }
    EXPECT_TRUE(comes([&] { return standing(t, "s") == "undefined 1"; })) << standing(t, "s");
  }
}

TEST_P(otp_placed, significant_temporary) {
  auto s = below("s", {kid("a", restart_type::temporary), kid("b")}, {3, milliseconds{5'000}});
  auto& spec = *std::get<std::shared_ptr<supervisor_spec>>(s.what);
  spec.auto_shutdown = auto_shutdown::any_significant;
  spec.children[0].significant = true;
  s.restart = restart_type::transient;
  probe_tree t{{s}};
  end(t, "s/a", "throw");
  EXPECT_TRUE(comes([&] { return standing(t, "s") == "undefined 1"; })) << standing(t, "s");
}

TEST_P(otp_placed, hanging_stop_is_ended_by_force) {
  auto slow = kid("slow");
  slow.shutdown = 50ms;
  probe_tree t{{slow}};
  std::thread asker{[&] { t.ask<std::string>(t.actor("slow"), std::string{"sleep 1500"}); }};
  EXPECT_TRUE(comes([&] { return t.counts("slow").waiting > 0; }));
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(t.tree->terminate_child("/root/slow"));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 1'000ms);
  EXPECT_EQ(standing(t, "slow"), "undefined 1");
  asker.join();
}

TEST_P(otp_placed, start_that_hangs_is_given_up) {
  auto slow = kid("slow", restart_type::permanent, {{"start", "hang_a_little"}});
  slow.start_within = 50ms;
  probe_tree t{{slow}};
  EXPECT_FALSE(t.started);
  EXPECT_THAT(t.started.why.message, ::testing::HasSubstr("not ready within 50ms"));
}

}  // namespace
}  // namespace steward::test
