#include "steward/supervisor.hpp"
#include "actor_system/runtime_impl.hpp"
#include "base/utc_time.hpp"
#include "process/room.hpp"
#include "steward/detail/time_limit.hpp"
#include "supervision/tree_host.hpp"

#include <caf/exit_reason.hpp>

#include <algorithm>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

namespace steward {

using supervision::host_call;
using supervision::tree_host;

struct supervisor::impl {
  runtime* rt = nullptr;
  supervisor_spec spec;
  std::string name;
  caf::actor host_actor;

  mutable std::mutex mutex;
  std::condition_variable changed;
  bool begun = false;
  std::optional<tree_start> started;
  std::optional<policy::exit_info> ended;
  std::vector<std::function<void()>> end_callbacks;
  bool over_told = false;  // every callback has run: nobody of ours uses its captures any more

  void begin();
  void over(policy::exit_info how);
  void refuse_own_wait() const;

  /// Runs `f(host&, answer)` on the host, where `answer(T)` gives the result, and waits for that.
  template <class T, class F>
  T ask(T otherwise, F f) {
    // Shared: the answer may come after nobody waits for it any more.
    auto promise = std::make_shared<std::promise<T>>();
    auto future = promise->get_future();
    port::send_anonymously(host_actor, host_call{[f = std::move(f), promise](tree_host& host) mutable {
                             f(host, [promise](T x) { promise->set_value(std::move(x)); });
                           }});
    const auto until = detail::later(std::chrono::steady_clock::now(), rt->internals().options.admin_within);
    if (future.wait_until(until) != std::future_status::ready) return otherwise;
    try {
      return future.get();
    } catch (const std::future_error&) {  // the host has ended, and the request with it
      return otherwise;
    }
  }

  /// `what`: parameters, or a number of children.
  template <class T>
  batch_result start_many(const std::string& path, T what) {
    batch_result late;
    late.code = admin_code::timed_out;
    return ask(std::move(late), [path, what = std::move(what)](tree_host& host, auto answer) mutable {
      host.start_children(path, std::move(what), answer);
    });
  }

  /// `f(host&, changes&)` returns faults.
  template <class F>
  std::vector<spec_fault> change(std::vector<reload_change>* changes, F f) {
    using outcome = std::pair<std::vector<spec_fault>, std::vector<reload_change>>;
    auto out =
        ask(outcome{{{"/" + name, "", "no answer in time"}}, {}}, [f = std::move(f)](tree_host& host, auto answer) {
          outcome result;
          result.first = f(host, result.second);
          answer(std::move(result));
        });
    if (changes != nullptr) *changes = std::move(out.second);
    return std::move(out.first);
  }

