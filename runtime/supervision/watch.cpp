#include "steward/watch.hpp"

#include "steward/partition.hpp"
#include "supervision/cell.hpp"
#include "supervision/guest.hpp"
#include "supervision/tree_host.hpp"

#include <stdexcept>
#include <utility>

// What supervised actors ask their tree for by themselves, without an answer that they would have to wait for.

namespace steward {

namespace {

using supervision::cell;
using supervision::host_call;
using supervision::tree_host;
using supervision::watch_news;

cell& running_cell(self_ptr self) {
  if (supervision::is_guest(self))
    throw std::logic_error("this is not within reach of an actor that runs in a process of its own");
  auto* out = dynamic_cast<cell*>(self);
  if (out == nullptr || port::running_actor() != out)
    throw std::logic_error("this is for a supervised actor, and in its own code");
  return *out;
}

// The host's environment never changes, and a tree's host outlives its actors' code. Null for a host that is gone.
const supervision::directory* names_of(const cell& me) {
  const auto* host = dynamic_cast<const tree_host*>(caf::actor_cast<caf::abstract_actor*>(me.address().host));
  return host == nullptr ? nullptr : &*host->env().names;
}

}  // namespace

const char* to_string(end_kind x) noexcept {
  switch (x) {
    case end_kind::finished:
      return "finished";
    case end_kind::stopped:
      return "stopped";
    case end_kind::crashed:
      return "crashed";
    case end_kind::gave_up:
      return "gave_up";
    case end_kind::unknown:
      break;
  }
  return "unknown";
}

const char* to_string(after_end x) noexcept {
  switch (x) {
    case after_end::nothing:
      break;
    case after_end::restart:
      return "restart";
    case after_end::parked:
      return "parked";
  }
  return "nothing";
}

void watch(self_ptr self, const std::string& name) {
  if (supervision::is_guest(self)) return supervision::watch_from_guest(self, name, false);
  auto& me = running_cell(self);
  const supervision::watcher who{me.id(), me.incarnation()};
  const auto since = me.clock().now();
  host_call call{[own = me.path(), name, who, since, to = caf::actor_cast<caf::actor>(&me)](tree_host& host) {
    host.watch(host.env().names->path_near(own, name), who, since, [to, who](const child_end& x) {
      port::send_urgently(to, watch_news{who.incarnation, x});
    });
  }};
  port::send_anonymously(me.address().host, std::move(call));
}

void unwatch(self_ptr self, const std::string& name) {
  if (supervision::is_guest(self)) return supervision::watch_from_guest(self, name, true);
  auto& me = running_cell(self);
  host_call call{[own = me.path(), name, actor = me.id()](tree_host& host) {
    host.unwatch(host.env().names->path_near(own, name), actor);
  }};
  port::send_anonymously(me.address().host, std::move(call));
}

caf::actor partition(self_ptr self, const std::string& name, std::string_view key) {
  auto& me = running_cell(self);
  const auto* names = names_of(me);
  return names == nullptr ? caf::actor{} : names->partition(names->path_near(me.path(), name), key);
}

std::string partition_path(self_ptr self, const std::string& name, std::string_view key) {
  auto& me = running_cell(self);
  const auto* names = names_of(me);
  return names == nullptr ? std::string{} : names->partition_path(names->path_near(me.path(), name), key);
}

}  // namespace steward
