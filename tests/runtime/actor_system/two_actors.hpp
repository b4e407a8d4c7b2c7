#pragma once

#include "steward/port.hpp"

#include <caf/actor_system.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <gtest/gtest.h>

namespace steward::testing_support {

/// Two actors on CAF's test scheduler, for what is about handles alone.
class two_actors : public ::testing::Test {
protected:
  two_actors() {
    port::configure(config_, port::scheduling::testing, 1);
    system_.emplace(config_);
    one_ = system_->spawn([](caf::event_based_actor*) -> caf::behavior { return {[](int) {}}; });
    other_ = system_->spawn([](caf::event_based_actor*) -> caf::behavior { return {[](int) {}}; });
    run();
  }
  ~two_actors() override {
    for (const auto& x : {one_, other_}) caf::anon_send_exit(x, caf::exit_reason::kill);
    run();
  }
  void run() { dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler()).run(); }

  caf::actor_system_config config_;
  std::optional<caf::actor_system> system_;
  caf::actor one_;
  caf::actor other_;
};

}  // namespace steward::testing_support
