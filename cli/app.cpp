#include "steward/app.hpp"

#include "caf/actor_link.hpp"
#include "cli/command_line.hpp"
#include "cli/contained.hpp"
#include "cli/exit_codes.hpp"
#include "observe/console.hpp"
#include "observe/patient_writer.hpp"
#include "pool/worker.hpp"
#include "process/bootstrap.hpp"
#include "process/child.hpp"
#include "process/suspend.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <vector>

#include <unistd.h>

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

  /// A reader that goes away is an error of the write, not the end of the tree. The signal is not ignored, for what is
  /// started by tasks would ignore it, too.
  static void outlive_readers() {
    struct sigaction now {};
    if (::sigaction(SIGPIPE, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) return;
    now.sa_handler = [](int) {};
    now.sa_flags = SA_RESTART;
    ::sigaction(SIGPIPE, &now, nullptr);
  }

  /// Makes this process able to be a worker.
  void prepare() {
    if (tasks.find(cli::contained_task) == nullptr) cli::register_contained(tasks);
    pooling::register_pool_worker(tasks);
    set_worker_types(announcer());
    process::fill_standard_fds();  // else the first socket takes the number of a closed stdout
    outlive_readers();
    process::suspend_children_with_program();
  }
};

namespace {

int guarded(const std::function<int()>& body) {
  try {
    return body();
  } catch (...) {  // the program's last line: whatever it is, tell it and end in order
    std::fprintf(stderr, "steward: internal error: %s\n", describe(cause_of(std::current_exception())).c_str());
    return cli::exit_internal;
  }
}

}  // namespace

app::app() : impl_(std::make_unique<impl>()) {}
app::~app() = default;

task_registry& app::tasks() noexcept { return impl_->tasks; }
actor_registry& app::actors() noexcept { return impl_->actors; }

void app::announce(std::function<void(caf::actor_system_config&)> f) { impl_->types.push_back(std::move(f)); }

int app::main(int argc, char** argv) {
  impl_->prepare();
  if (process::is_spawned_child(argc, argv)) return process::run_spawned_child(argc, argv);
  return guarded([&] {
    return cli::main_of(argc, argv, cli::program{impl_->tasks, impl_->actors, impl_->announcer()});
  });
}

int app::run(int argc, char** argv, const std::function<int(runtime&)>& body, runtime_options options) {
  impl_->prepare();
  if (process::is_spawned_child(argc, argv)) return process::run_spawned_child(argc, argv);
  return guarded([&] {
    process::start_zygote();
    event_log events;
    patient_writer errors{STDERR_FILENO};
    console_view console{{}, [&errors](std::string_view text) { errors.write(text); }};
    events.add_sink([&console](const event& e) { console.show(e); });
    options.announce_types = [theirs = options.announce_types, ours = impl_->announcer()](auto& cfg) {
      ours(cfg);
      if (theirs) theirs(cfg);
    };
    int code = cli::exit_internal;
    {
      runtime rt{events, impl_->tasks, impl_->actors, std::move(options)};
      code = body(rt);
    }
    console.finish();
    errors.finish();
    process::stop_zygote();
    return code;
  });
}

}  // namespace steward
