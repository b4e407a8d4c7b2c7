#include "otp_probe.hpp"

#include <array>

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

constexpr std::array all_types{restart_type::permanent, restart_type::transient, restart_type::temporary};
/// Normal, shutdown, {shutdown, _} and abnormal, as in OTP.
constexpr std::array all_endings{ending::normal, ending::shutdown, ending::detached, ending::error, ending::crash};

/// OTP's cases about stops (16 to 24).
class otp_stop : public otp_case {
protected:
  static child_spec with_shutdown(child_spec spec, milliseconds limit) {
    spec.shutdown = limit;
    return spec;
  }
  /// Ends a child by itself while its supervisor, or it alone, is being stopped: its handler is at work when the
  /// request comes, and ends it then.
  void end_during(const std::string& path, ending how, std::function<void()> request) {
    book().before_end[path] = std::move(request);
    quit(path, how);
  }
  void request_stop() {
    on_host([](supervision::tree_host& host) { host.stop_tree(); });
  }
  void expect_stopped() {
    ASSERT_TRUE(ended_) << "the stop is complete";
    EXPECT_EQ(ended_->cls, policy::exit_class::shutdown);
  }
  /// What monitors see of an actor that ended so by itself.
  static std::string seen(ending how) {
    switch (how) {
      case ending::normal:
        return "normal";
      case ending::shutdown:
      case ending::detached:
        return "shutdown";
      case ending::error:
      case ending::killed:
      case ending::crash:
        break;
    }
    return "crashed";
  }
  /// The reports about the end of a child: kind and text.
  std::vector<std::string> reports_of(const std::string& path) const {
    std::vector<std::string> out;
    for (const auto& e : events_)
      if (e.actor == path && (e.kind == event_kind::crash || e.kind == event_kind::stop))
        out.push_back(std::string{to_string(e.kind)} + (e.kind == event_kind::stop ? ": " + e.text : ""));
    return out;
  }
  static std::string report_for(ending how) {
    if (how == ending::normal) return "stop: finished";
    return how == ending::shutdown || how == ending::detached ? "stop: shut down" : "crash";
  }
  std::vector<std::string> warnings() const {
    std::vector<std::string> out;
    for (const auto& e : events_of(event_kind::warn)) out.push_back(e.actor + ": " + e.text);
    return out;
  }
};

TEST_F(otp_stop, sup_stop_infinity) {
  start_ok(tree({with_shutdown(probe("a"), infinity),
                 with_shutdown(sub("sub", tree({with_shutdown(probe("x"), infinity), probe("y")})), infinity),
                 with_shutdown(probe("b"), infinity)}));
  watch({"/root/a", "/root/sub/x", "/root/sub/y", "/root/b"});
  hold_back("/root/sub/x");
  stop();
  EXPECT_EQ(exit_order_, (paths{"/root/b", "/root/sub/y"}));
  advance(24h * 365);
  EXPECT_FALSE(ended_) << "infinity is not over yet";
  EXPECT_EQ(warnings(), std::vector<std::string>{});
  let_go("/root/sub/x");
  expect_stopped();
  EXPECT_EQ(exit_order_, (paths{"/root/b", "/root/sub/y", "/root/sub/x", "/root/a"}));
  for (const auto& [path, how] : exits_) EXPECT_EQ(how, "shutdown") << path;
}

// Adapted: a thread cannot be killed, so what overruns its time is left alone and told, and ends when it can.
TEST_F(otp_stop, sup_stop_timeout) {
  start_ok(tree({with_shutdown(probe("a"), 2'000ms), with_shutdown(probe("b"), 1'000ms), probe("c")}));
  watch({"/root/a", "/root/b", "/root/c"});
  hold_back("/root/b");
  stop();
  EXPECT_EQ(exit_order_, paths{"/root/c"}) << "b is waited for before a is asked";
  advance(999ms);
  EXPECT_FALSE(ended_);
  EXPECT_EQ(exit_of("/root/a"), "alive");
  advance(1ms);
  expect_stopped();
  EXPECT_EQ(exit_of("/root/a"), "shutdown");
  EXPECT_EQ(exit_of("/root/b"), "alive");
  EXPECT_EQ(warnings(), std::vector<std::string>{"/root/b: did not stop within 1s; abandoned"});
  EXPECT_EQ(book().alive, 1);
  EXPECT_EQ(leaked(), 1U);
  let_go("/root/b");
  EXPECT_EQ(book().alive, 0) << "it ends when its thread comes back";
  EXPECT_EQ(leaked(), 0U);
  EXPECT_NE(exit_of("/root/b"), "alive");
}

