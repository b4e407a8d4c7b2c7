#include "actor_system/copy_keeper.hpp"
#include "actor_system/durable_actor.hpp"
#include "actor_system/message_kinds.hpp"
#include "actor_system/overflow_ring.hpp"
#include "steward/messages.hpp"

#include <caf/actor_cast.hpp>
#include <caf/execution_unit.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <caf/sec.hpp>

#include <utility>

namespace steward::port {

namespace {

thread_local std::uint64_t refusals = 0;
thread_local bool refused_for_room = false;
thread_local unsigned marks = 0;  // somebody up the stack is told by a mark

constexpr const char* no_delayed_send =
    "dropped a message that it has sent to itself by CAF's delayed_send or scheduled_send, which may be a dead "
    "incarnation's; use steward::tell_after or steward::every";
constexpr const char* no_streams =
    "dropped a message of a stream: CAF's streams do not work in a supervised actor; use plain messages";

void note_refusal(bool for_room) {
  ++refusals;
  refused_for_room = for_room;
}

/// Gives the request back to whoever can send it again.
void answer_full(caf::mailbox_element& x, const caf::node_id& here) {
  if (!x.sender || x.sender->node() != here) {
    answer(x.sender, x.mid, caf::make_error(errc::full));
    return;
  }
  auto request = is_guarded(x.content(), x.content().type_token())
                     ? x.content().get_mutable_as<guarded_request>(0).content
                     : caf::message{x.move_content_to_message()};
  answer(x.sender, x.mid, caf::make_error(errc::full, std::string{}, std::move(request)));
}

}  // namespace

refusal_mark::refusal_mark() : before_(refusals) { ++marks; }
refusal_mark::~refusal_mark() { --marks; }
bool refusal_mark::refused() const { return refusals != before_; }
bool refusal_mark::for_room() const { return refused_for_room; }

void durable_actor::enqueue(caf::mailbox_element_ptr x, caf::execution_unit* eu) {
  if (x->mid.is_response()) {  // no business of anybody else, whatever it is
    const auto result = mailbox().push_back(std::move(x));
    if (result == caf::intrusive::inbox_result::unblocked_reader) wake(eu);
    if (result == caf::intrusive::inbox_result::queue_closed) note_refusal(false);
    return;
  }
  const auto token = x->content().type_token();
  if (!succession_.is_own() || !counts_as_message(x->mid, token) || token == own_token) {
    enqueue_special(std::move(x), eu, token);
    return;
  }
  if (from_own_clock(*x, eu)) {
    on_refused(no_delayed_send);
    return;
  }
  const auto before = tally_.accept();
  if (!tally_.has_room(before)) {
    enqueue_full(std::move(x), eu, before);
    return;
  }
  if (!push_ordinary(std::move(x), eu)) tally_.take_back();
}

/// What does not count, what may be of our own types, and all there is while there is an heir.
void durable_actor::enqueue_special(caf::mailbox_element_ptr x, caf::execution_unit* eu, std::uint32_t token) {
  const bool counted = counts_as_message(x->mid, token);
  if (!succession_.is_own() && (counted || (is_user_message(x->mid, token) &&
                                            (token != own_token || !is_command(*own_type_of(x->content())))))) {
    if (succession_.is_refused())
      refuse(*x);
    else
      succession_.heir_for(runs_here()).enqueue(std::move(x), eu);
    return;
  }
  if (!counted) {
    if (is_of_a_stream(x->mid, token)) {
      on_refused(no_streams);
      answer(x->sender, x->mid, caf::make_error(caf::sec::unexpected_message));
    } else if (is_user_message(x->mid, token) && from_own_clock(*x, eu)) {
      on_refused(no_delayed_send);
    } else {
      push(std::move(x), eu);
    }
    return;
  }
  if (is_guarded(x->content(), token)) {
    const auto up = current_.load(std::memory_order_acquire);
    if (up == 0) {
      if (mailbox().closed())
        refuse(x->sender, x->mid);
      else
        answer(x->sender, x->mid, caf::make_error(errc::restarting));
      return;
    }
    x->content().get_mutable_as<guarded_request>(0).incarnation = up;
  }
  const auto before = tally_.accept();
  if (!tally_.has_room(before))
    enqueue_full(std::move(x), eu, before);
  else if (!push(std::move(x), eu))
    tally_.take_back();
}

/// For messages that count and are of no type of ours. False when the actor is over.
bool durable_actor::push_ordinary(caf::mailbox_element_ptr x, caf::execution_unit* eu) {
  const auto mid = x->mid;
  caf::strong_actor_ptr asker;
  if (mid.is_request()) asker = x->sender;
  set_ordinary_bit(x->mid);
  const auto result = mailbox().push_back(std::move(x));
  if (result == caf::intrusive::inbox_result::success) return true;
  if (result == caf::intrusive::inbox_result::unblocked_reader) {
    wake(eu);
    return true;
  }
  refuse(asker, mid);
  return false;
}

bool durable_actor::from_own_clock(const caf::mailbox_element& x, const caf::execution_unit* eu) const {
  return eu == nullptr && x.sender.get() == ctrl() && x.mid.is_async() && !runs_here();
}

void durable_actor::wake(caf::execution_unit* eu) {
  caf::intrusive_ptr_add_ref(ctrl());
  if (eu != nullptr)
    eu->exec_later(this);
  else
    home_system().scheduler().enqueue(this);
}

/// False when the actor is over.
bool durable_actor::push(caf::mailbox_element_ptr x, caf::execution_unit* eu) {
  const auto mid = x->mid;
  caf::strong_actor_ptr asker;
  if (mid.is_request()) asker = x->sender;
  const auto result = mailbox().push_back(std::move(x));
  if (result == caf::intrusive::inbox_result::unblocked_reader) wake(eu);
  if (result != caf::intrusive::inbox_result::queue_closed) return true;
  refuse(asker, mid);
  return false;
}

/// The actor is over, or about to be, and the message is gone.
void durable_actor::refuse(const caf::strong_actor_ptr& asker, caf::message_id mid) {
  note_refusal(false);
  if (!mid.is_request()) {
    if (marks == 0 && hears_of_dead()) on_dead(reason_of_leftovers(), asker, {});
    return;
  }
  if (!asker) return;
  auto reason = monitorable_actor::fail_state();
  if (!reason && succession_.has_refused()) reason = succession_.refusal();
  answer(asker, mid, reason ? std::move(reason) : caf::make_error(errc::ended, std::string{"the actor is over"}));
}

/// The same for one that is still there.
void durable_actor::refuse(caf::mailbox_element& x) {
  if (!x.mid.is_request() && hears_of_dead()) {
    note_refusal(false);
    if (marks == 0) on_dead(reason_of_leftovers(), x.sender, x.move_content_to_message());
    return;
  }
  refuse(x.sender, x.mid);
}

dead_letter_reason durable_actor::reason_of_leftovers() const {
  const bool for_good = succession_.has_refused() && succession_.refusal() == errc::gave_up;
  return for_good ? dead_letter_reason::gave_up : dead_letter_reason::ended;
}

/// The mailbox is full.
void durable_actor::refuse_for_room(caf::mailbox_element& x) {
  note_refusal(true);
  if (x.mid.is_request()) {
    answer_full(x, node());
    return;
  }
  if (marks > 0) return;
  if (tally_.overflow() == overflow_policy::give_back && x.sender) {
    // Without a sender: where there is no room for it either, it does not come back again.
    refused_message back{caf::actor_cast<caf::actor>(this), x.move_content_to_message(), errc::full};
    x.sender->enqueue(caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, std::move(back)), nullptr);
    return;
  }
  tell_dead(x, dead_letter_reason::mailbox_full);
}

