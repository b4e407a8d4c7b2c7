#pragma once

#include "probe_actor.hpp"
#include "steward/messages.hpp"
#include "steward/supervisor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace steward::test {

using namespace std::chrono_literals;

inline constexpr milliseconds long_enough{20'000};

/// What a request came to: a value, or the error as text.
template <class R>
struct told {
  std::optional<R> value;
  std::string error;
  std::optional<errc> code;
};

/// Events as they come.
class seen_events {
public:
  void add(const event& x) {
    const std::lock_guard lock{mutex_};
    all_.push_back(x);
  }
  std::vector<event> of(event_kind kind, const std::string& path) const {
    const std::lock_guard lock{mutex_};
    std::vector<event> out;
    for (const auto& x : all_)
      if (x.kind == kind && x.actor == path) out.push_back(x);
    return out;
  }

  std::vector<event> of(event_kind kind) const {
    const std::lock_guard lock{mutex_};
    std::vector<event> out;
    for (const auto& x : all_)
      if (x.kind == kind) out.push_back(x);
    return out;
  }

private:
  mutable std::mutex mutex_;
  std::vector<event> all_;
};

/// True when `done` was true before the time was over.
inline bool comes(const std::function<bool()>& done, milliseconds within = long_enough) {
  const auto until = std::chrono::steady_clock::now() + within;
  while (!done()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

/// A tree whose actors are probes.
class probe_tree {
public:
  explicit probe_tree(std::vector<child_spec> children, strategy how = strategy::one_for_one,
                      intensity budget = {10'000, milliseconds{1'000}}) {
    log_.add_sink([this](const event& x) { events.add(x); });
    runtime_options options;
    options.actor_links = true;
    options.announce_types = announce_parcel;
    options.print = [this](const std::string& line) {
      const std::lock_guard lock{mutex_};
      lines_.push_back(line);
    };
    rt = std::make_unique<runtime>(log_, probe_tasks(), probe_actors(), std::move(options));
    supervisor_spec spec;
    spec.strategy = how;
    spec.intensity = budget;
    spec.children = std::move(children);
    tree = std::make_unique<supervisor>(*rt, std::move(spec));
    started = tree->start();
  }

  caf::actor actor(const std::string& id) { return tree->actor("/root/" + id); }

  template <class R, class... Ts>
  told<R> ask(const caf::actor& who, Ts&&... message) {
    caf::scoped_actor self{rt->system()};
    told<R> out;
    port::ask(self.ptr(), who, long_enough, std::forward<Ts>(message)...)
        .receive([&](R& x) { out.value = std::move(x); },
                 [&](caf::error& e) {
                   out.error = describe(e);
                   out.code = code_of(e);
                 });
    return out;
  }
  std::string say(const caf::actor& who, const std::string& what) {
    auto out = ask<std::string>(who, what);
    return out.value ? *out.value : "failed: " + out.error;
  }
  std::string say(const caf::actor& who, const std::string& what, const caf::actor& whom) {
    auto out = ask<std::string>(who, what, whom);
    return out.value ? *out.value : "failed: " + out.error;
  }
  std::int64_t sum(const caf::actor& who) { return ask<std::int64_t>(who, caf::get_atom::value).value.value_or(-1); }
  std::string list(const caf::actor& who) { return ask<std::string>(who, show_atom::value).value.value_or("?"); }

  message_counts counts(const std::string& id) {
    for (const auto& x : tree->which_children("/root").value_or(std::vector<child_info>{}))
      if (x.path == "/root/" + id) return x.messages;
    return {};
  }
  /// Once nothing is under way any more.
  message_counts settled(const std::string& id) {
    comes([&] { return counts(id).waiting == 0; });
    return counts(id);
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock{mutex_};
    return lines_;
  }

  seen_events events;

private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
  event_log log_{"test"};

public:
  std::unique_ptr<runtime> rt;
  std::unique_ptr<supervisor> tree;
  tree_start started;
};

inline child_spec probe_child(std::string id, rung where, param_map params = {}, std::string type = "probe") {
  child_spec out;
  out.id = std::move(id);
  out.runs_in = where;
  out.backoff = {milliseconds{1}, milliseconds{5}, 1.0, 0.0, milliseconds{30'000}};
  out.what = actor_spec{std::move(type), std::move(params)};
  return out;
}

/// Two worker processes, whose tasks add to the actor "shared".
inline child_spec workers_child() {
  pool_spec workers;
  workers.task = "add_to";
  workers.size.workers = 2;
  workers.actors = {"shared"};
  child_spec out;
  out.id = "workers";
  out.what = std::move(workers);
  return out;
}

/// Cases that threads and processes have in common.
class on_any_rung : public ::testing::TestWithParam<rung> {
protected:
  static rung where() { return GetParam(); }
  static bool in_process() { return GetParam() == rung::process; }
};

inline std::string name_of_rung(const ::testing::TestParamInfo<rung>& x) { return to_string(x.param); }

}  // namespace steward::test
