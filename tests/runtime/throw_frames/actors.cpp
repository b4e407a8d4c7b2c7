// The same of actors.
#include "steward/child.hpp"
#include "tests/runtime/supervision/real_tree.hpp"
#include "throwers.hpp"

#include <gmock/gmock.h>

namespace steward {
namespace {

using testing::HasSubstr;
using testing_support::real_tree;

struct pricing {
  caf::behavior make_behavior() {
    return {[](caf::get_atom, std::int64_t) { return static_cast<std::int64_t>(test::total_of("pear")); }};
  }
};

class thrown_in_actors : public real_tree {};

TEST_F(thrown_in_actors, comes_with_the_calls_it_was_thrown_in) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, {.children = {child::actor<pricing>("prices")}}};
  ASSERT_TRUE(tree.start());
  // The second crash is of a type that is known by then.
  for (std::size_t n = 1; n <= 2; ++n) {
    EXPECT_EQ(ask<std::int64_t>(rt, tree.actor("/root/prices"), caf::get_atom::value, std::int64_t{1}), std::nullopt);
    ASSERT_TRUE(await(event_kind::crash, "/root/prices", n));
  }
  for (const auto& crash : events_of(event_kind::crash)) {
    ASSERT_TRUE(crash.why);
    ASSERT_GE(crash.why->frames.size(), 3U);
    EXPECT_THAT(crash.why->frames[0], HasSubstr("price_of"));
    EXPECT_THAT(crash.why->frames[1], HasSubstr("total_of"));
  }
}

}  // namespace
}  // namespace steward
