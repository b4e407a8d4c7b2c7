#pragma once

#include "steward/command_spec.hpp"

#include <chrono>
#include <concepts>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace steward {

using std::chrono::milliseconds;

/// OTP's restart types: when a child that ended is started again.
enum class restart_type : std::uint8_t {
  permanent,  ///< always
  transient,  ///< only after an abnormal end
  temporary,  ///< never
};

/// OTP's strategies: who is restarted when one child dies.
enum class strategy : std::uint8_t {
  one_for_one,         ///< only the child that died
  one_for_all,         ///< all children
  rest_for_one,        ///< the child that died and those that were listed after it
  simple_one_for_one,  ///< dynamic: children are made from one template at run time and stop in parallel
};

/// OTP's auto_shutdown: when a supervisor ends because its significant children have ended by themselves.
enum class auto_shutdown : std::uint8_t {
  never,
  any_significant,  ///< one of them
  all_significant,  ///< the last of them
};

/// What happens to a child whose own restart limit is reached.
enum class spent_policy : std::uint8_t {
  escalate,  ///< its supervisor gives up
  park,      ///< it stays down, its messages wait, and the tree lives; see `child_spec::park_for`
  end,       ///< it ends for good, its messages become dead letters, and the tree lives
};

/// What a full mailbox does with one more message.
enum class overflow_policy : std::uint8_t {
  reject,       ///< not accepted: a request is answered with errc::full, `offer` returns false
  drop_oldest,  ///< accepted; the message that waited longest becomes a dead letter
  drop_newest,  ///< accepted, and becomes a dead letter itself
  give_back,    ///< as `reject`, and the actor that has told it gets it back as a `refused_message`
};

/// What becomes of the messages that wait when an actor is stopped in order.
enum class stop_policy : std::uint8_t {
  discard,  ///< requests are answered with the cause of the stop, tells become dead letters (default)
  drain,    ///< they are handled first, as far as nine tenths of `child_spec::shutdown` allow; new ones are refused
};

/// What happens to an actor whose handler runs longer than `child_spec::hang_after`.
enum class hang_policy : std::uint8_t {
  report,   ///< it is reported, once per handler
  replace,  ///< it is reported and abandoned, since a thread cannot be killed, and a new actor takes its place
  kill,     ///< of an actor in a process: it is reported, and the process is killed
};

/// Where a child or a worker runs.
enum class rung : std::uint8_t { thread, process };

/// What a pool does with a task that throws.
enum class exception_policy : std::uint8_t {
  fail,   ///< an exception is an answer (default)
  retry,  ///< run the task again, within its attempts
};

/// What becomes of a task that is submitted to a full queue.
enum class full_policy : std::uint8_t {
  reject,  ///< it is rejected at once (default)
  block,   ///< the caller waits for room; on the pool's own thread, where nobody may wait, it is rejected
};

/// What `map` does when a task fails.
enum class failure_policy : std::uint8_t {
  collect_all,  ///< the others run all the same (default)
  first_error,  ///< what has not ended is cancelled
};

/// How far a worker process is kept away from the rest of the machine. Each level includes the one before.
enum class sandbox_level : std::uint8_t {
  none,    ///< not at all (default); but no worker dumps core or gains privileges by exec, at any level
  basic,   ///< no network, no new programs, no look into other processes, files read-only, each as far as the kernel
           ///< can do it; what it cannot do is told once
  strict,  ///< the same and no new processes; refuses to start where the kernel cannot do it all
};

