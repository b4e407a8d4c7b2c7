#include "control/metrics.hpp"

#include "base/text.hpp"
#include "control/router.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

namespace steward::control_api {
namespace {

using prometheus::Labels;
using counters = prometheus::Family<prometheus::Counter>;
using gauges = prometheus::Family<prometheus::Gauge>;
using histograms = prometheus::Family<prometheus::Histogram>;

double seconds_of(run_view::time_point::duration x) { return std::chrono::duration<double>(x).count(); }

void put(counters& into, const Labels& labels, double x) { into.Add(labels).Increment(x); }
void put(gauges& into, const Labels& labels, double x) { into.Add(labels).Set(x); }

/// Counts of what lies at or below each limit and above the one before; the last are those beyond all limits.
struct buckets {
  explicit buckets(std::vector<double> upper) : limits(std::move(upper)), counts(limits.size() + 1) {}

  void add(std::size_t at, double each, std::uint64_t times) {
    counts[at] += static_cast<double>(times);
    sum += each * static_cast<double>(times);
  }

  std::vector<double> limits;
  std::vector<double> counts;
  double sum = 0.0;
};

void put(histograms& into, const Labels& labels, const buckets& x) {
  into.Add(labels, x.limits).ObserveMultiple(x.counts, x.sum);
}

/// Processor time and memory of the workers of one pool.
struct usage {
  double cpu_percent = 0.0;
  double rss_kib = 0.0;
  bool any_cpu = false;
  bool any_rss = false;

  void add(const sample& x) {
    cpu_percent += x.cpu_percent.value_or(0.0);
    rss_kib += static_cast<double>(x.rss_kib.value_or(0));
    any_cpu = any_cpu || x.cpu_percent;
    any_rss = any_rss || x.rss_kib;
  }
};

/// It is down for a crash, and not because it was done or somebody wants that.
bool has_failed(const run_view& view, const child_view& x) {
  if (x.status == view_status::gave_up || x.status == view_status::parked) return true;
  if (x.status != view_status::ended) return x.status != view_status::up && !x.recovering.empty();
  if (x.restart == "permanent") return true;  // without a crash it would have come back
  const auto* last = view.crash(x.last_crash);
  return last != nullptr && last->incarnation == x.incarnation;
}

/// One scrape.
class scrape {
public:
  scrape(const run_view& view, const metrics_options& options)
      : view_(view), now_(view.figures ? std::max(view.now, view.figures->last.at) : view.now) {
    for (const auto& one : view.children)
      if (one.second.kind != "worker")
        named_.push_back(&one);
      else if (one.second.figures)
        workers_[one.second.parent].add(one.second.figures->last);
    if (named_.size() <= options.most_children) return;
    const auto border = named_.begin() + static_cast<std::ptrdiff_t>(options.most_children);
    std::nth_element(named_.begin(), border, named_.end(), [](auto* a, auto* b) { return rank(*a) < rank(*b); });
    others_.assign(border, named_.end());
    named_.erase(border, named_.end());
  }

  void add_run(const program_facts& facts);
  void add_faults();
  void add_statuses();
  void add_children();
  void add_usage();
  void add_budgets();
  void add_work();
  void add_tasks();
  void add_times(const char* name, const char* help, std::vector<std::uint64_t> sample::*which);
  void add_program();

  std::string text();

private:
  using child = std::pair<const std::string, child_view>;
  using of_sample = std::optional<std::uint64_t> sample::*;

  static std::pair<int, std::uint64_t> rank(const child& x) {
    const bool leads = x.second.kind == "pool" || x.second.kind == "supervisor";
    return {leads ? 0 : x.second.crashes > 0 ? 1 : 2, x.second.order};
  }
  static Labels of_child(const child& x) { return {{"path", repair_utf8(x.first)}}; }

  counters& counter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(*registry_);
  }
  gauges& gauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(*registry_);
  }
  histograms& histogram(const char* name, const char* help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(*registry_);
  }
  /// Writes all families that were made, and ends them: those of a large tree take a lot of memory.
  void write();
  void count(const char* name, const char* help, std::uint64_t x) {
    put(counter(name, help), {}, static_cast<double>(x));
  }

