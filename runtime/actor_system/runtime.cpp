#include "steward/runtime.hpp"

#include "actor_system/runtime_impl.hpp"
#include "process/copied.hpp"
#include "process/room.hpp"
#include "process/signal_mask.hpp"
#include "steward/detail/time_limit.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>

namespace steward {

namespace {

constexpr int exit_internal_error = 70;

// More threads than this are a mistake, such as the -1 of a difference.
constexpr std::size_t most_threads = 4'096;

/// Programs that actors start shall not inherit what the threads of the actor system hold back.
class thread_signals final : public caf::thread_hook {
public:
  void init(caf::actor_system&) override {}
  void thread_started() override { process::hold_back_only(process::held_back_here()); }
  void thread_terminates() override {}
};

/// The options, where they have no faults. Nothing is built of others.
runtime_options sound(runtime_options x) {
  if (x.threads > most_threads)
    throw std::invalid_argument("runtime_options::threads: " + std::to_string(x.threads) +
                                " are too many; expected 0 to " + std::to_string(most_threads));
  if (x.admin_within.count() < 0) throw std::invalid_argument("runtime_options::admin_within is negative");
  if (x.end_within.count() < 0) throw std::invalid_argument("runtime_options::end_within is negative");
  if (x.gather.count() < 0 || x.gather > std::chrono::hours{1})
    throw std::invalid_argument("runtime_options::gather: expected 0 to 1h");
  return x;
}

}  // namespace

end_watchdog::end_watchdog(milliseconds limit, std::function<std::string()> what_is_left)
    : limit_(limit), what_is_left_(std::move(what_is_left)) {
  const process::signals_blocked quiet;
  thread_ = std::thread{[this] { watch(); }};
}

end_watchdog::~end_watchdog() {
  {
    const std::lock_guard lock{mutex_};
    over_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void end_watchdog::end_begins() {
  {
    const std::lock_guard lock{mutex_};
    ending_ = true;
  }
  changed_.notify_one();
}

void end_watchdog::watch() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [this] { return ending_ || over_; });
  const auto until = detail::later(std::chrono::steady_clock::now(), limit_);
  if (changed_.wait_until(lock, until, [this] { return over_; })) return;
  const auto text = "steward: the actor system did not end within " + render_duration(limit_) +
                    "; still there: " + what_is_left_() + "\n";
  pollfd errors{STDERR_FILENO, POLLOUT, 0};
  // Who reads standard error may hang as well.
  if (::poll(&errors, 1, 1000) > 0) std::ignore = ::write(STDERR_FILENO, text.data(), text.size());
  ::_exit(exit_internal_error);
}

runtime::runtime(event_log& events, const task_registry& tasks, const actor_registry& actors, runtime_options options)
    : impl_(std::make_unique<impl>()) {
  impl_->options = sound(std::move(options));
  process::know_copies();
  impl_->events = &events;
  impl_->tasks = &tasks;
  impl_->actors = &actors;
  auto& opts = impl_->options;
  if (!opts.print) opts.print = [](const std::string& line) { std::fprintf(stdout, "%s\n", line.c_str()); };
  impl_->guard = std::make_unique<end_watchdog>(opts.end_within, [this] { return impl_->what_is_left(); });
  impl_->keeper = std::make_unique<process::keeper>();
  impl_->commands = std::make_unique<command::driver>(impl_->keeper.get(), &events);
  const auto threads = opts.threads != 0 ? opts.threads : std::max<std::size_t>(2, std::thread::hardware_concurrency());
  port::configure(impl_->config, port::scheduling::sharing, threads);
  impl_->config.add_thread_hook<thread_signals>();
  port::announce_block<caf::id_block::steward>(impl_->config);
  if (opts.announce_types) opts.announce_types(impl_->config);
  impl_->system = port::make_system(impl_->config);
  port::name_node(*impl_->system);
  impl_->letters = std::make_unique<dead_letter_hub>(opts.dead_letter_text);
  if (opts.on_dead_letter) impl_->own_letters = on_dead_letter(opts.on_dead_letter);
  impl_->links = std::make_unique<actor_link_hub>(*impl_->system, impl_->names, opts.actor_links);
}

std::string runtime::impl::what_is_left() {
  auto* ending = awaited.load();
  if (!ending) return std::to_string(keeper_awaited.load()->running()) + " child processes";
  std::lock_guard lock{abandoned_mutex};
  std::string out;
  for (const auto& path : abandoned) out += (out.empty() ? "" : ", ") + path;
  if (!out.empty()) return out;
  return std::to_string(ending->registry().running()) + " actors without a name";
}

runtime::~runtime() {
  impl_->keeper_awaited = impl_->keeper.get();
  impl_->awaited = impl_->system.get();
  impl_->guard->end_begins();
  impl_->names.clear();
  impl_->links.reset();
  if (impl_->letters) impl_->letters->close();
  impl_->commands->close();  // it holds handles of actors
  impl_->system.reset();
  impl_->awaited = nullptr;
  impl_->commands.reset();
  impl_->keeper.reset();
}

namespace {

template <class To>
dead_letter_subscription subscribe(runtime::impl& parts, To to, const dead_letter_options& options) {
  if (options.queue == 0) throw std::invalid_argument("dead_letter_options::queue: expected at least 1");
  auto listener = std::make_shared<detail::letter_listener>(options.queue);
  dead_letter_subscription out{listener};
  listener->begin(*parts.system, std::move(to));
  parts.letters->add(std::move(listener));
  return out;
}

}  // namespace

dead_letter_subscription runtime::on_dead_letter(std::function<void(const dead_letter&)> f,
                                                 dead_letter_options options) {
  return subscribe(*impl_, std::move(f), options);
}

dead_letter_subscription runtime::on_dead_letter(const caf::actor& listener, dead_letter_options options) {
  return subscribe(*impl_, listener, options);
}

void runtime::request_stop() {
  const std::lock_guard lock{impl_->trees_mutex};
  impl_->stopping = true;
  impl_->names.give_up_waiting();
  for (auto* tree : impl_->trees) tree->request_stop();
}

bool runtime::stop_requested() const {
  const std::lock_guard lock{impl_->trees_mutex};
  return impl_->stopping;
}

bool runtime::trees_over() const {
  const std::lock_guard lock{impl_->trees_mutex};
  return std::ranges::all_of(impl_->trees, [](auto* tree) { return tree->stop_within(milliseconds{0}); });
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
  out.print = impl_->options.print_of_workers;
  return out;
}

}  // namespace steward
