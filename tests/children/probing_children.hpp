#pragma once

// Child mains that find out what they may do. Each is a real process; all but the first and `burn` tell what they found
// on the pipe that they inherit.
//
// name              argument            what it does
// write_stderr      text                writes it to descriptor 2
// tell_limits       -                   its limits and its working directory
// tell_environment  -                   its environment, and what /proc shows of it
// burn              stubborn or none    uses processor time without end; when stubborn it ignores SIGXCPU
// try_everything    pid and directory   tries what a sandbox refuses: "name ok" or "name ERRNO", a line each
namespace steward::test {

void register_probing_children();

}  // namespace steward::test
