#pragma once

namespace steward::detail {

/// While there is one on a thread, nothing waits there for room in the queue of a pool: it is rejected, whatever
/// `on_full` says.
class no_waiting {
public:
  no_waiting() noexcept;
  ~no_waiting();
  no_waiting(const no_waiting&) = delete;
  no_waiting& operator=(const no_waiting&) = delete;
};
bool may_wait_here() noexcept;

}  // namespace steward::detail
