#pragma once

// Knows CAF's version, as steward/port.hpp does: what cells are made of.

#include "actor_system/message_tally.hpp"
#include "actor_system/succession.hpp"
#include "actor_system/tied_actor.hpp"
#include "steward/admin.hpp"
#include "steward/dead_letter.hpp"
#include "steward/port.hpp"
#include "steward/spec.hpp"
#include "steward/timer.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <typeinfo>
#include <vector>

namespace steward {
struct event;
}

namespace steward::port {

/// A message as text; says so when it cannot be shown.
std::string text_of(const caf::type_erased_tuple& content);

struct durable_options {
  mailbox_spec mailbox;
  bool repeats = false;  ///< messages may be handled again: a copy of what is in hand is kept
  bool watched = false;  ///< `in_hand` tells what is being handled
};

/// An actor that keeps its handle and its mailbox whatever its handlers throw, and that accounts for every message.
///
/// A handler that throws, or that calls `quit`, does not end the actor: `on_throw` or `on_quit` is called on the
/// actor's own thread, after which the actor goes on with the behaviour that the hook has set. Commands (messages that
/// `on_command` takes) never reach the behaviour, even while the actor skips everything else or awaits a response.
///
/// *Accounting* (`message_tally`, `overflow_ring`). Ordinary messages and requests of normal priority count, no others:
/// not responses, exits, downs, timeouts, commands, nor what is sent urgently.
///
/// *Incarnations.* What the behaviour's code sets up for itself by CAF's means belongs to the incarnation: its ties
/// (`tied_actor`), timers (`timer_table`), handlers and pending responses (`request_deadlines`).
///
/// *The end* (`succession`). What is sent to an actor that drains or is over is refused, or goes to its heir.
///
/// *Tells.* What a handler returns to a message that is no request goes nowhere. CAF sends it back as a message, which
/// the sender need not have a handler for.
///
/// *Elsewhere* (`elsewhere.hpp`). The incarnation may live in another process: then messages are handed over instead of
/// being handled, and count when it is known what became of them.
class durable_actor : public tied_actor {
public:
  durable_actor(caf::actor_config& cfg, const durable_options& options);

  // Thread-safe; for whoever holds a handle:
  using caf::event_based_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr x, caf::execution_unit* eu) final;
  message_counts counts() const { return tally_.counts(); }
  std::uint64_t turn() const { return turn_.load(std::memory_order_relaxed); }
  std::string in_hand() const;
  /// From now on ordinary messages go to `heir`. The first call counts.
  void bequeath(const caf::actor& heir);
  /// For an actor whose mailbox is elsewhere: a message that came from there.
  void take_delivery(caf::mailbox_element_ptr x);

  // For the actor's own thread:
  resume_result resume(caf::execution_unit* eu, std::size_t max_throughput) final;
  caf::invoke_message_result consume(caf::mailbox_element& x) final;
  bool cleanup(caf::error&& reason, caf::execution_unit* host) override;
  /// Limits the wait for the answer to a request that was just sent. The actor has one timeout of the clock, for the
  /// earliest deadline.
  void limit_request(caf::message_id response, std::chrono::milliseconds timeout);
  std::uint64_t set_timer(timer_order order);
  bool cancel_timer(std::uint64_t number);
  bool has_timer(std::uint64_t number) const;

protected:
  /// Returns false for what is no command.
  virtual bool on_command(caf::type_erased_tuple& content, const std::type_info& type) = 0;
  virtual bool is_command(const std::type_info& type) const = 0;
  /// `known` is the exception itself, unless it is of a foreign type.
  virtual void on_throw(const std::exception_ptr& problem, const std::exception* known, const std::string& in_hand) = 0;
  virtual void on_quit(caf::error reason) = 0;
  /// Gets messages that the behaviour does not know.
  virtual caf::result<caf::message> on_unexpected(caf::message_view& view) = 0;
  /// Told from any thread, now and then, that the full mailbox dropped `n` tells more, `latest` among them; null when
  /// it is not known any more.
  virtual void on_dropped(std::uint64_t n, const caf::type_erased_tuple* latest) = 0;
  /// Whether anybody wants to be told of tells that are not handled. Asked on any thread.
  virtual bool hears_of_dead() const = 0;
  /// Told from any thread of a tell that is not handled, while somebody hears of it.
  virtual void on_dead(dead_letter_reason why, const caf::strong_actor_ptr& from, caf::message content) = 0;
  /// The actor is over: its counts are final. Its monitors are told afterwards. `dead`: tells that were left over, and
  /// the first of them as text.
  virtual void on_left(std::uint64_t dead, const std::string& first) = 0;
  /// What waited when `begin_drain` was called is done.
  virtual void on_drained() = 0;
  /// Whose work the message in hand is, for the case that the program dies of it.
  virtual void describe_in_hand(event& into) const = 0;
  /// What is being handled, by the actor's own thread; nothing while the actor itself is built or ended.
  std::string handled_now() const;

