#pragma once

// clang-format off
// Child mains that misbehave on purpose, for tests of whoever starts child processes. Each is a real process.
//
// name                 argument        inherits        what it does
// exit_with            exit code       any             returns the code
// raise_signal         number          page, channel   raises the signal, after last words were installed where it has
//                                      or none         descriptors
// be_shot              number          page, channel   has a process of its own send it the signal
// write_to_null        -               page, channel   writes to address 0x10
// overflow_stack       -               page, channel   recurses without end
// overflow_stack_fast  top or none     page, channel   the same, with frames of 3 MiB; "top" touches their far end first
// throw_uncaught       text            page, channel   throws std::runtime_error(text)
// eat_memory           -               page, channel   allocates until it fails
// tell_argument        any bytes       pipe            writes its argument to the pipe
// tell_self            -               pipe, more      writes what it finds of its own state to the pipe
// wait_for_eof         -               pipe            reads the pipe to its end, then returns 0
// wait_forever         -               pipe or none    writes a byte to the pipe, then waits for a signal
// leave_grandchild     exit | stay |   pipe            starts a process that holds the pipe; writes a byte; returns 0, or
//                      closed                          waits, with the pipe open or closed
// leave_stray          group | session pipe            starts a process that leaves its group, its session or, as a daemon,
//                      | daemon |                      also its family, program and environment, holds the pipe and
//                      heir [exit]                     writes a byte; "heir" lowers its own limit and writes its pid
// keep_strays          method          pipe            is a parent of three that do so, or ("nested", method, ...) of one
//                      [nested method]                 that is such a parent
//                      what
// keep_children        method          pipe            is a parent itself: two children hold the pipe, each writes a byte
// keep_grandchildren   method [closed] pipe            is a parent of three that leave grandchildren and stay
// clang-format on
namespace steward::test {

void register_misbehaving_children();

}  // namespace steward::test
