#include "config/foreign_words.hpp"

#include "config/suggest.hpp"

#include <algorithm>
#include <array>

namespace steward::config {
namespace {

constexpr std::array<foreign_word, 140> keys{{
    {"scenario", "scenario", "name title"},
    {"scenario", "description", "desc doc comment"},
    {"scenario", "seed", "random_seed rng_seed"},
    {"scenario", "tree", "supervisor supervisors root supervision"},
    {"scenario", "run", "steps step tasks jobs script commands"},
    {"child", "id", "name child_id key"},
    {"child", "actor", "type class kind module start"},
    {"child", "with", "args params parameters arguments config options settings kwargs"},
    {"child", "restart", "restart_policy autorestart restart_type auto_restart policy"},
    {"child", "shutdown",
     "stop_timeout shutdown_timeout stopwaitsecs timeoutstopsec stop_grace_period kill_timeout "
     "terminationgraceperiodseconds stop_within"},
    {"child", "start_within", "start_timeout start_period init_timeout timeoutstartsec"},
    {"child", "start_retries", "startretries start_attempts max_start_retries start_tries retry_start"},
    {"child", "on_spent", "on_limit on_exhausted on_intensity on_give_up"},
    {"child", "backoff", "delay restart_delay restartsec retry_delay backoff_seconds"},
    {"child", "intensity", "max_restarts max_retries max_nr_of_retries"},
    {"child", "significant", "critical essential"},
    {"child", "on_stop", "on_shutdown drain graceful graceful_stop stop_policy"},
    {"child", "partitions", "shards instances replicas numprocs routees"},
    {"child", "hang_after", "hang_timeout watchdog watchdogsec handler_timeout"},
    {"child", "mailbox", "inbox queue"},
    {"child", "supervisor", "group subtree"},
    {"child", "command", "cmd exec execstart program argv entrypoint"},
    {"child", "working_directory", "directory cwd workdir workingdirectory working_dir chdir"},
    {"child", "environment", "env environ envs"},
    {"child", "ok_codes", "exitcodes exit_codes successexitstatus success_codes success_exit_codes"},
    {"child", "user", "uid run_as"},
    {"child", "stop", "stopsignal stop_signal killsignal"},
    {"child", "ready", "readiness readiness_probe healthcheck health_check ready_when startsecs"},
    {"child", "nice", "priority niceness"},
    {"child", "rlimits", "ulimits limits rlimit"},
    {"child", "logs", "log logging stdout_logfile output"},
    {"ready", "line", "log pattern regex ready_log_line match"},
    {"ready", "port", "tcp listen tcp_port"},
    {"ready", "file", "path exists"},
    {"ready", "http", "url http_get"},
    {"ready", "notify", "sd_notify systemd"},
    {"ready", "after", "delay startsecs seconds sleep time"},
    {"rlimits", "nofile", "open_files max_open_files limitnofile"},
    {"rlimits", "nproc", "processes limitnproc"},
    {"rlimits", "as", "memory_limit memory address_space limitas"},
    {"rlimits", "core", "core_size limitcore"},
    {"logs", "lines_a_second", "rate limit max_lines rate_limit lines lines_per_second"},
    {"logs", "line_length", "max_line_length length max_length line_bytes"},
    {"supervisor", "strategy", "type policy restart_strategy"},
    {"supervisor", "intensity", "max_restarts max_retries max_seconds max_r max_t period window restart_intensity"},
    {"supervisor", "children", "workers actors childs processes members services"},
    {"supervisor", "initial", "count instances replicas"},
    {"supervisor", "max_children", "maxchildren max_workers max_processes child_limit limit max_count"},
    {"intensity", "restarts", "max_restarts max_retries count max max_r burst startlimitburst limit intensity number"},
    {"intensity", "within",
     "max_seconds period window time seconds interval startlimitintervalsec per max_t time_range"},
    {"worker_restarts", "restarts", "max_restarts max_retries count max burst limit number"},
    {"worker_restarts", "within", "max_seconds period window time seconds interval per"},
    {"backoff", "min", "initial initial_delay base first start delay min_backoff"},
    {"backoff", "max", "max_delay cap limit max_backoff"},
    {"backoff", "factor", "multiplier exponent base_factor"},
    {"backoff", "jitter", "randomness random random_factor"},
    {"backoff", "healthy", "reset reset_after reset_interval"},
    {"worker_backoff", "min", "initial initial_delay base first start delay"},
    {"worker_backoff", "max", "max_delay cap limit"},
    {"worker_backoff", "factor", "multiplier exponent"},
    {"worker_backoff", "jitter", "randomness random random_factor"},
    {"worker_backoff", "healthy", "reset reset_after"},
    {"pool", "task", "function func fn job callable"},
    {"pool", "runs_in", "type kind mode executor backend"},
    {"pool", "workers",
     "size count n num_workers n_workers nworkers worker_count pool_size processes threads replicas concurrency n_jobs "
     "instances numprocs workers_count"},
    {"pool", "min_workers", "min min_size minimum"},
    {"pool", "max_workers", "max max_size maximum"},
    {"pool", "idle_exit", "idle_timeout keepalive keep_alive"},
    {"pool", "spares", "standby"},
    {"process", "spare", "spares standby warm prefork"},
    {"process", "group", "name host shared with process_group cohort"},
    {"pool", "attempts", "retries max_retries tries max_tries max_attempts retry"},
    {"pool", "on_exception", "on_error on_failure"},
    {"pool", "deadline", "timeout time_limit task_timeout hard_timeout task_time_limit"},
    {"pool", "soft_deadline", "soft_timeout soft_time_limit task_soft_time_limit"},
    {"pool", "grace", "grace_period kill_after kill_timeout"},
    {"pool", "queue_limit", "queue queue_size max_queue backlog capacity max_pending"},
    {"pool", "on_full", "overflow"},
    {"pool", "chunk", "chunksize chunk_size batch batch_size"},
    {"pool", "memory_limit", "memory mem mem_limit max_memory ram rlimit_as memory_max"},
    {"pool", "cpu_limit", "cpu cpu_time max_cpu"},
    {"pool", "open_files", "nofile fds max_files limit_nofile"},
    {"pool", "recycle_after", "max_tasks_per_child maxtasksperchild max_tasks max_requests worker_max_tasks_per_child"},
    {"pool", "recycle_memory", "max_memory_per_child worker_max_memory_per_child"},
    {"pool", "initializer", "init setup on_start"},
    {"pool", "initializer_args", "init_args initargs"},
    {"pool", "sandbox", "isolation seccomp confine"},
    {"pool", "environment", "env environ"},
    {"pool", "working_directory", "cwd workdir dir directory working_dir chdir"},
    {"pool", "worker_restarts", "max_restarts intensity"},
    {"pool", "worker_backoff", "backoff restart_delay"},
    {"pool", "start_within", "start_timeout init_timeout"},
    {"pool", "shutdown", "stop_timeout shutdown_timeout"},
    {"mailbox", "limit", "size capacity max bound length"},
    {"mailbox", "overflow", "on_full policy strategy"},
    {"on_crash", "redeliver", "retries times retry retry_count attempts"},
    {"step", "map", "run exec submit apply execute"},
    {"step", "wait_for", "wait join await"},
    {"step", "show", "print describe display get"},
    {"step", "crash", "fail throw"},
    {"step", "terminate_child", "stop stop_child terminate"},
    {"step", "kill", "kill_child sigkill"},
    {"step", "start_child", "start spawn add_child"},
    {"step", "restart_child", "restart"},
    {"step", "compare", "benchmark bench measure"},
    {"step", "resize", "scale set_workers"},
    {"step", "parallel", "concurrently together async all"},
    {"step", "children", "list ps which_children status"},
    {"step", "every", "interval repeat period schedule cron"},
    {"map", "inputs", "over items data values args arguments range"},
    {"map", "task", "function func fn job"},
    {"map", "pool", "on in"},
    {"map", "workers", "sizes pool_sizes pool_size processes threads"},
    {"map", "each", "output format line template"},
    {"map", "print", "show report"},
    {"map", "within", "timeout deadline time_limit"},
    {"map", "chunk", "chunksize chunk_size batch_size"},
    {"map", "order", "ordered sort"},
    {"map", "progress", "bar progress_bar"},
    {"map", "on_failure", "on_error on_exception"},
    {"inputs", "times", "repeat count n repetitions"},
    {"inputs", "value", "input item"},
    {"inputs", "values", "inputs items list"},
    {"compare", "work", "works jobs tasks workloads"},
    {"work", "name", "id label title"},
    {"work", "task", "function func fn job"},
    {"work", "inputs", "over items data values args input"},
    {"work", "contain", "contained isolate sandbox"},
    {"resize", "workers", "size count to n number"},
    {"resize", "min_workers", "min minimum"},
    {"resize", "within", "timeout"},
    {"show", "actor", "id name child of target"},
    {"show", "label", "title prefix"},
    {"show", "expect", "expected equals"},
    {"crash", "actor", "id name child target"},
    {"wait_for", "children", "actors child actor ids"},
    {"wait_for", "within", "timeout limit"},
    {"start_child", "supervisor", "id name parent in"},
    {"start_child", "count", "n number times"},
    {"start_child", "with", "args params"},
}};

constexpr std::array<foreign_word, 50> words{{
    {"child.restart", "permanent", "always unless_stopped yes true on"},
    {"child.restart", "transient",
     "on_failure on_abnormal on_abort on_error on_crash unexpected failure crash abnormal"},
    {"child.restart", "temporary", "never no none false off once"},
    {"child.shutdown", "brutal_kill", "kill sigkill now immediate immediately"},
    {"child.shutdown", "infinity", "none never no unlimited forever infinite -1"},
    {"child.start_within", "infinity", "none never no unlimited forever infinite -1"},
    {"child.on_spent", "escalate", "give_up giveup fail shutdown"},
    {"child.on_spent", "park", "suspend pause hold isolate"},
    {"child.on_spent", "end", "stop terminate finish drop remove"},
    {"child.on_hang", "report", "log warn none ignore"},
    {"child.on_stop", "drain", "graceful flush finish handle"},
    {"child.on_stop", "discard", "drop abandon leave"},
    {"child.on_hang", "replace", "restart abandon"},
    {"child.on_hang", "kill", "sigkill terminate"},
    {"child.runs_in", "process", "processes subprocess fork proc own_process"},
    {"child.runs_in", "thread", "threads threading pthread main local"},
    {"process.sandbox", "none", "off false no"},
    {"process.sandbox", "basic", "on true yes default"},
    {"supervisor.strategy", "simple_one_for_one", "simple dynamic dynamic_supervisor simple_one"},
    {"supervisor.strategy", "one_for_all", "all_for_one all one_for_all_strategy all_for_one_strategy all_for_all"},
    {"supervisor.strategy", "one_for_one", "one single one_to_one one_for_one_strategy"},
    {"supervisor.strategy", "rest_for_one", "rest one_for_rest rest_for_all"},
    {"supervisor.auto_shutdown", "never", "no false off none"},
    {"supervisor.auto_shutdown", "any_significant", "any true yes"},
    {"supervisor.auto_shutdown", "all_significant", "all"},
    {"supervisor.partitions", "per_core", "auto cores cpus cpu_count"},
    {"child.partitions", "per_core", "auto cores cpus cpu_count"},
    {"mailbox.overflow", "drop_oldest", "drop drop_head discard_oldest overwrite drop_first"},
    {"mailbox.overflow", "drop_newest", "drop_tail discard drop_last drop_new ignore"},
    {"mailbox.overflow", "give_back", "return send_back bounce"},
    {"mailbox.overflow", "reject", "error fail refuse fail_fast"},
    {"pool.runs_in", "processes", "process procs fork forks multiprocessing subprocess subprocesses"},
    {"pool.runs_in", "threads", "thread threading pthread pthreads"},
    {"pool.workers", "", "auto per_core cores cpus cpu_count max default all -1"},
    {"pool.on_exception", "retry", "restart again rerun repeat"},
    {"pool.on_exception", "fail", "raise propagate answer error throw"},
    {"pool.on_full", "block", "wait backpressure"},
    {"pool.on_full", "reject", "drop fail error discard raise"},
    {"pool.sandbox", "none", "off false no"},
    {"pool.sandbox", "basic", "on true yes default"},
    {"pool.sandbox", "strict", "full hard high max"},
    {"map.print", "pool_size", "size workers"},
    {"map.print", "each", "lines line inputs"},
    {"map.print", "results", "result all output values"},
    {"map.print", "time", "timing elapsed duration seconds"},
    {"map.order", "inputs", "ordered input in_order sorted true"},
    {"map.order", "completion", "unordered as_completed completed any false"},
    {"map.on_failure", "collect_all", "continue ignore collect all"},
    {"map.on_failure", "first_error", "stop abort fail_fast raise first cancel fail"},
    {"step.expect", "ok", "success done started true"},
}};

bool names(std::string_view theirs, std::string_view folded) {
  while (!theirs.empty()) {
    const auto end = std::min(theirs.find(' '), theirs.size());
    const auto one = theirs.substr(0, end);
    if (folded == (one == "-1" ? std::string{one} : fold_word(one))) return true;
    theirs.remove_prefix(std::min(end + 1, theirs.size()));
  }
  return false;
}

std::optional<std::string> look_up(std::span<const foreign_word> rows, std::string_view of, std::string_view word) {
  const auto folded = word == "-1" ? std::string{word} : fold_word(word);
  for (const auto& one : rows) {
    if (one.of == of && names(one.theirs, folded)) return std::string{one.ours};
  }
  return std::nullopt;
}

}  // namespace

std::span<const foreign_word> foreign_keys() { return keys; }

std::span<const foreign_word> foreign_values() { return words; }

std::optional<std::string> meant_key(std::string_view section, std::string_view key) {
  return look_up(keys, section, key);
}

std::optional<std::string> meant_word(const field& of, std::string_view word) {
  return look_up(words, std::string{of.section} + "." + std::string{of.key}, word);
}

}  // namespace steward::config
