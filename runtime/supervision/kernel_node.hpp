#pragma once

#include "policy/desk.hpp"
#include "steward/admin.hpp"
#include "steward/pool.hpp"
#include "supervision/cell.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>

namespace steward::supervision {

/// A timer of a child: one that its supervisor's machine asked for, or the next look at what it handles.
struct due {
  enum class purpose : std::uint8_t { machine, hang };

  std::uint64_t child;
  std::uint64_t token;
  purpose what;
};
using timer_queue = std::multimap<std::chrono::steady_clock::time_point, due>;

/// What is only needed of some actors: those that are watched, were replaced, or had an end that needs telling.
struct actor_extras {
  caf::actor predecessor;                       ///< an abandoned cell whose messages the next one gets
  message_counts past;                          ///< of cells that are gone
  cause last;                                   ///< of the latest crash
  std::uint64_t turn = 0;                       ///< what the watched cell handled at the last look
  std::chrono::steady_clock::time_point since;  ///< of that turn
  bool told = false;                            ///< that this turn hangs
};

/// A child that is an actor; its cell is made at the first start.
struct actor_child {
  std::shared_ptr<const cell_kind> kind;  ///< null until the first start, or when the type is not registered
  caf::actor cell;
  std::uint64_t serial = 0;
  std::unique_ptr<actor_extras> extras;

  actor_extras& more() {
    if (!extras) extras = std::make_unique<actor_extras>();
    return *extras;
  }
};
/// A child that is a pool; each incarnation is a new one.
struct pool_child {
  std::shared_ptr<steward::pool> pool;
  cause last;
};
/// A child, or the root, that is a supervisor itself.
struct supervisor_child {
  std::shared_ptr<supervisor_spec> spec;  ///< as it is carried out: partitions are children
  std::shared_ptr<policy::supervisor_desk> desk;
  std::set<std::uint64_t> children;                 ///< numbers of nodes, in start order
  std::shared_ptr<const child_spec> template_spec;  ///< of a simple_one_for_one
  std::shared_ptr<const policy::child_policy> template_policy;
  std::shared_ptr<const cell_kind> template_kind;
  std::uint64_t made = 0;   ///< dynamic children so far
  std::uint64_t block = 0;  ///< numbers of children: block, place in the list, how often that place was taken
  std::map<std::uint64_t, std::uint64_t> taken;
  std::uint64_t added = 0;  ///< children that start_child made
  cause last;
  bool asked_to_stop = false;
  bool partitioned = false;  ///< its children are the partitions
};

/// One place in the tree.
struct kernel_node {
  using number = std::uint64_t;

  number id = 0;
  number parent = 0;  // 0: the root
  std::shared_ptr<const child_spec> spec;
  std::string path;
  std::uint64_t incarnation = 0;
  timer_queue::iterator timer;
  timer_queue::iterator watch;
  bool timed = false;
  bool watched = false;
  bool fixed = true;  ///< comes back when its supervisor is restarted; not made by start_child
  bool started_before = false;
  std::variant<actor_child, pool_child, std::unique_ptr<supervisor_child>> what;

  std::string id_text() const { return path.substr(path.rfind('/') + 1); }
};

/// A cell that was told to leave and that no node has any more.
struct leaving_cell {
  std::string path;
  caf::actor cell;
  bool abandoned = false;
};

/// A partitioned supervisor as it is carried out: a supervisor of supervisors.
std::shared_ptr<supervisor_spec> with_partitions(const supervisor_spec& spec);

}  // namespace steward::supervision
