#pragma once

#include "steward/admin.hpp"
#include "steward/caller.hpp"
#include "steward/cause.hpp"
#include "steward/operation.hpp"
#include "steward/pool.hpp"
#include "steward/runtime.hpp"
#include "steward/sample.hpp"
#include "steward/spec.hpp"
#include "steward/watch.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace steward {

/// How a tree ended.
enum class tree_end : std::uint8_t {
  finished,  ///< it was stopped
  gave_up,   ///< the root's restart limit was reached
};

/// A supervision tree: starts its children in order, restarts what dies, stops them in reverse order.
///
/// One thread per tree makes all decisions and runs no user code; see `supervisor_spec` for the policy. The destructor
/// stops the tree. Members are thread-safe and block at most for the sum of the children's own limits.
class supervisor {
public:
  /// `name` is the first part of every path: "/root/...".
  supervisor(runtime& rt, supervisor_spec spec, std::string name = "root");
  ~supervisor();
  supervisor(const supervisor&) = delete;
  supervisor& operator=(const supervisor&) = delete;

  /// Starts the tree and waits until every child is ready, or until what was started is rolled back. Call it once.
  tree_start start();

  /// Stops every child in reverse order and waits for it. Idempotent.
  void stop();

  /// As `stop`, but waits no longer than `limit`. False when the stop goes on.
  [[nodiscard]] bool stop_within(milliseconds limit);
  /// Asks for the stop and returns at once. Asked before the start: then nothing is started.
  void request_stop();

  /// Waits until the tree is over, for whatever reason, but at most until `until`. True when it is.
  [[nodiscard]] bool wait_until(std::chrono::steady_clock::time_point until);
  /// How it ended; only meaningful when it is over.
  [[nodiscard]] tree_end end() const;
  [[nodiscard]] cause end_cause() const;
  /// Calls `f` once, on the tree's thread, when it is over; at once when it already is. `f` must not block.
  void on_end(std::function<void()> f);

  /// The handle of the actor at a path such as "/root/math/total"; it stays valid through restarts. Invalid when there
  /// is none.
  [[nodiscard]] caf::actor actor(const std::string& path) const;
  /// The partition that a key leads to, of an actor with `partitions`: the same key, the same one, in every run; see
  /// `partition_hash`. Its path is that of the child and a number. An actor without partitions is its own for every
  /// key. Thread-safe, and asks nobody. Invalid when there is none.
  [[nodiscard]] caf::actor partition(const std::string& path, std::string_view key) const;
  /// Its path, for children of any kind: `tree.pool(tree.partition_path("/root/squares", customer))`. `path` itself
  /// where there are no partitions. Thread-safe, and asks nobody.
  [[nodiscard]] std::string partition_path(const std::string& path, std::string_view key) const;
  /// Asks the actor at a path, from a thread that is none of an actor's, and waits for the answer; see `caller` for the
  /// errors, and for whoever asks often.
  template <class R, class... Ts>
  answer<R> ask(const std::string& path, milliseconds limit, Ts&&... message) {
    const auto target = actor(path);
    if (!target) return answer<R>{caf::make_error(errc::not_found, "there is no actor at " + path)};
    return caller{system()}.request<R>(target, limit, std::forward<Ts>(message)...);
  }
  /// The pool at a path, with the calls of a pool that stands alone: `tree.pool("/root/squares").map(square, inputs)`.
  /// Throws std::out_of_range, with the path, when there is none.
  [[nodiscard]] tree_pool pool(const std::string& path) const;
  /// The pool at a path, or null.
  [[nodiscard]] std::shared_ptr<steward::pool> pool_at(const std::string& path) const;

  /// Waits until all of these children have ended for good (finished, not restarted). Returns those that have not by
  /// `until`.
  [[nodiscard]] std::vector<std::string> wait_for_ends(const std::vector<std::string>& paths,
                                                       std::chrono::steady_clock::time_point until) const;
  /// True when the child ended for good because of a crash.
  [[nodiscard]] bool ended_badly(const std::string& path) const;
  /// Makes `wait_for_ends` return at once, now and from now on: for a program that was asked to stop.
  void give_up_waiting();

  /// Calls `f` once, on the tree's thread, when the child at this path, of any kind, or the tree itself ends; see
  /// `steward::watch`, which is the same for actors. At once for one that is gone, or that there is not; at the latest
  /// when the tree object is destroyed. `f` must neither block nor throw, and may watch again what comes
  /// back.
  void watch(const std::string& path, std::function<void(const child_end&)> f);
  /// The same as a future, which always becomes ready.
  [[nodiscard]] std::future<child_end> watch(const std::string& path);

