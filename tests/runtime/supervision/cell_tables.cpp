#include "supervision/child_table.hpp"
#include "supervision/timer_queue.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

// The tables of a tree's host: its timers, and its children by number and path.

namespace {

using namespace std::chrono_literals;
using steward::supervision::child_table;
using steward::supervision::timer_queue;

timer_queue::time_point at(std::chrono::milliseconds x) { return timer_queue::time_point{} + x; }

TEST(timer_queue, gives_what_is_due_earliest_first_and_in_order_of_adding) {
  timer_queue x;
  std::vector<timer_queue::handle> handles{x.add(at(20ms), {1, 0, {}}), x.add(at(10ms), {2, 0, {}}),
                                           x.add(at(10ms), {3, 0, {}})};
  EXPECT_FALSE(x.due(at(9ms)));
  ASSERT_TRUE(x.due(at(10ms)));
  EXPECT_EQ(x.due(at(10ms))->child, 2U);
  x.remove(handles[1]);
  EXPECT_EQ(x.due(at(30ms))->child, 3U);
  x.remove(handles[2]);
  EXPECT_FALSE(x.due(at(19ms)));
  EXPECT_EQ(x.due(at(20ms))->child, 1U);
  x.remove(handles[0]);
  EXPECT_FALSE(x.due(at(1h)));
}

TEST(timer_queue, asks_for_a_wake_once_and_again_only_for_an_earlier_one) {
  timer_queue x;
  EXPECT_FALSE(x.ask_for_wake());
  const auto late = x.add(at(20ms), {1, 0, {}});
  EXPECT_EQ(x.ask_for_wake(), at(20ms));
  EXPECT_FALSE(x.ask_for_wake()) << "it has asked";
  x.add(at(30ms), {2, 0, {}});
  EXPECT_FALSE(x.ask_for_wake()) << "it is woken before";
  const auto early = x.add(at(10ms), {3, 0, {}});
  EXPECT_EQ(x.ask_for_wake(), at(10ms));
  x.remove(early);
  EXPECT_FALSE(x.ask_for_wake()) << "a wake too early does no harm";
  x.woken();
  EXPECT_EQ(x.ask_for_wake(), at(20ms));
  x.remove(late);
  x.woken();
  EXPECT_EQ(x.ask_for_wake(), at(30ms));
}

struct entry {
  std::uint64_t id = 0;
  entry* parent = nullptr;
  std::string text;  // the path, or what it begins with
  std::uint64_t below = 0;
  bool computed = false;

  std::string path() const { return computed ? text + std::to_string(id - parent->below) : text; }
  std::string_view path_text() const { return computed ? std::string_view{} : std::string_view{text}; }
  std::uint64_t block() const { return below; }
};
using table = child_table<entry>;

entry& put(table& x, std::uint64_t id, entry* parent, std::string text, std::uint64_t below = 0,
           bool computed = false) {
  return x.add(std::make_unique<entry>(entry{id, parent, std::move(text), below, computed}));
}

TEST(child_table, finds_children_by_number_and_by_path) {
  table x;
  auto& root = put(x, 1, nullptr, "/root", 64);
  auto& a = put(x, 65, &root, "/root/a");
  EXPECT_EQ(x.find(65), &a);
  EXPECT_EQ(x.find("/root/a"), &a);
  EXPECT_EQ(x.find("/root"), &root);
  EXPECT_EQ(x.find(66), nullptr);
  EXPECT_EQ(x.find("/root/b"), nullptr);
  x.erase(a);
  EXPECT_EQ(x.find(65), nullptr);
  EXPECT_EQ(x.find("/root/a"), nullptr);
}

TEST(child_table, computes_the_paths_of_dynamic_children_exactly) {
  table x;
  auto& root = put(x, 1, nullptr, "/root", 64);
  auto& other = put(x, 2, nullptr, "/other", 128);
  auto& third = put(x, 67, &root, "/root/c-", 0, true);
  put(x, 129, &other, "/other/c-", 0, true);
  EXPECT_EQ(x.find("/root/c-3"), &third);
  for (const auto* wrong : {"/root/c-03", "/root/c-3x", "/root/d-3", "/root/c-", "/root/c-65", "/other/c-3", "c-3",
                            "/c-3", "-3", "", "/root/c-99999999999999999999"})
    EXPECT_EQ(x.find(std::string{wrong}), nullptr) << wrong;
}

TEST(child_table, gives_a_path_to_the_latest_who_has_it) {
  table x;
  auto& old = put(x, 1, nullptr, "/root/a");
  auto& next = put(x, 2, nullptr, "/root/a");
  EXPECT_EQ(x.find("/root/a"), &next);
  x.erase(old);
  EXPECT_EQ(x.find("/root/a"), &next) << "the former one no longer has it";
  x.erase(next);
  EXPECT_EQ(x.find("/root/a"), nullptr);
}

}  // namespace
