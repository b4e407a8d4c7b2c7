#include "supervision/kernel.hpp"

#include <utility>

namespace steward::supervision {

namespace {

/// Where the actors live that a child names: `/root/a/b` as it is, `b` beside the child.
std::string resolve(const std::string& parent_path, const std::string& name) {
  return name.starts_with('/') ? name : parent_path + "/" + name;
}

}  // namespace

kernel::kernel(caf::actor_config& cfg, kernel_environment env) : caf::event_based_actor(cfg), env_(std::move(env)) {}

caf::behavior kernel::make_behavior() {
  return {
      [this](const cell_report& report) { on_report(report); },
      [this](kernel_call& call) { call.run(*this); },
      [this](const kernel_tick&) { on_tick(); },
  };
}

void kernel::on_exit() {
  nodes_.clear();
  retired_pools_.clear();
  timers_.clear();
  // Whoever waits for the tree must not wait for ever, whatever ended us.
  cause gone;
  gone.cls = cause_class::killed;
  gone.message = "the supervision kernel has ended";
  if (auto tell = std::exchange(on_started_, nullptr)) tell(start_report{"/", gone});
  if (auto tell = std::exchange(on_ended_, nullptr)) tell({policy::exit_class::abnormal, gone});
}

void kernel::start_tree(std::string root_name, supervisor_spec spec, std::function<void(start_report)> on_started,
                        std::function<void(policy::exit_info)> on_ended) {
  on_started_ = std::move(on_started);
  on_ended_ = std::move(on_ended);
  root_ = ++last_id_;
  node root;
  root.id = root_;
  root.path = "/" + std::move(root_name);
  root.incarnation = 1;
  supervisor_child content;
  content.spec = std::make_shared<supervisor_spec>(std::move(spec));
  root.what = std::move(content);
  start_supervisor(nodes_.emplace(root_, std::move(root)).first->second);
}

void kernel::stop_tree() {
  auto* root = find(root_);
  if (root == nullptr) return;
  auto& self = machine_of(*root);
  self.asked_to_stop = true;
  carry_out(root_, self.machine->stop(now()));
}

void kernel::on_report(const cell_report& report) {
  auto* child = find(report.node);
  if (child == nullptr || report.cell != std::get<actor_child>(child->what).serial) return;
  auto* parent = find(child->parent);
  if (parent == nullptr || !machine_of(*parent).machine) return;
  auto& machine = *machine_of(*parent).machine;
  switch (report.what) {
    case cell_report::kind::ready:
      carry_out(parent->id, machine.child_ready(child->index, report.incarnation, now()));
      break;
    case cell_report::kind::start_failed:
      child->last = report;
      carry_out(parent->id, machine.child_start_failed(child->index, report.incarnation, report.how.why, now()));
      break;
    case cell_report::kind::exited: {
      child->last = report;
      carry_out(parent->id, machine.child_exited(child->index, report.incarnation, report.how, now()));
      break;
    }
    case cell_report::kind::left:
      if (report.was_up) {
        event e;
        e.kind = event_kind::stop;
        e.level = event_level::info;
        e.incarnation = report.incarnation;
        e.runs_in = to_string(rung::thread);
        e.text = "shut down";
        emit(*child, std::move(e));
      }
      if (report.lost > 0) {
        event e;
        e.kind = event_kind::dead_letter;
        e.level = event_level::warn;
        e.lost = report.lost;
        e.text = "messages that no incarnation will handle";
        emit(*child, std::move(e));
      }
      std::get<actor_child>(child->what).cell = nullptr;
      after_stopped(child->id);
      break;
  }
}

void kernel::on_tick() {
  armed_.reset();
  const auto at = now();
  while (!timers_.empty() && timers_.begin()->first <= at) {
    const auto next = timers_.begin()->second;
    timers_.erase(timers_.begin());
    auto* supervisor = find(next.supervisor);
    if (supervisor != nullptr && supervisor->incarnation == next.incarnation && machine_of(*supervisor).machine)
      carry_out(supervisor->id, machine_of(*supervisor).machine->timer(next.child, next.token, at));
  }
  if (!timers_.empty() && (!armed_ || timers_.begin()->first < *armed_)) {
    armed_ = timers_.begin()->first;
    port::tell_after(this, *armed_ - at, this, kernel_tick{});
  }
}

void kernel::carry_out(node_id supervisor, policy::actions todo) {
  for (auto& x : todo) todo_.emplace_back(supervisor, std::move(x));
  if (busy_) return;
  busy_ = true;
  while (!todo_.empty()) {
    auto [id, next] = std::move(todo_.front());
    todo_.pop_front();
    // A supervisor that was abandoned meanwhile has no machine and no children any more.
    if (auto* owner = find(id); owner != nullptr && machine_of(*owner).machine)
      std::visit([&](auto& x) { perform(*owner, std::move(x)); }, next);
  }
  busy_ = false;
}

void kernel::perform(node& supervisor, const policy::action::start_child& x) {
  auto& child = child_of(supervisor, x.child);
  child.incarnation = x.incarnation;
  try {
    if (std::holds_alternative<actor_child>(child.what))
      start_actor(child);
    else if (std::holds_alternative<pool_child>(child.what))
      start_pool(child);
    else
      start_supervisor(child);
  } catch (const std::exception&) {  // no descriptor or thread left: the start has failed, the tree goes on
    const auto why = cause_of(std::current_exception());
    carry_out(supervisor.id, machine_of(supervisor).machine->child_start_failed(x.child, x.incarnation, why, now()));
  }
}

void kernel::perform(node& supervisor, const policy::action::stop_child& x) {
  auto& child = child_of(supervisor, x.child);
  if (auto* as_actor = std::get_if<actor_child>(&child.what)) {
    if (as_actor->cell)
      port::tell_urgently(as_actor->cell, cell_command{cell_command::kind::leave, 0, nullptr});
    else
      after_stopped(child.id);
  } else if (auto* as_pool = std::get_if<pool_child>(&child.what)) {
    if (!as_pool->pool) {
      after_stopped(child.id);
      return;
    }
    as_pool->pool->stop_async(false, [me = caf::actor_cast<caf::actor>(this), id = child.id] {
      port::tell_urgently(me, kernel_call{[id](kernel& self) {
                            if (auto* n = self.find(id)) std::get<pool_child>(n->what).pool = nullptr;
                            self.after_stopped(id);
                          }});
    });
  } else {
    auto& as_supervisor = std::get<supervisor_child>(child.what);
    if (!as_supervisor.machine || as_supervisor.machine->over()) {
      after_stopped(child.id);
      return;
    }
    as_supervisor.asked_to_stop = true;
    carry_out(child.id, as_supervisor.machine->stop(now()));
  }
}

void kernel::perform(node& supervisor, const policy::action::abandon_child& x) {
  auto& child = child_of(supervisor, x.child);
  env_.names->erase(child.path);
  if (auto* as_actor = std::get_if<actor_child>(&child.what)) {
    // A thread cannot be killed: the cell leaves when its handler returns, if ever; what replaces it is a new cell.
    if (as_actor->cell) port::tell_urgently(as_actor->cell, cell_command{cell_command::kind::leave, 0, nullptr});
    as_actor->cell = nullptr;
    if (env_.on_abandoned) env_.on_abandoned(child.path);
  } else if (auto* as_pool = std::get_if<pool_child>(&child.what)) {
    retire(std::move(as_pool->pool));
  } else {
    drop_children(child);
    machine_of(child).machine.reset();
  }
}

void kernel::perform(node& supervisor, const policy::action::arm_timer& x) {
  timers_.emplace(x.at, due{supervisor.id, supervisor.incarnation, x.child, x.token});
  if (armed_ && *armed_ <= x.at) return;
  armed_ = x.at;
  const auto delay = x.at - now();
  port::tell_after(this, delay, this, kernel_tick{});
}

void kernel::perform(node& supervisor, policy::action::note x) {
  if (!x.about) {
    emit(supervisor, std::move(x.what));
    return;
  }
  auto& child = child_of(supervisor, *x.about);
  if (std::holds_alternative<actor_child>(child.what)) {
    x.what.runs_in = to_string(rung::thread);
    if (x.what.kind == event_kind::crash) {
      x.what.kept = child.last.kept;
      if (!child.last.in_hand.empty()) x.what.text = "while it handled " + child.last.in_hand;
    }
  } else if (const auto* as_pool = std::get_if<pool_child>(&child.what)) {
    using enum event_kind;
    if (x.what.kind == start || x.what.kind == ready || x.what.kind == stop) return;  // the pool tells these itself
    x.what.runs_in = to_string(as_pool->spec.runs_in);
  }
  emit(child, std::move(x.what));
}

void kernel::perform(node& supervisor, const policy::action::started&) {
  if (supervisor.id == root_) {
    if (auto tell = std::exchange(on_started_, nullptr)) tell(start_report{});
    return;
  }
  auto* parent = find(supervisor.parent);
  carry_out(parent->id, machine_of(*parent).machine->child_ready(supervisor.index, supervisor.incarnation, now()));
}

void kernel::perform(node& supervisor, const policy::action::start_failed& x) {
  const std::string failed = child_of(supervisor, x.child).path;
  drop_children(supervisor);
  if (supervisor.id == root_) {
    if (auto tell = std::exchange(on_started_, nullptr)) tell(start_report{failed, x.why});
    return;
  }
  auto* parent = find(supervisor.parent);
  cause why = x.why;
  why.message = failed + " failed to start: " + describe(x.why);
  why.cls = cause_class::start;
  carry_out(parent->id,
            machine_of(*parent).machine->child_start_failed(supervisor.index, supervisor.incarnation, why, now()));
}

void kernel::perform(node& supervisor, const policy::action::ended& x) {
  drop_children(supervisor);
  const bool gave_up = x.how.cls == policy::exit_class::gave_up;
  if (gave_up) {
    event e;
    e.kind = supervisor.id == root_ ? event_kind::give_up : event_kind::escalate;
    e.level = event_level::error;
    e.why = x.how.why;
    e.text =
        supervisor.id == root_ ? "the root's restart limit was reached" : "restart limit reached; the parent decides";
    emit(supervisor, std::move(e));
  }
  if (supervisor.id == root_) {
    on_started_ = nullptr;
    if (auto tell = std::exchange(on_ended_, nullptr)) tell(x.how);
    return;
  }
  if (machine_of(supervisor).asked_to_stop) {
    after_stopped(supervisor.id);
    return;
  }
  auto* parent = find(supervisor.parent);
  auto& machine = *machine_of(*parent).machine;
  // A supervisor that gave up before all its children were up has failed to start.
  if (machine.state_of(supervisor.index) == policy::child_state::starting)
    carry_out(parent->id, machine.child_start_failed(supervisor.index, supervisor.incarnation, x.how.why, now()));
  else
    carry_out(parent->id, machine.child_exited(supervisor.index, supervisor.incarnation, x.how, now()));
}

void kernel::start_actor(node& child) {
  auto& self = std::get<actor_child>(child.what);
  if (!self.cell) {
    const auto* entry = env_.actors->find(self.spec.type);
    if (entry == nullptr) {
      cell_report failed;
      failed.node = child.id;
      failed.cell = self.serial;
      failed.what = cell_report::kind::start_failed;
      failed.incarnation = child.incarnation;
      failed.how.why.cls = cause_class::start;
      failed.how.why.message = "no actor is registered as '" + self.spec.type + "'";
      port::tell(this, this, std::move(failed));
      return;
    }
    auto spec = std::make_shared<cell_spec>();
    spec->node = child.id;
    spec->serial = self.serial = ++last_serial_;
    spec->path = child.path;
    spec->make = entry->make;
    spec->params = self.spec.params;
    spec->print = env_.print;
    spec->seed = env_.seed ^ (std::hash<std::string>{}(child.path) * 0x9e3779b97f4a7c15ULL);
    spec->events = env_.events;
    self.cell =
        system().spawn<cell>(std::shared_ptr<const cell_spec>{std::move(spec)}, caf::actor_cast<caf::actor>(this));
    env_.names->put_actor(child.path, self.cell);
  }
  port::tell_urgently(self.cell, cell_command{cell_command::kind::incarnate, child.incarnation, actors_for(child)});
}

std::shared_ptr<const actor_map> kernel::actors_for(const node& child) {
  const auto& spec = std::get<actor_child>(child.what).spec;
  const auto& parent_path = find(child.parent)->path;
  auto out = std::make_shared<actor_map>();
  for (const auto& param : env_.actors->find(spec.type)->params) {
    if (param.type != param_type::actor) continue;
    const auto value = spec.params.find(param.name);
    if (value == spec.params.end()) continue;
    if (const auto* name = std::get_if<std::string>(&value->second.value))
      (*out)[param.name] = env_.names->actor(resolve(parent_path, *name));
  }
  return out;
}

void kernel::start_pool(node& child) {
  auto& self = std::get<pool_child>(child.what);
  auto me = caf::actor_cast<caf::actor>(this);
  pool_environment env;
  env.events = env_.events;
  env.keeper = env_.keeper;
  env.tasks = env_.tasks;
  env.path = child.path;
  env.seed = env_.seed + child.id;
  env.on_gave_up = [me, id = child.id, n = child.incarnation](const cause& why) {
    port::tell_urgently(me, kernel_call{[=](kernel& k) { k.pool_gave_up(id, n, why); }});
  };
  if (!self.spec.actors.empty() && env_.link_for) {
    std::map<std::string, std::string> reachable;
    for (const auto& name : self.spec.actors) {
      const auto path = resolve(find(child.parent)->path, name);
      reachable[name] = path;
      reachable.emplace(path.substr(path.rfind('/') + 1), path);  // tasks know an actor at a path by its id
    }
    env.actor_link = env_.link_for(child.path, std::move(reachable));
  }
  retire(std::exchange(self.pool, nullptr));
  self.pool = std::make_shared<steward::pool>(std::move(env), child.path, self.spec);
  env_.names->put_pool(child.path, self.pool);
  self.pool->start_async([me, id = child.id, n = child.incarnation](std::optional<cause> problem) {
    port::tell_urgently(me, kernel_call{[=](kernel& k) { k.pool_is_up(id, n, problem); }});
  });
}

void kernel::pool_is_up(node_id child, std::uint64_t incarnation, const std::optional<cause>& problem) {
  auto* n = find(child);
  if (n == nullptr) return;
  auto* parent = find(n->parent);
  auto& machine = *machine_of(*parent).machine;
  if (problem) {
    n->last.how = {policy::exit_class::abnormal, *problem};
    carry_out(parent->id, machine.child_start_failed(n->index, incarnation, *problem, now()));
  } else {
    carry_out(parent->id, machine.child_ready(n->index, incarnation, now()));
  }
}

void kernel::pool_gave_up(node_id child, std::uint64_t incarnation, const cause& why) {
  auto* n = find(child);
  if (n == nullptr) return;
  n->last.how = {policy::exit_class::gave_up, why};
  auto* parent = find(n->parent);
  carry_out(parent->id, machine_of(*parent).machine->child_exited(
                            n->index, incarnation, policy::exit_info{policy::exit_class::gave_up, why}, now()));
}

void kernel::start_supervisor(node& child) {
  auto& self = machine_of(child);
  drop_children(child);
  make_children(child);
  std::vector<policy::child_policy> policies;
  for (const auto& spec : self.spec->children)
    policies.push_back({spec.id, spec.restart, spec.shutdown, spec.start_within, spec.backoff});
  self.asked_to_stop = false;
  self.machine = std::make_unique<policy::supervisor_machine>(self.spec->how, self.spec->limit, std::move(policies),
                                                              env_.seed + child.id);
  carry_out(child.id, self.machine->start(now()));
}

void kernel::make_children(node& supervisor) {
  auto& self = machine_of(supervisor);
  for (std::size_t i = 0; i < self.spec->children.size(); ++i) {
    const auto& spec = self.spec->children[i];
    node child;
    child.id = ++last_id_;
    child.parent = supervisor.id;
    child.index = i;
    child.path = supervisor.path + "/" + spec.id;
    if (const auto* as_actor = std::get_if<actor_spec>(&spec.what)) {
      child.what = actor_child{*as_actor, {}};
    } else if (const auto* as_pool = std::get_if<pool_spec>(&spec.what)) {
      child.what = pool_child{*as_pool, {}};
    } else {
      supervisor_child nested;
      nested.spec = std::get<std::shared_ptr<supervisor_spec>>(spec.what);
      child.what = std::move(nested);
    }
    self.children.push_back(child.id);
    nodes_.emplace(child.id, std::move(child));
  }
}

void kernel::drop_children(node& supervisor) {
  auto gone = std::exchange(machine_of(supervisor).children, {});
  for (auto id : gone) {
    auto* child = find(id);
    if (std::holds_alternative<supervisor_child>(child->what)) drop_children(*child);
    if (auto* as_pool = std::get_if<pool_child>(&child->what)) retire(std::move(as_pool->pool));
    if (auto* as_actor = std::get_if<actor_child>(&child->what); as_actor && as_actor->cell)
      port::tell_urgently(as_actor->cell, cell_command{cell_command::kind::leave, 0, nullptr});
    env_.names->erase(child->path);
    nodes_.erase(id);
  }
}

void kernel::retire(std::shared_ptr<steward::pool> old) {
  if (!old) return;
  const auto id = ++last_serial_;
  auto* target = old.get();
  retired_pools_.emplace(id, std::move(old));
  target->stop_async(false, [me = caf::actor_cast<caf::actor>(this), id] {
    port::tell_urgently(me, kernel_call{[id](kernel& self) { self.retired_pools_.erase(id); }});
  });
}

void kernel::after_stopped(node_id child) {
  auto* n = find(child);
  if (n == nullptr) return;
  env_.names->erase(n->path);
  auto* parent = find(n->parent);
  if (parent == nullptr) return;
  // Only what ends by itself has ended for good; a supervisor that stops may be about to be restarted.
  if (machine_of(*parent).machine->in_service()) env_.names->put_end(n->path, n->last.how);
  carry_out(parent->id, machine_of(*parent).machine->child_stopped(n->index, now()));
}

kernel::node* kernel::find(node_id id) {
  auto it = nodes_.find(id);
  return it == nodes_.end() ? nullptr : &it->second;
}

kernel::node& kernel::child_of(node& supervisor, policy::child_index index) {
  return nodes_.at(machine_of(supervisor).children.at(index));
}

kernel::clock_point kernel::now() { return clock().now(); }

void kernel::emit(const node& about, event e) {
  e.actor = about.path;
  env_.events->emit(std::move(e));
}

}  // namespace steward::supervision
