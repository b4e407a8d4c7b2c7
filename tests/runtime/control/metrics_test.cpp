#include "control/metrics.hpp"

#include "control/router.hpp"
#include "steward/event.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>

namespace steward::control_api {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class metrics_test : public testing::Test {
protected:
  event& next(event_kind kind, const std::string& path) {
    flush();
    e_ = {};
    e_.seq = ++seq_;
    e_.ts = at_ + std::chrono::seconds{seq_};
    e_.run = "r-1";
    e_.kind = kind;
    e_.actor = path;
    return e_;
  }
  void flush() {
    if (e_.seq != view_.last_seq) fold(view_, e_);
  }
  void add(const std::string& path, const std::string& kind) {
    auto& what = next(event_kind::child, path).child.emplace();
    what.state = "up";
    what.kind = kind;
  }
  void crash(const std::string& path, cause_class cls = cause_class::exception) {
    auto& e = next(event_kind::crash, path);
    e.incarnation = 1;
    e.why.emplace().cls = cls;
  }
  void told(sample x) {
    flush();
    x.at = view_.now;
    fold(view_, x);
  }
  std::string text(const metrics_options& options = {}) {
    flush();
    return metrics_text(view_, facts_, options);
  }
  void add_actors(int n) {
    add("/root", "supervisor");
    for (int i = 0; i < n; ++i) {
      const auto path = "/root/a" + std::to_string(i);
      add(path, "actor");
      sample x;
      x.path = path;
      x.waiting = 2;
      x.handled = 5;
      told(x);
    }
  }
  static auto series(const std::string& text) {
    return std::count(text.begin(), text.end(), '\n') - 2 * static_cast<std::ptrdiff_t>(families(text));
  }
  static std::size_t families(const std::string& text) {
    std::size_t out = 0;
    for (auto at = text.find("# TYPE "); at != std::string::npos; at = text.find("# TYPE ", at + 1)) ++out;
    return out;
  }

