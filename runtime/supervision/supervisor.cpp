#include "caf/runtime_impl.hpp"
#include "steward/runtime.hpp"
#include "supervision/kernel.hpp"

#include <caf/exit_reason.hpp>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace steward {

using supervision::kernel;
using supervision::kernel_call;

struct supervisor::impl {
  runtime* rt = nullptr;
  supervisor_spec spec;
  std::string name;
  caf::actor brain;

  mutable std::mutex mutex;
  std::condition_variable changed;
  bool begun = false;
  std::optional<supervision::start_report> started;
  std::optional<policy::exit_info> ended;
  std::vector<std::function<void()>> end_callbacks;
  bool over_told = false;  // every callback has run: nobody of ours uses its captures any more

  void begin();
  void over(policy::exit_info how);
};

void supervisor::impl::begin() {
  port::tell_anonymously(brain, kernel_call{[this](kernel& k) {
                           k.start_tree(
                               name, spec,
                               [this](supervision::start_report report) {
                                 {
                                   std::lock_guard guard{mutex};
                                   started = std::move(report);
                                 }
                                 changed.notify_all();
                                 if (!started->failed_child.empty()) over({policy::exit_class::shutdown, {}});
                               },
                               [this](policy::exit_info how) { over(std::move(how)); });
                         }});
}

void supervisor::impl::over(policy::exit_info how) {
  std::vector<std::function<void()>> callbacks;
  {
    std::lock_guard guard{mutex};
    ended = std::move(how);
    callbacks.swap(end_callbacks);
  }
  for (auto& f : callbacks) f();
  std::lock_guard guard{mutex};
  over_told = true;
  changed.notify_all();
}

supervisor::supervisor(runtime& rt, supervisor_spec spec, std::string name) : impl_(std::make_unique<impl>()) {
  impl_->rt = &rt;
  impl_->spec = std::move(spec);
  impl_->name = std::move(name);
  auto& parts = rt.internals();
  supervision::kernel_environment env;
  env.events = parts.events;
  env.names = &parts.names;
  env.actors = parts.actors;
  env.tasks = parts.tasks;
  env.keeper = parts.keeper.get();
  env.print = parts.options.print;
  env.seed = parts.options.seed;
  env.link_for = [links = parts.links.get()](const std::string& pool, std::map<std::string, std::string> reachable) {
    return links->link(pool, std::move(reachable));
  };
  env.on_abandoned = [&parts](const std::string& path) {
    std::lock_guard guard{parts.abandoned_mutex};
    parts.abandoned.push_back(path);
  };
  impl_->brain = rt.system().spawn<kernel, caf::detached>(std::move(env));
}

supervisor::~supervisor() {
  stop();
  caf::anon_send_exit(impl_->brain, caf::exit_reason::user_shutdown);
  // The kernel may still run the callback that told us of the end: it is over only when it is down.
  caf::scoped_actor self{impl_->rt->system()};
  self->wait_for(impl_->brain);
  impl_->brain = nullptr;
}

tree_start supervisor::start() {
  std::unique_lock guard{impl_->mutex};
  impl_->begun = true;
  impl_->begin();
  impl_->changed.wait(guard, [this] { return impl_->started || impl_->over_told; });
  tree_start out;
  if (impl_->started) {
    out.failed_child = impl_->started->failed_child;
    out.why = impl_->started->why;
    out.ok = out.failed_child.empty();
  } else {
    out.why = impl_->ended->why;
  }
  return out;
}

void supervisor::stop() {
  std::unique_lock guard{impl_->mutex};
  if (!impl_->begun || impl_->over_told) return;
  port::tell_anonymously(impl_->brain, kernel_call{[](kernel& k) { k.stop_tree(); }});
  impl_->changed.wait(guard, [this] { return impl_->over_told; });
}

void supervisor::request_stop() {
  port::tell_anonymously(impl_->brain, kernel_call{[](kernel& k) { k.stop_tree(); }});
}

bool supervisor::wait_until(std::chrono::steady_clock::time_point until) {
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

caf::actor supervisor::actor(const std::string& path) const { return impl_->rt->internals().names.actor(path); }

std::shared_ptr<pool> supervisor::pool_at(const std::string& path) const {
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

void supervisor::give_up_waiting() { impl_->rt->internals().names.give_up_waiting(); }

}  // namespace steward
