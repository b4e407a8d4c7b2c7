#include "cli/views/show.hpp"
#include "cli/views/top_model.hpp"
#include "cli/views/tree.hpp"
#include "observe/phrases.hpp"
#include "observe/report_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

// What `top` shows.

namespace steward::cli {
namespace {

using phrases::counted;
using time_point = run_view::time_point;
using page = top_state::page;

constexpr std::size_t least_tree_rows = 3;
constexpr std::size_t most_crash_rows = 8;

/// One drawing.
class drawing {
public:
  drawing(const run_view& view, const top_state& state, const top_rates& rates, top_size size, time_point now,
          bool live, bool utf8)
      : view_(view),
        state_(state),
        rates_(rates),
        size_(size),
        now_(now),
        live_(live),
        shown_(view, now, state_of(view, live)),
        on_{size.columns, false, utf8} {}

  std::vector<top_line> draw() {
    head();
    if (state_.shown == page::help)
      help();
    else if (state_.shown == page::details)
      details();
    else
      tree_and_crashes();
    lines_.resize(size_.rows > 0 ? size_.rows - 1 : 0);
    foot();
    lines_.resize(size_.rows);
    return std::move(lines_);
  }

private:
  void add(std::vector<cell> parts, bool selected = false) {
    std::size_t used = 0;
    for (auto& one : parts) {
      one.text = fitted(one.text, size_.columns - std::min(used, size_.columns), on_);
      used += columns_of(one.text);
    }
    lines_.push_back({std::move(parts), selected});
  }
  std::size_t rows_left() const {
    const auto used = lines_.size() + 1;  // the foot
    return size_.rows > used ? size_.rows - used : 0;
  }

  // The first lines.

  void head() {
    add({{phrases::run_line(view_, live_, now_), ink::strong}});
    std::uint64_t up = 0;
    std::uint64_t coming = 0;
    std::uint64_t down = 0;
    double tasks = 0;
    bool has_tasks = false;
    for (const auto& [path, x] : view_.children) {
      if (x.pool && x.figures && x.figures->per_second) {
        tasks += *x.figures->per_second;
        has_tasks = true;
      }
      if (x.kind == "worker") continue;
      ++(x.status == view_status::up ? up : is_down(x.status) ? down : coming);
    }
    std::vector<cell> parts;
    if (state_.paused) parts.push_back({"PAUSED  ", ink::odd});
    parts.push_back({counted(up, "child", "children") + (shown_.state == run_state::lost ? " were up" : " up"),
                     shown_.state == run_state::lost ? ink::odd : ink::good});
    if (coming > 0) parts.push_back({fmt::format(", {} on the way", coming), ink::odd});
    if (down > 0) parts.push_back({fmt::format(", {} down", down), ink::dim});
    auto crashes = "  " + counted(view_.crash_count, "crash", "crashes");
    if (rates_.crashes) crashes += fmt::format(" ({:.1f}/s)", *rates_.crashes);
    parts.push_back({std::move(crashes), view_.crash_count > 0 ? ink::bad : ink::plain});
    auto more = "  " + counted(view_.restarts, "restart");
    if (rates_.restarts) more += fmt::format(" ({:.1f}/s)", *rates_.restarts);
    if (has_tasks) more += fmt::format("  {:.0f} tasks/s", tasks);
    if (view_.missing > 0) more += "  " + counted(view_.missing, "event") + " missing";
    parts.push_back({std::move(more), ink::plain});
    add(std::move(parts));
    own_figures();
  }

  void own_figures() {
    if (!view_.figures) return;
    const auto& x = view_.figures->last;
    std::string out = "the program:";
    if (x.cpu_percent) out += fmt::format(" {:.1f} % cpu", *x.cpu_percent);
    if (x.rss_kib) out += ", " + phrases::memory(*x.rss_kib);
    if (x.threads) out += ", " + counted(*x.threads, "thread");
    if (x.descriptors) out += ", " + counted(*x.descriptors, "descriptor");
    add({{std::move(out), ink::dim}});
  }

  // The tree, and the crashes below it.

  void tree_and_crashes() {
    std::vector<placed_child> shown;
    for (auto& one : shown_.children())
      if (state_.filter.empty() || one.path->find(state_.filter) != std::string::npos) shown.push_back(std::move(one));
    const auto crash_rows = rows_for_crashes();
    const auto room = rows_left();
    const auto tree_rows = room > crash_rows + 1 ? room - crash_rows - 1 : 0;  // and the titles
    draw_tree(shown, tree_rows);
    if (crash_rows > 0) draw_crashes(crash_rows);
  }

  std::size_t rows_for_crashes() const {
    const auto room = rows_left();
    if (view_.crashes.empty() || room < least_tree_rows + 3) return 0;
    return 1 + std::min({view_.crashes.size(), most_crash_rows, room / 4 + 1});
  }

