#include "cli/views/tree.hpp"

#include "cli/exit_codes.hpp"
#include "cli/views/look_options.hpp"
#include "cli/views/phrases.hpp"
#include "cli/views/walk.hpp"
#include "observe/report_text.hpp"
#include "observe/standard_streams.hpp"
#include "observe/view_json.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <optional>
#include <utility>

namespace steward::cli {
namespace {

void add(std::string& text, const std::string& part) {
  if (part.empty()) return;
  if (!text.empty()) text += ", ";
  text += part;
}

class tree_command : public command {
public:
  CLI::App* add_to(CLI::App& app) override {
    auto* out = app.add_subcommand("tree", "Show the tree of a run, as it is or as it was at any moment");
    options_.add_to(*out);
    out->add_option("--at", at_, "the number of an event, the id of a crash, or " + std::string{time_notation});
    return out;
  }

  int run(const program&) override {
    return looking("tree", [&] {
      const auto from = options_.open();
      auto view = from->view();
      auto now = phrases::moment_of(view, from->is_live());
      if (!at_.empty()) {
        const auto when = moment_of_text(at_, now);
        if (!when)
          throw cannot_look("--at: '" + report::escaped(at_) + "' is neither a number nor an id of a crash nor " +
                                std::string{time_notation},
                            exit_usage);
        view = then(*from, view, *when);
        now = when->at.value_or(view.now);
      }
      if (options_.as_json()) {
        standard_streams::print(json_of(view) + "\n");
      } else {
        standard_streams::print(render_tree(view, now, options_.on()));
        standard_streams::say("steward: " + line_of(view, from->is_live(), now) + "\n");
      }
      say_remarks(*from, view);
      return int{exit_done};
    });
  }

private:
  run_view then(run_source& from, const run_view& latest, const moment& when) const {
    auto out = from.view_at(when);
    if (out.events == 0)
      throw cannot_look("--at " + report::escaped(at_) + " is before the first event that there is", exit_usage);
    if (when.seq && *when.seq > latest.last_seq)
      throw cannot_look(fmt::format("--at {}: the last event is {}", *when.seq, latest.last_seq), exit_usage);
    if (!when.crash.empty() && out.crash(when.crash) == nullptr)
      throw cannot_look("--at: there is no crash " + report::escaped(when.crash), exit_usage);
    return out;
  }

  std::string line_of(const run_view& view, bool live, run_view::time_point now) const {
    if (at_.empty()) return phrases::run_line(view, live, now);
    return fmt::format("as it was at {}, after event {}", phrases::date_and_time(now), view.last_seq);
  }

  look_options options_;
  std::string at_;
};

}  // namespace

std::string details_of(const child_view& x, run_view::time_point now) {
  using phrases::counted;
  std::string out;
  if (x.up_since) add(out, "for " + phrases::span(now - *x.up_since));
  if (x.pid) add(out, fmt::format("pid {}", *x.pid));
  if (x.pool && x.pool->workers) add(out, counted(*x.pool->workers, "worker"));
  if (x.incarnation > 1) add(out, fmt::format("incarnation {}", x.incarnation));
  if (const auto restarts = x.restarts + x.gone_restarts; restarts > 0) add(out, counted(restarts, "restart"));
  if (const auto crashes = x.crashes + x.gone_crashes; crashes > 0) add(out, counted(crashes, "crash", "crashes"));
  if (x.own.limit) add(out, "own budget " + phrases::budget(x.own, now));
  if (x.below.limit) add(out, "budget " + phrases::budget(x.below, now));
  if (const auto n = phrases::waiting(x); !n.empty() && n != "0") add(out, n + " waiting");
  if (x.figures && x.figures->per_second) add(out, fmt::format("{:.0f}/s", *x.figures->per_second));
  if (x.lost_messages > 0) add(out, counted(x.lost_messages, "message") + " lost");
  if (x.gone > 0) add(out, counted(x.gone, "child", "children") + " removed");
  if (!is_down(x.status) && x.status != view_status::up && !x.last_cause.empty())
    add(out, report::escaped(x.last_cause));
  return out;
}

std::string render_tree(const run_view& view, run_view::time_point now, const paper& on) {
  table out{{{"TREE", false, true}, {"KIND", false, true}, {"STATUS"}, {"", false, true}}};
  for (const auto& one : in_tree_order(view)) {
    const auto name = branches_of(one, on.utf8) + report::actor_text(one.name());
    out.add({{name},
             {phrases::kind(*one.child), ink::dim},
             phrases::status(*one.child, now),
             {details_of(*one.child, now)}});
  }
  return out.text(on, false);
}

std::unique_ptr<command> make_tree_command() { return std::make_unique<tree_command>(); }

}  // namespace steward::cli
