#include "control/router.hpp"

#include "base/crash_id.hpp"
#include "control/answers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <variant>

namespace steward::control_api {
namespace {

using json = nlohmann::json;

class router_test : public testing::Test {
protected:
  router_test() {
    log_.add_sink([this](const event& e) { monitor_.take(e); });
    added("/root", "supervisor");
    added("/root/squares", "pool");
    added("/root/total", "actor");
    crashed("/root/total");
  }

  void crashed(const std::string& path) {
    event crash;
    crash.kind = event_kind::crash;
    crash.actor = path;
    crash.incarnation = 1;
    crash.why.emplace().cls = cause_class::exception;
    crash.why->message = "bytes that are no UTF-8: \xff";
    log_.emit(crash);
  }
  std::vector<std::string> ids(const std::string& target) {
    std::vector<std::string> out;
    const auto found = json::parse(get(target).body);
    for (const auto& one : found.at("crashes")) out.push_back(one.at("id"));
    return out;
  }
  void added(const std::string& path, const std::string& kind) {
    event e;
    e.kind = event_kind::child;
    e.actor = path;
    e.child.emplace().state = "up";
    e.child->kind = kind;
    log_.emit(std::move(e));
  }
  static http_request request(const std::string& target, const std::string& method = "GET") {
    http_request out;
    out.method = method;
    const auto question = target.find('?');
    out.path = target.substr(0, question);
    if (question != std::string::npos) {
      std::istringstream parts{target.substr(question + 1)};
      for (std::string part; std::getline(parts, part, '&');)
        out.query.emplace_back(part.substr(0, part.find('=')), part.substr(part.find('=') + 1));
    }
    out.peer = {true, 1'000};
    return out;
  }
  http_response answer(const http_request& x) {
    auto out = router_.answer(x);
    if (auto* errand = std::get_if<http_errand>(&out)) return errand->run();
    if (auto* response = std::get_if<http_response>(&out)) return *response;
    http_response streamed;
    auto& stream = *std::get<std::unique_ptr<http_stream>>(out);
    streamed.type = stream.type();
    while (stream.read(streamed.body) == http_stream::state::more) {
    }
    return streamed;
  }
  http_response get(const std::string& target) { return answer(request(target)); }
  json problem(const std::string& target, const std::string& method = "GET") {
    const auto out = answer(request(target, method));
    EXPECT_EQ(out.type, problem_type) << target;
    const auto body = json::parse(out.body);
    EXPECT_EQ(body.at("status"), out.status);
    return body;
  }

  event_log log_{"r-1"};
  run_monitor monitor_;
  operations_slot operations_;
  router router_{monitor_, operations_, program_facts{"run", "/run/x.sock", 7, 1'000}};
};

TEST_F(router_test, knows_children_by_their_path) {
  EXPECT_EQ(json::parse(get("/v1/children/root/total").body).at("crashes"), 1);
  EXPECT_EQ(json::parse(get("/v1/children/root%2ftotal").body).at("path"), "/root/total");
  EXPECT_EQ(json::parse(get("/v1/children/root").body).at("children"), json({"/root/squares", "/root/total"}));
  EXPECT_EQ(json::parse(get("/v1/pools/root/squares").body).at("kind"), "pool");
}

TEST_F(router_test, nests_the_tree) {
  const auto tree = json::parse(get("/v1/tree").body);
  ASSERT_EQ(tree.at("children").size(), 1U);
  EXPECT_EQ(tree.at("children")[0].at("children").size(), 2U);
  EXPECT_EQ(json::parse(get("/v1/tree?at=2").body).at("children")[0].at("children").size(), 1U);
}

TEST_F(router_test, shows_the_run_as_it_was) {
  const auto early = json::parse(get("/v1/view?at=2").body);
  EXPECT_EQ(early.at("children").size(), 2U);
  EXPECT_FALSE(early.contains("crash_count"));
  const auto now = json::parse(get("/v1/view").body);
  const auto as_told = json::parse(get("/v1/view?at=" + now.at("now").get<std::string>()).body);
  EXPECT_EQ(as_told.at("children"), now.at("children"));
  EXPECT_EQ(problem("/v1/view?at=yesterday").at("status"), 400);
  EXPECT_EQ(problem("/v1/view?at=1971-01-01T00:00:00.000000Z").at("status"), 404);
}

TEST_F(router_test, lays_the_run_out_in_time) {
  const auto all = json::parse(get("/v1/timeline").body);
  EXPECT_EQ(all.at("total"), 3);
  EXPECT_EQ(all.at("lanes")[0].at("path"), "/root");
  const auto& lane = all.at("lanes")[2];
  EXPECT_EQ(lane.at("path"), "/root/total");
  EXPECT_EQ(lane.at("bars").back()[1], nullptr) << "it goes on";
  EXPECT_EQ(lane.at("crashes")[0][2], "c-0001");
  EXPECT_EQ(all.at("strip").at("seq").back(), 4);
  const auto part = json::parse(get("/v1/timeline?path=/root/squares&limit=1").body);
  EXPECT_EQ(part.at("total"), 1);
  EXPECT_EQ(part.at("lanes")[0].at("path"), "/root/squares");
  EXPECT_EQ(json::parse(get("/v1/timeline?offset=2").body).at("lanes").size(), 1U);
  EXPECT_EQ(json::parse(get("/v1/timeline?to=1971-01-01T00:00:00.000000Z").body).at("lanes")[0].at("bars").size(), 0U);
  for (const auto* wrong : {"limit=0", "limit=1001", "most=x", "from=now", "offset=-1"})
    EXPECT_EQ(problem(std::string{"/v1/timeline?"} + wrong).at("status"), 400) << wrong;
}

TEST_F(router_test, tells_a_crash_with_what_lies_around_it) {
  const auto told = json::parse(get("/v1/crashes/c-0001/account").body);
  EXPECT_EQ(told.at("crash").at("id"), "c-0001");
  EXPECT_EQ(told.at("child").at("path"), "/root/total");
  EXPECT_EQ(told.at("before").size(), 1U);
  EXPECT_EQ(problem("/v1/crashes/c-0002/account").at("suggestion"), "c-0001");
}

TEST_F(router_test, has_no_plan_where_nothing_runs) { EXPECT_EQ(problem("/v1/plan").at("status"), 404); }

TEST_F(router_test, has_the_page_in_it) {
  const auto page = get("/");
  EXPECT_EQ(page.type, "text/html; charset=utf-8");
  for (const auto* file : {"/observer.js", "/observer.css"}) {
    EXPECT_NE(page.body.find(file), std::string::npos) << file;
    EXPECT_GT(get(file).body.size(), 1'000U) << file;
  }
  EXPECT_EQ(get("/observer.js").type, "text/javascript; charset=utf-8");
  EXPECT_NE(get("/licences.txt").body.find("preact"), std::string::npos);
}

TEST_F(router_test, suggests_what_was_meant) {
  EXPECT_EQ(problem("/v1/children/root/totl").at("suggestion"), "/root/total");
  EXPECT_EQ(problem("/v1/crashs").at("suggestion"), "/v1/crashes");
  EXPECT_EQ(problem("/v1/crashes/c-0002").at("suggestion"), "c-0001");
  EXPECT_EQ(problem("/v1/events?levle=warn").at("suggestion"), "level");
  EXPECT_EQ(problem("/v1/events?level=wran").at("suggestion"), "warn");
  EXPECT_EQ(problem("/v1/children/root/total/restrat", "POST").at("suggestion"), "restart");
}

TEST_F(router_test, says_that_there_is_no_such_child) {
  for (const char* target : {"/v1/samples?path=/root/totl", "/v1/crashes?path=/root/totl"}) {
    const auto said = problem(target);
    EXPECT_EQ(said.at("status"), 404) << target;
    EXPECT_EQ(said.at("title"), "there is no child at /root/totl");
    EXPECT_EQ(said.at("suggestion"), "/root/total");
  }
  EXPECT_EQ(problem("/v1/crashes?kind=crash").at("status"), 400);
  EXPECT_EQ(problem("/v1/crashes?befor=c-0001").at("suggestion"), "before");
  EXPECT_EQ(problem("/v1/events?kind=crsh").at("suggestion"), "crash");
  EXPECT_EQ(problem("/v1/events?limit=1&limit=2").at("title"), "'limit' is given twice");
  EXPECT_EQ(get("/v1/samples?path=/root/squares").status, 200) << "it has no samples yet";
  EXPECT_EQ(get("/v1/crashes?path=/root/squares").status, 200) << "it has not crashed";
  EXPECT_EQ(get("/v1/samples").status, 200);
}

TEST_F(router_test, tells_crashes_from_the_newest_a_page_at_a_time) {
  for (int i = 0; i < 2; ++i) {
    crashed("/root/squares/w1");
    crashed("/root/total");
  }
  EXPECT_THAT(ids("/v1/crashes"), testing::ElementsAre("c-0005", "c-0004", "c-0003", "c-0002", "c-0001"));
  EXPECT_THAT(ids("/v1/crashes?limit=2"), testing::ElementsAre("c-0005", "c-0004"));
  EXPECT_EQ(json::parse(get("/v1/crashes?limit=2").body).at("next"), "c-0004");
  EXPECT_THAT(ids("/v1/crashes?limit=2&before=c-0004"), testing::ElementsAre("c-0003", "c-0002"));
  EXPECT_THAT(ids("/v1/crashes?limit=2&before=c-0002"), testing::ElementsAre("c-0001"));
  EXPECT_FALSE(json::parse(get("/v1/crashes?limit=2&before=c-0002").body).contains("next"));
  EXPECT_FALSE(json::parse(get("/v1/crashes").body).contains("next"));
  EXPECT_THAT(ids("/v1/crashes?path=/root/squares&limit=1"), testing::ElementsAre("c-0004")) << "of its workers";
  EXPECT_THAT(ids("/v1/crashes?path=/root/squares&before=c-0004"), testing::ElementsAre("c-0002"));
  EXPECT_THAT(ids("/v1/crashes?before=c-0001"), testing::IsEmpty());
  EXPECT_EQ(problem("/v1/crashes?before=c-0009").at("status"), 404);
  EXPECT_EQ(problem("/v1/crashes?limit=x").at("status"), 400);
}

TEST_F(router_test, tells_as_many_crashes_at_once_as_it_says) {
  for (int i = 0; i < 150; ++i) crashed("/root/total");
  EXPECT_EQ(ids("/v1/crashes").size(), 100U);
}

TEST_F(router_test, tells_how_long_recoveries_took_however_many_there_were) {
  for (int i = 1; i <= 20'000; ++i) {
    event e;
    e.kind = event_kind::recover;
    e.actor = "/root/total";
    e.recovery_ms = i * 0.5;
    log_.emit(std::move(e));
  }
  const auto body = get("/v1/run").body;
  EXPECT_LT(body.size(), 16'384U);
  const auto run = json::parse(body);
  EXPECT_NEAR(run.at("recovery_ms").at("p50").get<double>(), 5'000.0, 80.0);
  EXPECT_NEAR(run.at("recovery_ms").at("p99").get<double>(), 9'900.0, 160.0);
  EXPECT_EQ(run.at("recovery_ms").at("max"), 10'000.0);
  std::uint64_t all = 0;
  for (const auto& one : run.at("summary").at("recovery_times_us")) all += one[1].get<std::uint64_t>();
  EXPECT_EQ(all, 20'000U);
}

TEST(run_json_test, tells_of_the_last_hour_of_a_run_that_is_older) {
  using namespace std::chrono_literals;
  using told = nlohmann::ordered_json;
  program_facts record;
  record.record = true;
  const run_view::time_point now{std::chrono::hours{500'000}};
  const auto add = [](run_view& to, run_view::time_point at, bool recovered) {
    auto& crash = to.crashes.emplace_back();
    crash.at = at;
    if (recovered) crash.recovery_ms = 1.0;
    ++to.crash_count;
  };
  run_view view;
  view.started = now - 59min;
  add(view, now - 10min, true);
  EXPECT_FALSE(run_json(view, {}, now).contains("last_hour")) << "the whole run is what there is to tell";
  view.started = now - 61min;
  EXPECT_EQ(run_json(view, {}, now).at("last_hour"), (told{{"crashes", 1}, {"recovered", 1}}));
  add(view, now - 5min, false);
  view.crashes.push_front(view.crashes.front());
  view.crashes.front().at = now - 61min;
  ++view.crash_count;
  EXPECT_EQ(run_json(view, {}, now).at("last_hour"), (told{{"crashes", 2}, {"recovered", 1}}));
  view.crashes.pop_front();
  EXPECT_EQ(run_json(view, {}, now).at("last_hour").at("at_least"), true) << "one is not kept, and may have been later";
  EXPECT_FALSE(run_json(view, record, now).contains("last_hour"));
  view.ended = now;
  EXPECT_FALSE(run_json(view, {}, now).contains("last_hour"));
}

TEST_F(router_test, refuses_lines_behind_an_event_that_there_is_not) {
  EXPECT_EQ(problem("/v1/events?after=5").at("status"), 409);
  EXPECT_EQ(problem("/v1/events?after=1&run=r-0").at("status"), 409);
  EXPECT_EQ(get("/v1/events?after=5&run=r-1").status, 200) << "it may come";
  EXPECT_EQ(get("/v1/events?after=1&run=r-1").status, 200);
}

TEST_F(router_test, says_what_is_wrong_with_a_value) {
  EXPECT_EQ(problem("/v1/tree?at=x").at("status"), 400);
  EXPECT_EQ(problem("/v1/tree?at=99").at("status"), 404);
  EXPECT_EQ(problem("/v1/samples?from=yesterday").at("status"), 400);
  EXPECT_EQ(problem("/v1/samples?step=1").at("status"), 400);
  EXPECT_EQ(problem("/v1/pools/root/total").at("status"), 404);
  EXPECT_EQ(problem("/%zz").at("status"), 400);
  EXPECT_EQ(problem("/v1/shutdown").at("status"), 405);
  EXPECT_EQ(problem("/v1/run", "POST").at("status"), 405);
  EXPECT_EQ(problem("/v1/run", "PATCH").at("status"), 405);
}

TEST_F(router_test, says_what_is_wrong_with_a_body) {
  for (const char* body : {"", "{}", "[]", "{", "{\"workers\":-1}", "{\"workers\":1.5}", "{\"workers\":\"3\"}",
                           "{\"workers\":1025}", "{\"worker\":3}", "{\"workers\":3,\"x\":1}"}) {
    auto x = request("/v1/pools/root/squares/resize", "POST");
    x.body = body;
    EXPECT_EQ(answer(x).status, 400) << body;
  }
  auto nested = request("/v1/reload", "POST");
  nested.body = std::string(60'000, '[');
  EXPECT_EQ(answer(nested).status, 400);
}

TEST_F(router_test, serves_its_user_and_root_and_nobody_else) {
  auto x = request("/v1/run");
  x.peer.uid = 0;
  EXPECT_EQ(answer(x).status, 200);
  x.peer.uid = 1'001;
  EXPECT_EQ(answer(x).status, 403);
  x.peer = {false, 0};
  EXPECT_EQ(answer(x).status, 403) << "nothing is to be observed";
}

TEST_F(router_test, gives_valid_json_whatever_events_hold) {
  EXPECT_TRUE(json::accept(get("/v1/view").body));
  EXPECT_TRUE(json::accept(get("/v1/crashes/c-0001").body));
}

TEST_F(router_test, ends_lines_at_the_event_that_was_the_newest) {
  const auto lines = get("/v1/events").body;
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 4);
  EXPECT_EQ(get("/v1/events?after=4").body, "");
  EXPECT_EQ(get("/v1/events?after=now").body, "");
  EXPECT_NE(get("/v1/events?limit=1").body.find("\"seq\":1"), std::string::npos);
}

TEST_F(router_test, tells_prometheus) {
  const auto out = get("/metrics");
  EXPECT_THAT(out.type, testing::StartsWith("text/plain; version=0.0.4"));
  EXPECT_THAT(out.body, testing::HasSubstr("steward_child_crashes_total{path=\"/root/total\"} 1\n"));
  EXPECT_THAT(out.body, testing::HasSubstr("steward_crashes_total{class=\"exception\"} 1\n"));
}

TEST_F(router_test, answers_any_request) {
  std::mt19937 random{3};
  const std::vector<std::string> parts{"/",   "v1",   "children", "root",    "total",  "pools", "crashes", "events",
                                       "%2f", "..",   "?at=",     "?after=", "1",      "x",     "samples", "tree",
                                       "%",   "\xff", "stop",     "\n",      "?kind=", "crash"};
  for (int i = 0; i < 20'000; ++i) {
    std::string target = "/";
    for (auto n = random() % 7; n > 0; --n) target += parts[random() % parts.size()] + (random() % 2 == 0 ? "/" : "");
    auto x = request(target, random() % 3 == 0 ? "POST" : "GET");
    for (auto n = random() % 9; n > 0; --n) x.body += "{}[]\":,1ax\xc3"[random() % 11];
    const auto out = answer(x);
    ASSERT_TRUE(out.status >= 200 && out.status < 600);
    if (out.status >= 400) {
      ASSERT_EQ(out.type, problem_type) << target;
      ASSERT_TRUE(json::accept(out.body)) << target;
    }
  }
}

}  // namespace
}  // namespace steward::control_api
