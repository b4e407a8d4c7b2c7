#pragma once

#include "policy/supervisor_machine.hpp"
#include "steward/spec.hpp"

#include <memory>

// Specs as they are carried out: short forms are written out.
namespace steward::supervision {

/// A partitioned supervisor: a supervisor of supervisors.
std::shared_ptr<supervisor_spec> with_partitions(const supervisor_spec& spec);
/// A tree. Each child with `partitions` is a one_for_one supervisor of as many of it, which draws on a limit as that of
/// its own supervisor. What is below a supervisor that runs in a process runs there, too. What has nothing of that in
/// it is shared, not copied.
supervisor_spec as_carried_out(supervisor_spec tree);
/// The same for one child. `settings`: of the process in which all of the supervisor lives; null: there is none.
child_spec as_carried_out(child_spec child, const supervisor_spec& parent, const process_settings* settings = nullptr);

}  // namespace steward::supervision
