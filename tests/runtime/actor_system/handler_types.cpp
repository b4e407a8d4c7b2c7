#include "actor_system/handler_types.hpp"

#include "steward/cause.hpp"
#include "steward/port.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <typeindex>
#include <unordered_map>
#include <vector>

namespace shop {
struct order {};
struct invoice {};
template <class T>
struct crate {};
namespace {
struct hidden {};
}  // namespace
}  // namespace shop

namespace steward::port {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using announced = std::unordered_map<std::type_index, std::string>;

std::vector<std::string> unknown(const caf::behavior& x, const announced& known = {}) {
  return unannounced_types(x, known);
}

int take_order(shop::order, const std::string&) { return 0; }

struct functor {
  void operator()(shop::order) {}
};

struct less {
  bool operator<(const less&) const { return false; }
  caf::behavior made_by_an_operator() const {
    return {[](shop::order) {}};
  }
  friend caf::behavior operator>>(const less&, int) {
    return {[](shop::order) {}};
  }
};

TEST(handler_types, of_caf_need_no_name) {
  EXPECT_THAT(unknown({}), IsEmpty());
  EXPECT_THAT(
      unknown({
          [](caf::add_atom, const std::string&, std::int64_t, std::uint8_t, char, unsigned long long) {},
          [](const std::vector<std::string>&, const std::map<std::string, std::string>&, std::set<std::string>) {},
          [](const caf::actor&, caf::down_msg&, const caf::error&, caf::timespan, caf::timestamp) {},
          [](wchar_t, char16_t, char32_t, char8_t, int, int) {},
          [](bool, double, float, const std::u16string&, const std::vector<char>&) {},
      }),
      IsEmpty());
}

/// As the states of actors have them: clang names what a lambda takes in inline functions alone.
struct state {
  struct local {};
  caf::behavior of_ones_own() {
    return {
        [](const shop::order&) {},
        [](caf::add_atom, const std::string&, std::int64_t, const shop::crate<shop::order>&, int, int, int) {},
        [](std::vector<shop::order>, shop::order&) {},
        [](shop::hidden, local) {},
    };
  }
  caf::behavior of_two() {
    return {[](const shop::order&, const std::vector<shop::order>&, const shop::invoice&) {}};
  }
};

TEST(handler_types, of_ones_own_are_found_wherever_they_stand) {
  EXPECT_THAT(
      unknown(state{}.of_ones_own()),
      ElementsAre("shop::order", "shop::crate<shop::order>", "std::vector<shop::order, std::allocator<shop::order> >",
                  "shop::(anonymous namespace)::hidden", demangle(typeid(state::local).name())));
}

TEST(handler_types, that_are_announced_are_known) {
  const announced known{{typeid(shop::order), "order"}, {typeid(std::vector<shop::order>), "orders"}};
  EXPECT_THAT(unknown(state{}.of_two(), known), ElementsAre("shop::invoice"));
}

TEST(handler_types, are_found_in_functions_and_in_lambdas_of_lambdas) {
  EXPECT_THAT(unknown(caf::behavior{take_order}), ElementsAre("shop::order"));
  EXPECT_THAT(unknown(caf::behavior{std::function<void(shop::order, std::string)>{[](auto, auto) {}}}),
              ElementsAre("shop::order"));
  const auto make = [](int) { return caf::behavior{[](shop::invoice) {}}; };
  EXPECT_THAT(unknown(make(1)), ElementsAre("shop::invoice"));
}

TEST(handler_types, that_cannot_be_seen_are_passed_over) {
  EXPECT_THAT(unknown(caf::behavior{functor{}}), IsEmpty());
  EXPECT_THAT(unknown(less{}.made_by_an_operator()), ElementsAre("shop::order"));
  unknown(less{} >> 1);  // an operator's name has brackets that do not close: whatever comes of it
  const caf::message_handler first{[](shop::order) {}};
  EXPECT_THAT(unknown(first.or_else([](shop::invoice) {})), IsEmpty());
}

TEST(handler_types, are_read_from_any_name) {
  EXPECT_THAT(parameters_in("a::{lambda(int, b<c, d> const&, e (*)(f, g))#2}"),
              ElementsAre("int", "b<c, d>", "e (*)(f, g)"));
  EXPECT_THAT(parameters_in("a::{lambda(x)#1}::operator()(x) const::{lambda(y&&)#1}"), ElementsAre("y"));
  EXPECT_THAT(parameters_in("void (*)(a, b)"), ElementsAre("a", "b"));
  EXPECT_THAT(parameters_in("void (*)(caf::param<a::b>, caf::param<c<d> > const&)"), ElementsAre("a::b", "c<d>"));
  for (const auto* bad : {"", "(", ")", "{lambda(", "a::operator<(b)::{lambda(c)#1}", "{lambda(a<)#1}",
                          "std::function<", "()", "{lambda()#1}", "a::{lambda(b)#1}::c", "a::b()::$_0"})
    EXPECT_THAT(parameters_in(bad), IsEmpty()) << bad;
}

}  // namespace
}  // namespace steward::port
