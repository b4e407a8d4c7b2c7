#pragma once

#include "steward/cause.hpp"

#include <string>

namespace steward {

/// What a signal, its origin and an exit code mean, in a sentence; empty where there is nothing to add.
std::string meaning_of(const cause& why);
/// Who ended it: itself, steward, or somebody else. `pid`: its own, 0 where that is not known.
std::string author_of(const cause& why, int pid);

}  // namespace steward