  template <class Family, class F>
  void fill(Family& into, F&& f) {
    for (const auto* x : named_)
      if (const std::optional<double> figure = f(*x)) put(into, of_child(*x), *figure);
  }
  /// What `f` has to tell of each child with series of its own. Ends with `write`, as the next.
  template <class Family, class F>
  void each(Family& into, F&& f) {
    fill(into, f);
    write();
  }
  /// The same, and the sum of all others. Only of gauges: the sum of counters would fall when one of the others gets
  /// series of its own, which Prometheus takes for a restart.
  template <class F>
  void each_and_others(gauges& into, F&& f) {
    fill(into, f);
    std::optional<double> sum;
    for (const auto* x : others_)
      if (const std::optional<double> figure = f(*x)) sum = sum.value_or(0.0) + *figure;
    if (sum) put(into, {{"path", "(others)"}}, *sum);
    write();
  }

  static auto reads(of_sample which) {
    return [which](const child& x) -> std::optional<double> {
      if (!x.second.figures || !(x.second.figures->last.*which)) return std::nullopt;
      return static_cast<double>(*(x.second.figures->last.*which));
    };
  }

  const run_view& view_;
  const run_view::time_point now_;
  std::vector<const child*> named_;
  std::vector<const child*> others_;
  std::map<std::string, usage, std::less<>> workers_;  // by pool
  std::optional<prometheus::Registry> registry_{std::in_place};
  std::ostringstream out_;
};

void scrape::add_run(const program_facts& facts) {
  put(gauge("steward_run_info", "The run that answers."),
      {{"run", repair_utf8(view_.run)}, {"name", repair_utf8(facts.name)}, {"pid", std::to_string(facts.pid)}}, 1.0);
  if (view_.started)
    put(gauge("steward_run_start_time_seconds", "When the run began, in seconds since 1970."), {},
        seconds_of(view_.started->time_since_epoch()));
  count("steward_events_total", "Events of the run.", view_.events);
  count("steward_events_missing_total", "Events that these figures know nothing of.", view_.missing);
  count("steward_restarts_total", "Restarts of children and workers.", view_.restarts);
  count("steward_hangs_total", "Handlers and tasks that ran too long.", view_.hangs);
  count("steward_warnings_total", "Warnings.", view_.warnings);
  count("steward_interventions_total", "What people have done to the tree.", view_.interventions);
}

void scrape::add_faults() {
  const auto& all = view_.summary.all();
  std::map<std::string, std::uint64_t> crashes;  // with those that are 0, so that a rate has where to begin
  for (auto cls = static_cast<int>(cause_class::exception); cls <= static_cast<int>(cause_class::protocol); ++cls)
    crashes[to_string(static_cast<cause_class>(cls))] = 0;
  auto without_class = view_.crash_count;  // of a picture that was kept before classes were counted
  for (const auto& [cls, n] : all.by_class) {
    crashes[cls] += n;
    without_class -= std::min(n, without_class);
  }
  crashes["unknown"] += without_class;
  auto& crashes_total = counter("steward_crashes_total", "Crashes of children and workers, by class of the cause.");
  for (const auto& [cls, n] : crashes) put(crashes_total, {{"class", repair_utf8(cls)}}, static_cast<double>(n));

  auto& tasks = counter("steward_task_faults_total", "What became of tasks that met a fault.");
  put(tasks, {{"fate", "retried"}}, static_cast<double>(all.retried));
  put(tasks, {{"fate", "quarantined"}}, static_cast<double>(all.quarantined));
  put(tasks, {{"fate", "failed"}}, static_cast<double>(all.failed));
  put(tasks, {{"fate", "given_up"}}, static_cast<double>(all.given_up));
  auto& messages = counter("steward_messages_lost_total", "Messages that no handler finished.");
  put(messages, {{"fate", "lost"}}, static_cast<double>(all.lost_messages));
  put(messages, {{"fate", "quarantined"}}, static_cast<double>(all.quarantined_messages));

  constexpr double million = 1e6;
  buckets recoveries{{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,  0.1,
                      0.25,   0.5,     1.0,    2.5,   5.0,    10.0,  30.0, 60.0,  120.0, 300.0}};
  for (const auto& [us, n] : all.recovery_times) {
    const auto time = static_cast<double>(us) / million;
    const auto at = std::lower_bound(recoveries.limits.begin(), recoveries.limits.end(), time);
    recoveries.add(static_cast<std::size_t>(at - recoveries.limits.begin()), time, n);
  }
  put(histogram("steward_recovery_seconds", "From a crash until the next incarnation was ready."), {}, recoveries);
}

