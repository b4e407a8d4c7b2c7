#pragma once

#include "steward/event.hpp"
#include "steward/sample.hpp"
#include "steward/sinks.hpp"
#include "store/reader.hpp"
#include "store/writer.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace steward::store::test {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using time_point = std::chrono::system_clock::time_point;

inline constexpr auto patience = 20s;

/// Looks until it holds; false when it does not by the deadline.
inline bool eventually(const std::function<bool()>& holds) {
  const auto deadline = clock::now() + patience;
  while (!holds()) {
    if (clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

/// What a writer has said, on its own thread.
class said {
public:
  void add(const std::string& text) {
    const std::lock_guard guard{mutex_};
    all_.push_back(text);
  }
  std::vector<std::string> all() const {
    const std::lock_guard guard{mutex_};
    return all_;
  }
  bool contains(const std::string& text) const {
    const std::lock_guard guard{mutex_};
    for (const auto& one : all_)
      if (one.find(text) != std::string::npos) return true;
    return false;
  }

private:
  mutable std::mutex mutex_;
  std::vector<std::string> all_;
};

/// A folder of its own for each test.
class store_test : public testing::Test {
protected:
  store_test() {
    const auto* of = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              ("steward_store." + std::to_string(::getpid()) + "." + of->test_suite_name() + "." + of->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
  }
  ~store_test() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string state() const { return path("state"); }

  writer_options options(const std::string& run = "r-000001") {
    writer_options out;
    out.directory = state();
    out.run = run;
    out.retry_after = 5ms;
    out.on_problem = [this](const std::string& text) { told.add(text); };
    return out;
  }

  std::vector<event> events_of(const run_row& run, const event_query& wanted = {}) {
    std::vector<event> out;
    reader{state()}.events(run, wanted, [&](const event& e) {
      out.push_back(e);
      return true;
    });
    return out;
  }
  run_row last_run() {
    const auto found = reader{state()}.find_run();
    if (!found) throw std::runtime_error("there is no run");
    return *found;
  }

  said told;

private:
  std::filesystem::path folder_;
};

/// What is refused, in words.
inline std::string why_not(const std::function<void()>& f) {
  try {
    f();
  } catch (const std::runtime_error& x) {
    return x.what();
  }
  return "";
}

/// The events of a small tree that crashes now and then, with numbers and times.
class made_run {
public:
  explicit made_run(std::string id = "r-000001", time_point from = time_point{1'700'000'000s})
      : id_(std::move(id)), at_(from) {}

  event begin() {
    auto e = next(event_kind::run_start);
    e.scenario = event_scenario{"made", "made.yaml", 7};
    return e;
  }
  event end(int code = 0) {
    auto e = next(event_kind::run_end);
    e.code = code;
    return e;
  }
  /// The next event of the life of ten children, which follow one another.
  event step() {
    const auto child = turn_ / 4 % 10;
    event e;
    switch (turn_++ % 4) {
      case 0:
        e = next(event_kind::crash);
        e.decision = event_decision{"restart", "one_for_one", 1, 100, 5'000, 0, {}};
        e.why = cause{};
        e.why->cls = cause_class::exception;
        e.why->message = "boom";
        e.fingerprint = fingerprint_of(*e.why);
        e.id = "c-" + std::to_string(turn_);
        break;
      case 1:
        e = next(event_kind::restart);
        break;
      case 2:
        e = next(event_kind::recover);
        e.recovery_ms = 0.25;
        break;
      default:
        e = next(event_kind::child);
        e.child = event_child{};
        e.child->kind = "actor";
        e.child->type = "counter";
    }
    e.actor = "/root/c" + std::to_string(child);
    e.incarnation = 1 + turn_ / 40;
    return e;
  }
  event line(const std::string& text) {
    auto e = next(event_kind::output);
    e.text = text;
    return e;
  }
  void wait(std::chrono::system_clock::duration how_long) { at_ += how_long; }
  void skip(std::uint64_t numbers) { seq_ += numbers; }
  time_point now() const { return at_; }
  std::uint64_t seq() const { return seq_; }

private:
  event next(event_kind kind) {
    event e;
    e.run = id_;
    e.seq = ++seq_;
    at_ += 100us;
    e.ts = at_;
    e.kind = kind;
    return e;
  }

  std::string id_;
  time_point at_;
  std::uint64_t seq_ = 0;
  std::uint64_t turn_ = 0;
};

inline sample figures(const std::string& path, time_point at, std::uint64_t handled) {
  sample x;
  x.path = path;
  x.at = at;
  x.handled = handled;
  return x;
}

}  // namespace steward::store::test
