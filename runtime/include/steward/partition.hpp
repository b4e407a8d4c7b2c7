#pragma once

#include "steward/port.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace steward {

/// FNV-1a of 64 bits: the same for the same bytes in every program, on every machine and in every version. A key leads
/// to the partition `partition_hash(key) % partitions`.
[[nodiscard]] constexpr std::uint64_t partition_hash(std::string_view key) noexcept {
  std::uint64_t out = 0xcbf29ce484222325ULL;
  for (const char c : key) out = (out ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return out;
}

/// The partition that a key leads to, for a supervised actor; `supervisor::partition` is the same from outside.
///
///     tell(self_, partition(self_, "cache", user), put_atom::value, user, 7);  // "cache" has `partitions: 8`
///
/// `name` is a path, or the id of a sibling. The handle is good through restarts. A child without partitions is its own
/// partition for every key; without such a child, and while it is terminated, the handle is invalid. Call it in the
/// actor's constructor, `make_behavior` and handlers; it does not block. Throws std::logic_error in an actor that is
/// not supervised.
[[nodiscard]] caf::actor partition(self_ptr self, const std::string& name, std::string_view key);
/// The path of that partition, for children of any kind, such as "/root/orders/3" of a supervisor: one of what is below
/// it is `partition_path(self_, "orders", customer) + "/basket"`. Without partitions the path of the child itself,
/// whether there is one or not. Otherwise as `partition`.
[[nodiscard]] std::string partition_path(self_ptr self, const std::string& name, std::string_view key);

}  // namespace steward