  /// New options from now on.
  void reconfigure(const durable_options& options);
  mailbox_spec mailbox_limits() const { return tally_.bound(); }

  /// Whether a request is in hand, rather than a tell.
  bool asked() const { return current_element_ != nullptr && current_element_->mid.is_request(); }
  /// Whether a message is in hand that `fail_in_hand` would count as dead: a tell.
  bool loses_in_hand() const { return open_ && !asked(); }
  /// Counts the message in hand as failed or dead. If it is a request that was not answered yet, the promise answers.
  caf::response_promise fail_in_hand(dead_letter_reason why = dead_letter_reason::crashed);
  enum class keeping : std::uint8_t { kept, spent, impossible };
  /// Keeps the message in hand to be handled again, first, after `open_mailbox`; `spent` when that was done `limit`
  /// times.
  keeping keep_in_hand(unsigned limit);

  /// Keeps everything but commands in the mailbox, in order, until `open_mailbox`. Drops the behaviour.
  void hold_mailbox();
  bool holds_mailbox() const { return skipping_ && parts_.remote() == nullptr; }
  /// Lets `behavior`, of that incarnation, handle what waits.
  void open_mailbox(caf::behavior behavior, std::uint64_t incarnation);
  /// Hands what waits to that incarnation, which lives elsewhere, until `hold_mailbox`. `where` outlives that.
  void open_mailbox(elsewhere& where, std::uint64_t incarnation);
  /// There is room for more, or nothing is left there.
  void look_elsewhere_again();
  /// What was handed over and not begun, in order: it is handled first after the next `open_mailbox`. The mailbox is
  /// held.
  void put_back(std::vector<caf::mailbox_element_ptr> xs);
  /// The same for one message that is to be repeated for that time, before those.
  void put_back_to_repeat(caf::mailbox_element_ptr x, unsigned time);
  /// On any thread: it was handled elsewhere.
  void count_handled_elsewhere() { tally_.count_handled_elsewhere(); }
  /// Counts a message that was begun elsewhere and not finished there; tells of a tell that is dead.
  void count_unfinished(const caf::mailbox_element& x, bool counted, dead_letter_reason why);
  /// The mailbox is that of `handle`: from now on all that is sent to this actor goes there, and what comes from there
  /// is told to `marks`, which outlives the actor.
  void live_elsewhere(const caf::actor& handle, guest_marks& marks);

  /// Requests that do not outlast an incarnation are refused until the next `open_mailbox`.
  void close_incarnation() { current_.store(0, std::memory_order_relaxed); }

  /// Puts every handler that a former state may have set back to its default.
  void reset_handlers();
  /// False when a handler was lost by the throw: CAF moves it away while it runs.
  bool handlers_intact() const;
  /// True when a constructor, init or handler called `quit`.
  bool quitting() const { return getf(is_shutting_down_flag); }
  /// Drops pending responses of a dead state: its handlers must never run. Undoes a `quit`.
  void forget_requests();
  void cancel_timers();
  /// Messages that are accepted and not finished.
  std::uint64_t waiting() const { return counts().waiting; }

  /// Ends the actor for good. Requests that still wait are answered with `leftover`; or everything goes to the heir as
  /// it is, and counts as handled here.
  void leave(caf::error reason, caf::error leftover, const caf::actor& heir);
  bool leaving() const { return leaving_; }
  /// From now on ordinary messages are refused, also those that the actor tells itself. `on_drained` is called when
  /// what waits was handled and what the actor has asked was answered, or at once. `leave` puts an end to it.
  void begin_drain(caf::error refusal);
  bool draining() const { return draining_; }

private:
  using time_point = std::chrono::steady_clock::time_point;
  struct ring_marker {};  // to itself: what comes now is in the ring
  struct drain_end {      // to itself: what was there when it was sent was handled
    unsigned look = 0;
    template <class Inspector>
    friend typename Inspector::result_type inspect(Inspector& f, drain_end& x) {
      return f(x.look);
    }
  };

