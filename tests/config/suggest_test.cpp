#include "config/suggest.hpp"

#include <gtest/gtest.h>

namespace steward::config {
namespace {

const std::vector<std::string> keys{"workers", "within", "restart", "id", "attempts"};

TEST(suggest, counts_a_swap_of_neighbours_as_one_edit) {
  EXPECT_EQ(edit_distance("wrokers", "workers"), 1U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("same", "same"), 0U);
}

TEST(suggest, offers_the_nearest_candidate) {
  EXPECT_EQ(did_you_mean("wrokers", keys), "workers");
  EXPECT_EQ(did_you_mean("restrat", keys), "restart");
  EXPECT_EQ(did_you_mean("idd", keys), "id");
}

TEST(suggest, offers_nothing_when_nothing_is_near) {
  EXPECT_EQ(did_you_mean("colour", keys), std::nullopt);
  EXPECT_EQ(did_you_mean("x", keys), std::nullopt);
  EXPECT_EQ(did_you_mean("", keys), std::nullopt);
  EXPECT_EQ(did_you_mean("workers", {}), std::nullopt);
}

TEST(suggest, tolerates_a_third_of_a_long_word) {
  const std::vector<std::string> names{"threads_vs_processes"};
  EXPECT_EQ(did_you_mean("thread_v_process", names), "threads_vs_processes");
  EXPECT_EQ(did_you_mean("threads", names), std::nullopt);
}

TEST(suggest, takes_the_first_of_equally_near_candidates) {
  EXPECT_EQ(did_you_mean("cat", std::vector<std::string>{"bat", "car"}), "bat");
}

TEST(suggest, gives_up_on_words_too_long_to_be_slips) {
  const std::string long_word(65, 'a');
  EXPECT_EQ(did_you_mean(long_word, std::vector<std::string>{long_word}), std::nullopt);
}

TEST(suggest, lists_names_in_order_and_says_how_many_more_there_are) {
  EXPECT_EQ(list_names({"b", "a"}), "a, b");
  EXPECT_EQ(list_names({"c", "b", "a"}, 2), "a, b and 1 more");
  EXPECT_EQ(list_names({}), "");
}

}  // namespace
}  // namespace steward::config
