// The soak alone, for builds without CAF: the same two subcommands that `steward` has.
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "soak/command.hpp"

#include <CLI/CLI.hpp>

int main(int argc, char** argv) {
  CLI::App app{"Faults for a pool, and a check of what became of each task.", "steward_soak"};
  app.require_subcommand(1);
  steward::soak::command soak;
  soak.add_to(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& problem) {
    app.exit(problem);
    return steward::cli::exit_usage;
  }
  return steward::cli::finish_output(soak.run());
}
