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

  void start(kernel& host) override;
  void stop(kernel& host, const policy::action::stop_child& how) override;
  void abandon(kernel& host) override;
  void let_go(kernel& host) override;
  void respecify(kernel& host, child_spec_ptr next, std::vector<reload_change>& changes) override;
  bool complete(kernel& host, event& about) override;

private:
  void has_stopped(kernel& host, std::uint64_t of_incarnation);
  /// Ends the pool that nobody needs any more, without waiting for it.
  void retire(kernel& host);

  std::shared_ptr<pool> pool_;
};

}  // namespace steward::supervision
