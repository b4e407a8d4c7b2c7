#include "otp_strategies.hpp"

#include <algorithm>

// The strategies' cases with dynamic children.

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

TEST_F(otp_strategies, simple_one_for_one) {
  start_ok(dynamic(restart_type::permanent, {2, 20s}));
  for (int i = 0; i < 3; ++i) ASSERT_EQ(code_of(start_dynamic("/root")), admin_code::ok);
  watch(at_root({"d-1", "d-2", "d-3"}));
  const auto handle = at("/root/d-2");
  book().forget();
  crash("/root/d-2");
  EXPECT_EQ(incarnations({"d-1", "d-2", "d-3"}), (numbers{1, 2, 1}));
  EXPECT_EQ(book().starts, at_root({"d-2"})) << "the others are untouched";
  EXPECT_EQ(book().ends, at_root({"d-2"}));
  EXPECT_EQ(at("/root/d-2"), handle) << "the handle stays, its incarnation rises";
  EXPECT_EQ(counts_of(), (counts{1, 3, 0, 3}));
  kill("/root/d-1");
  EXPECT_EQ(incarnations({"d-1", "d-2", "d-3"}), (numbers{2, 2, 1}));
  EXPECT_FALSE(ended_);
  crash("/root/d-3");
  expect_gave_up();
  EXPECT_EQ(exit_of("/root/d-1"), "shutdown");
  EXPECT_EQ(exit_of("/root/d-2"), "shutdown");
  EXPECT_EQ(exit_of("/root/d-3"), "crashed");
}