  template <class F>
  admin_result administer(const std::string& path, F f) {
    admin_result late;
    late.code = admin_code::timed_out;
    late.path = path;
    return ask(std::move(late), std::move(f));
  }
};

void supervisor::impl::begin() {
  port::send_anonymously(host_actor, host_call{[this](tree_host& host) {
                           host.start_tree(
                               name, spec,
                               [this](tree_start report) {
                                 {
                                   std::lock_guard guard{mutex};
                                   started = std::move(report);
                                 }
                                 changed.notify_all();
                                 if (!started->ok) over({policy::exit_class::shutdown, {}});
                               },
                               [this](policy::exit_info how) { over(std::move(how)); });
                         }});
}

/// The tree whose callbacks run on this thread: nobody but this thread can tell that it is over.
thread_local const void* telling_end_of = nullptr;

void supervisor::impl::refuse_own_wait() const {
  if (telling_end_of == this) throw std::logic_error("a callback of a tree's end waits for that end");
}

void supervisor::impl::over(policy::exit_info how) {
  std::vector<std::function<void()>> callbacks;
  {
    std::lock_guard guard{mutex};
    ended = std::move(how);
    callbacks.swap(end_callbacks);
  }
  telling_end_of = this;
  for (auto& f : callbacks) f();
  telling_end_of = nullptr;
  std::lock_guard guard{mutex};
  over_told = true;
  changed.notify_all();
}

namespace {

/// CAF counts an actor as running before it has its thread: what is thrown here would leave one that nobody can end.
caf::actor spawn_host(caf::actor_system& system, supervision::host_environment env) noexcept {
  return system.spawn<tree_host, caf::detached>(std::move(env));
}

}  // namespace

supervisor::supervisor(runtime& rt, supervisor_spec spec, std::string name) : impl_(std::make_unique<impl>()) {
  impl_->rt = &rt;
  impl_->spec = std::move(spec);
  impl_->name = std::move(name);
  auto& parts = rt.internals();
  supervision::host_environment env;
  env.events = parts.events;
  env.letters = parts.letters.get();
  env.names = &parts.names;
  env.actors = parts.actors;
  env.tasks = parts.tasks;
  env.keeper = parts.keeper.get();
  env.commands = parts.commands.get();
  env.links = parts.links.get();
  env.print = parts.options.print;
  env.print_of_workers = parts.options.print_of_workers;
  env.seed = parts.options.seed;
  env.gather = parts.options.gather;
  env.link_for = [links = parts.links.get()](const std::string& pool, std::map<std::string, std::string> reachable) {
    return links->link(pool, std::move(reachable));
  };
  env.on_abandoned = [&parts](const std::string& path) {
    std::lock_guard guard{parts.abandoned_mutex};
    parts.abandoned.push_back(path);
  };
  process::expect_room_for_threads(1);
  impl_->host_actor = spawn_host(rt.system(), std::move(env));
  const std::lock_guard lock{parts.trees_mutex};
  parts.trees.push_back(this);
}

supervisor::~supervisor() {
  stop();
  {
    auto& parts = impl_->rt->internals();
    const std::lock_guard lock{parts.trees_mutex};
    std::erase(parts.trees, this);
  }
  caf::anon_send_exit(impl_->host_actor, caf::exit_reason::user_shutdown);
  // The host may still run the callback that told us of the end: it is over only when it is down.
  caf::scoped_actor self{impl_->rt->system()};
  self->wait_for(impl_->host_actor);
  impl_->host_actor = nullptr;
}

tree_start supervisor::start() {
  std::unique_lock guard{impl_->mutex};
  impl_->begun = true;
  impl_->begin();
  if (impl_->rt->stop_requested()) request_stop();
  impl_->changed.wait(guard, [this] { return impl_->started || impl_->over_told; });
  if (impl_->started) return *impl_->started;
  tree_start out;
  out.why = impl_->ended->why;
  return out;
}

void supervisor::stop() {
  impl_->refuse_own_wait();
  std::unique_lock guard{impl_->mutex};
  if (!impl_->begun || impl_->over_told) return;
  port::send_anonymously(impl_->host_actor, host_call{[](tree_host& host) { host.stop_tree(); }});
  impl_->changed.wait(guard, [this] { return impl_->over_told; });
}

bool supervisor::stop_within(milliseconds limit) {
  impl_->refuse_own_wait();
  std::unique_lock guard{impl_->mutex};
  if (!impl_->begun || impl_->over_told) return true;
  port::send_anonymously(impl_->host_actor, host_call{[](tree_host& host) { host.stop_tree(); }});
  const auto until = detail::later(std::chrono::steady_clock::now(), limit);
  return impl_->changed.wait_until(guard, until, [this] { return impl_->over_told; });
}

void supervisor::request_stop() {
  port::send_anonymously(impl_->host_actor, host_call{[](tree_host& host) { host.stop_tree(); }});
}

bool supervisor::wait_until(std::chrono::steady_clock::time_point until) {
  if (until > std::chrono::steady_clock::now()) impl_->refuse_own_wait();
  std::unique_lock guard{impl_->mutex};
  return impl_->changed.wait_until(guard, until, [this] { return impl_->over_told; });
}

tree_end supervisor::end() const {
  std::lock_guard guard{impl_->mutex};
  const bool gave_up = impl_->ended && impl_->ended->cls == policy::exit_class::gave_up;
  return gave_up ? tree_end::gave_up : tree_end::finished;
}

cause supervisor::end_cause() const {
  std::lock_guard guard{impl_->mutex};
  return impl_->ended ? impl_->ended->why : cause{};
}

void supervisor::on_end(std::function<void()> f) {
  {
    std::lock_guard guard{impl_->mutex};
    if (!impl_->ended) {
      impl_->end_callbacks.push_back(std::move(f));
      return;
    }
  }
  f();
}

caf::actor_system& supervisor::system() const noexcept { return impl_->rt->system(); }

caf::actor supervisor::actor(const std::string& path) const { return impl_->rt->internals().names.actor(path); }

namespace {

/// What is to be told once, at the latest when nobody is left to tell it.
class last_word {
public:
  last_word(std::string path, std::function<void(const child_end&)> f) : path_(std::move(path)), f_(std::move(f)) {}
  ~last_word() { say({path_, 0, end_kind::stopped, after_end::nothing, {}}); }
  last_word(const last_word&) = delete;
  last_word& operator=(const last_word&) = delete;

