#pragma once

#include "steward/event.hpp"
#include "supervision/kernel.hpp"

#include <caf/actor_system.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/scoped_actor.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
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
    if (kernel_) {
      stop();
      caf::anon_send_exit(kernel_, caf::exit_reason::user_shutdown);
    }
    scheduler_->run();
    kernel_ = nullptr;
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

  static supervisor_spec tree(std::vector<child_spec> children, intensity limit = {}) {
    supervisor_spec out;
    out.limit = limit;
    out.children = std::move(children);
    return out;
  }

  void start(supervisor_spec spec) {
    supervision::kernel_environment env;
    env.events = &log_;
    env.names = &names_;
    env.actors = &registry_;
    env.tasks = &tasks_;
    env.print = [this](const std::string& line) { printed_.push_back(line); };
    kernel_ = system_->spawn<supervision::kernel>(std::move(env));
    on_kernel([this, spec = std::move(spec)](supervision::kernel& k) {
      k.start_tree(
          "root", spec, [this](supervision::start_report report) { started_ = std::move(report); },
          [this](policy::exit_info how) { ended_ = std::move(how); });
    });
    run();
  }

  void stop() {
    on_kernel([](supervision::kernel& k) { k.stop_tree(); });
    run();
  }

  void on_kernel(std::function<void(supervision::kernel&)> f) {
    port::tell_anonymously(kernel_, supervision::kernel_call{std::move(f)});
  }

  /// Handles every message that is due.
  void run() { scheduler_->run(); }

  void advance(milliseconds by) {
    scheduler_->advance_time(by);
    scheduler_->run();
  }

  caf::actor at(const std::string& path) { return names_.actor(path); }

  template <class... Ts>
  void send(const std::string& path, Ts&&... message) {
    port::tell_anonymously(at(path), std::forward<Ts>(message)...);
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

  event_log log_{"test"};
  supervision::directory names_;
  actor_registry registry_;
  task_registry tasks_;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  caf::scheduler::test_coordinator* scheduler_ = nullptr;
  caf::actor kernel_;
  std::optional<supervision::start_report> started_;
  std::optional<policy::exit_info> ended_;
  std::vector<event> events_;
  std::vector<std::string> printed_;
  caf::error error_;
};

}  // namespace steward::testing_support
