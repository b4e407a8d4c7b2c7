#include "store/reader.hpp"

#include "observe/run_view.hpp"
#include "tests/runtime/store/support.hpp"

#include <algorithm>
#include <iterator>
#include <random>

namespace steward::store::test {
namespace {

class store_reader : public store_test {
protected:
  /// 1,000 events, one a second, and what they were.
  void SetUp() override {
    writer out{options()};
    for (int i = 0; i < 1'000; ++i) {
      all.push_back(i == 0 ? tree.begin() : i % 10 == 9 ? tree.line("line " + std::to_string(i)) : tree.step());
      tree.wait(1s);
      out.write(all.back());
    }
    ASSERT_TRUE(out.finish());
  }

  std::vector<std::uint64_t> numbers(const event_query& wanted) {
    std::vector<std::uint64_t> out;
    for (const auto& e : events_of(last_run(), wanted)) out.push_back(e.seq);
    return out;
  }
  std::vector<std::uint64_t> numbers_where(const std::function<bool(const event&)>& holds) const {
    std::vector<std::uint64_t> out;
    for (const auto& e : all)
      if (holds(e)) out.push_back(e.seq);
    return out;
  }
  run_view folded(std::uint64_t until) const {
    run_view out;
    for (const auto& e : all)
      if (e.seq <= until) fold(out, e);
    return out;
  }

