// The ledger and the run times of a pool, by themselves.
#include "pool/ledger.hpp"
#include "pool/run_times.hpp"

#include "tasks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace {

using namespace steward;
using namespace steward::pooling;

class ledger_test : public ::testing::Test {
protected:
  struct nobody final : detail::item_sink {
    void values(std::size_t, std::size_t, bytes, const std::shared_ptr<detail::many_body>&, std::size_t,
                double) override {}
    void error(std::size_t, task_error) override {}
  };

  job_ptr task(int priority = 0) {
    auto j = std::make_shared<job>();
    j->entry = test::tasks().square.entry;
    j->priority = priority;
    encode_all(j->args, std::int64_t{7});
    return j;
  }
  job_ptr chunk(std::uint32_t items, int priority = 0) {
    auto j = task(priority);
    j->args.clear();
    j->items = items;
    j->sink = sink;
    for (std::int64_t n = 0; n < items; ++n) encode_all(j->args, n);
    return j;
  }
  slip enqueue(job_ptr j) {
    const auto e = all.add(std::move(j));
    all.enqueue(e);
    return e;
  }
  slip take(std::uint64_t most = 1'000) {
    const auto e = all.take_front(most);
    all.sent(e);
    return e;
  }
  static bytes values(std::uint64_t count) {
    bytes out;
    for (std::uint64_t i = 0; i < count; ++i) encode_all(out, std::int64_t{1});
    return out;
  }
  /// Ids of what waits, in the order in which it is taken.
  std::vector<task_id> order() {
    std::vector<task_id> out;
    while (all.front()) out.push_back(take().id);
    return out;
  }
  /// How often each item has got an outcome, by its place among all inputs of the sink or, for single tasks, its id.
  std::map<task_id, int> outcomes() const {
    std::map<task_id, int> out;
    for (const auto& one : news) {
      if (const auto* s = std::get_if<news::settled>(&one))
        ++out[s->task->sink ? s->task->first + s->item : s->task->id];
      if (const auto* v = std::get_if<news::items_settled>(&one))
        for (std::size_t i = 0; i < v->count; ++i) ++out[v->task->first + v->item + i];
    }
    return out;
  }

  std::shared_ptr<nobody> sink = std::make_shared<nobody>();
  std::vector<notice> news;
  ledger all{news};
};

TEST_F(ledger_test, hands_out_by_priority_and_then_in_order) {
  const auto a = enqueue(task(0)), b = enqueue(task(5)), c = enqueue(task(0)), d = enqueue(task(5));
  const auto first = all.add(task(0));
  all.put_first(first);
  EXPECT_EQ(all.queued(), 5U);
  EXPECT_EQ(order(), (std::vector{b.id, d.id, first.id, a.id, c.id}));
  EXPECT_EQ(all.queued(), 0U);
  EXPECT_EQ(all.open(), 5U);
}

TEST_F(ledger_test, numbers_every_item) {
  const auto a = enqueue(chunk(10)), b = enqueue(task());
  EXPECT_EQ(b.id, a.id + 10);
  EXPECT_EQ(all.counts().submitted, 11U);
}

TEST_F(ledger_test, cuts_what_is_larger_than_was_asked_for_and_loses_nothing) {
  enqueue(chunk(100));
  std::uint32_t seen = 0;
  task_id next = 1;
  while (all.front()) {
    const auto e = take(7);
    EXPECT_LE(all[e].items, 7U);
    EXPECT_EQ(e.id, next) << "parts come in their order";
    EXPECT_EQ(all[e].task->first, seen);
    EXPECT_EQ(all[e].task->args.size(), all[e].items * sizeof(std::int64_t));
    next += all[e].items;
    seen += all[e].items;
  }
  EXPECT_EQ(seen, 100U);
  EXPECT_EQ(all.open(), 100U);
}

TEST_F(ledger_test, lets_the_rest_of_an_answered_one_wait_again) {
  enqueue(chunk(10));
  const auto e = take();
  all.answered(e, 4);
  all.settle_values(e, 0, 4, values(4), 1.0);
  EXPECT_EQ(all.open(), 6U);
  all.requeue(e);
  EXPECT_FALSE(all.is_live(e));
  EXPECT_EQ(all.queued(), 6U);
  const auto rest = take();
  EXPECT_EQ(rest.id, 5U);
  EXPECT_EQ(all[rest].items, 6U);
  EXPECT_EQ(all[rest].task->first, 4U);
}

