#pragma once

#include "steward/actor.hpp"
#include "steward/admin.hpp"
#include "steward/detail/late_reply.hpp"
#include "steward/spec.hpp"
#include "steward/watch.hpp"

#include <functional>
#include <string>
#include <utility>

namespace steward {

/// What comes of a request to the tree, for the incarnation that has made it. Say at once, in the same handler, what is
/// to become of it; when the incarnation has ended by then, nobody hears of it, and what was asked for is done.
class [[nodiscard]] tree_reply {
public:
  explicit tree_reply(port::late_reply reply) : reply_(reply) {}

  /// Calls `f` on the actor, once the child is up, or down, or cannot be. What it throws is a crash.
  void then(std::function<void(const admin_result&)> f) && {
    reply_.handle([f = std::move(f)](void* content) { f(*static_cast<const admin_result*>(content)); });
  }
  void ignore() && {}

private:
  port::late_reply reply_;
};

// An actor that starts and stops supervised children, without waiting:
//
//     start_child(self_, "jobs", {{"name", "x"}}).then([this](const admin_result& x) {
//       if (x) tell(self_, x.handle, work_atom::value);
//     });
//     ... [this](const child_end& x) { ... }
//
// `supervisor` is a path, or the id of a supervisor beside the actor; empty: the actor's own supervisor. The codes are
// those of `supervisor::start_child` and `terminate_child`; `noproc` also for an actor that is not supervised. Each end
// of an actor that was started so is told by a `child_end` when it is for good: it has finished, was stopped, or has
// crashed and is not restarted. It is a message like any other, behind what the child has told before, and for
// whichever incarnation is up. With `on_hang: replace` the end of the one that hung is told, and its successor's is
// not. To hear of each life, or of pools and supervisors, `watch` them. For handlers, constructor and `make_behavior`
// of `self`.

/// Makes a child of a dynamic supervisor; `params` override its template's, `key` chooses the partition.
tree_reply start_child(self_ptr self, const std::string& supervisor, param_map params = {}, std::string key = {});
/// Adds a child to a supervisor and starts it. It is gone when its supervisor is restarted.
tree_reply start_child(self_ptr self, const std::string& supervisor, child_spec spec);
/// Stops a child by its own rule: a path, or the id of a child of the actor's own supervisor.
tree_reply stop_child(self_ptr self, const std::string& child);

}  // namespace steward
