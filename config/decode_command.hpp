#pragma once

#include "config/section_reader.hpp"
#include "steward/command_spec.hpp"

namespace steward::config {

/// The keys of a child that only a command has, besides `command` itself.
inline constexpr const char* command_keys[] = {"ready", "stop",  "ok_codes", "environment", "working_directory",
                                               "user",  "umask", "nice",     "rlimits",     "logs"};

/// What a child that is a command runs, and how.
command_spec decode_command(const section_reader& from);

}  // namespace steward::config
