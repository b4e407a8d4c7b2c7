#include "base/bounds.hpp"
#include "config/schema.hpp"

#include <utility>

namespace steward::config {
namespace {

using enum value_kind;

constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::int64_t day_ms = 24 * hour_ms;

// One row while it is being written.
class row {
public:
  explicit row(field& target) : target_(target) {}

  row& fallback(std::string_view written) {
    target_.fallback = written;
    return *this;
  }

  row& range(std::int64_t min, std::int64_t max, std::string_view unit = "") {
    target_.min = min;
    target_.max = max;
    target_.unit = unit;
    return *this;
  }

  template <class T>
  row& range(const bound<T>& of, std::string_view unit = "") {
    target_.or_zero = of.or_zero;
    return range(static_cast<std::int64_t>(of.min), static_cast<std::int64_t>(of.max), unit);
  }

  row& or_zero() {
    target_.or_zero = true;
    return *this;
  }

  row& allowed(std::vector<std::string> words) {
    target_.allowed = std::move(words);
    return *this;
  }

  row& words(std::vector<std::string> instead) {
    target_.words = std::move(instead);
    return *this;
  }

  row& of(std::string_view nested) {
    target_.nested = nested;
    return *this;
  }

  row& required() {
    target_.required = true;
    return *this;
  }

  row& filled() {
    target_.filled = true;
    return *this;
  }

private:
  field& target_;
};

class table {
public:
  void begin(std::string_view section) { section_ = section; }

  // The row is valid until the next one is added.
  row add(std::string_view key, value_kind kind, std::string_view doc) {
    fields_.push_back({.section = section_, .key = key, .kind = kind, .doc = doc});
    return row{fields_.back()};
  }

