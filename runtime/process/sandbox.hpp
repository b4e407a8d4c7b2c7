#pragma once

#include "steward/spec.hpp"

#include <string>
#include <vector>

// How a worker process is kept away from the rest of the machine: a system call filter (seccomp), landlock, and no
// capabilities. Internal to process/.
//
// level    what is refused
// basic    new sockets but pairs of our own; connect, bind, listen. New programs. Writing to any file but those that
//          are open already and /dev/null; changing modes, owners, times. Looking into or signalling other processes.
//          Their priorities and processors, and those of a thread by its number (0, the caller, is free). Memory,
//          semaphores and message queues that programs share. Settings of terminals; having signals sent for a file.
//          Leaving the session. Mounts, namespaces, keys, bpf, perf, io_uring, clocks, modules. Root's capabilities but
//          that of reading. Locks of files that can be read are free.
// strict   also new processes, whatever the call. Threads are always possible.
//
// A call that is refused fails with EPERM, one that would change a file with EACCES.
namespace steward::process {

/// Child side, once all is in place: the descriptors, the limits, the process group. Cannot be undone. 0, or for strict
/// the errno of the first thing that failed; basic goes on without it. Async-signal-safe.
int enter_sandbox(sandbox_level level) noexcept;

/// What of a level is not in force on this machine, a sentence each; empty when all is. Tried once in a short-lived
/// process, then remembered. Thread-safe.
std::vector<std::string> sandbox_gaps(sandbox_level level);

}  // namespace steward::process
