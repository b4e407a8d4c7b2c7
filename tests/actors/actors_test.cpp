#include "actors/bounded_queue.hpp"
#include "actors/counter.hpp"
#include "actors/dictionary.hpp"
#include "actors/list_users.hpp"
#include "actors/queue_users.hpp"
#include "actors/ready_made.hpp"
#include "actors/shared_list.hpp"
#include "tests/support/virtual_tree.hpp"

namespace {

using namespace std::chrono_literals;
using namespace steward;

class ready_made_actors : public testing_support::virtual_tree {
protected:
  ready_made_actors() { ready_made::register_all(tasks_, registry_); }

  /// A child with the registered defaults, some of them replaced.
  child_spec with(std::string id, std::string type, param_map params = {}) {
    for (const auto& p : registry_.find(type)->params)
      if (p.fallback) params.emplace(p.name, *p.fallback);
    auto out = child(std::move(id), type, restart_type::transient);
    out.what = actor_spec{std::move(type), std::move(params)};
    return out;
  }
  std::string shown(const std::string& path) { return ask<std::string>(path, show_atom::value).value_or("?"); }
};

using numbers = std::vector<std::int64_t>;

TEST_F(ready_made_actors, a_list_adds_at_the_end_and_removes_the_first) {
  start(tree({with("l", "shared_list")}));
  for (const std::int64_t n : {3, 1, 2}) send("/root/l", caf::add_atom::value, n);
  EXPECT_EQ(ask<numbers>("/root/l", caf::get_atom::value), (numbers{3, 1, 2}));
  EXPECT_EQ(ask<std::int64_t>("/root/l", remove_atom::value), 3);
  EXPECT_EQ(shown("/root/l"), "[1, 2]");
  EXPECT_EQ(ask<std::uint64_t>("/root/l", size_atom::value), 2U);
}

TEST_F(ready_made_actors, an_empty_list_answers_a_removal_with_a_clear_error) {
  start(tree({with("l", "shared_list")}));
  EXPECT_FALSE(ask<std::int64_t>("/root/l", remove_atom::value));
  EXPECT_EQ(code_of(error_), errc::empty);
  EXPECT_EQ(describe(error_), "empty: the list has nothing to remove");
  EXPECT_TRUE(events_of(event_kind::crash).empty()) << "it is an answer, not a crash";
}

TEST_F(ready_made_actors, a_list_announces_its_changes_in_their_order) {
  start(tree({with("l", "shared_list", {{"announce", {true}}})}));
  send("/root/l", remove_atom::value);
  send("/root/l", caf::add_atom::value, std::int64_t{95});
  send("/root/l", remove_atom::value);
  run();
  EXPECT_EQ(printed_,
            (std::vector<std::string>{"Nothing to remove, List: []", "Added 95, List: [95]", "Removed 95, List: []"}));
}

TEST_F(ready_made_actors, an_adder_adds_its_count_an_interval_apart_and_ends) {
  start(tree(
      {with("l", "shared_list"),
       with("adder", "adder", {{"list", {std::string{"l"}}}, {"count", {std::int64_t{3}}}, {"interval", {50ms}}})}));
  EXPECT_EQ(ask<std::uint64_t>("/root/l", size_atom::value), 1U);
  advance(49ms);
  EXPECT_EQ(ask<std::uint64_t>("/root/l", size_atom::value), 1U);
  advance(1ms);
  EXPECT_EQ(ask<std::uint64_t>("/root/l", size_atom::value), 2U);
  for (int i = 0; i < 10; ++i) advance(50ms);
  EXPECT_EQ(ask<std::uint64_t>("/root/l", size_atom::value), 3U);
  EXPECT_TRUE(names_.end_of("/root/adder"));
  const auto all = ask<numbers>("/root/l", caf::get_atom::value).value_or(numbers{});
  for (const auto n : all) {
    EXPECT_GE(n, 1);
    EXPECT_LE(n, 100);
  }
}

TEST_F(ready_made_actors, a_remover_is_not_disturbed_by_an_empty_list) {
  start(tree({with("l", "shared_list"),
              with("remover", "remover",
                   {{"list", {std::string{"l"}}}, {"count", {std::int64_t{2}}}, {"interval", {10ms}}})}));
  advance(10ms);  // nothing there yet
  send("/root/l", caf::add_atom::value, std::int64_t{1});
  for (int i = 0; i < 5; ++i) advance(10ms);
  EXPECT_EQ(shown("/root/l"), "[]");
  EXPECT_TRUE(names_.end_of("/root/remover"));
  EXPECT_TRUE(events_of(event_kind::crash).empty());
}

TEST_F(ready_made_actors, a_full_queue_makes_producers_wait_and_an_empty_one_consumers) {
  start(tree({with("q", "bounded_queue", {{"capacity", {std::int64_t{2}}}})}));
  caf::scoped_actor self{*system_};
  const auto q = at("/root/q");
  const auto push = [&](std::int64_t n) { return port::ask(self.ptr(), q, caf::infinite, push_atom::value, n); };
  auto first = push(1);
  auto second = push(2);
  auto third = push(3);
  run();
  EXPECT_EQ(ask<std::uint64_t>("/root/q", size_atom::value), 2U) << "never more than its capacity";
  EXPECT_EQ(ask<std::int64_t>("/root/q", pop_atom::value), 1);
  EXPECT_EQ(ask<std::uint64_t>("/root/q", size_atom::value), 2U) << "the third came in";
  EXPECT_EQ(ask<std::int64_t>("/root/q", pop_atom::value), 2);
  EXPECT_EQ(ask<std::int64_t>("/root/q", pop_atom::value), 3);
  int stored = 0;
  for (auto* pending : {&first, &second, &third}) pending->receive([&] { ++stored; }, [](caf::error&) {});
  EXPECT_EQ(stored, 3);
  auto waiting = port::ask(self.ptr(), q, caf::infinite, pop_atom::value);
  run();
  send("/root/q", push_atom::value, std::int64_t{4});
  run();
  EXPECT_EQ(take<std::int64_t>(waiting), 4);
}

TEST_F(ready_made_actors, a_queue_answers_at_once_when_asked_not_to_wait) {
  start(tree({with("q", "bounded_queue", {{"capacity", {std::int64_t{1}}}})}));
  EXPECT_FALSE(ask<std::int64_t>("/root/q", caf::get_atom::value));
  EXPECT_EQ(code_of(error_), errc::empty);
  send("/root/q", caf::put_atom::value, std::int64_t{1});
  EXPECT_FALSE(ask<std::int64_t>("/root/q", caf::put_atom::value, std::int64_t{2}));
  EXPECT_EQ(code_of(error_), errc::full);
  EXPECT_EQ(ask<std::int64_t>("/root/q", caf::get_atom::value), 1);
}

TEST_F(ready_made_actors, whoever_waits_at_a_queue_that_crashes_gets_an_error) {
  start(tree({with("q", "bounded_queue", {{"capacity", {std::int64_t{1}}}})}));
  caf::scoped_actor self{*system_};
  auto waiting = port::ask(self.ptr(), at("/root/q"), caf::infinite, pop_atom::value);
  run();
  send("/root/q", crash_atom::value);
  run();
  EXPECT_FALSE(take<std::int64_t>(waiting));
  EXPECT_TRUE(error_);
}

TEST_F(ready_made_actors, what_a_producer_makes_a_consumer_takes_in_order) {
  start(tree(
      {with("q", "bounded_queue", {{"capacity", {std::int64_t{5}}}}),
       with("p", "producer", {{"queue", {std::string{"q"}}}, {"count", {std::int64_t{100}}}}),
       with("c", "consumer", {{"queue", {std::string{"q"}}}, {"count", {std::int64_t{100}}}, {"interval", {5ms}}})}));
  for (int i = 0; i < 1'000 && !names_.end_of("/root/c"); ++i) advance(1ms);
  EXPECT_EQ(printed_, (std::vector<std::string>{"Produced 100 items", "Consumed 100 items in order, sum 5050"}));
  EXPECT_NE(shown("/root/q").find("never more than 5 at once"), std::string::npos) << shown("/root/q");
}

TEST_F(ready_made_actors, a_dictionary_changes_and_tells_its_values) {
  start(tree({with("d", "dictionary")}));
  const std::string d = "/root/d";
  EXPECT_EQ(ask<std::int64_t>(d, caf::add_atom::value, std::string{"b"}, std::int64_t{2}), 2);
  EXPECT_EQ(ask<std::int64_t>(d, caf::add_atom::value, std::string{"b"}, std::int64_t{2}), 4);
  send(d, caf::put_atom::value, std::string{"a"}, std::int64_t{9});
  EXPECT_EQ(ask<std::int64_t>(d, caf::get_atom::value, std::string{"a"}), 9);
  EXPECT_EQ(shown(d), "{a: 9, b: 4}");
  EXPECT_EQ(ask<bool>(d, caf::delete_atom::value, std::string{"a"}), true);
  EXPECT_EQ(ask<bool>(d, caf::delete_atom::value, std::string{"a"}), false);
  EXPECT_FALSE(ask<std::int64_t>(d, caf::get_atom::value, std::string{"a"}));
  EXPECT_EQ(code_of(error_), errc::not_found);
  EXPECT_FALSE(ask<std::int64_t>(d, caf::add_atom::value, std::string{"b"}, std::numeric_limits<std::int64_t>::max()));
  EXPECT_EQ(code_of(error_), errc::bad_value);
  EXPECT_EQ(shown(d), "{b: 4}");
}

TEST_F(ready_made_actors, a_counter_counts_and_begins_anew_after_a_crash) {
  start(tree({with("c", "counter", {{"start", {std::int64_t{10}}}})}));
  EXPECT_EQ(ask<std::int64_t>("/root/c", caf::add_atom::value, std::int64_t{5}), 15);
  EXPECT_EQ(shown("/root/c"), "15");
  send("/root/c", crash_atom::value);
  EXPECT_EQ(shown("/root/c"), "10");
}

}  // namespace
