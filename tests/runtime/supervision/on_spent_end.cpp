#include "steward/child.hpp"
#include "tests/support/virtual_tree.hpp"

// `on_spent: end`, with real cells in virtual time.

namespace steward::testing_support {
namespace {

using namespace std::chrono_literals;

struct fragile {
  explicit fragile(const actor_args& args) : incarnation(args.incarnation()) {}
  caf::behavior make_behavior() {
    return {[](crash_atom) { throw std::runtime_error("boom"); }, [this](caf::get_atom) { return incarnation; }};
  }
  std::uint64_t incarnation;
};

class on_spent_end : public virtual_tree {
protected:
  on_spent_end() {
    start(tree({child::actor<fragile>("fragile", {}, {.intensity = intensity{1, 60s}, .on_spent = spent_policy::end}),
                child::actor<fragile>("sibling")}));
  }
  void crash() {
    send("/root/fragile", crash_atom::value);
    run();
  }
};

TEST_F(on_spent_end, ends_the_child_and_nobody_else) {
  crash();
  EXPECT_EQ(ask<std::uint64_t>("/root/fragile", caf::get_atom::value), 2U);
  crash();
  EXPECT_EQ(status_of("/root/fragile"), "undefined");
  EXPECT_FALSE(at("/root/fragile"));
  EXPECT_EQ(which_children("/root")->size(), 2U) << "it is still listed";
  EXPECT_EQ(ask<std::uint64_t>("/root/sibling", caf::get_atom::value), 1U);
  EXPECT_FALSE(ended_);
  EXPECT_EQ(paths_of(event_kind::limit), std::vector<std::string>{"/root/fragile"});
  EXPECT_EQ(events_of(event_kind::limit).front().decision->action, "end");
  EXPECT_TRUE(events_of(event_kind::escalate).empty());
  EXPECT_EQ(names_.end_of("/root/fragile")->cls, policy::exit_class::abnormal) << "wait_for_ends hears of it";
}

TEST_F(on_spent_end, answers_by_the_old_handle_with_the_cause) {
  const auto handle = at("/root/fragile");
  crash();
  caf::scoped_actor self{*system_};
  auto waiting = port::ask(self.ptr(), handle, caf::infinite, crash_atom::value);
  auto behind = port::ask(self.ptr(), handle, caf::infinite, caf::get_atom::value);
  run();
  caf::error first;
  caf::error second;
  waiting.receive([](caf::unit_t) {}, [&](caf::error& e) { first = std::move(e); });
  behind.receive([](std::uint64_t) {}, [&](caf::error& e) { second = std::move(e); });
  EXPECT_EQ(code_of(first), errc::crashed);
  EXPECT_EQ(code_of(second), errc::gave_up) << describe(second);
  EXPECT_NE(describe(second).find("boom"), std::string::npos) << describe(second);
}

TEST_F(on_spent_end, is_undone_by_restart_child) {
  crash();
  crash();
  ASSERT_EQ(restart_child("/root/fragile")->code, admin_code::ok);
  EXPECT_EQ(ask<std::uint64_t>("/root/fragile", caf::get_atom::value), 3U);
  crash();
  advance(1'000ms);
  EXPECT_EQ(ask<std::uint64_t>("/root/fragile", caf::get_atom::value), 4U) << "its limit has begun anew";
}

}  // namespace
}  // namespace steward::testing_support
