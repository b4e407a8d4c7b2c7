#pragma once

namespace steward::process {

/// From now on the stop key of the terminal (SIGTSTP) stops the children of this program, and all in their groups, with
/// it, and they go on when it does. Their sessions are their own, so the terminal does not reach them. Does nothing
/// where the program ignores or handles the signal already. Call it before threads exist.
void suspend_children_with_program() noexcept;

}  // namespace steward::process
