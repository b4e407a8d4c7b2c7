#include "cli/run_command.hpp"

#include "cli/catalog.hpp"
#include "cli/exit_codes.hpp"
#include "cli/output.hpp"
#include "cli/plan.hpp"
#include "cli/reload.hpp"
#include "cli/runner.hpp"
#include "cli/scenario_files.hpp"
#include "cli/stop_signals.hpp"
#include "config/diagnostics.hpp"
#include "config/loader.hpp"
#include "config/suggest.hpp"
#include "observe/console.hpp"
#include "observe/file_sink.hpp"
#include "observe/json_line.hpp"
#include "observe/patient_writer.hpp"
#include "process/child.hpp"
#include "steward/runtime.hpp"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <random>
#include <system_error>
#include <utility>

#include <unistd.h>

namespace steward::cli {

namespace {

/// Prints what is wrong with a file; for a bare name that is nearly that of a shipped scenario, also which.
void print_faults(const std::string& file, const std::vector<config::diagnostic>& faults) {
  for (const auto& fault : faults) std::fputs(config::render(fault).c_str(), stderr);
  if (faults.empty() || find_scenario(file) != file || file.find('/') != std::string::npos) return;
  const auto shipped = shipped_scenarios();
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored)) return;
  if (const auto meant = config::did_you_mean(file, shipped))
    std::fprintf(stderr, "%s: did you mean the shipped scenario '%s'?\n", file.c_str(), meant->c_str());
}

/// Seeds of runs that name none differ from run to run; the run_start event tells them, so that a run can be repeated.
std::uint64_t seed_of(const config::scenario& what) {
  if (what.seed != 0) return what.seed;
  std::random_device random;
  return 1 + random() % 1'000'000'000U;
}

/// Checks all files; prints every fault of each.
std::optional<std::vector<config::scenario>> load_all(const run_request& request, const program& what) {
  const auto names = make_catalog(what.tasks, what.actors);
  config::load_options options;
  options.sets = request.sets;
  options.seed = request.seed;
  std::vector<config::scenario> out;
  std::size_t faults = 0;
  for (const auto& file : request.files) {
    auto loaded = config::load_file(find_scenario(file), names, options);
    print_faults(file, loaded.problems);
    faults += loaded.problems.size();
    if (loaded.value) out.push_back(std::move(*loaded.value));
  }
  if (faults == 0) return out;
  std::fprintf(stderr, "%zu %s; nothing was started\n", faults, faults == 1 ? "error" : "errors");
  return std::nullopt;
}

/// Where events go, and what of them decides the exit code.
class event_outlets {
public:
  event_outlets(event_log& events, const run_request& request) {
    if (!request.events_file.empty()) {
      file_ = std::make_unique<file_sink>(request.events_file);
      events.add_sink([this](const event& e) { file_->write(e); });
    }
    if (request.json) {
      lines_ = std::make_unique<patient_writer>(STDOUT_FILENO, patient_writer::whole);
      events.add_sink([this](const event& e) { lines_->write(to_json_line(e) + "\n"); });
    } else {
      console_options options;
      options.colour = request.colour;
      options.detail =
          request.quiet ? console_detail::quiet : (request.verbose ? console_detail::verbose : console_detail::normal);
      console_ = std::make_unique<console_view>(options, [this](std::string_view text) { errors_.write(text); });
      events.add_sink([this](const event& e) { console_->show(e); });
    }
    events.add_sink([this](const event& e) {
      if (e.kind == event_kind::crash || e.kind == event_kind::hang) crashes_.fetch_add(1);
    });
  }

  bool usable() const { return !file_ || file_->ok(); }
  bool any_crash() const { return crashes_.load() > 0; }
  void finish() {
    if (console_) console_->finish();
    errors_.finish();
    if (lines_) lines_->finish(patient_writer::without_end);
    if (file_) file_->finish();
  }
  std::optional<std::string> problem() { return file_ ? file_->take_error() : std::nullopt; }
  int stdout_problem() const { return lines_ ? lines_->problem() : cli::stdout_problem(); }

private:
  std::unique_ptr<file_sink> file_;
  std::unique_ptr<patient_writer> lines_;
  patient_writer errors_{STDERR_FILENO};
  std::unique_ptr<console_view> console_;
  std::atomic<unsigned> crashes_{0};
};

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
    if (active_ != nullptr) active_->interrupt();
  }
  void watch(runner* active) {
    std::lock_guard guard{mutex_};
    active_ = active;
    if (active != nullptr && signal_ != 0) active->interrupt();
  }
  int signal() {
    std::lock_guard guard{mutex_};
    return signal_;
  }

private:
  std::mutex mutex_;
  runner* active_ = nullptr;
  reloader* reloading_ = nullptr;
  bool reload_asked_ = false;
  int signal_ = 0;
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

int run_steps(const config::scenario& what, runtime& rt, const program& registered, output& out, stop_switch& stop,
              const config::load_options& options) {
  supervisor tree{rt, what.tree};
  runner steps{rt, tree, what, registered.tasks, out};
  tree.on_end([&] {
    if (tree.end() == tree_end::gave_up) steps.interrupt();
  });
  const run_guard guard{stop, tree};
  stop.watch(&steps);
  const auto started = tree.start();
  for (const auto& fault : started.faults)
    std::fprintf(stderr, "steward: %s: %s: %s\n", fault.path.c_str(), fault.field.c_str(), fault.message.c_str());
  if (!started.faults.empty()) return exit_config;
  if (!started.ok && tree.end() != tree_end::gave_up && stop.signal() == 0) {
    std::fprintf(stderr, "steward: %s failed to start: %s\n", started.failed_child.c_str(),
                 describe(started.why).c_str());
    return exit_start_failed;
  }
  bool all_well = false;
  {
    reloader again{tree, rt.events(), make_catalog(registered.tasks, registered.actors), what, options};
    const reload_guard reloads{stop, &again};
    all_well = steps.run();
  }
  tree.stop();
  if (tree.end() == tree_end::gave_up) return exit_gave_up;
  return all_well ? exit_done : exit_failed;
}

