#include "otp_admin.hpp"

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

TEST_F(otp_admin, child_adm) {
  start_ok(tree({sub("sub", tree({}))}));
  const std::string s = "/root/sub";
  const std::string a = "/root/sub/a";
  EXPECT_EQ(counts_of(s), (counts{0, 0, 0, 0}));
  // Start.
  const auto first = start_child(s, probe("a"));
  ASSERT_EQ(code_of(first), admin_code::ok);
  EXPECT_EQ(first->path, a);
  ASSERT_TRUE(first->handle);
  EXPECT_EQ(first->handle, at(a));
  EXPECT_EQ(ids_of(s), paths{"a"});
  EXPECT_EQ(status_of(a), "running");
  EXPECT_EQ(which_child(a)->handle, first->handle);
  EXPECT_EQ(counts_of(s), (counts{1, 1, 0, 1}));
  const auto again = start_child(s, probe("a"));
  EXPECT_EQ(code_of(again), admin_code::already_started);
  EXPECT_EQ(again->handle, first->handle) << "and tells who it is";
  // Terminate.
  watch({a});
  EXPECT_EQ(code_of(terminate_child(a)), admin_code::ok);
  EXPECT_EQ(exit_of(a), "shutdown");
  EXPECT_EQ(ids_of(s), paths{"a"}) << "the spec stays";
  EXPECT_EQ(status_of(a), "undefined");
  EXPECT_FALSE(which_child(a)->handle);
  EXPECT_FALSE(at(a));
  EXPECT_EQ(counts_of(s), (counts{1, 0, 0, 1}));
  EXPECT_EQ(code_of(terminate_child(a)), admin_code::ok) << "idempotent";
  EXPECT_EQ(book().ends, paths{a});
  EXPECT_EQ(code_of(start_child(s, probe("a"))), admin_code::already_present);
  EXPECT_EQ(book().alive, 0);
  // Restart.
  const auto restarted = restart_child(a);
  ASSERT_EQ(code_of(restarted), admin_code::ok);
  EXPECT_EQ(restarted->handle, at(a));
  EXPECT_TRUE(lives(a));
  EXPECT_EQ(counts_of(s), (counts{1, 1, 0, 1}));
  EXPECT_EQ(code_of(restart_child(a)), admin_code::running);
  EXPECT_EQ(code_of(start_child(s, probe("a"))), admin_code::already_started);
  // Delete.
  EXPECT_EQ(code_of(delete_child(a)), admin_code::running) << "only when it is stopped";
  EXPECT_TRUE(lives(a));
  EXPECT_EQ(code_of(terminate_child(a)), admin_code::ok);
  EXPECT_EQ(code_of(delete_child(a)), admin_code::ok);
  EXPECT_EQ(ids_of(s), paths{});
  EXPECT_EQ(counts_of(s), (counts{0, 0, 0, 0}));
  EXPECT_EQ(code_of(delete_child(a)), admin_code::not_found);
  EXPECT_EQ(code_of(restart_child(a)), admin_code::not_found);
  EXPECT_EQ(code_of(terminate_child(a)), admin_code::not_found);
  EXPECT_FALSE(get_childspec(a));
  EXPECT_EQ(status_of(a), "not_found");
  // The same id may be used anew, by another kind of child, too.
  ASSERT_EQ(code_of(start_child(s, sub("a", tree({probe("x")})))), admin_code::ok);
  EXPECT_EQ(counts_of(s), (counts{1, 1, 1, 0}));
  EXPECT_TRUE(lives("/root/sub/a/x"));
  EXPECT_EQ(code_of(delete_child(a)), admin_code::running);
  EXPECT_EQ(code_of(terminate_child(a)), admin_code::ok);
  EXPECT_EQ(counts_of(s), (counts{1, 0, 1, 0}));
  expect_noproc(a, "x");
  EXPECT_EQ(code_of(restart_child(a)), admin_code::ok);
  EXPECT_TRUE(lives("/root/sub/a/x"));
  // A supervisor that is over.
  EXPECT_EQ(code_of(terminate_child(s)), admin_code::ok);
  expect_noproc(s, "a");
  EXPECT_EQ(code_of(delete_child(s)), admin_code::ok);
  expect_noproc(s, "a");
  expect_noproc("/nowhere", "a");
  ASSERT_EQ(code_of(start_child("/root", probe("b"))), admin_code::ok);
  stop();
  expect_noproc("/root", "b");
  EXPECT_EQ(book().alive, 0);
}

TEST_F(otp_admin, child_adm_of_a_supervisor_that_was_killed) {
  auto spec = sub("sub", tree({probe("a"), probe("b")}));
  spec.shutdown = brutal_kill;
  start_ok(tree({spec}));
  watch({"/root/sub/a", "/root/sub/b"});
  EXPECT_EQ(code_of(terminate_child("/root/sub")), admin_code::ok);
  run();
  EXPECT_EQ(book().alive, 0);
  expect_noproc("/root/sub", "a");
  EXPECT_EQ(status_of("/root/sub"), "undefined");
  EXPECT_EQ(code_of(restart_child("/root/sub")), admin_code::ok);
  EXPECT_TRUE(lives("/root/sub/a"));
  EXPECT_TRUE(lives("/root/sub/b"));
}

