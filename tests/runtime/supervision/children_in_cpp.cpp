#include "steward/child.hpp"

#include "steward/parameter.hpp"
#include "tests/runtime/supervision/real_tree.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <memory>

// Trees that are written in C++ with the functions of <steward/child.hpp>, and nothing registered.

namespace steward {
namespace {

using namespace std::chrono_literals;
using testing_support::real_tree;

/// Needs nothing to be made.
struct silent {
  caf::behavior make_behavior() {
    return {[](caf::get_atom) { return std::int64_t{7}; }};
  }
};

/// Has its self only in `make_behavior`.
struct selfish {
  caf::behavior make_behavior(self_ptr self) {
    return {[self](caf::get_atom) { return static_cast<std::int64_t>(self->id()); }};
  }
};

class summing {
public:
  explicit summing(const actor_args& args) : sum_(args.integer("start")), print_(args.print()) {}
  caf::behavior make_behavior() {
    return {[this](caf::add_atom, std::int64_t n) {
              if (n == 0) throw std::invalid_argument("nothing to add");
              return sum_ += n;
            },
            [this](caf::get_atom) { return sum_; }};
  }

private:
  std::int64_t sum_;
  actor_args::printer print_;
};

struct declared {
  static std::vector<param_spec> parameters() {
    return {parameter::integer("start").fallback(3).range(0, 10).doc("where it begins"),
            parameter::duration("pause").fallback(1s).range(0ms, 1h), parameter::actor("peer")};
  }
  explicit declared(const actor_args& args) : start(args.integer("start")), peer(args.actor("peer")) {}
  caf::behavior make_behavior() {
    return {[this](caf::get_atom) { return start; }, [this](caf::put_atom) { return peer; }};
  }
  std::int64_t start;
  caf::actor peer;
};

class children_in_cpp : public real_tree {
protected:
  std::int64_t number(runtime& rt, const caf::actor& who) {
    return steward::ask<std::int64_t>(rt.system(), who, 20s, caf::get_atom::value).value();
  }
};

TEST_F(children_in_cpp, are_made_of_state_types_that_nobody_registered) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt,
                  {.strategy = strategy::one_for_all,
                   .intensity = {.restarts = 3, .within = 5s},
                   .children = {child::actor<silent>("silent"), child::actor<selfish>("selfish"),
                                child::actor<summing>("total", {{"start", 10}})}}};
  ASSERT_TRUE(tree.start());
  EXPECT_EQ(number(rt, tree.actor("/root/silent")), 7);
  EXPECT_GT(number(rt, tree.actor("/root/selfish")), 0);
  EXPECT_EQ(number(rt, tree.actor("/root/total")), 10);
}

TEST_F(children_in_cpp, begin_anew_with_their_parameters_after_a_crash) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, {.children = {child::actor<summing>("total", {{"start", 10}})}}};
  ASSERT_TRUE(tree.start());
  const auto total = tree.actor("/root/total");
  EXPECT_EQ(ask<std::int64_t>(rt, total, caf::add_atom::value, std::int64_t{5}), 15);
  EXPECT_EQ(ask<std::int64_t>(rt, total, caf::add_atom::value, std::int64_t{0}), std::nullopt);
  EXPECT_EQ(number(rt, total), 10);
}

TEST_F(children_in_cpp, share_what_their_factory_has_captured) {
  auto made = std::make_shared<std::atomic<int>>(0);
  struct counted {
    explicit counted(std::shared_ptr<std::atomic<int>> x) : made(std::move(x)) { made->fetch_add(1); }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    caf::behavior make_behavior() {
      return {[this](caf::get_atom) { return static_cast<std::int64_t>(made->load()); },
              [](caf::delete_atom) { throw std::runtime_error("asked to"); }};
    }
    std::shared_ptr<std::atomic<int>> made;
  };
  runtime rt{log_, tasks_, actors_};
  supervisor tree{
      rt,
      {.children = {child::actor("plain", [made] { return counted{made}; }),
                    child::actor("with_self", [made](self_ptr) { return counted{made}; }),
                    child::actor("with_args", [made](const actor_args&) { return counted{made}; }),
                    child::actor("with_both", [made](self_ptr, const actor_args&) { return counted{made}; })}}};
  ASSERT_TRUE(tree.start());
  EXPECT_EQ(number(rt, tree.actor("/root/with_both")), 4);
  caf::anon_send(tree.actor("/root/plain"), caf::delete_atom::value);
  ASSERT_TRUE(await(event_kind::recover, "/root/plain"));
  EXPECT_EQ(number(rt, tree.actor("/root/plain")), 5);
}

