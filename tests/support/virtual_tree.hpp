#pragma once

#include "steward/event.hpp"
#include "supervision/tree_host.hpp"

#include <caf/actor_system.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/scoped_actor.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace steward::testing_support {

/// A supervision tree on CAF's test scheduler: one thread, virtual time, nothing happens unless the test says so.
class virtual_tree : public ::testing::Test {
protected:
  virtual_tree() {
    port::configure(config_, port::scheduling::testing, 1);
    port::announce_block<caf::id_block::steward>(config_);
    system_ = std::make_unique<caf::actor_system>(config_);
    scheduler_ = dynamic_cast<caf::scheduler::test_coordinator*>(&system_->scheduler());
    log_.add_sink([this](const event& e) { events_.push_back(e); });
  }

  ~virtual_tree() override {
    end();
    names_.clear();
  }

  /// Registers a state class under a name.
  template <class State>
  void actor_type(std::string name, std::vector<param_spec> params = {}) {
    registry_.add<State>(std::move(name), std::move(params));
  }

  static child_spec child(std::string id, std::string type, restart_type restart = restart_type::permanent) {
    child_spec out;
    out.id = std::move(id);
    out.restart = restart;
    out.backoff = backoff_spec{milliseconds{100}, milliseconds{1'000}, 2.0, 0.0, milliseconds{30'000}};
    out.what = actor_spec{std::move(type), {}};
    return out;
  }

  static child_spec nested(std::string id, supervisor_spec spec, restart_type restart = restart_type::permanent) {
    child_spec out;
    out.id = std::move(id);
    out.restart = restart;
    out.backoff = backoff_spec{milliseconds{100}, milliseconds{1'000}, 2.0, 0.0, milliseconds{30'000}};
    out.what = std::make_shared<supervisor_spec>(std::move(spec));
    return out;
  }

  static supervisor_spec tree(std::vector<child_spec> children, intensity limit = {},
                              strategy how = strategy::one_for_one) {
    supervisor_spec out;
    out.strategy = how;
    out.intensity = limit;
    out.children = std::move(children);
    return out;
  }

  void start(supervisor_spec spec) {
    supervision::host_environment env;
    env.events = &log_;
    env.names = &names_;
    env.actors = &registry_;
    env.tasks = &tasks_;
    env.print = [this](const std::string& line) { printed_.push_back(line); };
    host_ = system_->spawn<supervision::tree_host>(std::move(env));
    on_host([this, spec = std::move(spec)](supervision::tree_host& host) {
      host.start_tree(
          "root", spec, [this](tree_start report) { started_ = std::move(report); },
          [this](policy::exit_info how) { ended_ = std::move(how); });
    });
    run();
  }

  /// Ends the tree with all that belongs to it, so that another can be started.
  void end() {
    held_.clear();
    if (host_) {
      stop();
      caf::anon_send_exit(host_, caf::exit_reason::user_shutdown);
    }
    scheduler_->run();
    host_ = nullptr;
    started_.reset();
    ended_.reset();
  }

  void stop() {
    on_host([](supervision::tree_host& host) { host.stop_tree(); });
    run();
  }

  // Administration: each runs until nothing is due any more. No answer yet (it may wait for virtual time) is nullopt.
  std::optional<admin_result> start_child(const std::string& supervisor, child_spec spec) {
    return administer(
        [&](supervision::tree_host& host, auto done) { host.start_child(supervisor, std::move(spec), done); });
  }
  std::optional<admin_result> start_dynamic(const std::string& supervisor, const param_map& params = {},
                                            const std::string& key = {}) {
    return administer(
        [&](supervision::tree_host& host, auto done) { host.start_child(supervisor, params, key, done); });
  }
  std::optional<admin_result> terminate_child(const std::string& path) {
    return administer(
        [&](supervision::tree_host& host, auto done) { host.terminate_child(path, std::string{}, done); });
  }
  std::optional<admin_result> terminate_child(const std::string& supervisor, const caf::actor& handle) {
    return administer([&](supervision::tree_host& host, auto done) { host.terminate_child(supervisor, handle, done); });
  }
  std::optional<admin_result> restart_child(const std::string& path) {
    return administer([&](supervision::tree_host& host, auto done) { host.restart_child(path, std::string{}, done); });
  }
  std::optional<admin_result> delete_child(const std::string& path) {
    return administer([&](supervision::tree_host& host, auto done) { host.delete_child(path, done); });
  }
  std::optional<std::vector<child_info>> which_children(const std::string& supervisor) {
    return query([&](supervision::tree_host& host) { return host.which_children(supervisor); });
  }
  std::optional<child_info> which_child(const std::string& path) {
    return query([&](supervision::tree_host& host) { return host.child_at(path); });
  }
  std::optional<child_counts> count_children(const std::string& supervisor) {
    return query([&](supervision::tree_host& host) { return host.count_children(supervisor); });
  }
  std::optional<child_spec> get_childspec(const std::string& path) {
    return query([&](supervision::tree_host& host) { return host.get_childspec(path); });
  }
  std::vector<spec_fault> reload(const supervisor_spec& spec) {
    return query([&](supervision::tree_host& host) {
      std::vector<reload_change> changes;
      return host.reload(spec, changes);
    });
  }
  std::optional<admin_result> operate(operation what, const std::string& path, const std::string& by = "ann") {
    return administer([&](supervision::tree_host& host, auto done) { host.operate(what, path, by, done); });
  }
  std::size_t leaked() {
    return query([](supervision::tree_host& host) { return host.leaked(); });
  }
  /// "running", "undefined", "restarting", ...; "not_found" when there is no such child.
  std::string status_of(const std::string& path) {
    const auto info = which_child(path);
    return info ? to_string(info->status) : "not_found";
  }
  /// The incarnation of a child; 0 when there is no such child.
  std::uint64_t incarnation_of(const std::string& path) {
    const auto info = which_child(path);
    return info ? info->incarnation : 0;
  }