  void say(const child_end& x) {
    if (auto f = std::exchange(f_, nullptr)) f(x);
  }

private:
  std::string path_;
  std::function<void(const child_end&)> f_;
};

}  // namespace

caf::actor supervisor::partition(const std::string& path, std::string_view key) const {
  return impl_->rt->internals().names.partition(path, key);
}

std::string supervisor::partition_path(const std::string& path, std::string_view key) const {
  return impl_->rt->internals().names.partition_path(path, key);
}

void supervisor::watch(const std::string& path, std::function<void(const child_end&)> f) {
  auto once = std::make_shared<last_word>(path, std::move(f));
  const auto since = std::chrono::steady_clock::now();
  port::send_anonymously(impl_->host_actor, host_call{[path, since, once = std::move(once)](tree_host& host) {
                           host.watch(path, {}, since, [once](const child_end& x) { once->say(x); });
                         }});
}

std::future<child_end> supervisor::watch(const std::string& path) {
  auto promise = std::make_shared<std::promise<child_end>>();
  auto out = promise->get_future();
  watch(path, [promise](const child_end& x) { promise->set_value(x); });
  return out;
}

tree_pool supervisor::pool(const std::string& path) const {
  if (auto found = pool_at(path)) return tree_pool{std::move(found)};
  throw std::out_of_range("there is no pool at '" + path + "'");
}

std::shared_ptr<steward::pool> supervisor::pool_at(const std::string& path) const {
  return impl_->rt->internals().names.pool_at(path);
}

std::vector<std::string> supervisor::wait_for_ends(const std::vector<std::string>& paths,
                                                   std::chrono::steady_clock::time_point until) const {
  return impl_->rt->internals().names.wait_for_ends(paths, until);
}

bool supervisor::ended_badly(const std::string& path) const {
  const auto how = impl_->rt->internals().names.end_of(path);
  return how && (how->cls == policy::exit_class::abnormal || how->cls == policy::exit_class::gave_up);
}

admin_result supervisor::start_child(const std::string& supervisor_path, child_spec spec) {
  return impl_->administer(supervisor_path, [supervisor_path, spec = std::move(spec)](tree_host& host, auto answer) {
    host.start_child(supervisor_path, spec, answer);
  });
}

admin_result supervisor::start_child(const std::string& supervisor_path, param_map params, const std::string& key) {
  return impl_->administer(supervisor_path,
                           [supervisor_path, params = std::move(params), key](tree_host& host, auto answer) {
                             host.start_child(supervisor_path, params, key, answer);
                           });
}

batch_result supervisor::start_children(const std::string& supervisor_path, std::vector<param_map> params) {
  return impl_->start_many(supervisor_path, std::move(params));
}

batch_result supervisor::start_children(const std::string& supervisor_path, std::size_t count) {
  return impl_->start_many(supervisor_path, count);
}

admin_result supervisor::terminate_child(const std::string& path, const std::string& by) {
  return impl_->administer(path, [path, by](tree_host& host, auto answer) { host.terminate_child(path, by, answer); });
}

admin_result supervisor::terminate_child(const std::string& supervisor_path, const caf::actor& handle) {
  return impl_->administer(supervisor_path, [supervisor_path, handle](tree_host& host, auto answer) {
    host.terminate_child(supervisor_path, handle, answer);
  });
}

admin_result supervisor::restart_child(const std::string& path, const std::string& by) {
  return impl_->administer(path, [path, by](tree_host& host, auto answer) { host.restart_child(path, by, answer); });
}

admin_result supervisor::delete_child(const std::string& path) {
  return impl_->administer(path, [path](tree_host& host, auto answer) { host.delete_child(path, answer); });
}

std::optional<std::vector<child_info>> supervisor::which_children(const std::string& supervisor_path) {
  return impl_->ask(std::optional<std::vector<child_info>>{},
                    [supervisor_path](tree_host& host, auto answer) { answer(host.which_children(supervisor_path)); });
}

std::optional<child_info> supervisor::which_child(const std::string& path) {
  return impl_->ask(std::optional<child_info>{}, [path](tree_host& host, auto answer) { answer(host.child_at(path)); });
}

std::optional<child_counts> supervisor::count_children(const std::string& supervisor_path) {
  return impl_->ask(std::optional<child_counts>{},
                    [supervisor_path](tree_host& host, auto answer) { answer(host.count_children(supervisor_path)); });
}

std::optional<child_spec> supervisor::get_childspec(const std::string& path) {
  return impl_->ask(std::optional<child_spec>{},
                    [path](tree_host& host, auto answer) { answer(host.get_childspec(path)); });
}

std::string supervisor::path_of(const caf::actor& handle) { return supervision::path_of(handle); }

admin_result supervisor::operate(operation what, const std::string& path, const std::string& by) {
  return impl_->administer(path, [=](tree_host& host, auto answer) { host.operate(what, path, by, answer); });
}

std::vector<spec_fault> supervisor::reload(supervisor_spec spec, std::vector<reload_change>* changes,
                                           const std::string& by) {
  return impl_->change(changes, [spec = std::move(spec), by](tree_host& host, std::vector<reload_change>& found) {
    return host.reload(spec, found, by);
  });
}

std::vector<spec_fault> supervisor::preview(supervisor_spec spec, std::vector<reload_change>* changes) {
  return impl_->change(changes, [spec = std::move(spec)](tree_host& host, std::vector<reload_change>& found) {
    return host.preview(spec, found);
  });
}

namespace {

sample figures_of(const std::string& path, const pool_stats& from) {
  sample out;
  out.path = path;
  out.queued = from.queued;
  out.running = from.running;
  out.workers = from.workers;
  out.ready = from.ready;
  out.idle = from.idle;
  out.submitted = from.submitted;
  out.succeeded = from.succeeded;
  out.failed = from.failed;
  out.retried = from.retried;
  out.run_times.assign(from.run_times.begin(), from.run_times.end());
  out.wait_times.assign(from.wait_times.begin(), from.wait_times.end());
  for (const auto& worker : from.each)
    if (worker.task_id != 0) out.in_hand.push_back({worker.name, worker.task, worker.task_id, utc_of(worker.since)});
  const auto longer = [](const task_in_hand& a, const task_in_hand& b) { return a.since < b.since; };
  std::sort(out.in_hand.begin(), out.in_hand.end(), longer);
  if (out.in_hand.size() > sample::most_in_hand) out.in_hand.resize(sample::most_in_hand);
  return out;
}

}  // namespace

void supervisor::figures(const std::function<void(sample&, int)>& f) const {
  const auto& names = impl_->rt->internals().names;
  const auto root = "/" + impl_->name;
  for (const auto& one : names.actors_below(root)) {
    const auto& known = supervision::cell_of(one);
    const auto counts = known.counts();
    sample x;
    x.path = known.path();
    x.waiting = counts.waiting;
    x.accepted = counts.accepted;
    x.handled = counts.handled;
    f(x, known.pid());
  }
  for (const auto& [path, pid] : names.programs_below(root)) {
    sample x;
    x.path = path;
    f(x, pid);
  }
  for (const auto& [path, found] : names.pools_below(root)) {
    const auto stats = found->stats();
    auto x = figures_of(path, stats);
    f(x, 0);
    for (const auto& worker : stats.each) {
      if (worker.pid == 0) continue;
      sample w;
      w.path = path + "/" + worker.name;
      f(w, worker.pid);
    }
  }
}

std::size_t supervisor::leaked() {
  return impl_->ask(std::size_t{0}, [](tree_host& host, auto answer) { answer(host.leaked()); });
}

void supervisor::give_up_waiting() { impl_->rt->internals().names.give_up_waiting(); }

}  // namespace steward