TEST_F(children_in_cpp, have_the_parameters_that_their_class_declares) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt,
                  {.children = {child::actor<silent>("first"), child::actor<declared>("second", {{"peer", "first"}})}}};
  ASSERT_TRUE(tree.start());
  EXPECT_EQ(number(rt, tree.actor("/root/second")), 3);
  EXPECT_EQ(ask<caf::actor>(rt, tree.actor("/root/second"), caf::put_atom::value), tree.actor("/root/first"));
}

TEST_F(children_in_cpp, are_refused_with_all_that_is_wrong_with_their_parameters) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, {.children = {child::actor<declared>("one", {{"start", 11}, {"pause", "long"}})}}};
  const auto result = tree.start();
  ASSERT_FALSE(result);
  std::vector<std::string> said;
  for (const auto& fault : result.faults) said.push_back(fault.path + " " + fault.field + " " + fault.message);
  EXPECT_THAT(said, testing::UnorderedElementsAre(
                        testing::AllOf(testing::HasSubstr("/root/one start"), testing::HasSubstr("11 is too large")),
                        testing::AllOf(testing::HasSubstr("/root/one pause"), testing::HasSubstr("of type text")),
                        testing::AllOf(testing::HasSubstr("peer"), testing::HasSubstr("is missing"))));
}

TEST_F(children_in_cpp, keep_all_else_of_the_policy_that_they_are_given) {
  const auto one = child::actor<silent>("x", {}, {.restart = restart_type::temporary, .shutdown = 3s});
  EXPECT_EQ(one.id, "x");
  EXPECT_EQ(one.restart, restart_type::temporary);
  EXPECT_EQ(one.shutdown, 3s);
  EXPECT_EQ(std::get<actor_spec>(one.what).type, "silent");
  const auto pool = child::pool("p", {.task = "square", .size = {.workers = 2}}, {.on_spent = spent_policy::park});
  EXPECT_EQ(std::get<pool_spec>(pool.what).size.workers, 2U);
  EXPECT_EQ(pool.on_spent, spent_policy::park);
  const auto nested = child::supervisor("s", {.children = {child::registered("d", "dictionary")}});
  EXPECT_EQ(std::get<actor_spec>(std::get<std::shared_ptr<supervisor_spec>>(nested.what)->children.at(0).what).type,
            "dictionary");
}

TEST_F(children_in_cpp, may_be_the_template_of_a_dynamic_supervisor) {
  runtime rt{log_, tasks_, actors_};
  supervisor tree{
      rt,
      {.children = {child::supervisor("many", {.strategy = strategy::simple_one_for_one,
                                               .children = {child::actor<summing>("one", {{"start", 1}})}})}}};
  ASSERT_TRUE(tree.start());
  const auto own = tree.start_child("/root/many", param_map{{"start", 42}});
  ASSERT_TRUE(own) << to_string(own.code);
  EXPECT_EQ(number(rt, own.handle), 42);
  const auto plain = tree.start_child("/root/many", param_map{});
  ASSERT_TRUE(plain);
  EXPECT_EQ(number(rt, plain.handle), 1);
}

TEST(parameter_values, are_made_of_what_cpp_has_for_them) {
  EXPECT_EQ(std::get<std::int64_t>(param_value{3U}.value), 3);
  EXPECT_EQ(std::get<double>(param_value{0.5}.value), 0.5);
  EXPECT_EQ(std::get<bool>(param_value{true}.value), true);
  EXPECT_EQ(std::get<std::string>(param_value{"text"}.value), "text");
  EXPECT_EQ(std::get<milliseconds>(param_value{2s}.value), 2000ms);
  EXPECT_THROW((param_value{~std::uint64_t{0}}), std::out_of_range);
}

struct coded : std::runtime_error {
  explicit coded(int c) : std::runtime_error("coded"), code(c) {}
  int code;
};

TEST(exception_rules_test, may_look_at_the_value_of_an_exception) {
  exception_rules rules;
  rules.on<coded>([](const coded& x) { return x.code == 1 ? treatment::resume : treatment::stop; })
      .on<std::logic_error>([](const std::logic_error&) -> treatment { throw 1; })
      .on<std::exception>(treatment::escalate);
  EXPECT_EQ(rules.match(std::make_exception_ptr(coded{1})), treatment::resume);
  EXPECT_EQ(rules.match(std::make_exception_ptr(coded{2})), treatment::stop);
  EXPECT_EQ(rules.match(std::make_exception_ptr(std::logic_error{"x"})), treatment::restart);
  EXPECT_EQ(rules.match(std::make_exception_ptr(std::range_error{"x"})), treatment::escalate);
  EXPECT_EQ(rules.match(std::make_exception_ptr(1)), treatment::restart);
}

}  // namespace
}  // namespace steward
