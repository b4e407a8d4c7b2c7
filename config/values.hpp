#pragma once

#include "config/advice.hpp"
#include "config/diagnostics.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace steward::config {

/// Why a text is not a value of the type asked for.
struct value_fault {
  std::string message;
  hint more;
};

/// The value, or why there is none.
template <class T>
using parsed = std::variant<T, value_fault>;

// Strict readers of single values: one notation for each type, and everything else is a fault with advice, which is
// accepted by `fits`; `fits` itself is not checked. All of them are pure; any thread may call them.

/// Decimal digits with an optional '-': no leading zeros, no '+', no '_', no 0x, no exponent, nothing beyond 64 bits.
parsed<std::int64_t> parse_integer(std::string_view text, const acceptance& fits = any_number);

/// Decimal digits with an optional '-', fraction and exponent: 2, 0.5, .5, 5e-1. Never nan or inf.
parsed<double> parse_real(std::string_view text);

/// "true" or "false" and nothing else.
parsed<bool> parse_boolean(std::string_view text);

/// A whole number and a unit: ms, s, m, h. Exact to the millisecond, never negative.
parsed<std::chrono::milliseconds> parse_duration(std::string_view text, const acceptance& fits = any_number);

/// A whole number and a unit: B, KiB, MiB, GiB. In bytes, never negative.
parsed<std::int64_t> parse_size(std::string_view text, const acceptance& fits = any_number);

/// Whether a text may name a child: `[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}`.
bool is_valid_name(std::string_view text) noexcept;

/// "my_squares" for "my squares"; nothing when no name comes of it.
std::optional<std::string> advise_name(std::string_view text);

}  // namespace steward::config
