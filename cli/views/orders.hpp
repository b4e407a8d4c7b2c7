#pragma once

#include "cli/views/control_client.hpp"

#include <string>
#include <string_view>

/// Where the control server takes orders about children, and what it says of them.
namespace steward::cli::orders {

/// `verb`: start, stop, restart, kill, park or revive.
std::string target_of_child(std::string_view path, std::string_view verb);
std::string target_of_pool(std::string_view path);
std::string body_of_resize(unsigned workers);

/// What was done, and a line for each change; each with a line end.
std::string words_of(const http_answer& answer);

}  // namespace steward::cli::orders
