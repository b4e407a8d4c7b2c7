#include "process/frame_names.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include "process/debug_info.hpp"
#include "tests/runtime/process/support.hpp"

namespace steward::process {
namespace {

using testing::HasSubstr;

[[gnu::noinline]] std::uint64_t where_am_i() { return reinterpret_cast<std::uint64_t>(__builtin_return_address(0)); }

[[gnu::always_inline]] inline std::uint64_t inlined_caller() { return where_am_i(); }

[[gnu::noinline]] std::uint64_t outer_caller() {
  std::uint64_t at = inlined_caller();
  asm volatile("" : "+r"(at));  // not a tail call
  return at;
}

TEST(frame_names, tell_function_file_and_line) {
  if (!test::have_debug_info()) GTEST_SKIP() << "built without debug information";
  std::uint64_t here = where_am_i();
  std::uint64_t both[] = {here, here};
  auto names = frame_names(both, program_anchor());
  ASSERT_GE(names.size(), 2U);
  EXPECT_THAT(names.back(), HasSubstr("::TestBody at frame_names.cpp:"));
  EXPECT_THAT(names.back(), HasSubstr(" (test_process+0x"));
}

TEST(frame_names, tell_inlined_functions_too) {
  if (!test::have_debug_info()) GTEST_SKIP() << "built without debug information";
  std::uint64_t frames[] = {0, outer_caller()};
  auto names = frame_names(frames, program_anchor());
  ASSERT_EQ(names.size(), 3U);
  EXPECT_THAT(names[1], HasSubstr("inlined_caller at frame_names.cpp:"));
  EXPECT_THAT(names[2], HasSubstr("outer_caller at frame_names.cpp:"));
}

TEST(frame_names, follow_a_program_that_lies_elsewhere) {
  constexpr std::uint64_t shift = 0x7000;
  std::uint64_t frames[] = {where_am_i() + shift};
  std::uint64_t plain[] = {frames[0] - shift};
  EXPECT_EQ(frame_names(frames, program_anchor() + shift), frame_names(plain, program_anchor()));
}

TEST(frame_names, survive_any_numbers) {
  std::mt19937_64 random{7};
  for (int round = 0; round < 50; ++round) {
    std::vector<std::uint64_t> frames;
    for (int i = 0; i < 32; ++i) {
      // Some within the program, most not.
      frames.push_back(i % 4 == 0 ? program_anchor() + random() % 4'000'000 : random());
    }
    auto names = frame_names(frames, round % 2 == 0 ? program_anchor() : random());
    EXPECT_GE(names.size(), frames.size());
    for (const auto& one : names) EXPECT_LT(one.size(), 1024U);
  }
  EXPECT_EQ(frame_names({}, 0).size(), 0U);
}

TEST(frame_names, are_told_to_many_threads_at_once) {
  std::uint64_t here = where_am_i();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([here] {
      for (std::uint64_t i = 0; i < 50; ++i) {
        std::uint64_t frames[] = {here + i};
        EXPECT_EQ(frame_names(frames, program_anchor()).empty(), false);
      }
    });
  }
  for (auto& one : threads) one.join();
}

TEST(short_function_name, leaves_out_what_is_not_the_name) {
  EXPECT_EQ(short_function_name("main"), "main");
  EXPECT_EQ(short_function_name("_ZN2ns12_GLOBAL__N_16squareEl"), "ns::square");
  EXPECT_EQ(short_function_name("_ZNK2ns4list4sizeEv"), "ns::list::size");
  EXPECT_EQ(short_function_name("_ZZN2ns3runEvENKUlvE_clEv"), "ns::run()::{lambda()#1}::operator()");
  EXPECT_EQ(short_function_name("not a symbol)("), "not a symbol)(");
  EXPECT_EQ(short_function_name(std::string(100'000, 'x').c_str()).size(), max_function_name_bytes);
}

}  // namespace
}  // namespace steward::process
