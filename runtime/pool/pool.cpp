#include "pool/pool_impl.hpp"

#include "base/bounds.hpp"

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace steward {

pool::pool(pool_environment environment, std::string name, pool_spec spec)
    : impl_(std::make_unique<impl>(std::move(environment), std::move(name), std::move(spec))) {}

pool::~pool() {
  std::promise<void> ended;
  stop_async(false, [&ended] { ended.set_value(); });
  ended.get_future().wait();
  impl_->join();
}

std::optional<cause> pool::impl::start(std::function<void(std::optional<cause>)> done) {
  // First the thread: what is asked of a loop that never comes would wait for it.
  if (auto why = begin()) return why;
  started = true;
  const bool taken = in->push([this, done = std::move(done)]() mutable {
    brain.start(std::chrono::steady_clock::now());
    if (gone || all_ready) {
      done(gone);
    } else {
      on_started.push_back(std::move(done));
    }
  });
  if (taken) return std::nullopt;
  return pooling::make_cause(cause_class::killed, "the pool was stopped");
}

void pool::start_async(std::function<void(std::optional<cause>)> done) {
  if (auto why = impl_->start(done)) done(std::move(why));
}

bool pool::is_started() const noexcept { return impl_->started.load(); }

bool pool::impl::is_own_thread() const {
  return std::this_thread::get_id() == loop_id.load() || pooling::thread_driver::here().first == in.get();
}

std::optional<cause> pool::impl::make_started() {
  if (started) return std::nullopt;
  auto why = start([](const std::optional<cause>&) {});
  return why && why->cls == cause_class::start ? why : std::nullopt;
}

namespace {

/// A worker's thread, in the middle of a task, as one that waits for others of its pool. One wait may be in another: a
/// map that waits calls its `progress`.
class waiting_worker {
public:
  waiting_worker(pooling::inbox& to, pooling::engine& brain, pooling::worker_ref who, pooling::awaited what)
      : to_(to), brain_(brain), who_(who), what_(std::move(what)), around_(std::exchange(innermost, this)) {
    tell(what_);
  }
  ~waiting_worker() {
    innermost = around_;
    tell(around_ ? std::optional(around_->what_) : std::nullopt);
  }
  waiting_worker(const waiting_worker&) = delete;
  waiting_worker& operator=(const waiting_worker&) = delete;

private:
  void tell(std::optional<pooling::awaited> x) const {
    to_.push([brain = &brain_, ref = who_, x = std::move(x)] { brain->worker_waits(ref, x); });
  }

  static thread_local const waiting_worker* innermost;

  pooling::inbox& to_;
  pooling::engine& brain_;
  pooling::worker_ref who_;
  pooling::awaited what_;
  const waiting_worker* around_;
};

thread_local const waiting_worker* waiting_worker::innermost = nullptr;

}  // namespace

void pool::impl::expect_wait() {
  if (std::this_thread::get_id() == loop_id.load())
    throw std::logic_error("a callback of the pool '" + name + "' must not wait for the pool: it runs on its thread");
  if (const auto why = make_started()) throw std::runtime_error(why->message);
}

void pool::impl::await(pooling::awaited what, const std::function<void()>& wait) {
  expect_wait();
  const auto [where, worker] = pooling::thread_driver::here();
  if (where != in.get()) return wait();
  const waiting_worker here(*in, brain, worker, std::move(what));
  wait();
}

void pool::await_work(const std::shared_ptr<void>& handle, const std::function<void()>& wait) {
  impl_->await({std::static_pointer_cast<pooling::job>(handle), nullptr, nullptr}, wait);
}

void pool::await_any(std::function<bool()> has_come, std::function<void()> give_up, const std::function<void()>& wait) {
  impl_->await({nullptr, nullptr, std::move(has_come), std::move(give_up)}, wait);
}

bool detail::is_begun(const std::shared_ptr<void>& handle) noexcept {
  return handle && static_cast<const pooling::job*>(handle.get())->begun.load(std::memory_order_relaxed);
}

bool detail::on_pool_thread() noexcept { return is_pool_loop || pooling::thread_driver::here().first != nullptr; }

std::optional<cause> pool::start() {
  if (std::this_thread::get_id() == impl_->loop_id.load())
    throw std::logic_error("a callback of the pool '" + name() + "' must not wait for its start");
  std::promise<std::optional<cause>> ended;
  start_async([&ended](std::optional<cause> why) { ended.set_value(std::move(why)); });
  return ended.get_future().get();
}

void pool::submit(const task_entry& entry, bytes args, completion done, submit_options options) {
  detail::pool_work work;
  work.entry = &entry;
  work.args = std::move(args);
  detail::set_options(work, std::move(options));
  submit_work(std::move(work), std::move(done));
}

std::shared_ptr<void> pool::submit_work(detail::pool_work work, completion done) {
  auto& self = *impl_;
  auto j = std::make_shared<pooling::job>();
  static_cast<detail::pool_work&>(*j) = std::move(work);
  j->done = std::move(done);
  if (auto why = self.unfit(*j)) {
    refuse(*j, outcome_kind::rejected, *why);
    return nullptr;
  }
  if (auto why = self.let_in()) {
    refuse(*j, outcome_kind::rejected, *why);
    return nullptr;
  }
  self.enqueue(j);
  if (j->stop) j->stop->arm([this, j = std::weak_ptr<pooling::job>(j)] { cancel_work(j.lock()); });
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

void pool::resize(unsigned min, unsigned max, std::string by) {
  auto& self = *impl_;
  if (std::max(min, max) > bounds::workers.max)
    throw std::invalid_argument("a pool has at most " + std::to_string(bounds::workers.max) + " workers");
  self.in->push([&self, min, max, by = std::move(by)]() mutable {
    self.brain.resize(min, max, std::chrono::steady_clock::now(), std::move(by));
  });
}

void pool::kill_worker(const std::string& worker, cause why, std::function<void(bool)> done) {
  auto& self = *impl_;
  const bool taken = self.in->push([&self, worker, why = std::move(why), done]() mutable {
    done(self.brain.kill_worker(worker, std::move(why), std::chrono::steady_clock::now()));
  });
  if (!taken) done(false);
}

void pool::kill(cause why) {
  auto& self = *impl_;
  self.in->push([&self, why = std::move(why)] { self.brain.kill(why, std::chrono::steady_clock::now()); });
}

void pool::stop_async(bool drain, std::function<void()> done) {
  auto& self = *impl_;
  const bool taken = self.in->push([&self, drain, done]() mutable {
    self.on_stopped.push_back(std::move(done));
    self.brain.stop(drain, std::chrono::steady_clock::now());
  });
  if (!taken) return done();
  // A pool that was never started has a loop for its end alone, so that what was submitted is settled there; without a
  // thread for that it is run here, and ends at once.
  if (self.begin() && self.claim_loop()) self.run();
}

void pool::stop(bool drain) {
  if (impl_->is_own_thread())
    throw std::logic_error("the pool '" + name() + "' cannot be stopped, and waited for, on a thread of its own");
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
