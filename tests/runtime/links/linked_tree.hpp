#pragma once

#include "actor_system/actor_link.hpp"
#include "link_tasks.hpp"
#include "steward/messages.hpp"
#include "steward/supervisor.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace steward::test {

/// A tree of two actors, `open` and `secret`, and a pool of one sandboxed worker whose tasks may reach `open`.
class linked_tree : public ::testing::Test {
protected:
  linked_tree() : rt_(log_, link_tasks(), link_actors(), options()), tree_(rt_, spec()) {
    EXPECT_TRUE(tree_.start().ok);
    pool_ = tree_.pool_at("/root/workers");
    open_ = tree_.actor("/root/open");
    secret_ = tree_.actor("/root/secret");
    ask<std::int64_t>(secret_, caf::add_atom::value, std::int64_t{42});
  }

  static runtime_options options() {
    runtime_options out;
    out.actor_links = true;
    return out;
  }
  static supervisor_spec spec() {
    supervisor_spec out;
    for (const char* name : {"open", "secret"}) {
      child_spec one;
      one.id = name;
      one.what = actor_spec{"keeper", {}};
      out.children.push_back(one);
    }
    pool_spec pool;
    pool.task = "obey";
    pool.size.workers = 1;
    pool.limits.attempts = 1;
    pool.process.sandbox = sandbox_level::strict;
    pool.actors = {"open"};
    pool.restarts.recycle_after = 1;  // each task finds a link that nobody has used
    pool.restarts.worker_restarts.restarts = 1000;
    child_spec workers;
    workers.id = "workers";
    workers.what = pool;
    out.children.push_back(workers);
    return out;
  }

  outcome<bytes> run_raw(const std::string& line) {
    bytes args;
    encode_all(args, line);
    return pool_->map(*link_tasks().find("obey"), {args}).front();
  }
  /// What a command says, or how its task ended.
  std::string run(const std::string& line) {
    const auto out = run_raw(line);
    return out.ok() ? decode_all<std::string>(out.value()) : describe(out.error());
  }

  template <class Result, class... Ts>
  std::optional<Result> ask(const caf::actor& who, Ts&&... message) {
    caf::scoped_actor self{rt_.system()};
    std::optional<Result> out;
    port::ask(self.ptr(), who, milliseconds{20'000}, std::forward<Ts>(message)...)
        .receive([&](Result& x) { out = std::move(x); }, [](caf::error&) {});
    return out;
  }

  event_log log_{"test"};
  runtime rt_;
  supervisor tree_;
  std::shared_ptr<pool> pool_;
  caf::actor open_;
  caf::actor secret_;
};

}  // namespace steward::test
