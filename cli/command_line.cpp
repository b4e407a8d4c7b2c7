#include "cli/command_line.hpp"

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "cli/run_options.hpp"
#include "observe/standard_streams.hpp"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <memory>
#include <sstream>
#include <utility>
#include <vector>

namespace steward::cli {

namespace {

int carry_out(int argc, char** argv, const program& what, const extra_command* extra) {
  CLI::App app{"Supervision trees and crash-proof worker pools, described in YAML.",
               std::filesystem::path{argc > 0 ? argv[0] : "steward"}.filename().string()};
  app.require_subcommand(1);
  std::vector<std::pair<std::unique_ptr<command>, CLI::App*>> all;
  for (auto& one : all_commands()) {
    auto* words = one->add_to(app);
    all.emplace_back(std::move(one), words);
  }
  if (extra != nullptr) extra->add_to(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    std::ostringstream text;
    const int code = app.exit(help, text, text);
    standard_streams::print(text.str());
    return code;
  } catch (const CLI::ParseError& problem) {
    return usage_fault(app, problem);
  }
  for (const auto& [one, words] : all)
    if (words->parsed()) return one->run(what);
  return extra != nullptr && extra->parsed() ? extra->run() : int{exit_usage};
}

}  // namespace

int main_of(int argc, char** argv, const program& what, const extra_command* extra) {
  return finish_output(carry_out(argc, argv, what, extra));
}

}  // namespace steward::cli
