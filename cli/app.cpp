#include "steward/app.hpp"

#include "actor_system/actor_link.hpp"
#include "cli/command_line.hpp"
#include "cli/contained.hpp"
#include "cli/exit_codes.hpp"
#include "cli/failure.hpp"
#include "cli/init_process.hpp"
#include "cli/output.hpp"
#include "cli/own_words.hpp"
#include "cli/stop_signals.hpp"
#include "observe/console.hpp"
#include "observe/standard_streams.hpp"
#include "pool/worker.hpp"
#include "process/bootstrap.hpp"
#include "process/child.hpp"
#include "process/suspend.hpp"
#include "steward/detail/time_limit.hpp"

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <exception>
#include <functional>
#include <mutex>
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

  /// A reader that goes away, or a file that may grow no further, is an error of the write, not the end of the tree.
  /// The signals are not ignored, for what is started by tasks would ignore them, too.
  static void outlive_writes() {
    for (const int signal : {SIGPIPE, SIGXFSZ}) {
      struct sigaction now {};
      if (::sigaction(signal, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) continue;
      now.sa_handler = [](int) {};
      now.sa_flags = SA_RESTART;
      ::sigaction(signal, &now, nullptr);
    }
  }

  /// Makes this process able to be a worker.
  void prepare() {
    if (tasks.find(cli::contained_task) == nullptr) cli::register_contained(tasks);
    pooling::register_pool_worker(tasks);
    set_worker_types(announcer());
    process::fill_standard_fds();  // else the first socket takes the number of a closed stdout
    outlive_writes();
    process::suspend_children_with_program();
  }
};

namespace {

int guarded(const std::function<int()>& body) {
  try {
    return body();
  } catch (...) {  // the program's last line: whatever it is, tell it and end in order
    standard_streams::finish();
    return cli::tell_failure(std::current_exception());
  }
}

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

}  // namespace

app::app() : impl_(std::make_unique<impl>()) {}
app::~app() = default;

task_registry& app::tasks() noexcept { return impl_->tasks; }
actor_registry& app::actors() noexcept { return impl_->actors; }

void app::announce(std::function<void(caf::actor_system_config&)> f) { impl_->types.push_back(std::move(f)); }

int app::main(int argc, char** argv) {
  impl_->prepare();
  if (process::is_spawned_child(argc, argv)) return process::run_spawned_child(argc, argv);
  cli::leave_orphans_to_a_parent();
  return guarded([&] {
    return cli::main_of(argc, argv, cli::program{impl_->tasks, impl_->actors, impl_->announcer()});
  });
}

int app::run(int argc, char** argv, const std::function<int(runtime&)>& body, runtime_options options) {
  impl_->prepare();
  if (process::is_spawned_child(argc, argv)) return process::run_spawned_child(argc, argv);
  cli::leave_orphans_to_a_parent();
  return guarded([&] {
    cli::stop_signals signals;
    process::start_zygote();
    stop_in_order stop{options.end_within};
    signals.listen([&stop](int signal) { stop.begin(signal); });
    event_log events;
    console_view console{{}, standard_streams::say};
    events.add_sink([&console](const event& e) { console.show(e); });
    const cli::own_words words{events, [&] {
                                 console.finish();
                                 standard_streams::finish();
                               }};
    if (!options.print) options.print = [](const std::string& line) { standard_streams::print(line + "\n"); };
    options.announce_types = [theirs = options.announce_types, ours = impl_->announcer()](auto& cfg) {
      ours(cfg);
      if (theirs) theirs(cfg);
    };
    int code = cli::exit_internal;
    {
      runtime rt{events, impl_->tasks, impl_->actors, std::move(options)};
      cli::end_start();
      const stop_in_order::scope stops{stop, rt};
      code = body(rt);
    }
    if (stop.signal() != 0) code = cli::exit_signal_base + stop.signal();
    console.finish();
    process::stop_zygote();
    return cli::finish_output(code);
  });
}

}  // namespace steward
