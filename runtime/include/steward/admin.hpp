#pragma once

#include "steward/admin_code.hpp"
#include "steward/cause.hpp"
#include "steward/port.hpp"
#include "steward/spec.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace steward {

/// What came of an administrative request.
struct [[nodiscard]] admin_result {
  admin_code code = admin_code::ok;
  std::string path;                ///< of the child
  caf::actor handle;               ///< of the child, when it is an actor that runs
  std::string extra;               ///< what the start had to tell; see `actor_args::tell_starter`
  cause why;                       ///< `failed` and `max_children`; what `operate` refuses it says here in plain words
  std::vector<spec_fault> faults;  ///< `invalid`
  bool already = false;            ///< of `operate`: it was so before, and nothing was done

  explicit operator bool() const noexcept { return code == admin_code::ok; }
};

/// What came of `supervisor::start_children`.
struct [[nodiscard]] batch_result {
  admin_code code = admin_code::ok;    ///< of the first child that is not up; `ok`: all are
  std::size_t started = 0;             ///< children that have become ready
  std::vector<admin_result> children;  ///< of each, as they were asked for; none when nothing was begun or it timed out
  std::vector<spec_fault> faults;      ///< `invalid`: nothing was begun

  explicit operator bool() const noexcept { return code == admin_code::ok; }
};

/// How the start of a tree went.
struct [[nodiscard]] tree_start {
  bool ok = false;
  std::string failed_child;  ///< path of the child that did not start
  cause why;
  std::vector<spec_fault> faults;  ///< what is wrong with the spec; then nothing was started

  explicit operator bool() const noexcept { return ok; }
};

/// What became of what differs in new specs; see `supervisor::reload`.
struct reload_change {
  std::string path;       ///< of the child or supervisor
  std::string what;       ///< the keys that differ, "a new child" or "not listed any more"
  std::string waits_for;  ///< until when it does not count: "its next restart"; empty: it counts from now on
};

/// How a child is doing.
enum class child_status : std::uint8_t {
  undefined,  ///< not running: terminated, finished, or its start declined
  starting,   ///< its first start is under way
  running,
  restarting,  ///< down; a restart is due or under way
  stopping,
  parked,  ///< down, because its restart limit was reached; the tree lives on
};

const char* to_string(child_status x) noexcept;

/// The messages of one actor, over all its incarnations. Once it is over and `waiting` is 0,
/// accepted = handled + failed + dead, exactly.
struct message_counts {
  std::uint64_t accepted = 0;  ///< ordinary messages and requests that its mailbox took
  std::uint64_t handled = 0;   ///< its handler returned
  std::uint64_t failed = 0;    ///< requests answered with an error instead
  std::uint64_t dead = 0;      ///< told, never handled: dead letters
  std::uint64_t rejected = 0;  ///< not accepted: the mailbox was full
  std::uint64_t waiting = 0;   ///< accepted, and in none of the counts above yet
};

struct child_info {
  std::string id;
  std::string path;
  child_status status = child_status::undefined;
  bool is_supervisor = false;
  restart_type restart = restart_type::permanent;
  std::uint64_t incarnation = 0;
  caf::actor handle;        ///< when it is an actor that is not `undefined`
  message_counts messages;  ///< of actors
};

/// OTP's count_children.
struct child_counts {
  std::size_t specs = 0;        ///< children, running or not; of a dynamic supervisor the template alone
  std::size_t active = 0;       ///< that run
  std::size_t supervisors = 0;  ///< that are supervisors, running or not
  std::size_t workers = 0;      ///< that are not
};

}  // namespace steward
