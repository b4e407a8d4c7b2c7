#include "otp_admin.hpp"

#include <functional>
#include <limits>

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

// Adapted: specs are structs, so a field of the wrong type does not compile; what is left are values out of range.
TEST_F(otp_admin, child_specs) {
  const auto far = milliseconds::max() - 1ms;
  expect_refused(
      tree({probe("there")}), probe("a"),
      {
          {"id", [](child_spec& x) { x.id = ""; }},
          {"id", [](child_spec& x) { x.id = "a/b"; }},
          {"id", [](child_spec& x) { x.id = "-a"; }},
          {"id", [](child_spec& x) { x.id = std::string(65, 'a'); }},
          {"restart", [](child_spec& x) { x.restart = static_cast<restart_type>(77); }},
          {"shutdown", [](child_spec& x) { x.shutdown = -1ms; }},
          {"shutdown", [far](child_spec& x) { x.shutdown = far; }},
          {"start_within", [](child_spec& x) { x.start_within = 0ms; }},
          {"start_within", [](child_spec& x) { x.start_within = -5ms; }},
          {"backoff.min", [](child_spec& x) { x.backoff.min = -1ms; }},
          {"backoff.min", [](child_spec& x) { x.backoff.min = 2s, x.backoff.max = 1s; }},
          {"backoff.max", [](child_spec& x) { x.backoff.max = infinity; }},
          {"backoff.healthy", [](child_spec& x) { x.backoff.healthy = -1ms; }},
          {"backoff.factor", [](child_spec& x) { x.backoff.factor = 0.5; }},
          {"backoff.factor", [](child_spec& x) { x.backoff.factor = std::numeric_limits<double>::quiet_NaN(); }},
          {"backoff.jitter", [](child_spec& x) { x.backoff.jitter = 1.5; }},
          {"intensity.within",
           [](child_spec& x) {
             x.intensity = intensity{1, 0ms};
           }},
          {"on_spent", [](child_spec& x) { x.on_spent = spent_policy::park; }},
          {"on_spent", [](child_spec& x) { x.on_spent = static_cast<spent_policy>(9); }},
          {"park_for", [](child_spec& x) { x.park_for = 1s; }},
          {"mailbox.limit", [](child_spec& x) { x.mailbox.limit = 0; }},
          {"mailbox.overflow", [](child_spec& x) { x.mailbox.overflow = static_cast<overflow_policy>(9); }},
          {"on_crash.redeliver", [](child_spec& x) { x.redeliver = 101; }},
          {"hang_after", [](child_spec& x) { x.hang_after = -1ms; }},
          {"on_hang", [](child_spec& x) { x.on_hang = hang_policy::replace; }},
          {"supervisor", [](child_spec& x) { x.what = std::shared_ptr<supervisor_spec>{}; }},
      });
  // Several faults are told at once.
  auto twice = probe("a");
  twice.restart = static_cast<restart_type>(77);
  twice.shutdown = -1ms;
  EXPECT_EQ(start_child("/root", twice)->faults.size(), 2U);
  // What is wrong deep inside is told by its path.
  const auto deep = start_child("/root", sub("sub", tree({sub("deep", tree({probe("")}))})));
  ASSERT_EQ(code_of(deep), admin_code::invalid);
  EXPECT_EQ(deep->faults.at(0).path, "/root/sub/deep/");

  // Duplicates.
  end();
  start(tree({probe("a"), probe("b"), probe("a")}));
  ASSERT_EQ(started_->faults.size(), 1U);
  EXPECT_EQ(started_->faults[0].path, "/root/a");
  EXPECT_EQ(started_->faults[0].field, "id");
  EXPECT_EQ(book().alive, 0);

  // A dynamic supervisor has exactly one template.
  for (const auto& children : {std::vector<child_spec>{}, std::vector<child_spec>{probe("a"), probe("b")}}) {
    end();
    start(tree(children, {}, strategy::simple_one_for_one));
    ASSERT_EQ(started_->faults.size(), 1U) << children.size();
    EXPECT_EQ(started_->faults[0].field, "children");
  }

  // The full cross product of good values.
  const std::vector<std::optional<milliseconds>> stops{std::nullopt, brutal_kill, 1ms, 5s, infinity};
  const std::vector<std::optional<milliseconds>> begins{std::nullopt, 1ms, 5s, infinity};
  for (const auto how :
       {strategy::one_for_one, strategy::one_for_all, strategy::rest_for_one, strategy::simple_one_for_one}) {
    end();
    const bool is_dynamic = how == strategy::simple_one_for_one;
    start_ok(tree({}));
    std::size_t made = 0;
    for (const auto type : {restart_type::permanent, restart_type::transient, restart_type::temporary})
      for (const auto stop_in : stops)
        for (const auto start_in : begins)
          for (const bool nested_one : {false, true}) {
            const auto id = "c" + std::to_string(++made);
            auto spec = nested_one ? sub(id, tree({})) : probe(id);
            spec.restart = type;
            spec.shutdown = stop_in;
            spec.start_within = start_in;
            const auto parent = tree({spec}, {}, how);
            ASSERT_TRUE(validate(parent).empty()) << validate(parent)[0].field;
            ASSERT_EQ(code_of(start_child("/root", sub("s" + std::to_string(made), parent))), admin_code::ok);
            const auto path = "/root/s" + std::to_string(made);
            ASSERT_EQ(counts_of(path), is_dynamic ? (counts{1, 0, 0, 0}) : (counts{1, 1, nested_one, !nested_one}));
            if (is_dynamic) {
              ASSERT_EQ(code_of(start_dynamic(path)), admin_code::ok);
            }
          }
    EXPECT_EQ(made, 3U * 5U * 4U * 2U);
    stop();
    EXPECT_TRUE(ended_);
    EXPECT_EQ(book().alive, 0);
  }
}