TEST_F(otp_strategies, simple_one_for_one_shutdown) {
  auto spec = dynamic();
  spec.children.front().shutdown = 1'000ms;
  start_ok(spec);
  paths all;
  for (int i = 1; i <= 10; ++i) all.push_back(start_dynamic("/root")->path);
  watch(all);
  for (const auto& path : all) hold_back(path);
  stop();
  EXPECT_EQ(exit_order_.size(), 0U);
  // The i-th takes i * 100 ms; all are asked at once, so that the whole takes as long as the longest.
  for (std::size_t i = 0; i < 9; ++i) {
    advance(100ms);
    let_go(all[i]);
    EXPECT_EQ(exit_of(all[i]), "shutdown") << all[i];
    EXPECT_EQ(exit_order_.size(), i + 1);
    EXPECT_FALSE(ended_);
  }
  advance(99ms);
  EXPECT_FALSE(ended_);
  EXPECT_EQ(events_of(event_kind::warn).size(), 0U);
  advance(1ms);  // the last one overruns its second
  ASSERT_TRUE(ended_);
  EXPECT_EQ(ended_->cls, policy::exit_class::shutdown);
  EXPECT_EQ(paths_of(event_kind::warn), paths{"/root/d-10"});
  EXPECT_EQ(leaked(), 1U);

  // Terminated alone, a child holds up nobody else.
  end();
  events_.clear();
  start_ok(tree({sub("s", spec), probe("b")}));
  ASSERT_EQ(code_of(start_dynamic("/root/s")), admin_code::ok);
  ASSERT_EQ(code_of(start_dynamic("/root/s")), admin_code::ok);
  hold_back("/root/s/d-1");
  EXPECT_FALSE(terminate_child("/root/s/d-1")) << "no answer before it is down";
  EXPECT_EQ(code_of(start_dynamic("/root/s")), admin_code::ok);
  EXPECT_EQ(code_of(terminate_child("/root/s/d-2")), admin_code::ok);
  EXPECT_EQ(counts_of("/root/s"), (counts{1, 1, 0, 2}));
  advance(1'000ms);
  EXPECT_EQ(counts_of("/root/s"), (counts{1, 1, 0, 1}));
}

// Adapted: the extra information is told by the constructor: actor_args::tell_starter.
TEST_F(otp_strategies, simple_one_for_one_extra) {
  book().extra = {{"/root/d-1", "one"}, {"/root/d-2", "two"}};
  start_ok(dynamic(restart_type::permanent, {2, 20s}));
  const auto first = start_dynamic("/root", {{"label", {std::string{"mine"}}}});
  const auto second = start_dynamic("/root");
  ASSERT_EQ(code_of(first), admin_code::ok);
  ASSERT_EQ(code_of(second), admin_code::ok);
  EXPECT_EQ(first->extra, "one");
  EXPECT_EQ(second->extra, "two");
  book().forget();
  crash("/root/d-1");
  EXPECT_EQ(incarnations({"d-1", "d-2"}), (numbers{2, 1}));
  EXPECT_EQ(at("/root/d-1"), first->handle);
  EXPECT_EQ(ask<std::string>("/root/d-1", show_atom::value), "mine") << "it is restarted with its own parameters";
  EXPECT_EQ(ask<std::string>("/root/d-2", show_atom::value), "");
  kill("/root/d-2");
  EXPECT_EQ(incarnations({"d-1", "d-2"}), (numbers{2, 2}));
  crash("/root/d-1");
  expect_gave_up();
}

TEST_F(otp_strategies, simple_one_for_one_escalation) {
  start_ok(dynamic(restart_type::permanent, {4, 20s}));
  for (int i = 0; i < 2; ++i) ASSERT_EQ(code_of(start_dynamic("/root")), admin_code::ok);
  watch(at_root({"d-1", "d-2"}));
  book().forget();
  book().always["/root/d-1"] = start_as::throws;
  crash("/root/d-1");
  expect_gave_up();
  EXPECT_EQ(book().tries_of("/root/d-1"), 4U);
  EXPECT_EQ(exit_of("/root/d-2"), "shutdown");
  EXPECT_EQ(exit_of("/root/d-1"), "crashed");
}

// Adapted: what a child is started with are parameters of YAML's types; that they are let go of is seen in the memory.
TEST_F(otp_strategies, simple_one_for_one_corruption) {
  constexpr std::size_t load = 1U << 20U;
  const auto loaded = [] { return param_map{{"load", {std::string(load, 'x')}}}; };
  start_ok(dynamic(restart_type::temporary, plenty));
  ASSERT_EQ(code_of(start_dynamic("/root")), admin_code::ok);
  const auto die = [this](const std::string& path, int i) {
    switch (i % 4) {
      case 0:
        return crash(path);
      case 1:
        return quit(path, ending::normal);
      case 2:
        return kill(path);
      default:
        EXPECT_EQ(code_of(terminate_child(path)), admin_code::ok);
    }
  };
  for (int i = 0; i < 8; ++i) die(start_dynamic("/root", loaded())->path, i);  // what is allocated once is there now
  const auto before = live_bytes();
  for (int i = 0; i < 40; ++i) {
    const auto got = start_dynamic("/root", loaded());
    ASSERT_EQ(code_of(got), admin_code::ok);
    ASSERT_EQ(ask<std::int64_t>(got->path, size_atom::value), static_cast<std::int64_t>(load)) << "its own";
    die(got->path, i);
    EXPECT_EQ(ids_of(), paths{"d-1"});
  }
  EXPECT_LT(live_bytes(), before + 5 * load) << "40 such children died, and nothing of them is left";

  // While some live, they and nobody else hold theirs; later children do not get those of earlier ones.
  const auto kept = start_dynamic("/root", loaded());
  EXPECT_GE(live_bytes(), before + load);
  const auto plain = start_dynamic("/root");
  EXPECT_EQ(ask<std::int64_t>(kept->path, size_atom::value), static_cast<std::int64_t>(load));
  EXPECT_EQ(ask<std::int64_t>(plain->path, size_atom::value), 0);
  EXPECT_EQ(counts_of(), (counts{1, 3, 0, 3}));
}

TEST_F(otp_strategies, simple_one_for_one_restart_ignore) {
  start_ok(dynamic(restart_type::permanent, {1, 20s}));
  for (int i = 0; i < 2; ++i) ASSERT_EQ(code_of(start_dynamic("/root")), admin_code::ok);
  watch(at_root({"d-1", "d-2"}));
  book().always["/root/d-1"] = start_as::declines;
  crash("/root/d-1");
  EXPECT_EQ(ids_of(), paths{"d-2"}) << "it is forgotten";
  EXPECT_EQ(counts_of(), (counts{1, 1, 0, 1}));
  EXPECT_EQ(status_of("/root/d-1"), "not_found");
  EXPECT_FALSE(at("/root/d-1"));
  EXPECT_NE(exit_of("/root/d-1"), "alive") << "and its mailbox is gone, too";
  EXPECT_EQ(exit_of("/root/d-2"), "alive");
  EXPECT_EQ(book().alive, 1);
  EXPECT_FALSE(ended_);
  EXPECT_EQ(code_of(start_dynamic("/root")), admin_code::ok);
  stop();
  ASSERT_TRUE(ended_);
  EXPECT_EQ(ended_->cls, policy::exit_class::shutdown);
}

}  // namespace