void scrape::add_statuses() {
  std::array<std::uint64_t, 9> counts{};
  const auto add = [&counts](const child& x) {
    const auto at = static_cast<std::size_t>(x.second.status);
    if (at < counts.size()) ++counts[at];
  };
  for (const auto* x : named_) add(*x);
  for (const auto* x : others_) add(*x);
  auto& children = gauge("steward_children", "Children of supervisors, by how they are doing.");
  for (std::size_t i = 0; i < counts.size(); ++i)
    put(children, {{"status", to_string(static_cast<view_status>(i))}}, static_cast<double>(counts[i]));
  put(gauge("steward_children_unlisted", "Children that have no series of their own."), {},
      static_cast<double>(others_.size()));
}

void scrape::add_children() {
  each(gauge("steward_child_up", "1 while the child is up."),
       [](const child& x) { return x.second.status == view_status::up ? 1.0 : 0.0; });
  each(gauge("steward_child_failed", "1 while the child is down for a crash, or has given up."),
       [this](const child& x) { return has_failed(view_, x.second) ? 1.0 : 0.0; });
  auto& statuses = gauge("steward_child_status", "1, with the status that the child has.");
  for (const auto* x : named_) {
    auto labels = of_child(*x);
    labels["status"] = to_string(x->second.status);
    put(statuses, labels, 1.0);
  }
  each(counter("steward_child_restarts_total", "Restarts of the child."),
       [](const child& x) { return static_cast<double>(x.second.restarts); });
  each(counter("steward_child_crashes_total", "Crashes of the child."),
       [](const child& x) { return static_cast<double>(x.second.crashes); });
  each(counter("steward_child_downtime_seconds_total", "How long the child was down."),
       [this](const child& x) { return seconds_of(x.second.downtime_at(now_)); });
}

void scrape::add_usage() {
  const auto used = [this](const child& x) {
    const auto of_workers = workers_.find(x.first);
    auto out = of_workers != workers_.end() ? of_workers->second : usage{};
    if (x.second.figures) out.add(x.second.figures->last);
    return out;
  };
  constexpr double kib = 1024.0;
  constexpr double percent = 100.0;
  each_and_others(gauge("steward_child_resident_memory_bytes", "Resident memory of the processes of the child."),
                  [&](const child& x) -> std::optional<double> {
                    const auto all = used(x);
                    return all.any_rss ? std::optional{all.rss_kib * kib} : std::nullopt;
                  });
  each_and_others(gauge("steward_child_cpu_ratio", "Processor time of these processes; 1 is one core."),
                  [&](const child& x) -> std::optional<double> {
                    const auto all = used(x);
                    return all.any_cpu ? std::optional{all.cpu_percent / percent} : std::nullopt;
                  });
}

void scrape::add_budgets() {
  auto& limits = gauge("steward_restart_budget_limit", "Restarts that are allowed within the period of the budget.");
  auto& used = gauge("steward_restart_budget_used", "Restarts within the period that ends now.");
  for (const auto* x : named_)
    for (const auto& [whose, budget] : {std::pair{"own", &x->second.own}, std::pair{"children", &x->second.below}}) {
      if (!budget->limit) continue;
      auto labels = of_child(*x);
      labels["of"] = whose;
      put(limits, labels, static_cast<double>(*budget->limit));
      put(used, labels, static_cast<double>(budget->used(now_)));
    }
}

void scrape::add_work() {
  each_and_others(gauge("steward_actor_waiting", "Messages in the mailbox."), reads(&sample::waiting));
  each(counter("steward_actor_handled_total", "Messages handled."), reads(&sample::handled));
  each_and_others(gauge("steward_pool_queued", "Tasks that no worker has been sent."), reads(&sample::queued));
  each_and_others(gauge("steward_pool_running", "Tasks that workers have been sent."), reads(&sample::running));
  each_and_others(gauge("steward_pool_workers", "Workers that there are."), reads(&sample::workers));
  each(gauge("steward_pool_longest_running_seconds", "How long the task has run that was begun first; 0 for none."),
       [](const child& x) -> std::optional<double> {
         if (!x.second.figures || !x.second.figures->last.workers) return std::nullopt;
         const auto& last = x.second.figures->last;
         return last.in_hand.empty() ? 0.0 : std::max(0.0, seconds_of(last.at - last.in_hand.front().since));
       });
}