TEST_F(otp_admin, child_specs_map) {
  // A struct whose members are left alone is good but for its id, and what it is to run.
  child_spec least;
  least.id = "least";
  least.what = probe("x").what;
  start_ok(tree({}));
  EXPECT_EQ(code_of(start_child("/root", least)), admin_code::ok);
  EXPECT_TRUE(lives("/root/least"));
  child_spec nothing;
  EXPECT_EQ(code_of(start_child("/root", nothing)), admin_code::invalid);
  end();

  // What belongs to other kinds of children is refused, each by its name.
  expect_refused(tree({probe("there")}), sub("a", tree({})),
                 {
                     {"mailbox.limit", [](child_spec& x) { x.mailbox.limit = 5; }},
                     {"mailbox.overflow", [](child_spec& x) { x.mailbox.overflow = overflow_policy::drop_oldest; }},
                     {"on_crash.redeliver", [](child_spec& x) { x.redeliver = 1; }},
                     {"hang_after", [](child_spec& x) { x.hang_after = 1s; }},
                     {"exceptions", [](child_spec& x) { x.exceptions = std::make_shared<const exception_rules>(); }},
                     {"id", [](child_spec& x) { x.id = "not a name"; }},
                     {"restart", [](child_spec& x) { x.restart = static_cast<restart_type>(77); }},
                     {"shutdown", [](child_spec& x) { x.shutdown = -1ms; }},
                     {"start_within", [](child_spec& x) { x.start_within = 0ms; }},
                 });

  // significant x auto_shutdown x restart x strategy.
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (const auto how : {strategy::one_for_one, strategy::one_for_all, strategy::rest_for_one})
    for (const auto mode : {auto_shutdown::never, auto_shutdown::any_significant, auto_shutdown::all_significant}) {
      end();
      auto parent = tree({}, {}, how);
      parent.auto_shutdown = mode;
      start_ok(parent);
      for (const auto type : {restart_type::permanent, restart_type::transient, restart_type::temporary})
        for (const bool significant : {false, true}) {
          SCOPED_TRACE(std::string{to_string(how)} + " " + to_string(mode) + " " + to_string(type) +
                       (significant ? " significant" : ""));
          auto spec = probe("a", type);
          spec.significant = significant;
          const bool good = !significant || (mode != auto_shutdown::never && type != restart_type::permanent);
          const auto got = start_child("/root", spec);
          auto whole = parent;
          whole.children.push_back(spec);
          EXPECT_EQ(validate(whole).empty(), good);
          EXPECT_EQ(code_of(got), good ? admin_code::ok : admin_code::invalid);
          for (const auto& fault : got->faults) EXPECT_EQ(fault.field, "significant");
          if (good) {
            EXPECT_EQ(get_childspec("/root/a")->significant, significant);
            EXPECT_EQ(code_of(terminate_child("/root/a")), admin_code::ok);
            EXPECT_FALSE(ended_) << "termination by the supervisor does not count";
            if (type != restart_type::temporary) {
              EXPECT_EQ(code_of(delete_child("/root/a")), admin_code::ok);
            }
          }
          ++(good ? accepted : refused);
          EXPECT_EQ(ids_of(), paths{});
        }
    }
  EXPECT_EQ(accepted, 3U * (3U + 2U * 5U));
  EXPECT_EQ(refused, 3U * (3U + 2U * 1U));
}

