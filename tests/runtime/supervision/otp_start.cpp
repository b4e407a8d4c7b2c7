#include "otp_probe.hpp"

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

/// OTP's cases about starts (1 to 12).
class otp_start : public otp_case {
protected:
  /// Nothing was told that somebody should look at.
  void expect_no_noise() const {
    for (const auto& e : events_) EXPECT_LE(e.level, event_level::info) << to_string(e.kind) << " " << e.actor;
  }
  /// A dynamic child's start declined, and left nothing behind.
  void expect_nothing_stored() {
    EXPECT_EQ(ids_of(), paths{});
    EXPECT_EQ(counts_of(), (counts{1, 0, 0, 0})) << "the template alone";
    EXPECT_EQ(status_of("/root/d-1"), "not_found");
    EXPECT_FALSE(at("/root/d-1"));
    EXPECT_EQ(book().alive, 0);
  }
  void expect_clean_stop() {
    stop();
    ASSERT_TRUE(ended_);
    EXPECT_EQ(ended_->cls, policy::exit_class::shutdown);
    EXPECT_EQ(book().alive, 0);
  }
};

TEST_F(otp_start, sup_start_normal) {
  start_ok(tree({}));
  EXPECT_EQ(counts_of(), (counts{0, 0, 0, 0}));
  EXPECT_EQ(ids_of(), paths{});
  advance(24h);
  EXPECT_FALSE(ended_) << "it waits for children";
  expect_clean_stop();
  EXPECT_FALSE(which_children("/root")) << "it is over";
}

// Adapted: a supervisor's init is data and cannot decline, so it is the whole of what it was to run that does.
TEST_F(otp_start, sup_start_ignore_init) {
  book().always["/root/sub/a"] = start_as::declines;
  book().always["/root/b"] = start_as::declines;
  start_ok(tree({sub("sub", tree({probe("a", restart_type::temporary)}))}));
  EXPECT_EQ(counts_of("/root/sub"), (counts{0, 0, 0, 0}));
  const auto b = start_child("/root", probe("b"));
  EXPECT_EQ(code_of(b), admin_code::ignored);
  EXPECT_FALSE(b->handle);
  EXPECT_EQ(b->why.cls, cause_class::none);
  EXPECT_FALSE(ended_);
  expect_no_noise();
  EXPECT_EQ(events_of(event_kind::crash).size(), 0U);
  expect_clean_stop();
}

TEST_F(otp_start, sup_start_ignore_child) {
  book().next["/root/a"] = {start_as::declines};
  start_ok(tree({}));
  EXPECT_EQ(code_of(start_child("/root", probe("a"))), admin_code::ignored);
  EXPECT_EQ(code_of(start_child("/root", probe("b"))), admin_code::ok);
  EXPECT_EQ(ids_of(), (paths{"b", "a"}));
  EXPECT_EQ(status_of("/root/a"), "undefined");
  EXPECT_FALSE(which_child("/root/a")->handle) << "no pid";
  EXPECT_FALSE(at("/root/a"));
  EXPECT_TRUE(lives("/root/b"));
  EXPECT_EQ(counts_of(), (counts{2, 1, 0, 2}));
  EXPECT_TRUE(get_childspec("/root/a")) << "the spec is kept";
  EXPECT_EQ(code_of(restart_child("/root/a")), admin_code::ok) << "and it can be started by hand";
  EXPECT_EQ(counts_of(), (counts{2, 2, 0, 2}));
}

TEST_F(otp_start, sup_start_ignore_temporary_child) {
  book().always["/root/a"] = start_as::declines;
  start_ok(tree({probe("a", restart_type::temporary), probe("b")}));
  EXPECT_EQ(ids_of(), paths{"b"});
  EXPECT_EQ(counts_of(), (counts{1, 1, 0, 1}));
  EXPECT_FALSE(get_childspec("/root/a"));
  EXPECT_TRUE(lives("/root/b")) << "its siblings are started";
  expect_no_noise();
}

TEST_F(otp_start, sup_start_ignore_temporary_child_start_child) {
  book().always["/root/a"] = start_as::declines;
  start_ok(tree({}));
  EXPECT_EQ(code_of(start_child("/root", probe("a", restart_type::temporary))), admin_code::ignored);
  EXPECT_EQ(code_of(start_child("/root", probe("b"))), admin_code::ok);
  EXPECT_EQ(ids_of(), paths{"b"});
  EXPECT_EQ(counts_of(), (counts{1, 1, 0, 1}));
  EXPECT_FALSE(get_childspec("/root/a"));
}

