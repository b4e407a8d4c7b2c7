#pragma once

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>

namespace steward {

// Text that comes from workers, files and exceptions is not trusted: before it reaches a terminal or a file it goes
// through one of these. All of them are pure functions; any thread may call them.

/// Makes text safe for a terminal: one line, no escape sequences, no bytes that are not UTF-8.
/// Newline, tab and carriage return become "\n", "\t" and "\r"; other control characters and invalid bytes become
/// "\x1b"; invisible characters that reorder or break lines (C1 controls, bidirectional overrides) become "\u202e".
/// Backslashes stay as they are, so that paths stay readable.
std::string escape_text(std::string_view text);

/// The same text with every byte that is not part of valid UTF-8 replaced by U+FFFD.
std::string repair_utf8(std::string_view text);

/// The longest length <= `limit` (bytes) at which `text` can be cut without splitting a UTF-8 character.
std::size_t utf8_cut(std::string_view text, std::size_t limit) noexcept;

/// `text` when it has at most `max_bytes`; otherwise its beginning and "..." with `max_bytes` at most in all.
/// Never splits a UTF-8 character. A `max_bytes` below 3 leaves no room for the dots, and they are left out.
std::string shorten(std::string_view text, std::size_t max_bytes);

/// What is kept of the text of an exception or an error: it travels far, and may be of any length.
inline constexpr std::size_t max_reason_bytes = 8'192;

/// The text of an exception, at most `max_reason_bytes` of it. It is the user's: where it is null there is none.
std::string text_of(const std::exception& problem);

}  // namespace steward
