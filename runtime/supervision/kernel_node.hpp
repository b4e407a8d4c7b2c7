#pragma once

#include "policy/desk.hpp"
#include "steward/admin.hpp"
#include "steward/pool.hpp"
#include "supervision/cell.hpp"
#include "supervision/number_set.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
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
  timer_queue::iterator watch;                  ///< of the next look
};

/// A child's spec, shared among dynamic children.
struct shared_child_spec : caf::ref_counted, child_spec {
  explicit shared_child_spec(child_spec x) : child_spec(std::move(x)) {}
};
using child_spec_ptr = caf::intrusive_ptr<const shared_child_spec>;
inline child_spec_ptr share(child_spec x) { return caf::make_counted<shared_child_spec>(std::move(x)); }

/// A child that is an actor; its cell is made at the first start.
struct actor_child {
  cell_kind_ptr kind;  ///< null until the first start, or when the type is not registered
  caf::actor cell;
  std::unique_ptr<actor_extras> extras;

  /// Tells the cell from one that was abandoned before it; 0: there is none.
  std::uint64_t serial() const { return cell ? cell.id() : 0; }
  actor_extras& more() {
    if (!extras) extras = std::make_unique<actor_extras>();
    return *extras;
  }
};
/// A child whose start has failed; `path` is that of the child at fault, which may be further down.
struct failed_start {
  std::uint64_t child = 0;
  std::string path;
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
  number_set children;           ///< numbers of nodes, in start order
  child_spec_ptr template_spec;  ///< of a simple_one_for_one
  std::shared_ptr<const policy::child_policy> template_policy;
  cell_kind_ptr template_kind;
  child_place_ptr template_place;
  std::uint64_t turns = 0;  ///< of partitions: dynamic children that went to the next one
  std::uint64_t block = 0;  ///< numbers of children: block, place in the list, how often that place was taken
  std::map<std::uint64_t, std::uint64_t> taken;
  std::uint64_t added = 0;  ///< children that start_child made; all there ever were of a simple_one_for_one
  cause last;
  std::optional<failed_start> failing;  ///< the latest of its children whose start has failed
  bool asked_to_stop = false;
  bool partitioned = false;  ///< its children are the partitions
};

/// One place in the tree.
struct kernel_node {
  using number = std::uint64_t;

  number id = 0;
  number parent = 0;  // 0: the root
  child_spec_ptr spec;
  child_place_ptr place;
  std::uint64_t incarnation = 0;
  timer_queue::iterator timer;
  std::variant<actor_child, std::unique_ptr<pool_child>, std::unique_ptr<supervisor_child>> what;
  bool timed = false;    ///< `timer` is set
  bool watched = false;  ///< `actor_extras::watch` is set
  bool fixed = true;     ///< comes back when its supervisor is restarted; not made by start_child
  bool started_before = false;

  std::string path() const { return place->path_of(id); }
  std::string id_text() const {
    const auto all = path();
    return all.substr(all.rfind('/') + 1);
  }
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
