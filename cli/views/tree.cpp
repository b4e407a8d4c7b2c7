#include "cli/views/tree.hpp"

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

namespace steward::cli {
namespace {

void add(std::string& text, const std::string& part) {
  if (part.empty()) return;
  if (!text.empty()) text += ", ";
  text += part;
}

class tree_command : public command {
public:
  std::string_view name() const override { return "tree"; }
  CLI::App* add_to(CLI::App& app) override {
    auto* out = app.add_subcommand(std::string{name()}, "Show the tree of a run, as it is or as it was at any moment");
    options_.add_to(*out);
    which_.add_to(*out);
    return out;
  }

  int run(const program&) override {
    return looking("tree", [&] {
      const auto from = options_.open();
      const auto picture = which_.of(*from);
      const auto shown = picture.drawn(which_.all());
      if (options_.as_json()) {
        standard_streams::print("{" + json_of_scene(shown) + "," + json_of(shown.view).substr(1) + "\n");
      } else {
        standard_streams::print(render_tree(shown, options_.on()));
        options_.say(which_.line_of(picture, from->is_live()));
      }
      if (shown.state == run_state::lost) options_.say("how the children were then is the last that is known of them");
      options_.say_remarks(*from, shown.view);
      return int{exit_done};
    });
  }

private:
  look_options options_;
  picture_options which_;
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
  if (x.below.limit)
    add(out, (x.pool ? "budget of its workers " : "budget of its children ") + phrases::budget(x.below, now));
  if (const auto n = phrases::waiting(x); !n.empty() && n != "0") add(out, n + " waiting");
  if (x.figures && x.figures->per_second) add(out, fmt::format("{:.0f}/s", *x.figures->per_second));
  if (x.lost_messages > 0) add(out, counted(x.lost_messages, "message") + " lost");
  if (x.gone > 0) add(out, counted(x.gone, "child", "children") + " removed");
  if (!is_down(x.status) && x.status != view_status::up && !x.last_cause.empty())
    add(out, report::escaped(x.last_cause));
  return out;
}

std::string render_tree(const scene& shown, const paper& on) {
  table out{{{"TREE", false, true}, {"KIND", false, true}, {"STATUS"}, {"", false, true}}};
  for (const auto& one : shown.children()) {
    const auto name = branches_of(one, on.utf8) + report::actor_text(one.name());
    out.add({{name},
             {phrases::kind(*one.child), ink::dim},
             shown.status(*one.path, *one.child),
             {details_of(*one.child, shown.now)}});
  }
  return out.text(on, false);
}

std::unique_ptr<command> make_tree_command() { return std::make_unique<tree_command>(); }

}  // namespace steward::cli
