#include "steward/runtime.hpp"

#include "caf/runtime_impl.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>
#include <utility>

namespace steward {

namespace {

constexpr int exit_internal_error = 70;

/// Ends the program when what it guards takes longer than the limit: CAF's actor system waits for its actors without
/// one.
class end_watchdog {
public:
  end_watchdog(milliseconds limit, std::function<std::string()> what_is_left)
      : thread_([this, limit, what_is_left = std::move(what_is_left)] {
          std::unique_lock guard{mutex_};
          if (done_.wait_for(guard, limit, [this] { return over_; })) return;
          const auto text = "steward: the actor system did not end within " + render_duration(limit) +
                            "; still there: " + what_is_left() + "\n";
          std::fputs(text.c_str(), stderr);
          std::fflush(nullptr);
          ::_exit(exit_internal_error);
        }) {}
  ~end_watchdog() {
    {
      std::lock_guard guard{mutex_};
      over_ = true;
    }
    done_.notify_one();
    thread_.join();
  }
  end_watchdog(const end_watchdog&) = delete;
  end_watchdog& operator=(const end_watchdog&) = delete;

private:
  std::mutex mutex_;
  std::condition_variable done_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace

runtime::runtime(event_log& events, const task_registry& tasks, const actor_registry& actors, runtime_options options)
    : impl_(std::make_unique<impl>()) {
  impl_->events = &events;
  impl_->tasks = &tasks;
  impl_->actors = &actors;
  impl_->options = std::move(options);
  auto& opts = impl_->options;
  if (!opts.print) opts.print = [](const std::string& line) { std::fprintf(stdout, "%s\n", line.c_str()); };
  impl_->keeper = std::make_unique<process::keeper>();
  const auto threads = opts.threads != 0 ? opts.threads : std::max<std::size_t>(2, std::thread::hardware_concurrency());
  port::configure(impl_->config, port::scheduling::sharing, threads);
  port::announce_block<caf::id_block::steward>(impl_->config);
  if (opts.announce_types) opts.announce_types(impl_->config);
  impl_->system = std::make_unique<caf::actor_system>(impl_->config);
  port::name_node(*impl_->system);
  impl_->links = std::make_unique<actor_link_hub>(*impl_->system, impl_->names, opts.actor_links);
}

runtime::~runtime() {
  // As long as it is being waited for. The pointers that own these two are null by then.
  std::atomic<caf::actor_system*> ending{impl_->system.get()};
  const auto* children = impl_->keeper.get();
  end_watchdog guard{impl_->options.end_within, [this, &ending, children] {
                       auto* system = ending.load();
                       if (!system) return std::to_string(children->running()) + " child processes";
                       std::lock_guard lock{impl_->abandoned_mutex};
                       std::string out;
                       for (const auto& path : impl_->abandoned) out += (out.empty() ? "" : ", ") + path;
                       if (!out.empty()) return out;
                       return std::to_string(system->registry().running()) + " actors without a name";
                     }};
  impl_->names.clear();
  impl_->links.reset();
  impl_->system.reset();
  ending = nullptr;
  impl_->keeper.reset();
}

event_log& runtime::events() noexcept { return *impl_->events; }
caf::actor_system& runtime::system() noexcept { return *impl_->system; }

pool_environment runtime::pools(std::string path) {
  pool_environment out;
  out.events = impl_->events;
  out.keeper = impl_->keeper.get();
  out.tasks = impl_->tasks;
  out.path = std::move(path);
  out.seed = impl_->options.seed;
  return out;
}

}  // namespace steward
