#include "store/intake.hpp"
#include "base/weight.hpp"

#include "tests/runtime/store/support.hpp"

#include <atomic>

namespace steward::store::test {
namespace {

constexpr std::size_t plenty = std::size_t{64} << 20;

event numbered(std::uint64_t seq, event_kind kind = event_kind::output) {
  event e;
  e.seq = seq;
  e.kind = kind;
  return e;
}

TEST(store_intake, hands_out_what_came_in_its_order) {
  intake all{plenty, 0ms};
  for (std::uint64_t i = 1; i <= 1'000; ++i) all.put(numbered(i));
  all.put(figures("/root/a", {}, 1));
  auto got = all.take(clock::now() + patience);
  ASSERT_EQ(got.events(), 1'000U);
  ASSERT_EQ(got.samples.size(), 1U);
  for (std::size_t i = 0; i < got.events(); ++i) ASSERT_EQ(got.event_at(i).seq, i + 1);
  all.done(std::move(got), 0);
  EXPECT_EQ(all.lost(), 0U);
}

TEST(store_intake, uses_its_memory_again) {
  intake all{plenty, 0ms};
  for (int round = 0; round < 50; ++round) {
    for (std::uint64_t i = 1; i <= 300; ++i) all.put(numbered(i));
    auto got = all.take(clock::now() + patience);
    ASSERT_EQ(got.events(), 300U);
    ASSERT_EQ(got.event_at(299).seq, 300U);
    all.done(std::move(got), 0);
  }
}

TEST(store_intake, loses_and_counts_what_has_no_room_until_what_was_taken_is_done) {
  const auto one = weight_of(numbered(1));
  intake all{10 * one, 0ms};
  for (std::uint64_t i = 1; i <= 12; ++i) all.put(numbered(i));
  EXPECT_EQ(all.lost(), 2U);
  auto got = all.take(clock::now() + patience);
  EXPECT_EQ(got.events(), 10U);
  all.put(numbered(13));
  EXPECT_EQ(all.lost(), 3U) << "what is in hand counts";
  all.done(std::move(got), 0);
  all.put(numbered(14));
  EXPECT_EQ(all.lost(), 3U);
}

TEST(store_intake, has_room_for_a_crash_where_nothing_else_has_any) {
  const auto one = weight_of(numbered(1));
  intake all{10 * one, 0ms};
  for (std::uint64_t i = 1; i <= 10; ++i) all.put(numbered(i));
  all.put(numbered(11, event_kind::crash));
  EXPECT_EQ(all.lost(), 0U);
  all.put(numbered(12, event_kind::crash));
  EXPECT_EQ(all.lost(), 1U) << "but that is bounded, too";
}

TEST(store_intake, counts_texts_of_an_event) {
  event small = numbered(1);
  event large = numbered(1);
  large.text.assign(4'000, 'x');
  large.why = cause{};
  large.why->frames.assign(10, std::string(100, 'f'));
  EXPECT_GE(weight_of(large), weight_of(small) + 5'000);
}

TEST(store_intake, gathers_until_something_urgent_comes) {
  intake all{plenty, std::chrono::duration_cast<std::chrono::milliseconds>(1h)};
  std::atomic<bool> taken{false};
  std::size_t count = 0;
  std::thread taker{[&] {
    count = all.take(clock::now() + 1h).events();
    taken = true;
  }};
  all.put(numbered(1));
  all.put(numbered(2));
  EXPECT_FALSE(taken);
  all.put(numbered(3, event_kind::crash));
  taker.join();
  EXPECT_EQ(count, 3U);
}

TEST(store_intake, gathers_no_more_than_a_part_of_its_room) {
  const auto one = weight_of(numbered(1));
  intake all{100 * one, std::chrono::duration_cast<std::chrono::milliseconds>(1h)};
  std::thread filler{[&] {
    for (std::uint64_t i = 1; i <= 30; ++i) all.put(numbered(i));
  }};
  EXPECT_GE(all.take(clock::now() + 1h).events(), 25U);
  filler.join();
}

TEST(store_intake, wakes_who_takes_for_somebody_who_waits_and_tells_him_when_it_is_done) {
  intake all{plenty, std::chrono::duration_cast<std::chrono::milliseconds>(1h)};
  all.put(numbered(1));
  std::thread taker{[&] {
    auto got = all.take(clock::now() + 1h);
    all.done(std::move(got), 0);
  }};
  EXPECT_TRUE(all.wait_until_done(clock::now() + patience));
  taker.join();
}

TEST(store_intake, lets_nobody_wait_for_what_fails) {
  intake all{plenty, 0ms};
  all.put(numbered(1));
  std::atomic<bool> over{false};
  std::thread fails_on{[&] {
    while (!over) all.failed();
  }};
  EXPECT_FALSE(all.wait_until_done(clock::now() + 1h));
  over = true;
  fails_on.join();
}

TEST(store_intake, of_many_threads_loses_nothing) {
  constexpr std::uint64_t each = 5'000;
  constexpr int threads = 4;
  intake all{std::size_t{1} << 30, 1ms};
  std::vector<std::thread> writers;
  for (int t = 0; t < threads; ++t)
    writers.emplace_back([&all, t] {
      for (std::uint64_t i = 0; i < each; ++i) {
        if (i % 100 == 0)
          all.put(figures("/root", {}, i));
        else
          all.put(
              numbered(static_cast<std::uint64_t>(t) * each + i, i % 77 == 0 ? event_kind::crash : event_kind::output));
      }
    });
  std::uint64_t seen = 0;
  std::vector<std::uint64_t> last(threads, 0);
  while (seen < threads * each) {
    auto got = all.take(clock::now() + patience);
    ASSERT_FALSE(got.empty());
    for (std::size_t i = 0; i < got.events(); ++i) {
      const auto seq = got.event_at(i).seq;
      auto& before = last[static_cast<std::size_t>(seq / each)];
      ASSERT_GE(seq % each + 1, before) << "those of one thread keep their order";
      before = seq % each + 1;
    }
    seen += got.count;
    all.done(std::move(got), 0);
  }
  for (auto& one : writers) one.join();
  EXPECT_EQ(all.lost(), 0U);
}

TEST(store_intake, leaves_the_exceptions_of_users_where_they_are) {
  intake all{plenty, 0ms};
  auto e = numbered(1, event_kind::crash);
  e.why = cause{};
  e.why->original = std::make_exception_ptr(std::runtime_error("boom"));
  all.put(e);
  auto got = all.take(clock::now() + patience);
  EXPECT_EQ(got.event_at(0).why->original, nullptr);
}

TEST(store_intake, closed_gives_what_is_left_and_then_nothing) {
  intake all{plenty, std::chrono::duration_cast<std::chrono::milliseconds>(1h)};
  all.put(numbered(1));
  all.close();
  EXPECT_EQ(all.take(clock::now() + 1h).events(), 1U);
  EXPECT_TRUE(all.take(clock::now() + 1h).empty());
  EXPECT_FALSE(all.pause(std::chrono::duration_cast<std::chrono::milliseconds>(1h)));
}

}  // namespace
}  // namespace steward::store::test
