#include "actor_system/durable_actor.hpp"

#include "actor_system/copy_keeper.hpp"
#include "actor_system/elsewhere.hpp"
#include "actor_system/guest_marks.hpp"
#include "actor_system/message_kinds.hpp"
#include "actor_system/overflow_ring.hpp"
#include "base/in_hand.hpp"
#include "process/copied.hpp"
#include "steward/messages.hpp"

#include <caf/actor_cast.hpp>
#include <caf/detail/invoke_result_visitor.hpp>
#include <caf/sec.hpp>

#include <utility>

#include <cxxabi.h>

namespace steward::port {

std::string text_of(const caf::type_erased_tuple& content) {
  try {
    return content.stringify();
  } catch (...) {  // a type that cannot print itself must not hide the crash that is being reported
    return "a message that cannot be shown";
  }
}

durable_actor::durable_actor(caf::actor_config& cfg, const durable_options& options) : tied_actor(cfg) {
  reconfigure(options);
}

void durable_actor::reconfigure(const durable_options& options) {
  tally_.set_bound(options.mailbox);
  if (options.mailbox.overflow == overflow_policy::drop_oldest) parts_.make_ring();
  keeps_ = options.repeats || options.watched;
  if (keeps_) parts_.make_keeper();
}

std::string durable_actor::handled_now() const {
  if (current_element_ == nullptr || current_element_->content().type_token() == own_token) return {};
  return text_of(current_element_->content());
}

namespace {

/// What a handler forks, and lets return or throw, is no actor.
caf::invoke_message_result without_copies(caf::invoke_message_result result) noexcept {
  process::leave_if_copy();
  return result;
}

}  // namespace

caf::invoke_message_result durable_actor::consume(caf::mailbox_element& x) {
  const in_hand_mark mark{
      [](const void* self, event& into) { static_cast<const durable_actor*>(self)->describe_in_hand(into); }, this};
  if (has_ordinary_bit(x.mid) && !skipping_) {
    clear_ordinary_bit(x.mid);
    if (!abandoned_.load(std::memory_order_acquire) && parts_.ring() == nullptr)
      return without_copies(run(x, true, true));
  } else if (x.mid.is_response() && !skipping_) {
    return without_copies(run(x, false, false));
  }
  return without_copies(consume_special(x));
}

std::optional<caf::invoke_message_result> durable_actor::on_timeout(caf::mailbox_element& x) {
  const auto type = x.content().get_as<caf::timeout_msg>(0).type;
  if (type == timer_atom) return fire_timers(x);
  if (type != deadline_atom) return std::nullopt;
  end_overdue_requests();
  return caf::invoke_message_result::consumed;
}

/// Everything but an ordinary message that is to be handled now.
caf::invoke_message_result durable_actor::consume_special(caf::mailbox_element& x) {
  using caf::invoke_message_result;
  if (auto* const remote = parts_.remote()) return consume_elsewhere(x, *remote);
  if (has_ordinary_bit(x.mid)) return invoke_message_result::skipped;  // the mailbox is held
  const auto token = x.content().type_token();
  if (token == own_token)
    if (auto result = consume_own(x)) return *result;
  if (token == caf::make_type_token<caf::timeout_msg>())
    if (auto result = on_timeout(x)) return *result;
  if (is_late(x, token)) return invoke_message_result::consumed;
  const bool user = is_user_message(x.mid, token);
  if (skipping_) return user ? invoke_message_result::skipped : invoke_message_result::consumed;
  if (!user) return run(x, false, false);
  const bool counted = x.mid.is_normal_message();
  if (abandoned_.load(std::memory_order_acquire)) {  // its state is of the past, and `leave` may be a few messages away
    succession_.heir().enqueue(
        caf::make_mailbox_element(std::move(x.sender), x.mid, std::move(x.stages), x.move_content_to_message()),
        context());
    if (counted) tally_.count_handled();
    return invoke_message_result::consumed;
  }
  if (counted && doomed(x)) return invoke_message_result::consumed;
  return run(x, counted, true);
}

std::optional<caf::invoke_message_result> durable_actor::consume_own(caf::mailbox_element& x) {
  const auto& type = *own_type_of(x.content());
  current_element_ = &x;
  if (on_command(x.content(), type)) {
    if (counts_as_message(x.mid, own_token)) tally_.count_handled();
    return caf::invoke_message_result::consumed;
  }
  if (type == typeid(guarded_request)) return consume_guarded(x);
  if (type == typeid(drain_end)) {
    at_drain_end(x.content().get_as<drain_end>(0).look);
    return caf::invoke_message_result::consumed;
  }
  if (type != typeid(ring_marker)) return std::nullopt;
  if (holds_mailbox())
    parts_.ring()->park();
  else
    absorb_ring();
  return caf::invoke_message_result::consumed;
}

caf::invoke_message_result durable_actor::consume_guarded(caf::mailbox_element& x) {
  auto& request = x.content().get_mutable_as<guarded_request>(0);
  if (request.incarnation == answered) return caf::invoke_message_result::consumed;
  if (holds_mailbox() || abandoned_.load(std::memory_order_acquire) ||
      request.incarnation != current_.load(std::memory_order_relaxed)) {
    answer(x.sender, x.mid, caf::make_error(errc::restarting));
    tally_.count_unhandled(true);
    if (!holds_mailbox()) return caf::invoke_message_result::consumed;
    // Taking it out would make CAF look at all that waits once more: a husk stays.
    request.incarnation = answered;
    request.content.reset();
    x.sender = nullptr;
    return caf::invoke_message_result::skipped;
  }
  if (doomed(x)) return caf::invoke_message_result::consumed;
  auto plain = caf::make_mailbox_element(std::move(x.sender), x.mid, std::move(x.stages), std::move(request.content));
  const auto result = parts_.remote() == nullptr ? run(*plain, true, false) : hand_over(*plain, true, true);
  current_element_ = &x;
  if (result == caf::invoke_message_result::skipped) {
    request.content = plain->move_content_to_message();
    x.sender = std::move(plain->sender);
    x.stages = std::move(plain->stages);
  }
  return result;
}

caf::invoke_message_result durable_actor::run(caf::mailbox_element& x, bool counted, bool repeatable) {
  auto result = caf::invoke_message_result::consumed;
  open_ = counted;
  repeatable_ = repeatable;
  count_turn();
  try {
    if (keeps_) keep_begun(x);
    result = x.mid.is_async() && (counted || repeatable) ? handle_tell(x) : caf::event_based_actor::consume(x);
    count_turn();
    // It has called `quit`, or `unbecome` until no behaviour was left, which is as much.
    if (bhvr_stack_.empty() && !leaving_ && (quitting() || !alive())) after_quit();
  } catch (const std::exception& problem) {
    after_throw(x, &problem);
  } catch (const abi::__forced_unwind&) {
    end_program(actor_thread_ended);
  } catch (...) {  // whatever a handler threw is what this actor is here to contain
    after_throw(x, nullptr);
  }
  const bool handled = open_ && result != caf::invoke_message_result::skipped;
  if (handled) tally_.count_handled();
  open_ = false;
  if (parts_.any()) look_after(x, result, handled);
  return result;
}

namespace {

class no_answer final : public caf::detail::invoke_result_visitor {
public:
  using invoke_result_visitor::operator();
  void operator()() override {}
  void operator()(caf::error&) override {}
  void operator()(caf::message&) override {}
  void operator()(const caf::none_t&) override {}
};

}  // namespace

/// As CAF's, but that what the handler returns is not sent back.
caf::invoke_message_result durable_actor::handle_tell(caf::mailbox_element& x) {
  using caf::match_case;
  if (!awaited_responses_.empty()) return caf::invoke_message_result::skipped;
  if (x.content().type_token() == caf::make_type_token<caf::error>()) return caf::event_based_actor::consume(x);
  current_element_ = &x;
  const bool had_timeout = getf(has_timeout_flag);
  if (had_timeout) unsetf(has_timeout_flag);
  no_answer nobody;
  const auto outcome = bhvr_stack_.empty() ? match_case::no_match : bhvr_stack_.back()(nobody, x.content());
  bool skipped = outcome == match_case::skip;
  if (outcome == match_case::no_match) skipped = call_handler(default_handler_, this, x).flag == caf::rt_skip;
  if (skipped && had_timeout) setf(has_timeout_flag);
  return skipped ? caf::invoke_message_result::skipped : caf::invoke_message_result::consumed;
}

void durable_actor::after_quit() {
  if (std::exchange(open_, false)) {
    tally_.count_handled();
    if (auto* marks = parts_.marks()) marks->end(false, true);
  }
  caf::error reason = std::move(fail_state_);
  forget_requests();
  on_quit(std::move(reason));
}

/// Within a handler of what was thrown.
void durable_actor::after_throw(const caf::mailbox_element& x, const std::exception* known) {
  count_turn();
  const auto* copies = parts_.keeper();
  on_throw(std::current_exception(), known,
           text_of(copies != nullptr && !copies->in_hand().empty() ? copies->in_hand().content() : x.content()));
}

/// Of what is begun a copy is kept, or its slot is marked.
void durable_actor::keep_begun(caf::mailbox_element& x) {
  if (auto* copies = parts_.keeper()) copies->begin(x.copy_content_to_message());
  if (auto* marks = parts_.marks()) marks->begin(x);
}

/// What the few need who keep copies or have asked.
void durable_actor::look_after(const caf::mailbox_element& x, caf::invoke_message_result result, bool handled) {
  if (auto* marks = parts_.marks()) marks->end(result == caf::invoke_message_result::skipped, handled);
  if (auto* copies = parts_.keeper()) copies->end(x, result == caf::invoke_message_result::skipped);
  if (auto& deadlines = *parts_.deadlines(); deadlines.is_crowded()) deadlines.keep(awaited_ids());
  if (drain_waits_ && !awaits_answers()) look_for_drain_end();
}

caf::response_promise durable_actor::fail_in_hand(dead_letter_reason why) {
  if (current_element_ == nullptr) return {};
  const bool request = asked();
  if (std::exchange(open_, false)) {
    tally_.count_unhandled(request);
    if (auto* marks = parts_.marks()) marks->fail(request, why);
    tell_dead(*current_element_, why);
  }
  return request ? make_response_promise() : caf::response_promise{};
}

durable_actor::keeping durable_actor::keep_in_hand(unsigned limit) {
  auto* copies = parts_.keeper();
  if (copies == nullptr || !repeatable_ || copies->in_hand().empty()) return keeping::impossible;
  auto& x = *current_element_;
  if (x.mid.is_request() && !x.sender) return keeping::impossible;  // the handler has taken the promise
  if (!copies->keep(x, limit)) return keeping::spent;
  open_ = false;
  return keeping::kept;
}

/// What stands for a behaviour while the mailbox is held: an actor without one would end.
const caf::behavior& durable_actor::idle() {
  static const caf::behavior out{[](const ring_marker&) {}};
  return out;
}

void durable_actor::hold_mailbox() {
  skipping_ = true;
  if (parts_.remote() != nullptr) parts_.set_remote(nullptr);
  close_incarnation();
  reset_handlers();
  set_behavior(idle());
}

/// In the place of all that was set before, none of which runs any more.
void durable_actor::set_behavior(caf::behavior behavior) {
  const bool idles = !bhvr_stack_.empty() && bhvr_stack_.back().as_behavior_impl() == idle().as_behavior_impl();
  if (idles && !quitting()) {  // then it is the only one; the stack's second buffer is not needed
    bhvr_stack_.back() = std::move(behavior);
    set_receive_timeout();
    return;
  }
  bhvr_stack_.clear();
  become(std::move(behavior));
}

void durable_actor::open_mailbox(caf::behavior behavior, std::uint64_t incarnation) {
  skipping_ = false;
  set_behavior(std::move(behavior));
  let_in(incarnation);
}

/// The mailbox is held no longer.
void durable_actor::let_in(std::uint64_t incarnation) {
  current_.store(incarnation, std::memory_order_release);
  // A command is urgent, and CAF looks at messages that were skipped again only after one of the same urgency was
  // handled.
  get_normal_queue().flush_cache();
  get_urgent_queue().flush_cache();
  auto* copies = parts_.keeper();
  if (auto first = copies == nullptr ? nullptr : copies->take_kept()) {
    copies->repeat(*first);
    const auto put_first = [&](auto& queue) {
      queue.cache().push_back(first.release());
      queue.flush_cache();
    };
    if (first->mid.is_normal_message())
      put_first(get_normal_queue());
    else
      put_first(get_urgent_queue());
  }
  if (auto* ring = parts_.ring(); ring != nullptr && ring->is_parked()) absorb_ring();
}

void durable_actor::reset_handlers() {
  set_exit_handler([this](caf::exit_msg& msg) {
    if (msg.reason) quit(std::move(msg.reason));
  });
  set_down_handler([](caf::down_msg&) {});
  set_error_handler([this](caf::error& problem) {
    if (current_element_->mid.is_response()) {  // nobody takes the error that a request has come to
      quit(std::move(problem));
      return;
    }
    on_refused("dropped an error that was told to it: " + render(problem));
    fail_in_hand().deliver(caf::make_error(caf::sec::unexpected_message));
  });
  set_exception_handler(exception_handler{});
  set_default_handler([this](caf::scheduled_actor*, caf::message_view& view) {
    if (std::exchange(open_, false)) {
      tally_.count_unhandled(current_element_->mid.is_request());
      if (auto* marks = parts_.marks()) marks->fail(current_element_->mid.is_request(), dead_letter_reason::unhandled);
      tell_dead(*current_element_, dead_letter_reason::unhandled);
    }
    return on_unexpected(view);
  });
}

bool durable_actor::handlers_intact() const {
  return exit_handler_ && down_handler_ && error_handler_ && default_handler_;
}

void durable_actor::forget_requests() {
  awaited_responses_.clear();
  multiplexed_responses_.clear();
  if (auto* deadlines = parts_.deadlines()) deadlines->clear();
  unsetf(is_shutting_down_flag);
  fail_state_ = caf::error{};
}

// -- the end --------------------------------------------------------------------------------------------------------

void durable_actor::leave(caf::error reason, caf::error leftover, const caf::actor& heir) {
  if (heir && caf::actor_cast<caf::abstract_actor*>(heir) != this) succession_.name_heir(heir);
  leaving_ = true;
  draining_ = drain_waits_ = false;
  succession_.set_refusal(std::move(leftover));
  quit(std::move(reason));
}

void durable_actor::begin_drain(caf::error refusal) {
  parts_.make_deadlines();  // so that `look_after` is called
  draining_ = true;
  succession_.set_refusal(std::move(refusal));
  succession_.refuse();
  look_for_drain_end();
}

/// The actor comes to it behind all that waits now. What was put back for the time of an `await` is looked at before.
void durable_actor::look_for_drain_end() {
  drain_waits_ = false;
  push(caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, drain_end{++drain_looks_}), context());
}

