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
    {"flapping",
     "Restarted again and again, with delays that grow, and never up for long: what ails it does not go away by "
     "itself. "
     "`steward show PATH` tells why it died last."},
    {"was",
     "`was up`, `was restarting` and so on: how a child was when the events of its run end. The end of the run is not "
     "told, since its program was killed or the events file is of a run that goes on; so this is the last that is "
     "known."},
    {"live", "A run that goes on."},
    {"over", "A run whose end is told."},
    {"lost",
     "Of a run: its events end without an end, since its program was killed or still writes them; what is known is the "
     "last. Of messages and tasks: no one has handled them, or will."},
    {"past", "A view of a run as it was, by `--at`."},
};

constexpr word headings[] = {
    // Of children.
    {"path",
     "Where a child stands in the tree, such as `/root/shop/total`. Commands take its end, too, where that is "
     "unique: `total`."},
    {"child", "The path of a child; in `top` its name, below what it is a child of."},
    {"kind",
     "What a child is: an actor, a pool, a supervisor, a command (a program of its own), or a worker of a pool."},
    {"in", "Where it runs: on threads of the program, or in processes of its own."},
    {"runs", "What it runs: the type of an actor, the task of a pool, the strategy of a supervisor."},
    {"status",
     "How a child is doing: one of idle, starting, up, restarting, stopping, parked, stopped, ended, gave up; "
     "`flapping` where it does not come to rest."},
    {"last status", "How a child was when the events of its run end, without an end of the run being told."},
    {"inc", "Which incarnation of the child it is, from 1: each start makes a new one. Handles and paths stay."},
    {"pid", "The process of a worker, or of a run."},
    {"restarts", "How often it was started again, after a crash or by hand, children that are removed included."},
    {"crashes", "How often it died or an exception left its handler, children that are removed included."},
    {"up since", "When it became ready for the last time."},
    {"down for", "How long it was down after crashes, in all. Time that it was stopped in order is not counted."},
    {"cpu", "Processor time of a worker process in the last second, of one processor."},
    {"memory", "Resident memory of a worker process."},
    {"waiting",
     "Messages in the mailbox of an actor, or tasks in the queue of a pool. In `show`: those that waited when "
     "it crashed."},
    {"/s", "Messages that an actor handled, or tasks that a pool ended, in the last second."},
    {"restart", "When it is restarted: permanent children always, transient ones after a crash, temporary ones never."},
    {"budget",
     "Restarts that count at the moment, of those that are allowed within a time: `2 of 3 in 5 s`. A child draws on "
     "its "
     "own where it has an `intensity`, else on that of its supervisor; a worker on that of its pool "
     "(`worker_restarts`). "
     "One restart more than are allowed ends whose budget it is: see `intensity` and `on_spent`."},
    {"last crash", "The id of its latest crash; `steward show ID` shows it whole."},
    {"last crashes", "The latest crashes of the run, the newest first."},
    {"its cause", "Why it crashed last, in a line."},
    // Of a report.
    {"count", "How many crashes."},
    {"where", "The child that crashed, or the pool whose worker did. In `show`: the stack, your own code first."},
    {"cause", "Why something crashed: the signal, the exception, the exit code or what steward ended it for."},
    {"fingerprint",
     "What crashes have in common that are alike: the cause and the places in the code. `steward show` takes "
     "it for the last of them."},
    {"first", "The first crash of those that are alike, and when it was."},
    {"last", "The last crash of those that are alike, and when it was."},
    {"lost messages",
     "Messages that no incarnation handled, or will: what was in hand at a crash and had no sender to be answered, "
     "dead "
     "letters, and quarantined ones."},
    {"kept", "Messages that wait for the next incarnation."},
    {"pool", "The path of a pool."},
    {"submitted",
     "Tasks that a pool was given; `?` until it has stopped, since events do not tell of those that went well."},
    {"done", "Tasks that ended with a value; `?` until the pool has stopped."},
    {"retried", "Runs of tasks beyond their first, since the worker died or the task threw."},
    {"quarantined", "Tasks, or messages, that are not tried again: each attempt ended with a crash."},
    {"failed", "Tasks that ended with an error."},
    {"given up", "Tasks that were open when their pool gave up."},
    {"cancelled",
     "Tasks without a value that met no fault: they were open when their pool was stopped, cancelled by "
     "whoever had submitted them, or refused."},
    // Of a list of runs.
    {"run", "The id of a run, such as `r-18d7dd`; `--run` takes it."},
    {"scenario", "The name of what was run."},
    {"began", "When the run began."},
    {"lasted", "How long the run took, or how long its events go."},
    {"end", "How the run ended: its exit code, `live` while it goes on, `not told` where the program was killed."},
    // Paragraphs of `show`.
    {"when", "When it crashed, and the number of the event."},
    {"alike", "The fingerprint, and how often crashes like this one were seen."},
    {"why", "What ended it, what that means, and who did it."},
    {"in hand", "The task or message that it was working on, and which attempt that was."},
    {"used", "How long it was up, its processor time and its peak memory."},
    {"stderr",
     "The last lines that it wrote to its standard error. Of actors and of workers on threads they are not known, "
     "since all threads share that of the program."},
    {"stdout",
     "The last lines that it wrote to its standard output. Of actors and of workers on threads they are not "
     "known."},
    {"before", "The last events of that child before the crash."},
    {"decided", "What its supervisor or its pool decided, and when it was ready again."},
    {"if again",
     "What comes if it goes on to crash: how many restarts are left, after which delays, and who gives up then."},
    {"became", "What became of its state and its messages."},
    {"after", "What was done about it, and what became of its task."},
    {"note", "What is not known, and why."},
    {"next", "Commands that tell more."},
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
std::span<const word> view_headings() { return headings; }
std::span<const word> event_kinds() { return kinds; }
std::span<const word> cause_classes() { return causes; }
std::span<const word> exit_codes() { return codes; }

}  // namespace steward::cli
