#include "otp_strategies.hpp"

// With fixed children; those with dynamic ones are in otp_dynamic.cpp.

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

TEST_F(otp_strategies, one_for_one) {
  start_ok(tree({probe("a"), probe("b"), probe("c")}, {2, 20s}));
  watch(at_root({"a", "b", "c"}));
  book().forget();
  crash("/root/a");
  EXPECT_EQ(incarnations({"a", "b", "c"}), (numbers{2, 1, 1})) << "only the dead child is replaced";
  EXPECT_EQ(book().starts, at_root({"a"}));
  EXPECT_EQ(book().ends, at_root({"a"}));
  EXPECT_EQ(counts_of(), (counts{3, 3, 0, 3}));
  kill("/root/c");
  EXPECT_EQ(incarnations({"a", "b", "c"}), (numbers{2, 1, 2}));
  EXPECT_EQ(ids_of(), (paths{"c", "b", "a"})) << "and has its old place";
  EXPECT_FALSE(ended_);
  crash("/root/b");
  expect_gave_up();
  EXPECT_EQ(book().starts, at_root({"a", "c"})) << "the third restart of all together is one too many";
  EXPECT_EQ(exit_of("/root/a"), "shutdown");
  EXPECT_EQ(exit_of("/root/b"), "crashed");
  EXPECT_EQ(exit_of("/root/c"), "shutdown");
}

TEST_F(otp_strategies, one_for_one_escalation) {
  start_ok(tree({probe("a"), probe("b")}, {4, 20s}));
  watch(at_root({"a", "b"}));
  book().forget();
  book().always["/root/a"] = start_as::throws;
  crash("/root/a");
  expect_gave_up();
  EXPECT_EQ(book().tries_of("/root/a"), 4U) << "each try is a restart";
  EXPECT_EQ(ended_->why.message, "no start today");
  EXPECT_EQ(exit_of("/root/b"), "shutdown");
  EXPECT_EQ(exit_of("/root/a"), "crashed");
}

TEST_F(otp_strategies, one_for_all) {
  start_ok(tree({probe("a"), probe("b"), probe("c")}, {2, 20s}, strategy::one_for_all));
  book().forget();
  ASSERT_EQ(ask<std::int64_t>("/root/c", caf::add_atom::value, std::int64_t{5}), 5);
  crash("/root/b");
  EXPECT_EQ(incarnations({"a", "b", "c"}), (numbers{2, 2, 2})) << "no old incarnation survives";
  EXPECT_EQ(ask<std::int64_t>("/root/c", caf::add_atom::value, std::int64_t{0}), 0) << "nor its state";
  EXPECT_EQ(book().ends, at_root({"b", "c", "a"})) << "the others in reverse order";
  EXPECT_EQ(book().starts, at_root({"a", "b", "c"})) << "and all in order";
  EXPECT_EQ(counts_of(), (counts{3, 3, 0, 3}));
  crash("/root/a");
  EXPECT_EQ(incarnations({"a", "b", "c"}), (numbers{3, 3, 3}));
  EXPECT_EQ(book().alive, 3);
  EXPECT_FALSE(ended_);
  crash("/root/c");
  expect_gave_up();
  EXPECT_EQ(book().starts.size(), 6U);
}

TEST_F(otp_strategies, one_for_all_escalation) {
  start_ok(tree({probe("a"), probe("b"), probe("c")}, {4, 20s}, strategy::one_for_all));
  watch(at_root({"a", "b", "c"}));
  book().forget();
  book().always["/root/b"] = start_as::throws;
  crash("/root/a");
  expect_gave_up();
  EXPECT_EQ(book().tries_of("/root/b"), 4U) << "one restart was for a";
  EXPECT_EQ(book().tries_of("/root/c"), 0U);
  for (const auto& [path, how] : exits_) EXPECT_NE(how, "alive") << path;
  EXPECT_EQ(ended_->why.message, "no start today");
}

TEST_F(otp_strategies, one_for_all_other_child_fails_restart) {
  start_ok(tree({probe("a"), probe("b"), probe("c")}, {3, 3600s}, strategy::one_for_all));
  book().forget();
  fail_next("/root/b");
  crash("/root/a");
  EXPECT_EQ(book().tries, at_root({"a", "b", "a", "b", "c"}));
  EXPECT_EQ(book().starts, at_root({"a", "a", "b", "c"}));
  EXPECT_EQ(book().ends, at_root({"a", "c", "b", "a"})) << "the a that was restarted already was terminated";
  EXPECT_EQ(incarnations({"a", "b", "c"}), (numbers{3, 3, 2}));
  EXPECT_EQ(counts_of(), (counts{3, 3, 0, 3}));
  EXPECT_EQ(book().alive, 3);
  EXPECT_FALSE(ended_) << "two restarts of three";
  // The same once more, with the last one: that takes two more.
  fail_next("/root/c");
  crash("/root/b");
  expect_gave_up();
}

TEST_F(otp_strategies, rest_for_one) {
  start_ok(tree({probe("a"), probe("b"), probe("c"), probe("d")}, {2, 20s}, strategy::rest_for_one));
  watch(at_root({"a", "b", "c", "d"}));
  book().forget();
  crash("/root/b");
  EXPECT_EQ(incarnations({"a", "b", "c", "d"}), (numbers{1, 2, 2, 2})) << "later ones are replaced, earlier kept";
  EXPECT_EQ(book().ends, at_root({"b", "d", "c"}));
  EXPECT_EQ(book().starts, at_root({"b", "c", "d"}));
  EXPECT_EQ(counts_of(), (counts{4, 4, 0, 4}));
  EXPECT_EQ(ids_of(), (paths{"d", "c", "b", "a"}));
  crash("/root/d");
  EXPECT_EQ(incarnations({"a", "b", "c", "d"}), (numbers{1, 2, 2, 3}));
  EXPECT_EQ(counts_of(), (counts{4, 4, 0, 4}));
  EXPECT_FALSE(ended_);
  crash("/root/a");
  expect_gave_up();
  EXPECT_EQ(book().starts.size(), 4U);
  for (const auto& [path, how] : exits_) EXPECT_EQ(how, path == "/root/a" ? "crashed" : "shutdown") << path;
}

TEST_F(otp_strategies, rest_for_one_escalation) {
  start_ok(tree({probe("a"), probe("b"), probe("c")}, {4, 20s}, strategy::rest_for_one));
  watch(at_root({"a", "b", "c"}));
  book().forget();
  book().always["/root/b"] = start_as::throws;
  crash("/root/a");
  expect_gave_up();
  EXPECT_EQ(book().tries, at_root({"a", "b", "b", "b", "b"}));
  for (const auto& [path, how] : exits_) EXPECT_NE(how, "alive") << path;
}

TEST_F(otp_strategies, rest_for_one_other_child_fails_restart) {
  start_ok(tree({probe("a"), probe("b"), probe("c")}, {3, 3600s}, strategy::rest_for_one));
  book().forget();
  fail_next("/root/b");
  crash("/root/a");
  EXPECT_EQ(book().tries, at_root({"a", "b", "b", "c"})) << "only from the one that failed on is it tried again";
  EXPECT_EQ(book().ends, at_root({"a", "c", "b"})) << "the restarted a stays";
  EXPECT_EQ(incarnations({"a", "b", "c"}), (numbers{2, 3, 2}));
  EXPECT_EQ(counts_of(), (counts{3, 3, 0, 3}));
  EXPECT_FALSE(ended_) << "two restarts of three";
  fail_next("/root/c");
  crash("/root/b");
  expect_gave_up();
}

}  // namespace
