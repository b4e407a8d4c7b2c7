#pragma once

#include "supervision/child.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace steward::supervision {

/// A child that is an actor. Its cell is made for the first start and stays through restarts, until the child ends for
/// good or is abandoned; it tells that an incarnation is ready or has ended to the supervisor's desk, all else here.
class actor_child final : public child {
public:
  using child::child;

  void start(tree_host& host) override;
  std::function<void(std::uint64_t)> prepare(tree_host& host) override;
  void begun(tree_host& host) override;
  void stop(tree_host& host, const policy::action::stop_child& how) override;
  void abandon(tree_host& host) override;
  void kill(tree_host& host, const cause& why) override;
  void let_go(tree_host& host) override;
  void respecify(tree_host& host, child_spec_ptr next) override;
  child_spec_ptr from_template(const tree_host& host, const child_spec& before,
                               const child_spec_ptr& next) const override;
  void join_template(tree_host& host, template_share& shared) override;
  void describe(child_info& into) const override;
  void introduce(event_child& into) const override;
  bool complete(tree_host& host, event& about) override;
  void on_timer(tree_host& host) override;
  caf::actor handle() const override { return cell_; }
  cause last_death() const override { return extras_ ? extras_->last : cause{}; }
  bool keeps_name() const override { return cell_ != nullptr; }

  /// What a cell tells: of a child that there is, or was.
  static void on_report(tree_host& host, const cell_report& report);

private:
  /// What is only needed of those that are watched, were replaced, or had an end that needs telling.
  struct extras {
    caf::actor predecessor;                       ///< an abandoned cell whose messages the next one gets
    message_counts past;                          ///< of cells that are gone
    cause last;                                   ///< of the latest crash
    std::uint64_t last_in = 0;                    ///< the incarnation that it was
    std::uint64_t turn = 0;                       ///< what the watched cell handled at the last look
    std::chrono::steady_clock::time_point since;  ///< of that turn
    bool told = false;                            ///< that this turn hangs
    bool watched = false;                         ///< `next_look` is set
    bool draining = false;                        ///< then that is the end of it
    timer_queue::handle next_look;
  };

  static void on_left(tree_host& host, const cell_report& report);
  /// Tells the cell from one that was abandoned before it; 0: there is none.
  std::uint64_t serial() const { return cell_ ? cell_.id() : 0; }
  extras& more();
  void make_cell(tree_host& host);
  /// The process of an actor shows its handle, which CAF looks up in its registry, until the cell leaves. The cell
  /// itself cannot do that: what it attaches to itself belongs to its incarnation.
  void register_cell(tree_host& host);
  cell_kind_ptr kind_of(tree_host& host) const;
  /// The pools that its parameters name; null: none.
  std::shared_ptr<const detail::pool_places> named_pools(const tree_host& host, const cell_kind& kind,
                                                         const std::vector<param_spec>& declared) const;
  /// The actors that its parameters name, as they are now.
  std::shared_ptr<const actor_map> named_actors(const tree_host& host) const;
  /// Why a child that ends now ends; empty for an orderly end.
  std::string reason() const;
  /// Lets the cell go; nobody waits for it but the end of the tree.
  void dismiss(tree_host& host, policy::exit_class how, bool killed);
  void dismiss_predecessor(tree_host& host, const caf::actor& heir);
  void tell_to_leave(tree_host& host, policy::exit_class how, bool killed, bool drains = false) const;
  /// Lets it handle what waits first, until its time is nearly over.
  void drain(tree_host& host);
  void look(tree_host& host);
  void stop_looking(tree_host& host);

  bool named_ = false;       // the directory has the cell
  bool registered_ = false;  // CAF's registry has it
  cell_kind_ptr kind_;       // null until the first start, or when the type is not registered
  caf::actor cell_;
  std::unique_ptr<extras> extras_;
};

}  // namespace steward::supervision