TEST_F(otp_admin, child_adm_simple) {
  start_ok(tree({sub("s", dynamic()), probe("other")}));
  const std::string s = "/root/s";
  EXPECT_EQ(counts_of(s), (counts{1, 0, 0, 0}));
  const auto first = start_dynamic(s);
  ASSERT_EQ(code_of(first), admin_code::ok);
  const auto path = supervision::path_of(first->handle);
  EXPECT_EQ(path, first->path);
  EXPECT_EQ(counts_of(s), (counts{1, 1, 0, 1}));
  const auto second = start_dynamic(s);
  ASSERT_EQ(code_of(second), admin_code::ok);
  EXPECT_NE(second->handle, first->handle);
  EXPECT_EQ(counts_of(s), (counts{1, 2, 0, 2}));
  EXPECT_EQ(ids_of(s), (paths{"d-2", "d-1"}));
  // With its own spec, or by the template's id.
  EXPECT_EQ(code_of(start_child(s, probe("a"))), admin_code::unsupported);
  for (const std::string id : {"d", "nobody", "d-3", "d-0", "d-", "d-1x", "d-99999999999999999999"}) {
    EXPECT_EQ(code_of(terminate_child(s + "/" + id)), admin_code::not_found) << id;
    EXPECT_NE(code_of(restart_child(s + "/" + id)), admin_code::ok) << id;
    EXPECT_NE(code_of(delete_child(s + "/" + id)), admin_code::ok) << id;
  }
  // By its handle.
  EXPECT_EQ(code_of(restart_child(path)), admin_code::unsupported);
  EXPECT_EQ(code_of(delete_child(path)), admin_code::unsupported);
  EXPECT_TRUE(lives(path));
  watch({path});
  EXPECT_EQ(code_of(terminate(s, first->handle)), admin_code::ok);
  EXPECT_EQ(exit_of(path), "shutdown");
  EXPECT_EQ(counts_of(s), (counts{1, 1, 0, 1}));
  EXPECT_EQ(ids_of(s), paths{"d-2"});
  EXPECT_EQ(code_of(terminate(s, first->handle)), admin_code::ok) << "a dead handle is ok";
  EXPECT_EQ(code_of(terminate_child(path)), admin_code::not_found) << "its place is gone";
  EXPECT_EQ(code_of(restart_child(path)), admin_code::not_found);
  EXPECT_EQ(code_of(delete_child(path)), admin_code::not_found);
  // A stranger's handle.
  caf::scoped_actor stranger{*system_};
  EXPECT_EQ(code_of(terminate(s, caf::actor_cast<caf::actor>(stranger))), admin_code::not_found);
  EXPECT_EQ(code_of(terminate(s, at("/root/other"))), admin_code::not_found);
  EXPECT_EQ(code_of(terminate(s, caf::actor{})), admin_code::not_found);
  EXPECT_TRUE(lives("/root/other"));
  EXPECT_TRUE(lives(second->path));
  EXPECT_EQ(code_of(start_dynamic("/root")), admin_code::unsupported) << "the root is not dynamic";
  EXPECT_EQ(code_of(terminate_child(s)), admin_code::ok);
  EXPECT_EQ(code_of(start_dynamic(s)), admin_code::noproc);
  EXPECT_EQ(code_of(terminate_child(second->path)), admin_code::noproc);
  EXPECT_EQ(code_of(terminate(s, second->handle)), admin_code::noproc);
  EXPECT_FALSE(which_children(s));
}

// Adapted: the extra information is told by the constructor: actor_args::tell_starter.
TEST_F(otp_admin, extra_return) {
  book().extra["/root/a"] = "extra";
  book().extra["/root/b"] = "from the list";
  start_ok(tree({probe("b")}, plenty));
  EXPECT_TRUE(lives("/root/b")) << "what a child of the list tells is ignored";
  const auto got = start_child("/root", probe("a"));
  ASSERT_EQ(code_of(got), admin_code::ok);
  EXPECT_EQ(got->extra, "extra");
  EXPECT_EQ(got->handle, at("/root/a"));
  EXPECT_EQ(ids_of(), (paths{"a", "b"}));
  EXPECT_EQ(counts_of(), (counts{2, 2, 0, 2}));
  EXPECT_EQ(code_of(start_child("/root", probe("a"))), admin_code::already_started);
  // Across restarts by the supervisor, at once and later.
  const auto handle = at("/root/a");
  crash("/root/a");
  EXPECT_EQ(answering("/root/a"), 2U);
  book().next["/root/a"] = {start_as::throws, start_as::throws};
  kill("/root/a");
  EXPECT_EQ(answering("/root/a"), 5U);
  EXPECT_EQ(at("/root/a"), handle);
  // And by hand.
  EXPECT_EQ(code_of(terminate_child("/root/a")), admin_code::ok);
  book().extra["/root/a"] = "more";
  const auto restarted = restart_child("/root/a");
  ASSERT_EQ(code_of(restarted), admin_code::ok);
  EXPECT_EQ(restarted->extra, "more");
  EXPECT_EQ(restarted->handle, at("/root/a"));
  EXPECT_EQ(code_of(terminate_child("/root/a")), admin_code::ok);
  EXPECT_EQ(code_of(delete_child("/root/a")), admin_code::ok);
  book().extra.clear();
  EXPECT_EQ(start_child("/root", probe("a"))->extra, "");
}

TEST_F(otp_admin, multiple_restarts) {
  start_ok(tree({probe("a")}, {1, 1s}));
  std::uint64_t incarnation = 1;
  for (int i = 0; i < 100; ++i) {
    advance(2'100ms);
    crash("/root/a");
    ASSERT_EQ(answering("/root/a"), ++incarnation) << "the window is over each time";
  }
  EXPECT_FALSE(ended_);
  advance(999ms);
  crash("/root/a");
  ASSERT_TRUE(ended_) << "two restarts within one window are one too many";
  EXPECT_EQ(ended_->cls, policy::exit_class::gave_up);
  EXPECT_EQ(book().alive, 0);
}

}  // namespace
