#include "tests/views/history.hpp"

#include "base/crash_id.hpp"
#include "steward/sinks.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace steward::test {

namespace {

const run_view::time_point begin{std::chrono::seconds{1'700'000'000}};

event_decision restart(unsigned restarts, unsigned limit, std::string strategy) {
  event_decision out;
  out.action = "restart";
  out.strategy = std::move(strategy);
  out.restarts = restarts;
  out.limit = limit;
  out.period_ms = 5'000;
  return out;
}

}  // namespace

event& history::next(event_kind kind, std::string actor, std::uint64_t incarnation) {
  event e;
  e.seq = events.size() + 1;
  e.ts = begin + std::chrono::seconds{e.seq};
  e.run = run_;
  e.kind = kind;
  e.actor = std::move(actor);
  if (incarnation != 0) e.incarnation = incarnation;
  events.push_back(std::move(e));
  return events.back();
}

void history::begins(const std::string& scenario) {
  next(event_kind::run_start).scenario = event_scenario{scenario, scenario + ".yaml", 7};
}

void history::ends(int code) { next(event_kind::run_end).code = code; }

void history::adds(const std::string& path, const std::string& kind, const std::string& type) {
  auto& what = next(event_kind::child, path).child.emplace();
  what.state = "idle";
  what.kind = kind;
  what.type = type;
  what.restart = "permanent";
  if (kind == "pool") what.workers = 1;
  next(event_kind::start, path, 1).runs_in = kind == "pool" ? "process" : "thread";
  next(event_kind::ready, path, 1);
}

void history::crashes(const std::string& path, std::uint64_t incarnation, unsigned restarts, unsigned limit) {
  auto& e = next(event_kind::crash, path, incarnation);
  e.level = event_level::error;
  e.id = next_crash();
  e.runs_in = "thread";
  auto& why = e.why.emplace();
  why.cls = cause_class::exception;
  why.exception = "std::runtime_error";
  why.message = "boom";
  e.fingerprint = fingerprint_of(why);
  e.decision = restart(restarts, limit, "one_for_one");
  e.kept = 2;
  e.text = "while it handled ('add', 3)";
  next(event_kind::restart, path, incarnation + 1);
  next(event_kind::recover, path, incarnation + 1).recovery_ms = 2'000.0;
}

std::string history::next_crash() { return crash_id(++crashes_); }

run_view history::folded() const {
  run_view out;
  for (const auto& e : events) fold(out, e);
  return out;
}

std::string history::text() const {
  std::string out;
  for (const auto& e : events) out += to_json_line(e) + "\n";
  return out;
}

history usual_history() {
  history out;
  out.begins("shop");
  auto& root = out.next(event_kind::child, "/root").child.emplace();
  root.state = "starting";
  root.kind = "supervisor";
  root.strategy = "one_for_one";
  root.limit = 3;
  root.period_ms = 5'000;
  out.adds("/root/total", "actor", "counter");
  out.adds("/root/squares", "pool", "square");
  auto& worker = out.next(event_kind::ready, "/root/squares/w1", 1);
  worker.pid = 4'242;
  worker.runs_in = "process";
  out.next(event_kind::child, "/root").child.emplace().state = "up";
  out.crashes("/root/total", 1, 1, 3);

  auto& death = out.next(event_kind::crash, "/root/squares/w1", 1);
  death.level = event_level::warn;
  death.id = out.next_crash();
  death.fingerprint = "f-00000002";
  death.pid = 4'242;
  death.runs_in = "process";
  auto& why = death.why.emplace();
  why.cls = cause_class::signal;
  why.signal = SIGSEGV;
  why.code = SEGV_MAPERR;
  why.address = 0x10;
  why.rss_peak_kib = 7'168;
  why.frames = {"work at work.cpp:3 (shop+0x1)", "deeper at work.cpp:9 (shop+0x2)", "deeper at work.cpp:9 (shop+0x2)",
                "deeper at work.cpp:9 (shop+0x2)"};
  why.stderr_tail = {"about to square 7"};
  death.task = event_task{3, "square", "7", 1, 3, 0.9};
  death.task_fate = "requeued";
  death.decision = restart(1, 20, {});
  auto& retry = out.next(event_kind::task_retry, "/root/squares/w1", 1);
  retry.task = event_task{3, "square", "7", 1, 3, 0.9};
  retry.task_fate = "requeued";
  out.next(event_kind::restart, "/root/squares/w1", 2);
  auto& again = out.next(event_kind::recover, "/root/squares/w1", 2);
  again.recovery_ms = 3'000.0;
  again.pid = 4'243;
  return out;
}

scratch::scratch() {
  auto pattern = (std::filesystem::temp_directory_path() / "steward_views_XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a folder for the test");
  folder_ = pattern;
}

scratch::~scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string scratch::write(const std::string& name, const std::string& text) const {
  const auto where = path(name);
  std::ofstream{where, std::ios::binary} << text;
  return where;
}

variable::variable(const char* name, const char* value) : name_(name), was_set_(std::getenv(name) != nullptr) {
  if (was_set_) before_ = std::getenv(name);
  ::setenv(name, value, 1);
}

variable::~variable() {
  if (was_set_)
    ::setenv(name_, before_.c_str(), 1);
  else
    ::unsetenv(name_);
}

}  // namespace steward::test
