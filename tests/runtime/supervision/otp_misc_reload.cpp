#include "config/loader.hpp"
#include "otp_probe.hpp"

// New specs at run time: 86 to 89 of the list.

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

/// Adapted, all four: code_change is a reload of the specs; the variants with maps read them from YAML.
using otp_misc = otp_case;

std::string told(const std::vector<spec_fault>& faults) {
  std::string out;
  for (const auto& x : faults)
    out += x.path + " " + x.field + ": " + x.message + (x.expected.empty() ? "" : "; expected " + x.expected) + "\n";
  return out;
}

child_spec labelled(child_spec x, const std::string& label) {
  std::get<actor_spec>(x.what).params["label"] = {label};
  return x;
}

config::load_result read(const std::string& tree_text) {
  const auto text = [](std::string name) {
    return param_spec{std::move(name), param_type::text, param_value{std::string{}}, {}, {}, ""};
  };
  config::catalog names;
  names.actors = {{"otp_probe", {text("label"), text("load")}}};
  return config::load_text("scenario: t\ntree:\n" + tree_text, "t.yaml", names);
}

supervisor_spec good(const std::string& tree_text) {
  auto out = read(tree_text);
  if (!out.value) {
    for (const auto& x : out.problems) ADD_FAILURE() << config::render(x);
    return {};
  }
  return out.value->tree;
}

TEST_F(otp_misc, code_change) {
  const auto child1 = labelled(probe("child1"), "one");
  const auto child2 = labelled(probe("child2", restart_type::transient), "two");
  start_ok(tree({child1, child2}, {5, 60s}));
  const auto handle = at("/root/child1");
  const auto expect_old = [&](const std::string& what) {
    EXPECT_EQ(ids_of(), (paths{"child2", "child1"})) << what;
    EXPECT_EQ(get_childspec("/root/child1")->shutdown, 5s) << what;
    EXPECT_EQ(ask<std::string>("/root/child1", show_atom::value), "one") << what;
    EXPECT_EQ(answering("/root/child1"), 1U) << what;
    EXPECT_EQ(answering("/root/child2"), 1U) << what;
  };

  // Bad flags and bad specs are refused, each by its name, and what was stays: the good part of them, too.
  auto changed = labelled(child1, "changed");
  changed.shutdown = 1s;
  const auto refused = [&](const char* field, const supervisor_spec& spec) {
    const auto faults = reload(spec);
    ASSERT_EQ(faults.size(), 1U) << field << "\n" << told(faults);
    EXPECT_EQ(faults[0].field, field) << told(faults);
    expect_old(field);
  };
  refused("intensity.within", tree({changed, child2}, {5, 0s}));
  refused("intensity.within", tree({changed, child2}, {5, infinity}));
  refused("strategy", tree({changed, child2}, {5, 60s}, static_cast<strategy>(77)));
  refused("strategy", tree({changed}, {5, 60s}, strategy::simple_one_for_one));
  auto flags = tree({changed, child2}, {5, 60s});
  flags.auto_shutdown = static_cast<auto_shutdown>(77);
  refused("auto_shutdown", flags);
  refused("id", tree({changed, child2, probe("child2")}, {5, 60s}));
  refused("id", tree({changed, child2, probe("")}, {5, 60s}));
  auto bad = probe("child3");
  bad.restart = static_cast<restart_type>(77);
  refused("restart", tree({changed, child2, bad}, {5, 60s}));
  refused("", tree({changed, sub("child2", tree({}))}, {5, 60s}));
  auto stranger = changed;
  std::get<actor_spec>(stranger.what).params["colour"] = {std::string{"red"}};
  refused("colour", tree({stranger, child2}, {5, 60s}));
  crash("/root/child1");
  EXPECT_EQ(ask<std::string>("/root/child1", show_atom::value), "one") << "not even after a restart";

  // Good ones: rules count at once, the actor itself changes at its next restart.
  ASSERT_EQ(told(reload(tree({changed, child2}, {5, 60s}))), "");
  EXPECT_EQ(get_childspec("/root/child1")->shutdown, 1s);
  EXPECT_EQ(at("/root/child1"), handle);
  EXPECT_EQ(answering("/root/child1"), 2U) << "nothing was restarted";
  EXPECT_EQ(ask<std::string>("/root/child1", show_atom::value), "one");
  crash("/root/child1");
  EXPECT_EQ(ask<std::string>("/root/child1", show_atom::value), "changed");
  EXPECT_EQ(at("/root/child1"), handle);

  // A child that is added is not started; one that is missing is not deleted.
  const auto child3 = labelled(probe("child3"), "three");
  const auto tried = book().tries.size();
  ASSERT_EQ(told(reload(tree({child2, child3}, {5, 60s}))), "");
  EXPECT_EQ(book().tries.size(), tried);
  EXPECT_EQ(ids_of(), (paths{"child3", "child2", "child1"}));
  EXPECT_EQ(status_of("/root/child3"), "undefined");
  EXPECT_EQ(answering("/root/child1"), 3U);
  EXPECT_EQ(counts_of(), (counts{3, 2, 0, 3}));
  EXPECT_EQ(code_of(restart_child("/root/child3")), admin_code::ok);
  EXPECT_EQ(ask<std::string>("/root/child3", show_atom::value), "three");
  crash("/root/child1");
  EXPECT_EQ(answering("/root/child1"), 4U) << "it is supervised as before";
  EXPECT_EQ(code_of(terminate_child("/root/child1")), admin_code::ok);
  EXPECT_EQ(code_of(delete_child("/root/child1")), admin_code::ok);

  // New flags: the strategy, the restart type and the budget count from now on.
  ASSERT_EQ(told(reload(tree({child2, child3}, {5, 30s}, strategy::one_for_all))), "");
  crash("/root/child3");
  EXPECT_EQ(answering("/root/child2"), 2U) << "now they restart together";
  EXPECT_EQ(answering("/root/child3"), 2U);
  auto lasting = child2;
  lasting.restart = restart_type::permanent;
  ASSERT_EQ(told(reload(tree({lasting, child3}, {1, 20s}))), "");
  quit("/root/child2", ending::normal);
  EXPECT_EQ(answering("/root/child2"), 3U) << "it is permanent now";
  EXPECT_FALSE(ended_);
  crash("/root/child3");
  ASSERT_TRUE(ended_) << "one restart is allowed now";
  EXPECT_EQ(ended_->cls, policy::exit_class::gave_up);
}

