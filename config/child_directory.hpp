#pragma once

#include "config/scenario.hpp"
#include "config/section_reader.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace steward::config {

/// What a child is; `unknown` when its own description is faulty, so that references to it are given the benefit of
/// doubt.
enum class child_kind : std::uint8_t { actor, pool, supervisor, command, unknown };

/// A child as others may refer to it.
struct known_child {
  std::string id;
  std::string path;  ///< "/root/math/squares"; of what a dynamic supervisor makes, that of the template
  child_kind kind = child_kind::unknown;
  std::optional<restart_type> restart = restart_type::permanent;  ///< empty when it is faulty
  const actor_info* actor = nullptr;                              ///< of actors whose type is registered
  std::optional<std::string> task = std::string{};  ///< of pools; "" when the pool names none, empty when it is faulty
  bool by_path_only = false;                        ///< its id says nothing without that of its supervisor
  std::optional<pool_spec> pool{};                  ///< of pools whose description has no fault
};

/// A dynamic supervisor: its children are called "conn-1", "conn-2", ... after their template "conn".
struct known_crowd {
  std::string path;  ///< of the supervisor
  std::string id;    ///< of the template
  unsigned initial = 0;
  unsigned partitions = 0;
};

/// A supervisor of which there are several, "/root/orders/0", "/root/orders/1", ...
struct known_partitions {
  std::string path;  ///< "/root/orders"
  unsigned count = 0;
};

/// All children of a tree in start order, supervisors before what is in them; the root is the first.
///
/// Children of dynamic supervisors are known by their template: "/root/conns/conn-7" leads to what is known of
/// "/root/conns/conn". By id alone only those can be named that are there from the start, "conn-1" up to `initial`, and
/// none of a partitioned supervisor, since their numbers do not tell the partition. What is below a child with
/// partitions is known once, too: "/root/orders/3/basket" leads to "/root/orders/basket".
class child_directory {
public:
  void add(known_child child) { children_.push_back(std::move(child)); }
  /// To be told before the template and what is in it are added.
  void add_crowd(known_crowd crowd) { crowds_.push_back(std::move(crowd)); }

  /// To be told before what is in it is added.
  void add_partitions(known_partitions partitions) { partitions_.push_back(std::move(partitions)); }

  /// To be told when a fault hides children or their names: from then on, nothing is said of those that are not found.
  void conceal() noexcept { conceals_ = true; }
  bool conceals() const noexcept { return conceals_; }

  /// The child that a step refers to by id or by path; with `wanted` of this kind, without it anything but the root.
  /// Reports and returns null when there is none, when it is of another kind, or when several have this id.
  /// `also`: one of this kind will do as well.
  const known_child* resolve(load_context& context, const placed_text& reference, std::optional<child_kind> wanted,
                             std::optional<child_kind> also = std::nullopt) const;

  /// The actor or pool that a child of the supervisor at `base` refers to by the id of a sibling or by path; only what
  /// is in the directory so far counts as listed earlier. Reports and returns null when there is none.
  const known_child* resolve_earlier(load_context& context, const placed_text& reference, std::string_view base,
                                     child_kind wanted) const;

  /// What a dynamic supervisor makes its children from; null for another child.
  const known_child* template_of(const known_child& supervisor) const;

private:
  /// Where a path leads.
  struct target {
    std::string path;                                ///< with templates in place of the children made from them
    bool from_the_start = true;                      ///< false for children that are made later, or may be
    const known_crowd* astray = nullptr;             ///< whose children are not called so
    const known_partitions* no_partition = nullptr;  ///< of which there is none called so

    bool leads_nowhere() const { return astray != nullptr || no_partition != nullptr; }
  };

  target follow(std::string_view path) const;
  const known_child* at(std::string_view path) const;
  const known_crowd* crowd_at(std::string_view path) const;
  const known_partitions* partitions_at(std::string_view path) const;
  /// Whether it is in one of several partitions.
  bool is_partitioned(const known_child& child) const;
  /// Its path, in the first of the partitions where there are any.
  std::string path_of(const known_child& child) const;
  /// Whether it is a template or in one.
  bool is_made_later(const known_child& child) const;
  std::vector<const known_child*> matches(std::string_view reference) const;
  bool report_crowd(load_context& context, const placed_text& reference) const;
  void report_unknown(load_context& context, const placed_text& reference, std::optional<child_kind> wanted) const;

  std::vector<known_child> children_;
  bool conceals_ = false;
  std::vector<known_crowd> crowds_;
  std::vector<known_partitions> partitions_;  // a supervisor before what is in it
};

}  // namespace steward::config
