#include "supervision/carried_out.hpp"
#include "supervision/tree_host.hpp"

#include <memory>
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

std::string told(const reload_change& x) {
  return x.what + (x.waits_for.empty() ? ": new from now on" : ": waits for " + x.waits_for);
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

child_status status_of(policy::child_state state, std::uint64_t incarnation) {
  switch (state) {
    case policy::child_state::idle:
      break;
    case policy::child_state::starting:
      return incarnation > 1 ? child_status::restarting : child_status::starting;
    case policy::child_state::up:
      return child_status::running;
    case policy::child_state::waiting:
      return child_status::restarting;
    case policy::child_state::stopping:
      return child_status::stopping;
    case policy::child_state::parked:
      return child_status::parked;
  }
  return child_status::undefined;
}

std::string loaded(const std::vector<reload_change>& found) {
  if (found.empty()) return "new specs were loaded: nothing in them differs";
  return "new specs were loaded: " + std::to_string(found.size()) + (found.size() == 1 ? " change" : " changes");
}

}  // namespace

path_lookup tree_host::what_runs() const {
  return [this](const std::string& path) {
    if (env_.names->pool_at(path) != nullptr) return found_there::pool;
    const auto* there = find(path);
    if (there == nullptr) return env_.names->actor(path) ? found_there::other : found_there::nothing;
    const bool is_pool = there->spec != nullptr && std::holds_alternative<pool_spec>(there->spec->what);
    return is_pool ? found_there::pool : found_there::other;
  };
}

supervisor_child* tree_host::supervisor_at(const std::string& path) const {
  auto* found = find(path);
  auto* out = found != nullptr ? found->as_supervisor() : nullptr;
  return out != nullptr && out->in_service() ? out : nullptr;
}

child* tree_host::child_node_at(const std::string& path) const {
  auto* out = find(path);
  return out != nullptr && out->parent != nullptr ? out : nullptr;
}

child* tree_host::child_for(const std::string& path, const admin_callback& answer) {
  auto* out = child_node_at(path);
  // A supervisor that was killed has no machine any more, but its children are still there.
  const auto exists = [](const policy::supervisor_machine&) { return true; };
  if (out != nullptr && out->parent->desk()->look(exists, false)) return out;
  const auto* owner = supervisor_at(parent_of(path));
  answer(result_of(owner != nullptr ? admin_code::not_found : admin_code::noproc, path));
  return nullptr;
}

policy::request_number tree_host::ask(admin_callback answer, std::string path) {
  requests_.emplace(++last_request_, waiting_request{std::move(path), std::move(answer)});
  return last_request_;
}

template <class F>
void tree_host::ask_machine(const child& about, const std::string& path, admin_callback answer, F&& f) {
  const auto number = about.id;
  auto& owner = *about.parent;
  const auto request = ask(std::move(answer), path);
  if (!feed(owner, [&](policy::supervisor_machine& m) { return f(m, request); }))
    perform(owner, policy::action::reply{request, admin_code::noproc, number});
}

void tree_host::start_child(const std::string& supervisor, child_spec spec, admin_callback answer) {
  auto* owner = supervisor_at(supervisor);
  if (owner == nullptr) {
    answer(result_of(admin_code::noproc, supervisor));
    return;
  }
  const auto path = supervisor + "/" + spec.id;
  if (owner->dynamic()) {
    answer(result_of(admin_code::unsupported, path));
    return;
  }
  auto out = result_of(admin_code::invalid, path);
  const auto* home = owner->process_owner();
  out.faults = validate(spec, owner->content(), supervisor, home == nullptr ? std::string{} : home->path());
  if (out.faults.empty()) check_params(*env_.actors, spec, path, out.faults, true, home != nullptr);
  if (out.faults.empty()) check_pools(*env_.actors, spec, supervisor, what_runs(), out.faults);
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
  spec = as_carried_out(std::move(spec), owner->content(), home == nullptr ? nullptr : &home->spec->process);
  auto policy = std::make_shared<const policy::child_policy>(policy::policy_of(spec));
  const auto number = owner->add_listed(*this, std::move(spec), {}).id;
  const auto request = ask(std::move(answer), path);
  feed(*owner, [&](policy::supervisor_machine& m) { return m.start_child(number, std::move(policy), request, now()); });
  if (auto* left = find(number); left != nullptr && !left->started_before) erase(*left);  // it was refused
}

