#include "supervision/pool_child.hpp"

#include "base/spec_changes.hpp"
#include "supervision/supervisor_child.hpp"
#include "supervision/tree_host.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>

namespace steward::supervision {

void pool_child::start(tree_host& host) {
  const auto where = path();
  const auto& as_pool = std::get<pool_spec>(spec->what);
  const auto& given = host.env();
  auto me = host.handle();
  // The pool's thread calls these: they find the child by its number, for it may be gone by then.
  const auto later = [me, number = id](auto f) {
    port::send_urgently(me, host_call{[number, f = std::move(f)](tree_host& tree) {
                          if (auto* self = tree.find(number)) f(tree, *self);
                        }});
  };
  pool_environment env;
  env.events = given.events;
  env.keeper = given.keeper;
  env.tasks = given.tasks;
  env.path = where;
  env.incarnation = incarnation;
  env.seed = given.seed + id;
  env.print = given.print_of_workers;
  env.on_gave_up = [later, n = incarnation](const cause& why) {
    later([n, why](tree_host& tree, child& self) {
      const auto& ended = dynamic_cast<const pool_child&>(self);
      tree.exited(self, n, {ended.killed_ ? policy::exit_class::abnormal : policy::exit_class::gave_up, why});
    });
  };
  if (!as_pool.actors.empty() && given.link_for) {
    std::map<std::string, std::string> reachable;
    for (const auto& name : as_pool.actors) {
      const auto there = parent->resolve(name);
      reachable[name] = there;
      reachable.emplace(there.substr(there.rfind('/') + 1), there);  // tasks know an actor at a path by its id
    }
    env.actor_link = given.link_for(where, std::move(reachable));
  }
  retire(host);
  killed_ = false;
  pool_ = std::make_shared<pool>(std::move(env), where, as_pool);
  given.names->put_pool(where, pool_);
  pool_->start_async([later, n = incarnation](const std::optional<cause>& problem) {
    later([n, problem](tree_host& tree, child& self) {
      if (problem)
        tree.start_failed(self, n, *problem);
      else
        tree.ready(self, n);
    });
  });
}

void pool_child::stop(tree_host& host, const policy::action::stop_child& how) {
  if (how.brutal && !how.keep) {
    abandon(host);
    return;
  }
  if (!pool_) {
    host.stopped(*this);
    return;
  }
  pool_->stop_async(false, [me = host.handle(), number = id, n = incarnation] {
    port::send_urgently(me, host_call{[number, n](tree_host& tree) {
                          if (auto* self = dynamic_cast<pool_child*>(tree.find(number))) self->has_stopped(tree, n);
                        }});
  });
}

void pool_child::has_stopped(tree_host& host, std::uint64_t of_incarnation) {
  if (incarnation != of_incarnation) return;  // it was abandoned, and another one may be up
  pool_ = nullptr;
  host.stopped(*this);
}

void pool_child::abandon(tree_host& host) {
  host.env().names->erase(path());
  retire(host);
}

void pool_child::kill(tree_host&, const cause& why) {
  killed_ = true;
  if (pool_) pool_->kill(why);
}

void pool_child::let_go(tree_host& host) { retire(host); }

void pool_child::retire(tree_host& host) {
  auto old = std::exchange(pool_, nullptr);
  if (!old) return;
  auto* target = old.get();
  const auto key = host.keep_until_gone(std::move(old));
  target->stop_async(false, [me = host.handle(), key] {
    port::send_urgently(me, host_call{[key](tree_host& tree) { tree.gone(key); }});
  });
}

void pool_child::respecify(tree_host& host, child_spec_ptr next) {
  const auto before = std::exchange(spec, std::move(next));
  const auto bounds = worker_bounds_of(std::get<pool_spec>(spec->what));
  if (pool_ && bounds != worker_bounds_of(std::get<pool_spec>(before->what)))
    pool_->resize(bounds.least, bounds.most, host.loaded_by());
}

void pool_child::introduce(event_child& into) const {
  const auto& as_pool = std::get<pool_spec>(spec->what);
  const auto& budget = as_pool.restarts.worker_restarts;
  const auto bounds = worker_bounds_of(as_pool);
  into.kind = "pool";
  into.type = as_pool.task;
  into.limit = budget.restarts;
  into.period_ms = budget.within.count();
  into.worker_backoff =
      told_backoff(as_pool.restarts.worker_backoff, pool_spec{}.restarts.worker_backoff, into.state.empty());
  into.workers = bounds.first;
  into.least_workers = bounds.least;
  into.most_workers = bounds.most;
  into.spares = as_pool.size.spares;
}

bool pool_child::complete(tree_host&, event& about) {
  using enum event_kind;
  if (about.kind == start || about.kind == ready || about.kind == stop) return false;  // the pool tells these itself
  about.runs_in = to_string(std::get<pool_spec>(spec->what).runs_in);
  return true;
}

}  // namespace steward::supervision
