#include "otp_significant.hpp"

// Significant children and auto_shutdown: 60 to 66 of the list.

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

constexpr auto never = auto_shutdown::never;
constexpr auto any = auto_shutdown::any_significant;
constexpr auto all = auto_shutdown::all_significant;
constexpr auto endings = {ending::normal, ending::shutdown, ending::detached,
                          ending::error,  ending::killed,   ending::crash};
constexpr auto orderly = {ending::normal, ending::shutdown, ending::detached};
constexpr auto abnormal = {ending::error, ending::killed, ending::crash};

TEST_F(otp_significant, nonsignificant_temporary) {
  start_empty();
  for (const auto mode : {never, any, all})
    for (const bool beside_significant : {false, true}) {
      if (mode == never && beside_significant) continue;
      for (const auto how : endings) {
        const auto when = std::string{to_string(mode)} + " " + to_string(how);
        std::vector<child_spec> children{probe("c", restart_type::temporary), probe("o")};
        if (beside_significant) children.push_back(significant("s", restart_type::temporary));
        add("g", ending_with(mode, std::move(children)));
        quit("/root/g/c", how);
        EXPECT_EQ(status_of("/root/g/c"), "not_found") << when;
        expect_serving("g", "o", when);
        EXPECT_EQ(code_of(start_child("/root/g", probe("c", restart_type::temporary))), admin_code::ok);
        kill("/root/g/c");
        expect_serving("g", "o", when + ", killed from outside");
        EXPECT_EQ(code_of(start_child("/root/g", probe("c", restart_type::temporary))), admin_code::ok);
        EXPECT_EQ(code_of(terminate_child("/root/g/c")), admin_code::ok);
        expect_serving("g", "o", when + ", terminated");
        EXPECT_EQ(code_of(terminate_child("/root/g")), admin_code::ok);
      }
    }
}

TEST_F(otp_significant, nonsignificant_transient) {
  start_empty();
  for (const auto mode : {never, any, all}) {
    add("g", ending_with(mode, {probe("c", restart_type::transient), probe("o")}));
    std::uint64_t incarnation = 1;
    for (const auto how : abnormal) {
      quit("/root/g/c", how);
      EXPECT_EQ(answering("/root/g/c"), ++incarnation) << to_string(mode) << " " << to_string(how);
      expect_serving("g", "o", to_string(how));
    }
    for (const auto how : orderly) {
      quit("/root/g/c", how);
      EXPECT_EQ(status_of("/root/g/c"), "undefined") << to_string(mode) << " " << to_string(how);
      expect_serving("g", "o", to_string(how));
      EXPECT_EQ(code_of(restart_child("/root/g/c")), admin_code::ok);
    }
    EXPECT_EQ(code_of(terminate_child("/root/g/c")), admin_code::ok);
    expect_serving("g", "o", "terminated");
    EXPECT_EQ(code_of(terminate_child("/root/g")), admin_code::ok);
  }
}

TEST_F(otp_significant, significant_temporary) {
  start_empty();
  const auto s = [](const char* id) { return significant(id, restart_type::temporary); };
  for (const auto how : endings) {  // any: the first one ends it, however it ends
    add("g", ending_with(any, {probe("o"), s("s1"), s("s2")}));
    watch(paths{"/root/g/o", "/root/g/s2"});
    quit("/root/g/s1", how);
    expect_over("g", "o", to_string(how));
    EXPECT_EQ(exit_of("/root/g/s2"), "shutdown");
  }
  for (const auto how : endings) {  // all: the last one
    add("g", ending_with(all, {probe("o"), s("s1"), s("s2"), s("s3")}));
    watch("/root/g/o");
    quit("/root/g/s2", how);
    expect_serving("g", "o", to_string(how));
    quit("/root/g/s1", ending::normal);
    expect_serving("g", "o", to_string(how));
    quit("/root/g/s3", how);
    expect_over("g", "o", to_string(how));
  }
  // Terminated ones never trigger, not even the last; but they do not count as alive either.
  add("g", ending_with(any, {probe("o"), s("s1"), s("s2")}));
  EXPECT_EQ(code_of(terminate_child("/root/g/s1")), admin_code::ok);
  expect_serving("g", "o", "any, terminated");
  EXPECT_EQ(code_of(terminate_child("/root/g/s2")), admin_code::ok);
  expect_serving("g", "o", "any, all terminated");
  EXPECT_EQ(code_of(start_child("/root/g", s("s3"))), admin_code::ok);
  watch("/root/g/o");
  quit("/root/g/s3", ending::normal);
  expect_over("g", "o", "any, added at run time");

  add("g", ending_with(all, {probe("o"), s("s1"), s("s2"), s("s3")}));
  quit("/root/g/s1", ending::normal);
  EXPECT_EQ(code_of(terminate_child("/root/g/s2")), admin_code::ok);
  EXPECT_EQ(code_of(terminate_child("/root/g/s3")), admin_code::ok);
  expect_serving("g", "o", "all, the last was terminated");
  EXPECT_EQ(code_of(start_child("/root/g", s("s4"))), admin_code::ok);
  EXPECT_EQ(code_of(start_child("/root/g", s("s5"))), admin_code::ok);
  EXPECT_EQ(code_of(terminate_child("/root/g/s4")), admin_code::ok);
  watch("/root/g/o");
  quit("/root/g/s5", ending::crash);
  expect_over("g", "o", "all, the others were terminated");
  EXPECT_FALSE(ended_);
}

