#include "otp_probe.hpp"
#include "steward/supervisor.hpp"

#include <algorithm>

// Names that come back, restarts that never succeed, and the order of children: 81 to 85 and 90 of the list.

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

using otp_misc = otp_case;

/// One restart each 100 ms, for ever: OTP's loop without its busy waiting.
child_spec trying(child_spec x) {
  x.backoff = backoff_spec{100ms, 100ms, 1.0, 0.0, 1h};
  return x;
}

TEST_F(otp_misc, temporary_bystander) {
  for (const auto how : {strategy::one_for_all, strategy::rest_for_one}) {
    SCOPED_TRACE(to_string(how));
    start_ok(tree({probe("child1"), probe("child2", restart_type::temporary), probe("child3")}, {5, 5s}, how));
    watch("/root/child2");
    book().forget();
    kill("/root/child1");
    EXPECT_EQ(exit_of("/root/child2"), "shutdown") << "stopped with its group";
    EXPECT_EQ(answering("/root/child1"), 2U);
    EXPECT_EQ(answering("/root/child3"), 2U) << "the restart went on";
    EXPECT_EQ(book().tries, (paths{"/root/child1", "/root/child3"}));
    EXPECT_EQ(status_of("/root/child2"), "not_found");
    EXPECT_EQ(counts_of(), (counts{2, 2, 0, 2}));
    crash("/root/child1");
    EXPECT_EQ(answering("/root/child3"), 3U) << "and goes on to work without it";

    ASSERT_EQ(code_of(start_child("/root", probe("child2", restart_type::temporary))), admin_code::ok);
    book().next["/root/child1"] = {start_as::throws};  // the group restart is tried twice
    kill("/root/child1");
    EXPECT_EQ(answering("/root/child3"), 4U);
    EXPECT_EQ(ids_of(), (paths{"child3", "child1"}));
    EXPECT_FALSE(ended_);
    anew();
  }
}

// Adapted: a global name is a path of the tree; what is registered there is found again, and even has the same handle,
// so that whoever took it before need not look it up again.
TEST_F(otp_misc, simple_global_supervisor) {
  const std::string name = "/root/sup/server";
  start_ok(tree({sub("sup", tree({probe("server")}, {3, 60s}))}, plenty));
  const auto kept = at(name);
  ASSERT_TRUE(kept);
  std::uint64_t incarnation = 1;
  const auto expect_back = [&](const char* how) {
    EXPECT_EQ(at(name), kept) << how;
    EXPECT_EQ(supervisor::path_of(at(name)), name) << how;
    EXPECT_EQ(answering(name), ++incarnation) << how;
  };
  kill(name);
  expect_back("killed");
  crash(name);
  expect_back("crashed");
  quit(name, ending::normal);
  expect_back("ended normally");
  EXPECT_EQ(incarnation_of("/root/sup"), 1U);
  crash(name);  // one too many: the supervisor itself ends and is restarted
  EXPECT_EQ(incarnation_of("/root/sup"), 2U);
  expect_back("its supervisor gave up");

  EXPECT_EQ(code_of(terminate_child(name)), admin_code::ok);
  EXPECT_FALSE(at(name)) << "nothing is registered while it is down";
  const auto again = restart_child(name);
  EXPECT_EQ(code_of(again), admin_code::ok);
  EXPECT_EQ(again->handle, at(name));
  EXPECT_EQ(supervisor::path_of(at(name)), name);
  EXPECT_EQ(answering(name), ++incarnation);

  EXPECT_EQ(code_of(terminate_child("/root/sup")), admin_code::ok);
  EXPECT_FALSE(at(name));
  EXPECT_FALSE(which_children("/root/sup"));
  EXPECT_EQ(code_of(restart_child("/root/sup")), admin_code::ok);
  EXPECT_TRUE(lives(name));
  EXPECT_TRUE(which_children("/root/sup"));
}

