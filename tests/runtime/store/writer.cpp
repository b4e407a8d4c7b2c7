#include "store/writer.hpp"

#include "observe/run_view.hpp"
#include "store/database.hpp"
#include "tests/runtime/store/support.hpp"
#include "tests/support/random_events.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <random>

namespace steward::store::test {
namespace {

class store_writer : public store_test {};

using steward::test::random_events;

TEST_F(store_writer, keeps_every_event_as_it_was) {
  random_events source{20'261'130};
  std::vector<event> given;
  {
    writer out{options("r")};
    for (std::uint64_t i = 1; i <= 3'000; ++i) {
      auto e = source.next();
      e.seq = i;
      e.run = "r";
      given.push_back(e);
      out.write(e);
    }
    EXPECT_TRUE(out.finish());
    EXPECT_EQ(out.count().written, 3'000U);
    EXPECT_EQ(out.count().lost, 0U);
  }
  const auto back = events_of(last_run());
  ASSERT_EQ(back.size(), given.size());
  for (std::size_t i = 0; i < given.size(); ++i) ASSERT_TRUE(back[i] == given[i]) << to_json_line(back[i]);
  EXPECT_TRUE(told.all().empty());
}

TEST_F(store_writer, of_a_log_gives_what_the_log_gave) {
  event_log log;
  std::vector<event> given;
  writer out{options(log.run_id())};
  log.add_sink([&](const event& e) { given.push_back(e); });
  log.add_sink([&](const event& e) { out.write(e); });
  made_run tree;
  log.emit(tree.begin());
  for (int i = 0; i < 400; ++i) log.emit(tree.step());
  log.emit(tree.end());
  ASSERT_TRUE(out.finish());
  run_view folded;
  for (auto e : given) {
    e.ts = std::chrono::floor<std::chrono::microseconds>(e.ts);
    fold(folded, e);
  }
  const auto run = last_run();
  EXPECT_EQ(run.id, log.run_id());
  EXPECT_EQ(run.scenario, "made");
  EXPECT_EQ(run.last_seq, 402U);
  EXPECT_EQ(run.code, 0);
  EXPECT_TRUE(reader{state()}.view_at(run) == folded);
}

TEST_F(store_writer, commits_many_events_at_once_and_a_crash_without_waiting) {
  auto how = options();
  how.commit_within = std::chrono::duration_cast<std::chrono::milliseconds>(1h);
  writer out{how};
  made_run tree;
  for (int i = 0; i < 500; ++i) out.write(tree.line("x"));
  EXPECT_EQ(out.count().commits, 0U);
  auto crash = tree.step();
  ASSERT_EQ(crash.kind, event_kind::crash);
  out.write(crash);
  EXPECT_TRUE(eventually([&] { return out.count().written == 501; }));
  EXPECT_EQ(out.count().commits, 1U);
  EXPECT_EQ(events_of(last_run()).size(), 501U);
}

TEST_F(store_writer, commits_what_nobody_waits_for_soon) {
  writer out{options()};
  made_run tree;
  out.write(tree.line("x"));
  EXPECT_TRUE(eventually([&] { return events_of(last_run()).size() == 1; }));
}

TEST_F(store_writer, loses_what_has_no_room_while_somebody_locks_the_file_and_shows_the_gap) {
  auto how = options();
  how.max_queued_bytes = 200 * sizeof(event);
  writer out{how};
  made_run tree;
  out.write(tree.begin());
  ASSERT_TRUE(out.finish());
  {
    database other{state() + "/steward.db", database::access::write};
    other.run("BEGIN IMMEDIATE");
    for (int i = 0; i < 1'000; ++i) out.write(tree.step());
    EXPECT_GE(out.count().lost, 700U);
    EXPECT_TRUE(eventually([&] { return told.contains("database is locked"); }));
    EXPECT_FALSE(out.finish(10ms));
    other.run("ROLLBACK");
  }
  EXPECT_TRUE(eventually([&] { return told.contains("is written again"); }));
  ASSERT_TRUE(out.finish());
  out.write(tree.end());
  ASSERT_TRUE(out.finish());
  const auto count = out.count();
  EXPECT_EQ(count.written + count.lost, 1'002U);
  EXPECT_EQ(told.all().size(), 2U) << "said once that it cannot, and once that it can again";
  const auto view = reader{state()}.view_at(last_run());
  EXPECT_EQ(view.missing, count.lost);
  EXPECT_EQ(view.events, count.written);
  EXPECT_FALSE(view.gaps.empty());
  EXPECT_EQ(view.last_seq, tree.seq());
}

TEST_F(store_writer, keeps_samples_and_gives_the_last_of_each_stretch) {
  const time_point from{1'700'000'000s};
  writer out{options()};
  made_run tree{"r-000001", from};
  out.write(tree.begin());
  out.write(tree.step());
  for (int i = 0; i < 100; ++i) {
    out.write(figures("/root/c0", from + 1s * i, static_cast<std::uint64_t>(10 * i)));
    out.write(figures("/root/other", from + 1s * i, 1));
  }
  ASSERT_TRUE(out.finish());
  reader in{state()};
  auto run = last_run();
  const auto history = in.history(run);
  const auto every = history->samples_of("/root/c0", from, from + 100s, 0ms);
  ASSERT_EQ(every.size(), 100U);
  EXPECT_TRUE(every[42] == figures("/root/c0", from + 42s, 420));
  const auto some = history->samples_of("/root/c0", from + 10s, from + 50s, 10s);
  ASSERT_EQ(some.size(), 4U);
  EXPECT_EQ(some[0].at, from + 19s);
  EXPECT_EQ(some[3].at, from + 49s);
  EXPECT_TRUE(history->samples_of("/root/none", from, from + 100s, 0ms).empty());
}

TEST_F(store_writer, of_a_run_whose_clock_shows_its_figures_with_rates) {
  writer out{options()};
  made_run tree{"r-000001", std::chrono::system_clock::now()};
  out.write(tree.begin());
  out.write(tree.step());
  const auto at = tree.now();
  out.write(figures("/root/c0", at + 1s, 100));
  out.write(figures("/root/c0", at + 2s, 150));
  ASSERT_TRUE(out.finish());
  const auto view = reader{state()}.view_at(last_run());
  const auto& x = view.children.at("/root/c0");
  ASSERT_TRUE(x.figures.has_value());
  EXPECT_EQ(x.figures->last.handled, 150U);
  EXPECT_EQ(x.figures->per_second, 50.0);
}

TEST_F(store_writer, of_several_threads_beside_a_reader_loses_nothing) {
  constexpr int threads = 4;
  constexpr int each = 500;
  event_log log;
  writer out{options(log.run_id())};
  log.add_sink([&](const event& e) { out.write(e); });
  log.emit(made_run{}.begin());
  std::atomic<bool> over{false};
  std::thread looks{[&] {
    reader in{state()};
    std::uint64_t seen = 0;
    while (!over) {
      const auto run = in.find_run();
      std::uint64_t last = 0;
      in.events(*run, {}, [&](const event& e) {
        EXPECT_EQ(e.seq, ++last) << "one after the other, whatever is added meanwhile";
        return true;
      });
      EXPECT_GE(last, run->last_seq);
      EXPECT_GE(run->last_seq, seen) << "what was seen once stays";
      seen = run->last_seq;
      EXPECT_EQ(in.view_at(*run).missing, 0U);
    }
  }};
  std::vector<std::thread> writers;
  for (int t = 0; t < threads; ++t)
    writers.emplace_back([&] {
      made_run tree;
      for (int i = 0; i < each; ++i) {
        log.emit(tree.step());
        if (i % 10 == 0) out.write(figures("/root/c1", std::chrono::system_clock::now(), 1));
      }
    });
  for (auto& one : writers) one.join();
  EXPECT_TRUE(out.finish());
  over = true;
  looks.join();
  const auto view = reader{state()}.view_at(last_run());
  EXPECT_EQ(view.events, 1U + threads * each);
  EXPECT_EQ(view.missing, 0U);
}

TEST_F(store_writer, begins_a_run_of_its_own_each_time) {
  for (const auto* id : {"r-00000a", "r-00000b"}) {
    writer out{options(id)};
    made_run tree{id};
    out.write(tree.begin());
    out.write(tree.end(id[7] == 'a' ? 0 : 4));
  }
  {
    writer out{options("r-00000c")};
    made_run tree{"r-00000c"};
    out.write(tree.begin());
    ASSERT_TRUE(out.finish());
    const auto all = reader{state()}.runs();
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(all[0].number, 1U);
    EXPECT_EQ(all[0].code, 0);
    EXPECT_EQ(all[1].code, 4);
    EXPECT_EQ(all[1].status, run_status::ended);
    EXPECT_EQ(all[2].status, run_status::live);
    EXPECT_EQ(all[2].pid, ::getpid());
    EXPECT_EQ(reader{state()}.find_run("r-00000b")->number, 2U);
  }
  EXPECT_EQ(last_run().status, run_status::died) << "nobody has said that it ended";
}

TEST_F(store_writer, in_a_copy_of_the_program_leaves_last_words_that_readers_and_the_next_run_find) {
  event_log log{"r-dying0"};
  {
    writer out{options(log.run_id())};
    log.add_sink([&](const event& e) { out.write(e); });
    made_run tree{log.run_id()};
    log.emit(tree.begin());
    ASSERT_TRUE(out.finish());
    const auto copy = ::fork();
    if (copy == 0) {
      out.continue_in_copy();
      log.emit(tree.step());
      log.emit(tree.end(139));
      out.finish();
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(copy, &status, 0), copy);
    ASSERT_EQ(status, 0);
    log.emit(tree.line("another thread goes on"));  // with the number that the crash has
  }
  const auto expect_told = [&] {
    const auto run = *reader{state()}.find_run("r-dying0");
    EXPECT_EQ(run.status, run_status::ended);
    EXPECT_EQ(run.code, 139);
    EXPECT_EQ(run.last_seq, 4U);
    const auto view = reader{state()}.view_at(run);
    EXPECT_EQ(view.crash_count, 1U);
    EXPECT_EQ(view.output_lines, 1U);
    EXPECT_EQ(view.code, 139);
    EXPECT_EQ(view.missing, 0U);
    EXPECT_EQ(view.repeated, 0U);
    event_query crashes;
    crashes.kinds = {event_kind::crash};
    EXPECT_EQ(events_of(run, crashes).size(), 1U);
  };
  EXPECT_TRUE(std::filesystem::exists(state() + "/last_words.jsonl"));
  expect_told();
  { writer next{options("r-next00")}; }
  EXPECT_FALSE(std::filesystem::exists(state() + "/last_words.jsonl"));
  expect_told();
  { writer next{options("r-next01")}; }
  expect_told();
}

TEST_F(store_writer, keeps_what_the_run_was_made_of_last) {
  made_run tree;
  writer out{options()};
  const auto kept = [&] { return history_of(state(), last_run().id)->plan(); };
  out.write(tree.begin());
  ASSERT_TRUE(out.finish());
  EXPECT_EQ(kept(), "");
  for (const std::string plan : {R"({"tree":1})", R"({"tree":2})"}) {
    out.keep_plan(plan);
    out.write(tree.step());
    ASSERT_TRUE(out.finish());
    EXPECT_EQ(kept(), plan);
  }
}

}  // namespace
}  // namespace steward::store::test
