#include "probe.hpp"
#include "tests/support/virtual_tree.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

// Many dynamic children by one request.

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

/// Fails to start, declines or starts, as its parameter says.
struct picky {
  picky(self_ptr, const actor_args& args) {
    const auto wish = args.text("wish");
    if (wish == "throw") throw std::runtime_error("not today");
    if (wish == "decline") throw decline_start("nothing to do");
    args.tell_starter("hello " + wish);
  }
  caf::behavior make_behavior() {
    return {[](caf::get_atom) { return std::int64_t{1}; }};
  }
};

class batches : public virtual_tree {
protected:
  batches() {
    switches() = {};
    actor_type<probe>("probe");
    actor_type<picky>("picky", {{"wish", param_type::text, param_value{std::string{"start"}}, {}, {}, ""}});
  }

  static supervisor_spec dynamic(const std::string& type, unsigned initial = 0, unsigned partitions = 0) {
    auto out = tree({child("c", type)});
    out.strategy = strategy::simple_one_for_one;
    out.initial = initial;
    out.partitions = partitions;
    return out;
  }
  static param_map wish(const std::string& x) { return {{"wish", param_value{x}}}; }

  template <class T>
  void begin(const std::string& supervisor, T what) {
    answers_.clear();
    on_host([this, supervisor, what](supervision::tree_host& host) {
      host.start_children(supervisor, what, [this](batch_result x) { answers_.push_back(std::move(x)); });
    });
    run();
  }
  template <class T>
  batch_result start_children(const std::string& supervisor, T what) {
    begin(supervisor, std::move(what));
    EXPECT_EQ(answers_.size(), 1U) << "one answer for all";
    return answers_.empty() ? batch_result{} : answers_.front();
  }
  std::size_t running(const std::string& supervisor) {
    const auto all = which_children(supervisor);
    if (!all) return 0;
    return static_cast<std::size_t>(
        std::count_if(all->begin(), all->end(), [](auto& x) { return x.status == child_status::running; }));
  }

  std::vector<batch_result> answers_;
};

TEST_F(batches, start_as_many_children_as_were_asked_for_and_tell_of_each) {
  start(dynamic("probe"));
  const auto out = start_children("/root", std::size_t{5});
  EXPECT_TRUE(out);
  EXPECT_EQ(out.started, 5U);
  ASSERT_EQ(out.children.size(), 5U);
  std::set<std::string> paths;
  for (const auto& x : out.children) {
    EXPECT_EQ(x.code, admin_code::ok);
    EXPECT_EQ(supervision::path_of(x.handle), x.path);
    paths.insert(x.path);
  }
  EXPECT_EQ(paths, (std::set<std::string>{"/root/c-1", "/root/c-2", "/root/c-3", "/root/c-4", "/root/c-5"}));
  EXPECT_EQ(running("/root"), 5U);
}

TEST_F(batches, larger_than_what_may_start_at_once_are_complete) {
  constexpr auto n = 2 * policy::supervisor_machine::started_at_once + 3;
  start(dynamic("probe"));
  const auto out = start_children("/root", std::size_t{n});
  EXPECT_TRUE(out);
  EXPECT_EQ(out.started, n);
  EXPECT_EQ(running("/root"), n);
  EXPECT_EQ(out.children.back().path, "/root/c-" + std::to_string(n));
}

TEST_F(batches, of_none_are_answered) {
  start(dynamic("probe"));
  EXPECT_TRUE(start_children("/root", std::size_t{0}));
  EXPECT_TRUE(start_children("/root", std::vector<param_map>{}));
}

TEST_F(batches, go_on_behind_a_child_that_fails_or_declines_in_the_middle) {
  start(dynamic("picky"));
  const auto out =
      start_children("/root", std::vector<param_map>{wish("a"), wish("throw"), {}, wish("decline"), wish("b")});
  EXPECT_FALSE(out);
  EXPECT_EQ(out.started, 3U);
  ASSERT_EQ(out.children.size(), 5U);
  EXPECT_EQ(out.children[0].extra, "hello a") << "each child has the parameters at its position";
  EXPECT_EQ(out.children[1].code, admin_code::failed);
  EXPECT_EQ(out.children[1].why.message, "not today");
  EXPECT_EQ(out.children[1].path, "/root/c-2");
  EXPECT_EQ(out.children[2].extra, "hello start");
  EXPECT_EQ(out.children[3].code, admin_code::ignored);
  EXPECT_EQ(out.children[4].extra, "hello b");
  EXPECT_EQ(count_children("/root")->workers, 3U) << "what did not start leaves nothing behind";
  EXPECT_EQ(running("/root"), 3U);
}

