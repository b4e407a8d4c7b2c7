#pragma once

#include "steward/task.hpp"

#include <cstdint>
#include <string>

/// Tasks that go to the edges: of their memory, their descriptors, their process.
namespace steward::test {

/// What its codec does when it is read: 0 nothing, 1 throws, 2 throws a `decode_error`, 3 throws a number.
struct moody {
  std::int32_t how = 0;
};

struct edge_tasks {
  task<std::int64_t, moody> read_moody;               ///< `how`
  task<std::int64_t, std::string> measure;            ///< the size of the text; throws when it begins so
  task<std::int64_t, std::string> fork_and_fault;     ///< its child does `how`; returns the signal that ended it
  task<std::int64_t, std::int64_t> square_slowly;     ///< takes 3 ms
  task<std::int64_t, std::int64_t> fork_and_linger;   ///< square(n), of 1 after 40 ms; a child of it returns -1 at once
  task<std::int64_t, std::int64_t> fork_and_return;   ///< returns twice; in the parent the exit code of the child
  task<std::int64_t, std::int64_t> leave_group;       ///< joins the group of the pool's program and hangs
  task<std::int64_t, std::int64_t> close_all;         ///< closes all its descriptors; square(n)
  task<std::string, std::int64_t> make_without_room;  ///< this many MiB, without a descriptor left
  task<std::int64_t> throw_when_stopped;              ///< in its first attempt; then returns whether it is stopped
  task<void> die_in_start;                            ///< an initializer that faults
  task<std::string, std::string> turn;  ///< "THREAD N": where it runs, and how often it ran for this text there
  /// Appends "begin N/ATTEMPT" to a file, in its first attempt does `how`, and appends "end N/ATTEMPT".
  task<void, std::string, std::int64_t, std::string> note_run;
};

/// Registers them.
edge_tasks add_edge_tasks(task_registry& to);
/// Those of `tasks()`.
const edge_tasks& edges();

}  // namespace steward::test

template <>
struct steward::codec<steward::test::moody> {
  static void encode(bytes& out, const test::moody& value) { codec<std::int32_t>::encode(out, value.how); }
  static test::moody decode(byte_reader& in) {
    const auto how = codec<std::int32_t>::decode(in);
    if (how == 1) throw std::runtime_error("it cannot be read");
    if (how == 2) throw decode_error("it is not what it says");
    if (how == 3) throw 3;
    return {how};
  }
};
