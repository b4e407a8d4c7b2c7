#pragma once

#include "process/flight_page.hpp"
#include "process/keeper.hpp"
#include "steward/cause.hpp"

namespace steward::process {

/// Puts the accounts of a process's end together: the kernel's, and what it said itself. `lingered`: we have killed it
/// since it had closed its channel and went on. Of an exit it is the kernel's alone.
cause account_of_death(const exit_report& report, const flight_recorder& recorder, bool lingered);

}  // namespace steward::process