  // On the thread of a sender: into the mailbox, or not.
  void enqueue_special(caf::mailbox_element_ptr x, caf::execution_unit* eu, std::uint32_t token);
  void enqueue_full(caf::mailbox_element_ptr x, caf::execution_unit* eu, std::uint64_t before);
  bool push_ordinary(caf::mailbox_element_ptr x, caf::execution_unit* eu);
  bool push(caf::mailbox_element_ptr x, caf::execution_unit* eu);
  void wake(caf::execution_unit* eu);
  bool runs_here() const;
  bool incarnation_runs_here() const override { return runs_here() && !leaving_; }
  /// Whether CAF's clock brings this from the actor to itself: nobody knows for which incarnation.
  bool from_own_clock(const caf::mailbox_element& x, const caf::execution_unit* eu) const;
  void refuse(const caf::strong_actor_ptr& asker, caf::message_id mid);
  void refuse(caf::mailbox_element& x);
  void refuse_for_room(caf::mailbox_element& x);
  void drop(caf::mailbox_element& x);
  void tell_drops(bool all, const caf::type_erased_tuple* latest);
  void tell_dead(const caf::mailbox_element& x, dead_letter_reason why);
  dead_letter_reason reason_of_leftovers() const;

  // What comes out of the mailbox.
  caf::invoke_message_result consume_special(caf::mailbox_element& x);
  std::optional<caf::invoke_message_result> consume_own(caf::mailbox_element& x);
  caf::invoke_message_result consume_guarded(caf::mailbox_element& x);
  bool doomed(caf::mailbox_element& x);
  void absorb_ring();
  caf::invoke_message_result run(caf::mailbox_element& x, bool counted, bool repeatable);
  caf::invoke_message_result handle_tell(caf::mailbox_element& x);
  void after_throw(const caf::mailbox_element& x, const std::exception* known);
  void after_quit();
  void count_turn() { turn_.store(turn() + 1, std::memory_order_relaxed); }
  void keep_begun(caf::mailbox_element& x);
  void look_after(const caf::mailbox_element& x, caf::invoke_message_result result, bool handled);
  void let_in(std::uint64_t incarnation);
  caf::invoke_message_result hand_over(caf::mailbox_element& x, bool counted, bool guarded);
  caf::invoke_message_result consume_elsewhere(caf::mailbox_element& x, elsewhere& where);
  static const caf::behavior& idle();
  void set_behavior(caf::behavior behavior);

  // Timeouts of the clock: deadlines and timers.
  /// Nothing when it is no timeout of ours.
  std::optional<caf::invoke_message_result> on_timeout(caf::mailbox_element& x);
  std::vector<std::uint64_t> awaited_ids() const;
  void end_overdue_requests();
  void arm_timers(time_point at, time_point now);
  caf::invoke_message_result fire_timers(caf::mailbox_element& x);
  bool fire(std::uint64_t number, time_point now);

  // Drain and end.
  bool awaits_answers() const { return !awaited_responses_.empty() || !multiplexed_responses_.empty(); }
  void look_for_drain_end();
  void at_drain_end(unsigned look);
  /// Returns the first tell that was left over, as text.
  std::string end_messages(caf::execution_unit* host);
  void end_message(caf::mailbox_element_ptr x, caf::execution_unit* host, std::string& first_dead);

  // What the actor's own thread touches for each message, behind what CAF's loop looks at in each round.
  std::atomic<std::uint64_t> turn_{0};
  std::atomic<bool> abandoned_{false};  // was bequeathed; here, because senders write near `succession_`
  bool keeps_ = false;                  // a copy of what is in hand
  bool skipping_ = false;
  bool leaving_ = false;
  bool open_ = false;        // the message in hand counts, and is in no count yet
  bool repeatable_ = false;  // it may be handled again
  bool draining_ = false;
  bool drain_waits_ = false;  // for answers: nothing else is left to be handled
  unsigned drain_looks_ = 0;  // number of the last `drain_end` that was sent; those before it do not count

  // Begins with what the actor's thread touches for each message, and ends, on another cache line, with what senders
  // do.
  message_tally tally_;

  // What senders touch for each message. What follows in a derived class must be touched seldom.
  succession succession_;
  std::atomic<std::uint64_t> current_{0};  // the incarnation that is up; 0: none
};

/// The durable actor that this thread runs; null when it runs none.
durable_actor* running_actor() noexcept;

/// The actor behind a handle, when it is a local one of this kind; else null. Valid while the handle is held.
durable_actor* durable_of(const caf::actor& handle);

}  // namespace steward::port
