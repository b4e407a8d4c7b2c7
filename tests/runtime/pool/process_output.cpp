// What tasks in worker processes write to their standard output and error.
#include "pool/worker_output.hpp"
#include "support.hpp"

#include <gmock/gmock.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace {

using namespace steward;
using namespace steward::test;
using pooling::line_cutter;
using pooling::task_place;
using pooling::worker_output;
using testing::ElementsAre;
using testing::HasSubstr;
using lines = std::vector<std::string>;

lines cut(const std::vector<std::string>& parts) {
  lines out;
  line_cutter cutter;
  const auto tell = [&](std::string_view line) { out.emplace_back(line); };
  for (const auto& one : parts) cutter.add(one, tell);
  cutter.end(tell);
  return out;
}

TEST(line_cutter, cuts_pieces_of_any_size_to_lines) {
  EXPECT_THAT(cut({"a\nb\n"}), ElementsAre("a", "b"));
  EXPECT_THAT(cut({"a", "b", "\n", "\n", "c"}), ElementsAre("ab", "", "c"));
  EXPECT_THAT(cut({""}), ElementsAre());
}

TEST(line_cutter, tells_a_line_that_is_too_long_in_parts) {
  const std::string full(line_cutter::max_line_bytes, 'x');
  EXPECT_THAT(cut({full + "\n"}), ElementsAre(full));
  EXPECT_THAT(cut({full + "y\n"}), ElementsAre(full, "y"));
  EXPECT_THAT(cut({full, "\n", full + full}), ElementsAre(full, full, full));
}

