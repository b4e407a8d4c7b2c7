#include "real_tree.hpp"

// Cases whose children hang, on real threads; in virtual time they are in otp_start.cpp and otp_stop.cpp.

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

std::shared_ptr<gate> the_gate;

/// Hangs in its handler of (get_atom) until the gate opens.
struct hangs_in_handler {
  explicit hangs_in_handler(self_ptr) {}
  caf::behavior make_behavior() {
    return {[](caf::get_atom) {
      const auto here = the_gate;
      here->pass();
      return std::int64_t{1};
    }};
  }
};

/// Hangs in its constructor.
struct hangs_in_start {
  explicit hangs_in_start(self_ptr) {
    const auto here = the_gate;
    here->pass();
  }
  caf::behavior make_behavior() {
    return {[](caf::get_atom) { return std::int64_t{1}; }};
  }
};

struct plain {
  explicit plain(self_ptr) {}
  caf::behavior make_behavior() {
    return {[](caf::get_atom) { return std::int64_t{1}; }};
  }
};

class otp_real : public real_tree {
protected:
  otp_real() {
    the_gate = std::make_shared<gate>();
    actors_.add<hangs_in_handler>("hangs_in_handler");
    actors_.add<hangs_in_start>("hangs_in_start");
    actors_.add<plain>("plain");
  }
  ~otp_real() override { the_gate->open(); }

  static runtime_options four_threads() {
    runtime_options out;
    out.threads = 4;
    return out;
  }
  static child_spec with_shutdown(child_spec spec, milliseconds limit) {
    spec.shutdown = limit;
    return spec;
  }
  /// Its handler hangs when this returns.
  void hang(supervisor& tree, const std::string& path) {
    port::send_anonymously(tree.actor(path), caf::get_atom::value);
    ASSERT_TRUE(the_gate->await(1));
  }
  std::vector<std::string> warned() {
    std::vector<std::string> out;
    for (const auto& e : events_of(event_kind::warn)) out.push_back(e.actor);
    return out;
  }
};

TEST_F(otp_real, sup_start_child_returns_error_when_it_hangs_real) {
  runtime rt{log_, tasks_, actors_, four_threads()};
  supervisor tree{rt, tree_of({child("b", "plain")})};
  ASSERT_TRUE(tree.start().ok);
  auto late = child("a", "hangs_in_start");
  late.start_within = 50ms;
  const auto got = tree.start_child("/root", late);
  EXPECT_EQ(got.code, admin_code::failed);
  EXPECT_EQ(got.why.message, "not ready within 50ms");
  EXPECT_EQ(tree.which_children("/root")->size(), 1U);
  EXPECT_EQ(ask<std::int64_t>(rt, tree.actor("/root/b"), caf::get_atom::value), 1);
  the_gate->open();
}

TEST_F(otp_real, a_callback_of_the_end_cannot_wait_for_the_end) {
  runtime rt{log_, tasks_, actors_, four_threads()};
  supervisor tree{rt, tree_of({child("a", "plain")})};
  ASSERT_TRUE(tree.start().ok);
  int refused = 0;
  tree.on_end([&] {
    for (const auto& wait : std::vector<std::function<void()>>{
             [&] { tree.stop(); }, [&] { std::ignore = tree.stop_within(1h); },
             [&] { std::ignore = tree.wait_until(std::chrono::steady_clock::now() + 1h); }}) {
      try {
        wait();
      } catch (const std::logic_error&) {
        ++refused;
      }
    }
  });
  tree.stop();
  EXPECT_EQ(refused, 3);
}

TEST_F(otp_real, sup_stop_timeout_real) {
  runtime rt{log_, tasks_, actors_, four_threads()};
  supervisor tree{rt, tree_of({child("a", "plain"), with_shutdown(child("b", "hangs_in_handler"), 50ms)})};
  ASSERT_TRUE(tree.start().ok);
  hang(tree, "/root/b");
  tree.stop();
  EXPECT_EQ(tree.end(), tree_end::finished);
  EXPECT_EQ(warned(), std::vector<std::string>{"/root/b"});
  EXPECT_FALSE(tree.actor("/root/a"));
  EXPECT_EQ(tree.leaked(), 1U);
  the_gate->open();
}

TEST_F(otp_real, sup_stop_brutal_kill_real) {
  runtime rt{log_, tasks_, actors_, four_threads()};
  supervisor tree{rt, tree_of({child("a", "plain"), with_shutdown(child("b", "hangs_in_handler"), brutal_kill)})};
  ASSERT_TRUE(tree.start().ok);
  hang(tree, "/root/b");
  EXPECT_EQ(tree.terminate_child("/root/b").code, admin_code::ok) << "at once";
  EXPECT_EQ(warned(), std::vector<std::string>{});
  tree.stop();
  EXPECT_EQ(tree.end(), tree_end::finished) << "although it hangs still";
  EXPECT_EQ(tree.leaked(), 1U);
  the_gate->open();
}

TEST_F(otp_real, sup_stop_manual_timeout_real) {
  runtime rt{log_, tasks_, actors_, four_threads()};
  supervisor tree{rt, tree_of({child("a", "plain"), with_shutdown(child("b", "hangs_in_handler"), infinity)})};
  ASSERT_TRUE(tree.start().ok);
  hang(tree, "/root/b");
  EXPECT_FALSE(tree.stop_within(20ms)) << "the caller's patience is over";
  EXPECT_FALSE(tree.wait_until(std::chrono::steady_clock::now()));
  the_gate->open();
  EXPECT_TRUE(tree.wait_until(std::chrono::steady_clock::now() + 20s)) << "the stop completes all the same";
  EXPECT_TRUE(tree.stop_within(0ms));
  EXPECT_EQ(tree.end(), tree_end::finished);
  EXPECT_EQ(warned(), std::vector<std::string>{});
  EXPECT_EQ(tree.leaked(), 0U);
}

}  // namespace
