#pragma once

#include "config/diagnostics.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace steward::config {

/// Why a text is not YAML, in the words of somebody who writes it.
struct syntax_fault {
  std::size_t pos = 0;  ///< byte offset of what has to be changed
  std::string message;
  hint more;
};

/// Finds the mistake in a text that the parser has refused. The parser names the place where it could not go on, which
/// may be many lines below an open brace, and in its own terms. Nothing when the mistake is of another kind than those
/// that people make. Takes time in proportion to the size of the text. Pure; any thread may call it.
std::optional<syntax_fault> explain_syntax(std::string_view text);

}  // namespace steward::config
