#include "cli/progress_bar.hpp"

#include <gtest/gtest.h>

namespace steward::cli {
namespace {

TEST(progress_bar, shows_the_share_that_is_done) {
  EXPECT_EQ(progress_bar::render("square", {500, 0, 1'000}, 80),
            "square [###############               ] 50 %, 500 of 1000");
  EXPECT_EQ(progress_bar::render("square", {1'000, 2, 1'000}, 80),
            "square [##############################] 100 %, 1000 of 1000, 2 failed");
}

TEST(progress_bar, counts_where_the_total_is_not_known) {
  EXPECT_EQ(progress_bar::render("square", {7, 0, {}}, 80), "square 7 done");
  EXPECT_EQ(progress_bar::render("square", {0, 0, 0}, 80), "square 0 done");
}

TEST(progress_bar, is_no_wider_than_the_terminal) {
  EXPECT_EQ(progress_bar::render("square", {500, 0, 1'000}, 20).size(), 20u);
}

}  // namespace
}  // namespace steward::cli
