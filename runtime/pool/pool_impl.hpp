#pragma once

#include "steward/pool.hpp"

#include "pool/engine.hpp"
#include "pool/inbox.hpp"
#include "pool/process_driver.hpp"
#include "pool/thread_driver.hpp"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace steward {

/// On the thread of any pool's loop.
extern thread_local bool is_pool_loop;

/// Why one gets no room; see `pool::impl::entry`.
inline constexpr const char* no_room_for_own_task =
    "it would wait for room in the queue of the pool that its submitter runs on, as all workers of the pool wait for "
    "others, so nobody could make any";

/// Tells all inputs of a job that it was refused, on this thread.
void refuse(pooling::job& work, outcome_kind kind, const cause& why);
outcome<bytes> refusal(const detail::pool_work& work, outcome_kind kind, cause why);

/// The loop of a pool and what it owns. `brain` decides, `hands` act; both belong to the loop's thread.
struct pool::impl {
  using time_point = pooling::time_point;

  pool_environment env;
  std::string name;
  pool_spec spec;
  std::shared_ptr<pooling::inbox> in = std::make_shared<pooling::inbox>();
  pooling::engine brain;
  std::unique_ptr<pooling::driver> hands;
  int epoll_fd = -1;
  std::vector<std::function<void(std::optional<cause>)>> on_started;
  std::vector<std::function<void()>> on_stopped;
  bool all_ready = false;
  std::optional<cause> gone;

  std::mutex thread_mutex;  // guards the two below
  std::thread thread;
  bool begun = false;
  std::atomic<bool> started{false};  // somebody asked for that

  mutable std::mutex stats_mutex;
  pool_stats snapshot;

  // Tasks that were let in and have no outcome yet, those in the inbox included: a caller that is faster than the loop
  // fills the queue, not the memory.
  std::atomic<std::size_t> in_pool{0};
  std::atomic<std::uint64_t> turned_away{0};
  std::mutex room_mutex;  // guards the change from waiting to not waiting
  std::condition_variable room_changed;
  std::atomic<unsigned> waiting_for_room{0};
  bool room_is_over = false;
  std::atomic<std::thread::id> loop_id{};
  std::atomic<unsigned> workers{1};  // that the pool means to have

  impl(pool_environment e, std::string n, pool_spec s);
  ~impl() { ::close(epoll_fd); }
  /// Makes the loop's thread, where there is none yet; or why there is none.
  std::optional<cause> begin();
  /// Why it cannot be started; `done` is called later where it can.
  std::optional<cause> start(std::function<void(std::optional<cause>)> done);
  /// For whoever is about to wait: starts the pool where nobody did. Throws on the loop's thread, which would wait for
  /// itself.
  void expect_wait();
  /// The same, and waits. The loop knows of it where that is a worker.
  void await(pooling::awaited what, const std::function<void()>& wait);
  /// Why nobody runs it; asks for its start where nobody has.
  std::optional<cause> make_started();
  bool is_own_thread() const;
  /// True for the one who is to run the loop on his own thread, since there is none.
  bool claim_loop();
  void join();
  void run();
  void tell_gaps();
  void sleep(time_point now);
  void work_off(time_point now);
  void carry_out(std::vector<pooling::order>& orders, time_point now);
  void pass_on(pooling::news::happened& what);
  void pass_on(pooling::news::items_settled& what);
  void pass_on(pooling::news::settled& what);
  void pass_on(pooling::news::all_ready&);
  void pass_on(pooling::news::gave_up& what);
  void pass_on(pooling::news::stopped&) {}
  void left(std::size_t count);
  /// Lets `count` tasks in, if there is room for them.
  bool try_let_in(std::size_t count);
  /// `refused`: the one who waits runs on a worker, and none of the workers could ever make room.
  enum class entry : std::uint8_t { open, refused, left };
  /// The same, once there is room or the pool is over. Must not be called on the loop's thread, which would wait for
  /// itself; there it lets them in all the same. Where there is `leaves`, it is asked now and then.
  entry wait_for_room(std::size_t count, const std::function<bool()>& leaves);
  /// Lets one in, or turns it away, as the spec says: why.
  std::optional<cause> let_in();
  void end_of_room();
  void publish();
  /// Hands jobs to the loop, or settles them here when there is none any more.
  void enqueue(std::vector<pooling::job_ptr> jobs);
  void enqueue(const pooling::job_ptr& job);
  void heed(pooling::inbox::message& what, time_point now);
  /// Why this work cannot be run here at all; none when it can.
  std::optional<cause> unfit(const detail::pool_work& work) const;
};

}  // namespace steward
