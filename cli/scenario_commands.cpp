#include "cli/scenario_commands.hpp"

#include "cli/run_options.hpp"
#include "control/loopback.hpp"

#include <CLI/CLI.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace steward::cli {

namespace {

class run_scenarios_command : public command {
public:
  std::string_view name() const override { return "run"; }
  CLI::App* add_to(CLI::App& app) override {
    auto* out =
        app.add_subcommand(std::string{name()}, "Run scenarios: files, or names of those that ship with the program");
    out->add_option("FILE", request_.files, "scenario files or names")->required();
    out->add_option("--set", request_.sets,
                    "PATH=VALUE: override a value, such as tree.children.squares.pool.workers=8")
        ->allow_extra_args(false);
    options_.emplace(*out, request_);
    auto* once = out->add_flag("--once", once_, "end after the steps, also where the file has no 'run'");
    out->add_flag("--stay", stay_, "stay up after the steps, as a service, until it is stopped or ends by itself")
        ->excludes(once);
    observe_ = out->add_option("--observe", request_.control.observe,
                               "show the run on a page, at [ADDRESS:]PORT of this machine, or at a free port; the URL "
                               "is printed")
                   ->expected(0, 1)
                   ->check(fault_of_address);
    out->add_option("--token-file", request_.control.token_file,
                    "the token of that page is the one in this file, which is made where there is none")
        ->needs(observe_);
    out->add_flag("--no-control", no_control_, "no socket by which others see and steer the run");
    out->add_flag("--strict", request_.strict, "exit with 7 when anything crashed, though all was recovered");
    return out;
  }

  int run(const program& what) override {
    options_->apply();
    if (once_ || stay_) request_.stay = stay_;
    request_.control.socket = !no_control_;
    if (observe_->count() > 0 && request_.control.observe.empty()) request_.control.observe = "0";
    return run_scenarios(request_, what);
  }

private:
  static std::string fault_of_address(const std::string& text) {
    if (text.empty()) return {};  // nothing was said
    try {
      control_api::loopback_address_of(text);
    } catch (const std::invalid_argument& problem) {
      return problem.what();
    }
    return {};
  }

  run_request request_;
  std::optional<run_options> options_;
  bool once_ = false;
  bool stay_ = false;
  bool no_control_ = false;
  CLI::Option* observe_ = nullptr;
};

class validate_command : public command {
public:
  std::string_view name() const override { return "validate"; }
  CLI::App* add_to(CLI::App& app) override {
    auto* out = app.add_subcommand(std::string{name()}, "Check scenarios and show every fault at once; start nothing");
    out->add_option("FILE", files_, "scenario files or names")->required();
    out->add_option("--set", sets_, "PATH=VALUE: override a value")->allow_extra_args(false);
    out->add_option("--format", format_, "of the faults")->check(CLI::IsMember({"text", "json"}));
    return out;
  }
  int run(const program& what) override { return validate_scenarios(files_, sets_, format_ == "json", what); }

private:
  std::vector<std::string> files_;
  std::vector<std::string> sets_;
  std::string format_ = "text";
};

class plan_command : public command {
public:
  std::string_view name() const override { return "plan"; }
  CLI::App* add_to(CLI::App& app) override {
    auto* out = app.add_subcommand(std::string{name()},
                                   "Show what a scenario would start, with every value's origin; start nothing");
    out->add_option("FILE", file_, "scenario file or name")->required();
    out->add_option("--set", sets_, "PATH=VALUE: override a value")->allow_extra_args(false);
    out->add_flag("--json", json_, "as JSON, with every value");
    return out;
  }
  int run(const program& what) override { return plan_scenario(file_, sets_, json_, what); }

private:
  std::string file_;
  std::vector<std::string> sets_;
  bool json_ = false;
};

class unit_command : public command {
public:
  std::string_view name() const override { return "unit"; }
  CLI::App* add_to(CLI::App& app) override {
    auto* out = app.add_subcommand(std::string{name()}, "Print a systemd unit that keeps a scenario up as a service");
    out->add_option("FILE", file_, "scenario file or name")->required();
    out->add_option("--set", sets_, "PATH=VALUE: override a value")->allow_extra_args(false);
    return out;
  }
  int run(const program& what) override { return print_unit(file_, sets_, what); }

private:
  std::string file_;
  std::vector<std::string> sets_;
};

}  // namespace

std::vector<std::unique_ptr<command>> make_scenario_commands() {
  std::vector<std::unique_ptr<command>> out;
  out.push_back(std::make_unique<run_scenarios_command>());
  out.push_back(std::make_unique<validate_command>());
  out.push_back(std::make_unique<plan_command>());
  out.push_back(std::make_unique<unit_command>());
  return out;
}

}  // namespace steward::cli
