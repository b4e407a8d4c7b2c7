#include "steward/child.hpp"
#include "steward/supervisor.hpp"
#include "tests/runtime/supervision/real_tree.hpp"
#include "tests/support/virtual_tree.hpp"

// `max_children` of dynamic supervisors.

namespace steward::testing_support {
namespace {

using namespace std::chrono_literals;

struct plain {
  caf::behavior make_behavior() {
    return {[](crash_atom) { throw std::runtime_error("boom"); }, [](caf::get_atom) { return std::int64_t{1}; }};
  }
};

supervisor_spec dynamic(unsigned max_children, unsigned initial = 0, unsigned partitions = 0) {
  supervisor_spec out;
  out.strategy = strategy::simple_one_for_one;
  out.intensity = {100, 60s};
  out.children.push_back(child::actor<plain>("w", {}, {.backoff = {.min = 1s, .max = 1s, .jitter = 0.0}}));
  out.max_children = max_children;
  out.initial = initial;
  out.partitions = partitions;
  return out;
}

class max_children : public virtual_tree {
protected:
  admin_code more(const std::string& supervisor = "/root") {
    const auto got = start_dynamic(supervisor);
    return got ? got->code : admin_code::timed_out;
  }
};

TEST_F(max_children, refuses_one_more_with_a_code_of_its_own_that_names_the_limit) {
  start(dynamic(2));
  EXPECT_EQ(more(), admin_code::ok);
  EXPECT_EQ(more(), admin_code::ok);
  const auto third = start_dynamic("/root");
  ASSERT_TRUE(third);
  EXPECT_EQ(third->code, admin_code::max_children);
  EXPECT_EQ(third->why.message, "max_children of /root is 2");
  EXPECT_FALSE(*third);
  EXPECT_EQ(which_children("/root")->size(), 2U) << "nothing of it is left";
  EXPECT_STREQ(to_string(third->code), "max_children");
}

TEST_F(max_children, has_room_again_when_a_child_is_gone) {
  start(dynamic(2, 2));
  EXPECT_EQ(more(), admin_code::max_children);
  ASSERT_EQ(terminate_child("/root/w-1")->code, admin_code::ok);
  EXPECT_EQ(more(), admin_code::ok);
  EXPECT_EQ(more(), admin_code::max_children);
}

TEST_F(max_children, counts_children_that_wait_to_be_restarted) {
  start(dynamic(2, 2));
  send("/root/w-1", crash_atom::value);
  run();
  send("/root/w-1", crash_atom::value);  // the second restart waits
  run();
  ASSERT_EQ(status_of("/root/w-1"), "restarting");
  EXPECT_EQ(more(), admin_code::max_children);
}

TEST_F(max_children, counts_children_that_are_parked) {
  auto spec = dynamic(1, 1);
  spec.children.front().intensity = intensity{0, 5s};
  spec.children.front().on_spent = spent_policy::park;
  start(spec);
  send("/root/w-1", crash_atom::value);
  run();
  ASSERT_EQ(status_of("/root/w-1"), "parked");
  EXPECT_EQ(more(), admin_code::max_children);
}

TEST_F(max_children, is_one_limit_for_all_partitions_together) {
  start(tree({nested("ws", dynamic(4, 2, 2))}));
  EXPECT_EQ(more("/root/ws"), admin_code::ok);
  EXPECT_EQ(more("/root/ws/p0"), admin_code::ok);
  EXPECT_EQ(more("/root/ws"), admin_code::max_children);
  EXPECT_EQ(more("/root/ws/p1"), admin_code::max_children);
  EXPECT_EQ(start_dynamic("/root/ws", {}, "a key")->why.message, "max_children of /root/ws is 4");
}

TEST_F(max_children, that_a_reload_changes_counts_at_once) {
  start(dynamic(1, 1));
  EXPECT_EQ(more(), admin_code::max_children);
  EXPECT_TRUE(reload(dynamic(2, 1)).empty());
  EXPECT_EQ(more(), admin_code::ok);
  EXPECT_TRUE(reload(dynamic(1, 1)).empty()) << "those that there are stay";
  EXPECT_EQ(which_children("/root")->size(), 2U);
  EXPECT_EQ(more(), admin_code::max_children);
}

TEST_F(max_children, of_0_is_no_limit) {
  start(dynamic(0));
  for (int i = 0; i < 200; ++i) ASSERT_EQ(more(), admin_code::ok);
}

TEST_F(max_children, is_refused_where_it_means_nothing) {
  auto listed = tree({child("a", "worker")});
  listed.max_children = 3;
  ASSERT_EQ(validate(listed).size(), 1U);
  EXPECT_EQ(validate(listed).front().field, "max_children");
  const auto crowded = validate(dynamic(2, 3));
  ASSERT_EQ(crowded.size(), 1U);
  EXPECT_EQ(describe(crowded.front()),
            "/root: initial: 3 children at the start, and max_children is 2; expected at most `max_children`");
}

class max_children_of_a_batch : public real_tree {};

TEST_F(max_children_of_a_batch, starts_those_that_there_is_room_for_and_answers_for_each) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, dynamic(150, 10)};
  ASSERT_TRUE(tree.start());
  const auto got = tree.start_children("/root", 200);
  EXPECT_EQ(got.code, admin_code::max_children);
  EXPECT_EQ(got.started, 140U);
  ASSERT_EQ(got.children.size(), 200U);
  EXPECT_EQ(std::count_if(got.children.begin(), got.children.end(), [](const auto& x) { return bool{x}; }), 140);
  EXPECT_EQ(got.children[139].code, admin_code::ok);
  EXPECT_EQ(got.children[140].code, admin_code::max_children);
  EXPECT_EQ(got.children[199].why.message, "max_children of /root is 150");
  EXPECT_EQ(tree.count_children("/root")->active, 150U);
}

TEST_F(max_children_of_a_batch, fills_partitions_to_their_common_limit) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, {.children = {child::supervisor("ws", dynamic(100, 0, 3))}}};
  ASSERT_TRUE(tree.start());
  EXPECT_EQ(tree.start_children("/root/ws", 130).started, 100U);
  EXPECT_EQ(tree.start_children("/root/ws", 1).code, admin_code::max_children);
}

}  // namespace
}  // namespace steward::testing_support
