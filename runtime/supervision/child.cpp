#include "supervision/child.hpp"

#include "actor_system/actor_link.hpp"
#include "base/params.hpp"
#include "base/placed_actor.hpp"
#include "supervision/actor_child.hpp"
#include "supervision/command_child.hpp"
#include "supervision/pool_child.hpp"
#include "supervision/supervisor_child.hpp"

#include <iterator>
#include <utility>

// The one list of what kinds of children there are.

namespace steward::supervision {

std::unique_ptr<child> make_child(child::number id, supervisor_child* owner, child_spec_ptr spec,
                                  child_address_ptr where) {
  if (std::holds_alternative<actor_spec>(spec->what))
    return std::make_unique<actor_child>(id, owner, std::move(spec), std::move(where));
  if (std::holds_alternative<pool_spec>(spec->what))
    return std::make_unique<pool_child>(id, owner, std::move(spec), std::move(where));
  if (std::holds_alternative<command_spec>(spec->what))
    return std::make_unique<command_child>(id, owner, std::move(spec), std::move(where));
  auto content = std::get<std::shared_ptr<supervisor_spec>>(spec->what);
  return std::make_unique<supervisor_child>(id, owner, std::move(spec), std::move(where), std::move(content));
}

namespace {

/// What an actor cannot be given in another process.
void check_place(const actor_spec& spec, const actor_entry& entry, const std::string& path,
                 std::vector<spec_fault>& faults) {
  if (spec.own && entry.plain == nullptr)
    faults.push_back({path, "runs_in", "an actor that a callable makes cannot be made in another process",
                      "a state class, as child::actor<State>, or a registered actor"});
  for (auto& fault : placed_faults(spec.params, entry.params, unannounced(entry.message_types))) {
    fault.path = path;
    faults.push_back(std::move(fault));
  }
}

}  // namespace

void check_params(const actor_registry& actors, const child_spec& spec, const std::string& path,
                  std::vector<spec_fault>& faults, bool complete, bool in_process) {
  if (const auto* as_actor = std::get_if<actor_spec>(&spec.what)) {
    const auto* entry = entry_of(*as_actor, actors);
    if (entry == nullptr) return;
    for (auto& fault : params_faults(as_actor->params, entry->params, as_actor->type, complete)) {
      fault.path = path;
      faults.push_back(std::move(fault));
    }
    if (in_process || spec.runs_in == rung::process) check_place(*as_actor, *entry, path, faults);
  } else if (const auto* nested = std::get_if<std::shared_ptr<supervisor_spec>>(&spec.what)) {
    check_params(actors, **nested, path, faults, in_process || spec.runs_in == rung::process);
  }
}

void check_params(const actor_registry& actors, const supervisor_spec& spec, const std::string& path,
                  std::vector<spec_fault>& faults, bool in_process) {
  // A template's children may be given what it leaves out, but for those that it makes itself.
  const bool complete = spec.strategy != strategy::simple_one_for_one || spec.initial > 0;
  for (const auto& child : spec.children)
    check_params(actors, child, path + "/" + child.id, faults, complete, in_process);
}

std::vector<spec_fault> check_own_params(const actor_registry& actors, const child_spec& pattern,
                                         const param_map& params, const std::string& path) {
  std::vector<spec_fault> out;
  const auto* as_actor = std::get_if<actor_spec>(&pattern.what);
  if (as_actor == nullptr) {
    for (const auto& [name, value] : params) out.push_back({path, name, "only actors have parameters"});
  } else if (const auto* entry = entry_of(*as_actor, actors)) {
    auto all = params;
    all.insert(as_actor->params.begin(), as_actor->params.end());
    out = params_faults(all, entry->params, as_actor->type, true);
    for (auto& fault : out) fault.path = path;
  }
  return out;
}

child_spec with_params(child_spec spec, const param_map& params) {
  if (auto* as_actor = std::get_if<actor_spec>(&spec.what))
    for (const auto& [name, value] : params) as_actor->params[name] = value;
  return spec;
}

}  // namespace steward::supervision
