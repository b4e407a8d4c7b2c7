#include "pool/pool_impl.hpp"

#include <algorithm>
#include <future>
#include <stdexcept>
#include <string>
#include <utility>

namespace steward {

pool::pool(pool_environment environment, std::string name, pool_spec spec)
    : impl_(std::make_unique<impl>(std::move(environment), std::move(name), std::move(spec))) {}

pool::~pool() { stop(false); }

void pool::start_async(std::function<void(std::optional<cause>)> done) {
  auto& self = *impl_;
  const bool taken = self.in->push([&self, done]() mutable {
    self.brain.start(std::chrono::steady_clock::now());
    if (self.gone || self.all_ready) {
      done(self.gone);
    } else {
      self.on_started.push_back(std::move(done));
    }
  });
  if (taken) {
    self.begin();
  } else {
    done(pooling::make_cause(cause_class::killed, "the pool was stopped"));
  }
}

std::optional<cause> pool::start() {
  std::promise<std::optional<cause>> ended;
  start_async([&ended](std::optional<cause> why) { ended.set_value(std::move(why)); });
  return ended.get_future().get();
}

void pool::submit(const task_entry& entry, bytes args, completion done, submit_options options) {
  detail::pool_work work;
  work.entry = &entry;
  work.args = std::move(args);
  work.priority = options.priority;
  submit_work(std::move(work), std::move(done));
}

std::shared_ptr<void> pool::submit_work(detail::pool_work work, completion done) {
  auto& self = *impl_;
  if (auto why = self.unfit(work)) {
    done(refusal(work, outcome_kind::rejected, std::move(*why)));
    return nullptr;
  }
  auto j = std::make_shared<pooling::job>();
  static_cast<detail::pool_work&>(*j) = std::move(work);
  j->done = std::move(done);
  if (!self.let_in()) {
    refuse(*j, outcome_kind::rejected,
           pooling::make_cause(cause_class::none,
                               "queue_limit of " + std::to_string(self.spec.queue_limit) + " is reached"));
    return nullptr;
  }
  self.enqueue({j});
  return j;
}

void pool::cancel_work(const std::shared_ptr<void>& handle) {
  if (!handle) return;
  auto& self = *impl_;
  // What comes after the end of the loop has its outcome.
  self.in->push([&self, j = std::static_pointer_cast<pooling::job>(handle)] {
    self.brain.cancel(j, std::chrono::steady_clock::now());
  });
}

void pool::resize(unsigned min, unsigned max) {
  auto& self = *impl_;
  if (std::max(min, max) > pooling::engine::most_workers)
    throw std::invalid_argument("a pool has at most " + std::to_string(pooling::engine::most_workers) + " workers");
  self.in->push([&self, min, max] { self.brain.resize(min, max, std::chrono::steady_clock::now()); });
}

void pool::stop_async(bool drain, std::function<void()> done) {
  auto& self = *impl_;
  const bool taken = self.in->push([&self, drain, done]() mutable {
    self.on_stopped.push_back(std::move(done));
    self.brain.stop(drain, std::chrono::steady_clock::now());
  });
  if (taken) {
    // A pool that was never started has a loop for its end alone, so that what was submitted is settled there.
    self.begin();
  } else {
    done();
  }
}

void pool::stop(bool drain) {
  std::promise<void> ended;
  stop_async(drain, [&ended] { ended.set_value(); });
  ended.get_future().wait();
  impl_->join();
}

pool_stats pool::stats() const {
  // Those that were turned away at the door never reached the ledger.
  const auto away = impl_->turned_away.load();
  const std::lock_guard lock(impl_->stats_mutex);
  auto out = impl_->snapshot;
  out.rejected += away;
  out.submitted += away;
  out.failed += away;
  return out;
}

const std::string& pool::name() const noexcept { return impl_->name; }
const pool_spec& pool::spec() const noexcept { return impl_->spec; }

}  // namespace steward
