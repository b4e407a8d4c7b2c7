#pragma once

#include <caf/actor_addr.hpp>
#include <caf/attachable.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace steward::port {

/// What an incarnation has tied to itself, or itself to, and what still comes of ties that were undone too late. It
/// keeps account only: whoever owns it makes the ties and undoes them. For the actor's own thread.
class incarnation_ties {
public:
  struct tie {
    caf::actor_addr other;
    std::size_t count;
  };

  /// Whether there is anybody whom the end of the incarnation concerns.
  bool has_links_or_functors() const noexcept { return !links_.all.empty() || !functors_.empty(); }

  void add_link(const caf::actor_addr& x);
  void remove_link(const caf::actor_addr& x) { links_.take(x); }
  std::vector<tie> take_links() { return std::exchange(links_.all, {}); }

  void add_monitor(const caf::actor_addr& x) { monitors_.add(x); }
  void remove_monitors(const caf::actor_addr& x, std::size_t count) { monitors_.take(x, count); }
  std::vector<tie> take_monitors() { return std::exchange(monitors_.all, {}); }

  /// From an actor to which there is no tie any more, this many messages are under way.
  void expect_late_exit(const caf::actor_addr& x) { late_exits_.add(x); }
  void expect_late_downs(const caf::actor_addr& x, std::size_t count) { late_downs_.add(x, count); }
  /// An exit or down message has come. True when it is of a tie that was undone; else that tie is gone by it.
  bool takes_late_exit(const caf::actor_addr& from);
  bool takes_late_down(const caf::actor_addr& from);

  void add_functor(caf::attachable_ptr x) { functors_.push_back(std::move(x)); }
  std::vector<caf::attachable_ptr> take_functors() { return std::exchange(functors_, {}); }

private:
  struct counted_ties {
    std::vector<tie> all;

    void add(const caf::actor_addr& x, std::size_t count = 1);
    /// False when there is none.
    bool take(const caf::actor_addr& x, std::size_t count = 1);
  };

  counted_ties links_;
  counted_ties monitors_;
  counted_ties late_exits_;
  counted_ties late_downs_;
  std::vector<caf::attachable_ptr> functors_;
};

}  // namespace steward::port
