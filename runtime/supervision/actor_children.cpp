#include "steward/actor_children.hpp"

#include "supervision/tree_host.hpp"

#include <memory>
#include <utility>

namespace steward {

namespace {

using supervision::cell;
using supervision::host_call;
using supervision::tree_host;
using answer = std::function<void(admin_result)>;

/// Tells `starter` when the actor at `path` ends for good; at once when it already has.
void tell_end_of(const caf::actor& started, std::string path, const caf::actor_addr& starter) {
  started->attach_functor([path = std::move(path), starter](const caf::error& reason) {
    const auto to = caf::actor_cast<caf::strong_actor_ptr>(starter);
    if (!to) return;
    auto how = supervision::exit_of(reason);
    child_end end;
    end.path = path;
    end.how = supervision::kind_of(how.cls);
    end.why = std::move(how.why);
    to->enqueue(caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, std::move(end)), nullptr);
  });
}

/// Calls `f(host, own path, answer)` on the host of the actor's tree.
template <class F>
tree_reply ask_tree(self_ptr self, F f) {
  const port::late_reply reply{self};
  answer deliver = [to = reply.where()](admin_result x) { to.deliver(std::make_shared<admin_result>(std::move(x))); };
  if (const auto* supervised = dynamic_cast<const cell*>(self)) {
    port::send_anonymously(supervised->address().host,
                           host_call{[f = std::move(f), own = supervised->path(), deliver = std::move(deliver)](
                                         tree_host& host) mutable { f(host, own, std::move(deliver)); }});
  } else {
    admin_result none;
    none.code = admin_code::noproc;
    deliver(std::move(none));
  }
  return tree_reply{reply};
}

/// As `deliver`, but that a child which is up is watched for its starter.
answer watching(caf::actor_addr starter, answer deliver) {
  return [starter = std::move(starter), deliver = std::move(deliver)](admin_result x) {
    const auto started = x ? x.handle : caf::actor{};
    auto path = x.path;
    deliver(std::move(x));  // first: whoever hears of the end has heard of the start
    if (started) tell_end_of(started, std::move(path), starter);
  };
}

}  // namespace

tree_reply start_child(self_ptr self, const std::string& supervisor, param_map params, std::string key) {
  return ask_tree(self, [supervisor, params = std::move(params), key = std::move(key), me = self->address()](
                            tree_host& host, const std::string& own, answer deliver) {
    host.start_child(host.env().names->path_near(own, supervisor), params, key, watching(me, std::move(deliver)));
  });
}

tree_reply start_child(self_ptr self, const std::string& supervisor, child_spec spec) {
  return ask_tree(self, [supervisor, spec = std::move(spec), me = self->address()](
                            tree_host& host, const std::string& own, answer deliver) mutable {
    host.start_child(host.env().names->path_near(own, supervisor), std::move(spec), watching(me, std::move(deliver)));
  });
}

tree_reply stop_child(self_ptr self, const std::string& child) {
  return ask_tree(self, [child](tree_host& host, const std::string& own, answer deliver) {
    host.terminate_child(host.env().names->path_near(own, child), std::string{}, std::move(deliver));
  });
}

}  // namespace steward
