#pragma once

#include "command/driver.hpp"
#include "supervision/child.hpp"

#include <cstdint>

namespace steward::supervision {

/// A child that is a program. Each incarnation is a process, which the driver of commands runs; what comes of it is
/// told to the host by number and incarnation.
class command_child final : public child {
public:
  using child::child;

  void start(tree_host& host) override;
  void stop(tree_host& host, const policy::action::stop_child& how) override;
  void abandon(tree_host& host) override;
  void kill(tree_host& host, const cause& why) override;
  void let_go(tree_host& host) override;
  void respecify(tree_host& host, child_spec_ptr next) override { (void)host, spec = std::move(next); }
  void introduce(event_child& into) const override;
  bool complete(tree_host& host, event& about) override;
  cause last_death() const override { return last_; }

private:
  void heed(tree_host& host, std::uint64_t of_incarnation, const command::news& what, int pid);
  void has_stopped(tree_host& host, std::uint64_t of_incarnation);
  void tell_stop(tree_host& host, const command::news& how);

  command::place place_ = 0;
  bool running_ = false;   // there is an incarnation whose end was not told yet
  bool stopping_ = false;  // that it has stopped is still to be told
  int pid_ = 0;            // of the latest one
  cause last_;
};

}  // namespace steward::supervision
