#pragma once

#include <steward/actor.hpp>

#include <cstdint>

namespace steward::ready_made {

/// A number that starts at `start` and only messages can change: (add_atom, int64) and (get_atom) answer its value,
/// (show_atom) the value as text, (crash_atom) makes the handler throw. A new incarnation begins at `start` again.
class counter {
public:
  counter(self_ptr self, const actor_args& args);
  caf::behavior make_behavior();

private:
  caf::result<std::int64_t> add(std::int64_t amount);

  std::int64_t value_;
};

}  // namespace steward::ready_made