  void draw_tree(const std::vector<placed_child>& all, std::size_t rows) {
    std::size_t at = 0;
    bool is_here = false;
    for (std::size_t i = 0; i < all.size() && !is_here; ++i)
      if (*all[i].path == state_.selected) at = i, is_here = true;
    const bool first_is_meant = !is_here && view_.crash(state_.selected) == nullptr;
    const auto half = rows / 2;
    const auto top = all.size() > rows ? std::min(at > half ? at - half : 0, all.size() - rows) : 0;
    table out{{{"CHILD", false, true},
               {"STATUS"},
               {"RESTARTS", true},
               {"BUDGET"},
               {"/S", true, false, true},
               {"WAITING", true, false, true},
               {"CPU", true, false, true},
               {"MEMORY", true, false, true},
               {"", false, true}}};
    const auto end = std::min(all.size(), top + rows);
    for (std::size_t i = top; i < end; ++i) out.add(row_of(all[i]));
    const auto lines = out.without_empty_columns().lines(on_);
    for (std::size_t i = 0; i < lines.size(); ++i)
      add(lines[i], i > 0 && (is_here ? top + i - 1 == at : first_is_meant && i == 1));
    for (std::size_t i = lines.size(); i < rows + 1; ++i) add({});
  }

  std::vector<cell> row_of(const placed_child& one) const {
    const auto& x = *one.child;
    const auto name = state_.filter.empty() ? branches_of(one, on_.utf8) + one.name() : *one.path;
    const auto budget = phrases::budget_of(view_, *one.path, x);
    const auto& shown = budget.budget != nullptr ? *budget.budget : x.own;
    const auto rate =
        x.figures && x.figures->per_second ? fmt::format("{:.0f}", *x.figures->per_second) : std::string{};
    const auto cause = x.status == view_status::up ? std::string{} : report::escaped(x.last_cause);
    return {{report::actor_text(name), ink::plain},
            shown_.status(*one.path, x),
            {std::to_string(x.restarts + x.gone_restarts), ink::plain},
            {shown.limit ? fmt::format("{} of {}", shown.used(now_), *shown.limit) : std::string{},
             shown.limit && shown.used(now_) >= *shown.limit ? ink::odd : ink::plain},
            {rate, ink::plain},
            {phrases::waiting(x), ink::plain},
            {phrases::cpu(x.figures), ink::plain},
            {phrases::memory(x.figures), ink::plain},
            {cause, ink::dim}};
  }

  void draw_crashes(std::size_t rows) {
    std::vector<const crash_view*> all;
    for (auto it = view_.crashes.rbegin(); it != view_.crashes.rend(); ++it) all.push_back(&*it);
    std::size_t at = 0;
    const auto is_selected = [&](const crash_view* x) { return x->id == state_.selected; };
    const auto found = std::find_if(all.begin(), all.end(), is_selected);
    if (found != all.end()) at = static_cast<std::size_t>(found - all.begin());
    const auto shown = rows - 1;
    const auto top = at >= shown ? at - shown + 1 : 0;
    table out{{{"LAST CRASHES"}, {""}, {"", false, true}, {"", false, true}}};
    const auto end = std::min(all.size(), top + shown);
    for (std::size_t i = top; i < end; ++i)
      out.add({{all[i]->id, ink::plain},
               {phrases::at(all[i]->at, now_), ink::dim},
               {report::actor_text(all[i]->path), ink::plain},
               {report::escaped(describe(all[i]->why)), ink::bad}});
    const auto lines = out.lines(on_);
    for (std::size_t i = 0; i < lines.size(); ++i) add(lines[i], i > 0 && found != all.end() && top + i - 1 == at);
  }

  // Details of what is selected.

  void details() {
    const auto all = selectable(view_, state_);
    const bool is_there = std::find(all.begin(), all.end(), state_.selected) != all.end();
    const auto chosen = is_there ? state_.selected : all.empty() ? std::string{} : all.front();
    std::string text;
    if (const auto* crash = view_.crash(chosen))
      text = crash_text(*crash);
    else if (const auto* x = view_.find(chosen))
      text = child_text(chosen, *x);
    else
      text = "it is not there any more\n";
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
      const auto end = text.find('\n', at);
      lines.push_back(text.substr(at, end - at));
      at = end == std::string::npos ? text.size() : end + 1;
    }
    const auto room = rows_left();
    const auto most = lines.size() > room ? lines.size() - room : 0;
    const auto top = std::min(state_.scrolled, most);
    for (auto i = top; i < std::min(lines.size(), top + room); ++i) add({{lines[i], ink::plain}});
  }

