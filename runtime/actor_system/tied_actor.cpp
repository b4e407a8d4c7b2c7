#include "actor_system/tied_actor.hpp"

#include "actor_system/durable_actor.hpp"
#include "actor_system/incarnation_ties.hpp"
#include "base/in_hand.hpp"
#include "steward/cause.hpp"

#include <caf/actor_cast.hpp>
#include <caf/default_attachable.hpp>
#include <caf/stream_manager.hpp>

#include <algorithm>
#include <utility>

#include <cxxabi.h>

namespace steward::port {

namespace {

using caf::default_attachable;

default_attachable::observe_token token_of(const caf::actor_addr& observer, default_attachable::observe_type type) {
  return {observer, type};
}

}  // namespace

bool tied_actor::tied() const {
  const auto* own = parts_.ties();
  return own != nullptr && own->has_links_or_functors();
}

// -- functors -------------------------------------------------------------------------------------------------------

/// One that others have attached: what it throws must not keep the rest from hearing of the end.
struct tied_actor::contained_functor final : caf::attachable {
  contained_functor(tied_actor& actor, caf::attachable_ptr wrapped) : owner(actor), inner(std::move(wrapped)) {}
  void actor_exited(const caf::error& reason, caf::execution_unit* host) override {
    owner.call_contained(*inner, reason, host);
  }
  bool matches(const token& what) override { return inner->matches(what); }

  tied_actor& owner;
  caf::attachable_ptr inner;
};

void tied_actor::attach(caf::attachable_ptr x) {
  const bool of_a_peer = dynamic_cast<const default_attachable*>(x.get()) != nullptr;
  if (of_a_peer)
    caf::event_based_actor::attach(std::move(x));
  else if (incarnation_runs_here())
    parts_.make_ties().add_functor(std::move(x));
  else
    caf::event_based_actor::attach(std::make_unique<contained_functor>(*this, std::move(x)));
}

void tied_actor::call_contained(caf::attachable& functor, const caf::error& reason, caf::execution_unit* host) {
  try {
    functor.actor_exited(reason, host);
  } catch (const abi::__forced_unwind&) {
    end_program(actor_thread_ended);
  } catch (...) {  // it is called at the end, which must come to its end
    on_refused("a functor that was attached to it threw " + describe(cause_of(std::current_exception())));
  }
}

void tied_actor::call_functors(const caf::error& reason) {
  auto* const own = parts_.ties();
  if (own == nullptr) return;
  auto functors = own->take_functors();
  for (; !functors.empty(); functors.pop_back()) call_contained(*functors.back(), reason, context());
}

// -- links and monitors ---------------------------------------------------------------------------------------------

void tied_actor::add_link(caf::abstract_actor* x) {
  if (incarnation_runs_here()) parts_.make_ties().add_link(x->address());
  caf::event_based_actor::add_link(x);
}

void tied_actor::remove_link(caf::abstract_actor* x) {
  if (auto* own = parts_.ties(); own != nullptr && incarnation_runs_here()) own->remove_link(x->address());
  caf::event_based_actor::remove_link(x);
}

void tied_actor::undo_link(const caf::actor_addr& x, const caf::error& reason) {
  const auto other = caf::actor_cast<caf::strong_actor_ptr>(x);
  bool linked = false;
  if (other) {
    auto* const peer = other->get();
    joined_exclusive_critical_section(this, peer, [&] {
      linked = peer->remove_backlink(this);
      detach_impl(token_of(x, default_attachable::link), true);
    });
    if (linked)
      peer->eq_impl(caf::make_message_id(), caf::actor_cast<caf::strong_actor_ptr>(this), context(),
                    caf::exit_msg{address(), reason});
  }
  if (!linked) parts_.ties()->expect_late_exit(x);  // it has ended, and its exit message is under way
}

void tied_actor::note_monitor(const caf::abstract_actor& x) { parts_.make_ties().add_monitor(x.address()); }

void tied_actor::note_demonitor(const caf::actor_addr& x, std::size_t removed) {
  if (auto* own = parts_.ties()) own->remove_monitors(x, removed);
}

void tied_actor::undo_ties(const caf::error& reason) {
  leave_groups();
  stop_streams(reason);
  auto* const own = parts_.ties();
  if (own == nullptr) return;
  own->take_functors();
  for (const auto& x : own->take_links()) undo_link(x.other, reason);
  for (const auto& x : own->take_monitors()) {
    const auto other = caf::actor_cast<caf::strong_actor_ptr>(x.other);
    const auto removed =
        other ? other->get()->detach(token_of(address(), default_attachable::monitor)) : std::size_t{0};
    own->expect_late_downs(x.other, x.count - std::min(x.count, removed));
  }
}

bool tied_actor::is_late(const caf::mailbox_element& x, std::uint32_t token) const {
  auto* const own = parts_.ties();
  if (own == nullptr) return false;
  if (token == caf::make_type_token<caf::exit_msg>())
    return own->takes_late_exit(x.content().get_as<caf::exit_msg>(0).source);
  if (token == caf::make_type_token<caf::down_msg>())
    return own->takes_late_down(x.content().get_as<caf::down_msg>(0).source);
  return false;
}

// -- groups and streams ---------------------------------------------------------------------------------------------

void tied_actor::leave_groups() {
  if (joined_groups().empty()) return;
  const auto all = joined_groups();
  for (const auto& x : all) caf::event_based_actor::leave(x);
}

void tied_actor::stop_streams(const caf::error& reason) {
  if (stream_managers_.empty() && pending_stream_managers_.empty()) return;
  for (auto* managers : {&stream_managers_, &pending_stream_managers_}) {
    for (const auto& [slot, manager] : std::exchange(*managers, {})) manager->stop(reason);
  }
}

}  // namespace steward::port

// CAF 0.17.6 tells an actor that is to be monitored, and not the one that monitors. So these stand in the place of its
// own, in whatever is linked with us, and do as they do. Weak: where CAF is linked statically its own are taken, and
// monitors then stay with the actor.
namespace caf {

[[gnu::weak]] void local_actor::monitor(abstract_actor* ptr, message_priority priority) {
  if (ptr == nullptr) return;
  auto* const cell = steward::port::running_actor();
  if (cell == this) cell->note_monitor(*ptr);
  ptr->attach(default_attachable::make_monitor(ptr->address(), address(), priority));
}

[[gnu::weak]] void local_actor::demonitor(const actor_addr& whom) {
  const auto ptr = actor_cast<strong_actor_ptr>(whom);
  if (!ptr) return;
  const auto removed = ptr->get()->detach(default_attachable::observe_token{address(), default_attachable::monitor});
  auto* const cell = steward::port::running_actor();
  if (cell == this) cell->note_demonitor(whom, removed);
}

}  // namespace caf
