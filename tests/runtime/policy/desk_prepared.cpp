#include "policy/desk.hpp"

#include "machine_support.hpp"

#include <map>
#include <thread>
#include <vector>

// Children that any thread can begin: they need no detour over the desk's owner.

namespace steward::policy::testing_support {
namespace {

/// A desk over children that start in order, all of them prepared.
struct prepared_desk {
  explicit prepared_desk(child_number size, strategy how = strategy::one_for_one) {
    auto machine = std::make_unique<supervisor_machine>(options(how, {100, 3'600s}));
    auto policy = stopping_within(eager(), infinity);
    policy.start_within = infinity;
    for (child_number i = 1; i <= size; ++i) machine->add(i, shared(policy));
    desk.install(std::move(machine));
    for (child_number i = 1; i <= size; ++i)
      desk.prepare(i, [this, i](std::uint64_t incarnation) { begun[i].push_back(incarnation); });
  }
  /// Children that the owner is to begin itself, in order.
  std::vector<child_number> left_to_owner() {
    std::vector<child_number> out;
    for (const auto& x : desk.take())
      if (const auto* start = std::get_if<action::start_child>(&x); start != nullptr && !start->in_place)
        out.push_back(start->child);
    return out;
  }

  std::map<child_number, std::vector<std::uint64_t>> begun;
  supervisor_desk desk{[] {}};
};

TEST(prepared_children, are_begun_by_whoever_tells_that_the_one_before_is_ready) {
  prepared_desk x{3};
  x.desk.feed([](auto& m) { return m.start(origin); });
  EXPECT_TRUE(x.begun.empty()) << "the owner begins the first itself";
  EXPECT_EQ(x.left_to_owner(), std::vector<child_number>{1});
  x.desk.ready(1, 1, origin, "");
  EXPECT_EQ(x.begun[2], std::vector<std::uint64_t>{1});
  x.desk.ready(2, 1, origin, "");
  EXPECT_EQ(x.begun[3], std::vector<std::uint64_t>{1});
  EXPECT_TRUE(x.left_to_owner().empty());
  x.desk.ready(3, 1, origin, "");
  EXPECT_TRUE(x.desk.look([](const auto& m) { return m.running(); }, false));
}

TEST(prepared_children, are_begun_once) {
  prepared_desk x{2, strategy::one_for_all};
  x.desk.feed([](auto& m) { return m.start(origin); });
  x.desk.ready(1, 1, origin, "");
  x.desk.ready(2, 1, origin, "");
  x.desk.forget_prepared(1);
  x.left_to_owner();
  x.desk.exited(2, 1, crash_info(), origin);
  x.desk.feed([](auto& m) { return m.child_stopped(1, origin); });
  x.desk.ready(1, 2, origin, "");
  EXPECT_EQ(x.left_to_owner(), (std::vector<child_number>{1, 2})) << "a restart of the group is the owner's";
  EXPECT_EQ(x.begun[2].size(), 1U);
}

TEST(prepared_children, are_the_owners_again_when_it_has_begun_them_or_the_machine_is_gone) {
  prepared_desk x{3};
  x.desk.feed([](auto& m) { return m.start(origin); });
  x.desk.forget_prepared(2);
  x.left_to_owner();
  x.desk.ready(1, 1, origin, "");
  EXPECT_EQ(x.left_to_owner(), std::vector<child_number>{2});
  x.desk.remove();
  x.desk.ready(2, 1, origin, "");
  EXPECT_TRUE(x.begun.empty());
}

TEST(prepared_children, are_not_begun_when_a_stop_came_first) {
  prepared_desk x{2};
  x.desk.feed([](auto& m) { return m.start(origin); });
  x.desk.feed([](auto& m) { return m.stop(origin); });
  x.desk.ready(1, 1, origin, "");
  EXPECT_TRUE(x.begun.empty());
}

TEST(prepared_children, wait_for_the_owner_when_it_is_far_behind) {
  constexpr child_number size = 5'000;
  prepared_desk x{size};
  x.desk.feed([](auto& m) { return m.start(origin); });
  child_number last = 1;
  for (x.desk.ready(1, 1, origin, ""); x.begun.contains(last + 1); x.desk.ready(last, 1, origin, "")) ++last;
  EXPECT_GT(last, 1'000U);
  EXPECT_LT(last, supervisor_desk::max_backlog);
  EXPECT_EQ(x.left_to_owner(), (std::vector<child_number>{1, last + 1}));
}

TEST(prepared_children, are_never_begun_behind_the_actions_of_a_stop) {
  // The owner may send what stops a child as soon as it has taken the action: the start was sent before.
  constexpr int rounds = 2'000;
  for (int i = 0; i < rounds; ++i) {
    prepared_desk x{2};
    x.desk.feed([](auto& m) { return m.start(origin); });
    std::thread child([&] { x.desk.ready(1, 1, origin, ""); });
    x.desk.feed([](auto& m) { return m.stop(origin); });
    const auto log = x.desk.take();
    const bool stops_second = std::any_of(log.begin(), log.end(), [](const auto& a) {
      const auto* stop = std::get_if<action::stop_child>(&a);
      return stop != nullptr && stop->child == 2;
    });
    const auto begun = stops_second ? x.begun[2].size() : 1;  // read before the other thread ends
    child.join();
    EXPECT_EQ(begun, 1U);
    EXPECT_EQ(x.begun.contains(2), stops_second);
  }
}

}  // namespace
}  // namespace steward::policy::testing_support