// Adapted as sup_stop_timeout is.
TEST_F(otp_stop, sup_stop_timeout_dynamic) {
  auto spec = dynamic();
  spec.children.front().shutdown = 1'000ms;
  start_ok(spec);
  paths all;
  for (int i = 1; i <= 10; ++i) {
    ASSERT_EQ(code_of(start_dynamic("/root")), admin_code::ok);
    all.push_back("/root/d-" + std::to_string(i));
  }
  watch(all);
  hold_back("/root/d-3");
  hold_back("/root/d-7");
  stop();
  EXPECT_EQ(exit_order_.size(), 8U) << "nobody waits for the two that hang";
  for (const auto& path : exit_order_) EXPECT_EQ(exit_of(path), "shutdown") << path;
  advance(999ms);
  EXPECT_FALSE(ended_);
  advance(1ms);
  expect_stopped();
  EXPECT_EQ(warnings().size(), 2U);
  EXPECT_EQ(leaked(), 2U);
  let_go("/root/d-3");
  let_go("/root/d-7");
  EXPECT_EQ(book().alive, 0);
}

// Adapted: what cannot be killed, since its thread is in its handler, is told to end and not waited for.
TEST_F(otp_stop, sup_stop_brutal_kill) {
  start_ok(tree({with_shutdown(probe("a"), brutal_kill), probe("b"), with_shutdown(probe("c"), brutal_kill)}));
  watch({"/root/a", "/root/b", "/root/c"});
  stop();
  expect_stopped();
  EXPECT_EQ(exit_of("/root/a"), "killed");
  EXPECT_EQ(exit_of("/root/b"), "shutdown");
  EXPECT_EQ(exit_of("/root/c"), "killed");
  EXPECT_EQ(book().alive, 0);

  end();
  start_ok(tree({probe("a"), with_shutdown(probe("b"), brutal_kill), probe("c")}));
  watch({"/root/a", "/root/b", "/root/c"});
  hold_back("/root/b");
  stop();
  EXPECT_EQ(exit_of("/root/c"), "shutdown");
  EXPECT_EQ(exit_of("/root/b"), "alive");
  EXPECT_EQ(exit_of("/root/a"), "shutdown") << "at once: nobody waits for b";
  advance(5s);
  expect_stopped();
  EXPECT_EQ(leaked(), 1U);
  let_go("/root/b");
  EXPECT_EQ(exit_of("/root/b"), "killed");
  EXPECT_EQ(leaked(), 0U);
}

// Adapted as sup_stop_brutal_kill is.
TEST_F(otp_stop, sup_stop_brutal_kill_dynamic) {
  auto spec = dynamic();
  spec.children.front().shutdown = brutal_kill;
  start_ok(spec);
  paths all;
  for (int i = 1; i <= 10; ++i) {
    ASSERT_EQ(code_of(start_dynamic("/root")), admin_code::ok);
    all.push_back("/root/d-" + std::to_string(i));
  }
  watch(all);
  stop();
  expect_stopped();
  EXPECT_EQ(exit_order_.size(), 10U);
  for (const auto& [path, how] : exits_) EXPECT_EQ(how, "killed") << path;
  EXPECT_EQ(book().alive, 0);
  EXPECT_EQ(events_of(event_kind::crash).size(), 0U);
}

TEST_F(otp_stop, sup_stop_race) {
  // Every child but the last ends by itself while the last one holds up the stop.
  std::vector<child_spec> children;
  std::map<std::string, ending> endings;
  for (const auto type : all_types)
    for (const auto how : all_endings) {
      children.push_back(probe(std::string{to_string(type)} + "-" + to_string(how), type));
      endings["/root/" + children.back().id] = how;
    }
  children.push_back(probe("last"));
  start_ok(tree(children, {0, 5s}));
  paths all{"/root/last"};
  for (const auto& [path, how] : endings) all.push_back(path);
  watch(all);
  const auto started = book().starts.size();
  hold_back("/root/last");
  stop();
  EXPECT_EQ(exit_order_, paths{});
  for (const auto& [path, how] : endings) quit(path, how);
  EXPECT_FALSE(ended_);
  let_go("/root/last");
  expect_stopped();
  for (const auto& [path, how] : endings) {
    EXPECT_EQ(exit_of(path), seen(how)) << path;
    EXPECT_EQ(reports_of(path), std::vector<std::string>{report_for(how)}) << path;
  }
  EXPECT_EQ(exit_of("/root/last"), "shutdown");
  EXPECT_EQ(book().starts.size(), started) << "nothing is restarted any more";
  EXPECT_EQ(book().alive, 0);
  EXPECT_EQ(events_of(event_kind::limit).size(), 0U);

  // A child ends by itself after it was asked to stop, and before it got to that.
  for (const auto type : all_types)
    for (const auto how : all_endings) {
      SCOPED_TRACE(std::string{to_string(type)} + " " + to_string(how));
      end();
      events_.clear();
      exits_.clear();
      start_ok(tree({probe("a"), probe("b", type), probe("c")}, {0, 5s}));
      watch({"/root/a", "/root/b", "/root/c"});
      end_during("/root/b", how, [this] {
        request_stop();
        run();
      });
      expect_stopped();
      EXPECT_EQ(exit_of("/root/a"), "shutdown");
      EXPECT_EQ(exit_of("/root/b"), seen(how));
      EXPECT_EQ(exit_of("/root/c"), "shutdown");
      EXPECT_EQ(reports_of("/root/b"), std::vector<std::string>{report_for(how)});
      EXPECT_EQ(book().alive, 0);
    }
}

