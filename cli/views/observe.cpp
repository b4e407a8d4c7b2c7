#include "cli/views/observe.hpp"

#include "cli/exit_codes.hpp"
#include "cli/stop_signals.hpp"
#include "cli/views/live_source.hpp"
#include "cli/views/look_options.hpp"
#include "cli/views/run_finder.hpp"
#include "control/control_server.hpp"
#include "observe/report_text.hpp"
#include "observe/run_monitor.hpp"
#include "observe/standard_streams.hpp"

#include <CLI/CLI.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

namespace steward::cli {
namespace {

constexpr std::uint64_t prepared_at_once = 1'024;

/// Pulled by a signal.
class stop_cord {
public:
  void pull(int signal) {
    const std::lock_guard lock{mutex_};
    signal_ = signal;
    changed_.notify_all();
  }
  /// False when it was pulled before that long was over.
  bool wait(std::chrono::milliseconds pause) {
    std::unique_lock lock{mutex_};
    return !changed_.wait_for(lock, pause, [this] { return signal_ != 0; });
  }
  void wait_for_pull() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return signal_ != 0; });
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int signal_ = 0;
};

class observe_command : public command {
public:
  std::string_view name() const override { return "observe"; }
  CLI::App* add_to(CLI::App& app) override {
    auto* out = app.add_subcommand(std::string{name()},
                                   "Show a run that is over on a page for the browser: what happened, and how it was "
                                   "at any moment");
    out->add_option("RUN", run_, "an events file, - for one on standard input, or a run directory")->required();
    out->add_option("--run", id_, "id or scenario of the run, where there are several; else the last one");
    out->add_option("--listen", address_, "[ADDRESS:]PORT of the loopback interface; 0: a port that is free");
    out->add_option("--token-file", token_file_,
                    "the token of the page is the one in this file, which is made where there is none");
    return out;
  }

  int run(const program&) override {
    stop_signals signals;
    stop_cord stop;
    try {
      signals.listen([&](int signal) { stop.pull(signal); });
      return looking("observe", [&] { return observe(stop); });
    } catch (const std::logic_error& problem) {
      say_of("observe", problem.what());
    } catch (const std::runtime_error& problem) {
      say_of("observe", problem.what());
    }
    return exit_usage;
  }

private:
  int observe(stop_cord& stop) const {
    const auto from = find_run(run_, id_);
    const auto history = from->history();
    if (!history)
      throw cannot_look(report::escaped(run_) + " lives; 'steward run FILE --observe 8080' shows a run while it lives",
                        exit_usage);
    const auto monitor = std::make_shared<run_monitor>();
    monitor->set_history(history);
    if (auto picture = monitor->picture_before()) monitor->begin_with(std::move(*picture));
    control_api::server_options how;
    how.socket = false;
    how.record = true;
    how.plan = plan_of(*history);
    const auto door =
        std::make_shared<control_api::loopback_door>(control_api::loopback_address_of(address_), token_file_);
    how.door = door;
    how.name = name_of(*from);
    const auto name = how.name;
    control_api::control_server server{monitor, std::move(how)};
    std::uint64_t last = 0;
    bool goes_on = true;
    from->events_after(0, [&](const event& e) {
      monitor->take(e);
      if (e.seq / prepared_at_once != last / prepared_at_once) {
        server.prepare();
        goes_on = stop.wait(std::chrono::milliseconds{0});
      }
      last = e.seq;
      return goes_on;
    });
    if (last == 0) throw cannot_look(report::escaped(run_) + ": it has no events", exit_usage);
    server.prepare();
    if (goes_on) {
      for (const auto& one : from->remarks()) say_of("observe", one);
      standard_streams::say("steward: " + report::escaped(name) + " can be observed at " + door->told() + "\n");
      follow(*from, *monitor, last, stop);
    }
    monitor->close();
    return exit_done;
  }

  /// Empty where it cannot be read.
  static std::string plan_of(event_history& from) {
    try {
      return from.plan();
    } catch (const std::runtime_error&) {
      return {};
    }
  }

  /// Of its scenario, which its first event tells.
  static std::string name_of(run_source& from) {
    std::string out = "run";
    from.events_after(0, [&](const event& e) {
      if (e.scenario) out = e.scenario->name;
      return false;
    });
    return out;
  }

  /// Somebody may still write there.
  static void follow(run_source& from, run_monitor& into, std::uint64_t last, stop_cord& stop) {
    from.follow(
        last,
        [&](const event& e) {
          into.take(e);
          return true;
        },
        [&](std::chrono::milliseconds pause) { return stop.wait(pause); });
    stop.wait_for_pull();
  }

  std::string run_;
  std::string id_;
  std::string address_ = "0";
  std::string token_file_;
};

}  // namespace

std::unique_ptr<command> make_observe_command() { return std::make_unique<observe_command>(); }

}  // namespace steward::cli
