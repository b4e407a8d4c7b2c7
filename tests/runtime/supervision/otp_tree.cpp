#include "otp_probe.hpp"

#include <caf/scheduled_actor.hpp>

// Children that let go of their supervisor, and supervisors of supervisors: 58 and 59 of the list.

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

using otp_tree = otp_case;

/// Does what an actor can do to be out of everybody's reach.
struct hermit {
  explicit hermit(self_ptr self) : self_(self) { ++count(); }
  ~hermit() { --count(); }
  hermit(const hermit&) = delete;
  hermit& operator=(const hermit&) = delete;

  caf::behavior make_behavior() {
    self_->set_exit_handler([](caf::exit_msg&) {});
    self_->set_down_handler([](caf::down_msg&) {});
    self_->set_error_handler([](caf::error&) {});
    self_->set_default_handler(caf::skip);
    return {[](caf::get_atom) { return std::uint64_t{1}; }};
  }

  static int& count() {
    static int n = 0;
    return n;
  }

  self_ptr self_;
};

// Adapted: children are not linked to their supervisor; a hermit takes no exit message and skips all others.
TEST_F(otp_tree, child_unlink) {
  actor_type<hermit>("hermit");
  start_ok(tree({child("a", "hermit"), child("b", "hermit"), probe("c")}));
  ASSERT_EQ(hermit::count(), 2);
  caf::anon_send_exit(at("/root/a"), caf::exit_reason::user_shutdown);
  send("/root/a", std::string{"is skipped for ever"});
  send("/root/b", std::string{"is skipped for ever"});
  run();
  ASSERT_EQ(hermit::count(), 2) << "nobody else can end it";
  watch(paths{"/root/a", "/root/b"});
  EXPECT_EQ(code_of(terminate_child("/root/a")), admin_code::ok) << "at once, no time has passed";
  EXPECT_EQ(exit_of("/root/a"), "shutdown");
  EXPECT_EQ(hermit::count(), 1);
  EXPECT_EQ(status_of("/root/a"), "undefined");
  EXPECT_EQ(code_of(restart_child("/root/a")), admin_code::ok);
  EXPECT_EQ(hermit::count(), 2);
  stop();
  ASSERT_TRUE(ended_) << "the supervisor does not hang";
  EXPECT_EQ(ended_->cls, policy::exit_class::shutdown);
  EXPECT_EQ(exit_of("/root/b"), "shutdown");
  EXPECT_EQ(hermit::count(), 0);
  EXPECT_EQ(leaked(), 0U);
}

TEST_F(otp_tree, tree) {
  auto first = tree({probe("child1"), probe("child2")}, {1, 60s});
  auto second = tree({probe("child3"), probe("child4")}, {1, 60s}, strategy::one_for_all);
  start_ok(tree({sub("sup1", first), sub("sup2", second)}, {4, 60s}));
  EXPECT_EQ(counts_of(), (counts{2, 2, 2, 0}));
  EXPECT_EQ(code_of(start_child("/root/sup1", probe("extra"))), admin_code::ok);
  EXPECT_EQ(code_of(start_child("/root/sup2", probe("extra"))), admin_code::ok);
  EXPECT_EQ(counts_of("/root/sup1"), (counts{3, 3, 0, 3}));
  const auto second_untouched = [&] {
    EXPECT_EQ(incarnation_of("/root/sup2"), 1U);
    EXPECT_EQ(answering("/root/sup2/child3"), 1U);
    EXPECT_EQ(answering("/root/sup2/child4"), 1U);
    EXPECT_EQ(answering("/root/sup2/extra"), 1U);
  };

  const auto handle = at("/root/sup1/child1");

  // A death inside of the first touches nobody else.
  crash("/root/sup1/child1");
  EXPECT_EQ(answering("/root/sup1/child1"), 2U);
  EXPECT_EQ(answering("/root/sup1/child2"), 1U);
  EXPECT_EQ(answering("/root/sup1/extra"), 1U);
  EXPECT_EQ(incarnation_of("/root/sup1"), 1U);
  second_untouched();

  // One more, and the first is restarted as a whole: its own children, not those that were added.
  book().forget();
  crash("/root/sup1/child2");
  EXPECT_EQ(incarnation_of("/root/sup1"), 2U);
  EXPECT_EQ(status_of("/root/sup1"), "running");
  EXPECT_EQ(ids_of("/root/sup1"), (paths{"child2", "child1"}));
  EXPECT_EQ(counts_of("/root/sup1"), (counts{2, 2, 0, 2}));
  EXPECT_EQ(status_of("/root/sup1/extra"), "not_found");
  EXPECT_FALSE(at("/root/sup1/extra"));
  EXPECT_EQ(book().ends, (paths{"/root/sup1/child2", "/root/sup1/extra", "/root/sup1/child1"}));
  EXPECT_EQ(book().starts, (paths{"/root/sup1/child1", "/root/sup1/child2"}));
  EXPECT_EQ(at("/root/sup1/child1"), handle) << "its own children keep their handles";
  EXPECT_EQ(answering("/root/sup1/child1"), 3U);
  EXPECT_EQ(answering("/root/sup1/child2"), 2U);
  second_untouched();
  EXPECT_EQ(code_of(start_child("/root/sup1", probe("extra"))), admin_code::ok) << "its id is free";

  // The second restarts as a group, with what was added to it; then as a whole, without.
  crash("/root/sup2/extra");
  EXPECT_EQ(answering("/root/sup2/child3"), 2U);
  EXPECT_EQ(answering("/root/sup2/child4"), 2U);
  EXPECT_EQ(answering("/root/sup2/extra"), 2U);
  crash("/root/sup2/extra");
  EXPECT_EQ(incarnation_of("/root/sup2"), 2U);
  EXPECT_EQ(ids_of("/root/sup2"), (paths{"child4", "child3"}));
  EXPECT_EQ(status_of("/root/sup2/extra"), "not_found");
  EXPECT_EQ(ids_of("/root/sup1"), (paths{"extra", "child2", "child1"})) << "the first was not touched";
  EXPECT_EQ(incarnation_of("/root/sup1"), 2U);

  // A supervisor that is terminated takes its children along; it comes back with its own.
  EXPECT_EQ(code_of(terminate_child("/root/sup1")), admin_code::ok);
  EXPECT_EQ(status_of("/root/sup1"), "undefined");
  EXPECT_FALSE(at("/root/sup1/child1"));
  EXPECT_EQ(counts_of(), (counts{2, 1, 2, 0}));
  EXPECT_EQ(code_of(start_child("/root/sup1", probe("late"))), admin_code::noproc);
  EXPECT_EQ(code_of(restart_child("/root/sup1")), admin_code::ok);
  EXPECT_EQ(ids_of("/root/sup1"), (paths{"child2", "child1"}));
  EXPECT_TRUE(lives("/root/sup1/child1"));
  EXPECT_FALSE(ended_);
}

}  // namespace
