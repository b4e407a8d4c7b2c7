#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Pure functions on the texts of HTTP; any thread may call them. Nothing that comes in is trusted.
namespace steward::control_api {

/// "%2Froot" as "/root". None for what is no such text.
std::optional<std::string> percent_decoded(std::string_view text);
std::string percent_encoded(std::string_view text);

/// A whole number without sign, and nothing else.
std::optional<std::uint64_t> whole_number(std::string_view text);

/// Whether a text is of the form of a pattern, in which `*` stands for anything and `?` for one character.
bool matches_glob(std::string_view pattern, std::string_view text);

/// The value of a cookie; none when it is not there.
std::optional<std::string> cookie_of(std::string_view header, std::string_view name);

/// Whether a list such as "text/html, text/event-stream;q=0.9" names this type.
bool accepts(std::string_view header, std::string_view type);

/// Takes as long wherever the two differ.
bool same_secret(std::string_view a, std::string_view b);

}  // namespace steward::control_api
