// Types of messages that can travel to another process, and those that cannot: who is told of them, and when.
#include "placed_tree.hpp"

#include "steward/child.hpp"
#include "steward/timer.hpp"
#include "steward/watch.hpp"

#include <gmock/gmock.h>

#include <cstdint>
#include <string>
#include <utility>

namespace steward::test {
/// Types that nobody has announced.
struct secret {
  std::int64_t x = 0;
};
struct riddle {
  std::int64_t x = 0;
};
}  // namespace steward::test

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::test::secret)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::test::riddle)

namespace steward::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

/// What the compiler holds its handlers against.
struct shop {
  using behavior =
      caf::typed_behavior<caf::replies_to<parcel>::with<parcel>, caf::replies_to<caf::get_atom>::with<std::int64_t>>;

  std::int64_t sum = 0;
  behavior make_behavior() {
    return {
        [this](const parcel& x) {
          sum += x.weight;
          return parcel{sum, x.label + "!"};
        },
        [this](caf::get_atom) { return sum; },
    };
  }
};

struct keeps_secrets {
  caf::typed_behavior<caf::reacts_to<secret>, caf::replies_to<caf::get_atom>::with<std::int64_t>> make_behavior(
      self_ptr) {
    return {
        [](const secret&) {},
        [](caf::get_atom) { return std::int64_t{1}; },
    };
  }
};

struct answers_in_riddles {
  caf::typed_behavior<caf::replies_to<std::string>::with<riddle>> make_behavior() {
    return {[](const std::string&) { return riddle{}; }};
  }
};

/// The same without signatures.
struct talkative {
  caf::behavior make_behavior() {
    return {
        [](const secret&) {},
        [](caf::get_atom, const std::string&, const riddle&, const secret&) {},
        [](const parcel&, std::int64_t, const std::string&) {},
        [](caf::get_atom) { return std::int64_t{1}; },
        [](crash_atom) { throw std::runtime_error("boom"); },
    };
  }
};

class typed_actor : public on_any_rung {};
INSTANTIATE_TEST_SUITE_P(on, typed_actor, ::testing::Values(rung::thread, rung::process), name_of_rung);

TEST_P(typed_actor, is_an_actor_like_others) {
  probe_tree t{{child::actor<shop>("a", {}, {.runs_in = where()})}};
  ASSERT_TRUE(t.started.ok) << t.started.why.message;
  const auto a = t.actor("a");
  const auto back = t.ask<parcel>(a, parcel{3, "books"});
  ASSERT_TRUE(back.value) << back.error;
  EXPECT_EQ(back.value->weight, 3);
  EXPECT_EQ(back.value->label, "books!");
  EXPECT_EQ(t.sum(a), 3);
  EXPECT_TRUE(t.events.of(event_kind::warn, "/root/a").empty());
}

TEST_P(typed_actor, is_refused_before_the_start_where_its_types_cannot_travel) {
  probe_tree t{{probe_child("first", rung::thread), child::actor<keeps_secrets>("a", {}, {.runs_in = where()}),
                child::actor<answers_in_riddles>("b", {}, {.runs_in = where()})}};
  EXPECT_EQ(t.started.ok, !in_process()) << t.started.why.message;
  if (!in_process()) return;
  ASSERT_THAT(t.started.faults, SizeIs(2));
  EXPECT_THAT(describe(t.started.faults[0]),
              AllOf(HasSubstr("/root/a"), HasSubstr("have the type steward::test::secret, which is not announced"),
                    HasSubstr("app.message_type<steward::test::secret>")));
  EXPECT_THAT(describe(t.started.faults[1]), AllOf(HasSubstr("/root/b"), HasSubstr("steward::test::riddle")));
  EXPECT_TRUE(t.events.of(event_kind::start).empty());
}

TEST(typed_actor, is_refused_in_the_process_of_a_supervisor_too) {
  auto tree = std::make_shared<supervisor_spec>();
  tree->children = {child::actor<keeps_secrets>("a")};
  child_spec house;
  house.id = "house";
  house.runs_in = rung::process;
  house.what = tree;
  probe_tree t{{house}};
  EXPECT_FALSE(t.started.ok);
  EXPECT_THAT(t.started.why.message, HasSubstr("steward::test::secret"));
}

