#pragma once

#include "steward/supervisor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace steward::testing_support {

/// Holds back whoever passes until it is opened. It may end while those that it held back are still on their way out.
class gate {
public:
  void pass() {
    const auto kept = state_;
    std::unique_lock guard{kept->mutex};
    ++kept->waiting;
    kept->changed.notify_all();
    kept->changed.wait(guard, [&] { return kept->open; });
  }
  void open() {
    std::lock_guard guard{state_->mutex};
    state_->open = true;
    state_->changed.notify_all();
  }
  /// True once this many have come.
  bool await(unsigned count) {
    std::unique_lock guard{state_->mutex};
    return state_->changed.wait_for(guard, std::chrono::seconds{20}, [&] { return state_->waiting >= count; });
  }

private:
  struct state {
    std::mutex mutex;
    std::condition_variable changed;
    unsigned waiting = 0;
    bool open = false;
  };
  std::shared_ptr<state> state_ = std::make_shared<state>();
};

/// A fixture for trees on real threads: it waits for events, with a deadline, and never sleeps.
class real_tree : public ::testing::Test {
protected:
  real_tree() {
    log_.add_sink([this](const event& e) {
      std::lock_guard guard{mutex_};
      events_.push_back(e);
      changed_.notify_all();
    });
  }

  static child_spec child(std::string id, std::string type) {
    child_spec out;
    out.id = std::move(id);
    out.backoff = backoff_spec{milliseconds{0}, milliseconds{0}, 1.0, 0.0, milliseconds{1'000}};
    out.what = actor_spec{std::move(type), {}};
    return out;
  }
  static supervisor_spec tree_of(std::vector<child_spec> children, strategy how = strategy::one_for_one) {
    supervisor_spec out;
    out.strategy = how;
    out.intensity = intensity{1'000'000, milliseconds{60'000}};
    out.children = std::move(children);
    return out;
  }

  /// Waits until `count` events of this kind about this path have happened.
  bool await(event_kind kind, const std::string& path, std::size_t count = 1) {
    std::unique_lock guard{mutex_};
    return changed_.wait_for(guard, std::chrono::seconds{20}, [&] { return tally(kind, path) >= count; });
  }
  std::vector<event> events_of(event_kind kind) {
    std::lock_guard guard{mutex_};
    std::vector<event> out;
    std::copy_if(events_.begin(), events_.end(), std::back_inserter(out), [&](auto& e) { return e.kind == kind; });
    return out;
  }

  template <class Result, class... Ts>
  std::optional<Result> ask(runtime& rt, const caf::actor& who, Ts&&... message) {
    caf::scoped_actor self{rt.system()};
    std::optional<Result> out;
    port::ask(self.ptr(), who, milliseconds{20'000}, std::forward<Ts>(message)...)
        .receive([&](Result& x) { out = std::move(x); }, [](caf::error&) {});
    return out;
  }

  event_log log_{"test"};
  task_registry tasks_;
  actor_registry actors_;

private:
  std::size_t tally(event_kind kind, const std::string& path) const {
    return static_cast<std::size_t>(
        std::count_if(events_.begin(), events_.end(), [&](auto& e) { return e.kind == kind && e.actor == path; }));
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<event> events_;
};

}  // namespace steward::testing_support
