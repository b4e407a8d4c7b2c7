#include "control/answers.hpp"

#include <fmt/format.h>

#include <array>
#include <functional>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

// The text format of Prometheus is simple enough to be written here.
namespace steward::control_api {
namespace {

std::string label(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

/// Metrics of one run, a family after the other.
class metrics_writer {
public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(std::back_inserter(out_), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
  }
  template <class T>
  void value(const T& x, std::string_view labels = {}, std::string_view ending = {}) {
    fmt::format_to(std::back_inserter(out_), "{}{}", name_, ending);
    if (!labels.empty()) fmt::format_to(std::back_inserter(out_), "{{{}}}", labels);
    fmt::format_to(std::back_inserter(out_), " {}\n", x);
  }

  std::string take() { return std::move(out_); }

private:
  std::string out_;
  std::string_view name_;
};

std::string of_child(const std::string& path) { return fmt::format("path=\"{}\"", label(path)); }

double seconds(run_view::time_point::duration x) { return std::chrono::duration<double>(x).count(); }

void write_run(metrics_writer& out, const run_view& view, const program_facts& facts) {
  out.family("steward_run_info", "gauge", "The run that answers.");
  out.value(1, fmt::format("run=\"{}\",name=\"{}\",pid=\"{}\"", label(view.run), label(facts.name), facts.pid));
  const auto count = [&](std::string_view name, std::string_view help, std::uint64_t x) {
    out.family(name, "counter", help);
    out.value(x);
  };
  count("steward_events_total", "Events of the run.", view.events);
  count("steward_events_missing_total", "Events that these figures know nothing of.", view.missing);
  count("steward_crashes_total", "Crashes of children and workers.", view.crash_count);
  count("steward_restarts_total", "Restarts of children and workers.", view.restarts);
  count("steward_hangs_total", "Handlers and tasks that ran too long.", view.hangs);
  count("steward_warnings_total", "Warnings.", view.warnings);
  count("steward_interventions_total", "What people have done to the tree.", view.interventions);
}

void write_statuses(metrics_writer& out, const run_view& view) {
  std::array<std::uint64_t, 9> counts{};
  for (const auto& [path, child] : view.children) {
    const auto at = static_cast<std::size_t>(child.status);
    if (child.kind != "worker" && at < counts.size()) ++counts[at];
  }
  out.family("steward_children", "gauge", "Children of supervisors, by how they are doing.");
  for (std::size_t i = 0; i < counts.size(); ++i)
    out.value(counts[i], fmt::format("status=\"{}\"", to_string(static_cast<view_status>(i))));
}

/// A line for each child, but for the workers of pools, of which `f` has something to tell.
void write_children(metrics_writer& out, const run_view& view, std::string_view name, std::string_view type,
                    std::string_view help, const std::function<std::optional<double>(const child_view&)>& f) {
  bool begun = false;
  for (const auto& [path, child] : view.children) {
    if (child.kind == "worker") continue;
    const auto x = f(child);
    if (!x) continue;
    if (!std::exchange(begun, true)) out.family(name, type, help);
    out.value(*x, of_child(path));
  }
}

using of_sample = std::optional<std::uint64_t> sample::*;
using of_pool = std::uint64_t pool_view::*;

void write_each_child(metrics_writer& out, const run_view& view) {
  write_children(out, view, "steward_child_up", "gauge", "1 while the child is up.",
                 [](const child_view& x) { return x.status == view_status::up ? 1.0 : 0.0; });
  write_children(out, view, "steward_child_restarts_total", "counter", "Restarts of the child.",
                 [](const child_view& x) { return static_cast<double>(x.restarts); });
  write_children(out, view, "steward_child_crashes_total", "counter", "Crashes of the child.",
                 [](const child_view& x) { return static_cast<double>(x.crashes); });
  write_children(out, view, "steward_child_downtime_seconds_total", "counter", "How long the child was down.",
                 [&](const child_view& x) { return seconds(x.downtime_at(view.now)); });
  const auto figure = [&](std::string_view name, std::string_view type, std::string_view help, of_sample which) {
    write_children(out, view, name, type, help, [which](const child_view& x) -> std::optional<double> {
      if (!x.figures || !(x.figures->last.*which)) return std::nullopt;
      return static_cast<double>(*(x.figures->last.*which));
    });
  };
  figure("steward_actor_waiting", "gauge", "Messages in the mailbox.", &sample::waiting);
  figure("steward_actor_handled_total", "counter", "Messages handled.", &sample::handled);
  figure("steward_pool_queued", "gauge", "Tasks that no worker has been sent.", &sample::queued);
  figure("steward_pool_running", "gauge", "Tasks that workers have been sent.", &sample::running);
  figure("steward_pool_workers", "gauge", "Workers that there are.", &sample::workers);
  figure("steward_pool_succeeded_total", "counter", "Tasks that ended with a value.", &sample::succeeded);
  figure("steward_pool_failed_total", "counter", "Tasks that ended without one.", &sample::failed);
  const auto of_pools = [&](std::string_view name, std::string_view help, of_pool which) {
    write_children(out, view, name, "counter", help, [which](const child_view& x) -> std::optional<double> {
      if (!x.pool) return std::nullopt;
      return static_cast<double>((*x.pool).*which);
    });
  };
  of_pools("steward_pool_worker_crashes_total", "Workers that died.", &pool_view::worker_crashes);
  of_pools("steward_pool_retried_total", "Runs of tasks beyond the first, after a fault.", &pool_view::retried);
  of_pools("steward_pool_quarantined_total", "Tasks whose every attempt killed its worker.", &pool_view::quarantined);
}

/// The first bucket counts what took less than 1 us, the one at i what took less than 2^i us, the last the rest.
void write_run_times(metrics_writer& out, const run_view& view) {
  bool begun = false;
  for (const auto& [path, child] : view.children) {
    if (child.kind == "worker" || !child.figures || child.figures->last.run_times.empty()) continue;
    if (!std::exchange(begun, true)) out.family("steward_task_run_seconds", "histogram", "How long tasks ran.");
    const auto& times = child.figures->last.run_times;
    std::uint64_t below = 0;
    double limit = 1e-6;
    for (std::size_t i = 0; i + 1 < times.size(); ++i, limit *= 2) {
      below += times[i];
      out.value(below, fmt::format("{},le=\"{}\"", of_child(path), limit), "_bucket");
    }
    below += times.back();
    out.value(below, of_child(path) + ",le=\"+Inf\"", "_bucket");
    out.value(below, of_child(path), "_count");
  }
}

void write_program(metrics_writer& out, const run_view& view) {
  if (!view.figures) return;
  const auto& last = view.figures->last;
  const auto figure = [&](std::string_view name, std::string_view help, auto x) {
    if (!x) return;
    out.family(name, "gauge", help);
    out.value(*x);
  };
  figure("steward_program_cpu_percent", "Processor time of the program, of one core.", last.cpu_percent);
  figure("steward_program_rss_kib", "Resident memory of the program.", last.rss_kib);
  figure("steward_program_threads", "Threads of the program.", last.threads);
  figure("steward_program_descriptors", "Open descriptors of the program.", last.descriptors);
}

}  // namespace

std::string metrics_text(const run_view& view, const program_facts& facts) {
  metrics_writer out;
  write_run(out, view, facts);
  write_statuses(out, view);
  write_each_child(out, view);
  write_run_times(out, view);
  write_program(out, view);
  return out.take();
}

}  // namespace steward::control_api
