#include "pool/pool_impl.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

namespace steward {

namespace detail {

namespace {

// Reading goes on for this long before a look at what has come. A look costs as much as reading a short input does, so
// while it is quick, there is one after several inputs only.
constexpr std::chrono::microseconds read_for{1'000};
constexpr std::chrono::microseconds quick_read{20};
constexpr unsigned most_unwatched = 32;
constexpr auto progress_every = std::chrono::milliseconds(50);
// What is larger is mapped by itself by the allocator, and goes back to the system as a whole.
constexpr std::size_t large_memory = std::size_t{32} * 1024 * 1024;

/// The items of a chunk of a registered task, each as a chunk of its own.
std::vector<pooling::job_ptr> singles_of(const pooling::job& chunk) {
  std::vector<pooling::job_ptr> out;
  item_reader items(chunk.args, chunk.entry->args_size);
  for (std::uint32_t i = 0; i < chunk.items; ++i) {
    auto& one = *out.emplace_back(std::make_shared<pooling::job>());
    one.entry = chunk.entry;
    one.priority = chunk.priority;
    one.attempts = chunk.attempts;
    one.deadline = chunk.deadline;
    one.sink = chunk.sink;
    one.first = chunk.first + i;
    const auto args = items.next(1);
    one.args.assign(args.begin(), args.end());
  }
  return out;
}

}  // namespace

void prefer_large_pages(const void* at, std::size_t size) noexcept {
  if (size <= large_memory) return;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<std::uintptr_t>(at) & ~(page - 1);
  ::madvise(reinterpret_cast<void*>(first), reinterpret_cast<std::uintptr_t>(at) + size - first, MADV_HUGEPAGE);
}

/// What the caller of a map and the pool's thread share. It outlives a caller that leaves early by an exception.
struct map_run::gathering final : item_sink {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<map_piece> arrived;
  std::size_t items = 0;   // in `arrived`
  std::size_t wanted = 1;  // the caller sleeps until this many have arrived
  bool left = false;       // nobody wants them any more
  bool stop = false;       // the caller's stop token says so

  void put(map_piece piece) {
    const std::lock_guard lock(mutex);
    if (left) return;
    const auto before = items;
    items += piece.count;
    arrived.push_back(std::move(piece));
    if (before < wanted && items >= wanted) changed.notify_one();
  }
  /// Whether the caller that waits is about to go on.
  bool has_come() {
    const std::lock_guard lock(mutex);
    return items >= wanted || stop;
  }
  void values(std::size_t first, std::size_t count, bytes results, const std::shared_ptr<many_body>& many,
              std::size_t base, double ran_ms) override {
    put({first, count, std::move(results), many, base, ran_ms, nullptr});
  }
  void error(std::size_t index, task_error problem) override {
    put({index, 1, {}, nullptr, 0, 0.0, std::make_unique<task_error>(std::move(problem))});
  }

