#pragma once

#include <string>

namespace steward::control_api {

/// 128 random bits, as 32 hexadecimal digits. Throws std::system_error where the kernel gives none.
std::string new_token();

/// The token that a file holds, alone on its line: 32 to 128 letters, digits, '-' and '_'. Where there is no such file
/// it is made, with a new token, for its owner alone (0600).
///
/// Throws std::runtime_error, with the reason and what to do, where it cannot be had or made, is no plain file, belongs
/// to somebody else than this user or root, or can be read by all or changed by others. Its group may read it, so that
/// a server that asks with it can. Where several make it at the same time, all have the same one. Never waits.
std::string token_of_file(const std::string& path);

}  // namespace steward::control_api
