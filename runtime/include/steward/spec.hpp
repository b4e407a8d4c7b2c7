#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
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
  one_for_one,  ///< only the child that died
};

/// Where a child or a worker runs.
enum class rung : std::uint8_t { thread, process };

/// What a pool does with a task that throws.
enum class exception_policy : std::uint8_t {
  fail,   ///< an exception is an answer (default)
  retry,  ///< run the task again, within its attempts
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

/// Value of an actor's parameter as it comes from YAML or C++.
struct param_value {
  std::variant<std::int64_t, double, bool, std::string, milliseconds> value;
};
using param_map = std::map<std::string, param_value>;

/// A ready-made or user-defined actor, by its registered name.
struct actor_spec {
  std::string type;
  param_map params;  ///< complete: defaults filled in
};

/// A pool of workers that run tasks. Every field has a default; none is unlimited.
struct pool_spec {
  std::string task;  ///< the task that `map` steps use unless they name another
  rung runs_in = rung::process;
  unsigned workers = 0;   ///< 0 means one per core
  unsigned attempts = 3;  ///< runs of one task at most, the first included
  exception_policy on_exception = exception_policy::fail;
  milliseconds deadline{0};          ///< of one run of one task, from the moment a worker starts it; 0 means none
  unsigned queue_limit = 1'000'000;  ///< tasks waiting or running; one more is rejected
  std::uint64_t memory_limit = 0;    ///< bytes of address space of a worker process; 0 means no limit
  unsigned recycle_after = 0;        ///< a worker is replaced after so many tasks; 0 means never
  intensity worker_restarts{20, milliseconds{5'000}};  ///< budget of all workers together
  backoff_spec backoff{milliseconds{10}, milliseconds{1'000}, 2.0, 0.2, milliseconds{5'000}};
  milliseconds start_within{5'000};  ///< a worker that is not ready by then is a failed start
  milliseconds shutdown{5'000};      ///< from the request to stop until a worker is killed
  std::vector<std::string> actors;   ///< ids of actors that tasks in worker processes may talk to
};

struct supervisor_spec;

/// One child of a supervisor.
struct child_spec {
  std::string id;
  restart_type restart = restart_type::permanent;
  milliseconds shutdown{5'000};      ///< limit of an orderly stop
  milliseconds start_within{5'000};  ///< limit of a start
  backoff_spec backoff;
  std::variant<actor_spec, pool_spec, std::shared_ptr<supervisor_spec>> what;
};

/// A supervisor: its policy and its children, in start order.
struct supervisor_spec {
  strategy how = strategy::one_for_one;
  intensity limit;
  std::vector<child_spec> children;
};

const char* to_string(restart_type x) noexcept;
const char* to_string(strategy x) noexcept;
const char* to_string(rung x) noexcept;

/// Type of an actor's parameter.
enum class param_type : std::uint8_t { integer, real, boolean, text, duration, actor };

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

/// A duration as people write it: "200ms", "5s", "2m". Exact to the millisecond.
std::string render_duration(milliseconds x);

}  // namespace steward