  std::string crash_text(const crash_view& crash) const {
    whole_crash x;
    x.crash = crash;
    if (const auto* child = view_.find(crash.path)) x.child = *child;
    if (const auto it = view_.alike.find(crash.fingerprint); it != view_.alike.end()) x.alike = it->second;
    return render_crash(x, now_, {}, on_);
  }

  std::string child_text(const std::string& path, const child_view& x) const {
    auto out = fmt::format("{}\n", report::actor_text(path));
    const auto line = [&](const char* label, const std::string& text) {
      if (!text.empty()) out += fmt::format("  {:<12}{}\n", label, text);
    };
    line("kind", phrases::kind(x) + (x.runs_in.empty() ? "" : ", in a " + x.runs_in) +
                     (x.restart.empty() ? "" : ", " + x.restart));
    line("status", shown_.status(path, x).text);
    line("now", details_of(x, now_));
    const auto charged = phrases::budget_of(view_, path, x);
    if (charged.budget != nullptr)
      line("budget", phrases::budget(*charged.budget, now_) +
                         (charged.of == path ? ", its own" : ", of " + report::actor_text(charged.of)));
    line("downtime", phrases::span(x.downtime_at(now_) + x.gone_downtime));
    if (!x.last_crash.empty()) line("last crash", x.last_crash + ": " + report::escaped(x.last_cause));
    if (x.pool) {
      const auto& p = *x.pool;
      line("workers", fmt::format("{} crashes, {} restarts, {} replaced as planned", p.worker_crashes,
                                  p.worker_restarts, p.recycled));
      line("tasks", fmt::format("{} retried, {} quarantined, {} failed, {} given up", p.retried, p.quarantined,
                                p.failed, p.given_up));
    }
    if (x.figures) figures(x.figures->last, line);
    for (auto it = view_.crashes.rbegin(); it != view_.crashes.rend(); ++it)
      if (it->path == path || it->place == path)
        line("crash", fmt::format("{} {} {}", it->id, phrases::at(it->at, now_), report::escaped(describe(it->why))));
    return out;
  }

  template <class Line>
  static void figures(const sample& x, const Line& line) {
    if (x.accepted) line("messages", fmt::format("{} accepted, {} handled", *x.accepted, x.handled.value_or(0)));
    if (x.submitted)
      line("so far", fmt::format("{} tasks submitted, {} done, {} failed", *x.submitted, x.succeeded.value_or(0),
                                 x.failed.value_or(0)));
    if (x.ready)
      line("ready", fmt::format("{} workers ready, {} of them idle; {} tasks run", *x.ready, x.idle.value_or(0),
                                x.running.value_or(0)));
  }

  void help() {
    static constexpr std::array text{
        "",
        "arrows, PgUp, PgDn, Home, End   choose a child or a crash",
        "enter      details of it; enter again: back",
        "/          show only paths that have what you type; Esc: all",
        "r          restart the child, or start it where it is down",
        "s          stop it in order; it stays down",
        "k          kill it, as a crash would",
        "+ -        a worker more or less for the pool",
        "p          pause: the picture stays as it is",
        "?          this page",
        "q          quit; the run goes on",
        "",
        "r, s, k, + and - ask first, and are for live runs only.",
    };
    for (const auto* one : text) add({{one, ink::plain}});
  }

  void foot() {
    if (state_.asks) {
      const auto& order = *state_.asks;
      const auto what = order.verb == "resize" ? fmt::format("give {} {}", order.path, counted(order.workers, "worker"))
                                               : order.verb + " " + order.path;
      return add({{report::escaped(what) + "? y/n", ink::odd}});
    }
    if (state_.types_filter) return add({{"/" + report::escaped(state_.filter), ink::strong}});
    if (!state_.message.empty()) return add({{report::escaped(state_.message), ink::odd}});
    if (state_.shown != page::tree) return add({{"enter back", ink::dim}});
    std::string out = state_.filter.empty() ? "" : "only /" + report::escaped(state_.filter) + "  Esc all  ";
    const std::string_view pause = size_.columns < 88 ? "" : "p pause  ";
    out += live_ ? fmt::format("enter details  / filter  r restart  s stop  k kill  + - scale  {}? help  q quit", pause)
                 : "enter details  / filter  ? help  q quit";
    add({{std::move(out), ink::dim}});
  }

  const run_view& view_;
  const top_state& state_;
  const top_rates& rates_;
  top_size size_;
  time_point now_;
  bool live_;
  scene shown_;
  paper on_;
  std::vector<top_line> lines_;
};

}  // namespace

std::vector<top_line> draw_top(const run_view& view, const top_state& state, const top_rates& rates, top_size size,
                               time_point now, bool live, bool utf8) {
  return drawing{view, state, rates, size, now, live, utf8}.draw();
}

}  // namespace steward::cli