TEST(typed_actor, that_comes_later_is_refused_too) {
  probe_tree t{{probe_child("first", rung::thread)}};
  ASSERT_TRUE(t.started.ok);
  const auto late = t.tree->start_child("/root", child::actor<keeps_secrets>("a", {}, {.runs_in = rung::process}));
  ASSERT_THAT(late.faults, SizeIs(1));
  EXPECT_THAT(describe(late.faults[0]), HasSubstr("steward::test::secret"));
}

/// Hears of the ends of another one.
struct watcher {
  using behavior = caf::typed_behavior<caf::reacts_to<child_end>, caf::replies_to<caf::get_atom>::with<std::int64_t>>;

  explicit watcher(self_ptr self) { watch(self, "other"); }
  behavior make_behavior() {
    return {
        [this](const child_end&) { ++ends_; },
        [this](caf::get_atom) { return ends_; },
    };
  }

  std::int64_t ends_ = 0;
};

TEST_P(typed_actor, hears_of_what_it_watches) {
  probe_tree t{{probe_child("other", rung::thread), child::actor<watcher>("a", {}, {.runs_in = where()})}};
  ASSERT_TRUE(t.started.ok) << t.started.why.message;
  t.say(t.actor("other"), "throw");
  EXPECT_TRUE(comes([&] { return t.sum(t.actor("a")) == 1; }));
  EXPECT_TRUE(t.events.of(event_kind::warn, "/root/a").empty());
}

/// Counts what it sends to itself.
struct ticking {
  explicit ticking(self_ptr self) : self_(self) {}
  caf::behavior make_behavior() {
    tell_after(self_, 1ms, handle_of(self_), secret{2});
    return {
        [this](const secret& x) { sum_ += x.x; },
        [this](caf::get_atom) { return sum_; },
    };
  }

  self_ptr self_;
  std::int64_t sum_ = 0;
};

TEST(message_types, that_are_not_announced_come_by_a_timer_of_ones_own) {
  probe_tree t{{child::actor<ticking>("a", {}, {.runs_in = rung::process})}};
  ASSERT_TRUE(t.started.ok) << t.started.why.message;
  EXPECT_TRUE(comes([&] { return t.sum(t.actor("a")) == 2; }));
}

TEST(message_types, that_handlers_take_and_that_cannot_come_are_told_before_it_is_ready) {
  probe_tree t{{child::actor<talkative>("a", {}, {.runs_in = rung::process}),
                child::actor<talkative>("b", {}, {.runs_in = rung::thread})}};
  ASSERT_TRUE(t.started.ok) << t.started.why.message;
  ASSERT_TRUE(comes([&] { return !t.events.of(event_kind::warn, "/root/a").empty(); }));
  const auto told = t.events.of(event_kind::warn, "/root/a");
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_THAT(told[0].text, AllOf(HasSubstr("has handlers for types that are not announced"),
                                  HasSubstr(": steward::test::secret, steward::test::riddle (")));
  const auto ready = t.events.of(event_kind::ready, "/root/a");
  ASSERT_THAT(ready, SizeIs(1));
  EXPECT_LT(told[0].seq, ready[0].seq);

  // Once, for it is the same in each incarnation; and not where it may come.
  t.ask<std::int64_t>(t.actor("a"), crash_atom::value);
  EXPECT_EQ(t.sum(t.actor("a")), 1);
  ASSERT_TRUE(comes([&] { return !t.events.of(event_kind::recover, "/root/a").empty(); }));
  EXPECT_THAT(t.events.of(event_kind::warn, "/root/a"), SizeIs(1));
  EXPECT_THAT(t.events.of(event_kind::warn, "/root/b"), SizeIs(0));
}

TEST(message_types, are_told_once_of_all_children_of_a_template) {
  auto crowd = std::make_shared<supervisor_spec>();
  crowd->strategy = strategy::simple_one_for_one;
  crowd->initial = 3;
  crowd->children = {child::actor<talkative>("one", {}, {.runs_in = rung::process})};
  child_spec of;
  of.id = "crowd";
  of.what = crowd;
  probe_tree t{{of}};
  ASSERT_TRUE(t.started.ok) << t.started.why.message;
  EXPECT_THAT(t.events.of(event_kind::warn), SizeIs(1));
}

}  // namespace
}  // namespace steward::test
