#include "cli/run_options.hpp"

#include "cli/exit_codes.hpp"
#include "cli/number_option.hpp"
#include "cli/output.hpp"
#include "config/suggest.hpp"
#include "observe/standard_streams.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <sstream>
#include <string_view>
#include <vector>

namespace steward::cli {

using standard_streams::say;

namespace {

bool wants_colour(const std::string& setting) {
  if (setting == "always") return true;
  if (setting == "never") return false;
  const char* no_colour = std::getenv("NO_COLOR");
  return ::isatty(STDERR_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0');
}

/// Everything that could have been meant where a word was not understood.
std::vector<std::string> known_words(const CLI::App& app) {
  std::vector<std::string> out;
  for (const auto* sub : app.get_subcommands([](const CLI::App*) { return true; })) out.push_back(sub->get_name());
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) out.push_back("--" + name);
  return out;
}

}  // namespace

int usage_fault(const CLI::App& app, const CLI::ParseError& problem) {
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  std::string text = problem.what();
  // CLI11 remembers the words that nobody took; the first of them is what went wrong.
  auto extras = app.remaining(true);
  if (app.get_allow_extras())  // words are the program's own
    std::erase_if(extras, [](const std::string& x) { return !x.starts_with("--"); });
  if (!extras.empty()) {
    const auto word = extras.front().substr(0, extras.front().find('='));
    text = "'" + extras.front() + "' is not understood here";
    if (const auto meant = config::did_you_mean(word, known_words(*at))) text += " (did you mean '" + *meant + "'?)";
  }
  const auto command = at == &app ? app.get_name() : app.get_name() + " " + at->get_name();
  say(command + ": " + text + "; '" + command + " --help' tells what there is\n");
  return exit_usage;
}

run_options::run_options(CLI::App& app, run_request& into) : into_(into) {
  app.add_option("--events", into.events_file, "add every event to this file, one JSON object a line")
      ->check([](const std::string& file) {
        return file.empty() || file.starts_with("--") ? "a file is to be named" : "";
      });
  app.add_option("--state", into.state, "keep what happens in this directory, for those who look later")
      ->check([](const std::string& directory) {
        return directory.empty() || directory.starts_with("--") ? "a directory is to be named" : "";
      });
  app.add_option("--seed", into.seed, "seed of everything random, 0 for another one each time; replaces the file's")
      ->check(whole_number(0, std::numeric_limits<std::int64_t>::max()));
  app.add_option("--color", colour_, "colours on stderr")->check(CLI::IsMember({"auto", "always", "never"}));
  app.add_flag("--dates", into.dates, "stderr: dates before the times");
  app.add_flag("--json", into.json, "stdout: events as JSON lines, printed data among them");
  auto* quiet = app.add_flag("--quiet", into.quiet, "stderr: only what ended work");
  app.add_flag("--verbose", into.verbose, "stderr: starts, stops and everything else, too")->excludes(quiet);
}

void run_options::apply() {
  into_.colour = wants_colour(colour_);
  if (into_.json) standard_streams::keep_output_for_us();
}

std::optional<int> parse_program_options(int argc, const char* const* argv, run_request& into) {
  CLI::App app{"A supervision tree in C++. Arguments that are no options are the program's own.",
               argc > 0 ? std::filesystem::path{argv[0]}.filename().string() : "program"};
  app.allow_extras();
  run_options options{app, into};
  std::vector<std::string> words;
  for (int i = 1; i < argc && std::string_view{argv[i]} != "--"; ++i) words.emplace_back(argv[i]);
  std::reverse(words.begin(), words.end());  // as CLI11 takes a vector
  try {
    app.parse(words);
    for (const auto& extra : app.remaining())
      if (extra.starts_with("--")) throw CLI::ExtrasError{{extra}};
  } catch (const CLI::Success& help) {
    std::ostringstream text;
    const int code = app.exit(help, text, text);
    standard_streams::print(text.str());
    return finish_output(code);
  } catch (const CLI::ParseError& problem) {
    return finish_output(usage_fault(app, problem));
  }
  options.apply();
  return std::nullopt;
}

}  // namespace steward::cli
