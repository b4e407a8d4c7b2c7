#include "actor_system/wake_batch.hpp"

#include <caf/intrusive_ptr.hpp>
#include <caf/ref_counted.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <algorithm>
#include <atomic>

namespace steward::port {

namespace {

/// One list of actors in the hands of several workers; each comes to it by a reference in the scheduler's queue.
class shared_list final : public caf::resumable, public caf::ref_counted {
public:
  explicit shared_list(std::vector<caf::resumable*> jobs) : jobs_(std::move(jobs)) {}
  ~shared_list() override {
    // The scheduler was stopped before it came to these: they end as all that is left in its queue.
    while (auto* job = next()) caf::scheduler::abstract_coordinator::cleanup_and_release(job);
  }
  shared_list(const shared_list&) = delete;
  shared_list& operator=(const shared_list&) = delete;

  subtype_t subtype() const override { return function_object; }

  /// As a worker's loop.
  resume_result resume(caf::execution_unit* eu, std::size_t max_throughput) override {
    while (auto* job = next()) {
      if (job->resume(eu, max_throughput) == resume_later)
        eu->exec_later(job);
      else
        caf::intrusive_ptr_release(job);
    }
    return done;
  }

  void intrusive_ptr_add_ref_impl() override { ref(); }
  void intrusive_ptr_release_impl() override { deref(); }

private:
  caf::resumable* next() {
    const auto at = next_.fetch_add(1, std::memory_order_relaxed);
    return at < jobs_.size() ? jobs_[at] : nullptr;
  }

  const std::vector<caf::resumable*> jobs_;
  std::atomic<std::size_t> next_{0};
};

/// How many can take from a list. On CAF's test scheduler nobody: tests see each actor as a job of its own.
std::size_t hands_of(caf::scheduler::abstract_coordinator& x) {
  return dynamic_cast<caf::scheduler::test_coordinator*>(&x) != nullptr ? 1 : x.num_workers();
}

}  // namespace

void wake_batch::exec_later(caf::resumable* job) {
  if (jobs_.empty()) jobs_.reserve(most);
  jobs_.push_back(job);
  if (jobs_.size() >= most) hand_over();
}

void wake_batch::hand_over() {
  if (jobs_.empty()) return;
  auto& scheduler = system().scheduler();
  const auto hands = std::min(hands_of(scheduler), jobs_.size());
  if (hands < 2) {  // a list would only be in the way
    for (auto* job : jobs_) scheduler.enqueue(job);
    jobs_.clear();
    return;
  }
  caf::resumable* list = new shared_list(std::exchange(jobs_, {}));  // its first reference is the first hand's
  for (std::size_t i = 1; i < hands; ++i) caf::intrusive_ptr_add_ref(list);
  for (std::size_t i = 0; i < hands; ++i) scheduler.enqueue(list);
}

}  // namespace steward::port