TEST_F(otp_misc, code_change_map) {
  const std::string head = "  intensity: {restarts: 5, within: 1m}\n";
  const std::string one = "    - {id: child1, actor: otp_probe, with: {label: one}}\n";
  const std::string sub_one =
      "    - id: sub\n      supervisor:\n        children:\n          - {id: x, actor: otp_probe, with: {label: "
      "old}}\n";
  start_ok(good(head + "  children:\n" + one + sub_one));
  EXPECT_EQ(get_childspec("/root/child1")->restart, restart_type::permanent);

  for (const auto& bad : paths{
           "  intensity: {restarts: 5, within: 0s}\n  children:\n" + one,
           "  strategy: sideways\n  children:\n" + one,
           head + "  children:\n    - {id: child1, actor: otp_probe, restart: sometimes}\n",
           head + "  children:\n    - {id: child1, actor: otp_probe, shutdown: -1s}\n",
           head + "  children:\n    - {id: child1, actor: otp_probe, colour: red}\n",
           head + "  children:\n    - {actor: otp_probe, restart: permanent}\n",
           head + "  children:\n    - {id: child1}\n",
           head + "  children:\n" + one + one,
           head + "  children:\n    - {id: child1, actor: otp_probe, restart: transient, significant: true}\n",
       }) {
    EXPECT_FALSE(read(bad).value) << bad << "must not be accepted";
    EXPECT_FALSE(read(bad).problems.empty());
  }
  EXPECT_EQ(ask<std::string>("/root/child1", show_atom::value), "one");

  const std::string changed =
      "    - {id: child1, actor: otp_probe, with: {label: uno}, shutdown: 1s, restart: transient, significant: true}\n";
  const std::string added = "    - {id: child2, actor: otp_probe, with: {label: due}}\n";
  const std::string sub_two =
      "    - id: sub\n      supervisor:\n        strategy: one_for_all\n        children:\n"
      "          - {id: x, actor: otp_probe, with: {label: new}}\n          - {id: y, actor: otp_probe}\n";
  ASSERT_EQ(told(reload(good(head + "  auto_shutdown: any_significant\n  children:\n" + changed + added + sub_two))),
            "");
  const auto spec = get_childspec("/root/child1");
  EXPECT_EQ(spec->restart, restart_type::transient);
  EXPECT_EQ(spec->shutdown, 1s);
  EXPECT_TRUE(spec->significant);
  EXPECT_EQ(answering("/root/child1"), 1U);
  EXPECT_EQ(ask<std::string>("/root/child1", show_atom::value), "one");
  crash("/root/child1");
  EXPECT_EQ(ask<std::string>("/root/child1", show_atom::value), "uno");
  EXPECT_EQ(status_of("/root/child2"), "undefined") << "not started by itself";
  EXPECT_EQ(code_of(restart_child("/root/child2")), admin_code::ok);
  EXPECT_EQ(ask<std::string>("/root/child2", show_atom::value), "due");

  // The same further down.
  EXPECT_EQ(answering("/root/sub/x"), 1U);
  EXPECT_EQ(ask<std::string>("/root/sub/x", show_atom::value), "old");
  EXPECT_EQ(status_of("/root/sub/y"), "undefined");
  EXPECT_EQ(code_of(restart_child("/root/sub/y")), admin_code::ok);
  crash("/root/sub/y");
  advance(1s);
  EXPECT_EQ(answering("/root/sub/x"), 2U) << "one_for_all";
  EXPECT_EQ(ask<std::string>("/root/sub/x", show_atom::value), "new");

  // What is missing stays until its supervisor is restarted: that starts what the specs say.
  ASSERT_EQ(told(reload(good(head + "  auto_shutdown: any_significant\n  children:\n" + changed + sub_one))), "");
  EXPECT_EQ(ids_of("/root/sub"), (paths{"y", "x"}));
  EXPECT_TRUE(lives("/root/sub/y"));
  EXPECT_EQ(ids_of(), (paths{"child2", "sub", "child1"}));
  EXPECT_EQ(code_of(terminate_child("/root/sub")), admin_code::ok);
  EXPECT_EQ(code_of(restart_child("/root/sub")), admin_code::ok);
  EXPECT_EQ(ids_of("/root/sub"), paths{"x"});
  EXPECT_EQ(ask<std::string>("/root/sub/x", show_atom::value), "old");

  // A supervisor that was added starts by the specs as they are when it is started.
  const std::string late =
      "    - id: late\n      supervisor:\n        children:\n          - {id: x, actor: otp_probe, with: {label: ";
  ASSERT_EQ(told(reload(good(head + "  children:\n" + one + sub_one + late + "first}}\n"))), "");
  ASSERT_EQ(told(reload(good(head + "  children:\n" + one + sub_one + late + "second}}\n"))), "");
  EXPECT_EQ(code_of(restart_child("/root/late")), admin_code::ok);
  EXPECT_EQ(ask<std::string>("/root/late/x", show_atom::value), "second");

  // Defaults come back with keys that are left out: child1 is permanent, and significant no longer.
  EXPECT_EQ(get_childspec("/root/child1")->restart, restart_type::permanent);
  EXPECT_EQ(get_childspec("/root/child1")->shutdown, 5s);
  quit("/root/child1", ending::normal);
  advance(1s);
  EXPECT_TRUE(lives("/root/child1"));
  EXPECT_FALSE(ended_);
}