/// All that was there before was handled, but for what the behaviour skips. What the ring had comes behind.
void durable_actor::at_drain_end(unsigned look) {
  // Behind this one another may come, and that one decides: each would take the other for work, for ever.
  if (!draining_ || leaving_ || look != drain_looks_) return;
  drain_waits_ = awaits_answers();
  if (drain_waits_) return;
  if (auto* remote = parts_.remote(); remote != nullptr && remote->tells_when_empty()) return;
  mailbox().fetch_more();
  if (get_normal_queue().total_task_size() > 0)
    look_for_drain_end();
  else
    on_drained();
}

bool durable_actor::cleanup(caf::error&& reason, caf::execution_unit* host) {
  const bool first = !mailbox().closed();
  std::uint64_t dead = 0;
  std::string first_dead;
  if (first) {
    dead = tally_.unhandled_tells();
    if (!succession_.has_heir()) succession_.refuse();
    mailbox().close();
    first_dead = end_messages(host);
    succession_.settle();
    tally_.seal();
    dead = tally_.unhandled_tells() - dead;
  }
  if (first)
    on_left(dead, first_dead);  // first: whoever hears of the end by a monitor finds that its supervisor knows of it
  return caf::event_based_actor::cleanup(std::move(reason), host);
}

std::string durable_actor::end_messages(caf::execution_unit* host) {
  std::string dead;
  auto* const ring = parts_.ring();
  auto* const copies = parts_.keeper();
  if (auto kept = copies == nullptr ? nullptr : copies->take_kept()) end_message(std::move(kept), host, dead);
  while (auto x = get_urgent_queue().take_front()) end_message(std::move(x), host, dead);
  while (auto x = get_normal_queue().take_front()) {
    clear_ordinary_bit(x->mid);
    const auto token = x->content().type_token();
    const auto* own = token == own_token ? own_type_of(x->content()) : nullptr;
    if (own != nullptr && *own == typeid(ring_marker))
      ring->spare();  // only what stood before it was given up
    else if (is_husk(x->content(), token) || (own != nullptr && *own == typeid(drain_end)))
      continue;
    else if (!counts_as_message(x->mid, token) || !doomed(*x))
      end_message(std::move(x), host, dead);
  }
  if (ring != nullptr)
    for (auto& x : ring->close()) end_message(std::move(x), host, dead);
  tell_drops(true, nullptr);
  return dead;
}

void durable_actor::end_message(caf::mailbox_element_ptr x, caf::execution_unit* host, std::string& first_dead) {
  clear_ordinary_bit(x->mid);
  const auto token = x->content().type_token();
  if (!is_user_message(x->mid, token)) return;
  bool for_heir = succession_.has_heir();
  auto problem = succession_.refusal();
  if (token == own_token) {
    const auto& type = *own_type_of(x->content());
    if (is_command(type)) return;
    if (type == typeid(guarded_request)) {
      for_heir = false;
      problem = caf::make_error(errc::restarting);
    }
  }
  const bool counted = x->mid.is_normal_message();
  if (for_heir) {
    if (counted) tally_.count_handled();
    succession_.heir().enqueue(std::move(x), host);
    return;
  }
  if (counted) tally_.count_unhandled(x->mid.is_request());
  if (x->mid.is_async()) {
    if (counted && first_dead.empty()) first_dead = text_of(x->content());
    if (hears_of_dead()) on_dead(reason_of_leftovers(), x->sender, x->move_content_to_message());
  }
  answer(x->sender, x->mid, problem ? std::move(problem) : caf::make_error(errc::ended));
}

}  // namespace steward::port