// The pool's side of a pipe whose other end the test holds.
class worker_output_test : public ::testing::Test {
protected:
  worker_output_test() {
    EXPECT_TRUE(read_.open(out_, err_));
    read_.watch(-1, 1, 2, "/root/p/w1");
  }
  ~worker_output_test() override {
    ::close(out_);
    ::close(err_);
  }
  void write(const std::string& text) const {
    ASSERT_EQ(::write(out_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  static std::string mark(std::uint64_t task, std::uint64_t item) {
    std::string text{pooling::output_mark};
    const task_place by{task, item};
    return text.append(reinterpret_cast<const char*>(&by), sizeof by);
  }
  lines told() {
    lines out;
    read_.read_all_output(
        [this] { return in_hand_; },
        [&](const task_place& by, std::string_view line) {
          out.push_back(std::to_string(by.task) + "." + std::to_string(by.item) + " " + std::string(line));
        });
    return out;
  }

  worker_output read_;
  int out_ = -1;
  int err_ = -1;
  task_place in_hand_{9, 0};
};

TEST_F(worker_output_test, gives_lines_to_the_task_that_the_mark_behind_them_names) {
  write("a\nb\n" + mark(7, 0) + "c\n" + mark(7, 1) + "d\n");
  EXPECT_THAT(told(), ElementsAre("7.0 a", "7.0 b", "7.1 c", "9.0 d"));
}

TEST_F(worker_output_test, ends_a_line_with_its_task) {
  write("begun");
  EXPECT_THAT(told(), ElementsAre());
  write(mark(7, 0) + "other\n");
  EXPECT_THAT(told(), ElementsAre("7.0 begun", "9.0 other"));
}

TEST_F(worker_output_test, takes_half_a_mark_for_text) {
  write(std::string{pooling::output_mark} + "\n");
  EXPECT_THAT(told(), ElementsAre("9.0 " + std::string{pooling::output_mark}));
}

class process_output : public ::testing::Test {
protected:
  process_output() {
    environment_ = around.environment();
    environment_.print = [this](const std::string& line) {
      const std::lock_guard lock(mutex_);
      printed_.push_back(line);
    };
  }
  lines printed() {
    const std::lock_guard lock(mutex_);
    return printed_;
  }

  surroundings around;
  pool_environment environment_;

private:
  std::mutex mutex_;
  lines printed_;
};

TEST_F(process_output, comes_as_events_with_its_task_before_the_outcome) {
  process_pool pool(environment_, "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  for (const char* how : {"printf", "flush", "cout", "write", "unended", "system"}) {
    EXPECT_EQ(get_soon_value(pool.submit(tasks().say, "hello", how)), 1);
    // No wait: it was told before the answer counted.
    const auto told = around.events.all(event_kind::output);
    ASSERT_FALSE(told.empty()) << how;
    EXPECT_EQ(told.back().text, std::string("hello by ") + how);
    EXPECT_EQ(told.back().actor, "/root/squares/w1");
    EXPECT_EQ(told.back().runs_in, "process");
    ASSERT_TRUE(told.back().task.has_value()) << how;
    EXPECT_EQ(told.back().task->name, "say");
    EXPECT_THAT(told.back().task->args, HasSubstr(how));
    EXPECT_EQ(printed().back(), std::string("/root/squares/w1: hello by ") + how);
  }
  EXPECT_EQ(around.events.all(event_kind::output).size(), 6u);
}

TEST_F(process_output, of_tasks_that_were_sent_ahead_goes_to_each_of_them) {
  process_pool pool(environment_, "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  std::vector<std::tuple<std::string, std::string>> inputs;
  const std::vector<std::string> hows{"printf", "flush", "cout", "unended"};
  for (int i = 0; i < 400; ++i) inputs.emplace_back(std::to_string(i), hows[static_cast<std::size_t>(i) % hows.size()]);
  map_options options;
  options.chunk = 50;
  EXPECT_EQ(pool.map(tasks().say, inputs, options).size(), 400u);
  const auto told = around.events.all(event_kind::output);
  ASSERT_EQ(told.size(), 400u);
  for (const auto& e : told) {
    ASSERT_TRUE(e.task.has_value()) << e.text;
    const auto text = e.text.substr(0, e.text.find(' '));
    EXPECT_THAT(e.task->args, testing::StartsWith(text + ", ")) << e.text;
  }
}

TEST_F(process_output, of_finished_tasks_outlives_the_death_of_their_worker) {
  auto spec = spec_of(1);
  spec.limits.attempts = 1;
  process_pool pool(environment_, "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  std::vector<std::tuple<std::string, std::string>> inputs{{"a", "printf"}, {"b", "unended"}, {"c", "die"}};
  map_options options;
  options.chunk = 3;
  const auto outcomes = pool.map_outcomes(tasks().say, inputs, options);
  EXPECT_TRUE(outcomes[0].ok() && outcomes[1].ok());
  EXPECT_FALSE(outcomes[2].ok());
  lines texts;
  for (const auto& e : around.events.all(event_kind::output)) texts.push_back(e.text);
  EXPECT_THAT(texts, ElementsAre("a by printf", "b by unended", "c by die"));
}

TEST_F(process_output, in_a_flood_is_whole_and_the_pool_goes_on) {
  process_pool pool(environment_, "squares", spec_of(2));
  ASSERT_EQ(pool.start(), std::nullopt);
  constexpr int many = 50'000;
  auto flood = pool.submit(tasks().say, std::to_string(many), "flood");
  for (std::int64_t i = 0; i < 50; ++i) EXPECT_EQ(get_soon_value(pool.submit(tasks().square, i)), i * i);
  EXPECT_EQ(get_soon_value(std::move(flood)), 1);
  const auto told = around.events.all(event_kind::output);
  ASSERT_EQ(told.size(), static_cast<std::size_t>(many));
  for (int i = 0; i < many; ++i) ASSERT_EQ(told[static_cast<std::size_t>(i)].text, std::to_string(i));
}

TEST_F(process_output, on_standard_error_bears_the_workers_name) {
  auto spec = spec_of(1);
  spec.limits.attempts = 1;
  process_pool pool(environment_, "squares", spec);
  ASSERT_EQ(pool.start(), std::nullopt);
  ::testing::internal::CaptureStderr();
  auto lost = pool.submit(tasks().complain_and_die, 17);
  EXPECT_FALSE(get_soon(lost).ok());
  const auto shown = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(shown, HasSubstr("/root/squares/w1: first complaint\n/root/squares/w1: second complaint about 17\n"));
}

// Where nobody takes the lines they go to the program's own standard output.
TEST_F(process_output, goes_to_standard_output_where_nobody_takes_it) {
  environment_.print = nullptr;
  environment_.events = nullptr;
  process_pool pool(environment_, "squares", spec_of(1));
  ASSERT_EQ(pool.start(), std::nullopt);
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(get_soon_value(pool.submit(tasks().say, "hello", "printf")), 1);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "/root/squares/w1: hello by printf\n");
}

}  // namespace
