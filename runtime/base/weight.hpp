#pragma once

#include "steward/event.hpp"
#include "steward/sample.hpp"

#include <cstddef>

namespace steward {

/// About so much memory one takes, with its texts: for those who keep many of them within a bound.
std::size_t weight_of(const event& e) noexcept;
std::size_t weight_of(const sample& x) noexcept;

}  // namespace steward
