#include "pool/thread_driver.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace steward::pooling {

namespace {

struct reply {
  task_id id = 0;
  answer content;
};

answer run_job(const job& what, const task_context& context) {
  answer out;
  const auto started = std::chrono::steady_clock::now();
  try {
    if (what.entry) {
      out.result = what.entry->run(context, what.args);
    } else {
      what.body(context);
    }
  } catch (...) {
    // This is the outermost frame of a worker thread: whatever a task throws is its answer.
    out.failed = true;
    out.why = cause_of(std::current_exception());
  }
  out.ran_ms = ms_between(started, std::chrono::steady_clock::now());
  return out;
}

}  // namespace

/// What a thread and the pool's loop share. The thread holds a reference, so that an abandoned one may outlive the
/// pool.
struct thread_driver::worker {
  std::string pool;
  unsigned attempts = 1;
  std::shared_ptr<inbox> loop;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<act::assign> input;
  std::vector<reply> output;
  bool closed = false;     // ends when the input is empty
  bool abandoned = false;  // nobody listens any more
  bool ready = false;
  bool ended = false;
  task_id current = 0;
  time_point since;
  std::atomic<bool> news{false};

  void tell() {
    news.store(true, std::memory_order_seq_cst);
    loop->wake();
  }

  void run() {
    std::unique_lock lock(mutex);
    ready = true;
    tell();
    for (;;) {
      changed.wait(lock, [this] { return closed || abandoned || !input.empty(); });
      if (abandoned) return;
      if (input.empty()) break;
      auto next = std::move(input.front());
      input.pop_front();
      current = next.id;
      since = std::chrono::steady_clock::now();
      lock.unlock();
      auto said = run_job(*next.task, {next.id, next.attempt, attempts, pool});
      next.task.reset();
      lock.lock();
      if (abandoned) return;
      current = 0;
      output.push_back({next.id, std::move(said)});
      // Never kept while the next task runs: that one may take long.
      tell();
    }
    ended = true;
    tell();
  }
};

struct thread_driver::slot {
  worker_ref ref;
  std::shared_ptr<worker> self;
  std::thread thread;
  std::vector<act::assign> staged;
};

thread_driver::thread_driver(std::shared_ptr<inbox> to, std::string pool, unsigned workers, unsigned attempts)
    : inbox_(std::move(to)), pool_(std::move(pool)), attempts_(attempts), slots_(workers) {}

thread_driver::~thread_driver() = default;

void thread_driver::carry_out(const act::start& what, engine& to, time_point now) {
  auto& s = slots_[what.worker.index];
  auto self = std::make_shared<worker>();
  self->pool = pool_;
  self->attempts = attempts_;
  self->loop = inbox_;
  try {
    s.thread = std::thread([self] { self->run(); });
  } catch (const std::system_error&) {
    auto why = cause_of(std::current_exception());
    why.cls = cause_class::start;
    to.worker_start_failed(what.worker, why, now);
    return;
  }
  s.ref = what.worker;
  s.self = std::move(self);
  to.worker_exists(what.worker, 0);
}

void thread_driver::carry_out(act::assign what, engine&, time_point) {
  auto& s = slots_[what.worker.index];
  s.staged.push_back(std::move(what));
}

void thread_driver::flush() {
  for (auto& s : slots_) {
    if (s.staged.empty()) continue;
    if (s.self) {
      const std::lock_guard lock(s.self->mutex);
      std::move(s.staged.begin(), s.staged.end(), std::back_inserter(s.self->input));
      s.self->changed.notify_one();
    }
    s.staged.clear();
  }
}

void thread_driver::carry_out(const act::stop& what) {
  auto& s = slots_[what.worker.index];
  if (!s.self || s.ref != what.worker) return;
  const std::lock_guard lock(s.self->mutex);
  std::move(s.staged.begin(), s.staged.end(), std::back_inserter(s.self->input));
  s.staged.clear();
  s.self->closed = true;
  s.self->changed.notify_one();
}

void thread_driver::carry_out(const act::kill& what, engine& to, time_point now) {
  auto& s = slots_[what.worker.index];
  if (!s.self || s.ref != what.worker) return;
  // What it has answered counts; from the moment the flag is set, nothing more does, and nothing more is begun.
  std::vector<reply> output;
  std::deque<act::assign> unstarted;
  task_id in_hand = 0;
  {
    const std::lock_guard lock(s.self->mutex);
    s.self->abandoned = true;
    output.swap(s.self->output);
    unstarted.swap(s.self->input);
    in_hand = s.self->current;
    s.self->changed.notify_one();
  }
  if (in_hand == 0) {
    s.thread.join();
  } else {
    s.thread.detach();
    std::erase_if(abandoned_, [](const auto& w) { return w.expired(); });
    abandoned_.push_back(s.self);
  }
  s.self.reset();
  s.staged.clear();
  for (auto& said : output) to.worker_answered(what.worker, said.id, std::move(said.content), now);
  to.worker_died(what.worker, death{make_cause(cause_class::killed, "abandoned"), in_hand, true}, now);
}

bool thread_driver::collect_from(slot& s, engine& to, time_point now) {
  if (!s.self || !s.self->news.exchange(false, std::memory_order_seq_cst)) return false;
  std::vector<reply> output;
  bool ready = false;
  bool ended = false;
  {
    const std::lock_guard lock(s.self->mutex);
    output.swap(s.self->output);
    ready = std::exchange(s.self->ready, false);
    ended = s.self->ended;
  }
  if (ready) to.worker_ready(s.ref, now);
  for (auto& said : output) to.worker_answered(s.ref, said.id, std::move(said.content), now);
  if (ended) {
    s.thread.join();
    s.self.reset();
    to.worker_died(s.ref, death{}, now);
  }
  return true;
}

bool thread_driver::collect(engine& to, time_point now) {
  bool any = false;
  for (auto& s : slots_) any = collect_from(s, to, now) || any;
  return any;
}

bool thread_driver::has_news() const {
  return std::any_of(slots_.begin(), slots_.end(),
                     [](const slot& s) { return s.self && s.self->news.load(std::memory_order_seq_cst); });
}

void thread_driver::observe(engine& to, time_point now) {
  for (auto& s : slots_) {
    if (!s.self) continue;
    task_id current = 0;
    time_point since;
    {
      const std::lock_guard lock(s.self->mutex);
      current = s.self->current;
      since = s.self->since;
    }
    if (current != 0) to.worker_running(s.ref, current, since, now);
  }
}

unsigned thread_driver::leaked() const {
  return static_cast<unsigned>(
      std::count_if(abandoned_.begin(), abandoned_.end(), [](const auto& w) { return !w.expired(); }));
}

}  // namespace steward::pooling
