// The durable actor whose incarnation lives in another process, and the one there whose mailbox is here.
#include "actor_system/copy_keeper.hpp"
#include "actor_system/durable_actor.hpp"
#include "actor_system/elsewhere.hpp"
#include "actor_system/guest_marks.hpp"
#include "actor_system/message_kinds.hpp"
#include "actor_system/overflow_ring.hpp"
#include "steward/messages.hpp"

#include <caf/actor_cast.hpp>
#include <caf/sec.hpp>

#include <utility>

namespace steward::port {

using caf::invoke_message_result;

// -- at the mailbox -------------------------------------------------------------------------------------------------

void durable_actor::open_mailbox(elsewhere& where, std::uint64_t incarnation) {
  parts_.set_remote(&where);
  let_in(incarnation);
}

void durable_actor::look_elsewhere_again() {
  get_normal_queue().flush_cache();
  get_urgent_queue().flush_cache();
  if (draining_ && !leaving_) look_for_drain_end();
}

/// Everything that comes out of the mailbox, commands aside, while an incarnation is up elsewhere.
invoke_message_result durable_actor::consume_elsewhere(caf::mailbox_element& x, elsewhere& where) {
  if (has_ordinary_bit(x.mid)) {
    clear_ordinary_bit(x.mid);
    const auto result = hand_over(x, true, false);
    if (result == invoke_message_result::skipped) set_ordinary_bit(x.mid);
    return result;
  }
  const auto token = x.content().type_token();
  if (token == own_token)
    if (auto result = consume_own(x)) return *result;
  if (x.mid.is_response()) {
    where.take_answer(x);
    return invoke_message_result::consumed;
  }
  if (token == caf::make_type_token<caf::exit_msg>()) {
    if (!is_late(x, token)) where.take_exit(x.content().get_as<caf::exit_msg>(0).reason);
    return invoke_message_result::consumed;
  }
  if (!is_user_message(x.mid, token)) return invoke_message_result::consumed;
  return hand_over(x, x.mid.is_normal_message(), false);
}

invoke_message_result durable_actor::hand_over(caf::mailbox_element& x, bool counted, bool guarded) {
  if (abandoned_.load(std::memory_order_acquire)) {
    succession_.heir().enqueue(
        caf::make_mailbox_element(std::move(x.sender), x.mid, std::move(x.stages), x.move_content_to_message()),
        context());
    if (counted) tally_.count_handled_elsewhere();
    return invoke_message_result::consumed;
  }
  if (counted && doomed(x)) return invoke_message_result::consumed;
  elsewhere::handing how{counted, guarded, 0};
  auto* const copies = parts_.keeper();
  if (copies != nullptr && copies->repeats(x)) how.repeated = copies->repeated();
  caf::error why_not;
  switch (parts_.remote()->take(x, how, why_not)) {
    case elsewhere::taking::full:
      return invoke_message_result::skipped;
    case elsewhere::taking::refused:
      on_refused("dropped a message that cannot cross to its process: " + render(why_not));
      count_unfinished(x, counted, dead_letter_reason::unhandled);
      answer(x.sender, x.mid, std::move(why_not));
      break;
    case elsewhere::taking::taken:
      break;
  }
  if (how.repeated > 0) copies->forget_repeat();
  return invoke_message_result::consumed;
}

void durable_actor::put_back(std::vector<caf::mailbox_element_ptr> xs) {
  // Behind them comes what was looked at since they left.
  get_urgent_queue().flush_cache();
  get_normal_queue().flush_cache();
  for (auto& x : xs) {
    if (!x->mid.is_normal_message()) {
      get_urgent_queue().cache().push_back(x.release());
      continue;
    }
    if (counts_as_message(x->mid, x->content().type_token()) && x->content().type_token() != own_token)
      set_ordinary_bit(x->mid);
    get_normal_queue().cache().push_back(x.release());
  }
  get_urgent_queue().flush_cache();
  get_normal_queue().flush_cache();
}

void durable_actor::put_back_to_repeat(caf::mailbox_element_ptr x, unsigned time) {
  parts_.make_keeper().keep(std::move(x), time);
}

void durable_actor::count_unfinished(const caf::mailbox_element& x, bool counted, dead_letter_reason why) {
  if (!counted) return;
  tally_.count_unhandled(x.mid.is_request());
  tell_dead(x, why);
}

// -- at the state ---------------------------------------------------------------------------------------------------

void durable_actor::live_elsewhere(const caf::actor& handle, guest_marks& marks) {
  parts_.set_marks(&marks);
  keeps_ = true;
  succession_.bequeath(handle);
}

void durable_actor::take_delivery(caf::mailbox_element_ptr x) {
  tally_.accept();
  if (!push_ordinary(std::move(x), nullptr)) tally_.take_back();
}

}  // namespace steward::port
