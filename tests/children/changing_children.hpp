#pragma once

// clang-format off
// Child mains that are programs with children themselves, which become something else before they start one, and what
// these children tell of themselves. Each holds a pipe, its descriptor 3.
//
// name         argument                       what it does
// change       "METHOD WHAT MAIN [SANDBOX]"   starts the zygote where METHOD is "zygote", becomes what WHAT says, starts
//                                             MAIN, with that pipe, waits for its end, and ends in order
//              WHAT: user, directory (and user), umask, limits, nice, processors, capabilities, root, no_proc (before
//              the zygote), nothing, stop_zygote (then it kills itself)
// tell_state   -                              what a child inherits of its program, a line each
// try_others   -                              what it can do to its parent and to other programs, a line each
// trace_me     -                              is traced by its parent, raises SIGUSR1, and so stops
// clang-format on
namespace steward::test {

void register_changing_children();

}  // namespace steward::test
