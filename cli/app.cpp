#include "steward/app.hpp"

#include "cli/event_outlets.hpp"
#include "cli/exit_codes.hpp"
#include "cli/failure.hpp"
#include "cli/init_process.hpp"
#include "cli/output.hpp"
#include "cli/own_words.hpp"
#include "cli/program_main.hpp"
#include "cli/run_options.hpp"
#include "cli/stop_signals.hpp"
#include "cli/zygote_scope.hpp"
#include "observe/standard_streams.hpp"
#include "process/bootstrap.hpp"
#include "process/child.hpp"
#include "steward/detail/time_limit.hpp"

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace steward {

struct app::impl {
  task_registry tasks;
  actor_registry actors;
  std::vector<std::function<void(caf::actor_system_config&)>> types;

  std::function<void(caf::actor_system_config&)> announcer() const {
    return [all = types](caf::actor_system_config& cfg) {
      for (const auto& one : all) one(cfg);
    };
  }
};

namespace {

/// What a signal does to a program whose body is its own: its trees stop in order, and then the body has some time to
/// return.
class stop_in_order {
public:
  explicit stop_in_order(milliseconds limit) : limit_(limit) {}

  /// For as long as there is something to stop.
  class scope {
  public:
    scope(stop_in_order& owner, runtime& rt) : owner_(owner) { owner_.set(&rt); }
    ~scope() { owner_.set(nullptr); }
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

  private:
    stop_in_order& owner_;
  };

  /// On the thread of the signals, which has nothing else to do.
  void begin(int signal) {
    std::unique_lock lock{mutex_};
    signal_ = signal;
    if (active_ == nullptr) return;
    active_->request_stop();
    while (active_ != nullptr && !active_->trees_over()) changed_.wait_for(lock, between_looks);
    const auto until = detail::later(std::chrono::steady_clock::now(), limit_);
    if (changed_.wait_until(lock, until, [this] { return active_ == nullptr; })) return;
    standard_streams::say("steward: the program was stopped by " + signal_name(signal) + " and has not ended " +
                          render_duration(limit_) + " after its trees\n");
    standard_streams::finish();
    ::_exit(cli::exit_signal_base + signal);
  }
  int signal() {
    const std::lock_guard lock{mutex_};
    return signal_;
  }

private:
  static constexpr milliseconds between_looks{20};

  void set(runtime* active) {
    {
      const std::lock_guard lock{mutex_};
      active_ = active;
      if (active != nullptr && signal_ != 0) active->request_stop();
    }
    changed_.notify_all();
  }

  milliseconds limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  runtime* active_ = nullptr;
  int signal_ = 0;
};

event of_run(event_kind kind, std::string text) {
  event out;
  out.kind = kind;
  out.text = std::move(text);
  return out;
}

}  // namespace

app::app() : impl_(std::make_unique<impl>()) {}
app::~app() = default;

task_registry& app::tasks() noexcept { return impl_->tasks; }
actor_registry& app::actors() noexcept { return impl_->actors; }

void app::announce(std::function<void(caf::actor_system_config&)> f) { impl_->types.push_back(std::move(f)); }

int app::main(int argc, char** argv) {
  return cli::main_of_program(argc, argv, impl_->tasks, impl_->actors, impl_->announcer(), nullptr);
}

int app::run(int argc, char** argv, const std::function<int(runtime&)>& body, runtime_options options) {
  cli::prepare_program(impl_->tasks, impl_->actors, impl_->announcer());
  if (process::is_spawned_child(argc, argv)) return process::run_spawned_child(argc, argv);
  cli::leave_orphans_to_a_parent();
  return cli::guarded([&] {
    cli::run_request request;
    if (const auto over = cli::parse_program_options(argc, argv, request)) return *over;
    event_log events;
    std::optional<cli::event_outlets> outlets;  // they outlive the thread of the signals, which tells them of a stop
    stop_in_order stop{options.end_within};
    cli::stop_signals signals;
    std::optional<cli::zygote_scope> zygote{std::in_place};
    outlets.emplace(events, request);
    if (!outlets->usable()) {
      outlets->tell_problem("; nothing was started");
      return outlets->problem_code();
    }
    const auto on_stop = [&](int signal) {
      outlets->stop_was_asked_for(signal);
      stop.begin(signal);
    };
    signals.listen(on_stop, {});
    std::optional<cli::own_words> words{std::in_place, events, [&outlets] { outlets->finish(); },
                                        [&outlets] { outlets->continue_in_copy(); }};
    cli::output out{events, !request.json};
    if (!options.print) options.print = [&out](const std::string& line) { out.line(line); };
    if (!options.print_of_workers) options.print_of_workers = [&out](const std::string& line) { out.told_line(line); };
    if (request.seed) options.seed = *request.seed;
    options.announce_types = [theirs = options.announce_types, ours = impl_->announcer()](auto& cfg) {
      ours(cfg);
      if (theirs) theirs(cfg);
    };
    const auto name = std::filesystem::path{argc > 0 ? argv[0] : "program"}.filename().string();
    auto begin = of_run(event_kind::run_start, name + ", seed " + std::to_string(options.seed));
    begin.scenario = event_scenario{name, {}, options.seed};
    events.emit(std::move(begin));
    int code = cli::exit_internal;
    {
      runtime rt{events, impl_->tasks, impl_->actors, std::move(options)};
      cli::end_start();
      const stop_in_order::scope stops{stop, rt};
      code = body(rt);
    }
    if (stop.signal() != 0) code = cli::exit_signal_base + stop.signal();
    auto end = of_run(event_kind::run_end, name);
    end.code = code;
    events.emit(std::move(end));
    outlets->finish();
    words.reset();
    zygote.reset();
    if (outlets->tell_problem("") && code == cli::exit_done) code = cli::exit_internal;
    return cli::finish_output(code);
  });
}

}  // namespace steward
