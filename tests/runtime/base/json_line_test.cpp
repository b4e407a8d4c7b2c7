#include "steward/sinks.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <limits>
#include <string>
#include <vector>

namespace {

using namespace steward;
using json = nlohmann::ordered_json;

event full_event() {
  event e;
  e.seq = 7;
  e.ts = std::chrono::system_clock::time_point{std::chrono::microseconds{1'700'000'000'000'042}};
  e.run = "r-7f3a9c";
  e.level = event_level::error;
  e.kind = event_kind::crash;
  e.actor = "/root/squares/w2";
  e.incarnation = 1;
  e.pid = 4711;
  e.runs_in = "process";
  e.why.emplace();
  e.why->cls = cause_class::signal;
  e.why->signal = SIGSEGV;
  e.why->code = 1;
  e.why->address = 0x10;
  e.why->frames = {"square_of, square.cpp:41"};
  e.task = event_task{17, "square", "7", 1, 3, 0.5};
  e.task_fate = "requeued";
  e.decision = event_decision{"restart", "one_for_one", 1, 3, 5000, 0, {"w3"}};
  e.kept = 4;
  e.lost = 0;
  e.recovery_ms = 3.5;
  e.rss_peak_kib = 2048;
  e.code = 1;
  e.text = "said \"hello\"";
  return e;
}

TEST(json_line, writes_every_key_in_the_documented_order) {
  EXPECT_EQ(to_json_line(full_event()),
            R"({"v":1,"seq":7,"ts":"2023-11-14T22:13:20.000042Z","run":"r-7f3a9c","level":"error","kind":"crash",)"
            R"("actor":"/root/squares/w2","incarnation":1,"pid":4711,"runs_in":"process",)"
            R"("cause":{"class":"signal","signal":"SIGSEGV","code":1,"address":"0x10",)"
            R"("frames":["square_of, square.cpp:41"]},)"
            R"("task":{"id":17,"name":"square","args":"7","attempt":1,"attempts":3,"ran_ms":0.5},)"
            R"("task_fate":"requeued","decision":{"action":"restart","strategy":"one_for_one","restarts":1,"limit":3,)"
            R"("period_ms":5000,"delay_ms":0,"also":["w3"]},"kept":4,"lost":0,"recovery_ms":3.5,"rss_peak_kib":2048,)"
            R"("code":1,"text":"said \"hello\""})");
}

TEST(json_line, leaves_out_what_does_not_apply) {
  event e;
  e.seq = 1;
  const auto parsed = json::parse(to_json_line(e));
  std::vector<std::string> keys;
  for (const auto& item : parsed.items()) {
    keys.push_back(item.key());
  }
  EXPECT_EQ(keys, (std::vector<std::string>{"v", "seq", "ts", "run", "level", "kind", "actor"}));
}

TEST(json_line, keeps_the_exit_code_zero_of_an_exit_in_mid_task) {
  event e;
  e.why.emplace();
  e.why->cls = cause_class::exit;
  const auto parsed = json::parse(to_json_line(e));
  EXPECT_EQ(parsed["cause"]["class"], "exit");
  EXPECT_EQ(parsed["cause"]["code"], 0);
}

TEST(json_line, is_valid_json_whatever_a_worker_sent) {
  auto e = full_event();
  e.text = "bad \xff\xc0 bytes, a line\nend and \x1b[31m";
  e.task->args = std::string{"\0\x80", 2};
  e.recovery_ms = std::numeric_limits<double>::infinity();
  const auto line = to_json_line(e);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  const auto parsed = json::parse(line);
  EXPECT_EQ(parsed["text"], "bad \xef\xbf\xbd\xef\xbf\xbd bytes, a line\nend and \x1b[31m");
  EXPECT_TRUE(parsed["recovery_ms"].is_null());
}

TEST(json_line, writes_times_before_the_epoch_in_order_too) {
  event e;
  e.ts = std::chrono::system_clock::time_point{std::chrono::microseconds{-1}};
  EXPECT_EQ(json::parse(to_json_line(e))["ts"], "1969-12-31T23:59:59.999999Z");
}

}  // namespace
