#pragma once

#include "otp_probe.hpp"

#include <functional>
#include <string>
#include <vector>

namespace steward::testing_support {

/// OTP's cases about administration, specs and flags (25 to 31).
class otp_admin : public otp_case {
protected:
  std::optional<admin_result> terminate(const std::string& supervisor, const caf::actor& handle) {
    return administer([&](supervision::tree_host& host, auto done) { host.terminate_child(supervisor, handle, done); });
  }
  /// Every request about a child of a supervisor that is not there any more.
  void expect_noproc(const std::string& supervisor, const std::string& child) {
    SCOPED_TRACE(supervisor);
    EXPECT_EQ(code_of(start_child(supervisor, probe("z"))), admin_code::noproc);
    EXPECT_EQ(code_of(start_dynamic(supervisor)), admin_code::noproc);
    for (const auto& path : {supervisor + "/" + child, supervisor + "/nobody"}) {
      EXPECT_EQ(code_of(terminate_child(path)), admin_code::noproc) << path;
      EXPECT_EQ(code_of(restart_child(path)), admin_code::noproc) << path;
      EXPECT_EQ(code_of(delete_child(path)), admin_code::noproc) << path;
    }
    EXPECT_FALSE(which_children(supervisor));
    EXPECT_FALSE(count_children(supervisor));
  }
  struct bad_spec {
    std::string field;
    std::function<void(child_spec&)> spoil;
  };
  /// Each of these is told as a fault of that one field, by `validate`, by start_child and by the start of a tree.
  void expect_refused(const supervisor_spec& parent, const child_spec& good, const std::vector<bad_spec>& all) {
    start_ok(parent);
    const auto before = ids_of();
    for (const auto& bad : all) {
      SCOPED_TRACE(bad.field);
      auto spec = good;
      bad.spoil(spec);
      const auto expect_fault = [&](const std::vector<spec_fault>& faults) {
        ASSERT_EQ(faults.size(), 1U);
        EXPECT_EQ(faults[0].path, "/root/" + spec.id);
        EXPECT_EQ(faults[0].field, bad.field);
        EXPECT_FALSE(faults[0].expected.empty()) << faults[0].message;
      };
      expect_fault(validate(spec, parent, "/root"));
      const auto got = start_child("/root", spec);
      ASSERT_EQ(code_of(got), admin_code::invalid);
      expect_fault(got->faults);
      EXPECT_EQ(ids_of(), before);
      auto whole = parent;
      whole.children.push_back(spec);
      expect_fault(validate(whole));
    }
    EXPECT_EQ(book().alive, static_cast<int>(before.size()));
  }
};

}  // namespace steward::testing_support
