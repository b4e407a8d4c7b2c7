#include "cli/words.hpp"

// The sentences are those of docs/events.md and docs/operating.md; tests/style/check_events.py holds them together.

namespace steward::cli {
namespace {

constexpr word kinds[] = {
    {"run_start", "A run begins. `text` has its name, its file and its seed."},
    {"run_end", "A run is over. `code` is its exit code."},
    {"start", "A child is being started for the first time."},
    {"ready", "A child, or a worker of a pool, is ready for work."},
    {"stop", "A child or a pool ended in order, or a worker was replaced as planned."},
    {"crash",
     "A child or a worker died, or an actor's handler threw. `cause` says why, `decision` what is done about it."},
    {"hang", "A handler or a task runs too long. For a soft deadline the level is `info`."},
    {"restart", "A new incarnation is being started."},
    {"recover", "A new incarnation is ready. `recovery_ms` counts from the crash."},
    {"backoff", "A restart waits for `decision.delay_ms`."},
    {"limit",
     "A restart limit was reached. For a supervisor `decision.also` and `text` name the child; for a child with "
     "`on_spent: end` it is its own."},
    {"escalate", "A supervisor below the root has failed; its parent decides."},
    {"give_up", "The root or a pool gave up. For a pool, `lost` is the number of tasks that were still open."},
    {"task_retry", "A task is to run again, since its worker died, or since it threw and `on_exception` is `retry`."},
    {"task_quarantine", "A task is not run again: its last attempt, too, ended with the death of its worker."},
    {"task_fail", "A task ended with an error that is its answer: an exception, a deadline, no room in a worker."},
    {"park", "A child reached its own restart limit, or was parked by hand, and stays down. The tree goes on."},
    {"quarantine", "A message crashed its actor each time that it was handled. `text` shows it."},
    {"dead_letter", "Messages that no incarnation will handle. `lost` counts them, and `text` shows one."},
    {"config", "A reload: one for each change, and one that sums it up."},
    {"operator",
     "Somebody intervened, or was refused to: a child was started, stopped, restarted, killed, parked or revived, a "
     "pool "
     "was resized, specs were reloaded. `by` says who."},
    {"warn", "Something looks wrong. `text` says what."},
    {"output", "A line that the run printed. It is on standard output already."},
    {"log",
     "A line that the program of a `command` has written; `stream` says where. With `lost` instead: so many lines were "
     "left out, since they were more than `logs.lines_a_second`."},
    {"child",
     "What no other kind tells of a child, as `child` says: it was added, is asked to stop, is down, was removed, or "
     "has a new spec; a worker is being started, or its load has changed the size of a pool."},
};

constexpr word statuses[] = {
    {"idle", "Added, and not started yet."},
    {"starting", "Its first start is under way."},
    {"up", "Ready for work."},
    {"restarting", "Down, and to come back: it waits for its start, or is in it."},
    {"stopping", "Asked to end."},
    {"parked", "Down, since its own restart limit was reached or somebody parked it; it comes back later or by hand."},
    {"stopped", "Down in order."},
    {"ended", "Down by itself, finished or crashed, and not started again."},
    {"gave_up", "A supervisor or a pool whose restart limit was reached."},
};

constexpr word causes[] = {
    {"none", "Nothing: an end in order."},
    {"exception", "A C++ exception."},
    {"signal", "A signal that steward did not send."},
    {"exit", "The process called `exit`, also with code 0."},
    {"quit", "An actor ended itself with an error, or was ended by one."},
    {"deadline", "A task ran past its deadline, and its worker was killed or abandoned for it."},
    {"heartbeat", "A process was stopped or took up no task; or the handler of an actor ran longer than `hang_after`."},
    {"memory", "It ran out of memory."},
    {"killed", "steward ended it on purpose."},
    {"start", "It never became ready."},
    {"protocol", "A worker sent bytes that are not the protocol."},
};

constexpr word codes[] = {
    {"0", "done, every task ok, recovered crashes included"},
    {"1", "a task failed or was quarantined, or an expectation of the scenario did not hold"},
    {"2", "wrong usage"},
    {"3", "invalid config: every fault with file:line:column, a caret and a suggestion; nothing was started"},
    {"4", "the root gave up"},
    {"5",
     "a start failed before the run began, the state directory could not be had, or there were not enough threads, "
     "processes, descriptors or memory for it"},
    {"6", "there is no such run to look at or to steer; or several live, and none was named: they are listed"},
    {"7", "with `--strict`: something crashed, though all was recovered"},
    {"70",
     "internal error, an `exit` that nobody expects, stdout or the events file could not be written, or the actor "
     "system did not end in time"},
    {"129, 130, 143", "stopped by SIGHUP, SIGINT, SIGTERM, in order"},
};

}  // namespace

std::span<const word> child_statuses() { return statuses; }
std::span<const word> event_kinds() { return kinds; }
std::span<const word> cause_classes() { return causes; }
std::span<const word> exit_codes() { return codes; }

}  // namespace steward::cli