std::vector<spec_fault> tree_host::faults_of_own(const supervisor_child& owner, const param_map& params,
                                                 const std::string& path) const {
  const auto& pattern = *owner.template_spec();
  auto out = check_own_params(*env_.actors, pattern, params, path);
  if (out.empty() && !params.empty())
    check_pools(*env_.actors, with_params(pattern, params), owner.path(), what_runs(), out);
  return out;
}

cause tree_host::too_many(const supervisor_child& owner) {
  const auto& limited = owner.parent != nullptr && owner.parent->partitioned() ? *owner.parent : owner;
  cause out;
  out.cls = cause_class::start;
  out.message = "max_children of " + limited.path() + " is " + std::to_string(limited.content().max_children);
  return out;
}

void tree_host::start_child(const std::string& supervisor, const param_map& params, const std::string& key,
                            admin_callback answer) {
  auto* owner = supervisor_at(supervisor);
  if (owner != nullptr && owner->partitioned()) {
    start_child(owner->partition_for(*this, key).path(), params, key, std::move(answer));
    return;
  }
  if (owner == nullptr || !owner->dynamic()) {
    answer(result_of(owner == nullptr ? admin_code::noproc : admin_code::unsupported, supervisor));
    return;
  }
  if (auto faults = faults_of_own(*owner, params, supervisor); !faults.empty()) {
    auto out = result_of(admin_code::invalid, supervisor);
    out.faults = std::move(faults);
    answer(std::move(out));
    return;
  }
  if (owner->room(*this) == 0) {
    auto out = result_of(admin_code::max_children, supervisor);
    out.why = too_many(*owner);
    answer(std::move(out));
    return;
  }
  const auto& child = owner->add_dynamic(*this, &params);
  const auto number = child.id;
  const auto request = ask(std::move(answer), child.path());
  feed(*owner,
       [&](policy::supervisor_machine& m) { return m.start_child(number, owner->template_policy(), request, now()); });
  if (auto* left = find(number); left != nullptr && !left->started_before) erase(*left);
}

void tree_host::try_late_starts() {
  for (auto& x : std::exchange(late_starts_, {})) start_child(x.supervisor, std::move(x.spec), std::move(x.answer));
}

void tree_host::terminate_child(const std::string& path, const std::string& by, admin_callback answer) {
  const auto* child = child_for(path, answer);
  if (child == nullptr) return;
  if (!by.empty()) emit(*child, operator_event("terminate_child", by));
  ask_machine(*child, path, std::move(answer), [this, number = child->id](auto& m, policy::request_number request) {
    return m.terminate_child(number, request, now());
  });
}

void tree_host::terminate_child(const std::string& supervisor, const caf::actor& handle, admin_callback answer) {
  const auto path = path_of(handle);
  if (supervisor_at(supervisor) == nullptr) {
    answer(result_of(admin_code::noproc, supervisor));
  } else if (path.empty() || parent_of(path) != supervisor) {
    answer(result_of(admin_code::not_found, path));
  } else if (const auto* child = child_node_at(path); child == nullptr || child->handle() != handle) {
    answer(result_of(admin_code::ok, path));
  } else {
    terminate_child(path, std::string{}, std::move(answer));
  }
}

std::string path_of(const caf::actor& handle) {
  if (!handle) return {};
  const auto* as_cell = dynamic_cast<const cell*>(caf::actor_cast<caf::abstract_actor*>(handle));
  return as_cell != nullptr ? as_cell->path() : std::string{};
}

void tree_host::restart_child(const std::string& path, const std::string& by, admin_callback answer) {
  const auto* child = child_for(path, answer);
  if (child == nullptr) return;
  const auto number = child->id;
  const auto not_parked = [&](const policy::supervisor_machine& m) {
    return !m.knows(number) || m.state_of(number) != policy::child_state::parked;
  };
  if (child->parent->dynamic() && child->parent->desk()->look(not_parked, true)) {
    answer(result_of(admin_code::unsupported, path));
    return;
  }
  emit(*child, operator_event("restart_child", by));
  ask_machine(*child, path, std::move(answer), [this, number](auto& m, policy::request_number request) {
    return m.restart_child(number, request, now());
  });
}

