#pragma once

#include <steward/task.hpp>

#include <cstdint>
#include <string>

namespace steward::ready_made {

/// n * n. Throws std::overflow_error when that does not fit in 64 bits.
std::int64_t square(std::int64_t n);

/// n! in decimal, exact, by GMP's mpz_fac_ui. Throws std::out_of_range above `max_factorial`.
inline constexpr std::uint32_t max_factorial = 1'000'000;
std::string factorial(std::uint32_t n);

/// Sleeps, as a task that waits for I/O does; returns its argument. Throws std::out_of_range above a minute.
std::uint32_t wait_ms(std::uint32_t milliseconds);

/// How many primes are below `limit`, by trial division: work for the CPU.
std::uint32_t count_primes(std::uint32_t limit);

/// The square of n, but the first attempt meets a real fault: none, exception, uncaught, segfault, stack_overflow,
/// abort, exit, kill, memory or loop. `memory` needs a pool with a memory limit. Throws std::invalid_argument for any
/// other fault.
std::int64_t square_unless(const task_context& context, std::int64_t n, std::string fault);

/// Adds 1, `times` times, to the key `who` of the dictionary "words", and appends `times` to the list "numbers"; both
/// are actors of the tree. Returns the last value that the dictionary answered.
std::int64_t tally(const task_context& context, std::string who, std::uint32_t times);

}  // namespace steward::ready_made
