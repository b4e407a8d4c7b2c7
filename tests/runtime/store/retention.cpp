#include "store/retention.hpp"

#include "observe/run_view.hpp"
#include "store/database.hpp"
#include "store/recorder.hpp"
#include "store/schema.hpp"
#include "store/state_directory.hpp"
#include "store/stretches.hpp"
#include "tests/runtime/store/support.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

namespace steward::store::test {
namespace {

/// A store without threads, whose clock stands where the test puts it.
class store_retention : public store_test {
protected:
  void open(const keep_limits& limits, const std::string& run = "r-000001", time_point from = start) {
    keep = limits;
    rows.reset();
    if (!in) {
      directory.emplace(state());
      in.emplace(directory->database_path(), database::access::write);
      bring_up_to_date(*in);
    }
    view = {};
    tree = made_run{run, from};
    rows.emplace(*in, run_identity{run, 1, from}, view);
    old.emplace(*in, keep, rows->run());
  }

  void put(const event& e) {
    transaction change{*in};
    put_alone(e);
    rows->finish();
    change.commit();
  }
  void put_alone(const event& e) {
    rows->put(e);
    fold(view, e);
  }
  void put(int events) {
    transaction change{*in};
    for (int i = 0; i < events; ++i) put_alone(tree.step());
    rows->finish();
    change.commit();
  }
  void put(const std::vector<sample>& all) {
    transaction change{*in};
    for (const auto& x : all) rows->put(x);
    change.commit();
  }
  void checkpoint() { rows->put_checkpoint(view); }