TEST_F(otp_start, sup_start_ignore_temporary_child_start_child_simple) {
  book().always["/root/d-1"] = start_as::declines;
  start_ok(dynamic(restart_type::temporary));
  EXPECT_EQ(code_of(start_dynamic("/root")), admin_code::ignored);
  expect_nothing_stored();
  EXPECT_EQ(code_of(start_dynamic("/root")), admin_code::ok);
  EXPECT_EQ(ids_of(), paths{"d-2"});
  EXPECT_EQ(counts_of(), (counts{1, 1, 0, 1}));
}

TEST_F(otp_start, sup_start_ignore_permanent_child_start_child_simple) {
  book().always["/root/d-1"] = start_as::declines;
  start_ok(dynamic(restart_type::permanent));
  EXPECT_EQ(code_of(start_dynamic("/root")), admin_code::ignored);
  expect_nothing_stored();
  expect_clean_stop();
  expect_no_noise();
}

// Adapted: what init returns is the spec, so nonsense in it is what is named; for a child it is a missing behaviour.
TEST_F(otp_start, sup_start_error_return) {
  auto nonsense = tree({probe("a"), probe("not a name")});
  nonsense.strategy = static_cast<strategy>(99);
  start(nonsense);
  ASSERT_TRUE(started_);
  EXPECT_EQ(started_->failed_child, "/root");
  ASSERT_EQ(started_->faults.size(), 2U) << "everything that is wrong, at once";
  EXPECT_EQ(started_->faults[0].path, "/root");
  EXPECT_EQ(started_->faults[0].field, "strategy");
  EXPECT_EQ(started_->faults[1].path, "/root/not a name");
  EXPECT_NE(started_->faults[1].message.find("not a name"), std::string::npos);
  EXPECT_EQ(book().tries, paths{}) << "nothing was started";

  end();
  book().always["/root/a"] = start_as::no_behavior;
  start(tree({probe("a")}));
  ASSERT_TRUE(started_);
  EXPECT_EQ(started_->failed_child, "/root/a");
  EXPECT_EQ(started_->why.message, "make_behavior returned no behaviour");
  EXPECT_FALSE(ended_);
}

TEST_F(otp_start, sup_start_fail) {
  book().always["/root/sub/b"] = start_as::throws;
  start(tree({probe("a"), sub("sub", tree({probe("x"), probe("b")})), probe("c")}));
  ASSERT_TRUE(started_);
  EXPECT_EQ(started_->failed_child, "/root/sub/b");
  EXPECT_NE(started_->why.message.find("/root/sub/b failed to start"), std::string::npos) << started_->why.message;
  EXPECT_NE(started_->why.message.find("std::runtime_error: no start today"), std::string::npos);
  EXPECT_EQ(book().starts, (paths{"/root/a", "/root/sub/x"}));
  EXPECT_EQ(book().ends, (paths{"/root/sub/x", "/root/a"})) << "what was started is rolled back in reverse";
  EXPECT_EQ(book().alive, 0);
  EXPECT_FALSE(ended_) << "no stray exit: the caller of the start was told already";
  const auto crashes = events_of(event_kind::crash);
  ASSERT_EQ(crashes.size(), 2U) << "of the child, and of the supervisor that did not start for it";
  EXPECT_EQ(crashes[0].actor, "/root/sub/b");
  EXPECT_EQ(crashes[0].why->exception, "std::runtime_error");
  EXPECT_EQ(crashes[0].text, "failed to start");
  EXPECT_EQ(crashes[1].actor, "/root/sub");

  end();
  book().always["/root/b"] = start_as::throws_in_init;
  start(tree({probe("b")}));
  ASSERT_TRUE(started_);
  EXPECT_EQ(started_->failed_child, "/root/b");
  EXPECT_EQ(started_->why.exception, "std::logic_error");
  EXPECT_EQ(started_->why.message, "no init today");
}