TEST_F(otp_misc, hanging_restart_loop) {
  const std::string child1 = "/root/child1";
  start_ok(tree({trying(probe("child1")), probe("child2")}, plenty));
  const auto begin_loop = [&] {
    book().always[child1] = start_as::throws_in_init;
    crash(child1);
    advance(150ms);
  };
  const auto expect_looping = [&] {
    EXPECT_EQ(code_of(start_child("/root", probe("child1"))), admin_code::already_present);
    EXPECT_EQ(code_of(restart_child(child1)), admin_code::restarting);
    EXPECT_EQ(code_of(delete_child(child1)), admin_code::restarting);
    EXPECT_EQ(status_of(child1), "restarting");
    const auto all = which_children("/root");
    ASSERT_TRUE(all);
    const auto listed = std::find_if(all->begin(), all->end(), [](const auto& x) { return x.id == "child1"; });
    ASSERT_NE(listed, all->end());
    EXPECT_EQ(listed->status, child_status::restarting);
    EXPECT_EQ(counts_of(), (counts{2, 1, 0, 2}));
    EXPECT_EQ(answering("/root/child2"), 1U);
  };
  begin_loop();
  expect_looping();
  const auto tried = book().tries_of(child1);
  advance(1s);
  for (int i = 0; i < 9; ++i) advance(100ms);
  EXPECT_GE(book().tries_of(child1), tried + 10) << "it goes on trying";
  expect_looping();

  EXPECT_EQ(code_of(terminate_child(child1)), admin_code::ok);
  EXPECT_EQ(status_of(child1), "undefined");
  EXPECT_EQ(code_of(terminate_child(child1)), admin_code::ok) << "idempotent";
  const auto stopped_at = book().tries_of(child1);
  advance(10s);
  EXPECT_EQ(book().tries_of(child1), stopped_at) << "the loop is over";
  EXPECT_EQ(code_of(start_child("/root", probe("child1"))), admin_code::already_present);
  const auto failed = restart_child(child1);
  EXPECT_EQ(code_of(failed), admin_code::failed);
  EXPECT_EQ(failed->why.message, "no init today");
  EXPECT_EQ(status_of(child1), "undefined");
  book().always.clear();
  EXPECT_EQ(code_of(restart_child(child1)), admin_code::ok);
  EXPECT_TRUE(lives(child1));

  begin_loop();
  EXPECT_EQ(code_of(terminate_child(child1)), admin_code::ok);
  EXPECT_EQ(code_of(delete_child(child1)), admin_code::ok);
  EXPECT_EQ(ids_of(), paths{"child2"});
  book().always.clear();
  EXPECT_EQ(code_of(start_child("/root", trying(probe("child1")))), admin_code::ok);

  begin_loop();
  expect_looping();
  stop();
  ASSERT_TRUE(ended_) << "the supervisor itself can be stopped";
  EXPECT_EQ(ended_->cls, policy::exit_class::shutdown);
  const auto at_end = book().tries_of(child1);
  advance(10s);
  EXPECT_EQ(book().tries_of(child1), at_end);
  EXPECT_EQ(book().alive, 0);
}

// Adapted: the later ones are not undefined but restarting, as is the one that fails: they come back with it; and when
// it is terminated they do so at once.
TEST_F(otp_misc, hanging_restart_loop_rest_for_one) {
  const std::string child2 = "/root/child2";
  start_ok(tree({probe("child1"), trying(probe("child2")), probe("child3")}, plenty, strategy::rest_for_one));
  const auto expect_looping = [&] {
    EXPECT_EQ(code_of(start_child("/root", probe("child2"))), admin_code::already_present);
    EXPECT_EQ(code_of(restart_child(child2)), admin_code::restarting);
    EXPECT_EQ(code_of(delete_child(child2)), admin_code::restarting);
    EXPECT_EQ(status_of(child2), "restarting");
    EXPECT_EQ(answering("/root/child1"), 1U) << "the earlier one lives";
    EXPECT_EQ(status_of("/root/child3"), "restarting");
    EXPECT_EQ(book().alive, 1) << "the later one is down";
    EXPECT_EQ(code_of(start_child("/root", probe("child3"))), admin_code::already_present);
    EXPECT_EQ(code_of(restart_child("/root/child3")), admin_code::restarting);
    EXPECT_EQ(counts_of(), (counts{3, 1, 0, 3}));
    EXPECT_EQ(ids_of(), (paths{"child3", "child2", "child1"}));
  };
  book().always[child2] = start_as::throws_in_init;
  crash(child2);
  advance(150ms);
  expect_looping();
  const auto tried = book().tries_of(child2);
  for (int i = 0; i < 10; ++i) advance(100ms);
  EXPECT_GE(book().tries_of(child2), tried + 10);
  EXPECT_EQ(book().starts_of("/root/child3"), 1U) << "it was not started while an earlier one is down";
  expect_looping();

  EXPECT_EQ(code_of(terminate_child(child2)), admin_code::ok);
  EXPECT_EQ(status_of(child2), "undefined");
  EXPECT_TRUE(lives("/root/child3"));
  EXPECT_EQ(code_of(restart_child(child2)), admin_code::failed);
  EXPECT_TRUE(lives("/root/child3")) << "a start by hand that fails is no crash";
  book().always.clear();
  EXPECT_EQ(code_of(restart_child(child2)), admin_code::ok);
  EXPECT_EQ(counts_of(), (counts{3, 3, 0, 3}));

  book().always[child2] = start_as::throws_in_init;
  crash(child2);
  advance(150ms);
  expect_looping();
  book().always.clear();
  advance(100ms);
  EXPECT_EQ(counts_of(), (counts{3, 3, 0, 3})) << "all are back once it starts";
  EXPECT_EQ(answering("/root/child1"), 1U);

  book().always[child2] = start_as::throws_in_init;
  crash(child2);
  advance(150ms);
  stop();
  ASSERT_TRUE(ended_);
  EXPECT_EQ(ended_->cls, policy::exit_class::shutdown);
  EXPECT_EQ(book().alive, 0);
}

