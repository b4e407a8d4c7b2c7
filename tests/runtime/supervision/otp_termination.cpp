#include "observe/console.hpp"
#include "otp_probe.hpp"

#include <caf/exit_reason.hpp>

// How children end, by restart type: 47 to 57 of the list.

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

constexpr auto normal_endings = {ending::normal};
constexpr auto shutdown_endings = {ending::shutdown, ending::detached};
constexpr auto abnormal_endings = {ending::error, ending::killed, ending::crash};

class otp_termination : public otp_case {
protected:
  static constexpr const char* child1 = "/root/child1";

  void start_one(restart_type restart) { start_ok(tree({probe("child1", restart), probe("sibling")}, plenty)); }

  /// It is there again, under its handle, and its sibling never noticed.
  void expect_restarted_by(std::initializer_list<ending> endings) {
    const auto handle = at(child1);
    std::uint64_t incarnation = 1;
    watch(child1);
    for (const auto how : endings) {
      quit(child1, how);
      EXPECT_TRUE(lives(child1)) << to_string(how);
      EXPECT_EQ(answering(child1), ++incarnation) << to_string(how);
      EXPECT_EQ(at(child1), handle) << to_string(how);
      EXPECT_EQ(counts_of(), (counts{2, 2, 0, 2})) << to_string(how);
    }
    kill_from_outside_if(is_abnormal_set(endings), incarnation);
    EXPECT_EQ(exit_of(child1), "alive") << "monitors see no end, since the handle goes on";
    expect_sibling_untouched();
  }

  /// It is down, and its spec is kept: it can be started by hand, by each of these ends anew.
  void expect_kept_down_by(std::initializer_list<ending> endings) {
    std::uint64_t incarnation = 1;
    for (const auto how : endings) {
      watch(child1);
      quit(child1, how);
      EXPECT_EQ(exit_of(child1), how == ending::normal ? "normal" : "shutdown");
      EXPECT_EQ(status_of(child1), "undefined") << to_string(how);
      EXPECT_FALSE(at(child1)) << "no handle";
      EXPECT_EQ(counts_of(), (counts{2, 1, 0, 2})) << to_string(how);
      EXPECT_EQ(ids_of(), (paths{"sibling", "child1"}));
      EXPECT_TRUE(get_childspec(child1));
      EXPECT_TRUE(events_of(event_kind::crash).empty()) << "no report of an error";
      EXPECT_EQ(code_of(restart_child(child1)), admin_code::ok) << to_string(how);
      EXPECT_EQ(answering(child1), ++incarnation);
      EXPECT_EQ(counts_of(), (counts{2, 2, 0, 2})) << to_string(how);
    }
    expect_sibling_untouched();
  }

  /// It is gone, and so is its spec.
  void expect_gone_by(std::initializer_list<ending> endings) {
    for (const auto how : endings) {
      quit(child1, how);
      expect_gone(to_string(how));
      EXPECT_EQ(code_of(start_child("/root", probe("child1", restart_type::temporary))), admin_code::ok)
          << "the id is free again";
    }
    if (is_abnormal_set(endings)) {
      kill(child1);
      expect_gone("killed from outside");
    } else {
      EXPECT_TRUE(events_of(event_kind::crash).empty()) << "no report of an error";
    }
    expect_sibling_untouched();
  }

private:
  static bool is_abnormal_set(std::initializer_list<ending> endings) { return *endings.begin() >= ending::error; }

  void kill_from_outside_if(bool wanted, std::uint64_t incarnation) {
    if (!wanted) return;
    kill(child1);
    EXPECT_EQ(answering(child1), incarnation + 1) << "killed from outside";
  }

  void expect_gone(const std::string& how) {
    EXPECT_EQ(status_of(child1), "not_found") << how;
    EXPECT_FALSE(at(child1)) << how;
    EXPECT_FALSE(get_childspec(child1)) << how;
    EXPECT_EQ(counts_of(), (counts{1, 1, 0, 1})) << how;
    EXPECT_EQ(ids_of(), (paths{"sibling"})) << how;
    EXPECT_EQ(code_of(restart_child(child1)), admin_code::not_found) << how;
  }

  void expect_sibling_untouched() {
    EXPECT_EQ(answering("/root/sibling"), 1U);
    EXPECT_FALSE(ended_);
  }
};

