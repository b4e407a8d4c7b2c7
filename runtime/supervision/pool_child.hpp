#pragma once

#include "steward/pool.hpp"
#include "supervision/child.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace steward::supervision {

/// A child that is a pool; each incarnation is a new one. It restarts its workers itself, and tells of its own start,
/// its workers and its end.
class pool_child final : public child {
public:
  using child::child;

  void start(tree_host& host) override;
  void stop(tree_host& host, const policy::action::stop_child& how) override;
  void abandon(tree_host& host) override;
  void kill(tree_host& host, const cause& why) override;
  void let_go(tree_host& host) override;
  void respecify(tree_host& host, child_spec_ptr next) override;
  void introduce(event_child& into) const override;
  bool complete(tree_host& host, event& about) override;

private:
  void has_stopped(tree_host& host, std::uint64_t of_incarnation);
  /// Ends the pool that nobody needs any more, without waiting for it.
  void retire(tree_host& host);

  std::shared_ptr<pool> pool_;
  bool killed_ = false;
};

}  // namespace steward::supervision
