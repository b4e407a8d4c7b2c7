#include "cli/run_command.hpp"

#include "cli/catalog.hpp"
#include "cli/event_outlets.hpp"
#include "cli/exit_codes.hpp"
#include "cli/failure.hpp"
#include "cli/output.hpp"
#include "cli/own_words.hpp"
#include "cli/plan.hpp"
#include "cli/reload.hpp"
#include "cli/runner.hpp"
#include "cli/scenario_files.hpp"
#include "cli/service_manager.hpp"
#include "cli/service_reporter.hpp"
#include "cli/stop_signals.hpp"
#include "cli/unit.hpp"
#include "cli/zygote_scope.hpp"
#include "config/diagnostics.hpp"
#include "config/loader.hpp"
#include "config/suggest.hpp"
#include "observe/standard_streams.hpp"
#include "steward/supervisor.hpp"
#include "supervision/sampler.hpp"

#include <filesystem>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace steward::cli {

using standard_streams::print;
using standard_streams::say;

namespace {

std::string errors_counted(std::size_t faults) { return std::to_string(faults) + (faults == 1 ? " error" : " errors"); }

void print_all(const std::vector<config::diagnostic>& what) {
  for (const auto& one : what) say(config::render(one));
}

/// Prints what is wrong with a file; for a bare name that is nearly that of a shipped scenario, also which.
void print_faults(const std::string& file, const std::vector<config::diagnostic>& faults) {
  print_all(faults);
  if (faults.empty() || faults.front().suggestion || find_scenario(file) != file || file.find('/') != std::string::npos)
    return;
  const auto shipped = shipped_scenarios();
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored)) return;
  if (const auto meant = config::did_you_mean(file, shipped))
    say(file + ": did you mean the shipped scenario '" + *meant + "'?\n");
}

/// Seeds of runs that name none differ from run to run; the run_start event tells them, so that a run can be repeated.
std::uint64_t seed_of(const config::scenario& what) {
  if (what.seed != 0) return what.seed;
  std::random_device random;
  return 1 + random() % 1'000'000'000U;
}

/// Scenarios, and of each where its values were written.
struct loaded_files {
  std::vector<config::scenario> scenarios;
  std::vector<config::origin_map> origins;
};

/// Checks all files; prints every fault of each.
std::optional<loaded_files> load_all(const run_request& request, const program& what) {
  const auto names = make_catalog(what.tasks, what.actors);
  config::load_options options;
  options.sets = request.sets;
  options.seed = request.seed;
  loaded_files out;
  std::size_t faults = 0;
  for (const auto& file : request.files) {
    auto loaded = config::load_file(find_scenario(file), names, options);
    print_faults(file, loaded.problems);
    print_all(loaded.warnings);
    faults += loaded.problems.size();
    if (!loaded.value) continue;
    out.scenarios.push_back(std::move(*loaded.value));
    out.origins.push_back(std::move(loaded.origins));
  }
  if (faults == 0) return out;
  say(errors_counted(faults) + "; nothing was started\n");
  return std::nullopt;
}

/// What may have to be stopped, or to reload, when a signal comes, at whatever moment of the run.
class stop_switch {
public:
  /// The reload that was asked for before there was anything to reload takes place as soon as there is.
  void ask_for_reload() {
    std::lock_guard guard{mutex_};
    if (reloading_ != nullptr)
      reloading_->ask();
    else
      reload_asked_ = true;
  }
  void reload_with(reloader* active) {
    std::lock_guard guard{mutex_};
    reloading_ = active;
    if (active != nullptr && std::exchange(reload_asked_, false)) active->ask();
  }
  void pull(int signal) {
    std::lock_guard guard{mutex_};
    signal_ = signal;
    if (active_ != nullptr) active_->interrupt(why());
  }
  void watch(runner* active) {
    std::lock_guard guard{mutex_};
    active_ = active;
    if (active != nullptr && (signal_ != 0 || !shut_down_by_.empty())) active->interrupt(why());
  }
  /// The run is to end in order, and no further one to begin.
  void shut_down(const std::string& by) {
    std::lock_guard guard{mutex_};
    shut_down_by_ = by;
    if (active_ != nullptr) active_->interrupt(why());
  }
  int signal() {
    std::lock_guard guard{mutex_};
    return signal_;
  }
  bool pulled() {
    std::lock_guard guard{mutex_};
    return signal_ != 0 || !shut_down_by_.empty();
  }

private:
  std::string why() const { return "stopped by " + (signal_ != 0 ? signal_name(signal_) : shut_down_by_); }

  std::mutex mutex_;
  runner* active_ = nullptr;
  reloader* reloading_ = nullptr;
  bool reload_asked_ = false;
  int signal_ = 0;
  std::string shut_down_by_;
};

/// Lets signals reach a reloader while it lives.
class reload_guard {
public:
  reload_guard(stop_switch& stop, reloader* active) : stop_(stop) { stop_.reload_with(active); }
  ~reload_guard() { stop_.reload_with(nullptr); }
  reload_guard(const reload_guard&) = delete;
  reload_guard& operator=(const reload_guard&) = delete;

private:
  stop_switch& stop_;
};

