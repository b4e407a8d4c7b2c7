#include "actor_system/durable_parts.hpp"
#include "steward/messages.hpp"

#include <caf/actor_cast.hpp>
#include <caf/execution_unit.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <caf/sec.hpp>

#include <algorithm>
#include <thread>
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

bool is_of_a_stream(caf::message_id mid, std::uint32_t token) {
  return mid.is_stream_message() || token == caf::make_type_token<caf::open_stream_msg>();
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
  if (heir_.load(acquire) != nullptr || !counts_as_message(x->mid, token) || token == own_token) {
    enqueue_special(std::move(x), eu, token);
    return;
  }
  if (from_own_clock(*x, eu)) {
    on_refused(no_delayed_send);
    return;
  }
  const auto before = accepted_.fetch_add(1, relaxed);
  if (before >= mark_.load(relaxed)) {
    enqueue_full(std::move(x), eu, before);
    return;
  }
  if (!push_ordinary(std::move(x), eu)) accepted_.fetch_sub(1, relaxed);
}

/// What does not count, what may be of our own types, and all there is while there is an heir.
void durable_actor::enqueue_special(caf::mailbox_element_ptr x, caf::execution_unit* eu, std::uint32_t token) {
  const bool counted = counts_as_message(x->mid, token);
  if (auto* heir = heir_.load(acquire);
      heir != nullptr && (counted || (is_user_message(x->mid, token) &&
                                      (token != own_token || !is_command(*own_type_of(x->content())))))) {
    if (heir == this && refusing_.load(acquire))
      refuse(*x);
    else
      enqueue_for_heir(std::move(x), eu);
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
  if (*own_type_of(x->content()) == typeid(guarded_request)) {
    const auto up = current_.load(acquire);
    if (up == 0) {
      if (mailbox().closed())
        refuse(x->sender, x->mid);
      else
        answer(x->sender, x->mid, caf::make_error(errc::restarting));
      return;
    }
    x->content().get_mutable_as<guarded_request>(0).incarnation = up;
  }
  const auto before = accepted_.fetch_add(1, relaxed);
  if (before >= mark_.load(relaxed))
    enqueue_full(std::move(x), eu, before);
  else if (!push(std::move(x), eu))
    accepted_.fetch_sub(1, relaxed);
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

void durable_actor::enqueue_for_heir(caf::mailbox_element_ptr x, caf::execution_unit* eu) {
  auto* heir = heir_.load(acquire);
  // What waits is being handed over just now, and comes first; unless it is that which sends.
  if (heir == this && runs_here()) heir = heir_ref_->get();
  for (; heir == this; heir = heir_.load(acquire)) std::this_thread::yield();
  heir->enqueue(std::move(x), eu);
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
  if (!reason && refusing_.load(acquire)) reason = leftover_;
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
  const bool for_good = refusing_.load(acquire) && leftover_ == errc::gave_up;
  return for_good ? dead_letter_reason::gave_up : dead_letter_reason::ended;
}

/// The mailbox is full.
void durable_actor::refuse_for_room(caf::mailbox_element& x) {
  note_refusal(true);
  if (x.mid.is_request()) {
    answer_full(x);
    return;
  }
  if (marks > 0) return;
  if (overflow_.load(relaxed) == overflow_policy::give_back && x.sender) {
    // Without a sender: where there is no room for it either, it does not come back again.
    refused_message back{caf::actor_cast<caf::actor>(this), x.move_content_to_message(), errc::full};
    x.sender->enqueue(caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, std::move(back)), nullptr);
    return;
  }
  tell_dead(x, dead_letter_reason::mailbox_full);
}

/// Gives the request back to whoever can send it again.
void durable_actor::answer_full(caf::mailbox_element& x) const {
  if (!x.sender || x.sender->node() != node()) {
    answer(x.sender, x.mid, caf::make_error(errc::full));
    return;
  }
  const bool guarded = x.content().type_token() == own_token && *own_type_of(x.content()) == typeid(guarded_request);
  auto request =
      guarded ? x.content().get_mutable_as<guarded_request>(0).content : caf::message{x.move_content_to_message()};
  answer(x.sender, x.mid, caf::make_error(errc::full, std::string{}, std::move(request)));
}

void durable_actor::tell_dead(const caf::mailbox_element& x, dead_letter_reason why) {
  if (x.mid.is_async() && hears_of_dead()) on_dead(why, x.sender, x.copy_content_to_message());
}

void durable_actor::enqueue_full(caf::mailbox_element_ptr x, caf::execution_unit* eu, std::uint64_t before) {
  if (auto* overflow = ring())
    if (enqueue_ring(*overflow, x, eu, before)) return;
  const auto mark = finished() + limit_.load(relaxed);
  mark_.store(mark, relaxed);
  if (before < mark) {
    if (!push(std::move(x), eu)) accepted_.fetch_sub(1, relaxed);
    return;
  }
  if (mailbox().closed()) {
    accepted_.fetch_sub(1, relaxed);
    refuse(*x);
    return;
  }
  if (overflow_.load(relaxed) == overflow_policy::drop_newest) {
    count_drop(*x);
    return;
  }
  accepted_.fetch_sub(1, relaxed);
  rejected_.fetch_add(1, relaxed);
  refuse_for_room(*x);
}

/// For a mailbox that drops its oldest. Leaves `x` alone and returns false when it has room, or does not drop any more.
bool durable_actor::enqueue_ring(overflow_ring& ring, caf::mailbox_element_ptr& x, caf::execution_unit* eu,
                                 std::uint64_t before) {
  caf::mailbox_element_ptr fallen;
  const auto limit = limit_.load(relaxed);
  {
    std::lock_guard guard{ring.mutex};
    if (!ring.engaged && !ring.closed) {
      const auto mark = finished() + ring.doomed.load(relaxed) + limit;
      mark_.store(mark, relaxed);
      if (before < mark || overflow_.load(relaxed) != overflow_policy::drop_oldest) return false;
      // The marker stands behind all that was sent before; what is sent later goes to the ring until it is consumed.
      ring.engaged = push(caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, marker{}), eu);
      if (ring.engaged) mark_.store(0, relaxed);
    }
    if (ring.engaged && !ring.closed) {
      ring.content.push_back(std::move(x));
      const auto done_before = finished();  // first: it never overtakes what was accepted
      const auto undone = accepted_.load(acquire) - done_before;
      if (ring.content.size() > limit) {
        fallen = std::move(ring.content.front());
        ring.content.pop_front();
      } else if (undone > limit + ring.doomed.load(relaxed)) {
        ring.doomed.store(ring.doomed.load(relaxed) + 1, relaxed);
      }
    }
  }
  if (x) {
    accepted_.fetch_sub(1, relaxed);
    refuse(*x);
  } else if (fallen) {
    count_drop(*fallen);
  }
  return true;
}

