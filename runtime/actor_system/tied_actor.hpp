#pragma once

// Knows CAF's version, as steward/port.hpp does.

#include "actor_system/rare_parts.hpp"
#include "steward/port.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace steward::port {

/// An actor whose ties can be undone while it lives on. CAF ends them with the actor only.
///
/// Links, monitors, attached functors, joined groups and streams that the actor's own code sets up belong to its
/// incarnation, which `call_functors` and `undo_ties` end. What others have attached stays until the actor is over;
/// what such functors throw keeps nobody from hearing of that.
class tied_actor : public caf::event_based_actor {
public:
  void attach(caf::attachable_ptr x) override;

  // For the actor's own thread:
  void add_link(caf::abstract_actor* x) override;
  void remove_link(caf::abstract_actor* x) override;
  /// The incarnation's code has set a monitor, or has removed this many.
  void note_monitor(const caf::abstract_actor& x);
  void note_demonitor(const caf::actor_addr& x, std::size_t removed);

protected:
  explicit tied_actor(caf::actor_config& cfg) : caf::event_based_actor(cfg) {}

  /// Whether it is the incarnation's code that runs on this thread.
  virtual bool incarnation_runs_here() const = 0;
  /// Told from any thread: something that cannot be done here, and what to do instead.
  virtual void on_refused(const std::string& what) = 0;

  /// Whether the incarnation has anything that `reason` below is told to.
  bool tied() const;
  /// Calls the functors that the incarnation has attached to itself, the latest first; its state is still there.
  void call_functors(const caf::error& reason);
  /// Undoes all other ties of the incarnation. Actors that it has linked itself to are told `reason`.
  void undo_ties(const caf::error& reason);
  /// Whether it is an exit or down message of a tie that an earlier incarnation had.
  bool is_late(const caf::mailbox_element& x, std::uint32_t token) const;

  /// Its ties are among them, and what derived classes seldom need.
  rare_parts parts_;

private:
  struct contained_functor;
  void call_contained(caf::attachable& functor, const caf::error& reason, caf::execution_unit* host);
  void undo_link(const caf::actor_addr& x, const caf::error& reason);
  void leave_groups();
  void stop_streams(const caf::error& reason);
};

}  // namespace steward::port