  void on_host(std::function<void(supervision::tree_host&)> f) {
    port::send_anonymously(host_, supervision::host_call{std::move(f)});
  }

  /// Handles every message that is due, but for those of actors that are held back.
  void run() {
    if (held_.empty()) {
      scheduler_->run();
      return;
    }
    scheduler_->run_jobs_filtered([this](caf::resumable* job) {
      const auto* as_cell = dynamic_cast<const supervision::cell*>(job);
      return as_cell == nullptr || !held_.contains(as_cell->path());
    });
  }

  /// No thread comes to run this actor until it is let go, as if its handler or constructor hung.
  void hold_back(const std::string& path) { held_.insert(path); }
  void let_go(const std::string& path) {
    held_.erase(path);
    run();
  }

  void advance(milliseconds by) {
    scheduler_->advance_time(by);
    run();
  }

  caf::actor at(const std::string& path) { return names_.actor(path); }

  template <class... Ts>
  void send(const std::string& path, Ts&&... message) {
    port::send_anonymously(at(path), std::forward<Ts>(message)...);
  }

  /// Asks and waits in virtual time. Empty when there was no answer, or an error, which `error_` keeps.
  template <class Result, class... Ts>
  std::optional<Result> ask(const std::string& path, Ts&&... message) {
    caf::scoped_actor self{*system_};
    auto pending = port::ask(self.ptr(), at(path), caf::infinite, std::forward<Ts>(message)...);
    run();
    if (self->mailbox().empty()) {
      ADD_FAILURE() << path << " did not answer; it may wait for virtual time to pass";
      return std::nullopt;
    }
    return take<Result>(pending);
  }

  template <class Result, class Pending>
  std::optional<Result> take(Pending& pending) {
    std::optional<Result> out;
    error_ = caf::error{};
    pending.receive([&](Result& x) { out = std::move(x); }, [&](caf::error& e) { error_ = std::move(e); });
    return out;
  }

  std::vector<event> events_of(event_kind kind) const {
    std::vector<event> out;
    std::copy_if(events_.begin(), events_.end(), std::back_inserter(out), [&](auto& e) { return e.kind == kind; });
    return out;
  }

  std::vector<std::string> paths_of(event_kind kind) const {
    std::vector<std::string> out;
    for (const auto& e : events_of(kind)) out.push_back(e.actor);
    return out;
  }

  template <class F>
  std::optional<admin_result> administer(F f) {
    auto answer = std::make_shared<std::optional<admin_result>>();
    on_host(
        [&f, answer](supervision::tree_host& host) { f(host, [answer](admin_result x) { *answer = std::move(x); }); });
    run();
    return *answer;
  }
  /// The same, but the answer may come later.
  template <class F>
  std::shared_ptr<std::optional<admin_result>> administer_later(F f) {
    auto answer = std::make_shared<std::optional<admin_result>>();
    on_host([f = std::move(f), answer](supervision::tree_host& host) {
      f(host, [answer](admin_result x) { *answer = std::move(x); });
    });
    run();
    return answer;
  }
  template <class F>
  std::invoke_result_t<F, supervision::tree_host&> query(F f) {
    std::optional<std::invoke_result_t<F, supervision::tree_host&>> answer;
    on_host([&](supervision::tree_host& host) { answer.emplace(f(host)); });
    run();
    return std::move(*answer);
  }

  event_log log_{"test"};
  supervision::directory names_;
  actor_registry registry_;
  task_registry tasks_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  caf::scheduler::test_coordinator* scheduler_ = nullptr;
  caf::actor host_;
  std::set<std::string> held_;
  std::optional<tree_start> started_;
  std::optional<policy::exit_info> ended_;
  std::vector<event> events_;
  std::vector<std::string> printed_;
  caf::error error_;
};

}  // namespace steward::testing_support
