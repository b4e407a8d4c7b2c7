#include "linked_tree.hpp"

#include <gmock/gmock.h>

#include <unistd.h>
#include <fstream>
#include <thread>

namespace steward::test {
namespace {

using ::testing::HasSubstr;

std::size_t resident_mib() {
  std::ifstream file{"/proc/self/statm"};
  std::size_t all = 0;
  std::size_t resident = 0;
  file >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) >> 20U;
}

class hostile_link : public linked_tree {
protected:
  /// The worker dies of it; the actors and the next worker do not.
  void costs_the_worker(const std::string& line, const std::string& what) {
    const auto out = run_raw(line);
    ASSERT_FALSE(out.ok()) << line << ": " << decode_all<std::string>(out.value());
    EXPECT_EQ(out.error().why.cls, cause_class::protocol) << line << ": " << describe(out.error());
    EXPECT_THAT(out.error().why.message, HasSubstr(what)) << line;
    EXPECT_EQ(ask<std::int64_t>(secret_, caf::get_atom::value), 42) << line;
    EXPECT_EQ(ask<std::int64_t>(secret_, size_atom::value), 0) << line;
    EXPECT_EQ(run("add 1"), std::to_string(++added_)) << line;
  }

  int added_ = 0;
};

TEST_F(hostile_link, an_actor_that_the_pool_does_not_name_is_out_of_reach) {
  const auto number = std::to_string(secret_.id());
  for (const char* how : {"ask ", "tell ", "handle ", "hidden_handle "})
    costs_the_worker(std::string{"forge_with_node "} + how + number, "that it was never given");
}

TEST_F(hostile_link, no_number_reaches_what_was_not_given) {
  for (int number = 1; number < 20; ++number) {
    costs_the_worker("forge_with_node ask " + std::to_string(number), "that it was never given");
    costs_the_worker("forge_with_node handle " + std::to_string(number), "that it was never given");
  }
}

TEST_F(hostile_link, what_it_holds_it_can_use_and_give_back_once) {
  added_ = 100;  // by what it was given, before it gave that back too often
  costs_the_worker("replay", "it gave back what it does not hold");
}

TEST_F(hostile_link, a_name_that_is_another_s_is_no_greeting) {
  costs_the_worker("forge_with_node greet_as_parent 0", "a name that is not its own");
}

TEST_F(hostile_link, a_flood_stops_neither_others_nor_fills_the_memory) {
  ask<std::int64_t>(open_, caf::add_atom::value, std::int64_t{0});
  const auto before = resident_mib();
  std::string said;
  std::thread flooding{[&] { said = run("flood 1500"); }};
  std::size_t most = before;
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(ask<std::int64_t>(secret_, caf::get_atom::value), 42);
    most = std::max(most, resident_mib());
  }
  flooding.join();
  EXPECT_EQ(said, "done");
  EXPECT_LT(std::max(most, resident_mib()), before + 200);
  EXPECT_EQ(run("add 1"), "1");
}

TEST_F(hostile_link, memory_follows_what_came_and_not_what_was_announced) {
  const auto before = resident_mib();
  EXPECT_EQ(run("promise"), "done");
  EXPECT_EQ(ask<std::int64_t>(open_, caf::get_atom::value), 0);
  EXPECT_LT(resident_mib(), before + 50);
}

struct forgery {
  const char* name;
  const char* what;
};
class forged_frame : public hostile_link, public ::testing::WithParamInterface<forgery> {};

TEST_P(forged_frame, costs_the_worker_and_nobody_else) {
  costs_the_worker(std::string{"forge "} + GetParam().name, GetParam().what);
}

constexpr const char* senseless = "a frame that makes no sense";
constexpr const char* control = "a control message";
constexpr const char* unreadable = "a message that cannot be read";

INSTANTIATE_TEST_SUITE_P(
    each, forged_frame,
    ::testing::Values(
        forgery{"baspless", senseless}, forgery{"garbage", "on its actor link"}, forgery{"header", senseless},
        forgery{"no_hello", "before the greeting"}, forgery{"two_hellos", "a second greeting"},
        forgery{"version", "version 2"}, forgery{"nobody", "a name that is not its own"}, forgery{"kind_0", senseless},
        forgery{"kind_9", senseless}, forgery{"kind_255", senseless}, forgery{"four_gib", "the limit is"},
        forgery{"too_large", "the limit is"}, forgery{"ask_nobody", senseless}, forgery{"ask_0", senseless},
        forgery{"ask_huge", senseless}, forgery{"answer", "nobody asked for"}, forgery{"answer_for", senseless},
        forgery{"release", "does not hold"}, forgery{"watch", "never given"}, forgery{"exit_frame", "end an actor"},
        forgery{"exit_content", control}, forgery{"down_content", control}, forgery{"error_content", control},
        forgery{"timeout_content", control}, forgery{"group_content", control}, forgery{"stream_content", control},
        forgery{"sys", control}, forgery{"hidden_exit", control}, forgery{"unknown_type", "an unknown type"},
        forgery{"no_names", "a message that is none"}, forgery{"cut_name", "a message that is none"},
        forgery{"cut_value", unreadable}, forgery{"goes_on", "behind its end"}, forgery{"long_text", unreadable},
        forgery{"long_list", unreadable}, forgery{"long_bytes", unreadable}, forgery{"endless_length", unreadable},
        forgery{"bad_variant", unreadable}, forgery{"deep", "nested too deeply"},
        forgery{"deep_lists", "nested too deeply"}, forgery{"foreign_handle", "of another process"},
        forgery{"handle_0", "of another process"}),
    [](const auto& one) { return std::string{one.param.name}; });

}  // namespace
}  // namespace steward::test