  struct stopper {
    gathering* who;
    void operator()() const {
      const std::lock_guard lock(who->mutex);
      who->stop = true;
      who->changed.notify_one();
    }
  };
  // Ends before what it touches.
  std::optional<std::stop_callback<stopper>> on_stop;
};

map_run::map_run(pool& on, source next, map_options options, std::optional<std::size_t> total, bool prompt)
    : pool_(on),
      next_(std::move(next)),
      options_(std::move(options)),
      total_(total),
      prompt_(prompt || options_.on_failure == failure_policy::first_error),
      shared_(std::make_shared<gathering>()),
      pace_(options_.chunk > 0 ? options_.chunk : on.spec().chunk, options_.window, total,
            on.spec().runs_in == rung::thread),
      told_(std::chrono::steady_clock::now()) {
  if (options_.within.count() != 0) ends_ = later(told_, options_.within);
  on.impl_->expect_wait();
  if (options_.stop.stop_possible()) shared_->on_stop.emplace(options_.stop, gathering::stopper{shared_.get()});
}

map_run::~map_run() {
  shared_->on_stop.reset();
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->left = true;
  }
  if (open_ > 0) cancel();
}

void map_run::cancel() { cancel_for("it was cancelled"); }

void map_run::cancel_for(const char* why) {
  cut_short_ = cut_short_ || (more_ && (!total_ || pace_.taken() < *total_));
  more_ = false;
  for (const auto& j : std::exchange(waiting_, {}))
    refuse(*j, outcome_kind::cancelled, pooling::make_cause(cause_class::killed, why));
  if (std::exchange(cancelled_, true)) return;
  auto& self = *pool_.impl_;
  self.in->push(
      [&self, sink = shared_, why] { self.brain.cancel_all(sink.get(), why, std::chrono::steady_clock::now()); });
}

pacing::pool_size map_run::pool_size() const {
  return {pool_.impl_->workers.load(), pool_.impl_->spec.limits.queue_limit};
}

/// Reads the next inputs, up to `most`, as work that waits for room.
void map_run::read(std::size_t most) {
  auto& self = *pool_.impl_;
  auto j = std::make_shared<pooling::job>();
  j->first = pace_.taken();
  j->sink = shared_;
  j->priority = options_.priority;
  j->attempts = options_.attempts;
  j->deadline = options_.deadline;
  more_ = false;  // should the range throw
  const auto got = next_(*j, most);
  if (got == 0) return;
  more_ = true;
  j->items = static_cast<std::uint32_t>(got);
  j->batch = pace_.makes_batches();
  pace_.took(got, j->args.size());
  open_ += got;
  if (j->refused) return shared_->error(j->first, std::move(*j->refused));
  if (!self.unfit(*j)) return waiting_.push_back(std::move(j));
  // One that is too large does not take its neighbours along.
  for (auto& one : singles_of(*j)) {
    if (auto why = self.unfit(*one)) {
      refuse(*one, outcome_kind::rejected, *why);
    } else {
      waiting_.push_back(std::move(one));
    }
  }
}

bool map_run::feed() {
  auto& self = *pool_.impl_;
  // Whatever happens below, what was let in is handed over.
  struct batch {
    pool::impl& to;
    std::vector<pooling::job_ptr> jobs{};
    ~batch() {
      if (!jobs.empty()) to.enqueue(std::move(jobs));
    }
  } out{self};
  const auto begun = std::chrono::steady_clock::now();
  auto looked = begun;
  auto seen = pace_.taken();
  unsigned unwatched = 1;
  bool late = false;
  for (unsigned reads = 0;;) {
    if (waiting_.empty()) {
      if (!more_) return false;
      if (late) return true;
      const auto size = pace_.chunk_size(pool_size());
      const auto most = pace_.window(size, pool_size());
      if (open_ + held_ >= most) return false;
      read(std::min(size, most - open_ - held_));
      if (++reads < unwatched) continue;
      const auto now = std::chrono::steady_clock::now();
      unwatched = now - looked < quick_read ? std::min(2 * unwatched, most_unwatched) : 1;
      const std::chrono::duration<double, std::micro> took = now - looked;
      if (const auto more = pace_.taken() - seen; more > 0)
        pace_.reading_took(took.count() / static_cast<double>(more));
      reads = 0;
      looked = now;
      seen = pace_.taken();
      late = now - begun >= read_for;
      continue;
    }
    auto& next = waiting_.front();
    if (!self.try_let_in(next->items)) {
      // While some of ours are in the pool, they are what makes room: so maps that share a pool cannot block each
      // other.
      if (open_ > waiting_items()) return false;
      std::function<bool()> leaves;
      if (ends_ || options_.stop.stop_possible())
        leaves = [this] {
          end_in_time();
          return cancelled_;
        };
      if (self.wait_for_room(next->items, leaves) == pool::impl::entry::refused) cancel_for(no_room_for_own_task);
      if (cancelled_) return false;
    }
    out.jobs.push_back(std::move(next));
    waiting_.pop_front();
  }
}

std::size_t map_run::waiting_items() const {
  std::size_t count = 0;
  for (const auto& j : waiting_) count += j->items;
  return count;
}

void map_run::tell(bool last) {
  if (!options_.progress) return;
  const auto now = std::chrono::steady_clock::now();
  if (!last && now - told_ < progress_every) return;
  told_ = now;
  options_.progress({done_, failed_, total_});
}

/// Cancels the rest where the caller's limits say so.
void map_run::end_in_time() {
  if (cancelled_) return;
  if (options_.stop.stop_requested()) {
    cancel_for("the map was told to stop");
  } else if (ends_ && std::chrono::steady_clock::now() >= *ends_) {
    cancel_for("the time for the map is over");
  }
}

void map_run::await() {
  std::unique_lock lock(shared_->mutex);
  // A caller that wants everything is woken seldom; one that feeds the pool, when half of what is open is done.
  const bool goes_on = more_ || !waiting_.empty();
  shared_->wanted = prompt_ ? 1 : (goes_on ? (pace_.knows_time() ? (open_ + 1) / 2 : 1) : open_);
  shared_->wanted = std::max<std::size_t>(1, std::min(shared_->wanted, open_ - waiting_items()));
  const auto there = [this] { return shared_->items >= shared_->wanted || (shared_->stop && !cancelled_); };
  while (!there()) {
    if (options_.progress && shared_->items > 0 && std::chrono::steady_clock::now() - told_ >= progress_every) return;
    const auto limit = cancelled_ ? std::nullopt : ends_;
    if (options_.progress) {
      auto until = std::chrono::steady_clock::now() + progress_every;
      if (limit) until = std::min(until, *limit);
      shared_->changed.wait_until(lock, until, there);
    } else if (limit) {
      shared_->changed.wait_until(lock, *limit, there);
    } else {
      shared_->changed.wait(lock, there);
    }
    // What has come is taken before it is told.
    if (options_.progress && shared_->items > 0) return;
    lock.unlock();
    end_in_time();
    tell(false);
    lock.lock();
  }
}

bool map_run::take(std::vector<map_piece>& out) {
  out.clear();
  for (bool reads = true; reads && out.empty();) {
    end_in_time();
    reads = feed();
    if (open_ == 0 && !reads) {
      tell(true);
      return false;
    }
    if (!reads) pool_.impl_->await({nullptr, shared_, [to = shared_] { return to->has_come(); }}, [this] { await(); });
    collect(out);
    tell(false);
  }
  return true;
}

void map_run::collect(std::vector<map_piece>& out) {
  {
    const std::lock_guard lock(shared_->mutex);
    out.swap(shared_->arrived);
    shared_->items = 0;
  }
  for (const auto& piece : out) {
    open_ -= piece.count;
    done_ += piece.count;
    if (!piece.error) {
      pace_.ran(piece.count, piece.ran_ms);
      continue;
    }
    ++failed_;
    if (options_.on_failure == failure_policy::first_error && !cancelled_)
      cancel_for("another input of the map failed");
  }
}

}  // namespace detail

namespace {

/// Calls `f(index, outcome)` for each input; `prompt`: as it ends.
template <class F>
void map_each(pool& on, const task_entry& entry, const std::vector<bytes>& args, map_options options, bool prompt,
              F&& f) {
  std::size_t at = 0;
  detail::map_run run(
      on,
      [&](detail::pool_work& into, std::size_t most) {
        into.entry = &entry;
        std::size_t count = 0;
        for (; count < most && at < args.size() && into.args.size() < detail::chunk_bytes; ++count, ++at)
          detail::append_item(into.args, args[at], entry.args_size);
        return count;
      },
      std::move(options), args.size(), prompt);
  std::vector<detail::map_piece> pieces;
  while (run.take(pieces)) {
    for (auto& piece : pieces) {
      if (piece.error) {
        f(piece.first, outcome<bytes>(std::move(*piece.error)));
        continue;
      }
      detail::item_reader items(piece.results, entry.result_size);
      for (std::size_t i = 0; i < piece.count; ++i) {
        const auto one = items.next();
        f(piece.first + i,
          outcome<bytes>(bytes(one.begin(), one.end()), piece.ran_ms / static_cast<double>(piece.count)));
      }
    }
  }
}

}  // namespace

namespace detail {

task_error unread_error(const task_entry* entry) {
  task_error error;
  error.kind = outcome_kind::cancelled;
  error.work = work_state::not_started;
  error.task = pooling::name_of(entry);
  error.why = pooling::make_cause(cause_class::killed, "the map ended before it");
  return error;
}

}  // namespace detail

std::vector<outcome<bytes>> pool::map(const task_entry& entry, std::vector<bytes> args, map_options options) {
  std::vector<std::optional<outcome<bytes>>> slots(args.size());
  map_each(*this, entry, args, std::move(options), false,
           [&slots](std::size_t i, outcome<bytes> one) { slots[i].emplace(std::move(one)); });
  std::vector<outcome<bytes>> out;
  out.reserve(slots.size());
  for (auto& slot : slots) out.push_back(slot ? std::move(*slot) : outcome<bytes>(detail::unread_error(&entry)));
  return out;
}

void pool::for_each_outcome(const task_entry& entry, std::vector<bytes> args,
                            const std::function<void(std::size_t, outcome<bytes>)>& f, map_options options) {
  std::vector<bool> told(args.size());
  map_each(*this, entry, args, std::move(options), true, [&](std::size_t i, outcome<bytes> one) {
    told[i] = true;
    f(i, std::move(one));
  });
  for (std::size_t i = 0; i < told.size(); ++i)
    if (!told[i]) f(i, outcome<bytes>(detail::unread_error(&entry)));
}

}  // namespace steward
