#pragma once

#include "actor_system/gate_loop.hpp"
#include "steward/actor.hpp"
#include "steward/pool.hpp"
#include "supervision/directory.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <typeindex>
#include <typeinfo>
#include <unordered_map>
#include <vector>

namespace steward {

/// Registers a program's own message types with an actor system.
using type_announcer = std::function<void(caf::actor_system_config&)>;

/// Remembers how message types are announced, so that a worker process can do the same. Call it before the zygote
/// starts.
void set_worker_types(type_announcer announce);
/// In another process of the program: announces them.
void announce_worker_types(caf::actor_system_config& config);
/// The types whose messages reach actors in other processes: those that are announced here, and what `watch` tells,
/// which goes there in a way of its own.
std::unordered_map<std::type_index, std::string> travelling_types(const caf::actor_system_config& config);
/// Those of these types that do not reach another process of the program, as people write them, each once.
/// Thread-safe once `set_worker_types` was called.
std::vector<std::string> unannounced(std::span<const std::type_info* const> types);

/// The way from a task to the actors of the tree.
///
/// For a pool of processes, `link` gives a function that makes one socketpair per worker, with a `capability_gate`
/// before our end; the worker's end is inherited. For a pool of threads it only notes who may reach whom. One hub per
/// runtime; while it lives, tasks on threads of this process find actors through it. Thread-safe.
class actor_link_hub {
public:
  /// `processes`: worker processes may talk to actors, too.
  actor_link_hub(caf::actor_system& system, const supervision::directory& names, bool processes);
  ~actor_link_hub();
  actor_link_hub(const actor_link_hub&) = delete;
  actor_link_hub& operator=(const actor_link_hub&) = delete;

  /// The function that a pool calls before each start of a worker; empty where processes may not talk to actors.
  actor_linker link(const std::string& pool, std::map<std::string, std::string> reachable);

  /// The actor that tasks of `pool` know as `name`; an invalid handle when they may not reach it or it is not there.
  caf::actor find(std::string_view pool, std::string_view name) const;

  /// A link to a process that is about to be started: our end, behind a gate, and the descriptor that the process
  /// inherits, which the caller closes; -1, with errno, when there is none to be had. `fd` of the options is set here.
  struct link_ends {
    std::shared_ptr<port::capability_gate> gate;
    int child_fd = -1;
  };
  /// `beside`, unless it is null, is read by the same thread.
  link_ends open(port::capability_gate::options o, const std::shared_ptr<port::side_reader>& beside = nullptr);

  /// This is read by the thread that reads the links. Throws std::system_error when there is none to be had.
  void read_beside(const std::shared_ptr<port::side_reader>& who);

  caf::actor_system& system() noexcept { return system_; }

private:
  /// Who may reach whom. Those who answer workers share it: they may end after the hub.
  struct reach {
    const supervision::directory& names;
    mutable std::mutex mutex;
    std::map<std::string, std::map<std::string, std::string>, std::less<>> paths;  // by pool, then name -> path

    caf::actor find(std::string_view pool, std::string_view name) const;
  };
  port::gate_loop& loop();  // with the lock
  int connect(const caf::actor& front, std::function<void(std::string)> broken);

  caf::actor_system& system_;
  const bool processes_;
  const std::shared_ptr<reach> reach_;
  std::mutex mutex_;
  std::map<std::string, caf::actor> fronts_;  // by pool: whom its workers ask for actors
  std::unique_ptr<port::gate_loop> loop_;     // made for the first worker
};

}  // namespace steward
