#include "cli/views/look_options.hpp"

#include "cli/views/run_finder.hpp"
#include "observe/standard_streams.hpp"

#include <CLI/CLI.hpp>

#include <stdexcept>

namespace steward::cli {

void look_options::add_to(CLI::App& app, std::vector<std::string> formats, const char* format_option) {
  verb_ = app.get_name();
  app.add_option(
      "RUN", run_,
      "an events file, - for one on standard input, a run directory, or a live run by scenario or pid; none: "
      "the only live one");
  app.add_option("--run", id_, "id or scenario of the run, where there are several; else the last one");
  format_ = formats.front();
  auto* format = app.add_option(format_option, format_, "of the output")->check(CLI::IsMember(std::move(formats)));
  app.add_flag("--json", json_, "the same as -o json")->excludes(format);
  app.add_option("--color", colour_, "colours on stdout")->check(CLI::IsMember({"auto", "always", "never"}));
}

const std::string& look_options::format() const noexcept {
  static const std::string json = "json";
  return json_ ? json : format_;
}

std::unique_ptr<run_source> look_options::open() const { return find_run(run_, id_); }

int looking(const char* command, const std::function<int()>& body) {
  try {
    return body();
  } catch (const cannot_look& x) {
    say_of(command, x.what());
    return x.code();
  }
}

void say_of(const std::string& verb, const std::string& what) {
  standard_streams::say("steward " + verb + ": " + what + "\n");
}

void look_options::say(const std::string& what) const { say_of(verb_, what); }

void look_options::say_remarks(const run_source& from, const run_view& view) const {
  for (const auto& one : from.remarks()) say(one);
  for (const auto& one : gaps_of(view)) say(one);
}

}  // namespace steward::cli