  made_run tree;
  std::vector<event> all;
};

TEST_F(store_reader, gives_the_events_that_are_asked_for) {
  event_query of_numbers;
  of_numbers.after = 100;
  of_numbers.until = 900;
  EXPECT_EQ(numbers(of_numbers), numbers_where([](const event& e) { return e.seq > 100 && e.seq <= 900; }));

  event_query of_kinds;
  of_kinds.kinds = {event_kind::crash, event_kind::output};
  EXPECT_EQ(numbers(of_kinds),
            numbers_where([](const event& e) { return e.kind == event_kind::crash || e.kind == event_kind::output; }));

  event_query of_actor;
  of_actor.actor = "/root/c1";
  EXPECT_EQ(numbers(of_actor), numbers_where([](const event& e) { return e.actor == "/root/c1"; }));
  of_actor.actor = "/root";
  EXPECT_EQ(numbers(of_actor), numbers_where([](const event& e) { return !e.actor.empty(); })) << "and what is below";
  of_actor.actor = "/root/c";
  EXPECT_TRUE(numbers(of_actor).empty()) << "c1 is not below c";

  event_query of_time;
  of_time.from = all[200].ts;
  of_time.before = all[300].ts;
  const auto in_time = numbers(of_time);
  EXPECT_EQ(in_time.size(), 100U);
  EXPECT_EQ(in_time.front(), 201U);

  event_query of_level;
  of_level.least = event_level::warn;
  EXPECT_TRUE(numbers(of_level).empty());

  event_query of_crash;
  of_crash.crash = std::ranges::find(all, event_kind::crash, &event::kind)->id;
  EXPECT_EQ(numbers(of_crash).size(), 1U);
  event_query alike;
  alike.fingerprint = std::ranges::find(all, event_kind::crash, &event::kind)->fingerprint;
  alike.from = all[500].ts;
  EXPECT_EQ(numbers(alike), numbers_where([](const event& e) { return e.kind == event_kind::crash && e.seq > 500; }));
}

/// Whatever is asked for, in a store that was written in many commits.
TEST_F(store_reader, finds_what_a_look_at_all_events_finds) {
  made_run more{"r-000002", tree.now()};
  all.clear();
  {
    writer out{options("r-000002")};
    for (int i = 0; i < 3'000; ++i) {
      all.push_back(i == 0 ? more.begin() : i % 1'000 == 999 ? more.line("now and then") : more.step());
      more.wait(1s);
      out.write(all.back());
      if (i % 331 == 0) {
        ASSERT_TRUE(out.finish());
      }
    }
    ASSERT_TRUE(out.finish());
  }
  static constexpr event_kind kinds[] = {event_kind::crash,  event_kind::restart,   event_kind::child,
                                         event_kind::output, event_kind::run_start, event_kind::hang};
  reader in{state()};
  const auto run = *in.find_run();
  std::mt19937_64 random{11};
  const auto one_in = [&](unsigned n) { return random() % n == 0; };
  for (int i = 0; i < 150; ++i) {
    event_query wanted;
    if (one_in(2)) wanted.after = random() % 3'000;
    if (one_in(3)) wanted.until = wanted.after + random() % 1'000;
    if (one_in(4)) wanted.from = all[random() % all.size()].ts;
    while (one_in(2)) wanted.kinds.push_back(kinds[random() % std::size(kinds)]);
    if (one_in(2)) wanted.actor = one_in(4) ? "/root" : "/root/c" + std::to_string(random() % 12);
    auto expected = numbers_where([&](const event& e) {
      return e.seq > wanted.after && e.seq <= wanted.until && (!wanted.from || e.ts >= *wanted.from) &&
             (wanted.kinds.empty() || std::ranges::find(wanted.kinds, e.kind) != wanted.kinds.end()) &&
             (wanted.actor.empty() || e.actor == wanted.actor || e.actor.starts_with(wanted.actor + "/"));
    });
    if (one_in(3)) {
      wanted.only_last = random() % 20;
      if (expected.size() > *wanted.only_last)
        expected.erase(expected.begin(), expected.end() - static_cast<std::ptrdiff_t>(*wanted.only_last));
    }
    std::vector<std::uint64_t> found;
    in.events(run, wanted, [&](const event& e) {
      found.push_back(e.seq);
      return true;
    });
    ASSERT_EQ(found, expected) << "query " << i;
  }
}

TEST_F(store_reader, gives_the_last_ones_in_their_order) {
  event_query last;
  last.only_last = 3;
  EXPECT_EQ(numbers(last), (std::vector<std::uint64_t>{998, 999, 1'000}));
  last.kinds = {event_kind::output};
  EXPECT_EQ(numbers(last), (std::vector<std::uint64_t>{980, 990, 1'000}));
  last.only_last = 0;
  EXPECT_TRUE(numbers(last).empty());
  last.only_last = 5'000;
  EXPECT_EQ(numbers(last).size(), 100U);
}

TEST_F(store_reader, stops_when_it_is_told_to) {
  reader in{state()};
  const auto run = *in.find_run();
  int seen = 0;
  in.events(run, {}, [&](const event&) { return ++seen < 7; });
  EXPECT_EQ(seen, 7);
  seen = 0;
  in.history(run)->events_after(990, [&](const event& e) {
    EXPECT_GT(e.seq, 990U);
    return ++seen < 100;
  });
  EXPECT_EQ(seen, 10);
}

TEST_F(store_reader, shows_a_run_as_it_was_at_any_number) {
  reader in{state()};
  const auto run = *in.find_run();
  for (std::uint64_t seq = 0; seq <= 1'000; seq += 37) EXPECT_TRUE(in.view_at(run, seq) == folded(seq)) << seq;
  EXPECT_TRUE(in.view_at(run) == folded(1'000));
}

TEST_F(store_reader, shows_a_run_as_it_was_at_any_time) {
  reader in{state()};
  const auto run = *in.find_run();
  for (const std::size_t at : {0UL, 1UL, 500UL, 999UL}) {
    EXPECT_TRUE(in.view_at(run, all[at].ts) == folded(at + 1));
    EXPECT_TRUE(in.view_at(run, all[at].ts + 500ms) == folded(at + 1));
    EXPECT_TRUE(in.view_at(run, all[at].ts - 1us) == folded(at));
  }
}

TEST_F(store_reader, finds_a_run_by_its_id_its_scenario_or_as_the_newest) {
  reader in{state()};
  EXPECT_TRUE(in.find_run("r-000001").has_value());
  EXPECT_TRUE(in.find_run("made").has_value());
  EXPECT_FALSE(in.find_run("other").has_value());
  const auto run = *in.find_run();
  EXPECT_EQ(run.scenario, "made");
  EXPECT_EQ(run.file, "made.yaml");
  EXPECT_EQ(run.seed, 7U);
  EXPECT_EQ(run.status, run_status::died);
  EXPECT_EQ(run.last_at, all.back().ts);
  EXPECT_TRUE(reader{state() + "/steward.db"}.find_run().has_value()) << "the file may be named, too";
}

}  // namespace
}  // namespace steward::store::test