TEST_F(ledger_test, keeps_what_was_not_begun_whole) {
  enqueue(chunk(10));
  const auto e = take();
  all.cut(e);
  all.take_back(e);
  ASSERT_TRUE(all.is_live(e)) << "nothing of it was answered, so it is the same record";
  EXPECT_FALSE(all[e].sent);
  EXPECT_FALSE(all[e].cut);
  EXPECT_EQ(all.counts().taken_back, 10U);
}

TEST_F(ledger_test, shares_what_is_behind_the_item_in_hand) {
  enqueue(chunk(10));
  const auto e = take();
  all.take_back(e, 3, 2);
  EXPECT_EQ(all[e].items, 3U);
  EXPECT_EQ(all.queued(), 7U);
  const auto first = take(), second = take();
  EXPECT_EQ(first.id, 4U);
  EXPECT_EQ(all[first].items + all[second].items, 7U);
  EXPECT_EQ(second.id, first.id + all[first].items);
}

TEST_F(ledger_test, tells_the_outcome_of_a_cancelled_one_at_once_and_drops_its_answer) {
  enqueue(chunk(4));
  const auto waits = enqueue(chunk(3));
  const auto e = take();
  const auto why = make_cause(cause_class::killed, "it was cancelled");
  all.cancel(waits, why);
  EXPECT_FALSE(all.is_live(waits));
  EXPECT_EQ(all.queued(), 0U);
  all.cancel(e, why);
  ASSERT_TRUE(all.is_live(e)) << "its worker will answer";
  EXPECT_EQ(all.open(), 0U);
  EXPECT_EQ(all.find_all(sink.get()).size(), 0U);
  const auto told = news.size();
  all.answered(e, 4);
  all.settle_values(e, 0, 4, values(4), 1.0);
  EXPECT_EQ(news.size(), told);
  EXPECT_EQ(all.counts().settled, 7U);
  EXPECT_EQ(all.counts().cancelled, 7U);
  all.drop(e);
  EXPECT_FALSE(all.front());
}

TEST_F(ledger_test, knows_a_job_until_it_has_its_outcome) {
  const auto j = task();
  const auto e = enqueue(j);
  EXPECT_EQ(all.find(j)->id, e.id);
  all.cancel(e, make_cause(cause_class::killed, ""));
  EXPECT_FALSE(all.find(j));
  const auto other = enqueue(task());
  EXPECT_EQ(other.place, e.place) << "places are used again";
  EXPECT_FALSE(all.find(j)) << "by somebody else";
}

TEST_F(ledger_test, makes_each_record_anew) {
  enqueue(chunk(5));
  const auto e = take();
  all.answered(e, 5);
  all.cut(e);
  all.note_run(e, {});
  all.settle_values(e, 0, 5, values(5), 1.0);
  all.requeue(e);
  const auto next = all.add(task());
  ASSERT_EQ(next.place, e.place);
  const auto& r = all[next];
  EXPECT_EQ(r.received + r.answered, 0U);
  EXPECT_FALSE(r.sent || r.cut || r.cancelled);
  EXPECT_TRUE(r.history.empty());
  EXPECT_EQ(r.attempt, 1U);
}

TEST_F(ledger_test, says_of_one_that_has_run_that_it_may_have_done_something) {
  enqueue(task());
  const auto e = take();
  EXPECT_EQ(all.error_of(e, outcome_kind::cancelled, work_state::not_started, {}, 0).work, work_state::not_started);
  const auto next = all.split(e, 0, 1);
  all.note_run(next, {});
  all.try_again(next);
  EXPECT_EQ(all[next].attempt, 2U);
  EXPECT_EQ(all.error_of(next, outcome_kind::cancelled, work_state::not_started, {}, 0).work, work_state::unknown);
}

TEST_F(ledger_test, offers_suspects_of_a_later_death_before_older_ones_and_keeps_what_nobody_takes) {
  std::vector<slip> four;
  for (int i = 0; i < 4; ++i) four.push_back(all.add(chunk(1)));
  all.suspect(four[0], 0);
  all.suspect(four[1], 1);
  all.suspect(four[2], 0);  // a second death
  all.suspect(four[3], 1);
  EXPECT_EQ(all.queued(), 4U);
  all.cancel(four[3], make_cause(cause_class::killed, ""));
  std::vector<task_id> offered;
  all.offer_suspects([&](slip e) {
    offered.push_back(e.id);
    return e.id == four[0].id;
  });
  EXPECT_EQ(offered, (std::vector<task_id>{four[2].id, four[0].id, four[1].id}));
  EXPECT_EQ(all.suspects(), 2U);
  EXPECT_EQ(all.queued(), 2U);
}