TEST_F(batches, begin_nothing_when_parameters_are_wrong) {
  start(dynamic("picky"));
  const auto out = start_children("/root", std::vector<param_map>{wish("a"), {{"whim", param_value{true}}}});
  EXPECT_EQ(out.code, admin_code::invalid);
  ASSERT_EQ(out.faults.size(), 1U);
  EXPECT_EQ(out.faults[0].field, "whim");
  EXPECT_TRUE(out.children.empty());
  EXPECT_EQ(count_children("/root")->workers, 0U);
}

TEST_F(batches, are_for_dynamic_supervisors_that_there_are) {
  start(tree({nested("crowd", dynamic("probe")), child("a", "probe")}));
  EXPECT_EQ(start_children("/root", std::size_t{2}).code, admin_code::unsupported);
  EXPECT_EQ(start_children("/root/a", std::size_t{2}).code, admin_code::noproc);
  EXPECT_EQ(start_children("/root/nobody", std::size_t{2}).code, admin_code::noproc);
  EXPECT_TRUE(start_children("/root/crowd", std::size_t{2}));
}

TEST_F(batches, go_to_partitions_in_turns) {
  start(tree({nested("crowd", dynamic("probe", 0, 3))}));
  const auto out = start_children("/root/crowd", std::size_t{9});
  EXPECT_EQ(out.started, 9U);
  for (const auto* part : {"/root/crowd/p0", "/root/crowd/p1", "/root/crowd/p2"}) EXPECT_EQ(running(part), 3U) << part;
}

TEST_F(batches, that_a_stop_overtakes_are_answered_with_what_became_of_each_child) {
  start(tree({nested("crowd", dynamic("probe"))}));
  hold_back("/root/crowd/c-2");
  begin("/root/crowd", std::size_t{3});
  EXPECT_TRUE(answers_.empty()) << "one is starting still";
  on_host([](supervision::tree_host& host) { host.stop_tree(); });
  run();
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].started, 2U);
  EXPECT_EQ(answers_[0].children[1].code, admin_code::failed);
  EXPECT_FALSE(ended_) << "the child has not ended";
  let_go("/root/crowd/c-2");
  EXPECT_TRUE(ended_);
}

TEST_F(batches, that_are_not_begun_in_full_when_the_tree_stops_say_so) {
  constexpr auto n = policy::supervisor_machine::started_at_once + 10;
  start(tree({nested("crowd", dynamic("probe"))}));
  hold_back("/root/crowd/c-1");
  begin("/root/crowd", std::size_t{n});
  EXPECT_TRUE(answers_.empty());
  on_host([](supervision::tree_host& host) { host.stop_tree(); });
  run();
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].started, policy::supervisor_machine::started_at_once - 1);
  EXPECT_EQ(answers_[0].children.front().code, admin_code::failed);
  EXPECT_EQ(answers_[0].children.back().code, admin_code::noproc);
  let_go("/root/crowd/c-1");
  EXPECT_TRUE(ended_);
}

TEST_F(batches, are_answered_when_the_host_ends) {
  start(tree({nested("crowd", dynamic("probe"))}));
  hold_back("/root/crowd/c-1");
  begin("/root/crowd", std::size_t{2});
  caf::anon_send_exit(host_, caf::exit_reason::kill);
  run();
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].code, admin_code::noproc);
  EXPECT_EQ(answers_[0].started, 1U);
  held_.clear();
}

TEST_F(batches, hear_of_a_child_that_takes_too_long_to_start) {
  auto spec = dynamic("probe");
  spec.children.front().start_within = 200ms;
  start(spec);
  hold_back("/root/c-2");
  begin("/root", std::size_t{3});
  advance(200ms);
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].started, 2U);
  EXPECT_EQ(answers_[0].children[1].code, admin_code::failed);
  EXPECT_NE(answers_[0].children[1].why.message.find("200ms"), std::string::npos)
      << answers_[0].children[1].why.message;
}

TEST_F(batches, of_initial_children_roll_back_when_one_fails_and_name_it) {
  switches().constructor_throws = 1;
  start(tree({nested("crowd", dynamic("probe", 4))}));
  ASSERT_TRUE(started_);
  EXPECT_FALSE(started_->ok);
  EXPECT_TRUE(started_->failed_child.starts_with("/root/crowd/c-")) << started_->failed_child;
}

}  // namespace
