#pragma once

#include "config/scenario.hpp"

#include <string>
#include <vector>

namespace steward::cli {

/// A systemd unit that keeps this scenario up as a service: type notify, with a watchdog, restarted unless the config
/// is at fault, with time enough for all children to stop. `program` and `file` are absolute paths, `sets` as for
/// `run`.
std::string render_unit(const config::scenario& what, const std::string& program, const std::string& file,
                        const std::vector<std::string>& sets);

}  // namespace steward::cli
