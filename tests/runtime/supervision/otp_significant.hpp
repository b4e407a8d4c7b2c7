#pragma once

#include "otp_probe.hpp"

namespace steward::testing_support {

/// Supervisors with significant children, below a root that never ends by itself.
class otp_significant : public otp_case {
protected:
  static child_spec significant(std::string id, restart_type restart) {
    auto out = probe(std::move(id), restart);
    out.significant = true;
    return out;
  }
  static supervisor_spec ending_with(auto_shutdown mode, std::vector<child_spec> children,
                                     strategy how = strategy::one_for_one) {
    auto out = tree(std::move(children), plenty, how);
    out.auto_shutdown = mode;
    return out;
  }
  /// Puts another supervisor into the tree; when it ends it is gone.
  void add(const std::string& id, supervisor_spec spec) {
    ASSERT_EQ(code_of(start_child("/root", sub(id, std::move(spec), restart_type::temporary))), admin_code::ok);
  }
  void start_empty() { start_ok(tree({probe("elsewhere")}, plenty)); }
  /// The supervisor has ended, in the way of a shutdown, and what ran in it was stopped.
  void expect_over(const std::string& id, const std::string& bystander, const std::string& when) {
    EXPECT_EQ(status_of("/root/" + id), "not_found") << when;
    EXPECT_EQ(exit_of("/root/" + id + "/" + bystander), "shutdown") << when;
    EXPECT_FALSE(at("/root/" + id + "/" + bystander)) << when;
    EXPECT_EQ(answering("/root/elsewhere"), 1U) << "others are not touched";
    EXPECT_TRUE(events_of(event_kind::escalate).empty()) << "it did not give up";
  }
  void expect_serving(const std::string& id, const std::string& bystander, const std::string& when) {
    EXPECT_EQ(status_of("/root/" + id), "running") << when;
    EXPECT_EQ(answering("/root/" + id + "/" + bystander), 1U) << when;
  }

  // ---- upgrades ----

  /// A supervisor /root/g of `o` and of children that are significant, where the mode has such.
  static supervisor_spec with(auto_shutdown mode, restart_type restart, const paths& ids) {
    auto g = tree({probe("o")}, plenty);
    g.auto_shutdown = mode;
    for (const auto& id : ids) {
      g.children.push_back(probe(id, restart));
      g.children.back().significant = mode != auto_shutdown::never;
    }
    return tree({probe("elsewhere"), sub("g", g, restart_type::temporary)}, plenty);
  }

  void begin(auto_shutdown mode, restart_type restart) {
    start_ok(with(mode, restart, {"s1", "s2", "s3"}));
    watch("/root/g/o");
  }

  /// A reload that must go well, and touch nothing that runs.
  void upgrade(auto_shutdown mode, restart_type restart, const paths& ids) {
    std::vector<std::pair<caf::actor, std::uint64_t>> before;
    for (const auto& id : ids) before.emplace_back(at("/root/g/" + id), answering("/root/g/" + id));
    const auto tried = book().tries.size();
    const auto faults = reload(with(mode, restart, ids));
    ASSERT_TRUE(faults.empty()) << faults[0].path << " " << faults[0].field << ": " << faults[0].message;
    run();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      EXPECT_EQ(at("/root/g/" + ids[i]), before[i].first) << ids[i];
      EXPECT_EQ(answering("/root/g/" + ids[i]), before[i].second) << ids[i];
    }
    EXPECT_EQ(book().tries.size(), tried) << "nothing was started";
    expect_serving("g", "o", "upgrade");
  }

  void finish(const std::string& id) { quit("/root/g/" + id, ending::normal); }
  template <class F>
  void for_both(F&& f) {
    for (const auto restart : {restart_type::temporary, restart_type::transient}) {
      SCOPED_TRACE(to_string(restart));
      f(restart);
      anew();
    }
  }
};

}  // namespace steward::testing_support