  /// Steps until nothing is left to do; returns how many it took.
  int keep_up(time_point now, std::int64_t rows_a_step = 500) {
    int steps = 0;
    while (old->step(now, rows_a_step)) {
      EXPECT_LT(++steps, 10'000) << "it never ends";
      if (HasFailure()) break;
    }
    return steps;
  }
  std::vector<sample> samples(const std::string& child) {
    reader from{state()};
    return from.history(*from.find_run())->samples_of(child, {}, time_point::max(), 0ms);
  }
  std::int64_t used_bytes() {
    return (in->number("PRAGMA page_count") - in->number("PRAGMA freelist_count")) * in->number("PRAGMA page_size");
  }

  static constexpr time_point start{1'700'000'040s};

  keep_limits keep;
  made_run tree;
  run_view view;
  std::optional<state_directory> directory;
  std::optional<database> in;
  std::optional<recorder> rows;
  std::optional<retention> old;
};

TEST_F(store_retention, thins_samples_out_as_they_get_older) {
  open({});
  put(tree.begin());
  std::vector<sample> all;
  for (int i = 0; i < 3'600; ++i)
    for (const auto* path : {"/root/a", "/root/b"})
      all.push_back(figures(path, start + 1s * i, static_cast<std::uint64_t>(i)));
  put(all);

  keep_up(start + 3'600s);
  const auto hour_old = samples("/root/a");
  const auto fresh = std::ranges::count_if(hour_old, [](const sample& x) { return x.at >= start + 2'700s; });
  EXPECT_EQ(fresh, 900) << "a quarter of an hour is whole";
  EXPECT_EQ(hour_old.size(), 900U + 270U) << "before it there is one for 10 s";
  EXPECT_EQ(hour_old[0].handled, 9U) << "which is the last";
  EXPECT_TRUE(hour_old == [&] {
    auto b = samples("/root/b");
    for (auto& x : b) x.path = "/root/a";
    return b;
  }());

  keep_up(start + 3'600s + 24h);
  const auto day_old = samples("/root/a");
  EXPECT_EQ(day_old.size(), 60U) << "and one a minute a day ago";
  EXPECT_EQ(day_old.back().handled, 3'599U);
  EXPECT_EQ(keep_up(start + 3'600s + 24h), 0) << "what was thinned once is left alone";
}

TEST_F(store_retention, goes_on_thinning_after_the_next_start) {
  open({});
  put(tree.begin());
  std::vector<sample> all;
  for (int i = 0; i < 100; ++i) all.push_back(figures("/root/a", start + 1s * i, 1));
  put(all);
  old->step(start + 1h, 5);
  old.emplace(*in, keep, rows->run());
  keep_up(start + 1h);
  EXPECT_EQ(samples("/root/a").size(), 10U);
}

TEST_F(store_retention, takes_small_steps) {
  open({});
  put(tree.begin());
  std::vector<sample> all;
  for (int i = 0; i < 500; ++i)
    for (int child = 0; child < 10; ++child)
      all.push_back(figures("/root/c" + std::to_string(child), start + 1s * i, 1));
  put(all);
  auto left = in->number("SELECT count(*) FROM samples");
  while (old->step(start + 1h, 20)) {
    const auto now = in->number("SELECT count(*) FROM samples");
    EXPECT_LE(left - now, 20);
    left = now;
  }
  EXPECT_EQ(left, 500);
}

TEST_F(store_retention, removes_runs_whole_whose_last_event_is_too_old) {
  keep_limits limits;
  limits.max_age = 48h;
  open(limits);
  put(tree.begin());
  put(100);
  put(tree.end());
  put(std::vector{figures("/root/c0", start, 1)});
  open(limits, "r-000002", start + 24h);
  put(tree.begin());
  put(10);
  put(tree.end());
  open(limits, "r-000003", start + 60h);
  put(tree.begin());

  keep_up(start + 47h);
  EXPECT_EQ(reader{state()}.runs().size(), 3U);
  keep_up(start + 49h);
  auto all = reader{state()}.runs();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].id, "r-000002");
  EXPECT_EQ(in->number("SELECT count(*) FROM events WHERE run = 1"), 0);
  EXPECT_EQ(in->number("SELECT count(*) FROM stretches"), 2) << "one of each run that is left";
  EXPECT_EQ(in->number("SELECT count(*) FROM samples"), 0);
  keep_up(start + 1'000h);
  EXPECT_EQ(reader{state()}.runs().size(), 1U) << "the current one stays, however old it is";
}

TEST_F(store_retention, of_a_long_run_keeps_what_is_needed_to_fold_the_rest) {
  keep_limits limits;
  limits.max_age = 48h;
  open(limits);
  put(tree.begin());
  std::map<std::uint64_t, run_view> as_it_was;
  for (int day = 0; day < 10; ++day) {
    put(200);
    checkpoint();
    put(57);
    as_it_was[tree.seq()] = view;
    tree.wait(24h);
  }
  const auto now = tree.now();
  keep_up(now);
  const auto run = last_run();
  EXPECT_GT(run.first_seq, 1'500U);
  EXPECT_LE(in->number("SELECT count(*) FROM checkpoints"), 4);
  EXPECT_EQ(static_cast<std::uint64_t>(in->number("SELECT count(*) FROM events")), tree.seq() - run.first_seq + 1);
  EXPECT_EQ(in->number("SELECT min(first) FROM stretches"), stretch_of_row(row_of(1, run.first_seq)));
  event_query restarts;
  restarts.kinds = {event_kind::restart};
  EXPECT_EQ(static_cast<std::int64_t>(events_of(run, restarts).size()),
            in->number("SELECT count(*) FROM events WHERE kind = 'restart'"));
  reader from{state()};
  EXPECT_TRUE(from.view_at(run) == view);
  EXPECT_EQ(from.view_at(run).missing, 0U) << "that some are not kept is no gap";
  for (const auto& [seq, was] : as_it_was) {
    if (seq + 1 >= run.first_seq) {
      EXPECT_TRUE(from.view_at(run, seq) == was) << seq;
    } else {
      EXPECT_NE(why_not([&, at = seq] { from.view_at(run, at); }).find("are not kept any more"), std::string::npos);
    }
  }
  EXPECT_TRUE(from.view_at(run, run.first_seq - 1).events == run.first_seq - 1) << "the place of the cut itself";
  const auto before = history_of(state(), run.id)->picture_before();
  ASSERT_TRUE(before);
  EXPECT_TRUE(*before == from.view_at(run, run.first_seq - 1)) << "what later events are folded into";
}

TEST_F(store_retention, holds_the_size_while_events_come_and_folds_all_the_same) {
  keep_limits limits;
  limits.max_bytes = 4U << 20U;
  open(limits);
  checkpoint_rule rule{limits};
  put(tree.begin());
  std::int64_t most = 0;
  for (int i = 0; i < 60; ++i) {
    {
      transaction change{*in};
      for (int n = 0; n < 1'000; ++n) {
        const auto e = tree.step();
        const auto bytes = rows->put(e);
        fold(view, e);
        rule.note(bytes, e.ts);
      }
      rows->finish();
      change.commit();
    }
    if (rule.is_due(view.children.size(), tree.now())) {
      checkpoint();
      rule.made();
    }
    old->step(tree.now(), 2'500);
    most = std::max(most, used_bytes());
  }
  keep_up(tree.now());
  EXPECT_LE(used_bytes(), 4 << 20);
  EXPECT_LE(most, 6 << 20) << "while one step goes with each thousand events";
  EXPECT_GT(used_bytes(), 2 << 20) << "and no more is removed than needed";
  const auto run = last_run();
  EXPECT_TRUE(reader{state()}.view_at(run) == view);
  EXPECT_TRUE(told.all().empty());
}

TEST_F(store_retention, beyond_the_size_takes_older_runs_first) {
  keep_limits limits;
  limits.max_bytes = 1U << 20U;
  for (const auto* id : {"r-000001", "r-000002", "r-000003"}) {
    open(limits, id, start + 1h * (id[7] - '0'));
    put(tree.begin());
    put(1'500);
    put(tree.end());
  }
  keep_up(tree.now());
  const auto all = reader{state()}.runs();
  ASSERT_EQ(all.back().id, "r-000003");
  EXPECT_EQ(all.back().first_seq, 1U);
  EXPECT_LT(all.size(), 3U);
  EXPECT_LE(used_bytes(), 1 << 20);
  EXPECT_TRUE(reader{state()}.view_at(last_run()) == view);
}

TEST_F(store_retention, gives_samples_a_quarter_of_the_size) {
  keep_limits limits;
  limits.max_bytes = 1U << 20U;
  open(limits);
  put(tree.begin());
  put(100);
  for (int round = 0; round < 20; ++round) {
    std::vector<sample> all;
    for (int i = 0; i < 500; ++i) all.push_back(figures("/root/c0", start + 1ms * (500 * round + i), 1));
    put(all);
    keep_up(start + 10s);
  }
  const auto weight = in->number("SELECT sum(length(figures) + 2 * length(path) + 40) FROM samples");
  EXPECT_LE(weight, 1 << 18);
  EXPECT_GE(weight, 1 << 17);
  EXPECT_EQ(in->number("SELECT value FROM progress WHERE what = 'sample_bytes'"), weight);
  EXPECT_EQ(in->number("SELECT max(ts) FROM samples"), micros_of(start + 9'999ms)) << "the latest are there";
  EXPECT_EQ(in->number("SELECT count(*) FROM events"), 101) << "events do not have to go for them";
}

TEST_F(store_retention, gives_the_room_back_when_much_is_free) {
  keep_limits limits;
  limits.max_bytes = std::uint64_t{1} << 30U;
  open(limits);
  put(tree.begin());
  for (int i = 0; i < 60; ++i) put(1'000);
  checkpoint();
  const auto before = in->number("PRAGMA page_count");
  limits.max_bytes = 1U << 20U;
  old.emplace(*in, limits, rows->run());
  keep_up(tree.now(), 5'000);
  EXPECT_LT(in->number("PRAGMA page_count"), before / 2);
  EXPECT_TRUE(reader{state()}.view_at(last_run()) == view);
}

TEST(store_checkpoints, are_due_after_events_bytes_or_time) {
  const time_point at{1'000s};
  keep_limits keep;
  keep.max_bytes = 16'000;
  keep.max_age = 16h;
  checkpoint_rule rule{keep};
  EXPECT_FALSE(rule.is_due(10, at)) << "nothing has happened";
  EXPECT_FALSE(rule.is_due(10, at + 1'000h));
  rule.note(999, at);
  EXPECT_FALSE(rule.is_due(10, at));
  EXPECT_TRUE(rule.is_due(10, at + 1h)) << "a 16th of the age";
  rule.note(1, at);
  EXPECT_TRUE(rule.is_due(10, at)) << "a 16th of the size";
  rule.made();
  EXPECT_FALSE(rule.is_due(10, at + 1'000h));
  keep.max_bytes = std::uint64_t{1} << 40U;
  rule = checkpoint_rule{keep};
  for (std::uint64_t i = 0; i < checkpoint_rule::least_events; ++i) rule.note(1, at);
  EXPECT_TRUE(rule.is_due(10, at));
  EXPECT_FALSE(rule.is_due(2'000, at)) << "of a large tree they are large";
}

}  // namespace
}  // namespace steward::store::test