TEST_F(otp_start, sup_start_child_returns_error) {
  start_ok(tree({probe("b")}, {0, 5s}));
  const std::pair<start_as, std::string> all[] = {
      {start_as::throws, "no start today"},
      {start_as::throws_in_init, "no init today"},
      {start_as::no_behavior, "make_behavior returned no behaviour"},
      {start_as::quits, "quit while it was starting"},
  };
  for (const auto& [how, text] : all) {
    book().always["/root/a"] = how;
    for (const auto type : {restart_type::permanent, restart_type::transient, restart_type::temporary}) {
      const auto got = start_child("/root", probe("a", type));
      EXPECT_EQ(code_of(got), admin_code::failed);
      EXPECT_EQ(got->why.message, text);
      EXPECT_FALSE(got->handle);
      EXPECT_EQ(ids_of(), paths{"b"}) << "its spec is dropped";
      EXPECT_EQ(status_of("/root/a"), "not_found");
      EXPECT_FALSE(get_childspec("/root/a"));
      EXPECT_FALSE(at("/root/a"));
    }
  }
  auto nobody = child("a", "nobody");
  const auto got = start_child("/root", nobody);
  EXPECT_EQ(code_of(got), admin_code::failed);
  EXPECT_EQ(got->why.message, "no actor is registered as 'nobody'");
  EXPECT_EQ(ids_of(), paths{"b"});
  EXPECT_EQ(book().alive, 1);
  EXPECT_TRUE(lives("/root/b"));
  EXPECT_EQ(incarnation_of("/root/b"), 1U) << "none of it was charged to the supervisor";
  EXPECT_FALSE(ended_);
}

TEST_F(otp_start, sup_start_restart_child_returns_error) {
  start_ok(tree({probe("a"), probe("b")}, {0, 5s}));
  EXPECT_EQ(code_of(terminate_child("/root/a")), admin_code::ok);
  for (const auto how : {start_as::throws, start_as::throws_in_init, start_as::no_behavior}) {
    book().always["/root/a"] = how;
    const auto got = restart_child("/root/a");
    EXPECT_EQ(code_of(got), admin_code::failed);
    EXPECT_NE(got->why.message, "");
    EXPECT_FALSE(got->handle);
    EXPECT_EQ(ids_of(), (paths{"b", "a"})) << "the spec stays";
    EXPECT_EQ(status_of("/root/a"), "undefined");
    EXPECT_EQ(counts_of(), (counts{2, 1, 0, 2}));
  }
  EXPECT_EQ(incarnation_of("/root/b"), 1U);
  book().always.clear();
  EXPECT_EQ(code_of(restart_child("/root/a")), admin_code::ok);
  EXPECT_TRUE(lives("/root/a"));
  EXPECT_FALSE(ended_);
}

TEST_F(otp_start, sup_start_child_returns_error_simple) {
  for (const auto type : {restart_type::permanent, restart_type::transient, restart_type::temporary}) {
    book() = {};
    start_ok(dynamic(type, {0, 5s}));
    std::size_t made = 0;
    for (const auto how : {start_as::throws, start_as::throws_in_init, start_as::no_behavior}) {
      book().always["/root/d-" + std::to_string(++made)] = how;
      const auto got = start_dynamic("/root");
      EXPECT_EQ(code_of(got), admin_code::failed);
      EXPECT_NE(got->why.message, "");
      expect_nothing_stored();
    }
    EXPECT_EQ(code_of(start_dynamic("/root")), admin_code::ok);
    EXPECT_EQ(counts_of(), (counts{1, 1, 0, 1}));
    expect_clean_stop();
    end();
  }
}

// A start that never answers, on real threads as well as here, is a failed start.
TEST_F(otp_start, sup_start_child_returns_error_when_it_hangs) {
  start_ok(tree({probe("b")}, {0, 5s}));
  hold_back("/root/a");
  auto late = probe("a");
  late.start_within = 200ms;
  const auto answer =
      administer_later([late](supervision::tree_host& host, auto done) { host.start_child("/root", late, done); });
  EXPECT_FALSE(*answer);
  EXPECT_EQ(status_of("/root/a"), "starting");
  EXPECT_EQ(counts_of(), (counts{2, 1, 0, 2}));
  advance(199ms);
  EXPECT_FALSE(*answer);
  advance(1ms);
  EXPECT_EQ(code_of(*answer), admin_code::failed);
  EXPECT_EQ((*answer)->why.message, "not ready within 200ms");
  EXPECT_EQ(status_of("/root/a"), "not_found");
  let_go("/root/a");
  EXPECT_EQ(book().alive, 1) << "a start that comes too late is undone";
  EXPECT_TRUE(lives("/root/b"));
  EXPECT_FALSE(at("/root/a"));
  expect_clean_stop();
}

}  // namespace
