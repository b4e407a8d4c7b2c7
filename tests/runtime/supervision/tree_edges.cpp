#include "probe.hpp"
#include "real_tree.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/support/virtual_tree.hpp"

#include <malloc.h>

// What a tree does at its edges: late reports, names and numbers that are used again, parameters that do not fit.

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

/// Takes one parameter of each kind.
struct choosy {
  choosy(self_ptr, const actor_args& args) : count(args.integer("count")), pause(args.duration("pause")) {}
  caf::behavior make_behavior() {
    return {[this](caf::get_atom) { return count; }};
  }
  std::int64_t count;
  milliseconds pause;
};

class tree_edges : public virtual_tree {
protected:
  tree_edges() {
    switches() = {};
    actor_type<probe>("probe");
    actor_type<choosy>("choosy", {{"count", param_type::integer, std::nullopt, 1, 10, ""},
                                  {"pause", param_type::duration, param_value{100ms}, 0, 1'000, ""},
                                  {"share", param_type::real, param_value{0.5}, {}, {}, ""}});
  }
  static child_spec choosy_child(param_map params) {
    auto out = child("c", "choosy");
    out.what = actor_spec{"choosy", std::move(params)};
    return out;
  }
  static std::vector<std::string> texts(const std::vector<spec_fault>& faults) {
    std::vector<std::string> out;
    for (const auto& x : faults)
      out.push_back(x.path + " " + x.field + ": " + x.message + (x.expected.empty() ? "" : "; expected " + x.expected));
    return out;
  }
};

TEST_F(tree_edges, a_failed_start_names_the_innermost_child) {
  switches().constructor_throws = 1;
  start(tree({nested("outer", tree({nested("middle", tree({child("leaf", "probe")}))}))}));
  ASSERT_TRUE(started_);
  EXPECT_EQ(started_->failed_child, "/root/outer/middle/leaf");
  EXPECT_NE(started_->why.message.find("no constructor today"), std::string::npos) << started_->why.message;
}

TEST_F(tree_edges, a_failed_start_names_a_temporary_child_too) {
  switches().constructor_throws = 1;
  start(tree({nested("outer", tree({child("leaf", "probe", restart_type::temporary)}), restart_type::temporary)}));
  ASSERT_TRUE(started_);
  EXPECT_EQ(started_->failed_child, "/root/outer/leaf");
}

TEST_F(tree_edges, a_start_by_hand_that_fails_inside_names_the_innermost_child) {
  start(tree({child("a", "probe")}));
  switches().constructor_throws = 1;
  const auto result = start_child("/root", nested("outer", tree({nested("middle", tree({child("leaf", "probe")}))})));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->code, admin_code::failed);
  EXPECT_NE(result->why.message.find("/root/outer/middle/leaf failed to start"), std::string::npos)
      << result->why.message;
}

TEST_F(tree_edges, parameters_from_cpp_are_checked_for_type_range_and_want) {
  start(tree({choosy_child({{"count", {std::int64_t{11}}}, {"pause", {std::int64_t{5}}}, {"nothing", {true}}})}));
  ASSERT_TRUE(started_);
  EXPECT_EQ(texts(started_->faults),
            (std::vector<std::string>{"/root/c count: 11 is too large; expected at most 10",
                                      "/root/c nothing: the actor 'choosy' has no such parameter",
                                      "/root/c pause: of type integer; expected duration"}));
  end();
  start(tree({choosy_child({})}));
  ASSERT_TRUE(started_);
  EXPECT_EQ(texts(started_->faults),
            std::vector<std::string>{"/root/c count: the parameter 'count' of 'choosy' is missing; expected integer"});
}

TEST_F(tree_edges, parameters_that_are_left_out_have_their_defaults) {
  start(tree({choosy_child({{"count", {std::int64_t{3}}}})}));
  ASSERT_TRUE(started_);
  EXPECT_TRUE(started_->faults.empty());
  EXPECT_EQ(ask<std::int64_t>("/root/c", caf::get_atom::value), 3);
}

TEST_F(tree_edges, a_template_may_leave_to_its_children_what_has_no_default) {
  start(tree({choosy_child({})}, {}, strategy::simple_one_for_one));
  ASSERT_TRUE(started_);
  ASSERT_TRUE(started_->faults.empty()) << texts(started_->faults).front();
  EXPECT_EQ(start_dynamic("/root")->code, admin_code::invalid);
  EXPECT_EQ(start_dynamic("/root", {{"count", {std::int64_t{0}}}})->code, admin_code::invalid);
  EXPECT_EQ(start_dynamic("/root", {{"count", {std::int64_t{4}}}})->code, admin_code::ok);
}