// Adapted: progress is the events start, ready, restart and recover; they are of level info, which people see only when
// they ask for it.
TEST_F(otp_termination, external_start_no_progress_log) {
  const auto progress = [this] {
    paths out;
    for (const auto& e : events_)
      if (e.kind == event_kind::start || e.kind == event_kind::ready || e.kind == event_kind::restart ||
          e.kind == event_kind::recover) {
        EXPECT_EQ(e.level, event_level::info);
        out.push_back(std::string{to_string(e.kind)} + " " + e.actor);
      }
    events_.clear();
    return out;
  };
  start_ok(tree({probe("child1")}));
  std::string shown;
  console_view console{{}, [&](std::string_view text) { shown += text; }};
  for (const auto& e : events_) console.show(e);
  console.finish();
  EXPECT_EQ(shown, "") << "progress is not shown unless asked for";
  EXPECT_EQ(progress(), (paths{"start /root/child1", "ready /root/child1"}));

  const auto outside = system_->spawn(
      [](caf::event_based_actor*) -> caf::behavior { return {[](caf::get_atom) { return std::uint64_t{7}; }}; });
  run();
  caf::anon_send_exit(outside, caf::exit_reason::user_shutdown);
  run();
  EXPECT_EQ(progress(), paths{}) << "what the supervisor did not start makes no progress";
  crash(child1);
  EXPECT_EQ(progress(), (paths{"restart /root/child1", "recover /root/child1"}));
  terminate_child(child1);
  EXPECT_EQ(progress(), paths{});
  restart_child(child1);
  EXPECT_EQ(progress(), (paths{"restart /root/child1", "ready /root/child1"}));
  book().next[child1] = {start_as::throws};
  crash(child1);
  EXPECT_EQ(progress(), (paths{"restart /root/child1", "restart /root/child1", "recover /root/child1"}))
      << "a start that fails is begun, but never ready";
}

TEST_F(otp_termination, permanent_normal) {
  start_one(restart_type::permanent);
  expect_restarted_by(normal_endings);
}

TEST_F(otp_termination, transient_normal) {
  start_one(restart_type::transient);
  expect_kept_down_by(normal_endings);
}

TEST_F(otp_termination, temporary_normal) {
  start_one(restart_type::temporary);
  expect_gone_by(normal_endings);
}

TEST_F(otp_termination, permanent_shutdown) {
  start_one(restart_type::permanent);
  expect_restarted_by(shutdown_endings);
}

TEST_F(otp_termination, transient_shutdown) {
  start_one(restart_type::transient);
  expect_kept_down_by(shutdown_endings);
}

TEST_F(otp_termination, temporary_shutdown) {
  start_one(restart_type::temporary);
  expect_gone_by(shutdown_endings);
}

// Adapted: C++ exceptions carry no call stack; the path of supervisors down to the child stands for it, and the type
// and text of the exception.
TEST_F(otp_termination, faulty_application_shutdown) {
  book().always["/root/app/deep/child2"] = start_as::throws_in_init;
  start(tree({probe("before"), sub("app", tree({sub("deep", tree({probe("child1"), probe("child2")}))}))}));
  ASSERT_TRUE(started_);
  EXPECT_EQ(started_->failed_child, "/root/app/deep/child2");
  EXPECT_TRUE(started_->faults.empty()) << "nothing was wrong with the spec";
  EXPECT_EQ(started_->why.cls, cause_class::start);
  EXPECT_EQ(started_->why.exception, "std::logic_error");
  const auto said = describe(started_->why);
  const auto outer = said.find("/root/app/deep failed to start");
  const auto inner = said.find("/root/app/deep/child2 failed to start");
  const auto text = said.find("std::logic_error: no init today");
  ASSERT_NE(outer, std::string::npos) << said;
  ASSERT_NE(inner, std::string::npos) << said;
  ASSERT_NE(text, std::string::npos) << said;
  EXPECT_LT(outer, inner);
  EXPECT_LT(inner, text);
  EXPECT_EQ(said.find("std::logic_error", text + 1), std::string::npos) << "told once: " << said;
  EXPECT_EQ(book().alive, 0) << "what was started is rolled back";
  EXPECT_EQ(book().ends, (paths{"/root/app/deep/child2", "/root/app/deep/child1", "/root/before"}));
  const auto crashes = events_of(event_kind::crash);
  ASSERT_FALSE(crashes.empty());
  EXPECT_EQ(crashes.front().actor, "/root/app/deep/child2") << "the report begins where it began";
  EXPECT_EQ(crashes.front().level, event_level::error);
  EXPECT_EQ(crashes.front().why->exception, "std::logic_error");
  EXPECT_FALSE(ended_);
}

TEST_F(otp_termination, permanent_abnormal) {
  start_one(restart_type::permanent);
  expect_restarted_by(abnormal_endings);
  EXPECT_EQ(events_of(event_kind::crash).size(), 4U);
}

TEST_F(otp_termination, transient_abnormal) {
  start_one(restart_type::transient);
  expect_restarted_by(abnormal_endings);
  EXPECT_EQ(events_of(event_kind::crash).size(), 4U);
}

TEST_F(otp_termination, temporary_abnormal) {
  start_one(restart_type::temporary);
  expect_gone_by(abnormal_endings);
  EXPECT_EQ(events_of(event_kind::crash).size(), 4U);
}

}  // namespace
