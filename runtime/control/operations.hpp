#pragma once

#include "steward/control.hpp"
#include "steward/operation.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

namespace steward {
class event_log;
class supervisor;
}  // namespace steward

namespace steward::control_api {

/// What can be done to a tree from outside. Calls may take as long as the children's own limits; `by` is who asks. Any
/// thread, several at a time.
class operations {
public:
  operations() = default;
  virtual ~operations() = default;
  operations(const operations&) = delete;
  operations& operator=(const operations&) = delete;

  virtual control_outcome operate(operation what, const std::string& path, const std::string& by) = 0;
  virtual control_outcome resize(const std::string& path, unsigned workers, const std::string& by) = 0;
  virtual control_outcome reload(const control_reload& what, const std::string& by) = 0;
  virtual control_outcome shutdown(const std::string& by) = 0;
  /// As JSON; empty where there is none.
  virtual std::string plan() { return {}; }
};

/// Those of a tree. What is empty of `reload` and `shutdown` is refused, or asks the tree to stop.
std::unique_ptr<operations> operations_of(supervisor& tree, event_log& events, control_reloader reload,
                                          control_stopper shutdown, control_planner plan = {});

/// Hands operations to whoever wants to carry one out, as long as there are any. Thread-safe.
class operations_slot {
public:
  /// The use of operations; false when there are none.
  class lease {
  public:
    lease() = default;
    lease(operations_slot& from, operations& what) : from_(&from), what_(&what) {}
    ~lease() {
      if (from_ != nullptr) from_->give_back();
    }
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;

    explicit operator bool() const noexcept { return what_ != nullptr; }
    operations& operator*() const noexcept { return *what_; }

  private:
    operations_slot* from_ = nullptr;
    operations* what_ = nullptr;
  };

  lease take();
  /// Waits until nobody uses those that were there before.
  void set(std::unique_ptr<operations> now);

private:
  void give_back();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<operations> now_;
  unsigned users_ = 0;
};

/// Who is at the other end of a Unix socket: "uid 1000 (ann)".
std::string name_of_user(unsigned uid);

}  // namespace steward::control_api
