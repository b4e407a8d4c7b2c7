#include "otp_significant.hpp"

// Changing auto_shutdown and significance at run time: 67 to 73 of the list.

namespace {

using namespace steward;
using namespace steward::testing_support;

constexpr auto never = auto_shutdown::never;
constexpr auto any = auto_shutdown::any_significant;
constexpr auto all = auto_shutdown::all_significant;

// Adapted, all of them: the upgrade is a reload; with never no child is significant, so that the flags change with it.

TEST_F(otp_significant, significant_upgrade_never_any) {
  for_both([this](restart_type restart) {
    begin(never, restart);
    finish("s1");
    expect_serving("g", "o", "never");
    upgrade(any, restart, {"s2", "s3"});
    finish("s2");
    expect_over("g", "o", "any");
  });
}

TEST_F(otp_significant, significant_upgrade_any_never) {
  for_both([this](restart_type restart) {
    begin(any, restart);
    upgrade(never, restart, {"s1", "s2", "s3"});
    for (const auto* id : {"s1", "s2", "s3"}) {
      finish(id);
      expect_serving("g", "o", id);
    }
  });
}

TEST_F(otp_significant, significant_upgrade_never_all) {
  for_both([this](restart_type restart) {
    begin(never, restart);
    finish("s1");
    expect_serving("g", "o", "never");
    upgrade(all, restart, {"s2", "s3"});
    finish("s2");
    expect_serving("g", "o", "not the last");
    finish("s3");
    expect_over("g", "o", "all");
  });
}

TEST_F(otp_significant, significant_upgrade_all_never) {
  for_both([this](restart_type restart) {
    begin(all, restart);
    finish("s1");
    expect_serving("g", "o", "all");
    upgrade(never, restart, {"s2", "s3"});
    finish("s2");
    finish("s3");
    expect_serving("g", "o", "never");
  });
}

TEST_F(otp_significant, significant_upgrade_any_all) {
  for_both([this](restart_type restart) {
    begin(any, restart);
    upgrade(all, restart, {"s1", "s2", "s3"});
    finish("s1");
    expect_serving("g", "o", "not the last");
    finish("s2");
    expect_serving("g", "o", "not the last");
    finish("s3");
    expect_over("g", "o", "all");
  });
}

TEST_F(otp_significant, significant_upgrade_all_any) {
  for_both([this](restart_type restart) {
    begin(all, restart);
    finish("s1");
    expect_serving("g", "o", "all");
    upgrade(any, restart, {"s2", "s3"});
    finish("s2");
    expect_over("g", "o", "any");
  });
}

TEST_F(otp_significant, significant_upgrade_child) {
  const auto spec = [](auto_shutdown mode, restart_type restart, bool first, bool second) {
    auto out = with(mode, restart, {"s1", "s2"});
    auto& g = *std::get<std::shared_ptr<supervisor_spec>>(out.children[1].what);
    g.children[1].significant = first;
    g.children[2].significant = second;
    return out;
  };
  for_both([&](restart_type restart) {  // a child becomes significant
    start_ok(spec(any, restart, false, false));
    watch("/root/g/o");
    finish("s1");
    expect_serving("g", "o", "not significant");
    ASSERT_TRUE(reload(spec(any, restart, false, true)).empty());
    EXPECT_EQ(answering("/root/g/s2"), 1U) << "it goes on";
    EXPECT_TRUE(get_childspec("/root/g/s2")->significant);
    finish("s2");
    expect_over("g", "o", "significant");
  });
  for_both([&](restart_type restart) {  // a child is significant no longer
    start_ok(spec(any, restart, true, true));
    watch("/root/g/o");
    ASSERT_TRUE(reload(spec(any, restart, false, true)).empty());
    EXPECT_EQ(answering("/root/g/s1"), 1U) << "it goes on";
    EXPECT_FALSE(get_childspec("/root/g/s1")->significant);
    finish("s1");
    expect_serving("g", "o", "not significant");
    finish("s2");
    expect_over("g", "o", "significant");
  });
  for_both([&](restart_type restart) {  // refused with never; what was, stays
    start_ok(spec(never, restart, false, false));
    const auto faults = reload(spec(never, restart, true, false));
    ASSERT_EQ(faults.size(), 1U);
    EXPECT_EQ(faults[0].path, "/root/g/s1");
    EXPECT_EQ(faults[0].field, "significant");
    EXPECT_FALSE(get_childspec("/root/g/s1")->significant);
    finish("s1");
    expect_serving("g", "o", "never");
  });
  start_ok(spec(any, restart_type::temporary, true, true));
  watch("/root/g/o");
  const auto faults = reload(spec(never, restart_type::temporary, true, true));
  EXPECT_EQ(faults.size(), 2U) << "each of them is told";
  EXPECT_TRUE(get_childspec("/root/g/s1")->significant);
  finish("s1");
  expect_over("g", "o", "the old rule counts");
}

}  // namespace