TEST_F(tree_edges, seventeen_thousand_lives_of_a_supervisor_mix_up_none_of_its_children) {
  const auto inner = tree({child("t", "probe", restart_type::temporary), child("p", "probe")});
  start(tree({nested("n", inner)}));
  for (int i = 0; i < 17'000; ++i) {
    ASSERT_EQ(terminate_child("/root/n")->code, admin_code::ok);
    ASSERT_EQ(restart_child("/root/n")->code, admin_code::ok);
    events_.clear();
    switches().ends.clear();
  }
  EXPECT_EQ(switches().alive, 2);
  const auto children = which_children("/root/n");
  ASSERT_TRUE(children && children->size() == 2);
  EXPECT_EQ((*children)[0].id, "p") << "newest first";
  EXPECT_EQ((*children)[1].id, "t");
  EXPECT_EQ(ask<std::uint64_t>("/root/n/p", caf::get_atom::value), 17'001U);
}

TEST_F(tree_edges, children_that_were_added_and_deleted_leave_nothing) {
  if (STEWARD_SANITIZED) GTEST_SKIP() << "the sanitizer has an allocator of its own";
  start(tree({child("a", "probe")}));
  const auto once = [&] {
    ASSERT_EQ(start_child("/root", child("x", "probe"))->code, admin_code::ok);
    ASSERT_EQ(terminate_child("/root/x")->code, admin_code::ok);
    ASSERT_EQ(delete_child("/root/x")->code, admin_code::ok);
    events_.clear();
    switches().ends.clear();
  };
  for (int i = 0; i < 100; ++i) once();
  const auto before = mallinfo2().uordblks;
  for (int i = 0; i < 5'000; ++i) once();
  EXPECT_LT(mallinfo2().uordblks, before + 50'000U);
}

TEST_F(tree_edges, a_start_waits_for_the_end_of_the_child_that_has_its_id) {
  start(tree({child("a", "probe"), child("x", "probe", restart_type::temporary)}));
  hold_back("/root/x");
  send("/root/x", caf::delete_atom::value, std::int64_t{0});
  const auto ended = administer_later(
      [](supervision::tree_host& host, auto done) { host.terminate_child("/root/x", std::string{}, done); });
  const auto started = administer_later(
      [](supervision::tree_host& host, auto done) { host.start_child("/root", child("x", "probe"), done); });
  EXPECT_FALSE(*started);
  let_go("/root/x");
  ASSERT_TRUE(*started);
  EXPECT_EQ((*started)->code, admin_code::ok);
  EXPECT_EQ(status_of("/root/x"), "running");
}

TEST_F(tree_edges, a_text_of_any_length_is_cut_where_it_is_taken) {
  struct talker {
    explicit talker(self_ptr) {}
    caf::behavior make_behavior() {
      return {[](crash_atom) -> caf::result<std::int64_t> { throw std::runtime_error(std::string(50'000'000, 'x')); }};
    }
  };
  actor_type<talker>("talker");
  start(tree({child("a", "talker")}));
  EXPECT_FALSE(ask<std::int64_t>("/root/a", crash_atom::value));
  ASSERT_TRUE(crash_of(error_));
  EXPECT_LE(crash_of(error_)->message.size(), 8'192U);
  const auto crashes = events_of(event_kind::crash);
  ASSERT_EQ(crashes.size(), 1U);
  EXPECT_LE(crashes[0].why->message.size(), 8'192U);
}

gate* busy_gate = nullptr;
std::int64_t hang(std::int64_t n) {
  busy_gate->pass();
  return n;
}

/// On real threads.
class late_reports : public real_tree {};

TEST_F(late_reports, whoever_monitors_a_child_may_start_it_anew_when_it_hears_of_its_end) {
  actors_.add<probe>("probe");
  auto x = child("x", "probe");
  x.restart = restart_type::temporary;
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, tree_of({x})};
  ASSERT_TRUE(tree.start().ok);
  for (int i = 0; i < 300; ++i) {
    caf::scoped_actor self{rt.system()};
    const auto there = tree.actor("/root/x");
    self->monitor(there);
    port::send_anonymously(there, caf::delete_atom::value, std::int64_t{0});
    self->receive([](caf::down_msg&) {});
    ASSERT_EQ(tree.start_child("/root", x).code, admin_code::ok) << i;
  }
}

TEST_F(late_reports, whoever_is_answered_by_a_crash_may_start_the_child_anew) {
  actors_.add<probe>("probe");
  auto x = child("x", "probe");
  x.restart = restart_type::temporary;
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, tree_of({x})};
  ASSERT_TRUE(tree.start().ok);
  for (int i = 0; i < 300; ++i) {
    EXPECT_FALSE(ask<std::int64_t>(rt, tree.actor("/root/x"), crash_atom::value));
    ASSERT_EQ(tree.start_child("/root", x).code, admin_code::ok) << i;
  }
}

TEST_F(late_reports, a_pool_that_has_stopped_too_late_does_not_take_the_next_one_along) {
  gate busy;
  busy_gate = &busy;
  tasks_.add("hang", hang);
  auto p = child("p", "");
  pool_spec pool;
  pool.task = "hang";
  pool.runs_in = rung::thread;
  pool.size.workers = 1;
  p.what = pool;
  p.shutdown = 20ms;
  runtime rt{log_, tasks_, actors_};
  supervisor tree{rt, tree_of({p})};
  ASSERT_TRUE(tree.start().ok);
  const auto old = tree.pool_at("/root/p");
  std::vector<bytes> inputs(1);
  encode_all(inputs[0], std::int64_t{1});
  std::thread caller{[&] { static_cast<void>(old->map(*tasks_.find("hang"), inputs)); }};
  ASSERT_TRUE(busy.await(1));
  EXPECT_EQ(tree.terminate_child("/root/p").code, admin_code::ok);  // abandoned after 20 ms
  EXPECT_EQ(tree.restart_child("/root/p").code, admin_code::ok);
  const auto next = tree.pool_at("/root/p");
  ASSERT_TRUE(next);
  busy.open();
  caller.join();
  old->stop();  // over, and told so
  EXPECT_EQ(tree.count_children("/root")->active, 1U);
  EXPECT_EQ(tree.pool_at("/root/p"), next);
}

}  // namespace
