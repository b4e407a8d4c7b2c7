#include "base/params.hpp"
#include "supervision/kernel.hpp"

#include "base/spec_changes.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <utility>

// Administration: what callers ask of a running tree.

namespace steward::supervision {

namespace {

admin_result result_of(admin_code code, std::string path = {}) {
  admin_result out;
  out.code = code;
  out.path = std::move(path);
  return out;
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

void add(message_counts& sum, const message_counts& x) {
  sum.accepted += x.accepted;
  sum.handled += x.handled;
  sum.failed += x.failed;
  sum.dead += x.dead;
  sum.rejected += x.rejected;
  sum.waiting += x.waiting;
}

bool is_dynamic(const supervisor_child& x) { return x.spec->strategy == strategy::simple_one_for_one; }

}  // namespace

kernel::node* kernel::supervisor_at(const std::string& path) {
  auto* n = find(path);
  if (n == nullptr || !std::holds_alternative<std::unique_ptr<supervisor_child>>(n->what)) return nullptr;
  const auto& desk = as_supervisor(*n).desk;
  const bool serving = desk && desk->look([](const policy::supervisor_machine& m) { return m.in_service(); }, false);
  return serving ? n : nullptr;
}

kernel::node* kernel::child_node_at(const std::string& path) {
  auto* n = find(path);
  return n != nullptr && n->parent != 0 ? n : nullptr;
}

kernel::node* kernel::child_for(const std::string& path, const admin_callback& answer) {
  auto* child = child_node_at(path);
  // A supervisor that was killed has no machine any more, but its children have their places.
  const auto exists = [](const policy::supervisor_machine&) { return true; };
  if (child != nullptr && as_supervisor(*find(child->parent)).desk->look(exists, false)) return child;
  const auto* owner = supervisor_at(parent_of(path));
  answer(result_of(owner != nullptr ? admin_code::not_found : admin_code::noproc, path));
  return nullptr;
}

policy::request_number kernel::ask(admin_callback answer, std::string path) {
  requests_.emplace(++last_request_, std::pair{std::move(path), std::move(answer)});
  return last_request_;
}

void kernel::start_child(const std::string& supervisor, child_spec spec, admin_callback answer) {
  auto* owner = supervisor_at(supervisor);
  if (owner == nullptr) {
    answer(result_of(admin_code::noproc, supervisor));
    return;
  }
  auto& self = as_supervisor(*owner);
  const auto path = supervisor + "/" + spec.id;
  if (is_dynamic(self)) {
    answer(result_of(admin_code::unsupported, path));
    return;
  }
  auto out = result_of(admin_code::invalid, path);
  out.faults = validate(spec, *self.spec, supervisor);
  if (out.faults.empty()) check_all_params(spec, path, out.faults);
  if (!out.faults.empty()) {
    answer(std::move(out));
    return;
  }
  if (const auto* there = find(path)) {
    const auto info = describe_child(*there);
    if (info.status == child_status::stopping) {
      late_starts_.push_back({supervisor, std::move(spec), std::move(answer)});
      return;
    }
    const bool up = info.status == child_status::running || info.status == child_status::starting;
    out = result_of(up ? admin_code::already_started : admin_code::already_present, path);
    out.handle = info.handle;
    answer(std::move(out));
    return;
  }
  auto policy = std::make_shared<const policy::child_policy>(policy::policy_of(spec));
  auto& child = make_listed_child(*owner, std::move(spec), {});
  const auto number = child.id;
  const auto request = ask(std::move(answer), path);
  tell(*owner, [&](policy::supervisor_machine& m) { return m.start_child(number, std::move(policy), request, now()); });
  if (auto* left = find(number); left != nullptr && !left->started_before) erase_child(number);  // it was refused
}

void kernel::start_child(const std::string& supervisor, const param_map& params, const std::string& key,
                         admin_callback answer) {
  auto* owner = supervisor_at(supervisor);
  if (owner == nullptr) {
    answer(result_of(admin_code::noproc, supervisor));
    return;
  }
  auto& self = as_supervisor(*owner);
  if (self.partitioned) {
    const auto count = self.children.size();
    const auto at = key.empty() ? self.turns++ % count : std::hash<std::string>{}(key) % count;
    start_child(nodes_.at(self.children.numbers()[at]).path(), params, key, std::move(answer));
    return;
  }
  if (!is_dynamic(self)) {
    answer(result_of(admin_code::unsupported, supervisor));
    return;
  }
  const auto& pattern = self.spec->children.front();
  auto all = params;
  if (const auto* as_actor = std::get_if<actor_spec>(&pattern.what))
    all.insert(as_actor->params.begin(), as_actor->params.end());
  if (auto faults = check_params(pattern, all, supervisor, true); !faults.empty()) {
    auto out = result_of(admin_code::invalid, supervisor);
    out.faults = std::move(faults);
    answer(std::move(out));
    return;
  }
  auto& child = make_dynamic_child(*owner, &params);
  const auto number = child.id;
  const auto request = ask(std::move(answer), child.path());
  tell(*owner,
       [&](policy::supervisor_machine& m) { return m.start_child(number, self.template_policy, request, now()); });
  if (auto* left = find(number); left != nullptr && !left->started_before) erase_child(number);
}

void kernel::try_late_starts() {
  for (auto& x : std::exchange(late_starts_, {})) start_child(x.supervisor, std::move(x.spec), std::move(x.answer));
}

std::vector<spec_fault> kernel::check_params(const child_spec& spec, const param_map& params, const std::string& path,
                                             bool complete) const {
  std::vector<spec_fault> out;
  const auto* as_actor = std::get_if<actor_spec>(&spec.what);
  if (as_actor == nullptr) {
    for (const auto& [name, value] : params) out.push_back({path, name, "only actors have parameters"});
  } else if (const auto* entry = entry_of(*as_actor, *env_.actors)) {
    for (auto& fault : params_faults(params, entry->params, as_actor->type, complete)) {
      fault.path = path;
      out.push_back(std::move(fault));
    }
  }
  return out;
}

void kernel::check_all_params(const child_spec& spec, const std::string& path, std::vector<spec_fault>& faults,
                              bool complete) const {
  if (const auto* as_actor = std::get_if<actor_spec>(&spec.what)) {
    auto more = check_params(spec, as_actor->params, path, complete);
    faults.insert(faults.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  } else if (const auto* nested = std::get_if<std::shared_ptr<supervisor_spec>>(&spec.what)) {
    check_all_params(**nested, path, faults);
  }
}

void kernel::check_all_params(const supervisor_spec& spec, const std::string& path,
                              std::vector<spec_fault>& faults) const {
  // A template's children may be given what it leaves out, but for those that it makes itself.
  const bool complete = spec.strategy != strategy::simple_one_for_one || spec.initial > 0;
  for (const auto& child : spec.children) check_all_params(child, path + "/" + child.id, faults, complete);
}

void kernel::terminate_child(const std::string& path, admin_callback answer) {
  auto* child = child_for(path, answer);
  if (child == nullptr) return;
  const auto request = ask(std::move(answer), path);
  const auto number = child->id;
  if (!tell(*find(child->parent),
            [&](policy::supervisor_machine& m) { return m.terminate_child(number, request, now()); }))
    perform(*child, policy::action::reply{request, policy::reply_code::noproc, number});
}

void kernel::terminate_child(const std::string& supervisor, const caf::actor& handle, admin_callback answer) {
  const auto path = path_of(handle);
  if (supervisor_at(supervisor) == nullptr) {
    answer(result_of(admin_code::noproc, supervisor));
  } else if (path.empty() || parent_of(path) != supervisor) {
    answer(result_of(admin_code::not_found, path));
  } else if (const auto* child = child_node_at(path);
             child == nullptr || std::get<actor_child>(child->what).cell != handle) {
    answer(result_of(admin_code::ok, path));
  } else {
    terminate_child(path, std::move(answer));
  }
}

std::string path_of(const caf::actor& handle) {
  if (!handle) return {};
  const auto* as_cell = dynamic_cast<const cell*>(caf::actor_cast<caf::abstract_actor*>(handle));
  return as_cell != nullptr ? as_cell->path() : std::string{};
}

void kernel::restart_child(const std::string& path, admin_callback answer) {
  auto* child = child_for(path, answer);
  if (child == nullptr) return;
  auto& owner = *find(child->parent);
  const auto number = child->id;
  if (is_dynamic(as_supervisor(owner)) && as_supervisor(owner).desk->look(
                                              [&](const policy::supervisor_machine& m) {
                                                return !m.knows(number) ||
                                                       m.state_of(number) != policy::child_state::parked;
                                              },
                                              true)) {
    answer(result_of(admin_code::unsupported, path));
    return;
  }
  event e;
  e.kind = event_kind::operator_;
  e.level = event_level::info;
  e.text = "restart_child";
  emit(*child, std::move(e));
  const auto request = ask(std::move(answer), path);
  if (!tell(owner, [&](policy::supervisor_machine& m) { return m.restart_child(number, request, now()); }))
    perform(*child, policy::action::reply{request, policy::reply_code::noproc, number});
}

void kernel::delete_child(const std::string& path, admin_callback answer) {
  auto* child = child_for(path, answer);
  if (child == nullptr) return;
  auto& owner = *find(child->parent);
  if (is_dynamic(as_supervisor(owner))) {
    answer(result_of(admin_code::unsupported, path));
    return;
  }
  const auto request = ask(std::move(answer), path);
  const auto number = child->id;
  if (!tell(owner, [&](policy::supervisor_machine& m) { return m.delete_child(number, request); }))
    perform(*child, policy::action::reply{request, policy::reply_code::noproc, number});
}

child_info kernel::describe_child(const node& child) {
  child_info out;
  out.path = child.path();
  out.id = out.path.substr(out.path.rfind('/') + 1);
  out.incarnation = child.incarnation;
  out.restart = child.spec->restart;
  out.is_supervisor = std::holds_alternative<std::unique_ptr<supervisor_child>>(child.what);
  using seen = std::pair<policy::child_state, std::uint64_t>;
  const auto [state, incarnation] = as_supervisor(*find(child.parent))
                                        .desk->look(
                                            [&](const policy::supervisor_machine& m) {
                                              return m.knows(child.id)
                                                         ? seen{m.state_of(child.id), m.incarnation_of(child.id)}
                                                         : seen{policy::child_state::idle, child.incarnation};
                                            },
                                            seen{policy::child_state::idle, child.incarnation});
  out.incarnation = incarnation;
  switch (state) {
    case policy::child_state::idle:
      out.status = child_status::undefined;
      break;
    case policy::child_state::starting:
      out.status = incarnation > 1 ? child_status::restarting : child_status::starting;
      break;
    case policy::child_state::up:
      out.status = child_status::running;
      break;
    case policy::child_state::waiting:
      out.status = child_status::restarting;
      break;
    case policy::child_state::stopping:
      out.status = child_status::stopping;
      break;
    case policy::child_state::parked:
      out.status = child_status::parked;
      break;
  }
  if (const auto* as_actor = std::get_if<actor_child>(&child.what)) {
    out.handle = as_actor->cell;
    if (as_actor->extras) out.messages = as_actor->extras->past;
    if (as_actor->cell) add(out.messages, cell_of(as_actor->cell).counts());
  }
  return out;
}

std::optional<std::vector<child_info>> kernel::which_children(const std::string& supervisor) {
  const auto* owner = supervisor_at(supervisor);
  if (owner == nullptr) return std::nullopt;
  std::vector<child_info> out;
  const auto numbers = as_supervisor(*owner).children.numbers();
  out.reserve(numbers.size());
  for (auto it = numbers.rbegin(); it != numbers.rend(); ++it) out.push_back(describe_child(nodes_.at(*it)));
  return out;
}

std::optional<child_info> kernel::child_at(const std::string& path) {
  const auto* child = child_node_at(path);
  if (child == nullptr) return std::nullopt;
  return describe_child(*child);
}

std::optional<child_counts> kernel::count_children(const std::string& supervisor) {
  const auto* owner = supervisor_at(supervisor);
  if (owner == nullptr) return std::nullopt;
  const auto& self = as_supervisor(*owner);
  child_counts out;
  out.specs = is_dynamic(self) ? 1 : self.children.size();
  for (const auto id : self.children.numbers()) {
    const auto& child = nodes_.at(id);
    const bool nested = std::holds_alternative<std::unique_ptr<supervisor_child>>(child.what);
    ++(nested ? out.supervisors : out.workers);
  }
  out.active = self.desk->look([](const policy::supervisor_machine& m) { return m.count_up(); }, std::size_t{0});
  return out;
}

std::optional<child_spec> kernel::get_childspec(const std::string& path) {
  const auto* child = child_node_at(path);
  if (child == nullptr) return std::nullopt;
  auto out = *child->spec;
  out.id = child->id_text();
  out.shutdown = shutdown_of(out);
  out.start_within = start_within_of(out);
  return out;
}

std::size_t kernel::leaked() const { return leaving_.size() - awaited_; }

namespace {

void note_changes(const std::string& path, const spec_changes& found, std::vector<reload_change>& into) {
  if (!found.now.empty()) into.push_back({path, enumerated(found.now), {}});
  if (!found.at_restart.empty()) into.push_back({path, enumerated(found.at_restart), "its next restart"});
}

std::string told(const reload_change& x) {
  return x.what + (x.waits_for.empty() ? ": new from now on" : ": waits for " + x.waits_for);
}

}  // namespace

std::vector<spec_fault> kernel::reload(const supervisor_spec& spec, std::vector<reload_change>* changes) {
  auto* root = find(root_);
  if (root == nullptr) return {{"/", "", "the tree is over"}};
  auto faults = validate(spec, root->path());
  if (faults.empty()) check_all_params(spec, root->path(), faults);
  if (faults.empty()) check_reload(*root, spec, faults);
  if (!faults.empty()) return faults;
  std::vector<reload_change> found;
  reload_supervisor(*root, std::make_shared<supervisor_spec>(spec), found);
  event e;
  e.kind = event_kind::operator_;
  e.level = event_level::info;
  e.text = "new specs were loaded";
  emit(*root, std::move(e));
  for (const auto& one : found) {
    event change;
    change.kind = event_kind::config;
    change.level = event_level::info;
    change.actor = one.path;
    change.text = told(one);
    env_.events->emit(std::move(change));
  }
  if (changes != nullptr) *changes = std::move(found);
  return {};
}

void kernel::check_reload(const node& supervisor, const supervisor_spec& spec, std::vector<spec_fault>& faults) {
  const auto& self = as_supervisor(supervisor);
  const bool was_dynamic = is_dynamic(self) || self.partitioned;
  if ((spec.strategy == strategy::simple_one_for_one) != was_dynamic ||
      (spec.partitions != 0 && spec.partitions != self.children.size()) || (spec.partitions != 0) != self.partitioned) {
    faults.push_back({supervisor.path(), "strategy",
                      "a running supervisor cannot become dynamic, or cease to be, or change its partitions"});
    return;
  }
  const auto same_kind = [&](const std::string& path, const child_spec& before, const child_spec& x) {
    if (before.what.index() == x.what.index()) return true;
    faults.push_back({path, "", "a child cannot become another kind of child while the tree runs"});
    return false;
  };
  if (self.partitioned) {
    auto part = spec;
    part.partitions = 0;
    if (!self.children.empty()) check_reload(nodes_.at(self.children.numbers().front()), part, faults);
    return;
  }
  if (was_dynamic) {
    const auto& x = spec.children.front();
    if (!same_kind(supervisor.path() + "/" + x.id, self.spec->children.front(), x)) return;
    if (const auto* nested = std::get_if<std::shared_ptr<supervisor_spec>>(&x.what))
      for (const auto id : self.children.numbers()) check_reload(nodes_.at(id), **nested, faults);
    return;
  }
  for (const auto& x : spec.children) {
    const auto* child = find(supervisor.path() + "/" + x.id);
    if (child == nullptr || !same_kind(child->path(), *child->spec, x)) continue;
    const auto* nested = std::get_if<std::shared_ptr<supervisor_spec>>(&x.what);
    if (nested != nullptr && as_supervisor(*child).desk) check_reload(*child, **nested, faults);
  }
}

/// The new template for a child that was given parameters: those that were not the old template's stay its own.
child_spec_ptr kernel::respecify(const child_spec& child, const child_spec& before, const child_spec_ptr& next) const {
  const auto* old_actor = std::get_if<actor_spec>(&before.what);
  const auto* as_actor = std::get_if<actor_spec>(&child.what);
  if (old_actor == nullptr || as_actor == nullptr) return next;
  child_spec out = *next;
  auto& params = std::get<actor_spec>(out.what);
  const auto* entry = entry_of(params, *env_.actors);
  for (const auto& [name, value] : as_actor->params) {
    const auto was = old_actor->params.find(name);
    if (was != old_actor->params.end() && was->second.value == value.value) continue;
    if (entry != nullptr &&
        std::any_of(entry->params.begin(), entry->params.end(), [&name = name](auto& x) { return x.name == name; }))
      params.params[name] = value;
  }
  return share(std::move(out));
}

void kernel::reload_child(node& child, child_spec_ptr next, std::vector<reload_change>& changes) {
  const auto before = std::exchange(child.spec, std::move(next));
  if (const auto* nested = std::get_if<std::shared_ptr<supervisor_spec>>(&child.spec->what)) {
    if (as_supervisor(child).desk)
      reload_supervisor(child, *nested, changes);
    else
      as_supervisor(child).spec = *nested;
    return;
  }
  if (auto* as_pool_child = as_pool(child)) {
    const auto bounds = worker_bounds_of(std::get<pool_spec>(child.spec->what));
    if (as_pool_child->pool && bounds != worker_bounds_of(std::get<pool_spec>(before->what)))
      as_pool_child->pool->resize(bounds.least, bounds.most);
    return;
  }
  auto& of_template = as_supervisor(*find(child.parent));
  const bool shared = child.spec == of_template.template_spec;
  auto& as_actor = std::get<actor_child>(child.what);
  as_actor.kind = shared ? of_template.template_kind : nullptr;
  if (!as_actor.kind) as_actor.kind = kind_of(child, std::get<actor_spec>(child.spec->what));
  if (shared) of_template.template_kind = as_actor.kind;
  if (!as_actor.cell || !as_actor.kind) return;
  cell_command renew;
  renew.what = cell_command::kind::renew;
  renew.renewed = as_actor.kind;
  port::tell_urgently(as_actor.cell, std::move(renew));
}

void kernel::reload_supervisor(node& supervisor, std::shared_ptr<supervisor_spec> spec,
                               std::vector<reload_change>& changes) {
  auto& self = as_supervisor(supervisor);
  const auto was = std::exchange(self.spec, self.partitioned ? with_partitions(*spec) : std::move(spec));
  note_changes(supervisor.path(), changes_between(*was, *self.spec), changes);
  std::vector<std::pair<node_id, std::shared_ptr<const policy::child_policy>>> changed;
  std::vector<std::pair<node_id, std::shared_ptr<const policy::child_policy>>> added;
  if (is_dynamic(self)) {
    const auto before = std::exchange(self.template_spec, share(self.spec->children.front()));
    self.template_policy = std::make_shared<const policy::child_policy>(policy::policy_of(*self.template_spec));
    self.template_kind = nullptr;
    self.template_place = dynamic_place(supervisor);
    note_changes(supervisor.path() + "/" + self.template_spec->id, changes_between(*before, *self.template_spec),
                 changes);
    for (const auto id : self.children.numbers()) {
      auto& child = nodes_.at(id);
      reload_child(child,
                   child.spec == before ? self.template_spec : respecify(*child.spec, *before, self.template_spec),
                   changes);
      changed.emplace_back(id, self.template_policy);
    }
  } else {
    std::set<std::string> listed_before;
    for (const auto id : self.children.numbers()) {
      auto& child = nodes_.at(id);
      if (std::exchange(child.fixed, false)) listed_before.insert(child.id_text());  // what is missing ends with us
    }
    for (const auto& x : self.spec->children) {
      auto policy = std::make_shared<const policy::child_policy>(policy::policy_of(x));
      auto* child = find(supervisor.path() + "/" + x.id);
      if (child == nullptr) {
        const auto& made = make_listed_child(supervisor, x, static_cast<std::size_t>(&x - self.spec->children.data()));
        added.emplace_back(made.id, std::move(policy));
        changes.push_back({made.path(), "added", "restart_child"});
        continue;
      }
      child->fixed = true;
      changed.emplace_back(child->id, std::move(policy));
      note_changes(child->path(), changes_between(*child->spec, x), changes);
      reload_child(*child, share(x), changes);
    }
    for (const auto id : self.children.numbers())
      if (const auto& one = nodes_.at(id); !one.fixed && listed_before.contains(one.id_text()))
        changes.push_back({one.path(), "removed", "the end of its supervisor, or terminate_child"});
  }
  policy::machine_options options;
  options.strategy = self.spec->strategy;
  options.intensity = self.spec->intensity;
  options.auto_shutdown = self.spec->auto_shutdown;
  options.seed = env_.seed + supervisor.id;
  options.keep_on_end = supervisor.parent != 0 && supervisor.spec->restart != restart_type::temporary;
  tell(supervisor, [&](policy::supervisor_machine& m) {
    m.reconfigure(options);
    for (auto& [id, policy] : changed) m.repolicy(id, policy);
    for (auto& [id, policy] : added) m.add(id, policy);
    return policy::actions{};
  });
}

}  // namespace steward::supervision