/// `restarts` restarts within `within` are allowed; the next one inside the window is one too many.
/// {3, 5 s}: the fourth restart within 5 s stops the supervisor. OTP's intensity and period.
struct intensity {
  unsigned restarts = 3;
  milliseconds within{5'000};
};

/// Delay before a restart: the first restart is immediate, then min, min*factor, ... up to max, each lengthened by a
/// random share of at most `jitter`. After `healthy` without a crash the sequence starts anew. {100 ms, 1 s, 2.0, 0}:
/// 0, 100, 200, 400, 800, 1000, 1000 ms.
struct backoff_spec {
  milliseconds min{100};
  milliseconds max{10'000};
  double factor = 2.0;
  double jitter = 0.2;
  milliseconds healthy{30'000};
};

/// Value of an actor's parameter as it comes from YAML or C++: an integer, a number with a fraction, a truth value, a
/// text or a duration, made of what C++ has for it.
struct param_value {
  std::variant<std::int64_t, double, bool, std::string, milliseconds> value;

  param_value() = default;
  param_value(bool x) : value(x) {}
  /// Throws std::out_of_range for what does not fit into 64 bits with a sign.
  template <std::integral T>
  param_value(T x) : value(std::in_place_type<std::int64_t>, static_cast<std::int64_t>(x)) {
    if (!std::in_range<std::int64_t>(x)) throw std::out_of_range("a parameter's value does not fit into int64");
  }
  param_value(double x) : value(x) {}
  param_value(std::string x) : value(std::move(x)) {}
  param_value(std::string_view x) : value(std::string{x}) {}
  param_value(const char* x) : value(std::string{x}) {}
  template <class Rep, class Period>
  param_value(std::chrono::duration<Rep, Period> x) : value(milliseconds{x}) {}

  friend bool operator==(const param_value&, const param_value&) = default;
};
using param_map = std::map<std::string, param_value>;

struct actor_entry;  // <steward/actor.hpp>

/// An actor: of a registered kind, by its name, or of a kind of its own; see `child::actor` and `child::registered`.
struct actor_spec {
  std::string type{};
  param_map params{};                        ///< those that are left out have their defaults
  std::shared_ptr<const actor_entry> own{};  ///< how it is made; null: as registered under the name `type`
};

/// How many workers a pool has.
struct pool_size {
  unsigned workers =
      0;  ///< at the start; 0 means one per core, and where `min_workers` is 0, too: none until tasks come
  std::optional<unsigned> min_workers{};  ///< the pool shrinks to this many when it is idle; none means `workers`
  unsigned max_workers = 0;               ///< the pool grows to this many while tasks wait; 0 means `workers`, or one
                                          ///< per core
  milliseconds idle_exit{30'000};         ///< a worker above `min_workers` ends after this long without a task
  unsigned spares = 0;                    ///< workers beyond these that stand by, ready, for one that dies
};

/// What a pool's tasks and workers may take. None is unlimited but where 0 says so.
struct pool_limits {
  unsigned attempts = 3;             ///< runs of one task at most, the first included; 1 is at-most-once
  milliseconds deadline{0};          ///< of one run of one task, from the moment a worker starts it; 0 means none
  milliseconds soft_deadline{0};     ///< the same; then the task's stop token is set; 0 means none
  milliseconds grace{500};           ///< from SIGTERM, or from a cancel of a running task, to SIGKILL
  milliseconds heartbeat{5'000};     ///< a worker process with tasks that is stopped, or takes none up, for this long
                                     ///< is frozen and is replaced; 0 means never
  unsigned queue_limit = 1'000'000;  ///< tasks waiting or running; one more is rejected or has to wait
  full_policy on_full = full_policy::reject;
  milliseconds start_within{5'000};  ///< a worker that is not ready by then is a failed start
  milliseconds shutdown{5'000};      ///< from the request to stop until a worker is killed
};

/// When a pool's workers are replaced, and how often.
struct pool_restarts {
  intensity worker_restarts{20, milliseconds{5'000}};  ///< budget of all workers together
  backoff_spec worker_backoff{milliseconds{10}, milliseconds{1'000}, 2.0, 0.2, milliseconds{5'000}};
  unsigned recycle_after = 0;        ///< a worker is replaced after this many tasks; 0 means never
  double recycle_jitter = 0.1;       ///< up to this share fewer, at random, so that not all are replaced at once
  std::uint64_t recycle_memory = 0;  ///< a worker whose resident set is larger after a task is replaced; 0: never
};

/// What a pool's worker processes, or the process of an actor, get from the system. Threads have none of it.
struct process_settings {
  std::uint64_t memory_limit = 0;  ///< bytes of address space; 0 means no limit
  milliseconds cpu_limit{0};       ///< processor time, in whole seconds; 0 means no limit
  unsigned open_files = 0;         ///< descriptors; 0 means as the program has
  sandbox_level sandbox = sandbox_level::none;
  std::vector<std::string> environment{};  ///< "NAME": worker processes see it, too; "NAME=value": they see it so
  std::string working_directory{};         ///< empty means the program's
  /// Of an actor: a second process waits, started, for the next incarnation. Pools have `pool_size::spares`.
  bool spare = false;
  /// Of an actor: all with this name below one supervisor live in one process, with the same settings, and start again
  /// together when one of them is restarted. Empty: a process of its own.
  std::string group{};

  friend bool operator==(const process_settings&, const process_settings&) = default;
};

/// A pool of workers that run tasks. Every field has a default and the name that YAML has for it, where they are not
/// grouped.
///
///     pool_spec{.task = "square", .size = {.workers = 4}, .limits = {.deadline = 2s}}
struct pool_spec {
  std::string task{};  ///< the task that `map` steps use unless they name another
  rung runs_in = rung::process;
  pool_size size{};
  pool_limits limits{};
  pool_restarts restarts{};
  process_settings process{};
  exception_policy on_exception = exception_policy::fail;
  unsigned chunk = 0;                           ///< inputs of a map that travel together; 0 means by measured time
  std::string initializer{};                    ///< a registered task that each worker runs before it is ready
  std::vector<std::string> initializer_args{};  ///< its arguments as texts, as a config writes them
  std::vector<std::string> actors{};            ///< ids of actors that tasks in worker processes may talk to
};

/// The names of environment variables that worker processes see always: PATH, HOME, USER, LOGNAME, SHELL, TZ, TMPDIR,
/// LANG, TERM, and what begins with LC_.
bool worker_sees(std::string_view variable) noexcept;

struct supervisor_spec;

/// A limit of a child's stop: at once. A thread cannot be killed: an actor is told to end and is not waited for.
inline constexpr milliseconds brutal_kill{0};
/// No limit, for stops and starts.
inline constexpr milliseconds infinity = milliseconds::max();

/// Bound of an actor's mailbox. Only ordinary messages count: responses, exits and supervision always get through.
struct mailbox_spec {
  unsigned limit = 1'000'000;
  overflow_policy overflow = overflow_policy::reject;
};

class exception_rules;  // <steward/actor.hpp>

/// One child of a supervisor.
struct child_spec {
  std::string id{};
  restart_type restart = restart_type::permanent;
  std::optional<milliseconds> shutdown{};      ///< limit of an orderly stop; see `shutdown_of` for the defaults
  std::optional<milliseconds> start_within{};  ///< limit of a start; see `start_within_of`
  backoff_spec backoff{};
  unsigned start_retries = 0;  ///< a first start that fails is tried this many times more, with `backoff` between
  bool significant = false;    ///< its own end may end the supervisor; see `auto_shutdown`
  std::optional<steward::intensity>
      intensity{};  ///< a budget of its own; without it the child draws on the supervisor's
  spent_policy on_spent = spent_policy::escalate;
  milliseconds park_for{0};    ///< a parked child is revived after this long; 0: only by `restart_child`
  mailbox_spec mailbox{};      ///< actors only, as all that follows but `partitions`
  unsigned partitions = 0;     ///< this many of it, "0", "1", ..., among which keys choose; see `supervisor::partition`
  unsigned redeliver = 0;      ///< a message whose handler threw is handled this many times more, then quarantined
  milliseconds hang_after{0};  ///< a handler that runs longer is reported; 0: never
  hang_policy on_hang = hang_policy::report;
  stop_policy on_stop = stop_policy::discard;
  std::shared_ptr<const exception_rules> exceptions{};  ///< instead of those of the actor's registration
  /// Where the states of an actor live; its handle and its mailbox are in the program. A supervisor that runs in a
  /// process has all actors below it there, in one, whose end is the end of all and a crash of the supervisor.
  rung runs_in = rung::thread;
  process_settings process{};  ///< of what runs in a process
  std::variant<actor_spec, pool_spec, std::shared_ptr<supervisor_spec>, command_spec> what{};
};

/// A supervisor: its policy and its children, in start order.
///
/// With `simple_one_for_one`, `children` holds exactly one spec: the template of the children that `start_child` makes.
/// Their ids are the template's with a number.
struct supervisor_spec {
  steward::strategy strategy = steward::strategy::one_for_one;
  steward::intensity intensity{};
  steward::auto_shutdown auto_shutdown = steward::auto_shutdown::never;
  std::vector<child_spec> children{};
  unsigned initial = 0;       ///< simple_one_for_one: children made at the start
  unsigned partitions = 0;    ///< simple_one_for_one: spread over this many supervisors "p0", "p1", ...; 0: over none
  unsigned max_children = 0;  ///< simple_one_for_one: one more is refused, whatever these do; 0: no limit
};

/// The limit of a child's orderly stop: as given, else 5 s, or what its pool has, 10 s for commands, and none for
/// supervisors.
milliseconds shutdown_of(const child_spec& x) noexcept;
/// The limit of a child's start: as given, else 5 s for actors, 10 s for commands, and none for supervisors and pools,
/// which have theirs.
milliseconds start_within_of(const child_spec& x) noexcept;

/// One thing that is wrong with a spec.
struct spec_fault {
  std::string path{};      ///< of the child or supervisor: "/root/a"
  std::string field{};     ///< such as "intensity.within"; empty when it is about the whole
  std::string message{};   ///< what is wrong
  std::string expected{};  ///< what would be right; empty where there is nothing to say
};

/// "/root/a: intensity.within: 0ms is too short; expected a duration longer than 0ms".
std::string describe(const spec_fault& x);

/// Everything that is wrong with a tree, in order; empty when it can be started. Unknown actor types are found by the
/// start, not here.
[[nodiscard]] std::vector<spec_fault> validate(const supervisor_spec& tree, const std::string& path = "/root");
/// The same for a pool that stands alone.
[[nodiscard]] std::vector<spec_fault> validate(const pool_spec& pool, const std::string& path);
/// The same for one child of a supervisor of that kind. `process_of`: the path of the supervisor in whose process that
/// one lives, if it does.
[[nodiscard]] std::vector<spec_fault> validate(const child_spec& child, const supervisor_spec& parent,
                                               const std::string& parent_path, const std::string& process_of = {});

const char* to_string(restart_type x) noexcept;
const char* to_string(strategy x) noexcept;
const char* to_string(rung x) noexcept;
const char* to_string(auto_shutdown x) noexcept;
const char* to_string(spent_policy x) noexcept;
const char* to_string(overflow_policy x) noexcept;
const char* to_string(hang_policy x) noexcept;
const char* to_string(stop_policy x) noexcept;
const char* to_string(full_policy x) noexcept;
const char* to_string(failure_policy x) noexcept;
const char* to_string(sandbox_level x) noexcept;

/// Type of an actor's parameter.
enum class param_type : std::uint8_t { integer, real, boolean, text, duration, actor, pool };

/// Declares one parameter of a registered actor; validation, `steward actors` and defaults come from it.
struct param_spec {
  std::string name;
  param_type type = param_type::text;
  std::optional<param_value> fallback;  ///< without it the parameter is required
  std::optional<std::int64_t> min;      ///< integers: smallest value; durations: milliseconds
  std::optional<std::int64_t> max;
  std::string doc;
};

const char* to_string(param_type x) noexcept;

/// A duration as people write it: "200ms", "5s", "2m", "infinity". Exact to the millisecond.
std::string render_duration(milliseconds x);

}  // namespace steward