TEST_F(otp_misc, code_change_simple) {
  auto old = dynamic(restart_type::permanent, {5, 60s});
  old.children.front() = labelled(old.children.front(), "old");
  start_ok(old);
  ASSERT_EQ(code_of(start_dynamic("/root")), admin_code::ok);
  ASSERT_EQ(code_of(start_dynamic("/root", {{"label", {std::string{"own"}}}})), admin_code::ok);
  const auto label = [&](const char* path) { return ask<std::string>(path, show_atom::value).value_or("?"); };

  // Exactly one template, and it stays dynamic.
  const auto refused = [&](const char* field, const supervisor_spec& spec) {
    const auto faults = reload(spec);
    ASSERT_EQ(faults.size(), 1U) << field << "\n" << told(faults);
    EXPECT_EQ(faults[0].field, field);
    ASSERT_EQ(code_of(start_dynamic("/root")), admin_code::ok);
    const auto newest = which_children("/root")->front().path;
    EXPECT_EQ(label(newest.c_str()), "old") << field;
    EXPECT_EQ(code_of(terminate_child(newest)), admin_code::ok);
  };
  refused("children", tree({}, {5, 60s}, strategy::simple_one_for_one));
  refused("children", tree({probe("d"), probe("e")}, {5, 60s}, strategy::simple_one_for_one));
  refused("strategy", tree({probe("d")}, {5, 60s}, strategy::one_for_one));
  refused("intensity.within", tree({probe("d")}, {5, 0s}, strategy::simple_one_for_one));
  auto odd = tree({probe("d", restart_type::transient)}, {5, 60s}, strategy::simple_one_for_one);
  odd.children.front().significant = true;
  refused("significant", odd);
  refused("", tree({sub("d", tree({}))}, {5, 60s}, strategy::simple_one_for_one));
  EXPECT_EQ(counts_of(), (counts{1, 2, 0, 2}));

  // A new template: for new children at once, for others at their next restart; what a child was given stays its own.
  auto next = labelled(probe("d", restart_type::transient), "new");
  next.shutdown = 1s;
  std::get<actor_spec>(next.what).params["load"] = {std::string(7, 'x')};
  ASSERT_EQ(told(reload(tree({next}, {5, 60s}, strategy::simple_one_for_one))), "");
  EXPECT_EQ(label("/root/d-1"), "old");
  EXPECT_EQ(answering("/root/d-1"), 1U);
  EXPECT_EQ(get_childspec("/root/d-1")->shutdown, 1s);
  EXPECT_EQ(get_childspec("/root/d-2")->shutdown, 1s);
  ASSERT_EQ(code_of(start_dynamic("/root")), admin_code::ok);
  const auto made = which_children("/root")->front().path;
  EXPECT_EQ(label(made.c_str()), "new");
  crash("/root/d-1");
  EXPECT_EQ(label("/root/d-1"), "new");
  crash("/root/d-2");
  EXPECT_EQ(label("/root/d-2"), "own");
  EXPECT_EQ(ask<std::int64_t>("/root/d-2", size_atom::value), 7);
  quit("/root/d-1", ending::normal);
  EXPECT_EQ(status_of("/root/d-1"), "not_found") << "they are transient now";
  ASSERT_EQ(told(reload(tree({next}, {0, 60s}, strategy::simple_one_for_one))), "");
  crash("/root/d-2");
  ASSERT_TRUE(ended_) << "no restart is allowed now";
  EXPECT_EQ(ended_->cls, policy::exit_class::gave_up);
}

