// How many inputs of a map travel together, and how many are open.
#include "steward/detail/pacing.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <optional>

namespace steward::test {
namespace {

using detail::pacing;

constexpr pacing::pool_size four{4, 100'000};

/// One chunk as it comes: read, and run with this long for each input.
std::size_t run_chunk(pacing& pace, double us_each, pacing::pool_size of = four) {
  const auto size = pace.chunk_size(of);
  pace.took(size, 0);
  pace.ran(size, us_each * static_cast<double>(size) / 1'000.0);
  return size;
}

TEST(pacing, sends_inputs_one_by_one_until_it_knows_how_long_they_run) {
  pacing pace(0, 0, std::nullopt);
  EXPECT_FALSE(pace.knows_time());
  EXPECT_EQ(pace.chunk_size(four), 1U);
  pace.took(1, 8);
  EXPECT_EQ(pace.chunk_size(four), 1U);
}

TEST(pacing, grows_chunks_to_a_millisecond_and_eight_times_at_a_time) {
  pacing pace(0, 0, std::nullopt);
  for (const std::size_t wanted : {1U, 8U, 64U, 512U, 1'001U, 1'001U}) EXPECT_EQ(run_chunk(pace, 1.0), wanted);
}

TEST(pacing, sends_long_inputs_alone) {
  pacing pace(0, 0, std::nullopt);
  run_chunk(pace, 5'000.0);
  EXPECT_EQ(pace.chunk_size(four), 1U);
}

TEST(pacing, takes_up_longer_runs_at_once_and_shorter_ones_slowly) {
  pacing pace(0, 0, std::nullopt);
  run_chunk(pace, 1.0);
  run_chunk(pace, 100.0);
  EXPECT_EQ(run_chunk(pace, 1.0), 11U);
  EXPECT_LT(pace.chunk_size(four), 20U);
}

TEST(pacing, makes_chunks_smaller_near_the_end) {
  pacing pace(0, 0, 10'000);
  for (int i = 0; i < 4; ++i) run_chunk(pace, 0.5);
  EXPECT_EQ(pace.chunk_size(four), (10'000 - pace.taken()) / 8 + 1);
  pace.took(10'000 - pace.taken() - 1, 0);
  EXPECT_EQ(pace.chunk_size(four), 1U);
}

TEST(pacing, does_not_let_an_input_wait_for_others_that_are_read_slowly) {
  pacing pace(0, 0, std::nullopt);
  for (int i = 0; i < 5; ++i) run_chunk(pace, 1.0);
  pace.reading_took(100.0);
  EXPECT_EQ(pace.chunk_size(four), 10U);
  pace.reading_took(1e9);
  EXPECT_EQ(pace.chunk_size(four), 1U);
}

TEST(pacing, takes_no_more_than_a_quarter_of_the_queue_for_a_chunk) {
  pacing asked(1'000, 0, std::nullopt);
  EXPECT_EQ(asked.chunk_size({4, 100}), 25U);
  EXPECT_EQ(asked.chunk_size({4, 1}), 1U);
  EXPECT_EQ(asked.chunk_size(four), 1'000U);
  pacing measured(0, 0, std::nullopt);
  for (int i = 0; i < 5; ++i) run_chunk(measured, 0.01);
  EXPECT_EQ(measured.chunk_size({4, 400}), 100U);
}

TEST(pacing, hands_over_inputs_that_are_wanted_one_by_one_in_batches_of_50_us) {
  pacing pace(1, 0, std::nullopt, true);
  EXPECT_TRUE(pace.makes_batches());
  for (const std::size_t wanted : {1U, 8U, 51U, 51U}) EXPECT_EQ(run_chunk(pace, 1.0), wanted);
  pacing shorter(1, 0, std::nullopt, true);
  for (const std::size_t wanted : {1U, 8U, 64U, 64U}) EXPECT_EQ(run_chunk(shorter, 0.1), wanted);
  pacing longer(1, 0, std::nullopt, true);
  for (const std::size_t wanted : {1U, 1U, 1U}) EXPECT_EQ(run_chunk(longer, 60.0), wanted);
}

TEST(pacing, makes_no_batches_where_that_is_not_asked_for) {
  pacing processes(1, 0, std::nullopt);
  pacing chunks(10, 0, std::nullopt, true);
  pacing by_time(0, 0, std::nullopt, true);
  for (auto* pace : {&processes, &chunks, &by_time}) EXPECT_FALSE(pace->makes_batches());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(run_chunk(processes, 0.1), 1U);
}

TEST(pacing, opens_as_many_inputs_in_batches_as_one_by_one) {
  pacing batches(1, 0, std::nullopt, true);
  pacing singles(1, 0, std::nullopt);
  EXPECT_EQ(batches.window(1, four), singles.window(1, four));
  for (int i = 0; i < 4; ++i) {
    run_chunk(batches, 1.0);
    run_chunk(singles, 1.0);
    EXPECT_EQ(batches.window(batches.chunk_size(four), four), singles.window(1, four));
  }
}

TEST(pacing, does_not_let_an_input_wait_for_a_batch_that_is_read_slowly) {
  pacing pace(1, 0, std::nullopt, true);
  for (int i = 0; i < 4; ++i) run_chunk(pace, 0.1);
  pace.reading_took(10.0);
  EXPECT_EQ(pace.chunk_size(four), 5U);
  pace.reading_took(1e6);
  EXPECT_EQ(pace.chunk_size(four), 1U);
  EXPECT_EQ(pacing(1, 0, std::nullopt, true).chunk_size({4, 1}), 1U);
}

TEST(pacing, opens_four_chunks_for_each_worker_and_two) {
  const pacing pace(0, 0, std::nullopt);
  EXPECT_EQ(pace.window(10, four), 180U);
  EXPECT_EQ(pace.window(10, {0, 100'000}), 60U) << "a pool has a worker, or will";
}

TEST(pacing, opens_more_of_short_inputs_that_travel_alone_but_not_many_bytes) {
  pacing pace(1, 0, std::nullopt);
  run_chunk(pace, 10.0);
  EXPECT_EQ(pace.window(1, four), 800U) << "2 ms for each worker";
  pace.took(1, std::size_t{2} << 20);
  EXPECT_EQ(pace.window(1, four), 18U) << "8 MiB are eight of these";
}

TEST(pacing, opens_what_the_caller_asks_for_and_never_more_than_the_queue_holds) {
  const pacing asked(0, 7, std::nullopt);
  EXPECT_EQ(asked.window(10, four), 7U);
  EXPECT_EQ(asked.window(10, {4, 5}), 5U);
  const pacing free(0, 0, std::nullopt);
  EXPECT_EQ(free.window(10, {4, 50}), 50U);
}

TEST(pacing, learns_nothing_of_what_did_not_run) {
  pacing pace(0, 0, std::nullopt);
  pace.ran(0, 5.0);
  pace.ran(3, 0.0);
  EXPECT_FALSE(pace.knows_time());
}

}  // namespace
}  // namespace steward::test