TEST_F(otp_stop, sup_stop_non_shutdown_exit_dynamic) {
  for (const auto type : all_types)
    for (const auto how : all_endings) {
      SCOPED_TRACE(std::string{to_string(type)} + " " + to_string(how));
      end();
      events_.clear();
      exits_.clear();
      exit_order_.clear();
      start_ok(dynamic(type, {0, 5s}, std::string{to_string(type)} + to_string(how)));
      paths all;
      for (int i = 0; i < 3; ++i) all.push_back(start_dynamic("/root")->path);
      watch(all);
      const auto started = book().starts.size();
      end_during(all[1], how, [this] {
        request_stop();
        run();
      });
      expect_stopped();
      EXPECT_EQ(exit_order_.size(), 3U);
      EXPECT_EQ(exit_of(all[0]), "shutdown");
      EXPECT_EQ(exit_of(all[1]), seen(how)) << "its own reason is kept";
      EXPECT_EQ(exit_of(all[2]), "shutdown");
      EXPECT_EQ(reports_of(all[1]), std::vector<std::string>{report_for(how)});
      EXPECT_EQ(book().starts.size(), started);
      EXPECT_EQ(book().alive, 0);
    }
}

TEST_F(otp_stop, sup_stop_manual) {
  start_ok(tree({with_shutdown(probe("a"), brutal_kill), with_shutdown(probe("b"), 1'000ms),
                 with_shutdown(probe("c"), infinity), with_shutdown(probe("d"), 300ms),
                 with_shutdown(sub("sub", tree({with_shutdown(probe("x"), brutal_kill), probe("y")})), infinity)}));
  const paths all{"/root/a", "/root/b", "/root/c", "/root/d", "/root/sub/x", "/root/sub/y"};
  watch(all);
  hold_back("/root/c");
  hold_back("/root/d");
  stop();
  EXPECT_EQ(exit_order_, (paths{"/root/sub/y", "/root/sub/x"}));
  advance(299ms);
  EXPECT_EQ(warnings().size(), 0U);
  advance(1ms);
  EXPECT_EQ(warnings(), std::vector<std::string>{"/root/d: did not stop within 300ms; abandoned"});
  advance(1h);
  EXPECT_FALSE(ended_) << "c has no limit";
  let_go("/root/c");
  expect_stopped();
  EXPECT_EQ(exit_of("/root/a"), "killed");
  EXPECT_EQ(exit_of("/root/b"), "shutdown");
  EXPECT_EQ(exit_of("/root/c"), "shutdown");
  EXPECT_EQ(exit_of("/root/sub/x"), "killed");
  EXPECT_EQ(exit_of("/root/sub/y"), "shutdown");
  EXPECT_EQ(events_of(event_kind::crash).size(), 0U) << "it ends normally";
  EXPECT_EQ(events_of(event_kind::give_up).size(), 0U);
  let_go("/root/d");
  EXPECT_EQ(book().alive, 0);
}

TEST_F(otp_stop, sup_stop_manual_timeout) {
  start_ok(tree({probe("a"), sub("sub", tree({with_shutdown(probe("x"), infinity)})), probe("b")}));
  watch({"/root/a", "/root/sub/x", "/root/b"});
  hold_back("/root/sub/x");
  const auto asked = terminate_child("/root/sub");
  EXPECT_FALSE(asked) << "whoever asked had no answer in time";
  EXPECT_EQ(status_of("/root/sub"), "stopping");
  advance(1h);
  stop();
  EXPECT_FALSE(ended_) << "and neither had whoever stops the tree";
  stop();
  EXPECT_EQ(exit_of("/root/b"), "shutdown");
  advance(1h);
  EXPECT_FALSE(ended_);
  let_go("/root/sub/x");
  expect_stopped();
  EXPECT_EQ(exit_order_, (paths{"/root/b", "/root/sub/x", "/root/a"})) << "the stop completes all the same";
  EXPECT_EQ(book().alive, 0);
}

}  // namespace
