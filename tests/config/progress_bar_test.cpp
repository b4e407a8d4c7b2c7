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

TEST(progress_bar, leaves_out_what_does_not_fit_and_cuts_nothing) {
  const map_progress how{792, 6, 3'000};
  EXPECT_EQ(progress_bar::render("square", how, 44), "square [#      ] 26 %, 792 of 3000, 6 failed");
  EXPECT_EQ(progress_bar::render("square_unless", how, 43), "square_unless 26 %, 792 of 3000, 6 failed");
  EXPECT_EQ(progress_bar::render("square_unless", how, 30), "26 %, 792 of 3000, 6 failed");
  EXPECT_EQ(progress_bar::render("square_unless", how, 14), "26 %, 6 failed");
  EXPECT_EQ(progress_bar::render("square_unless", how, 7), "26 %");
  EXPECT_EQ(progress_bar::render("square_unless", how, 3), "");
  EXPECT_EQ(progress_bar::render("square", {7, 1, {}}, 10), "7 done");
}

}  // namespace
}  // namespace steward::cli
