#include "base/params.hpp"
#include "supervision/kernel.hpp"

#include <utility>

// How the kernel makes, starts and lets go of children.

namespace steward::supervision {

namespace {

/// Numbers of a supervisor's children begin with its own block of them.
constexpr unsigned block_bits = 36;

/// Actors that were told to end and were not waited for have so long to do so when their tree is over.
constexpr milliseconds last_grace{1'000};

/// Where the actors live that a child names: `/root/a/b` as it is, `b` beside the child.
std::string resolve(const std::string& parent_path, const std::string& name) {
  return name.starts_with('/') ? name : parent_path + "/" + name;
}

}  // namespace

std::shared_ptr<supervisor_spec> with_partitions(const supervisor_spec& spec) {
  auto out = std::make_shared<supervisor_spec>();
  out->strategy = strategy::one_for_one;
  out->intensity = spec.intensity;
  for (unsigned i = 0; i < spec.partitions; ++i) {
    auto part = std::make_shared<supervisor_spec>(spec);
    part->partitions = 0;
    part->initial = spec.initial / spec.partitions + (i < spec.initial % spec.partitions ? 1 : 0);
    child_spec child;
    child.id = "p" + std::to_string(i);
    child.what = std::move(part);
    out->children.push_back(std::move(child));
  }
  return out;
}

kernel::node_id kernel::number_for(supervisor_child& self, std::optional<std::size_t> place) {
  constexpr unsigned generation_bits = 14;
  constexpr node_id generations = node_id{1} << generation_bits;
  constexpr node_id behind_the_list = node_id{1} << (block_bits - 1);
  if (self.spec->strategy == strategy::simple_one_for_one) return self.block + ++self.added;
  if (!place) return self.block + behind_the_list + ++self.added;
  auto& last = self.taken[*place];
  node_id out = 0;
  do out = self.block + (*place << generation_bits) + ++last % generations;
  while (nodes_.contains(out));
  return out;
}

kernel::node& kernel::make_child(node& supervisor, child_spec_ptr spec, child_place_ptr where,
                                 std::optional<std::size_t> place) {
  node child;
  child.id = number_for(as_supervisor(supervisor), place);
  child.parent = supervisor.id;
  child.place = std::move(where);
  child.fixed = place.has_value();
  if (const auto* nested = std::get_if<std::shared_ptr<supervisor_spec>>(&spec->what)) {
    auto content = std::make_unique<supervisor_child>();
    content->spec = *nested;
    child.what = std::move(content);
  } else if (std::holds_alternative<pool_spec>(spec->what)) {
    child.what = std::make_unique<pool_child>();
  }
  child.spec = std::move(spec);
  as_supervisor(supervisor).children.insert(child.id);
  const auto key = child.id;
  auto& placed = nodes_.emplace(key, std::move(child)).first->second;
  if (placed.place->block == 0) {  // `find` computes the others
    by_path_.erase(placed.place->text);
    by_path_.emplace(placed.place->text, key);
  }
  return placed;
}

kernel::node& kernel::make_listed_child(node& supervisor, child_spec spec, std::optional<std::size_t> place) {
  auto where = make_place(as_supervisor(supervisor), supervisor.path() + "/" + spec.id);
  return make_child(supervisor, share(std::move(spec)), std::move(where), place);
}

child_place_ptr kernel::make_place(const supervisor_child& supervisor, std::string text, node_id block) {
  auto out = caf::make_counted<child_place>();
  out->text = std::move(text);
  out->block = block;
  out->desk = supervisor.desk;
  out->events = env_.events;
  out->kernel = caf::actor_cast<caf::actor>(this);
  out->seed = env_.seed;
  return out;
}

child_place_ptr kernel::dynamic_place(const node& supervisor) {
  const auto& self = as_supervisor(supervisor);
  return make_place(self, supervisor.path() + "/" + self.spec->children.front().id + "-", self.block);
}

kernel::node& kernel::make_dynamic_child(node& supervisor, const param_map* params) {
  auto& self = as_supervisor(supervisor);
  const auto& pattern = self.spec->children.front();
  auto spec = self.template_spec;
  const bool differs = params != nullptr && !params->empty();
  if (differs) {
    auto own = pattern;
    if (auto* as_actor = std::get_if<actor_spec>(&own.what))
      for (const auto& [name, value] : *params) as_actor->params[name] = value;
    spec = share(std::move(own));
  }
  auto& child = make_child(supervisor, std::move(spec), self.template_place, {});
  if (!differs && std::holds_alternative<actor_child>(child.what)) {
    if (!self.template_kind) self.template_kind = kind_of(child, std::get<actor_spec>(pattern.what));
    std::get<actor_child>(child.what).kind = self.template_kind;
  }
  return child;
}

cell_kind_ptr kernel::kind_of(const node& child, const actor_spec& spec) {
  const auto* entry = entry_of(spec, *env_.actors);
  if (entry == nullptr) return nullptr;
  auto out = caf::make_counted<cell_kind>();
  out->make = entry->make;
  out->exceptions = child.spec->exceptions ? child.spec->exceptions : entry->exceptions;
  out->params = with_defaults(spec.params, entry->params);
  out->mailbox = child.spec->mailbox;
  out->redeliver = child.spec->redeliver;
  out->watched = child.spec->hang_after.count() > 0;
  out->print = env_.print;
  return out;
}

void kernel::start_actor(node& child) {
  auto& self = std::get<actor_child>(child.what);
  const auto& spec = std::get<actor_spec>(child.spec->what);
  if (!self.kind) self.kind = kind_of(child, spec);
  if (!self.kind) {
    cause why;
    why.cls = cause_class::start;
    why.message = "no actor is registered as '" + spec.type + "'";
    const auto incarnation = child.incarnation;
    note_failing(child);
    tell(*find(child.parent),
         [&](policy::supervisor_machine& m) { return m.child_start_failed(child.id, incarnation, why, now()); });
    return;
  }
  if (!self.cell) {
    self.cell = system().spawn<cell>(cell_spec{child.place, child.id, self.kind});
    env_.names->put_actor(self.cell);
    dismiss_predecessor(child, self.cell);
  }
  cell_command incarnate;
  incarnate.what = cell_command::kind::incarnate;
  incarnate.incarnation = child.incarnation;
  incarnate.actors = actors_for(child);
  port::tell_urgently(self.cell, std::move(incarnate));
}

std::shared_ptr<const actor_map> kernel::actors_for(const node& child) {
  const auto& params = std::get<actor_child>(child.what).kind->params;
  const auto& spec = std::get<actor_spec>(child.spec->what);
  std::shared_ptr<actor_map> out;
  for (const auto& param : entry_of(spec, *env_.actors)->params) {
    if (param.type != param_type::actor) continue;
    const auto value = params.find(param.name);
    if (value == params.end()) continue;
    if (!out) out = std::make_shared<actor_map>();
    if (const auto* name = std::get_if<std::string>(&value->second.value))
      (*out)[param.name] = env_.names->actor(resolve(find(child.parent)->path(), *name));
  }
  return out;
}

void kernel::start_pool(node& child) {
  auto& self = *as_pool(child);
  const auto path = child.path();
  const auto& spec = std::get<pool_spec>(child.spec->what);
  auto me = caf::actor_cast<caf::actor>(this);
  pool_environment env;
  env.events = env_.events;
  env.keeper = env_.keeper;
  env.tasks = env_.tasks;
  env.path = path;
  env.seed = env_.seed + child.id;
  env.print = env_.print_of_workers;
  env.on_gave_up = [me, id = child.id, n = child.incarnation](const cause& why) {
    port::tell_urgently(me, kernel_call{[=](kernel& k) { k.pool_gave_up(id, n, why); }});
  };
  if (!spec.actors.empty() && env_.link_for) {
    std::map<std::string, std::string> reachable;
    for (const auto& name : spec.actors) {
      const auto there = resolve(find(child.parent)->path(), name);
      reachable[name] = there;
      reachable.emplace(there.substr(there.rfind('/') + 1), there);  // tasks know an actor at a path by its id
    }
    env.actor_link = env_.link_for(path, std::move(reachable));
  }
  retire(std::exchange(self.pool, nullptr));
  self.pool = std::make_shared<steward::pool>(std::move(env), path, spec);
  env_.names->put_pool(path, self.pool);
  self.pool->start_async([me, id = child.id, n = child.incarnation](std::optional<cause> problem) {
    port::tell_urgently(me, kernel_call{[=](kernel& k) { k.pool_is_up(id, n, problem); }});
  });
}

void kernel::pool_has_stopped(node_id child, std::uint64_t incarnation) {
  auto* n = find(child);
  if (n == nullptr || n->incarnation != incarnation) return;  // it was abandoned, and another one may be up
  as_pool(*n)->pool = nullptr;
  after_stopped(child);
}

void kernel::pool_is_up(node_id child, std::uint64_t incarnation, const std::optional<cause>& problem) {
  auto* n = find(child);
  if (n == nullptr) return;
  if (problem && n->incarnation == incarnation) note_failing(*n);
  tell(*find(n->parent), [&](policy::supervisor_machine& m) {
    return problem ? m.child_start_failed(child, incarnation, *problem, now())
                   : m.child_ready(child, incarnation, now());
  });
}

void kernel::pool_gave_up(node_id child, std::uint64_t incarnation, const cause& why) {
  auto* n = find(child);
  if (n == nullptr) return;
  tell(*find(n->parent), [&](policy::supervisor_machine& m) {
    return m.child_exited(child, incarnation, {policy::exit_class::gave_up, why}, now());
  });
}

void kernel::start_supervisor(node& child) {
  auto& self = as_supervisor(child);
  if (!self.desk) {
    auto me = caf::actor_cast<caf::actor>(this);
    self.desk = std::make_shared<policy::supervisor_desk>(
        [me, id = child.id] { port::tell_urgently(me, kernel_poke{id}); }, env_.gather);
  }
  self.asked_to_stop = false;
  self.last = {};
  self.failing.reset();
  if (self.spec->partitions != 0) {
    self.partitioned = true;
    self.spec = with_partitions(*self.spec);
  }
  const auto& spec = *self.spec;
  policy::machine_options options;
  options.strategy = spec.strategy;
  options.intensity = spec.intensity;
  options.auto_shutdown = spec.auto_shutdown;
  options.seed = env_.seed + child.id;
  options.keep_on_end = child.parent != 0 && child.spec->restart != restart_type::temporary;
  auto machine = std::make_unique<policy::supervisor_machine>(options);
  if (self.block == 0) self.block = ++last_id_ << block_bits;
  for (const auto id : self.children.numbers())  // those that start_child made do not come back
    if (!nodes_.at(id).fixed) erase_child(id);
  if (spec.strategy == strategy::simple_one_for_one) {
    self.template_spec = share(spec.children.front());
    self.template_policy = std::make_shared<const policy::child_policy>(policy::policy_of(spec.children.front()));
    self.template_kind = nullptr;
    self.template_place = dynamic_place(child);
    for (unsigned i = 0; i < spec.initial; ++i)
      machine->add(make_dynamic_child(child, nullptr).id, self.template_policy);
  } else {
    std::set<std::string> there;
    for (const auto id : self.children.numbers()) {
      const auto& old = nodes_.at(id);
      there.insert(old.id_text());
      machine->add(id, std::make_shared<const policy::child_policy>(policy::policy_of(*old.spec)), old.incarnation);
    }
    for (std::size_t place = 0; place < spec.children.size(); ++place) {
      const auto& x = spec.children[place];
      if (there.contains(x.id)) continue;
      const auto& made = make_listed_child(child, x, place);
      machine->add(made.id, std::make_shared<const policy::child_policy>(policy::policy_of(x)));
    }
  }
  self.desk->install(std::move(machine));
  tell(child, [&](policy::supervisor_machine& m) { return m.start(now()); });
}

std::string kernel::reason_of(const node& child) {
  const auto* as_actor = std::get_if<actor_child>(&child.what);
  const auto* parent = find(child.parent);
  if (as_actor != nullptr && as_actor->extras && as_actor->extras->last.cls != cause_class::none)
    return "it crashed: " + describe(as_actor->extras->last);
  if (parent != nullptr && as_supervisor(*parent).last.cls != cause_class::none)
    return "its supervisor gave up: " + describe(as_supervisor(*parent).last);
  return {};
}

void kernel::dismiss(node& child, leave_reason reason) {
  auto& self = std::get<actor_child>(child.what);
  dismiss_predecessor(child, nullptr);
  if (!self.cell) return;
  clear_timer(child, due::purpose::hang);
  cell_command leave;
  leave.what = cell_command::kind::leave;
  leave.reason = reason;
  leave.why = reason_of(child);
  port::tell_urgently(self.cell, std::move(leave));
  const auto serial = self.serial();
  leaving_.emplace(serial, leaving_cell{child.path(), std::exchange(self.cell, nullptr), false});
  ++awaited_;
}

void kernel::dismiss_predecessor(node& child, const caf::actor& heir) {
  auto& self = std::get<actor_child>(child.what);
  if (!self.extras || !self.extras->predecessor) return;
  const auto old = std::exchange(self.extras->predecessor, nullptr);
  cell_command leave;
  leave.what = cell_command::kind::leave;
  leave.reason = leave_reason::killed;
  leave.heir = heir;
  if (heir) cell_of(old).bequeath(heir);
  port::tell_urgently(old, std::move(leave));
}

void kernel::erase_child(node_id id) {
  auto* child = find(id);
  if (child == nullptr) return;
  if (std::holds_alternative<actor_child>(child->what)) {
    dismiss(*child, leave_reason::shutdown);
  } else if (auto* pool = as_pool(*child)) {
    retire(std::move(pool->pool));
  } else {
    auto& nested = as_supervisor(*child);
    for (const auto below : nested.children.numbers()) erase_child(below);
    if (nested.desk) nested.desk->remove();
  }
  clear_timer(*child, due::purpose::machine);
  clear_timer(*child, due::purpose::hang);
  const auto path = child->path();
  env_.names->erase(path);
  if (auto* parent = find(child->parent)) as_supervisor(*parent).children.erase(id);
  if (const auto it = by_path_.find(path); it != by_path_.end() && it->second == id) by_path_.erase(it);
  nodes_.erase(id);
}

void kernel::let_go_of_children(node& supervisor) {
  const auto children = as_supervisor(supervisor).children.numbers();
  for (auto it = children.rbegin(); it != children.rend(); ++it) {
    const auto id = *it;
    auto& child = nodes_.at(id);
    clear_timer(child, due::purpose::machine);
    if (std::holds_alternative<actor_child>(child.what)) {
      dismiss(child, leave_reason::shutdown);
    } else if (auto* pool = as_pool(child)) {
      retire(std::move(pool->pool));
    } else {
      let_go_of_children(child);
      if (as_supervisor(child).desk) as_supervisor(child).desk->remove();
    }
    env_.names->erase(child.path());
    if (!child.fixed || child.spec->restart == restart_type::temporary) erase_child(id);
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
  auto* parent = find(n->parent);
  if (parent == nullptr) return;
  const auto& desk = *as_supervisor(*parent).desk;
  const auto* as_actor = std::get_if<actor_child>(&n->what);
  if (as_actor == nullptr || !as_actor->cell) env_.names->erase(n->path());
  const auto how = desk.look([&](const policy::supervisor_machine& m) { return m.end_of_child(child); },
                             std::optional<policy::exit_class>{});
  if (how) tell_end(*n, *how);
  tell(*parent, [&](policy::supervisor_machine& m) { return m.child_stopped(child, now()); });
}

void kernel::tell_end(const node& child, policy::exit_class how) {
  // Only what ends by itself has ended for good; a supervisor that stops may be about to be restarted. Dynamic children
  // come and go: nobody waits for one by its name.
  const auto* parent = find(child.parent);
  if (parent == nullptr || !child.fixed) return;
  if (as_supervisor(*parent).desk->look([](const policy::supervisor_machine& m) { return m.in_service(); }, false))
    env_.names->put_end(child.path(), {how, {}});
}

void kernel::when_all_left(std::function<void()> f) {
  all_left_ = std::move(f);
  check_all_left();
  if (all_left_)
    port::tell_after(this, last_grace, this, kernel_call{[](kernel& self) { self.abandon_all_leaving(); }});
}

void kernel::abandon_all_leaving() {
  if (!all_left_) return;  // all has ended in time
  for (auto& [serial, leaving] : leaving_) {
    if (std::exchange(leaving.abandoned, true)) continue;
    event e;
    e.actor = leaving.path;
    e.kind = event_kind::warn;
    e.level = event_level::warn;
    e.runs_in = to_string(rung::thread);
    e.text = "was told to end and has not, " + render_duration(last_grace) + " after all else has; abandoned";
    env_.events->emit(std::move(e));
    if (env_.on_abandoned) env_.on_abandoned(leaving.path);
  }
  awaited_ = 0;
  check_all_left();
}

void kernel::check_all_left() {
  if (awaited_ > 0) return;
  if (auto f = std::exchange(all_left_, nullptr)) {
    if (auto path = std::exchange(claimed_, {}); !path.empty()) env_.names->release(path);
    f();
  }
}

}  // namespace steward::supervision