TEST_F(otp_significant, significant_transient) {
  start_empty();
  const auto s = [](const char* id) { return significant(id, restart_type::transient); };
  for (const auto last : orderly) {
    add("g", ending_with(any, {probe("o"), s("s1"), s("s2")}));
    watch("/root/g/o");
    std::uint64_t incarnation = 1;
    for (const auto how : abnormal) {
      quit("/root/g/s1", how);
      EXPECT_EQ(answering("/root/g/s1"), ++incarnation) << to_string(how);
      expect_serving("g", "o", to_string(how));
    }
    quit("/root/g/s1", last);
    expect_over("g", "o", to_string(last));
  }
  for (const auto last : orderly) {
    add("g", ending_with(all, {probe("o"), s("s1"), s("s2")}));
    watch("/root/g/o");
    quit("/root/g/s1", last);
    EXPECT_EQ(status_of("/root/g/s1"), "undefined");
    for (const auto how : abnormal) quit("/root/g/s2", how);
    EXPECT_EQ(answering("/root/g/s2"), 4U);
    expect_serving("g", "o", to_string(last));
    EXPECT_EQ(code_of(restart_child("/root/g/s1")), admin_code::ok) << "and it counts as alive again";
    quit("/root/g/s2", last);
    expect_serving("g", "o", to_string(last));
    quit("/root/g/s1", last);
    expect_over("g", "o", to_string(last));
  }
  for (const auto mode : {any, all}) {
    add("g", ending_with(mode, {probe("o"), s("s1"), s("s2")}));
    for (const auto* path : {"/root/g/s1", "/root/g/s2"})
      EXPECT_EQ(code_of(terminate_child(path)), admin_code::ok) << to_string(mode);
    expect_serving("g", "o", "terminated");
    EXPECT_EQ(code_of(restart_child("/root/g/s1")), admin_code::ok);
    watch("/root/g/o");
    quit("/root/g/s1", ending::normal);
    expect_over("g", "o", to_string(mode));
  }
}

TEST_F(otp_significant, significant_simple) {
  for (const auto mode : {any, all}) {
    auto spec = dynamic(restart_type::temporary);
    spec.auto_shutdown = mode;
    const auto faults = validate(spec);
    ASSERT_EQ(faults.size(), 1U) << to_string(mode);
    EXPECT_EQ(faults[0].path, "/root");
    EXPECT_EQ(faults[0].field, "auto_shutdown");
    EXPECT_NE(faults[0].message.find(to_string(mode)), std::string::npos) << faults[0].message;
  }
  auto odd = dynamic(restart_type::temporary);
  odd.children.front().significant = true;
  ASSERT_EQ(validate(odd).size(), 1U);
  EXPECT_EQ(validate(odd)[0].field, "significant");

  start_empty();
  for (const auto mode : {any, all}) {
    auto spec = dynamic(restart_type::temporary);
    spec.auto_shutdown = mode;
    const auto refused = start_child("/root", sub("dyn", spec));
    EXPECT_EQ(code_of(refused), admin_code::invalid);
    EXPECT_EQ(status_of("/root/dyn"), "not_found");
  }
  EXPECT_EQ(code_of(start_child("/root", sub("dyn", odd))), admin_code::invalid);
  EXPECT_EQ(code_of(start_child("/root", sub("dyn", dynamic(restart_type::temporary)))), admin_code::ok)
      << "with never it is fine";
  EXPECT_EQ(code_of(start_dynamic("/root/dyn")), admin_code::ok);
  quit("/root/dyn/d-1", ending::normal);
  EXPECT_EQ(status_of("/root/dyn"), "running");
}

