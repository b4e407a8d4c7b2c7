#pragma once

#include "policy/supervisor_machine.hpp"
#include "steward/admin.hpp"
#include "steward/event.hpp"
#include "supervision/cell.hpp"
#include "supervision/timer_queue.hpp"

#include <caf/intrusive_ptr.hpp>
#include <caf/ref_counted.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace steward::supervision {

class tree_host;
class supervisor_child;

/// A child's spec, shared among dynamic children.
struct shared_child_spec : caf::ref_counted, child_spec {
  explicit shared_child_spec(child_spec x) : child_spec(std::move(x)) {}
};
using child_spec_ptr = caf::intrusive_ptr<const shared_child_spec>;
inline child_spec_ptr share(child_spec x) { return caf::make_counted<shared_child_spec>(std::move(x)); }

/// What the children of one template have in common besides their spec; what it is only their kind knows.
using template_share = caf::intrusive_ptr<const caf::ref_counted>;

/// A child of a supervisor, or the root: one position in the tree, through all incarnations.
///
/// What kinds of children there are only `make_child` and the files of the kinds know: the host asks all of them in
/// the words below. A kind carries out what the machine of the child's supervisor has decided and tells the host what
/// came of it (`tree_host::ready`, `start_failed`, `exited`, `stopped`), now or later, by number and incarnation. Owned
/// by the host's table, used on its thread only. Nothing here blocks or runs user code.
class child {
public:
  using number = policy::child_number;

  child(number own_id, supervisor_child* owner, child_spec_ptr own_spec, child_address_ptr where)
      : id(own_id), parent(owner), spec(std::move(own_spec)), address(std::move(where)) {}
  virtual ~child() = default;
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  /// Begins the incarnation whose number is set. What is thrown is a failed start.
  virtual void start(tree_host& host) = 0;
  /// What begins its next incarnation, of the number that it is given, on any thread and without blocking. Empty: only
  /// `start` can.
  virtual std::function<void(std::uint64_t)> prepare(tree_host&) { return {}; }
  /// What `prepare` has given has been called.
  virtual void begun(tree_host&) {}
  /// Ends it and reports `stopped`; not when it is `brutal`, unless it is kept as well: then it is let go of here.
  virtual void stop(tree_host& host, const policy::action::stop_child& how) = 0;
  /// It has overrun a limit or hangs: ends it by force where that is possible, and waits for nothing.
  virtual void abandon(tree_host& host) = 0;
  /// Ends the incarnation that is up at once, as a crash for this reason: `exited` is reported.
  virtual void kill(tree_host& host, const cause& why) = 0;
  /// Its supervisor is over: ends what is left of it, and what it has kept. Nothing is reported.
  virtual void let_go(tree_host& host) = 0;
  /// A new spec of the same kind: what can changes at once, all else at the next restart.
  virtual void respecify(tree_host& host, child_spec_ptr next) = 0;
  /// What that would change below it.
  virtual void preview(const tree_host&, const child_spec& /*next*/, std::vector<reload_change>&) const {}
  /// Its new spec when that of its template changes: what it was given for itself stays its own.
  virtual child_spec_ptr from_template(const tree_host&, const child_spec& /*before*/,
                                       const child_spec_ptr& next) const {
    return next;
  }
  /// What speaks against a new spec of the same kind.
  virtual void check_reload(const tree_host&, const child_spec& /*next*/, std::vector<spec_fault>&) const {}
  /// It is made from a template, as it stands there: uses what such children share, and makes that if it is first.
  virtual void join_template(tree_host&, template_share&) {}
  /// Fills in what only its kind knows. `info` has all else.
  virtual void describe(child_info&) const {}
  /// Fills in what it is, for those who see events; `into` has what its spec says of all kinds.
  virtual void introduce(event_child& into) const = 0;
  /// Something about it is to be told. False when it tells that itself.
  virtual bool complete(tree_host& host, event& about) = 0;
  /// The timer is due that it has set with `owner::child`.
  virtual void on_timer(tree_host&) {}
  /// The handle of its actor, if it is one that is up.
  virtual caf::actor handle() const { return {}; }
  /// Whether it is found by its name while it is down.
  virtual bool keeps_name() const { return false; }
  /// What it died of the last time, where its kind keeps that.
  virtual cause last_death() const { return {}; }
  /// The path of what is to blame when its start has failed.
  virtual std::string path_at_fault() const { return path(); }
  /// Itself, when others can be under it.
  virtual supervisor_child* as_supervisor() { return nullptr; }
  virtual const supervisor_child* as_supervisor() const { return nullptr; }
  /// What the numbers of children below it are counted from; 0: it has none.
  virtual std::uint64_t block() const { return 0; }
  /// The host ends: breaks what holds it and others in a circle.
  virtual void disconnect() {}

  std::string path() const { return address->path_of(id); }
  /// Empty when the path is computed.
  std::string_view path_text() const {
    return address->block == 0 ? std::string_view{address->text} : std::string_view{};
  }
  std::string id_text() const {
    const auto all = path();
    return all.substr(all.rfind('/') + 1);
  }

  const number id;
  supervisor_child* const parent;  ///< null: the root
  child_spec_ptr spec;             ///< null: the root
  const child_address_ptr address;
  std::uint64_t incarnation = 0;
  timer_queue::handle timer;  ///< the machine's
  bool timed = false;         ///< `timer` is set
  bool fixed = true;          ///< comes back when its supervisor is restarted; not made by start_child
  bool started_before = false;
  policy::exit_class last_end = policy::exit_class::normal;  ///< of the latest life that has ended, if any has
};

/// Makes a child of the kind that its spec is of.
std::unique_ptr<child> make_child(child::number id, supervisor_child* owner, child_spec_ptr spec,
                                  child_address_ptr where);

/// What is wrong with the parameters of a child and of all below it. `complete`: those without a default must be there.
/// `in_process`: it lives in the process of a supervisor above it.
void check_params(const actor_registry& actors, const child_spec& spec, const std::string& path,
                  std::vector<spec_fault>& faults, bool complete = true, bool in_process = false);
void check_params(const actor_registry& actors, const supervisor_spec& spec, const std::string& path,
                  std::vector<spec_fault>& faults, bool in_process = false);
/// What is wrong with parameters that a child of this template shall have of its own.
std::vector<spec_fault> check_own_params(const actor_registry& actors, const child_spec& pattern,
                                         const param_map& params, const std::string& path);
/// A template's spec with parameters of a child's own.
child_spec with_params(child_spec spec, const param_map& params);

}  // namespace steward::supervision