void durable_actor::tell_dead(const caf::mailbox_element& x, dead_letter_reason why) {
  if (x.mid.is_async() && hears_of_dead()) on_dead(why, x.sender, x.copy_content_to_message());
}

void durable_actor::enqueue_full(caf::mailbox_element_ptr x, caf::execution_unit* eu, std::uint64_t before) {
  if (auto* ring = parts_.ring()) {
    const auto put = ring->put(x, before, tally_, [&] {
      return push(caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, ring_marker{}), eu);
    });
    if (put == overflow_ring::outcome::taken) {
      if (x) drop(*x);
      return;
    }
    if (put == overflow_ring::outcome::closed) {
      tally_.take_back();
      refuse(*x);
      return;
    }
  }
  if (tally_.looks_for_room(before)) {
    if (!push(std::move(x), eu)) tally_.take_back();
    return;
  }
  if (mailbox().closed()) {
    tally_.take_back();
    refuse(*x);
    return;
  }
  if (tally_.overflow() == overflow_policy::drop_newest) {
    drop(*x);
    return;
  }
  tally_.reject();
  refuse_for_room(*x);
}

/// The full mailbox gives a message up that was accepted; a request is answered.
void durable_actor::drop(caf::mailbox_element& x) {
  const bool request = x.mid.is_request();
  tally_.count_dropped(request);
  if (request) {
    answer_full(x, node());
    return;
  }
  tell_drops(false, &x.content());
  tell_dead(x, dead_letter_reason::dropped);
}

void durable_actor::tell_drops(bool all, const caf::type_erased_tuple* latest) {
  if (const auto n = tally_.drops_to_tell(all); n > 0) on_dropped(n, latest);
}

std::string durable_actor::in_hand() const {
  const auto* copies = parts_.keeper();
  if (copies == nullptr) return {};
  const auto copy = copies->shown();
  return copy.empty() ? std::string{} : text_of(copy.content());
}

void durable_actor::bequeath(const caf::actor& heir) {
  if (!heir || caf::actor_cast<caf::abstract_actor*>(heir) == this) return;
  if (succession_.bequeath(heir)) abandoned_.store(true, std::memory_order_release);
}

/// Whether the full mailbox has given this message up; if so it is counted and answered.
bool durable_actor::doomed(caf::mailbox_element& x) {
  auto* const ring = parts_.ring();
  if (ring == nullptr || !ring->dooms()) return false;
  if (const auto* copies = parts_.keeper(); copies != nullptr && copies->repeats(x)) return false;
  if (!ring->take_doomed()) return false;
  drop(x);
  return true;
}

/// Appends what came while the mailbox was full. A sender that was about to send before that may be late: what it sent
/// comes first, since its later messages may be in the ring.
void durable_actor::absorb_ring() {
  auto& queue = get_normal_queue();
  const auto count_older = [&] {
    mailbox().fetch_more();
    return queue.total_task_size() + queue.cache().total_task_size();
  };
  parts_.ring()->release(tally_, count_older, [&](caf::mailbox_element_ptr x) { queue.push_back(x.release()); });
}

}  // namespace steward::port
