#include "cli/views/runs.hpp"

#include "base/utc_time.hpp"
#include "cli/exit_codes.hpp"
#include "cli/views/control_client.hpp"
#include "cli/views/events_file.hpp"
#include "cli/views/look_options.hpp"
#include "cli/views/run_finder.hpp"
#include "cli/views/stored_run.hpp"
#include "observe/phrases.hpp"
#include "observe/report_text.hpp"
#include "observe/standard_streams.hpp"
#include "observe/view_json.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <utility>

namespace steward::cli {
namespace {

using json = nlohmann::ordered_json;

/// What a live run says of itself; that it lives, where it says nothing.
run_entry entry_of(const live_run& run) {
  run_entry out;
  out.scenario = run.name;
  out.pid = run.pid;
  out.live = true;
  try {
    const auto answer = control_client{run.socket}.get("/v1/run");
    if (!answer.ok()) return out;
    const auto view = view_of(answer.body);
    out.id = view.run;
    if (view.scenario) out.scenario = view.scenario->name;
    out.started = view.started;
    out.crashes = view.crash_count;
  } catch (const std::runtime_error&) {  // it has no answer, or one that is none
    return out;
  }
  return out;
}

std::string end_of(const run_entry& x) {
  if (x.live) return "live";
  if (x.died) return "the program died";
  if (x.ended) return x.code ? fmt::format("exit code {}", *x.code) : std::string{"over"};
  return "not told";
}

ink ink_of(const run_entry& x) {
  if (x.live) return ink::good;
  if (!x.ended) return ink::odd;
  return x.died || x.code.value_or(0) != 0 ? ink::bad : ink::plain;
}

std::optional<run_view::time_point> end_time(const run_entry& x, run_view::time_point now) {
  if (x.live) return now;
  return x.ended ? x.ended : x.last;
}

class runs_command : public command {
public:
  std::string_view name() const override { return "runs"; }
  CLI::App* add_to(CLI::App& app) override {
    auto* out = app.add_subcommand(std::string{name()},
                                   "List the runs of a run directory or of an events file, or those that live");
    out->add_option("FILE", what_, "an events file, - for one on standard input, or a run directory; none: live runs");
    auto* format =
        out->add_option("-o,--output", format_, "of the output")->check(CLI::IsMember({"text", "json", "name"}));
    out->add_flag("--json", json_, "the same as -o json")->excludes(format);
    out->add_option("--color", colour_, "colours on stdout")->check(CLI::IsMember({"auto", "always", "never"}));
    return out;
  }

  int run(const program&) override {
    return looking("runs", [&] {
      const auto all = runs_of(what_);
      if (json_ || format_ == "json") {
        standard_streams::print(render_runs_json(all));
      } else if (format_ == "name") {
        for (const auto& one : all) standard_streams::print(report::escaped(one.id) + "\n");
      } else if (!all.empty()) {
        standard_streams::print(render_runs(all, phrases::moment_of({}, true), paper_of_output(colour_)));
      }
      if (all.empty()) say_of("runs", "no run is live; name an events file or a run directory to list those of it");
      return int{exit_done};
    });
  }

private:
  std::string what_;
  std::string format_ = "text";
  std::string colour_ = "auto";
  bool json_ = false;
};

}  // namespace

std::vector<run_entry> runs_of(const std::string& what) {
  std::vector<run_entry> out;
  std::error_code ignored;
  if (what.empty()) {
    for (const auto& one : live_runs()) out.push_back(entry_of(one));
    return out;
  }
  if (what != "-" && std::filesystem::is_directory(what, ignored)) return stored_run::runs_in(what);
  if (what != "-" && !std::filesystem::exists(what, ignored))
    throw cannot_look(report::escaped(what) +
                          ": there is no such file or folder; without one, 'steward runs' lists the "
                          "live runs",
                      exit_no_such_run);
  return events_file{what}.runs();
}

std::string render_runs(const std::vector<run_entry>& all, run_view::time_point now, const paper& on) {
  table out{{{"RUN"},
             {"SCENARIO", false, true},
             {"PID", true, false, true},
             {"BEGAN"},
             {"LASTED", true},
             {"END"},
             {"CRASHES", true}}};
  for (const auto& one : all) {
    const auto end = end_time(one, now);
    out.add({{report::escaped(one.id)},
             {report::escaped(one.scenario)},
             {one.pid ? std::to_string(*one.pid) : std::string{}},
             {one.started ? phrases::date_and_time(*one.started) : std::string{}},
             {one.started && end ? phrases::span(*end - *one.started) : std::string{}},
             {end_of(one), ink_of(one)},
             {std::to_string(one.crashes), one.crashes > 0 ? ink::bad : ink::plain}});
  }
  return out.without_empty_columns().text(on);
}

std::string render_runs_json(const std::vector<run_entry>& all) {
  auto out = json::array();
  for (const auto& x : all) {
    json row{{"run", x.id}, {"scenario", x.scenario}, {"state", x.live ? "live" : x.ended ? "over" : "lost"}};
    if (x.pid) row["pid"] = *x.pid;
    if (x.started) row["started"] = utc_text(*x.started);
    if (x.ended) row["ended"] = utc_text(*x.ended);
    if (x.last) row["last_event"] = utc_text(*x.last);
    if (x.code) row["code"] = *x.code;
    if (x.died) row["died"] = true;
    row["crashes"] = x.crashes;
    out.push_back(std::move(row));
  }
  return out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::unique_ptr<command> make_runs_command() { return std::make_unique<runs_command>(); }

}  // namespace steward::cli
