#include "steward/exceptions.hpp"
#include "steward/spec.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

namespace steward {

namespace {

child_spec actor(std::string id = "a") {
  child_spec result;
  result.id = std::move(id);
  result.what = actor_spec{"counter", {}};
  return result;
}

child_spec pool() {
  auto result = actor("p");
  result.what = pool_spec{};
  return result;
}

child_spec nested(supervisor_spec what, std::string id = "s") {
  auto result = actor(std::move(id));
  result.what = std::make_shared<supervisor_spec>(std::move(what));
  return result;
}

supervisor_spec tree_of(std::vector<child_spec> children) {
  supervisor_spec result;
  result.children = std::move(children);
  return result;
}

supervisor_spec dynamic() {
  auto result = tree_of({actor("conn")});
  result.strategy = strategy::simple_one_for_one;
  return result;
}

std::string shown(const std::vector<spec_fault>& faults) {
  std::string result;
  for (const auto& one : faults)
    result += one.path + " " + one.field + ": " + one.message +
              (one.expected.empty() ? "" : "; expected " + one.expected) + "\n";
  return result;
}

// The one fault of a tree: "path field: message".
void expect_fault(const supervisor_spec& tree, const std::string& expected) {
  EXPECT_EQ(shown(validate(tree)), expected + "\n");
}

// A change to a good actor, and the one fault that it makes; empty for none.
struct change {
  std::function<void(child_spec&)> make;
  std::string expected;
};

void expect_each(const child_spec& good, const std::vector<change>& changes) {
  for (const auto& one : changes) {
    auto child = good;
    one.make(child);
    const auto faults = shown(validate(tree_of({child})));
    EXPECT_EQ(faults, one.expected.empty() ? "" : "/root/" + child.id + " " + one.expected + "\n");
  }
}

template <class T>
T beyond(T last) {
  return static_cast<T>(static_cast<std::uint8_t>(last) + 1);
}

TEST(validate, takes_what_is_right) {
  EXPECT_EQ(shown(validate(supervisor_spec{})), "");
  EXPECT_EQ(shown(validate(tree_of({actor(), pool(), nested(tree_of({actor(), pool()})), nested(dynamic(), "d")}))),
            "");
  auto crowd = dynamic();
  crowd.initial = 1'000'000;
  crowd.partitions = 1'024;
  EXPECT_EQ(shown(validate(crowd)), "");
}

TEST(validate, refuses_ids_that_are_no_names) {
  const std::string rule =
      "' is not a name; expected 1 to 64 letters, digits, '_', '-' and '.', with a letter, digit or '_' first";
  expect_fault(tree_of({actor("")}), "/root/ id: the id is empty; expected a name, such as 'counter'");
  for (const std::string bad : {"a/b", "a b", "-a", ".", "\xc3\xa4"})
    expect_fault(tree_of({actor(bad)}), "/root/" + bad + " id: '" + bad + rule);
  const std::string longest(64, 'x');
  for (const std::string& good : {std::string{"a.b-c_9"}, std::string{"_"}, longest})
    EXPECT_EQ(shown(validate(tree_of({actor(good)}))), "");
  expect_fault(tree_of({actor(longest + "x")}), "/root/" + longest + "x id: '" + longest + "x" + rule);
}

TEST(validate, refuses_siblings_of_one_name_but_not_cousins) {
  expect_fault(tree_of({actor("x"), actor("y"), pool(), actor("x")}),
               "/root/x id: another child is called 'x'; expected ids that are unique among siblings");
  EXPECT_EQ(shown(validate(tree_of({actor("x"), nested(tree_of({actor("x")}))}))), "");
}

TEST(validate, refuses_windows_without_a_length) {
  auto tree = tree_of({});
  tree.intensity.within = milliseconds{0};
  expect_fault(tree, "/root intensity.within: 0ms is too short; expected a duration longer than 0ms, and not infinity");
  tree.intensity.within = infinity;
  expect_fault(tree, "/root intensity.within: it is infinity; expected a duration longer than 0ms, and not infinity");
  tree.intensity.within = milliseconds{-5};
  EXPECT_EQ(validate(tree).size(), 1U);
  tree.intensity = {0, milliseconds{1}};
  EXPECT_TRUE(validate(tree).empty()) << "no restarts at all is a limit, too";
}

TEST(validate, checks_the_limits_of_a_stop_and_a_start) {
  const std::string stop = "; expected a duration, 0 (brutal_kill) or infinity";
  const std::string start = "; expected a duration longer than 0ms or infinity";
  expect_each(actor(),
              {
                  {[](auto& x) { x.shutdown = brutal_kill; }, ""},
                  {[](auto& x) { x.shutdown = infinity; }, ""},
                  {[](auto& x) { x.shutdown = milliseconds{-1}; }, "shutdown: -1ms is too short" + stop},
                  {[](auto& x) { x.shutdown = infinity - milliseconds{1}; },
                   "shutdown: " + render_duration(infinity - milliseconds{1}) + " is too long" + stop},
                  {[](auto& x) { x.start_within = infinity; }, ""},
                  {[](auto& x) { x.start_within = milliseconds{1}; }, ""},
                  {[](auto& x) { x.start_within = milliseconds{0}; }, "start_within: 0ms is too short" + start},
              });
}

TEST(validate, checks_the_back_off) {
  const std::string time = "; expected a duration, and not infinity";
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  expect_each(actor(), {
                           {[](auto& x) {
                              x.backoff = {milliseconds{0}, milliseconds{0}, 1.0, 0.0, milliseconds{0}};
                            },
                            ""},
                           {[](auto& x) { x.backoff.min = milliseconds{20'000}; },
                            "backoff.min: min is 20s and max is 10s; expected min no longer than max"},
                           {[](auto& x) { x.backoff.min = milliseconds{-1}; }, "backoff.min: -1ms is too short" + time},
                           {[](auto& x) { x.backoff.max = infinity; }, "backoff.max: it is infinity" + time},
                           {[](auto& x) { x.backoff.healthy = infinity; }, "backoff.healthy: it is infinity" + time},
                           {[](auto& x) { x.backoff.factor = 0.5; },
                            "backoff.factor: the factor is 0.5; expected a number from 1 to 100"},
                           {[=](auto& x) { x.backoff.factor = nan; },
                            "backoff.factor: the factor is nan; expected a number from 1 to 100"},
                           {[](auto& x) { x.backoff.jitter = 1.5; },
                            "backoff.jitter: the jitter is 1.5; expected a number from 0 to 1"},
                           {[=](auto& x) { x.backoff.jitter = nan; },
                            "backoff.jitter: the jitter is nan; expected a number from 0 to 1"},
                       });
}

TEST(validate, takes_significant_children_only_where_they_can_end_their_supervisor) {
  auto child = actor();
  child.significant = true;
  child.restart = restart_type::transient;
  auto tree = tree_of({child});
  expect_fault(tree,
               "/root/a significant: the supervisor's auto_shutdown is never; expected auto_shutdown: any_significant "
               "or all_significant");
  for (const auto end : {auto_shutdown::any_significant, auto_shutdown::all_significant}) {
    tree.auto_shutdown = end;
    EXPECT_EQ(shown(validate(tree)), "");
  }
  tree.children[0].restart = restart_type::permanent;
  expect_fault(tree,
               "/root/a significant: a permanent child never ends by itself; expected restart: transient or temporary");
}

TEST(validate, refuses_what_a_dynamic_supervisor_cannot_do) {
  auto tree = dynamic();
  tree.children[0].significant = true;
  tree.children[0].restart = restart_type::temporary;
  expect_fault(tree,
               "/root/conn significant: a child of simple_one_for_one cannot be significant; expected false, or "
               "another strategy");
  tree = dynamic();
  tree.auto_shutdown = auto_shutdown::all_significant;
  expect_fault(tree,
               "/root auto_shutdown: 'all_significant' with simple_one_for_one, whose children are not significant; "
               "expected never, or another strategy");
  tree = dynamic();
  tree.children.clear();
  expect_fault(tree,
               "/root children: 0 children with simple_one_for_one; expected exactly one, the template of the children "
               "to come");
  tree.children = {actor("x"), actor("y")};
  EXPECT_EQ(validate(tree).size(), 1U);
}

TEST(validate, bounds_the_crowd_of_a_dynamic_supervisor) {
  auto tree = dynamic();
  tree.initial = 1'000'001;
  expect_fault(tree, "/root initial: 1000001 is too large; expected from 0 to 1000000");
  tree = dynamic();
  tree.partitions = 1'025;
  expect_fault(tree, "/root partitions: 1025 is too large; expected 0, or from 1 to 1024");
  tree = tree_of({actor()});
  tree.initial = 1;
  expect_fault(tree,
               "/root initial: initial is for dynamic children; expected it only with strategy: simple_one_for_one");
  tree.initial = 0;
  tree.partitions = 2;
  expect_fault(
      tree, "/root partitions: partitions is for dynamic children; expected it only with strategy: simple_one_for_one");
}

TEST(validate, parks_only_with_a_limit_of_the_childs_own) {
  const auto park = [](child_spec& x) { x.on_spent = spent_policy::park; };
  expect_each(actor(),
              {
                  {park,
                   "on_spent: a child without a restart limit of its own cannot be parked; expected an "
                   "intensity of this child"},
                  {[](auto& x) { x.park_for = milliseconds{1}; },
                   "park_for: the child is never parked; expected on_spent: park"},
                  {[](auto& x) { x.intensity = intensity{}; }, ""},
                  {[](auto& x) {
                     x.intensity = intensity{1, milliseconds{0}};
                   },
                   "intensity.within: 0ms is too short; expected a duration longer than 0ms, and not infinity"},
              });
  auto limited = actor();
  limited.intensity = intensity{};
  limited.on_spent = spent_policy::park;
  const std::string time = "; expected a duration, or 0 for no end";
  expect_each(limited, {
                           {[](auto&) {}, ""},
                           {[](auto& x) { x.park_for = milliseconds{60'000}; }, ""},
                           {[](auto& x) { x.park_for = milliseconds{-1}; }, "park_for: -1ms is too short" + time},
                           {[](auto& x) { x.park_for = infinity; }, "park_for: it is infinity" + time},
                       });
  auto crowded = pool();
  crowded.intensity = intensity{};
  crowded.on_spent = spent_policy::park;
  EXPECT_EQ(shown(validate(tree_of({crowded}))), "") << "pools and supervisors can be parked, too";
}

TEST(validate, checks_what_only_actors_have) {
  expect_each(
      actor(),
      {
          {[](auto& x) {
             x.mailbox = {1, overflow_policy::drop_newest};
           },
           ""},
          {[](auto& x) { x.mailbox.limit = 0; }, "mailbox.limit: 0 is too small; expected from 1 to 4294967295"},
          {[](auto& x) { x.redeliver = 100; }, ""},
          {[](auto& x) { x.redeliver = 101; }, "on_crash.redeliver: 101 is too large; expected from 0 to 100"},
          {[](auto& x) { x.hang_after = milliseconds{1}; }, ""},
          {[](auto& x) { x.hang_after = milliseconds{-1}; },
           "hang_after: -1ms is too short; expected a duration, or 0 for never"},
          {[](auto& x) { x.on_hang = hang_policy::replace; },
           "on_hang: no handler counts as hung without a limit; expected a hang_after"},
          {[](auto& x) { x.on_stop = stop_policy::drain; }, ""},
          {[](auto& x) {
             x.on_stop = stop_policy::drain;
             x.shutdown = brutal_kill;
           },
           "on_stop: a child with shutdown: brutal_kill has no time to drain; expected a shutdown longer than 0ms"},
          {[](auto& x) { x.exceptions = std::make_shared<exception_rules>(); }, ""},
      });
}

TEST(validate, refuses_what_only_actors_have_on_others) {
  const std::vector<std::pair<std::string, std::function<void(child_spec&)>>> differences{
      {"mailbox.limit", [](auto& x) { x.mailbox.limit = 5; }},
      {"mailbox.overflow", [](auto& x) { x.mailbox.overflow = overflow_policy::drop_oldest; }},
      {"on_crash.redeliver", [](auto& x) { x.redeliver = 1; }},
      {"hang_after", [](auto& x) { x.hang_after = milliseconds{1}; }},
      {"on_hang", [](auto& x) { x.on_hang = hang_policy::replace; }},
      {"on_stop", [](auto& x) { x.on_stop = stop_policy::drain; }},
      {"exceptions", [](auto& x) { x.exceptions = std::make_shared<exception_rules>(); }},
  };
  for (const auto& [field, make] : differences) {
    const auto rest = field + ": belongs to an actor, and this child is a ";
    expect_each(pool(), {{make, rest + "pool; expected it only on actors"}});
    expect_each(nested({}), {{make, rest + "supervisor; expected it only on actors"}});
  }
}

TEST(validate, checks_the_fields_of_a_pool) {
  const auto with = [](auto set) { return [set](child_spec& x) { set(std::get<pool_spec>(x.what)); }; };
  expect_each(
      pool(),
      {
          {with([](auto& x) { x.size.workers = 1'025; }),
           "pool.workers: 1025 is too large; expected 0, or from 1 to 1024"},
          {with([](auto& x) { x.limits.attempts = 0; }), "pool.attempts: 0 is too small; expected from 1 to 100"},
          {with([](auto& x) { x.limits.queue_limit = 0; }),
           "pool.queue_limit: 0 is too small; expected from 1 to 10000000"},
          {with([](auto& x) { x.limits.deadline = milliseconds{-1}; }),
           "pool.deadline: -1ms is too short; expected a duration, or 0 for none"},
          {with([](auto& x) { x.process.memory_limit = 1; }),
           "pool.memory_limit: 1 is too small; expected 0, or from 16777216 to 1099511627776"},
          {with([](auto& x) { x.limits.start_within = milliseconds{0}; }),
           "pool.start_within: 0ms is too short; expected a duration from 1ms to 1h"},
          {with([](auto& x) { x.limits.shutdown = infinity; }),
           "pool.shutdown: it is infinity; expected a duration up to 1h"},
          {with([](auto& x) { x.restarts.worker_restarts.within = milliseconds{0}; }),
           "pool.worker_restarts.within: 0ms is too short; expected a duration longer than 0ms, and not infinity"},
          {with([](auto& x) { x.restarts.worker_backoff.min = milliseconds{2'000}; }),
           "pool.worker_backoff.min: min is 2s and max is 1s; expected min no longer than max"},
          {with([](auto& x) {
             x.runs_in = rung::thread;
             x.restarts.recycle_after = 1;
           }),
           "pool.recycle_after: threads have no such limit; expected it only with runs_in: processes"},
      });
}

TEST(validate, refuses_values_that_no_enumeration_has) {
  const std::string rest = ": the value is not one of its type; expected ";
  expect_each(
      actor(),
      {
          {[](auto& x) { x.restart = beyond(restart_type::temporary); },
           "restart" + rest + "permanent, transient or temporary"},
          {[](auto& x) { x.on_spent = beyond(spent_policy::end); }, "on_spent" + rest + "escalate, park or end"},
          {[](auto& x) { x.mailbox.overflow = beyond(overflow_policy::give_back); },
           "mailbox.overflow" + rest + "reject, drop_oldest, drop_newest or give_back"},
          {[](auto& x) { x.on_stop = beyond(stop_policy::drain); }, "on_stop" + rest + "discard or drain"},
          {[](auto& x) { x.on_hang = beyond(hang_policy::kill); }, "on_hang" + rest + "report, replace or kill"},
      });
  expect_each(pool(), {
                          {[](auto& x) { std::get<pool_spec>(x.what).runs_in = beyond(rung::process); },
                           "pool.runs_in" + rest + "threads or processes"},
                          {[](auto& x) { std::get<pool_spec>(x.what).on_exception = beyond(exception_policy::retry); },
                           "pool.on_exception" + rest + "fail or retry"},
                      });
  auto tree = tree_of({});
  tree.strategy = beyond(strategy::simple_one_for_one);
  expect_fault(tree, "/root strategy" + rest + "one_for_one, one_for_all, rest_for_one or simple_one_for_one");
  tree = tree_of({});
  tree.auto_shutdown = beyond(auto_shutdown::all_significant);
  expect_fault(tree, "/root auto_shutdown" + rest + "never, any_significant or all_significant");
}

TEST(validate, names_the_fields_of_a_nested_supervisor_below_its_child) {
  auto inner = tree_of({actor("")});
  inner.intensity.within = milliseconds{0};
  EXPECT_EQ(shown(validate(tree_of({nested(inner)}), "/top")),
            "/top/s supervisor.intensity.within: 0ms is too short; expected a duration longer than 0ms, and not "
            "infinity\n"
            "/top/s/ id: the id is empty; expected a name, such as 'counter'\n");
}

TEST(validate, refuses_supervisors_that_are_not_there_or_hold_themselves) {
  auto hollow = actor();
  hollow.what = std::shared_ptr<supervisor_spec>{};
  expect_fault(tree_of({hollow}), "/root/a supervisor: the supervisor's spec is null; expected a spec");
  auto ring = std::make_shared<supervisor_spec>();
  auto link = actor("again");
  link.what = ring;
  ring->children = {link};
  expect_fault(*ring, "/root/again supervisor: the supervisor holds itself; expected a spec of its own");
  ring->children.clear();
}

TEST(validate, refuses_the_sixty_fifth_level) {
  auto tree = tree_of({actor()});
  for (int level = 1; level < 64; ++level) tree = tree_of({nested(std::move(tree))});
  EXPECT_EQ(shown(validate(tree)), "");
  const auto faults = validate(tree_of({nested(std::move(tree))}));
  ASSERT_EQ(faults.size(), 1U) << shown(faults);
  EXPECT_EQ(faults[0].field, "supervisor");
  EXPECT_EQ(faults[0].message, "the tree is more than 64 levels deep");
  EXPECT_EQ(faults[0].expected, "at most 64 levels");
}

TEST(validate, names_every_fault_at_once_in_order) {
  auto bad = actor("b");
  bad.significant = true;
  bad.on_spent = spent_policy::park;
  bad.redeliver = 200;
  auto tree = tree_of({actor(""), bad, actor("b")});
  tree.intensity.within = milliseconds{0};
  tree.initial = 1;
  std::vector<std::string> places;
  for (const auto& one : validate(tree)) places.push_back(one.path + " " + one.field);
  EXPECT_EQ(places, (std::vector<std::string>{"/root intensity.within", "/root initial", "/root/ id",
                                              "/root/b significant", "/root/b significant", "/root/b on_spent",
                                              "/root/b on_crash.redeliver", "/root/b id"}));
}

TEST(validate, judges_one_child_by_the_supervisor_it_comes_to) {
  auto child = actor();
  child.significant = true;
  child.restart = restart_type::transient;
  auto parent = tree_of({actor()});
  parent.auto_shutdown = auto_shutdown::any_significant;
  EXPECT_EQ(shown(validate(child, parent, "/root/x")), "") << "whether the id is free is told by the start";
  parent.auto_shutdown = auto_shutdown::never;
  const auto faults = validate(child, parent, "/root/x");
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults[0].path, "/root/x/a");
  EXPECT_EQ(faults[0].field, "significant");
}

}  // namespace
}  // namespace steward