  // Administration, in OTP's words. Paths name supervisors and children. Each call waits for its answer, at most
  // `runtime_options::admin_within`; it must not be made from an actor's handler or a task on a thread.

  /// Adds a child to a running supervisor and starts it. It is gone when its supervisor is restarted.
  admin_result start_child(const std::string& supervisor_path, child_spec spec);
  /// Makes a child of a simple_one_for_one; `params` override its template's, `key` chooses the partition (the same
  /// key, the same one; without it they take turns).
  admin_result start_child(const std::string& supervisor_path, param_map params, const std::string& key = {});
  /// Makes many children of a simple_one_for_one by one request, one for each of `params` or `count` of them by the
  /// template alone. Their starts overlap; a failed one leaves nothing behind and does not keep the others from
  /// starting. Partitions take turns. When parameters are wrong nothing is begun.
  batch_result start_children(const std::string& supervisor_path, std::vector<param_map> params);
  batch_result start_children(const std::string& supervisor_path, std::size_t count);
  /// Stops a child by its own rule. Its spec stays, unless it is temporary or dynamic. Idempotent. With `by`, who asks,
  /// an `operator` event tells of it.
  admin_result terminate_child(const std::string& path, const std::string& by = {});
  /// The same by handle: not_found for an actor that never was a child of that supervisor, ok for one that is gone.
  admin_result terminate_child(const std::string& supervisor_path, const caf::actor& handle);
  /// Starts a child that was terminated, has finished or declined, or is parked. The `operator` event says `by` whom.
  admin_result restart_child(const std::string& path, const std::string& by = {});
  /// Removes the spec of a child that does not run.
  admin_result delete_child(const std::string& path);
  /// The children, newest first. Nothing when there is no such supervisor in service. Answers at once, whatever the
  /// children do.
  [[nodiscard]] std::optional<std::vector<child_info>> which_children(const std::string& supervisor_path);
  [[nodiscard]] std::optional<child_counts> count_children(const std::string& supervisor_path);
  /// One child's line of `which_children`.
  [[nodiscard]] std::optional<child_info> which_child(const std::string& path);
  /// The spec of a child, with its defaults filled in.
  [[nodiscard]] std::optional<child_spec> get_childspec(const std::string& path);

  /// Carries out what an operator does to the child at a path, whatever its strategy and restart type; only that child
  /// is touched. Nothing but a kill is charged to a restart limit: that is a crash, of class `killed`, and its
  /// supervisor decides as about any. Messages of an actor wait for the next incarnation, but for those of one that is
  /// stopped. A supervisor takes all below it along. `w2` of a pool of processes can be killed by its path. A start of
  /// one that is up, a stop of one that is down and a park of one that is parked do nothing and are `already` so. One
  /// `operator` event tells of it, also where it is refused, with `by`: "uid 1000 (ann)", "web".
  admin_result operate(operation what, const std::string& path, const std::string& by = {});
  /// The path of a supervised actor; empty when it is not one.
  [[nodiscard]] static std::string path_of(const caf::actor& handle);
  /// New specs for the whole tree: rules count from now on, actors change at their next restart, added children wait
  /// for `restart_child`, removed ones stay. A pool has its new number of workers at once, all else of it at its next
  /// restart. `config` events tell of each change, and so does `changes`. Nothing changes when something is wrong with
  /// the specs; then tells what. The `operator` event says `by` whom.
  [[nodiscard]] std::vector<spec_fault> reload(supervisor_spec spec, std::vector<reload_change>* changes = nullptr,
                                               const std::string& by = {});
  /// What `reload` would say. Changes nothing.
  [[nodiscard]] std::vector<spec_fault> preview(supervisor_spec spec, std::vector<reload_change>* changes = nullptr);
  /// Calls `f` with the figures of each actor, pool and worker process, as they are now, on this thread, and asks
  /// nobody: the tree goes on meanwhile. Counts of actors are those of the cell that there is, which `which_child` adds
  /// up. `pid` is that of a worker process, and 0 for all else. `f` gets a sample that it may take or change.
  void figures(const std::function<void(sample& one, int pid)>& f) const;
  /// Actors that were left alone since their handler hangs, and still run.
  [[nodiscard]] std::size_t leaked();

private:
  caf::actor_system& system() const noexcept;

  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace steward