TEST_F(otp_significant, significant_bystander) {
  start_empty();
  for (const auto how : {strategy::one_for_all, strategy::rest_for_one})
    for (const auto mode : {any, all})
      for (const auto restart : {restart_type::temporary, restart_type::transient}) {
        const auto when = std::string{to_string(how)} + " " + to_string(mode) + " " + to_string(restart);
        add("g", ending_with(mode, {probe("first"), significant("s1", restart), significant("s2", restart)}, how));
        watch(paths{"/root/g/s1", "/root/g/s2"});
        crash("/root/g/first");
        EXPECT_EQ(status_of("/root/g"), "running") << when;
        EXPECT_EQ(incarnation_of("/root/g"), 1U) << when;
        EXPECT_EQ(answering("/root/g/first"), 2U) << when;
        if (restart == restart_type::temporary) {  // stopped for good
          EXPECT_EQ(status_of("/root/g/s1"), "not_found") << when;
          EXPECT_EQ(status_of("/root/g/s2"), "not_found") << when;
          EXPECT_EQ(exit_of("/root/g/s1"), "shutdown") << when;
          EXPECT_EQ(code_of(start_child("/root/g", significant("s1", restart))), admin_code::ok);
          EXPECT_EQ(code_of(start_child("/root/g", significant("s2", restart))), admin_code::ok);
        } else {
          EXPECT_EQ(answering("/root/g/s1"), 2U) << when;
          EXPECT_EQ(answering("/root/g/s2"), 2U) << when;
        }
        // Their own ends count as before.
        quit("/root/g/s1", ending::normal);
        if (mode == all) {
          EXPECT_EQ(status_of("/root/g"), "running") << when;
          quit("/root/g/s2", ending::normal);
        }
        EXPECT_EQ(status_of("/root/g"), "not_found") << when;
      }
}

TEST_F(otp_significant, significant_escalation) {
  // `which` of the three levels is significant; the innermost child ends by itself.
  const auto levels = [](bool inner, bool middle, restart_type restart = restart_type::transient) {
    auto in = sub("in", ending_with(any, {probe("o"), significant("s", restart_type::transient)}), restart);
    in.significant = inner;
    auto mid = sub("mid", ending_with(any, {probe("o"), in}), restart_type::transient);
    mid.significant = middle;
    return mid;
  };
  start_empty();
  const auto add_root = [&](const child_spec& mid) { add("g", ending_with(any, {probe("o"), mid})); };

  add_root(levels(true, true));
  watch(paths{"/root/g/o", "/root/g/mid/o", "/root/g/mid/in/o"});
  quit("/root/g/mid/in/s", ending::normal);
  expect_over("g", "o", "all of them are significant");
  EXPECT_EQ(exit_of("/root/g/mid/o"), "shutdown");
  EXPECT_EQ(exit_of("/root/g/mid/in/o"), "shutdown");
  EXPECT_EQ(exit_order_, (paths{"/root/g/mid/in/o", "/root/g/mid/o", "/root/g/o"})) << "from the inside outwards";

  add_root(levels(true, false));
  quit("/root/g/mid/in/s", ending::normal);
  EXPECT_EQ(status_of("/root/g/mid"), "undefined") << "the outermost that it ended; its spec is kept";
  expect_serving("g", "o", "the middle is not significant");
  EXPECT_EQ(code_of(terminate_child("/root/g")), admin_code::ok);

  add_root(levels(false, true));
  quit("/root/g/mid/in/s", ending::normal);
  EXPECT_EQ(status_of("/root/g/mid/in"), "undefined");
  EXPECT_EQ(status_of("/root/g/mid"), "running");
  EXPECT_EQ(answering("/root/g/mid/o"), 1U);
  expect_serving("g", "o", "the inner one is not significant");
  EXPECT_EQ(code_of(terminate_child("/root/g")), admin_code::ok);

  add_root(levels(false, true, restart_type::permanent));
  quit("/root/g/mid/in/s", ending::normal);
  EXPECT_EQ(incarnation_of("/root/g/mid/in"), 2U) << "a permanent supervisor comes back after its auto_shutdown";
  EXPECT_TRUE(lives("/root/g/mid/in/s"));
  EXPECT_EQ(answering("/root/g/mid/o"), 1U);
  EXPECT_EQ(code_of(terminate_child("/root/g")), admin_code::ok);

  // One that gives up has failed: it is restarted, and does not trigger.
  auto weak = tree({probe("c")}, {0, 5s});
  auto in = sub("in", weak, restart_type::transient);
  in.significant = true;
  add("g", ending_with(any, {probe("o"), in}));
  crash("/root/g/in/c");
  EXPECT_EQ(incarnation_of("/root/g/in"), 2U);
  expect_serving("g", "o", "it gave up");
  EXPECT_EQ(code_of(terminate_child("/root/g")), admin_code::ok);

  // And the root ends as what it is: shut down.
  EXPECT_FALSE(ended_);
}

TEST_F(otp_significant, significant_escalation_ends_the_root) {
  auto in = sub("in", ending_with(all, {significant("s", restart_type::temporary)}), restart_type::temporary);
  in.significant = true;
  start_ok(ending_with(any, {probe("o"), in}));
  watch("/root/o");
  quit("/root/in/s", ending::crash);
  ASSERT_TRUE(ended_);
  EXPECT_EQ(ended_->cls, policy::exit_class::shutdown);
  EXPECT_EQ(exit_of("/root/o"), "shutdown");
  EXPECT_TRUE(events_of(event_kind::give_up).empty());
  EXPECT_EQ(book().alive, 0);
}

}  // namespace
