#include "cli/views/operate.hpp"

#include "base/text.hpp"
#include "cli/exit_codes.hpp"
#include "cli/number_option.hpp"
#include "cli/scenario_files.hpp"
#include "cli/views/child_name.hpp"
#include "cli/views/control_client.hpp"
#include "cli/views/live_source.hpp"
#include "cli/views/look_options.hpp"
#include "cli/views/orders.hpp"
#include "cli/views/run_finder.hpp"
#include "config/values.hpp"
#include "observe/standard_streams.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>

namespace steward::cli {
namespace {

using standard_streams::print;

constexpr std::string_view run_help = "a live run by scenario, pid or run directory; none: the only one";
constexpr std::string_view path_help =
    "of the child, such as /root/total; its end, such as total, where that is unique";

/// What the commands that steer a run have in common.
class operator_command : public command {
public:
  operator_command(const char* name, const char* doc) : name_(name), doc_(doc) {}

  std::string_view name() const override { return name_; }
  CLI::App* add_to(CLI::App& app) override {
    auto* out = app.add_subcommand(std::string{name()}, doc_);
    add_words(*out);
    out->add_option("RUN", run_, std::string{run_help});
    out->add_flag("--json", json_, "what the run answers, as JSON");
    out->add_option("--within", within_, "how long to wait for the answer")->check([](const std::string& text) {
      const auto value = config::parse_duration(text);
      const auto* fault = std::get_if<config::value_fault>(&value);
      return fault != nullptr ? fault->message + " (expected a duration such as 30s)" : std::string{};
    });
    return out;
  }

  int run(const program&) override {
    return looking(name_, [&] {
      const auto of = find_live_run(run_);
      find_target(of);
      return ask(of);
    });
  }

protected:
  virtual void add_words(CLI::App&) {}
  /// Before it asks: what the words mean in that run.
  virtual void find_target(const live_run&) {}
  virtual std::string target() const = 0;
  virtual std::string body() const { return "{}"; }

  std::string run_;

private:
  int ask(const live_run& of) const {
    const control_client server{of.socket, std::get<std::chrono::milliseconds>(config::parse_duration(within_))};
    http_answer answer;
    try {
      answer = server.post(target(), body());
    } catch (const no_answer& x) {
      throw cannot_look(
          fmt::format("{} (pid {}): {}; it may be carried out all the same", escape_text(of.name), of.pid, x.what()),
          exit_no_such_run);
    }
    if (json_) print(answer.body + (answer.body.ends_with('\n') ? "" : "\n"));
    if (!answer.ok()) {
      if (!json_) say_of(name_, problem_in(answer));
      return exit_failed;
    }
    if (!json_) print(orders::words_of(answer));
    return exit_done;
  }

  const char* name_;
  const char* doc_;
  std::string within_ = "60s";
  bool json_ = false;
};

class child_command : public operator_command {
public:
  child_command(const char* verb, const char* doc) : operator_command(verb, doc), verb_(verb) {}

protected:
  void add_words(CLI::App& app) override { app.add_option("PATH", path_, std::string{path_help})->required(); }
  void find_target(const live_run& of) override {
    if (!path_.starts_with('/')) path_ = child_named(live_source{of}.view(), path_, exit_failed);
  }
  std::string target() const override { return orders::target_of_child(path_, verb_); }

  std::string path_;

private:
  const char* verb_;
};

class scale_command : public child_command {
public:
  scale_command() : child_command("scale", "Give a pool of a live run this many workers") {}

protected:
  void add_words(CLI::App& app) override {
    constexpr std::int64_t most_workers = 1'024;
    app.add_option("PATH", path_, "of the pool, such as /root/squares, or its end where that is unique")->required();
    app.add_option("N", workers_, "how many workers")->required()->check(whole_number(0, most_workers));
  }
  std::string target() const override { return orders::target_of_pool(path_); }
  std::string body() const override { return orders::body_of_resize(workers_); }

private:
  unsigned workers_ = 0;
};

class reload_command : public operator_command {
public:
  reload_command() : operator_command("reload", "Let a live run read its scenario again, and say what that changes") {}

  int run(const program& what) override {
    // One word may be the file or the run.
    if (!file_.empty() && run_.empty() && !std::filesystem::is_regular_file(find_scenario(file_)) && is_live(file_))
      std::swap(file_, run_);
    return operator_command::run(what);
  }

protected:
  void add_words(CLI::App& app) override {
    app.add_option("FILE", file_, "scenario file or name; none: the one that runs");
    app.add_flag("--dry-run", dry_run_, "only say what would change");
  }
  std::string target() const override { return "/v1/reload"; }
  std::string body() const override {
    auto out = nlohmann::ordered_json::object();
    if (dry_run_) out["dry_run"] = true;
    if (!file_.empty()) out["file"] = std::filesystem::absolute(find_scenario(file_)).string();
    return out.dump();
  }

private:
  static bool is_live(const std::string& name) {
    std::error_code ignored;
    if (std::filesystem::is_directory(name, ignored)) return true;
    const auto all = live_runs();
    return std::any_of(all.begin(), all.end(),
                       [&](const auto& one) { return one.name == name || std::to_string(one.pid) == name; });
  }

  std::string file_;
  bool dry_run_ = false;
};

class shutdown_command : public operator_command {
public:
  shutdown_command() : operator_command("shutdown", "Stop a live run in order") {}

protected:
  std::string target() const override { return "/v1/shutdown"; }
};

}  // namespace

std::vector<std::unique_ptr<command>> make_operator_commands() {
  constexpr std::array<std::pair<const char*, const char*>, 6> verbs{{
      {"start", "Start a child of a live run that is down"},
      {"stop", "Stop a child of a live run in order; it stays down"},
      {"restart", "Stop a child of a live run in order and start it again"},
      {"kill", "End a child of a live run at once, as a crash would; its supervisor decides what follows"},
      {"park", "Take a child of a live run down, with its messages kept, until it is revived"},
      {"revive", "Start a parked child of a live run again"},
  }};
  std::vector<std::unique_ptr<command>> out;
  for (const auto& [verb, doc] : verbs) out.push_back(std::make_unique<child_command>(verb, doc));
  out.push_back(std::make_unique<scale_command>());
  out.push_back(std::make_unique<reload_command>());
  out.push_back(std::make_unique<shutdown_command>());
  return out;
}

}  // namespace steward::cli