TEST_F(otp_misc, code_change_simple_of_supervisors) {
  const auto crowd_of = [](const char* label, strategy how) {
    auto out = tree({sub("d", tree({labelled(probe("x"), label), probe("y")}, plenty, how))}, {5, 60s},
                    strategy::simple_one_for_one);
    out.initial = 2;
    return out;
  };
  start_ok(crowd_of("old", strategy::one_for_one));
  ASSERT_EQ(told(reload(crowd_of("new", strategy::one_for_all))), "");
  for (const std::string path : {"/root/d-1", "/root/d-2"}) {
    EXPECT_EQ(answering(path + "/x"), 1U);
    crash(path + "/y");
    EXPECT_EQ(answering(path + "/x"), 2U) << "together, as the new template says";
    EXPECT_EQ(ask<std::string>(path + "/x", show_atom::value), "new");
  }
  const auto faults = reload(tree({sub("d", dynamic())}, {5, 60s}, strategy::simple_one_for_one));
  EXPECT_EQ(faults.size(), 2U) << "those that run cannot become dynamic\n" << told(faults);
}

TEST_F(otp_misc, code_change_simple_partitioned) {
  const auto crowd_of = [](const char* label, unsigned restarts) {
    auto out = dynamic(restart_type::permanent, {restarts, 60s});
    out.children.front() = labelled(out.children.front(), label);
    out.partitions = 2;
    out.initial = 3;
    return tree({sub("crowd", out)}, plenty);
  };
  start_ok(crowd_of("old", 9));
  EXPECT_EQ(counts_of("/root/crowd"), (counts{2, 2, 2, 0}));
  EXPECT_EQ(counts_of("/root/crowd/p0"), (counts{1, 2, 0, 2}));
  EXPECT_EQ(counts_of("/root/crowd/p1"), (counts{1, 1, 0, 1}));
  auto other = crowd_of("new", 1);
  std::get<std::shared_ptr<supervisor_spec>>(other.children.front().what)->partitions = 3;
  EXPECT_EQ(reload(other).size(), 1U) << "their number is fixed";
  ASSERT_EQ(told(reload(crowd_of("new", 1))), "");
  crash("/root/crowd/p0/d-1");
  EXPECT_EQ(ask<std::string>("/root/crowd/p0/d-1", show_atom::value), "new");
  crash("/root/crowd/p0/d-1");  // one too many for the partition, which is restarted
  EXPECT_EQ(incarnation_of("/root/crowd/p0"), 2U);
  EXPECT_EQ(counts_of("/root/crowd/p0"), (counts{1, 2, 0, 2})) << "with its share";
  EXPECT_EQ(incarnation_of("/root/crowd"), 1U);
  crash("/root/crowd/p1/d-1");
  crash("/root/crowd/p1/d-1");  // and one too many for the partitions together
  EXPECT_EQ(incarnation_of("/root/crowd"), 2U);
  EXPECT_EQ(counts_of("/root/crowd/p0"), (counts{1, 2, 0, 2}));
  EXPECT_EQ(counts_of("/root/crowd/p1"), (counts{1, 1, 0, 1}));
}