TEST_F(otp_misc, hanging_restart_loop_simple) {
  auto crowd = dynamic(restart_type::permanent, plenty);
  crowd.children.front() = trying(crowd.children.front());
  start_ok(crowd);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(code_of(start_dynamic("/root")), admin_code::ok);
  const auto begin_loop = [&](const std::string& path) {
    book().always[path] = start_as::throws_in_init;
    crash(path);
    advance(150ms);
  };
  begin_loop("/root/d-2");
  const auto handle = which_child("/root/d-2")->handle;
  EXPECT_EQ(code_of(restart_child("/root/d-2")), admin_code::unsupported);
  EXPECT_EQ(code_of(delete_child("/root/d-2")), admin_code::unsupported);
  EXPECT_EQ(status_of("/root/d-2"), "restarting");
  EXPECT_EQ(supervisor::path_of(handle), "/root/d-2") << "its handle stays good";
  EXPECT_EQ(counts_of(), (counts{1, 2, 0, 3}));
  EXPECT_EQ(ids_of(), (paths{"d-3", "d-2", "d-1"}));
  EXPECT_EQ(code_of(start_dynamic("/root")), admin_code::ok) << "others can be made meanwhile";
  const auto tried = book().tries_of("/root/d-2");
  for (int i = 0; i < 10; ++i) advance(100ms);
  EXPECT_GE(book().tries_of("/root/d-2"), tried + 10);

  EXPECT_EQ(code_of(terminate_child("/root/d-2")), admin_code::ok);
  EXPECT_EQ(status_of("/root/d-2"), "not_found");
  EXPECT_EQ(ids_of(), (paths{"d-4", "d-3", "d-1"}));
  const auto stopped_at = book().tries_of("/root/d-2");
  advance(10s);
  EXPECT_EQ(book().tries_of("/root/d-2"), stopped_at);
  EXPECT_EQ(answering("/root/d-1"), 1U);

  begin_loop("/root/d-3");
  EXPECT_EQ(status_of("/root/d-3"), "restarting");
  stop();
  ASSERT_TRUE(ended_);
  EXPECT_EQ(ended_->cls, policy::exit_class::shutdown);
  advance(10s);
  EXPECT_EQ(book().alive, 0);
}

TEST_F(otp_misc, order_of_children) {
  const paths ids{"zebra", "c10", "c9", "Alpha", "_under", "b", "a", "c1"};
  paths listed;
  for (const auto& id : ids) listed.push_back("/root/" + id);
  const auto reversed = [](paths x) {
    std::reverse(x.begin(), x.end());
    return x;
  };
  const std::size_t culprit = 3;
  for (const auto how : {strategy::one_for_one, strategy::rest_for_one, strategy::one_for_all}) {
    SCOPED_TRACE(to_string(how));
    std::vector<child_spec> children;
    for (const auto& id : ids) children.push_back(probe(id));
    start_ok(tree(std::move(children), {3, 5s}, how));
    EXPECT_EQ(book().starts, listed);
    EXPECT_EQ(ids_of(), reversed(ids)) << "newest first";
    EXPECT_EQ(paths_of(event_kind::start), listed);

    book().forget();
    kill(listed[culprit]);
    paths group{listed[culprit]};
    if (how == strategy::one_for_all) group = listed;
    if (how == strategy::rest_for_one) group.assign(listed.begin() + culprit, listed.end());
    EXPECT_EQ(book().starts, group);
    auto stopped = reversed(group);  // the culprit is gone before the others
    stopped.erase(std::find(stopped.begin(), stopped.end(), listed[culprit]));
    stopped.insert(stopped.begin(), listed[culprit]);
    EXPECT_EQ(book().ends, stopped);

    ASSERT_EQ(code_of(start_child("/root", probe("aaa"))), admin_code::ok);
    auto all = listed;
    all.push_back("/root/aaa");
    watch(all);
    book().forget();
    stop();
    EXPECT_EQ(book().ends, reversed(all)) << "what was added stands last";
    EXPECT_EQ(exit_order_, reversed(all));
    anew();
  }
}

}  // namespace