  std::vector<field> take() { return std::move(fields_); }

private:
  std::string_view section_;
  std::vector<field> fields_;
};

void add_scenario(table& t) {
  t.begin("scenario");
  t.add("scenario", name, "Name of the scenario.").required();
  t.add("description", text, "What it shows, in a sentence.").fallback("");
  t.add("seed", integer, "Start of all random choices; 0 is another one for each run.")
      .fallback("0")
      .range(0, no_upper_limit);
  t.add("state", section, "Where the run keeps what happened, for those who look later; without it nowhere.")
      .of("state");
  t.add("tree", section, "The root supervisor and all that it starts.").of("supervisor").required();
  t.add("run", sections,
        "What to do once the tree is up, in order, before it stops. Without this key it stays up, as a service.")
      .of("step");
}

void add_state(table& t) {
  t.begin("state");
  t.add("dir", text, "Directory, of this run alone; relative to the file. It is made where it is missing.").required();
  t.add("max_age", duration, "What is older is removed.").fallback("720h").range(60'000, 3'650 * day_ms, "ms");
  t.add("max_size", size, "Of the database; beyond it the oldest is removed.")
      .fallback("1GiB")
      .range(std::int64_t{16} << 20U, std::int64_t{1} << 40U, "bytes");
}

// Supervisors and pools have the same fields here and differ in their defaults.
void add_intensity(table& t, std::string_view section, std::string_view restarts) {
  t.begin(section);
  t.add("restarts", integer, "Restarts that are allowed within the window; one more is too many.")
      .fallback(restarts)
      .range(0, 10'000, "restarts");
  t.add("within", duration, "Length of the window.").fallback("5s").range(1, day_ms, "ms");
}

// The same holds for children and workers.
void add_backoff(table& t, std::string_view section, std::string_view min, std::string_view max,
                 std::string_view healthy) {
  t.begin(section);
  t.add("min", duration, "Delay before the second restart; the first one is immediate.")
      .fallback(min)
      .range(1, hour_ms, "ms");
  t.add("max", duration, "Delays grow up to this.").fallback(max).range(1, hour_ms, "ms");
  t.add("factor", real, "Each delay is this many times the one before.").fallback("2.0").range(bounds::factor);
  t.add("jitter", real, "Each delay is lengthened by a random share of at most this.")
      .fallback("0.2")
      .range(bounds::share);
  t.add("healthy", duration, "After this long without a crash the delays start anew.")
      .fallback(healthy)
      .range(1, day_ms, "ms");
}

void add_supervisor(table& t) {
  t.begin("supervisor");
  t.add("strategy", choice,
        "Who is restarted when one child dies: it alone, all, or it and those listed after it; with "
        "simple_one_for_one the one child is the template of those that are made at run time.")
      .fallback("one_for_one")
      .allowed({"one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one"});
  t.add("intensity", section, "How many restarts are tolerated before the supervisor gives up.").of("intensity");
  t.add("auto_shutdown", choice, "Whether the supervisor ends when one, or the last, of its significant children has.")
      .fallback("never")
      .allowed({"never", "any_significant", "all_significant"});
  t.add("initial", integer, "With simple_one_for_one: children that are made at the start.")
      .fallback("0")
      .range(bounds::initial, "children");
  t.add("partitions", integer,
        "With simple_one_for_one: its children are spread over this many supervisors p0, p1, ...")
      .fallback("0")
      .range(bounds::partitions, "supervisors")
      .words({"per_core"});
  t.add("max_children", integer, "With simple_one_for_one: a child beyond this many is refused; 0: no limit.")
      .fallback("0")
      .range(bounds::max_children, "children");
  t.add("children", sections, "The children in start order; they are stopped in reverse.").of("child").required();
}

void add_child(table& t) {
  t.begin("child");
  t.add("id", name, "Name of the child, unique among its siblings.").required();
  t.add("actor", text, "Registered name of an actor.");
  t.add("with", special, "The actor's parameters, a map.");
  t.add("pool", section, "A pool of workers.").of("pool");
  t.add("supervisor", section, "A supervisor with children of its own.").of("supervisor");
  t.add("command", texts, "A program and its arguments, as a list; it is found in PATH where it has no slash.")
      .filled();
  t.add("restart", choice, "When a child that ended is started again: always, only after a crash, or never.")
      .fallback("permanent")
      .allowed({"permanent", "transient", "temporary"});
  t.add("shutdown", duration,
        "Limit of an orderly stop; without it 5s, 10s for commands, what its pool has, or none for supervisors.")
      .range(0, hour_ms, "ms")
      .words({"brutal_kill", "infinity"});
  t.add("start_within", duration,
        "Limit of a start; without it 5s for actors, 10s for commands, none for pools and supervisors.")
      .range(1, hour_ms, "ms")
      .words({"infinity"});
  t.add("backoff", section, "Delays between restarts of this child.").of("backoff");
  t.add("start_retries", integer, "A first start that fails is tried this many times more, with the delays of backoff.")
      .fallback("0")
      .range(bounds::start_retries, "times");
  t.add("significant", boolean, "Whether its own end may end the supervisor, see auto_shutdown.").fallback("false");
  t.add("intensity", section, "A restart limit of its own; without it the child draws on the supervisor's.")
      .of("intensity");
  t.add("on_spent", choice,
        "What its own limit does when it is reached: the supervisor gives up, the child parks, or it ends for good.")
      .fallback("escalate")
      .allowed({"escalate", "park", "end"});
  t.add("park_for", duration, "A parked child is revived after this long; 0s: only by restart_child.")
      .fallback("0s")
      .range(1, day_ms, "ms")
      .or_zero();
  t.add("partitions", integer, "This many of this child, called 0, 1, ... below its id, among which keys choose.")
      .fallback("0")
      .range(bounds::partitions, "children")
      .words({"per_core"});
  t.add("mailbox", section, "Bound of the actor's mailbox.").of("mailbox");
  t.add("on_crash", special, "drop, or {redeliver: N}: what happens to the message whose handler threw.");
  t.add("hang_after", duration, "A handler that runs longer is reported; 0s: never.")
      .fallback("0s")
      .range(1, day_ms, "ms")
      .or_zero();
  t.add("on_hang", choice,
        "Whether an actor that hangs is only reported, or replaced as well; of one in a process: whether that is "
        "killed.")
      .fallback("report")
      .allowed({"report", "replace", "kill"});
  t.add("on_stop", choice,
        "Whether an actor that is stopped in order leaves the messages that wait, or handles them first, within nine "
        "tenths of its shutdown; new ones are refused meanwhile.")
      .fallback("discard")
      .allowed({"discard", "drain"});

  t.add("runs_in", choice,
        "Where an actor's state lives: on a thread of the program, or in a process of its own, whose crash costs that "
        "actor only; of a supervisor: whether all actors below it live in one process, whose crash is its own.")
      .fallback("thread")
      .allowed({"thread", "process"});
  t.add("process", section, "What the process of an actor, or of a supervisor, may take and see.").of("process");

  t.add("ready", section, "When a command counts as ready; without it as soon as it runs.").of("ready");
  t.add("stop", texts,
        "How a command is stopped: signals to its process group, and how long its end is waited for after each, with "
        "`shutdown` for the limit of that name. SIGKILL is always the last. Without it [SIGTERM, shutdown, SIGKILL].")
      .filled();
  t.add("ok_codes", integers, "Exit codes of a command that are an orderly end; without it 0 alone.")
      .range(0, bounds::exit_code.max);
  t.add("environment", texts, "Variables that a command sees, too: NAME, NAME=value, or * for all of the program's.");
  t.add("working_directory", text, "Of a command; without it the program's.").fallback("");
  t.add("user", text, "User, or user:group, that a command runs as; without it the program's.").fallback("");
  t.add("umask", text, "Of a command, three octal digits such as 022; without it the program's.");
  t.add("nice", integer, "Of a command; without it the program's.").range(bounds::nice.min, bounds::nice.max);
  t.add("rlimits", section, "Limits that the kernel holds a command to, as in limits.conf; others are the program's.")
      .of("rlimits");
  t.add("logs", section, "What becomes of the lines that a command writes: events of kind log.").of("logs");

  t.begin("process");
  t.add("memory_limit", size, "Address space; 0B is no limit.").fallback("0B").range(bounds::memory, "bytes");
  t.add("cpu_limit", duration, "Processor time, in whole seconds; 0s is no limit.")
      .fallback("0s")
      .range(1'000, day_ms, "ms")
      .or_zero();
  t.add("open_files", integer, "Descriptors; 0 is as the program has.")
      .fallback("0")
      .range(bounds::open_files, "descriptors");
  t.add("sandbox", choice,
        "How far it is kept away from the rest of the machine; basic takes what the kernel offers, strict insists on "
        "all of it.")
      .fallback("none")
      .allowed({"none", "basic", "strict"});
  t.add("environment", texts, "Variables that it sees, too: NAME or NAME=value.");
  t.add("working_directory", text, "Without it the program's.").fallback("");
  t.add("spare", boolean,
        "Of an actor: whether a second process waits, started, for the next incarnation, which is up sooner then.")
      .fallback("false");
  t.add("group", text,
        "Of an actor: those with this name below one supervisor live in one process and are restarted together; "
        "without it the process is its own.")
      .fallback("");

  t.begin("ready");
  t.add("line", text, "It writes a line that matches this regular expression, as grep -E takes it.");
  t.add("port", integer, "Something listens at this TCP port of the machine itself, where nothing did before.")
      .range(bounds::port.min, bounds::port.max);
  t.add("file", text, "This file is there, made or changed since the start; relative to the working directory.");
  t.add("http", text, "A GET of this URL is answered with 2xx or 3xx, such as http://127.0.0.1:8080/health.");
  t.add("notify", boolean, "It says READY=1, as programs do for systemd (sd_notify).").fallback("false");
  t.add("after", duration, "It has run for this long.").range(1, day_ms, "ms");

  t.begin("rlimits");
  const auto bytes = [&t](std::string_view key, std::string_view doc) {
    t.add(key, size, doc).range(0, static_cast<std::int64_t>(bounds::rlimit_bytes.max), "bytes").words({"unlimited"});
  };
  bytes("as", "Address space.");
  bytes("core", "A core file.");
  t.add("cpu", duration, "Processor time, in whole seconds.").range(1'000, day_ms, "ms");
  bytes("data", "Data.");
  bytes("fsize", "A file that it writes.");
  bytes("memlock", "Memory that it locks.");
  t.add("nofile", integer, "Descriptors.")
      .range(static_cast<std::int64_t>(bounds::rlimit_descriptors.min),
             static_cast<std::int64_t>(bounds::rlimit_descriptors.max), "descriptors");
  t.add("nproc", integer, "Processes of its user.")
      .range(0, static_cast<std::int64_t>(bounds::rlimit_processes.max), "processes")
      .words({"unlimited"});
  bytes("stack", "Its stack.");

  t.begin("logs");
  t.add("lines_a_second", integer, "So many are told; further ones are counted and left out; 0: none is told.")
      .fallback("1000")
      .range(bounds::log_lines, "lines");
  t.add("line_length", size, "The rest of a longer line is counted and left out.")
      .fallback("4000B")
      .range(static_cast<std::int64_t>(bounds::log_line_bytes.min),
             static_cast<std::int64_t>(bounds::log_line_bytes.max), "bytes");

  t.begin("mailbox");
  t.add("limit", integer, "Ordinary messages that may wait.").fallback("1000000").range(bounds::mailbox, "messages");
  t.add("overflow", choice,
        "What happens to one more: it is refused, the oldest makes room, it is dropped, or it is refused and sent back "
        "to the actor that has told it.")
      .fallback("reject")
      .allowed({"reject", "drop_oldest", "drop_newest", "give_back"});

  t.begin("on_crash");
  t.add("redeliver", integer, "The message is handled this many times more, then quarantined.")
      .range(bounds::redeliver, "times")
      .required();
}

void add_pool(table& t) {
  t.begin("pool");
  t.add("task", text, "Registered name of the task that map steps run unless they name another.").fallback("");
  t.add("runs_in", choice, "What the workers are.").fallback("processes").allowed({"threads", "processes"});
  t.add("workers", integer, "Number of workers; without this key one per core.")
      .fallback("0")
      .range(bounds::workers.min, bounds::workers.max, "workers");
  t.add("min_workers", integer,
        "The pool shrinks to this many when it is idle, with 0 to none, and then it begins with none where `workers` "
        "does "
        "not say with how many; without this key the number of `workers`.")
      .range(bounds::least_workers, "workers");
  t.add("max_workers", integer,
        "The pool grows to this many while tasks wait; 0 is as `workers`, or one per core without that key.")
      .fallback("0")
      .range(bounds::workers, "workers");
  t.add("idle_exit", duration, "A worker above min_workers ends after this long without a task.")
      .fallback("30s")
      .range(1, day_ms, "ms");
  t.add("spares", integer, "Workers beyond these that stand by, ready, for one that dies.")
      .fallback("0")
      .range(bounds::spares, "workers");
  t.add("attempts", integer, "How often one task is run at most, the first time included.")
      .fallback("3")
      .range(bounds::attempts, "runs");
  t.add("on_exception", choice, "Whether an exception is the task's answer or a reason to run it again.")
      .fallback("fail")
      .allowed({"fail", "retry"});
  t.add("deadline", duration, "Limit of one run of one task; 0s is none.")
      .fallback("0s")
      .range(1, day_ms, "ms")
      .or_zero();
  t.add("soft_deadline", duration, "After this long the stop token of the running task is set; 0s is never.")
      .fallback("0s")
      .range(1, day_ms, "ms")
      .or_zero();
  t.add("grace", duration, "From SIGTERM, or from a cancel of a running task, to SIGKILL; 0s is at once.")
      .fallback("500ms")
      .range(1, hour_ms, "ms")
      .or_zero();
  t.add("heartbeat", duration,
        "A worker process that is stopped, or takes up no task, for this long is replaced; 0s is never.")
      .fallback("5s")
      .range(10, hour_ms, "ms")
      .or_zero();
  t.add("queue_limit", integer, "Tasks waiting or running; one more is rejected, or has to wait.")
      .fallback("1000000")
      .range(bounds::queue, "tasks");
  t.add("on_full", choice, "What happens to one more: it is rejected, or its caller waits for room.")
      .fallback("reject")
      .allowed({"reject", "block"});
  t.add("chunk", integer, "Inputs of a map that travel together; 0 is by measured time.")
      .fallback("0")
      .range(bounds::chunk, "inputs");
  t.add("memory_limit", size, "Address space of a worker process; 0B is no limit.")
      .fallback("0B")
      .range(bounds::memory, "bytes");
  t.add("cpu_limit", duration, "Processor time of a worker process, in whole seconds; 0s is no limit.")
      .fallback("0s")
      .range(1'000, day_ms, "ms")
      .or_zero();
  t.add("open_files", integer, "Descriptors of a worker process; 0 is as the program has.")
      .fallback("0")
      .range(bounds::open_files, "descriptors");
  t.add("recycle_after", integer, "A worker process is replaced after this many tasks; 0 is never.")
      .fallback("0")
      .range(bounds::recycle_after, "tasks");
  t.add("recycle_jitter", real, "Up to this share of recycle_after fewer, so that not all are replaced at once.")
      .fallback("0.1")
      .range(bounds::share);
  t.add("recycle_memory", size, "A worker process whose resident set is larger after a task is replaced; 0B is never.")
      .fallback("0B")
      .range(bounds::recycle_memory, "bytes");
  t.add("initializer", text, "Registered task that each worker runs before it is ready.").fallback("");
  t.add("initializer_args", texts, "The arguments of the initializer.");
  t.add("sandbox", choice,
        "How far worker processes are kept away from the rest of the machine. At every level they dump no core and "
        "gain no privileges by starting a program.")
      .fallback("none")
      .allowed({"none", "basic", "strict"});
  t.add("environment", texts, "Variables that worker processes see, too: NAME, or NAME=value.");
  t.add("working_directory", text, "Of worker processes; without it the program's.").fallback("");
  t.add("worker_restarts", section, "How many restarts of workers are tolerated before the pool gives up.")
      .of("worker_restarts");
  t.add("worker_backoff", section, "Delays between restarts of a worker.").of("worker_backoff");
  t.add("start_within", duration, "A worker that is not ready by then is a failed start.")
      .fallback("5s")
      .range(1, hour_ms, "ms");
  t.add("shutdown", duration, "From the request to stop until a worker is killed.")
      .fallback("5s")
      .range(1, hour_ms, "ms");
  t.add("actors", texts, "Ids of actors that the tasks may talk to.");
}

void add_steps(table& t) {
  t.begin("step");
  t.add("map", section, "Run a task over inputs.").of("map");
  t.add("compare", section, "Run the same work on several pools and print a table.").of("compare");
  t.add("wait_for", section, "Wait until actors or commands have ended by themselves.").of("wait_for");
  t.add("show", section, "Ask an actor to describe itself and print the answer.").of("show");
  t.add("crash", section, "Make an actor crash.").of("crash");
  t.add("parallel", sections, "Run steps at the same time.").of("step").filled();
  t.add("start_child", section, "Make more children of a dynamic supervisor.").of("start_child");
  t.add("terminate_child", text, "Id or path of a child to stop; it is not restarted by itself.");
  t.add("restart_child", text, "Id or path of a child that was terminated, ended or parked, to start again.");
  t.add("kill", text, "Id or path of a child that is up: it ends now, as by a crash, and its supervisor decides.");
  t.add("children", text, "Id or path of a supervisor whose children to print, in a table.");
  t.add("resize", section, "Change the size of a pool.").of("resize");
  t.add("every", duration,
        "The step is carried out again and again while the tree is up, first after this long, beside all others; one "
        "that is due while the one before goes on is left out.")
      .range(10, day_ms, "ms");
  t.add("at", choice, "The step is carried out when the tree is up, before all others; with `every`, then too.")
      .allowed({"start"});
  t.add("expect", choice,
        "The result of start_child, terminate_child, restart_child or kill that is right; another one fails the run.")
      .fallback("ok")
      .allowed({"ok", "ignored", "already_started", "already_present", "not_found", "running", "restarting",
                "unsupported", "failed", "invalid", "max_children", "noproc", "timed_out"});

  t.begin("start_child");
  t.add("supervisor", text, "Id or path of a supervisor with strategy simple_one_for_one.").required();
  t.add("count", integer, "How many children to make.").fallback("1").range(1, 1'000'000, "children");
  t.add("with", special, "Parameters in place of the template's, a map.");

  t.begin("wait_for");
  t.add("children", texts, "Ids or paths of actors and commands.").required().filled();
  t.add("within", duration, "Limit of the wait.").fallback("1m").range(1, day_ms, "ms");

  t.begin("resize");
  t.add("pool", text, "Id or path of the pool.").required();
  t.add("workers", integer, "How many workers it has from now on, at most.")
      .range(bounds::workers.min, bounds::workers.max, "workers")
      .required();
  t.add("min_workers", integer,
        "It shrinks to this many when it is idle, with 0 to none; without this key the number of `workers`.")
      .range(bounds::least_workers, "workers");
  t.add("within", duration, "Limit of the wait until it has this size.").fallback("10s").range(1, day_ms, "ms");

  t.begin("show");
  t.add("actor", text, "Id or path of the actor.").required();
  t.add("label", text, "Stands before the answer; without it the actor's name.");
  t.add("expect", text, "The answer that is right; another one fails the run.");

  t.begin("crash");
  t.add("actor", text, "Id or path of the actor.").required();
}

void add_map(table& t) {
  t.begin("map");
  t.add("pool", text, "Id or path of the pool.").required();
  t.add("task", text, "Registered name of a task; without it the pool's own.").fallback("");
  t.add("inputs", special,
        "1..10, a list of values, a list of lists of arguments, {value: X, times: N} or {values: [X, Y], times: N}.")
      .required();
  t.add("workers", integers, "Sizes to run with, each in a fresh pool; without it the pool of the tree, once.")
      .range(bounds::workers.min, bounds::workers.max, "workers");
  t.add("print", choices, "What to print.").fallback("each").allowed({"pool_size", "each", "results", "time"});
  t.add("chunk", integer, "Inputs that travel together; 0 is as the pool says.")
      .fallback("0")
      .range(bounds::chunk, "inputs");
  t.add("priority", integer, "Higher ones are started first.").fallback("0").range(-100, 100, "");
  t.add("window", integer, "Inputs that are taken ahead of their outcomes; 0 is a few chunks for each worker.")
      .fallback("0")
      .range(1, 1'000'000, "inputs")
      .or_zero();
  t.add("within", duration, "What has no outcome by then is cancelled, running or not; 0s is no limit.")
      .fallback("0s")
      .range(1, day_ms, "ms")
      .or_zero();
  t.add("order", choice, "Whether lines and results come in the order of the inputs or as they are completed.")
      .fallback("inputs")
      .allowed({"inputs", "completion"});
  t.add("on_failure", choice, "Whether the other inputs run all the same, or are cancelled at the first that fails.")
      .fallback("collect_all")
      .allowed({"collect_all", "first_error"});
  t.add("progress", boolean, "Whether a terminal shows a progress bar.").fallback("true");
  t.add("each", text, "The line for one input; {input} and {result} stand for its texts.")
      .fallback("{input} -> {result}");

  t.begin("inputs");
  t.add("value", special, "One input: a value, or a list of arguments.");
  t.add("values", special, "A list of inputs.");
  t.add("times", integer, "How often the value or the whole list is repeated.").range(1, 1'000'000, "times").required();
}

void add_compare(table& t) {
  t.begin("compare");
  t.add("pools", texts, "Ids or paths of the pools.").required().filled();
  t.add("work", sections, "What each pool runs.").of("work").required().filled();
  t.add("ratio", text, "Label of the line that tells the first pool's time against the second's; without it no line.")
      .fallback("");
  t.add("verdict", boolean, "Whether the table is followed by which pool did each work best, as it was measured.")
      .fallback("false");
  t.add("advice", text, "Printed below the table.").fallback("");

  t.begin("work");
  t.add("name", text, "Name of its row.").required();
  t.add("task", text, "Registered name of the task.").required();
  t.add("inputs", special, "As in a map step.").required();
  t.add("contain", boolean, "On threads run it in a sacrificial process, since it may end the program.")
      .fallback("false");
}

std::vector<field> make_schema() {
  table t;
  add_scenario(t);
  add_state(t);
  add_supervisor(t);
  add_intensity(t, "intensity", "3");
  add_child(t);
  add_backoff(t, "backoff", "100ms", "10s", "30s");
  add_pool(t);
  add_intensity(t, "worker_restarts", "20");
  add_backoff(t, "worker_backoff", "10ms", "1s", "5s");
  add_steps(t);
  add_map(t);
  add_compare(t);
  return t.take();
}

}  // namespace

std::span<const field> schema() {
  static const std::vector<field> all = make_schema();
  return all;
}

}  // namespace steward::config
