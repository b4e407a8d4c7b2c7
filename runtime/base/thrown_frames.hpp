#pragma once

#include "steward/cause.hpp"

#include <exception>
#include <string>
#include <vector>

namespace steward {

/// The calls in which an exception was thrown on this thread, innermost first; none where that is not known.
using thrown_frames = std::vector<std::string> (*)(const std::exception_ptr& problem);

/// `how` tells it from now on, on any thread; null: nobody does, which is so in programs that do not link
/// `steward::throw_frames`.
void set_thrown_frames(thrown_frames how) noexcept;

/// Fills the frames of a cause, where somebody knows them. Call it on the thread that has caught the exception.
void add_thrown_frames(cause& to, const std::exception_ptr& problem);

}  // namespace steward