/// Counts a message that the full mailbox drops; a request is answered.
void durable_actor::count_drop(caf::mailbox_element& x) {
  if (x.mid.is_request()) {
    dropped_requests_.fetch_add(1, std::memory_order_release);
    answer_full(x);
    return;
  }
  dropped_tells_.fetch_add(1, std::memory_order_release);
  tell_drops(false, &x.content());
  tell_dead(x, dead_letter_reason::dropped);
}

/// Told at the first drop, and each time that there are ten times as many: a flood must not outrun the log.
void durable_actor::tell_drops(bool all, const caf::type_erased_tuple* latest) {
  const auto total = dropped_tells_.load(relaxed);
  auto told = told_drops_.load(relaxed);
  do {
    if (total <= told || (!all && told != 0 && total / 10 < told)) return;
  } while (!told_drops_.compare_exchange_weak(told, total, relaxed));
  on_dropped(total - told, latest);
}

std::uint64_t durable_actor::finished() const {
  return handled_.load(acquire) + failed_.load(acquire) + dead_.load(acquire) + dropped_requests_.load(acquire) +
         dropped_tells_.load(acquire);
}

message_counts durable_actor::counts() const {
  message_counts out;
  const bool over = sealed_.load(acquire);
  out.handled = handled_.load(acquire);
  out.failed = failed_.load(acquire) + dropped_requests_.load(acquire);
  out.dead = dead_.load(acquire) + dropped_tells_.load(acquire);
  out.rejected = rejected_.load(relaxed);
  const auto settled = out.handled + out.failed + out.dead;
  // A sender counts before it knows whether the mailbox is still open: once it is closed, what was finished is exact.
  out.accepted = over ? settled : std::max(accepted_.load(acquire), settled);
  out.waiting = out.accepted - settled;
  return out;
}

std::string durable_actor::in_hand() const {
  auto* copies = keeper();
  if (copies == nullptr) return {};
  caf::message copy;
  {
    std::lock_guard guard{copies->mutex};
    copy = copies->copy;
  }
  return copy.empty() ? std::string{} : text_of(copy.content());
}

void durable_actor::bequeath(const caf::actor& heir) {
  if (!heir || heir_ref_ || caf::actor_cast<caf::abstract_actor*>(heir) == this) return;
  heir_ref_ = caf::actor_cast<caf::strong_actor_ptr>(heir);  // kept until the end: senders may be using it
  heir_.store(heir_ref_->get(), std::memory_order_release);
  abandoned_.store(true, std::memory_order_release);
}

/// Whether the full mailbox has given this message up; if so it is counted and answered.
bool durable_actor::doomed(caf::mailbox_element& x) {
  auto* const overflow = ring();
  if (overflow == nullptr || overflow->doomed.load(relaxed) == 0) return false;
  if (const auto* copies = keeper(); copies != nullptr && copies->again == &x) return false;
  {
    std::lock_guard guard{overflow->mutex};
    const auto left = overflow->doomed.load(relaxed);
    if (left == 0) return false;
    overflow->doomed.store(left - 1, relaxed);
  }
  count_drop(x);
  return true;
}

/// Appends what came while the mailbox was full. A sender that was about to send before that may be late: what it sent
/// comes first, since its later messages may be in the ring.
void durable_actor::absorb_ring() {
  auto& overflow = *ring();
  std::lock_guard guard{overflow.mutex};
  mailbox().fetch_more();
  auto& queue = get_normal_queue();
  const std::uint64_t older = queue.total_task_size() + queue.cache().total_task_size();
  if (overflow.doomed.load(relaxed) > older) overflow.doomed.store(older, relaxed);
  for (auto& x : overflow.content) queue.push_back(x.release());
  overflow.content.clear();
  overflow.engaged = false;
  overflow.parked = false;
  mark_.store(finished() + overflow.doomed.load(relaxed) + limit_.load(relaxed), relaxed);
}

}  // namespace steward::port
