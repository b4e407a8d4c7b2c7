#pragma once

#include "steward/actor.hpp"
#include "steward/dead_letter.hpp"
#include "steward/event.hpp"
#include "steward/pool.hpp"
#include "steward/task.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace steward {

struct runtime_options {
  std::size_t threads = 0;            ///< of CAF's scheduler; 0 means one per core, at least 2
  milliseconds admin_within{60'000};  ///< a request of `supervisor`'s administration that takes longer has timed out
  milliseconds end_within{10'000};    ///< limit of the end; then what is left is named and the program exits with 70
  milliseconds gather{1};    ///< in a storm of restarts a tree's thread is woken once in that time; 0: for each of them
  bool actor_links = false;  ///< worker processes may talk to the actors that their pools name
  std::uint64_t seed = 0;    ///< of every jitter and of `actor_args::seed`
  actor_args::printer print{};             ///< where actors print; stdout when empty
  actor_args::printer print_of_workers{};  ///< the same for worker processes; see `pool_environment::print`
  std::function<void(caf::actor_system_config&)> announce_types{};  ///< the program's own message types
  std::function<void(const dead_letter&)> on_dead_letter{};         ///< hears of all; see `runtime::on_dead_letter`
  std::size_t dead_letter_text = 256;  ///< bytes of a message that `dead_letter` events show at most; 0: none of it
};

/// Everything that outlives a tree: the actor system, the process keeper, the event log's users.
///
/// Made on the main thread after tasks and actors are registered and, for fast starts, after the zygote (`steward::app`
/// does all that). Supervisors and pools that use it must be gone before it. The destructor ends the actor system in
/// order and never hangs: past `end_within` it names what is left on stderr and ends the program with exit code 70. Its
/// members are thread-safe.
class runtime {
public:
  /// Throws std::invalid_argument for options that cannot be, before anything is made; std::system_error where the
  /// system has no descriptors or threads to give.
  runtime(event_log& events, const task_registry& tasks, const actor_registry& actors, runtime_options options = {});
  ~runtime();
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;

  event_log& events() noexcept;
  caf::actor_system& system() noexcept;

  /// What a pool outside of any tree needs: `steward::process_pool squares{rt.pools("/squares"), "squares", {}}`.
  [[nodiscard]] pool_environment pools(std::string path);

  /// Calls `f` with each message that no supervised actor will handle, one at a time, on a thread of its own. A slow
  /// `f` misses some: `options.queue`. Throws std::system_error where there is no thread, and std::invalid_argument for
  /// a queue of 0. `f` must not throw. While nobody listens a dead letter costs what it does without this.
  [[nodiscard]] dead_letter_subscription on_dead_letter(std::function<void(const dead_letter&)> f,
                                                        dead_letter_options options = {});
  /// The same as messages for an actor, each a request with a `dead_letter`, which its handler answers with nothing:
  /// `[](const dead_letter& x) {...}`. A supervised one gets those that wait after a restart.
  [[nodiscard]] dead_letter_subscription on_dead_letter(const caf::actor& listener, dead_letter_options options = {});

  /// Stops every tree, those that are started later as well, and lets nobody wait for ends of children any more.
  /// Returns at once.
  void request_stop();
  [[nodiscard]] bool stop_requested() const;
  /// Whether no tree that was started is left, after `request_stop`.
  [[nodiscard]] bool trees_over() const;

  struct impl;
  impl& internals() noexcept { return *impl_; }

private:
  std::unique_ptr<impl> impl_;
};

}  // namespace steward