/// Ends the uses of a runner before it goes, however the run ended.
class run_guard {
public:
  run_guard(stop_switch& stop, supervisor& tree) : stop_(stop), tree_(tree) {}
  ~run_guard() {
    stop_.watch(nullptr);
    tree_.stop();
  }
  run_guard(const run_guard&) = delete;
  run_guard& operator=(const run_guard&) = delete;

private:
  stop_switch& stop_;
  supervisor& tree_;
};

/// Who is told of a run, and how it is run.
struct surroundings {
  const run_request& request;
  const program& registered;
  event_log& events;
  stop_switch& stop;
  service_manager& manager;
  run_control& control;
  event_outlets& outlets;
};

int run_steps(const config::scenario& what, const config::origin_map& origins, runtime& rt, output& out,
              const surroundings& around, const config::load_options& options) {
  auto& stop = around.stop;
  const auto& registered = around.registered;
  supervisor tree{rt, what.tree};
  runner steps{rt, tree, what, registered.tasks, out};
  tree.on_end([&] {
    if (tree.end() == tree_end::gave_up) steps.interrupt("given up");
  });
  std::function<void(std::string)> keep_plan;
  if (around.outlets.keeps_samples()) keep_plan = [&](std::string plan) { around.outlets.keep_plan(std::move(plan)); };
  reloader again{
      tree,           rt.events(),         make_catalog(registered.tasks, registered.actors), what, origins, options,
      around.manager, std::move(keep_plan)};
  const run_guard guard{stop, tree};
  stop.watch(&steps);
  const run_control::steering steered{
      around.control, tree, [&](const control_reload& how, const std::string& by) { return again.reload(how, by); },
      [&](const std::string& by) {
        stop.shut_down(by);
        return control_outcome{"ok", "the run is being stopped", {}, {}};
      },
      [&] { return again.plan(); }};
  std::optional<sampler> figures;
  if (around.control.wants_samples() || around.outlets.keeps_samples()) {
    figures.emplace(tree, sampler::every, [&around](const sample& x) {
      around.control.take(x);
      around.outlets.write(x);
    });
  }
  const auto started = tree.start();
  for (const auto& fault : started.faults) say("steward: " + describe(fault) + "\n");
  if (!started.faults.empty()) return exit_config;
  if (!started.ok && tree.end() != tree_end::gave_up && !stop.pulled()) {
    say("steward: " + started.failed_child + " failed to start: " + describe(started.why) + "\n");
    return exit_start_failed;
  }
  end_start();
  bool all_well = false;
  {
    const reload_guard reloads{stop, &again};
    const service_reporter reports{around.manager, tree, what.name};
    const bool stays = around.request.stay.value_or(what.stays);
    if (stays && (what.stays || what.run.empty()) && !around.request.quiet) say("steward: " + what.name + " is up\n");
    const bool once = around.request.stay == false;
    all_well = steps.run(stays ? runner::then::stays : once ? runner::then::once : runner::then::ends);
  }
  around.manager.stopping();
  tree.stop();
  if (tree.end() == tree_end::gave_up) return exit_gave_up;
  return all_well ? exit_done : exit_failed;
}

int run_one(const config::scenario& what, const config::origin_map& origins, const surroundings& around) {
  const auto& request = around.request;
  const auto& registered = around.registered;
  auto& events = around.events;
  auto& stop = around.stop;
  output out{events, !request.json};
  event begin;
  begin.kind = event_kind::run_start;
  const auto seed = seed_of(what);
  begin.text = what.name + " (" + what.file + "), seed " + std::to_string(seed);
  begin.scenario = event_scenario{what.name, what.file, seed};
  events.emit(std::move(begin));
  const run_control::scope looked_into{around.control, what.name};
  runtime_options options;
  options.seed = seed;
  options.actor_links = needs_links(what.tree);
  options.announce_types = registered.announce_types;
  options.print = [&out](const std::string& line) { out.line(line); };
  options.print_of_workers = [&out](const std::string& line) { out.told_line(line); };
  config::load_options again;
  again.sets = request.sets;
  again.seed = request.seed;
  again.only_regular_files = true;  // what comes through a pipe comes once, and may never end
  int code = exit_internal;
  begin_start();
  try {
    runtime rt{events, registered.tasks, registered.actors, options};
    code = run_steps(what, origins, rt, out, around, again);
  } catch (const std::exception&) {
    code = tell_failure(std::current_exception());
  }
  if (const int signal = stop.signal(); signal != 0) code = exit_signal_base + signal;
  event end;
  end.kind = event_kind::run_end;
  end.code = code;
  end.text = what.name;
  events.emit(std::move(end));
  return code;
}

const config::scenario* first_to_stay(const std::vector<config::scenario>& all, const run_request& request) {
  for (const auto& one : all)
    if (request.stay.value_or(one.stays)) return &one;
  return nullptr;
}

