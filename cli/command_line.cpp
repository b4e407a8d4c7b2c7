#include "cli/command_line.hpp"

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/explain.hpp"
#include "cli/number_option.hpp"
#include "cli/output.hpp"
#include "cli/run_options.hpp"
#include "cli/scenario_files.hpp"
#include "config/suggest.hpp"
#include "control/loopback.hpp"
#include "observe/standard_streams.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

namespace steward::cli {

namespace {

using json = nlohmann::ordered_json;
using standard_streams::print;
using standard_streams::say;

std::string place(const source_place& where) {
  return std::filesystem::path{where.file_name()}.filename().string() + ":" + std::to_string(where.line);
}

std::string text_of(const param_value& value) {
  struct {
    std::string operator()(std::int64_t x) const { return std::to_string(x); }
    std::string operator()(double x) const { return std::to_string(x); }
    std::string operator()(bool x) const { return x ? "true" : "false"; }
    std::string operator()(const std::string& x) const { return x; }
    std::string operator()(milliseconds x) const { return render_duration(x); }
  } render;
  return std::visit(render, value.value);
}

json describe_actor(const actor_entry& entry) {
  json params = json::array();
  for (const auto& p : entry.params) {
    json one{{"name", p.name}, {"type", to_string(p.type)}, {"required", !p.fallback.has_value()}, {"doc", p.doc}};
    if (p.fallback) one["default"] = text_of(*p.fallback);
    if (p.min) one["min"] = *p.min;
    if (p.max) one["max"] = *p.max;
    params.push_back(std::move(one));
  }
  return {{"kind", "actor"}, {"name", entry.name}, {"registered", place(entry.where)}, {"parameters", params}};
}

json describe_task(const task_entry& entry) {
  return {{"kind", "task"},
          {"name", entry.name},
          {"registered", place(entry.where)},
          {"signature", entry.signature},
          {"usable_in_yaml", entry.parsable}};
}

void print_for_people(const json& entry) {
  const auto text = [&](const char* key) { return entry.at(key).get<std::string>(); };
  if (text("kind") == "task") {
    return print(fmt::format("task   {:<16} {}   ({})\n", text("name"), text("signature"), text("registered")));
  }
  print(fmt::format("actor  {:<16} ({})\n", text("name"), text("registered")));
  for (const auto& p : entry.at("parameters")) {
    const auto fallback = p.contains("default") ? "default " + p.at("default").get<std::string>() : "required";
    print(fmt::format("         {:<14} {:<9} {:<14} {}\n", p.at("name").get<std::string>(),
                      p.at("type").get<std::string>(), fallback, p.at("doc").get<std::string>()));
  }
}

int list_registered(const std::string& name, bool as_json, const program& what) {
  json found = json::array();
  std::vector<std::string> names;
  for (const auto* entry : what.actors.all()) {
    names.push_back(entry->name);
    if (name.empty() || entry->name == name) found.push_back(describe_actor(*entry));
  }
  for (const auto* entry : what.tasks.all()) {
    names.push_back(entry->name);
    if (name.empty() || entry->name == name) found.push_back(describe_task(*entry));
  }
  if (found.empty() && !name.empty()) {
    const auto meant = config::did_you_mean(name, names);
    say("steward: no actor or task is registered as '" + name + "'" +
        (meant ? " (did you mean '" + *meant + "'?)" : std::string{}) + "\n");
    return exit_usage;
  }
  if (as_json) {
    print(found.dump(2) + "\n");
  } else {
    for (const auto& entry : found) print_for_people(entry);
  }
  return exit_done;
}

int print_version(bool as_json) {
  if (as_json) {
    const json out{{"steward", STEWARD_VERSION}, {"caf", STEWARD_CAF_VERSION}, {"compiler", __VERSION__}};
    print(out.dump() + "\n");
  } else {
    print("steward " STEWARD_VERSION " (CAF " STEWARD_CAF_VERSION ", compiler " __VERSION__ ")\n");
  }
  return exit_done;
}

int carry_out(int argc, char** argv, const program& what, const extra_command* extra) {
  CLI::App app{"Supervision trees and crash-proof worker pools, described in YAML.",
               std::filesystem::path{argc > 0 ? argv[0] : "steward"}.filename().string()};
  app.require_subcommand(1);
  run_request request;
  auto* run = app.add_subcommand("run", "Run scenarios: files, or names of those that ship with the program");
  run->add_option("FILE", request.files, "scenario files or names")->required();
  run->add_option("--set", request.sets, "PATH=VALUE: override a value, such as tree.children.squares.pool.workers=8")
      ->allow_extra_args(false);
  run_options options{*run, request};
  bool once = false;
  bool stay = false;
  auto* once_flag = run->add_flag("--once", once, "end after the steps, also where the file has no 'run'");
  run->add_flag("--stay", stay, "stay up after the steps, as a service, until it is stopped or ends by itself")
      ->excludes(once_flag);
  bool no_control = false;
  run->add_option("--observe", request.control.observe,
                  "[ADDRESS:]PORT of this machine, 0 for a free one: the run answers there, too; the URL is printed")
      ->check([](const std::string& text) -> std::string {
        try {
          control_api::loopback_address_of(text);
        } catch (const std::invalid_argument& problem) {
          return problem.what();
        }
        return {};
      });
  run->add_flag("--no-control", no_control, "no socket by which others see and steer the run");
  run->add_flag("--strict", request.strict, "exit with 7 when anything crashed, though all was recovered");

  std::vector<std::string> files;
  std::vector<std::string> sets;
  std::string format = "text";
  auto* validate = app.add_subcommand("validate", "Check scenarios and show every fault at once; start nothing");
  validate->add_option("FILE", files, "scenario files or names")->required();
  validate->add_option("--set", sets, "PATH=VALUE: override a value")->allow_extra_args(false);
  validate->add_option("--format", format, "of the faults")->check(CLI::IsMember({"text", "json"}));

  std::string planned;
  bool plan_json = false;
  auto* plan = app.add_subcommand("plan", "Show what a scenario would start, with every value's origin; start nothing");
  plan->add_option("FILE", planned, "scenario file or name")->required();
  plan->add_option("--set", sets, "PATH=VALUE: override a value")->allow_extra_args(false);
  plan->add_flag("--json", plan_json, "as JSON, with every value");

  auto* unit = app.add_subcommand("unit", "Print a systemd unit that keeps a scenario up as a service");
  unit->add_option("FILE", planned, "scenario file or name")->required();
  unit->add_option("--set", sets, "PATH=VALUE: override a value")->allow_extra_args(false);

  std::string name;
  bool as_json = false;
  auto* actors = app.add_subcommand("actors", "Show the registered actors and tasks, with their parameters");
  actors->add_option("NAME", name, "only this one");
  actors->add_flag("--json", as_json, "as JSON");

  std::string wanted;
  bool reference = false;
  auto* explained = app.add_subcommand("explain", "Tell what a config key, event kind, cause class or exit code means");
  auto* wanted_word = explained->add_option("WORD", wanted, "such as deadline, pool.deadline, park, signal or 4");
  explained->add_flag("--json", as_json, "as JSON");
  explained->add_flag("--reference", reference, "all config keys, as a page of Markdown")->excludes(wanted_word);

  std::vector<std::pair<std::unique_ptr<command>, CLI::App*>> others;
  for (auto& one : commands_for_runs()) {
    auto* words = one->add_to(app);
    others.emplace_back(std::move(one), words);
  }

  auto* version = app.add_subcommand("version", "Show the versions of steward, CAF and the compiler");
  version->add_flag("--json", as_json, "as JSON");

  if (extra != nullptr) extra->add_to(app);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    std::ostringstream text;
    const int code = app.exit(help, text, text);
    print(text.str());
    return code;
  } catch (const CLI::ParseError& problem) {
    return usage_fault(app, problem);
  }
  if (run->parsed()) {
    options.apply();
    if (once || stay) request.stay = stay;
    request.control.socket = !no_control;
    return run_scenarios(request, what);
  }
  if (validate->parsed()) return validate_scenarios(files, sets, format == "json", what);
  if (unit->parsed()) return print_unit(planned, sets, what);
  if (plan->parsed()) return plan_scenario(planned, sets, plan_json, what);
  if (extra != nullptr && extra->parsed()) return extra->run();
  for (const auto& [one, words] : others)
    if (words->parsed()) return one->run(what);
  if (explained->parsed()) {
    if (reference) {
      print(config_reference());
      return exit_done;
    }
    if (wanted.empty()) {
      say("steward explain: a WORD is to be named, or --reference\n");
      return exit_usage;
    }
    return explain(wanted, as_json);
  }
  if (actors->parsed()) return list_registered(name, as_json, what);
  return print_version(as_json);
}

}  // namespace

int main_of(int argc, char** argv, const program& what, const extra_command* extra) {
  return finish_output(carry_out(argc, argv, what, extra));
}

}  // namespace steward::cli
