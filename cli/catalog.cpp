#include "cli/catalog.hpp"

#include "actor_system/actor_link.hpp"

namespace steward::cli {

config::catalog make_catalog(const task_registry& tasks, const actor_registry& actors) {
  config::catalog out;
  for (const auto* entry : actors.all()) {
    config::actor_info info;
    info.name = entry->name;
    info.params = entry->params;
    info.unannounced = unannounced(entry->message_types);
    out.actors.push_back(std::move(info));
  }
  for (const auto* entry : tasks.all()) {
    config::task_info info;
    info.name = entry->name;
    info.signature = entry->signature;
    info.arity = entry->arity;
    info.parsable = entry->parsable;
    info.check = [entry](const config::task_input& input) -> std::optional<std::string> {
      bytes ignored;
      return entry->parse(input, ignored);
    };
    out.tasks.push_back(std::move(info));
  }
  return out;
}

}  // namespace steward::cli