/// The state directory is that of the command line, else that of the files, which must not differ.
std::optional<event_options> options_with_state(const run_request& request, const std::vector<config::scenario>& all) {
  event_options out = request;
  const config::state_spec* told = nullptr;
  for (const auto& one : all) {
    if (one.state.directory.empty()) continue;
    if (told != nullptr && out.state.empty() && told->directory != one.state.directory) {
      say("steward: the files name different state directories, " + told->directory + " and " + one.state.directory +
          "; --state names one for all\n");
      return std::nullopt;
    }
    told = &one.state;
  }
  if (told == nullptr) return out;
  if (out.state.empty()) out.state = told->directory;
  out.keep = {told->max_age, told->max_bytes};
  return out;
}

}  // namespace

int run_scenarios(const run_request& request, const program& what) {
  const auto loaded = load_all(request, what);
  if (!loaded) return exit_config;
  const auto& scenarios = loaded->scenarios;
  if (const auto* service = first_to_stay(scenarios, request); service != nullptr && scenarios.size() > 1) {
    say("steward: " + service->file + " stays up, so it can only be run alone; --once ends each run after its steps\n");
    return exit_usage;
  }
  const auto options = options_with_state(request, scenarios);
  if (!options) return exit_usage;
  event_log events;
  stop_switch stop;
  service_manager manager;
  std::optional<event_outlets> outlets;  // they outlive the thread of the signals, which tells them of a stop
  stop_signals signals;
  std::optional<zygote_scope> zygote{std::in_place};
  outlets.emplace(events, *options);
  if (!outlets->usable()) {
    outlets->tell_problem("; nothing was started");
    return outlets->problem_code();
  }
  std::optional<run_control> control;
  try {
    control.emplace(events, request.control);
    control->look_back_with(outlets->history());
  } catch (const std::runtime_error& problem) {
    say(std::string{"steward: "} + problem.what() + "; nothing was started\n");
    return exit_usage;
  }
  std::optional<own_words> words{std::in_place, events, [&outlets] { outlets->finish(); },
                                 [&outlets] { outlets->continue_in_copy(); }};
  // One file can be read again; with several, none is the one that is meant.
  std::function<void()> on_reload;
  if (scenarios.size() == 1) {
    on_reload = [&] {
      outlets->reopen();
      stop.ask_for_reload();
    };
  }
  const auto on_stop = [&](int signal) {
    outlets->stop_was_asked_for(signal);
    manager.stopping();
    stop.pull(signal);
  };
  signals.listen(on_stop, on_reload);
  const surroundings around{request, what, events, stop, manager, *control, *outlets};
  int code = exit_done;
  for (std::size_t i = 0; i < scenarios.size(); ++i) {
    const int one = run_one(scenarios[i], loaded->origins[i], around);
    if (code == exit_done) code = one;
    if (stop.pulled()) break;
  }
  manager.stopping();
  outlets->finish();
  if (code == exit_done && stop.signal() != 0) code = exit_signal_base + stop.signal();  // as the output was awaited
  words.reset();
  zygote.reset();
  if (outlets->tell_problem("") && code == exit_done) code = exit_internal;
  if (code == exit_done && request.strict && outlets->any_crash()) code = exit_strict;
  return code;
}

int plan_scenario(const std::string& file, const std::vector<std::string>& sets, bool json, const program& what) {
  config::load_options options;
  options.sets = sets;
  const auto loaded = config::load_file(find_scenario(file), make_catalog(what.tasks, what.actors), options);
  print_faults(file, loaded.problems);
  print_all(loaded.warnings);
  if (!loaded.value) return exit_config;
  print(json ? render_plan_json(*loaded.value, loaded.origins) : render_plan(*loaded.value, loaded.origins));
  return exit_done;
}

int print_unit(const std::string& file, const std::vector<std::string>& sets, const program& what) {
  config::load_options options;
  options.sets = sets;
  const auto found = find_scenario(file);
  const auto loaded = config::load_file(found, make_catalog(what.tasks, what.actors), options);
  print_faults(file, loaded.problems);
  print_all(loaded.warnings);
  if (!loaded.value) return exit_config;
  const auto program = std::filesystem::read_symlink("/proc/self/exe");
  print(render_unit(*loaded.value, program, std::filesystem::absolute(found), sets));
  return exit_done;
}

int validate_scenarios(const std::vector<std::string>& files, const std::vector<std::string>& sets, bool json,
                       const program& what) {
  const auto names = make_catalog(what.tasks, what.actors);
  config::load_options options;
  options.sets = sets;
  std::size_t faults = 0;
  std::vector<config::diagnostic> all;
  for (const auto& file : files) {
    auto loaded = config::load_file(find_scenario(file), names, options);
    if (loaded.problems.empty() && !json) {
      print(file + ": ok\n");
      for (const auto& note : notes_on(*loaded.value)) print("  note: " + note + "\n");
    }
    if (!json) print_faults(file, loaded.problems);
    if (!json) print_all(loaded.warnings);
    faults += loaded.problems.size();
    for (auto* some : {&loaded.problems, &loaded.warnings}) all.insert(all.end(), some->begin(), some->end());
  }
  if (json)
    print(config::render_json(all) + "\n");
  else if (faults > 0)
    say(errors_counted(faults) + "\n");
  return faults == 0 ? exit_done : exit_config;
}

}  // namespace steward::cli
