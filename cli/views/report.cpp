#include "cli/views/report.hpp"

#include "cli/exit_codes.hpp"
#include "cli/views/look_options.hpp"
#include "observe/phrases.hpp"
#include "observe/report_text.hpp"
#include "observe/standard_streams.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace steward::cli {
namespace {

class report_command : public command {
public:
  std::string_view name() const override { return "report"; }
  CLI::App* add_to(CLI::App& app) override {
    auto* out =
        app.add_subcommand(std::string{name()}, "Say what happened in a run: crashes, recoveries, what was lost");
    options_.add_to(*out, {"text", "json", "md", "junit"}, "-o,--format,--output");
    return out;
  }

  int run(const program&) override {
    return looking("report", [&] {
      const auto from = options_.open();
      const auto view = from->view();
      auto remarks = from->remarks();
      for (auto& one : gaps_of(view)) remarks.push_back(std::move(one));
      run_report report{view, from->is_live(), phrases::moment_of(view, from->is_live()), std::move(remarks)};
      report.named = options_.named();
      standard_streams::print(text_of(report));
      return int{exit_done};
    });
  }

private:
  std::string text_of(const run_report& x) const {
    const auto& format = options_.format();
    if (format == "json") return render_report_json(x);
    if (format == "md") return render_report_markdown(x);
    if (format == "junit") return render_report_junit(x);
    return render_report_text(x, options_.on());
  }

  look_options options_;
};

/// What became of workers is told with their pool.
void add_workers(run_report::child_row& pool, const run_view& view, const std::string& path) {
  for (const auto& worker : view.below(path)) {
    const auto* x = view.find(worker);
    if (x->kind != "worker") continue;
    pool.restarts += x->restarts;
    pool.crashes += x->crashes;
    if (x->last_crash > pool.last_crash) {
      pool.last_crash = x->last_crash;
      pool.last_cause = report::escaped(x->last_cause);
    }
  }
}

std::optional<run_report::unfinished_row> unfinished_in(const run_view& view) {
  std::optional<run_report::unfinished_row> out;
  for (const auto& [path, x] : view.children) {
    if (!x.figures) continue;
    const auto& last = x.figures->last;
    if (!out) out.emplace(run_report::unfinished_row{0, 0, {}});
    out->at = std::max(out->at, last.at);
    out->messages += last.waiting.value_or(0);
    if (x.pool) out->tasks += last.queued.value_or(0) + last.running.value_or(0);
  }
  return out;
}

}  // namespace

run_report::run_report(const run_view& from, bool is_live, run_view::time_point at, std::vector<std::string> missing)
    : view(from), live(is_live), now(at), state(state_of(from, is_live)), remarks(std::move(missing)) {
  const scene shown{view, now, state};
  if (state == run_state::lost) unfinished = unfinished_in(view);
  for (const auto& [place, causes] : view.summary.all().by_child)
    for (const auto& [cause, count] : causes) crashes.push_back({place.empty() ? "the program" : place, cause, count});
  std::stable_sort(crashes.begin(), crashes.end(), [](const auto& a, const auto& b) { return a.count > b.count; });
  for (const auto& [path, x] : view.children) {
    if (x.pool) {
      const auto& p = *x.pool;
      const auto lost = p.quarantined + p.failed + p.given_up;
      pools.push_back({report::actor_text(path), p, lost, p.valueless > lost ? p.valueless - lost : 0});
      lost_tasks += pools.back().lost;
    }
    if (x.kind == "worker") continue;
    child_row row{report::actor_text(path),
                  x.kind,
                  x.status,
                  shown.status(path, x),
                  shown.flaps(path),
                  x.restarts + x.gone_restarts,
                  x.crashes + x.gone_crashes,
                  x.downtime_at(now) + x.gone_downtime,
                  x.lost_messages,
                  x.quarantined_messages,
                  x.last_crash,
                  report::escaped(x.last_cause)};
    if (x.pool) add_workers(row, view, path);
    const bool went_well = row.restarts == 0 && row.crashes == 0 && row.downtime.count() == 0 &&
                           row.lost_messages == 0 && row.quarantined_messages == 0 &&
                           row.status != view_status::gave_up;
    if (!went_well) children.push_back(std::move(row));
  }
  std::stable_sort(children.begin(), children.end(), [](const auto& a, const auto& b) {
    return std::tie(b.restarts, b.crashes, b.downtime) < std::tie(a.restarts, a.crashes, a.downtime);
  });
}

std::unique_ptr<command> make_report_command() { return std::make_unique<report_command>(); }

}  // namespace steward::cli