TEST_F(otp_misc, code_change_simple_map) {
  const auto with = [](const std::string& children, const std::string& strategy = "simple_one_for_one") {
    return "  strategy: " + strategy + "\n  children:\n" + children;
  };
  const std::string d = "    - {id: d, actor: otp_probe, with: {label: old}}\n";
  start_ok(good(with(d)));
  ASSERT_EQ(code_of(start_dynamic("/root")), admin_code::ok);
  EXPECT_FALSE(read("  strategy: simple_one_for_one\n").value) << "no template";
  EXPECT_FALSE(read(with(d + "    - {id: e, actor: otp_probe}\n")).value) << "two templates";
  EXPECT_FALSE(read(with("    - {id: d, actor: otp_probe, restart: transient, significant: true}\n")).value);
  EXPECT_EQ(reload(good(with(d, "one_for_one"))).size(), 1U) << "it stays dynamic";
  ASSERT_EQ(told(reload(good(with("    - {id: d, actor: otp_probe, with: {label: new}, shutdown: 2s,}\n")))), "");
  EXPECT_EQ(ask<std::string>("/root/d-1", show_atom::value), "old");
  EXPECT_EQ(get_childspec("/root/d-1")->shutdown, 2s);
  crash("/root/d-1");
  EXPECT_EQ(ask<std::string>("/root/d-1", show_atom::value), "new");
  ASSERT_EQ(code_of(start_dynamic("/root")), admin_code::ok);
  EXPECT_EQ(ask<std::string>("/root/d-2", show_atom::value), "new");
  EXPECT_EQ(counts_of(), (counts{1, 2, 0, 2}));
}

}  // namespace