TEST_F(otp_admin, sup_flags) {
  struct bad_flags {
    std::string field;
    std::function<void(supervisor_spec&)> spoil;
  };
  // Adapted: an intensity of infinity, or below 0, does not compile.
  const bad_flags all[] = {
      {"strategy", [](supervisor_spec& x) { x.strategy = static_cast<strategy>(9); }},
      {"intensity.within", [](supervisor_spec& x) { x.intensity.within = 0ms; }},
      {"intensity.within", [](supervisor_spec& x) { x.intensity.within = -1ms; }},
      {"intensity.within", [](supervisor_spec& x) { x.intensity.within = infinity; }},
      {"auto_shutdown", [](supervisor_spec& x) { x.auto_shutdown = static_cast<auto_shutdown>(9); }},
      {"initial", [](supervisor_spec& x) { x.initial = 1; }},
      {"partitions", [](supervisor_spec& x) { x.partitions = 2; }},
  };
  for (const auto& bad : all) {
    SCOPED_TRACE(bad.field);
    auto spec = tree({probe("a")});
    bad.spoil(spec);
    start(spec);
    ASSERT_TRUE(started_);
    ASSERT_EQ(started_->faults.size(), 1U);
    EXPECT_EQ(started_->faults[0].path, "/root");
    EXPECT_EQ(started_->faults[0].field, bad.field);
    EXPECT_EQ(started_->failed_child, "/root");
    EXPECT_NE(started_->why.message.find(bad.field), std::string::npos) << started_->why.message;
    EXPECT_NE(started_->why.message.find("expected"), std::string::npos) << started_->why.message;
    EXPECT_EQ(book().tries, paths{}) << "nothing was started";
    EXPECT_FALSE(ended_);
    end();
    // And the same for a supervisor in a tree, at run time.
    start_ok(tree({}));
    const auto got = start_child("/root", sub("sub", spec));
    ASSERT_EQ(code_of(got), admin_code::invalid);
    ASSERT_EQ(got->faults.size(), 1U);
    EXPECT_EQ(got->faults[0].path, "/root/sub");
    EXPECT_EQ(got->faults[0].field, "supervisor." + bad.field);
    end();
    book() = {};
  }
  // An intensity of 0 is good: the first crash ends it.
  start_ok(tree({probe("a")}, {0, 1ms}));
  crash("/root/a");
  ASSERT_TRUE(ended_);
  EXPECT_EQ(ended_->cls, policy::exit_class::gave_up);
}

}  // namespace