/// Makes what needs descriptors and threads of the system. False, and said, when the system has none to give.
template <class T, class... Args>
bool make(std::optional<T>& into, Args&&... args) {
  try {
    into.emplace(std::forward<Args>(args)...);
    return true;
  } catch (const std::system_error& problem) {
    const bool descriptors = problem.code() == std::errc::too_many_files_open;
    std::fprintf(stderr, "steward: cannot start: %s%s\n", problem.what(), descriptors ? " (see 'ulimit -n')" : "");
    return false;
  }
}

/// Ends the zygote whichever way the run ends.
struct zygote_scope {
  zygote_scope() { process::start_zygote(); }  // without it children are spawned: slower, but all works
  zygote_scope(const zygote_scope&) = delete;
  zygote_scope& operator=(const zygote_scope&) = delete;
  ~zygote_scope() { process::stop_zygote(); }
};

int run_one(const config::scenario& what, const run_request& request, const program& registered, event_log& events,
            stop_switch& stop) {
  output out{events, !request.json};
  event begin;
  begin.kind = event_kind::run_start;
  const auto seed = seed_of(what);
  begin.text = what.name + " (" + what.file + "), seed " + std::to_string(seed);
  events.emit(std::move(begin));
  runtime_options options;
  options.seed = seed;
  options.actor_links = needs_links(what.tree);
  options.announce_types = registered.announce_types;
  options.print = [&out](const std::string& line) { out.line(line); };
  options.print_of_workers = [&out](const std::string& line) { out.told_line(line); };
  int code = exit_start_failed;
  if (std::optional<runtime> rt; make(rt, events, registered.tasks, registered.actors, options)) {
    config::load_options again;
    again.sets = request.sets;
    again.seed = request.seed;
    code = run_steps(what, *rt, registered, out, stop, again);
  }
  if (const int signal = stop.signal(); signal != 0) code = exit_signal_base + signal;
  event end;
  end.kind = event_kind::run_end;
  end.code = code;
  end.text = what.name;
  events.emit(std::move(end));
  return code;
}

}  // namespace

int run_scenarios(const run_request& request, const program& what) {
  const auto scenarios = load_all(request, what);
  if (!scenarios) return exit_config;
  std::optional<zygote_scope> zygote{std::in_place};
  event_log events;
  event_outlets outlets{events, request};
  if (const auto problem = outlets.problem()) {
    std::fprintf(stderr, "steward: %s; nothing was started\n", problem->c_str());
    return exit_usage;
  }
  int code = exit_done;
  {
    stop_switch stop;
    // One file can be read again; with several, none is the one that is meant.
    const auto reload = scenarios->size() == 1 ? std::function<void()>{[&stop] { stop.ask_for_reload(); }} : nullptr;
    std::optional<stop_signals> signals;
    if (!make(
            signals, [&stop](int signal) { stop.pull(signal); }, reload))
      return exit_start_failed;
    for (const auto& scenario : *scenarios) {
      const int one = run_one(scenario, request, what, events, stop);
      if (code == exit_done) code = one;
      if (stop.signal() != 0) break;
    }
    outlets.finish();
  }
  zygote.reset();
  if (const auto problem = outlets.problem()) std::fprintf(stderr, "steward: %s\n", problem->c_str());
  if (const int problem = outlets.stdout_problem(); problem != 0 && problem != EPIPE) {
    std::fprintf(stderr, "steward: stdout: %s\n", std::strerror(problem));
    if (code == exit_done) code = exit_internal;
  }
  if (code == exit_done && request.strict && outlets.any_crash()) code = exit_strict;
  return code;
}

int plan_scenario(const std::string& file, const std::vector<std::string>& sets, bool json, const program& what) {
  config::load_options options;
  options.sets = sets;
  const auto loaded = config::load_file(find_scenario(file), make_catalog(what.tasks, what.actors), options);
  print_faults(file, loaded.problems);
  if (!loaded.value) return exit_config;
  write_stdout(json ? render_plan_json(*loaded.value, loaded.origins) : render_plan(*loaded.value, loaded.origins));
  return stdout_problem() == 0 || stdout_problem() == EPIPE ? exit_done : exit_internal;
}

int validate_scenarios(const std::vector<std::string>& files, const std::vector<std::string>& sets, bool json,
                       const program& what) {
  const auto names = make_catalog(what.tasks, what.actors);
  config::load_options options;
  options.sets = sets;
  std::vector<config::diagnostic> faults;
  for (const auto& file : files) {
    auto loaded = config::load_file(find_scenario(file), names, options);
    if (loaded.problems.empty() && !json) {
      std::printf("%s: ok\n", file.c_str());
      for (const auto& note : notes_on(*loaded.value)) std::printf("  note: %s\n", note.c_str());
    }
    for (auto& fault : loaded.problems) faults.push_back(std::move(fault));
  }
  if (json) {
    std::printf("%s\n", config::render_json(faults).c_str());
  } else {
    for (const auto& fault : faults) std::fputs(config::render(fault).c_str(), stderr);
    if (!faults.empty()) std::fprintf(stderr, "%zu %s\n", faults.size(), faults.size() == 1 ? "error" : "errors");
  }
  return faults.empty() ? exit_done : exit_config;
}

}  // namespace steward::cli