void scrape::add_tasks() {
  auto& ended = counter("steward_pool_tasks_total", "Tasks that ended, by outcome: with a value, or without one.");
  for (const auto* x : named_)
    for (const auto& [outcome, which] :
         {std::pair{"succeeded", &sample::succeeded}, std::pair{"failed", &sample::failed}}) {
      const auto n = reads(which)(*x);
      if (!n) continue;
      auto labels = of_child(*x);
      labels["outcome"] = outcome;
      put(ended, labels, *n);
    }
  const auto of_pool = [](std::uint64_t pool_view::*which) {
    return [which](const child& x) -> std::optional<double> {
      if (!x.second.pool) return std::nullopt;
      return static_cast<double>((*x.second.pool).*which);
    };
  };
  each(counter("steward_pool_worker_crashes_total", "Workers that died."), of_pool(&pool_view::worker_crashes));
  each(counter("steward_pool_retried_total", "Runs of tasks beyond the first, after a fault."),
       of_pool(&pool_view::retried));
  each(counter("steward_pool_quarantined_total", "Tasks whose every attempt killed its worker."),
       of_pool(&pool_view::quarantined));
}

void scrape::add_times(const char* name, const char* help, std::vector<std::uint64_t> sample::*which) {
  auto& all = histogram(name, help);
  for (const auto* x : named_) {
    if (!x->second.figures || (x->second.figures->last.*which).size() < 2) continue;
    const auto& times = x->second.figures->last.*which;
    std::vector<double> limits;
    for (double limit = 1e-6; limits.size() + 1 < times.size(); limit *= 2) limits.push_back(limit);
    buckets counted{std::move(limits)};
    double middle = 0.75e-6;  // of the bucket, whose lower limit is half the upper one
    for (std::size_t i = 0; i < times.size(); ++i, middle *= 2) counted.add(i, middle, times[i]);
    put(all, of_child(*x), counted);
  }
}

void scrape::add_program() {
  if (!view_.figures) return;
  const auto& last = view_.figures->last;
  constexpr double kib = 1024.0;
  constexpr double percent = 100.0;
  const auto figure = [this](const char* name, const char* help, const auto& x, double factor = 1.0) {
    if (x) put(gauge(name, help), {}, static_cast<double>(*x) * factor);
  };
  if (last.cpu_percent)
    put(gauge("steward_program_cpu_ratio", "Processor time of the program; 1 is one core."), {},
        *last.cpu_percent / percent);
  figure("steward_program_resident_memory_bytes", "Resident memory of the program.", last.rss_kib, kib);
  figure("steward_program_threads", "Threads of the program.", last.threads);
  figure("steward_program_open_descriptors", "Open descriptors of the program.", last.descriptors);
}

void scrape::write() {
  auto families = registry_->Collect();
  registry_.emplace();
  for (auto& family : families)  // the order of their metrics is that of a hash table
    std::sort(family.metric.begin(), family.metric.end(),
              [](const auto& a, const auto& b) { return a.label < b.label; });
  prometheus::TextSerializer{}.Serialize(out_, families);
}

std::string scrape::text() {
  write();
  return std::move(out_).str();
}

}  // namespace

std::string metrics_text(const run_view& view, const program_facts& facts, const metrics_options& options) {
  scrape out{view, options};
  out.add_run(facts);
  out.add_faults();
  out.add_statuses();
  out.add_children();
  out.add_usage();
  out.add_budgets();
  out.add_work();
  out.add_tasks();
  out.add_times("steward_task_run_seconds", "How long tasks ran. The sum is an estimate, by the buckets.",
                &sample::run_times);
  out.add_times("steward_task_wait_seconds",
                "How long these tasks had waited before. The sum is an estimate, by the buckets.", &sample::wait_times);
  out.add_program();
  return out.text();
}

}  // namespace steward::control_api