  const std::chrono::system_clock::time_point at_{1'700'000'000s};
  run_view view_;
  program_facts facts_{"shop", {}, 42, 0};

private:
  event e_;
  std::uint64_t seq_ = 0;
};

TEST_F(metrics_test, tells_of_the_run) {
  add("/root", "supervisor");
  crash("/root/a");
  crash("/root/b", cause_class::signal);
  crash("/root/b", cause_class::signal);
  next(event_kind::crash, "/root/c");
  const auto out = text();
  EXPECT_THAT(out, HasSubstr("steward_run_info{name=\"shop\",pid=\"42\",run=\"r-1\"} 1\n"));
  EXPECT_THAT(out, HasSubstr("# TYPE steward_crashes_total counter\n"));
  EXPECT_THAT(out, HasSubstr("steward_crashes_total{class=\"exception\"} 1\n"));
  EXPECT_THAT(out, HasSubstr("steward_crashes_total{class=\"signal\"} 2\n"));
  EXPECT_THAT(out, HasSubstr("steward_crashes_total{class=\"unknown\"} 1\n"));
  EXPECT_THAT(out, HasSubstr("steward_crashes_total{class=\"memory\"} 0\n")) << "a rate has where to begin";
}

TEST_F(metrics_test, counts_crashes_of_an_older_picture_as_unknown) {
  crash("/root/a");
  flush();
  view_.crash_count = 5;
  EXPECT_THAT(text(), HasSubstr("steward_crashes_total{class=\"unknown\"} 4\n"));
}

TEST_F(metrics_test, has_buckets_of_recoveries) {
  for (const double ms : {0.25, 0.2, 30.0, 4e5}) next(event_kind::recover, "/root/a").recovery_ms = ms;
  const auto out = text();
  EXPECT_THAT(out, HasSubstr("# TYPE steward_recovery_seconds histogram\n"));
  EXPECT_THAT(out, HasSubstr("steward_recovery_seconds_bucket{le=\"0.0001\"} 0\n"));
  EXPECT_THAT(out, HasSubstr("steward_recovery_seconds_bucket{le=\"0.00025\"} 2\n")) << "a limit is in its bucket";
  EXPECT_THAT(out, HasSubstr("steward_recovery_seconds_bucket{le=\"0.05\"} 3\n"));
  EXPECT_THAT(out, HasSubstr("steward_recovery_seconds_bucket{le=\"300\"} 3\n"));
  EXPECT_THAT(out, HasSubstr("steward_recovery_seconds_bucket{le=\"+Inf\"} 4\n"));
  EXPECT_THAT(out, HasSubstr("steward_recovery_seconds_count 4\n"));
  EXPECT_THAT(out, HasSubstr("steward_recovery_seconds_sum 400.03045\n"));
}

TEST_F(metrics_test, tells_of_a_pool_with_its_workers) {
  add("/root/p", "pool");
  next(event_kind::ready, "/root/p/w1").incarnation = 1;
  next(event_kind::ready, "/root/p/w2").incarnation = 1;
  sample pool;
  pool.path = "/root/p";
  pool.queued = 7;
  pool.succeeded = 3;
  pool.failed = 1;
  pool.run_times.resize(time_buckets);
  pool.run_times[0] = 1;
  pool.run_times[2] = 2;
  pool.wait_times.resize(time_buckets);
  pool.wait_times[1] = 3;
  pool.workers = 2;
  flush();
  pool.in_hand = {{"w2", "square", 9, view_.now - 2500ms}, {"w1", "square", 10, view_.now - 1s}};
  told(pool);
  sample worker;
  worker.rss_kib = 10;
  for (const auto* path : {"/root/p/w1", "/root/p/w2"}) {
    worker.path = path;
    told(worker);
  }
  const auto out = text();
  EXPECT_THAT(out, HasSubstr("steward_pool_queued{path=\"/root/p\"} 7\n"));
  EXPECT_THAT(out, HasSubstr("steward_pool_tasks_total{outcome=\"succeeded\",path=\"/root/p\"} 3\n"));
  EXPECT_THAT(out, HasSubstr("steward_pool_tasks_total{outcome=\"failed\",path=\"/root/p\"} 1\n"));
  EXPECT_THAT(out, HasSubstr("steward_child_resident_memory_bytes{path=\"/root/p\"} 20480\n"));
  EXPECT_THAT(out, HasSubstr("steward_task_run_seconds_bucket{path=\"/root/p\",le=\"1e-06\"} 1\n"));
  EXPECT_THAT(out, HasSubstr("steward_task_run_seconds_bucket{path=\"/root/p\",le=\"4e-06\"} 3\n"));
  EXPECT_THAT(out, HasSubstr("steward_task_run_seconds_count{path=\"/root/p\"} 3\n"));
  EXPECT_THAT(out, HasSubstr("steward_task_wait_seconds_bucket{path=\"/root/p\",le=\"1e-06\"} 0\n"));
  EXPECT_THAT(out, HasSubstr("steward_task_wait_seconds_bucket{path=\"/root/p\",le=\"2e-06\"} 3\n"));
  EXPECT_THAT(out, HasSubstr("steward_task_wait_seconds_count{path=\"/root/p\"} 3\n"));
  EXPECT_THAT(out, HasSubstr("steward_pool_longest_running_seconds{path=\"/root/p\"} 2.5\n"));
  EXPECT_THAT(out, Not(HasSubstr("/root/p/w1"))) << "workers come and go";
}

TEST_F(metrics_test, tells_how_a_child_is_doing) {
  add("/root", "supervisor");
  view_.children["/root"].below = {3, 10s, {at_, at_ + 1h}};
  next(event_kind::ready, "/root/a").incarnation = 1;
  next(event_kind::park, "/root/a").incarnation = 1;
  flush();
  sample later;
  later.at = view_.now + 20s;
  fold(view_, later);
  const auto out = text();
  EXPECT_THAT(out, HasSubstr("steward_child_up{path=\"/root/a\"} 0\n"));
  EXPECT_THAT(out, HasSubstr("steward_child_failed{path=\"/root/a\"} 1\n"));
  EXPECT_THAT(out, HasSubstr("steward_child_failed{path=\"/root\"} 0\n"));
  EXPECT_THAT(out, HasSubstr("steward_child_status{path=\"/root/a\",status=\"parked\"} 1\n"));
  EXPECT_THAT(out, HasSubstr("steward_child_downtime_seconds_total{path=\"/root/a\"} 20\n"));
  EXPECT_THAT(out, HasSubstr("steward_children{status=\"parked\"} 1\n"));
  EXPECT_THAT(out, HasSubstr("steward_restart_budget_limit{of=\"children\",path=\"/root\"} 3\n"));
  EXPECT_THAT(out, HasSubstr("steward_restart_budget_used{of=\"children\",path=\"/root\"}"));
}

TEST_F(metrics_test, tells_an_end_by_a_crash_from_one_in_order) {
  for (const auto* path : {"/root/done", "/root/broken"}) {
    next(event_kind::start, path).incarnation = 1;
    next(event_kind::ready, path).incarnation = 1;
  }
  next(event_kind::stop, "/root/done").incarnation = 1;
  auto& e = next(event_kind::crash, "/root/broken");
  e.incarnation = 1;
  e.decision.emplace().action = "end";
  next(event_kind::child, "/root/broken").child.emplace().state = "idle";
  const auto out = text();
  EXPECT_THAT(out, HasSubstr("steward_child_status{path=\"/root/broken\",status=\"ended\"} 1\n"));
  EXPECT_THAT(out, HasSubstr("steward_child_failed{path=\"/root/broken\"} 1\n"));
  EXPECT_THAT(out, HasSubstr("steward_child_failed{path=\"/root/done\"} 0\n"));
}

TEST_F(metrics_test, has_a_bound_on_its_series) {
  add_actors(10'000);
  crash("/root/a7000");
  add("/root/late", "pool");
  const auto out = text();
  EXPECT_LT(series(out), 1'000);
  EXPECT_THAT(out, HasSubstr("steward_child_up{path=\"/root\"} 1\n"));
  EXPECT_THAT(out, HasSubstr("steward_child_up{path=\"/root/late\"} 1\n"));
  EXPECT_THAT(out, HasSubstr("steward_child_crashes_total{path=\"/root/a7000\"} 1\n"));
  EXPECT_THAT(out, HasSubstr("steward_child_up{path=\"/root/a96\"} 1\n"));
  EXPECT_THAT(out, Not(HasSubstr("/root/a97\""))) << "a hundred with the three others";
  EXPECT_THAT(out, HasSubstr("steward_children_unlisted 9902\n"));
  EXPECT_THAT(out, HasSubstr("steward_actor_waiting{path=\"(others)\"} 19804\n"));
  EXPECT_THAT(out, Not(HasSubstr("steward_actor_handled_total{path=\"(others)\"}"))) << "a sum that may fall";
}

TEST_F(metrics_test, has_all_children_for_who_asks) {
  add_actors(10'000);
  metrics_options all;
  all.most_children = metrics_options::all_children;
  const auto out = text(all);
  EXPECT_GT(series(out), 60'000);
  EXPECT_THAT(out, HasSubstr("steward_child_up{path=\"/root/a9999\"} 1\n"));
  EXPECT_THAT(out, HasSubstr("steward_children_unlisted 0\n"));
  EXPECT_THAT(out, Not(HasSubstr("(others)")));
}

TEST_F(metrics_test, gives_labels_that_can_be_read) {
  add("/root/a\"b\\c\nd\xff", "actor");
  EXPECT_THAT(text(), HasSubstr("steward_child_up{path=\"/root/a\\\"b\\\\c\\nd\xef\xbf\xbd\"} 1\n"));
}

TEST_F(metrics_test, tells_of_an_empty_view) { EXPECT_THAT(text(), HasSubstr("steward_restarts_total 0\n")); }

}  // namespace
}  // namespace steward::control_api
