#include "cli/program_commands.hpp"

#include "cli/exit_codes.hpp"
#include "cli/explain.hpp"
#include "cli/plan.hpp"
#include "config/suggest.hpp"
#include "observe/standard_streams.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace steward::cli {

namespace {

using json = nlohmann::ordered_json;
using standard_streams::print;
using standard_streams::say;

std::string place(const source_place& where) {
  return std::filesystem::path{where.file_name()}.filename().string() + ":" + std::to_string(where.line);
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
    say("steward actors: no actor or task is registered as '" + name + "'" +
        (meant ? " (did you mean '" + *meant + "'?)" : std::string{}) + "; without a name all are listed\n");
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

class actors_command : public command {
public:
  std::string_view name() const override { return "actors"; }
  CLI::App* add_to(CLI::App& app) override {
    auto* out = app.add_subcommand(std::string{name()}, "Show the registered actors and tasks, with their parameters");
    out->add_option("NAME", name_, "only this one");
    out->add_flag("--json", json_, "as JSON");
    return out;
  }
  int run(const program& what) override { return list_registered(name_, json_, what); }

private:
  std::string name_;
  bool json_ = false;
};

class explain_command : public command {
public:
  std::string_view name() const override { return "explain"; }
  CLI::App* add_to(CLI::App& app) override {
    auto* out = app.add_subcommand(
        std::string{name()}, "Tell what a config key, heading, status, event kind, cause class or exit code means");
    auto* words =
        out->add_option("WORD", words_, "such as deadline, pool.deadline, budget, up since, park, signal or 4");
    out->add_flag("--json", json_, "as JSON");
    out->add_flag("--reference", reference_, "all config keys, as a page of Markdown")->excludes(words);
    return out;
  }
  int run(const program&) override {
    if (reference_) {
      print(config_reference());
      return exit_done;
    }
    if (words_.empty()) {
      say("steward explain: a WORD is to be named, or --reference\n");
      return exit_usage;
    }
    std::string text;
    for (const auto& one : words_) text += (text.empty() ? "" : " ") + one;
    return explain(text, json_);
  }

private:
  std::vector<std::string> words_;
  bool json_ = false;
  bool reference_ = false;
};

class version_command : public command {
public:
  std::string_view name() const override { return "version"; }
  CLI::App* add_to(CLI::App& app) override {
    auto* out = app.add_subcommand(std::string{name()}, "Show the versions of steward, CAF and the compiler");
    out->add_flag("--json", json_, "as JSON");
    return out;
  }
  int run(const program&) override { return print_version(json_); }

private:
  bool json_ = false;
};

}  // namespace

std::vector<std::unique_ptr<command>> make_program_commands() {
  std::vector<std::unique_ptr<command>> out;
  out.push_back(std::make_unique<actors_command>());
  out.push_back(std::make_unique<explain_command>());
  out.push_back(std::make_unique<version_command>());
  return out;
}

}  // namespace steward::cli
