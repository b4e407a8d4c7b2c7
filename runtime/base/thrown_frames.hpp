#pragma once

#include "steward/cause.hpp"

#include <cstdint>
#include <exception>
#include <string>
#include <vector>

namespace steward {

/// Who knows in which calls an exception was thrown on the calling thread, innermost first; nothing where that is not
/// known. `addresses` are those of the calls, which have names in a program that is loaded in the same way.
struct thrown_frames {
  std::vector<std::string> (*names)(const std::exception_ptr& problem) = nullptr;
  std::vector<std::uint64_t> (*addresses)(const std::exception_ptr& problem) = nullptr;
};

/// `how` tells it from now on, on any thread; it must live for ever. Nobody does in programs that do not link
/// `steward::throw_frames`.
void set_thrown_frames(const thrown_frames& how) noexcept;

/// Fills the frames of a cause, where somebody knows them. Call it on the thread that has caught the exception.
void add_thrown_frames(cause& to, const std::exception_ptr& problem);

/// For those who leave the names to others: what `cause_of` makes, without frames, and the addresses of these.
cause cause_without_frames(std::exception_ptr problem);
std::vector<std::uint64_t> thrown_addresses(const std::exception_ptr& problem);

}  // namespace steward
