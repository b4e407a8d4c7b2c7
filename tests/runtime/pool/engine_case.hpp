#pragma once

#include "pool/engine.hpp"

#include "tasks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace steward::test {

using namespace steward::pooling;
using std::chrono::milliseconds;

/// What a worker says of one task.
struct answer {
  bool failed = false;
  bytes result{};  ///< encoded, when not failed
  cause why{};     ///< the exception, when failed
  double ran_ms = 0.0;
};
inline bool answered(engine& brain, worker_ref ref, task_id id, answer reply, time_point now) {
  if (reply.failed) return brain.worker_item_failed(ref, id, 0, std::move(reply.why), reply.ran_ms, true, now);
  return brain.worker_items(ref, id, 0, 1, std::move(reply.result), reply.ran_ms, true, now);
}

/// An engine in virtual time, with its decisions sorted by kind.
class engine_case : public ::testing::Test {
protected:
  struct settled {
    int count = 0;
    std::optional<task_error> error;
  };

  void make(pool_spec spec, unsigned workers = 2) {
    spec.size.workers = workers;
    brain.emplace(spec, "/root/p", 1);
  }
  void make_ready(pool_spec spec, unsigned workers = 2) {
    make(spec, workers);
    brain->start(now);
    step();
    ready_all();
  }
  void ready_all() {
    for (const auto ref : std::exchange(starts, {})) brain->worker_ready(ref, now);
    step();
  }

  /// What became of the items of a chunk.
  struct items_seen : detail::item_sink {
    std::map<std::size_t, std::int64_t> values_of;
    std::map<std::size_t, task_error> errors_of;
    int twice = 0;

    void values(std::size_t first, std::size_t count, bytes results, const std::shared_ptr<detail::many_body>&,
                std::size_t, double) override {
      detail::item_reader items(results, sizeof(std::int64_t));
      for (std::size_t i = first; i < first + count; ++i) {
        twice += static_cast<int>(values_of.count(i) + errors_of.count(i));
        values_of[i] = decode_all<std::int64_t>(items.next());
      }
    }
    void error(std::size_t index, task_error error) override {
      twice += static_cast<int>(values_of.count(index) + errors_of.count(index));
      errors_of.emplace(index, std::move(error));
    }
  };

  /// Numbers from 1 on, to be squared.
  job_ptr submit_chunk(std::uint32_t items, int priority = 0, bool batch = false) {
    auto j = std::make_shared<job>();
    j->entry = test::tasks().square.entry;
    j->sink = seen;
    j->items = items;
    j->batch = batch;
    j->priority = priority;
    for (std::int64_t n = 1; n <= items; ++n) encode_all(j->args, n);
    brain->submit(j, now);
    step();
    return j;
  }
  static bytes squares(std::int64_t first, std::int64_t count) {
    bytes out;
    for (std::int64_t n = first; n < first + count; ++n) encode_all(out, n * n);
    return out;
  }
  job_ptr submit_one(int priority = 0, const std::string& key = {}) {
    auto j = std::make_shared<job>();
    j->entry = test::tasks().square.entry;
    j->priority = priority;
    if (!key.empty()) j->key = std::make_shared<const std::string>(key);
    encode_all(j->args, std::int64_t{7});
    const auto index = submitted++;
    j->done = [this, index](outcome<bytes> r) {
      ++outcomes[index].count;
      if (!r.ok()) outcomes[index].error = r.error();
    };
    brain->submit(j, now);
    step();
    return j;
  }
  /// Time goes by, with a step whenever one is due.
  void pass(milliseconds span) {
    const auto end = now + span;
    while (const auto due = brain->next_due()) {
      if (*due > end) break;
      now = std::max(now, *due);
      step();
    }
    now = end;
    step();
  }

  void submit(std::size_t count = 1) {
    for (std::size_t i = 0; i < count; ++i) {
      auto j = std::make_shared<job>();
      j->entry = test::tasks().square.entry;
      encode_all(j->args, std::int64_t{7});
      const auto index = submitted++;
      j->done = [this, index](outcome<bytes> r) {
        ++outcomes[index].count;
        if (!r.ok()) outcomes[index].error = r.error();
      };
      brain->submit(std::move(j), now);
    }
    step();
  }

  void step() {
    auto decided = brain->step(now);
    for (auto& one : decided.orders) std::visit([this](auto& x) { take(x); }, one);
    for (auto& one : decided.notices) std::visit([this](auto& x) { take(x); }, one);
  }
  void take(act::assign& x) { assigned.push_back(x); }
  void take(act::start& x) { starts.push_back(x.worker); }
  void take(act::stop& x) { stops.push_back(x.worker); }
  void take(act::terminate& x) { terminated.push_back(x.worker); }
  void take(act::kill& x) { kills.push_back(x.worker); }
  void take(news::settled& x) {
    if (x.task->sink) {
      x.task->sink->error(x.task->first + x.item, std::move(x.result).take_error());
    } else {
      x.task->done(std::move(x.result));
    }
  }
  void take(news::all_ready&) { all_ready = true; }
  void take(news::gave_up& x) { gave_up = x.why; }
  void take(news::stopped&) { stopped = true; }
  void take(news::items_settled& x) {
    x.task->sink->values(x.task->first + x.item, x.count, std::move(x.results), nullptr, 0, x.ran_ms);
  }
  void take(act::ask_task& x) { asked.push_back(x); }
  void take(act::withdraw& x) { withdrawals.push_back(x); }
  void take(act::harvest& x) { harvests.push_back(x); }
  void take(news::happened& x) { events.push_back(*x.what); }

  act::assign next_assigned() {
    if (assigned.empty()) throw std::logic_error("nothing was assigned");
    auto first = assigned.front();
    assigned.erase(assigned.begin());
    return first;
  }
  void answer_ok(const act::assign& a, double ran_ms = 0.01) {
    EXPECT_TRUE(answered(*brain, a.worker, a.id, answer{false, {}, {}, ran_ms}, now));
    step();
  }
  void die(worker_ref w, task_id in_hand = 0, bool by_us = false) {
    cause why;
    why.cls = cause_class::signal;
    why.signal = 11;
    brain->worker_died(w, death{why, in_hand, by_us}, now);
    step();
  }
  int count(event_kind kind) const {
    return static_cast<int>(
        std::count_if(events.begin(), events.end(), [kind](const auto& e) { return e.kind == kind; }));
  }
  const event& first(event_kind kind) const {
    for (const auto& e : events) {
      if (e.kind == kind) return e;
    }
    throw std::logic_error("no such event");
  }

  std::shared_ptr<items_seen> seen = std::make_shared<items_seen>();
  std::optional<engine> brain;
  time_point now{std::chrono::hours(1)};
  std::size_t submitted = 0;
  std::map<std::size_t, settled> outcomes;
  std::vector<act::assign> assigned;
  std::vector<worker_ref> starts, stops, terminated, kills;
  std::vector<act::ask_task> asked;
  std::vector<act::withdraw> withdrawals;
  std::vector<act::harvest> harvests;
  std::vector<event> events;
  std::optional<cause> gave_up;
  bool all_ready = false;
  bool stopped = false;
};

}  // namespace steward::test
