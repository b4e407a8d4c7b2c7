#include "actors/ready_made.hpp"
#include "cli/program_main.hpp"
#include "soak/command.hpp"

int main(int argc, char** argv) {
  steward::task_registry tasks;
  steward::actor_registry actors;
  steward::ready_made::register_all(tasks, actors);
  steward::soak::command soak;
  const steward::cli::extra_command extra{[&](CLI::App& app) { soak.add_to(app); }, [&] { return soak.parsed(); },
                                          [&] { return soak.run(); }};
  return steward::cli::main_of_program(argc, argv, tasks, actors, {}, &extra);
}
