#pragma once

#include "policy/desk.hpp"
#include "supervision/child.hpp"
#include "supervision/number_set.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace steward::supervision {

/// A child, or the root, that is a supervisor itself.
///
/// Its machine decides on its desk; the host takes the actions from there. It makes the children that its spec lists
/// or its template describes, and gives them their numbers: a block of its own, then the position in the list, then how
/// often that position was taken.
class supervisor_child final : public child {
public:
  /// A child whose start has failed; `path` is that of the child at fault, which may be further down.
  struct failed_start {
    number child = 0;
    std::string path;
  };

  supervisor_child(number own_id, supervisor_child* owner, child_spec_ptr own_spec, child_address_ptr where,
                   std::shared_ptr<supervisor_spec> content);

  void start(tree_host& host) override;
  void stop(tree_host& host, const policy::action::stop_child& how) override;
  void abandon(tree_host& host) override;
  void kill(tree_host& host, const cause& why) override;
  void let_go(tree_host& host) override;
  void respecify(tree_host& host, child_spec_ptr next) override;
  void check_reload(const tree_host& host, const child_spec& next, std::vector<spec_fault>& faults) const override;
  void introduce(event_child& into) const override;
  bool complete(tree_host& host, event& about) override;
  std::string path_at_fault() const override { return failing ? failing->path : path(); }
  supervisor_child* as_supervisor() override { return this; }
  const supervisor_child* as_supervisor() const override { return this; }
  std::uint64_t block() const override { return block_; }
  void disconnect() override;

  /// As it is carried out: partitions are children.
  const supervisor_spec& content() const { return *content_; }
  /// The supervisor, this or one above, in whose process all of it lives; null: none.
  const supervisor_child* process_owner() const {
    const auto* at = this;
    while (at != nullptr && (!at->spec || at->spec->runs_in != rung::process)) at = at->parent;
    return at;
  }
  bool dynamic() const { return content_->strategy == strategy::simple_one_for_one; }
  /// Its children are the partitions, each a dynamic supervisor.
  bool partitioned() const { return partitioned_; }
  /// Its children are the partitions of a child.
  bool routes() const { return !dynamic() && content_->partitions != 0; }
  /// How many more children may be made of its template, whatever becomes of those that there are. Partitions have one
  /// limit together.
  std::size_t room(const tree_host& host) const;
  bool in_service() const;
  /// Null until the first start.
  const std::shared_ptr<policy::supervisor_desk>& desk() const { return desk_; }
  /// Numbers, in start order.
  const number_set& children() const { return children_; }
  void forget(number below) { children_.erase(below); }
  /// Of the latest crash, or of the limit that was reached.
  const cause& last_cause() const { return last_; }
  void note_cause(const cause& x) { last_ = x; }
  /// Where the child is that another one names: `/root/a/b` as it is, `b` below this supervisor. Partitions of an actor
  /// name what that actor names.
  std::string resolve(const std::string& name) const {
    if (name.starts_with('/')) return name;
    return routes() ? parent->resolve(name) : path() + "/" + name;
  }

  const child_spec_ptr& template_spec() const { return template_spec_; }
  const std::shared_ptr<const policy::child_policy>& template_policy() const { return template_policy_; }
  template_share& shared_by_template() { return template_share_; }

  /// Adds a child to the tree, not to the machine. `position`: in the list of the spec, when it is there.
  child& add_listed(tree_host& host, child_spec spec, std::optional<std::size_t> position);
  /// Adds a child from the template, with these parameters of its own.
  child& add_dynamic(tree_host& host, const param_map* own);
  /// The partition for a key; without one they take turns.
  supervisor_child& partition_for(tree_host& host, const std::string& key);
  /// Ends what its children have kept, and forgets those that do not come back when it is started anew.
  void let_go_of_children(tree_host& host);
  /// New specs for all below it.
  void reload(tree_host& host, std::shared_ptr<supervisor_spec> next);
  /// What they would change.
  void preview(const tree_host& host, const supervisor_spec& next, std::vector<reload_change>& changes) const;
  void preview(const tree_host& host, const child_spec& next, std::vector<reload_change>& changes) const override;
  void check_reload(const tree_host& host, const supervisor_spec& next, std::vector<spec_fault>& faults) const;

  std::optional<failed_start> failing;  ///< the latest of its children whose start has failed
  bool asked_to_stop = false;

private:
  using policies = std::vector<std::pair<number, std::shared_ptr<const policy::child_policy>>>;

  child& add(tree_host& host, child_spec_ptr spec, child_address_ptr where, std::optional<std::size_t> position);
  number number_for(const tree_host& host, std::optional<std::size_t> position);
  void take_template(tree_host& host);
  policy::machine_options options(const tree_host& host) const;
  void add_dynamic_children(tree_host& host, policy::supervisor_machine& machine);
  void add_listed_children(tree_host& host, policy::supervisor_machine& machine);
  void prepare_children(tree_host& host);
  void preview_list(const tree_host& host, const supervisor_spec& next, std::vector<reload_change>& changes) const;
  void reload_template(tree_host& host, policies& changed);
  void reload_list(tree_host& host, policies& changed, policies& added);

  std::shared_ptr<supervisor_spec> content_;
  std::shared_ptr<policy::supervisor_desk> desk_;
  number_set children_;
  child_spec_ptr template_spec_;  // of a simple_one_for_one
  std::shared_ptr<const policy::child_policy> template_policy_;
  child_address_ptr template_address_;
  template_share template_share_;
  std::uint64_t turns_ = 0;  // of partitions: dynamic children that went to the next one
  std::uint64_t block_ = 0;
  std::map<std::uint64_t, std::uint64_t> taken_;  // how often a position was
  std::uint64_t added_ = 0;  // children that start_child made; all there ever were of a simple_one_for_one
  cause last_;
  bool partitioned_ = false;
};

}  // namespace steward::supervision
