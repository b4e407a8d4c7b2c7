#include "cli/program_main.hpp"

#include "actor_system/actor_link.hpp"
#include "cli/command_line.hpp"
#include "cli/contained.hpp"
#include "cli/failure.hpp"
#include "cli/init_process.hpp"
#include "command/launch.hpp"
#include "observe/standard_streams.hpp"
#include "pool/worker.hpp"
#include "process/bootstrap.hpp"
#include "process/child.hpp"
#include "process/suspend.hpp"
#include "supervision/guest.hpp"

#include <csignal>
#include <exception>
#include <utility>

namespace steward::cli {
namespace {

/// A reader that goes away, or a file that may grow no further, is an error of the write, not the end of the tree.
/// The signals are not ignored, for what is started by tasks would ignore them, too.
void outlive_writes() {
  for (const int signal : {SIGPIPE, SIGXFSZ}) {
    struct sigaction now {};
    if (::sigaction(signal, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) continue;
    now.sa_handler = [](int) {};
    now.sa_flags = SA_RESTART;
    ::sigaction(signal, &now, nullptr);
  }
}

}  // namespace

void prepare_program(task_registry& tasks, const actor_registry& actors,
                     std::function<void(caf::actor_system_config&)> announce_types) {
  if (tasks.find(contained_task) == nullptr) register_contained(tasks);
  pooling::register_pool_worker(tasks);
  steward::command::register_launch_main();
  supervision::register_guest_main(actors);
  set_worker_types(std::move(announce_types));
  process::fill_standard_fds();  // else the first socket takes the number of a closed stdout
  outlive_writes();
  process::suspend_children_with_program();
}

int guarded(const std::function<int()>& body) {
  try {
    return body();
  } catch (...) {  // the program's last line: whatever it is, tell it and end in order
    standard_streams::finish();
    return tell_failure(std::current_exception());
  }
}

int main_of_program(int argc, char** argv, task_registry& tasks, actor_registry& actors,
                    std::function<void(caf::actor_system_config&)> announce_types, const extra_command* extra) {
  prepare_program(tasks, actors, announce_types);
  if (process::is_spawned_child(argc, argv)) return process::run_spawned_child(argc, argv);
  leave_orphans_to_a_parent();
  return guarded([&] { return main_of(argc, argv, program{tasks, actors, std::move(announce_types)}, extra); });
}

}  // namespace steward::cli
