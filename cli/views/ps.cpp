#include "cli/views/ps.hpp"

#include "cli/exit_codes.hpp"
#include "cli/views/look_options.hpp"
#include "cli/views/picture.hpp"
#include "observe/phrases.hpp"
#include "observe/report_text.hpp"
#include "observe/standard_streams.hpp"
#include "observe/view_json.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <utility>
#include <vector>

namespace steward::cli {
namespace {

using column = table::column;

std::string number_or_nothing(std::uint64_t n) { return n > 0 ? std::to_string(n) : std::string{}; }

std::vector<column> columns(bool wide, bool lost) {
  std::vector<column> out{{"PATH", false, true, false, true},
                          {"KIND"},
                          {"IN"},
                          {lost ? "LAST STATUS" : "STATUS"},
                          {"INC", true},
                          {"PID", true, false, true},
                          {"RESTARTS", true},
                          {"UP SINCE", true, false, true},
                          {"CPU", true, false, true},
                          {"MEMORY", true, false, true},
                          {"WAITING", true, false, true}};
  if (!wide) return out;
  for (auto& one : out) one.may_go = false;
  for (auto one : {column{"RUNS"}, column{"CRASHES", true}, column{"DOWN FOR", true}, column{"RESTART"},
                   column{"BUDGET"}, column{"LAST CRASH"}, column{"ITS CAUSE", false, true}})
    out.push_back(std::move(one));
  return out;
}

std::vector<cell> row(const scene& shown, const std::string& path, const child_view& x, bool wide) {
  const auto now = shown.now;
  const auto& figures = x.figures;
  std::vector<cell> out{{report::actor_text(path)},
                        {x.kind},
                        {x.runs_in},
                        shown.status(path, x),
                        {number_or_nothing(x.incarnation)},
                        {x.pid ? std::to_string(*x.pid) : std::string{}},
                        {std::to_string(x.restarts + x.gone_restarts)},
                        {x.up_since ? phrases::at(*x.up_since, now) : std::string{}},
                        {phrases::cpu(figures)},
                        {phrases::memory(figures)},
                        {phrases::waiting(x)}};
  if (!wide) return out;
  const auto budget = phrases::budget_of(shown.view, path, x);
  const auto down = x.downtime_at(now) + x.gone_downtime;
  for (auto one : {report::escaped(x.kind == "supervisor" ? x.strategy : x.type),
                   std::to_string(x.crashes + x.gone_crashes), down.count() > 0 ? phrases::span(down) : std::string{},
                   x.restart, budget.budget != nullptr ? phrases::budget(*budget.budget, now) : std::string{},
                   x.last_crash, report::escaped(x.last_cause)})
    out.push_back({std::move(one)});
  return out;
}

class ps_command : public command {
public:
  std::string_view name() const override { return "ps"; }
  CLI::App* add_to(CLI::App& app) override {
    auto* out = app.add_subcommand(std::string{name()},
                                   "Show a line for each child of a run, as it is or as it was at the end");
    options_.add_to(*out, {"text", "wide", "json", "name"});
    which_.add_to(*out);
    return out;
  }

  int run(const program&) override {
    return looking("ps", [&] {
      const auto from = options_.open();
      const auto picture = which_.of(*from);
      const auto shown = picture.drawn(which_.all());
      standard_streams::print(text_of(shown));
      options_.say_remarks(*from, picture.view);
      if (shown.state != run_state::live) options_.say(which_.line_of(picture, from->is_live()));
      if (shown.state == run_state::lost) options_.say("how the children were then is the last that is known of them");
      if (const auto gone = shown.left_out(); gone > 0)
        options_.say(phrases::counted(gone, "worker that is", "workers that are") + " down left out; --all shows them");
      return int{exit_done};
    });
  }

private:
  std::string text_of(const scene& shown) const {
    const auto& format = options_.format();
    if (format == "text" || format == "wide") return render_ps(shown, format == "wide", options_.on());
    if (format == "json") return render_ps_json(shown);
    std::string names;
    for (const auto& one : shown.children()) names += report::actor_text(*one.path) + "\n";
    return names;
  }

  look_options options_;
  picture_options which_;
};

}  // namespace

std::string render_ps(const scene& shown, bool wide, const paper& paper_there_is) {
  auto on = paper_there_is;
  if (wide) on.width = 0;  // whoever asks for all of it does not want it cut
  table out{columns(wide, shown.state == run_state::lost)};
  for (const auto& one : shown.children()) out.add(row(shown, *one.path, *one.child, wide));
  return out.without_empty_columns().text(on);
}

std::string render_ps_json(const scene& shown) {
  std::string objects;
  for (const auto& one : shown.children()) objects += (objects.empty() ? "" : ",\n ") + json_of(*one.path, *one.child);
  return "{" + json_of_scene(shown) + ",\"run\":" + json_of_run(shown.view) + ",\n\"children\":[" + objects + "]}\n";
}

std::unique_ptr<command> make_ps_command() { return std::make_unique<ps_command>(); }

}  // namespace steward::cli