void tree_host::delete_child(const std::string& path, admin_callback answer) {
  const auto* child = child_for(path, answer);
  if (child == nullptr) return;
  if (child->parent->dynamic()) {
    answer(result_of(admin_code::unsupported, path));
    return;
  }
  ask_machine(*child, path, std::move(answer), [number = child->id](auto& m, policy::request_number request) {
    return m.delete_child(number, request);
  });
}

child_info tree_host::describe_child(const child& x) const {
  child_info out;
  out.path = x.path();
  out.id = out.path.substr(out.path.rfind('/') + 1);
  out.restart = x.spec->restart;
  out.is_supervisor = x.as_supervisor() != nullptr;
  using seen = std::pair<policy::child_state, std::uint64_t>;
  const seen unknown{policy::child_state::idle, x.incarnation};
  const auto [state, incarnation] = x.parent->desk()->look(
      [&](const policy::supervisor_machine& m) {
        return m.knows(x.id) ? seen{m.state_of(x.id), m.incarnation_of(x.id)} : unknown;
      },
      unknown);
  out.incarnation = incarnation;
  out.status = status_of(state, incarnation);
  x.describe(out);
  return out;
}

std::optional<std::vector<child_info>> tree_host::which_children(const std::string& supervisor) {
  const auto* owner = supervisor_at(supervisor);
  if (owner == nullptr) return std::nullopt;
  std::vector<child_info> out;
  const auto numbers = owner->children().numbers();
  out.reserve(numbers.size());
  for (auto it = numbers.rbegin(); it != numbers.rend(); ++it) out.push_back(describe_child(at(*it)));
  return out;
}

std::optional<child_info> tree_host::child_at(const std::string& path) {
  const auto* child = child_node_at(path);
  if (child == nullptr) return std::nullopt;
  return describe_child(*child);
}

std::optional<child_counts> tree_host::count_children(const std::string& supervisor) {
  const auto* owner = supervisor_at(supervisor);
  if (owner == nullptr) return std::nullopt;
  child_counts out;
  out.specs = owner->dynamic() ? 1 : owner->children().size();
  for (const auto number : owner->children().numbers())
    ++(at(number).as_supervisor() != nullptr ? out.supervisors : out.workers);
  out.active = owner->desk()->look([](const policy::supervisor_machine& m) { return m.count_up(); }, std::size_t{0});
  return out;
}

std::optional<child_spec> tree_host::get_childspec(const std::string& path) {
  const auto* child = child_node_at(path);
  if (child == nullptr) return std::nullopt;
  child_spec out = *child->spec;
  out.id = child->id_text();
  out.shutdown = shutdown_of(out);
  out.start_within = start_within_of(out);
  return out;
}

std::vector<spec_fault> tree_host::preview(const supervisor_spec& spec, std::vector<reload_change>& changes) {
  if (root_ == nullptr) return {{"/", "", "the tree is over"}};
  auto faults = validate(spec, root_->path());
  if (faults.empty()) check_params(*env_.actors, spec, root_->path(), faults);
  if (faults.empty()) check_pools(*env_.actors, spec, root_->path(), what_runs(), faults);
  if (!faults.empty()) return faults;
  const auto next = as_carried_out(spec);
  root_->check_reload(*this, next, faults);
  if (faults.empty()) root_->preview(*this, next, changes);
  return faults;
}

std::vector<spec_fault> tree_host::reload(const supervisor_spec& spec, std::vector<reload_change>& changes,
                                          const std::string& by) {
  if (auto faults = preview(spec, changes); !faults.empty()) return faults;
  emit(*root_, operator_event(loaded(changes), by));
  loaded_by_ = by;
  root_->reload(*this, std::make_shared<supervisor_spec>(as_carried_out(spec)));
  for (const auto& one : changes) {
    event change;
    change.kind = event_kind::config;
    change.level = event_level::info;
    change.actor = one.path;
    change.text = told(one);
    if (!by.empty()) change.by = by;
    env_.events->emit(std::move(change));
    if (const auto* there = find(one.path)) introduce(*there, "");
  }
  return {};
}

void tree_host::refuse_all_requests() {
  for (auto& [number, request] : std::exchange(requests_, {}))
    request.answer(result_of(admin_code::noproc, request.path));
  for (auto& x : std::exchange(late_starts_, {})) x.answer(result_of(admin_code::noproc, x.supervisor));
  refuse_all_batches();
}

}  // namespace steward::supervision
