#pragma once

#include "config/scenario.hpp"
#include "config/section_reader.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace steward::config {

/// What a child is; `unknown` when its own description is faulty, so that references to it are given the benefit of
/// doubt.
enum class child_kind : std::uint8_t { actor, pool, supervisor, unknown };

/// A child as others may refer to it.
struct known_child {
  std::string id;
  std::string path;  ///< "/root/math/squares"
  child_kind kind = child_kind::unknown;
  restart_type restart = restart_type::permanent;
  const actor_info* actor = nullptr;  ///< of actors whose type is registered
  std::string task;                   ///< of pools; empty when the pool names none
};

/// All children of a tree in start order, supervisors before what is in them.
class child_directory {
public:
  void add(known_child child) { children_.push_back(std::move(child)); }

  /// The child of this kind that a step refers to by id or by path. Reports and returns null when there is none, when
  /// it is of another kind, or when several have this id.
  const known_child* resolve(load_context& context, const placed_text& reference, child_kind wanted) const;

  /// The actor that a child of the supervisor at `base` refers to by the id of a sibling or by path; only what is in
  /// the directory so far counts as listed earlier. Reports and returns null when there is none.
  const known_child* resolve_earlier_actor(load_context& context, const placed_text& reference,
                                           std::string_view base) const;

private:
  std::vector<const known_child*> matches(std::string_view reference) const;
  void report_unknown(load_context& context, const placed_text& reference, child_kind wanted) const;

  std::vector<known_child> children_;
};

}  // namespace steward::config
