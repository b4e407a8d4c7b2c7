#include "steward/detail/boxed.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace steward {
namespace {

using detail::boxed;

TEST(boxed_values, are_default_ones_until_they_are_changed) {
  const boxed<std::string> nothing;
  EXPECT_TRUE(nothing->empty());
  EXPECT_EQ(*nothing, "");
  boxed<std::string> x;
  *x += "some";
  x->append("thing");
  EXPECT_EQ(*x, "something");
  EXPECT_EQ(sizeof x, sizeof(void*));
}

TEST(boxed_values, are_copied_with_their_box) {
  boxed<std::string> a{"one"};
  auto b = a;
  *b = "two";
  EXPECT_EQ(*a, "one");
  a = b;
  *b = "three";
  EXPECT_EQ(*a, "two");
  const boxed<std::string> nothing;
  a = nothing;
  EXPECT_EQ(*std::as_const(a), "");
  const auto& same = b;
  b = same;
  EXPECT_EQ(*b, "three");
}

TEST(boxed_values, leave_the_default_one_where_they_were_moved_from) {
  boxed<std::string> a{"one"};
  const auto* where = &*a;
  const boxed<std::string> b = std::move(a);
  EXPECT_EQ(&*b, where) << "nothing is copied";
  EXPECT_EQ(*std::as_const(a), "");  // NOLINT: that is what is tested
}

TEST(boxed_values, tell_whether_there_is_a_box) {
  boxed<std::string> x;
  EXPECT_FALSE(x);
  EXPECT_EQ(x, boxed<std::string>{});
  x.emplace();
  EXPECT_TRUE(x) << "though it is the default one";
  EXPECT_FALSE(x == boxed<std::string>{});
  EXPECT_EQ(x, boxed<std::string>{""});
  *x = "one";
  EXPECT_FALSE(x == boxed<std::string>{"two"});
  EXPECT_TRUE(x.emplace().empty()) << "another one in its place";
}

}  // namespace
}  // namespace steward
