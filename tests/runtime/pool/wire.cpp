// Frames between a pool and its worker processes.
#include "pool/wire.hpp"

#include "steward/detail/many_run.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>

namespace steward::test {
namespace {

using namespace steward::pooling;

bytes bytes_of(const std::string& text) {
  const auto view = std::as_bytes(std::span(text));
  return {view.begin(), view.end()};
}

TEST(wire, brings_a_task_as_it_was_sent) {
  bytes frame;
  encode_task(frame, {2, 3, 70'000, "square"}, bytes_of("arguments"));
  const auto [header, args] = decode_task(frame);
  EXPECT_EQ(header.attempt, 2U);
  EXPECT_EQ(header.attempts, 3U);
  EXPECT_EQ(header.count, 70'000U);
  EXPECT_EQ(header.name, "square");
  EXPECT_EQ(bytes(args.begin(), args.end()), bytes_of("arguments"));
}

TEST(wire, knows_how_much_a_task_takes_besides_its_name_and_arguments) {
  bytes frame;
  encode_task(frame, {1, 1, 1, ""}, {});
  EXPECT_EQ(frame.size(), task_head_bytes);
  encode_task(frame, {1, 1, 1, "square"}, bytes_of("12345678"));
  EXPECT_EQ(frame.size(), 2 * task_head_bytes + 6 + 8);
}

TEST(wire, refuses_a_task_that_ends_too_early) {
  bytes frame;
  encode_task(frame, {1, 1, 1, "square"}, {});
  frame.pop_back();
  EXPECT_THROW(decode_task(frame), decode_error);
}

TEST(wire, brings_results_as_they_were_sent) {
  bytes frame;
  encode_result_head(frame, 1'500'000, 7, 2);
  EXPECT_EQ(frame.size(), result_head_bytes);
  frame.push_back(std::byte{5});
  const auto part = decode_result(frame);
  EXPECT_DOUBLE_EQ(part.ran_ms, 1.5);
  EXPECT_EQ(part.item, 7U);
  EXPECT_EQ(part.count, 2U);
  EXPECT_EQ(part.results.size(), 1U);
}

TEST(wire, shortens_what_an_exception_says) {
  bytes frame;
  encode_failure(frame, 0, 4, std::string(2 * max_exception_bytes, 'e'), std::string(max_exception_bytes + 1, 'm'));
  const auto failed = decode_failure(frame);
  EXPECT_EQ(failed.item, 4U);
  EXPECT_EQ(failed.why.exception, std::string(max_exception_bytes, 'e'));
  EXPECT_EQ(failed.why.message, std::string(max_exception_bytes, 'm'));
  EXPECT_TRUE(failed.frames.empty());
}

TEST(wire, carries_the_frames_of_an_exception_up_to_a_limit) {
  bytes frame;
  encode_failure(frame, 0, 4, "e", "m");
  encode_frames(frame, 7, {1, 2, 3});
  EXPECT_EQ(decode_failure(frame).frames, (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(decode_failure(frame).anchor, 7U);
  frame.resize(frame.size() - 1);
  EXPECT_THROW(static_cast<void>(decode_failure(frame)), decode_error);
  frame.clear();
  encode_failure(frame, 0, 4, "e", "m");
  encode_frames(frame, 7, std::vector<std::uint64_t>(max_failure_frames + 1, 9));
  EXPECT_EQ(decode_failure(frame).frames.size(), max_failure_frames);
}

TEST(wire, counts_items_of_any_size) {
  EXPECT_TRUE(holds_items({}, 0, 1'000));
  EXPECT_TRUE(holds_items(bytes(24), 8, 3));
  EXPECT_FALSE(holds_items(bytes(25), 8, 3));
  EXPECT_FALSE(holds_items(bytes(24), 8, 4));
  bytes varied;
  detail::append_item(varied, bytes_of("abc"), detail::variable_size);
  detail::append_item(varied, {}, detail::variable_size);
  EXPECT_TRUE(holds_items(varied, detail::variable_size, 2));
  EXPECT_FALSE(holds_items(varied, detail::variable_size, 1));
  EXPECT_FALSE(holds_items(varied, detail::variable_size, 3));
  varied.pop_back();
  EXPECT_FALSE(holds_items(varied, detail::variable_size, 2));
}

}  // namespace
}  // namespace steward::test