/// Chunks and tasks are sent, answered, cut, taken back, charged and cancelled at random; the same items are kept in
/// sets beside it.
TEST_F(ledger_test, gives_each_item_one_outcome_whatever_happens) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](std::size_t below) {
      return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
    };
    news.clear();
    ledger some(news);
    std::vector<slip> out;
    std::size_t submitted = 0;
    for (int step = 0; step < 300; ++step) {
      const auto what = pick(8);
      if (what == 0 && submitted < 400) {
        auto j = chunk(1 + static_cast<std::uint32_t>(pick(20)), static_cast<int>(pick(3)));
        j->first = submitted;
        submitted += j->items;
        some.enqueue(some.add(j));
      } else if (what == 1 && some.front()) {
        const auto e = some.take_front(1 + pick(12));
        some.sent(e);
        out.push_back(e);
      } else if (!out.empty() && what > 1) {
        const auto at = pick(out.size());
        const auto e = out[at];
        const auto& r = some[e];
        const auto left = r.items - r.received;
        const auto over = [&] { out.erase(out.begin() + static_cast<std::ptrdiff_t>(at)); };
        if (what == 2 && left > 0) {
          const auto count = 1 + pick(left);
          some.answered(e, count);
          some.settle_values(e, r.received, count, values(count), 1.0);
        } else if (what == 3) {
          r.cancelled ? some.drop(e) : some.requeue(e);
          over();
        } else if (what == 4 && left > 1 && !r.cancelled) {
          some.take_back(e, r.received + 1, 1 + static_cast<std::uint32_t>(pick(left - 1)));
        } else if (what == 5 && !r.cancelled) {
          some.cancel(e, make_cause(cause_class::killed, ""));
        } else if (what == 6 && left > 0 && !r.cancelled) {
          const auto item = r.received;
          const auto again = some.split(e, item, 1);
          some.pass(e, 1);
          some.note_run(again, {});
          some.try_again(again);
          some.suspect(again, pick(3));
        } else if (what == 7 && left > 0 && !r.cancelled) {
          const auto item = r.received;
          some.pass(e, 1);
          some.settle_failed(e, item, some.error_of(e, outcome_kind::exception, work_state::failed, {}, item));
        }
      } else if (some.suspects() > 0 && pick(2) == 0) {
        bool first = true;
        some.offer_suspects([&](slip e) {
          if (!std::exchange(first, false)) return false;
          some.sent(e);
          out.push_back(e);
          return true;
        });
      }
      const auto told = outcomes();
      ASSERT_EQ(told.size() + some.open(), submitted) << "seed " << seed;
    }
    for (const auto e : out) some[e].cancelled ? some.drop(e) : some.requeue(e);
    ASSERT_EQ(some.queued(), some.open()) << "seed " << seed;
    some.settle_queue(outcome_kind::cancelled, {});
    ASSERT_EQ(some.open(), 0U);
    ASSERT_EQ(some.queued(), 0U);
    const auto told = outcomes();
    ASSERT_EQ(told.size(), submitted) << "seed " << seed;
    for (const auto& [item, times] : told) ASSERT_EQ(times, 1) << "item " << item << ", seed " << seed;
    ASSERT_EQ(some.counts().settled, submitted);
  }
}

TEST(run_times_test, follow_longer_runs_at_once_and_shorter_ones_slowly) {
  run_times all;
  const auto* what = test::tasks().square.entry;
  EXPECT_EQ(all.estimate_us(what, 3), 3 * run_times::unknown_us);
  all.learn(what, 8.0);
  EXPECT_EQ(all.estimate_us(what, 10), 80.0);
  all.learn(what, 100.0);
  EXPECT_EQ(all.estimate_us(what, 1), 100.0);
  all.learn(what, 20.0);
  EXPECT_EQ(all.estimate_us(what, 1), 90.0);
  EXPECT_EQ(all.estimate_us(nullptr, 1), run_times::unknown_us) << "callables are a kind of their own";
  all.learn(nullptr, 0.0);
  EXPECT_GT(all.estimate_us(nullptr, 1), 0.0);
  EXPECT_EQ(all.estimate_us(what, 1), 90.0);
}

}  // namespace
