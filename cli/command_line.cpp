#include "cli/command_line.hpp"

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "cli/run_options.hpp"
#include "observe/standard_streams.hpp"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

namespace steward::cli {

namespace {

/// To make a command with all its options costs memory and so time: of a line that names one, only that one is made.
enum class making : std::uint8_t { named, all };

int carry_out(int argc, char** argv, const program& what, const extra_command* extra, making which) {
  CLI::App app{"Supervision trees and crash-proof worker pools, described in YAML.",
               std::filesystem::path{argc > 0 ? argv[0] : "steward"}.filename().string()};
  app.require_subcommand(1);
  std::vector<std::pair<std::unique_ptr<command>, CLI::App*>> all;
  auto known = all_commands();
  if (which == making::named) {
    const std::string_view named = argc > 1 ? argv[1] : "";
    std::erase_if(known, [&](const auto& one) { return one->name() != named; });
    if (known.empty()) return carry_out(argc, argv, what, extra, making::all);
  }
  for (auto& one : known) {
    auto* words = one->add_to(app);
    all.emplace_back(std::move(one), words);
  }
  if (extra != nullptr && which == making::all) extra->add_to(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    std::ostringstream text;
    const int code = app.exit(help, text, text);
    standard_streams::print(text.str());
    return code;
  } catch (const CLI::ParseError& problem) {
    // What is wrong is told with all that there is.
    if (which == making::named) return carry_out(argc, argv, what, extra, making::all);
    return usage_fault(app, problem);
  }
  for (const auto& [one, words] : all)
    if (words->parsed()) return one->run(what);
  return extra != nullptr && which == making::all && extra->parsed() ? extra->run() : int{exit_usage};
}

}  // namespace

int main_of(int argc, char** argv, const program& what, const extra_command* extra) {
  return finish_output(carry_out(argc, argv, what, extra, making::named));
}

}  // namespace steward::cli
