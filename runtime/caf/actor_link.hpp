#pragma once

#include "steward/actor.hpp"
#include "supervision/directory.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace steward {

/// Registers a program's own message types with an actor system.
using type_announcer = std::function<void(caf::actor_system_config&)>;

/// Remembers how message types are announced, so that a worker process can do the same. Call it before the zygote
/// starts.
void set_worker_types(type_announcer announce);

/// The way from a task to the actors of the tree.
///
/// For a pool of processes, `link` gives a function that makes one socketpair per worker, with CAF's own protocol on
/// it; the worker's end is inherited. For a pool of threads it only notes who may reach whom. One hub per runtime;
/// while it lives, tasks on threads of this process find actors through it. Thread-safe.
class actor_link_hub {
public:
  /// `network` tells whether the system was configured with `port::load_network`.
  actor_link_hub(caf::actor_system& system, const supervision::directory& names, bool network);
  ~actor_link_hub();
  actor_link_hub(const actor_link_hub&) = delete;
  actor_link_hub& operator=(const actor_link_hub&) = delete;

  /// The function that a pool calls before each start of a worker; it returns a descriptor, or -1.
  std::function<int()> link(const std::string& pool, std::map<std::string, std::string> reachable);

  /// The actor that tasks of `pool` know as `name`; an invalid handle when they may not reach it or it is not there.
  caf::actor find(std::string_view pool, std::string_view name) const;

  caf::actor_system& system() noexcept { return system_; }

private:
  int connect(const caf::actor& front, std::uint16_t port);

  caf::actor_system& system_;
  const supervision::directory& names_;
  std::unique_ptr<port::network_link> network_;
  mutable std::mutex mutex_;
  std::map<std::string, std::map<std::string, std::string>, std::less<>> reachable_;  // by pool, then name -> path
  std::map<std::string, std::pair<caf::actor, std::uint16_t>> fronts_;  // by pool: who answers its workers
  std::uint16_t last_port_ = 0;
};

}  // namespace steward
