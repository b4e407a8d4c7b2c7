#pragma once

#include "steward/cause.hpp"

#include <string>

namespace steward::cli {

/// What a signal, its origin and an exit code mean, in a sentence; empty where there is nothing to add.
std::string meaning_of(const cause& why);
/// Who ended it: a fault of its own, steward, or somebody else.
std::string author_of(const cause& why);

}  // namespace steward::cli
