#pragma once

// Knows CAF's version, as steward/port.hpp does: what cells are made of.

#include "steward/admin.hpp"
#include "steward/port.hpp"
#include "steward/spec.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <typeinfo>
#include <vector>

namespace steward {
struct event;
}

namespace steward::port {

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
/// *Accounting.* Ordinary messages and requests of normal priority count, no others: not responses, exits, downs,
/// timeouts, commands, nor what is sent urgently. Senders add to `accepted` and compare it with a mark, which is the
/// number of finished messages plus the limit, as it was when last looked at; so a sender touches one cache line, and
/// the actor's thread another.
///
/// *A full mailbox that drops its oldest.* From then on senders put messages into a ring of at most `limit`, whose
/// oldest falls out, and count in `doomed` how many older messages the actor shall drop; a marker in the mailbox makes
/// the actor append the ring behind what it has. Memory stays bounded while a handler hangs.
class durable_actor : public caf::event_based_actor {
public:
  durable_actor(caf::actor_config& cfg, const durable_options& options);
  ~durable_actor() override;

  // Thread-safe; for whoever holds a handle:
  using caf::event_based_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr x, caf::execution_unit* eu) final;
  message_counts counts() const;
  std::uint64_t turn() const { return turn_.load(std::memory_order_relaxed); }
  std::string in_hand() const;
  /// From now on ordinary messages go to `heir`. The first call counts.
  void bequeath(const caf::actor& heir);

  // For the actor's own thread:
  resume_result resume(caf::execution_unit* eu, std::size_t max_throughput) final;
  caf::invoke_message_result consume(caf::mailbox_element& x) final;
  bool cleanup(caf::error&& reason, caf::execution_unit* host) override;
  /// Limits the wait for the answer to a request that was just sent. Nothing is kept once the answer is there, but for
  /// a few words; the actor has one timeout of the clock, for the earliest deadline.
  void limit_request(caf::message_id response, std::chrono::milliseconds timeout);

protected:
  /// Returns false for what is no command.
  virtual bool on_command(caf::type_erased_tuple& content, const std::type_info& type) = 0;
  virtual bool is_command(const std::type_info& type) const = 0;
  /// `known` is the exception itself, unless it is of a foreign type.
  virtual void on_throw(const std::exception_ptr& problem, const std::exception* known, const std::string& in_hand) = 0;
  virtual void on_quit(caf::error reason) = 0;
  /// Gets messages that the behaviour does not know.
  virtual caf::result<caf::message> on_unexpected(caf::message_view& view) = 0;
  /// Told from any thread, now and then, that the full mailbox dropped `n` tells more.
  virtual void on_dropped(std::uint64_t n) = 0;
  /// The actor is over: its monitors were told, its counts are final. `dead`: tells that were left over.
  virtual void on_left(std::uint64_t dead) = 0;
  /// Whose work the message in hand is, for the case that the program dies of it.
  virtual void describe_in_hand(event& into) const = 0;
  /// What is being handled, by the actor's own thread; nothing while the actor itself is built or ended.
  std::string handled_now() const;

  /// New options from now on.
  void reconfigure(const durable_options& options);
  mailbox_spec mailbox_limits() const { return {limit_.load(std::memory_order_relaxed), overflow_}; }

  /// Whether a request is in hand, rather than a tell.
  bool asked() const { return current_element_ != nullptr && current_element_->mid.is_request(); }
  /// Answers the request in hand with an error, if it was not answered yet, and counts the message as failed or dead.
  void fail_in_hand(caf::error problem);
  enum class keeping : std::uint8_t { kept, spent, impossible };
  /// Keeps the message in hand to be handled again, first, after `open_mailbox`; `spent` when that was done `limit`
  /// times.
  keeping keep_in_hand(unsigned limit);

  /// Keeps everything but commands in the mailbox, in order, until `open_mailbox`. Drops the behaviour.
  void hold_mailbox();
  /// Lets `behavior`, of that incarnation, handle what waits.
  void open_mailbox(caf::behavior behavior, std::uint64_t incarnation);
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
  /// Messages that are accepted and not finished.
  std::uint64_t waiting() const { return counts().waiting; }

  /// Ends the actor for good. Requests that still wait are answered with `leftover`; or everything goes to the heir as
  /// it is, and counts as handled here.
  void leave(caf::error reason, caf::error leftover, const caf::actor& heir);
  bool leaving() const { return leaving_; }

private:
  struct marker {};
  struct overflow_ring;
  struct copy_keeper;
  /// Deadlines of requests as a heap. Entries whose answers came are dropped when they have become the most.
  struct deadlines {
    struct entry {
      std::chrono::steady_clock::time_point at;
      std::uint64_t response;
      bool operator<(const entry& other) const { return at > other.at; }
    };
    std::vector<entry> heap;
    std::size_t compact_at = 256;
    std::optional<std::chrono::steady_clock::time_point> armed;
  };

  using counter = std::atomic<std::uint64_t>;
  static void bump(counter& x) { x.store(x.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

  void enqueue_special(caf::mailbox_element_ptr x, caf::execution_unit* eu, std::uint32_t token);
  bool push_ordinary(caf::mailbox_element_ptr x, caf::execution_unit* eu);
  void wake(caf::execution_unit* eu);
  bool push(caf::mailbox_element_ptr x, caf::execution_unit* eu);
  void enqueue_for_heir(caf::mailbox_element_ptr x, caf::execution_unit* eu);
  void enqueue_full(caf::mailbox_element_ptr x, caf::execution_unit* eu, std::uint64_t before);
  bool enqueue_ring(overflow_ring& ring, caf::mailbox_element_ptr& x, caf::execution_unit* eu, std::uint64_t before);
  void refuse(const caf::strong_actor_ptr& asker, caf::message_id mid);
  void count_drop(const caf::mailbox_element& x);
  void tell_drops(bool all);
  std::uint64_t finished() const;
  bool runs_here() const;

  caf::invoke_message_result run(caf::mailbox_element& x, bool counted, bool repeatable);
  void after_throw(const caf::mailbox_element& x, const std::exception* known);
  void after_quit();
  void look_after(const caf::mailbox_element& x, caf::invoke_message_result result);
  caf::invoke_message_result consume_special(caf::mailbox_element& x);
  std::optional<caf::invoke_message_result> consume_own(caf::mailbox_element& x);
  caf::invoke_message_result consume_guarded(caf::mailbox_element& x);
  bool doomed(const caf::mailbox_element& x);
  void absorb_ring();
  void answer_in_hand(caf::error problem);
  void drain(caf::execution_unit* host);
  void end_message(caf::mailbox_element_ptr x, caf::execution_unit* host);
  /// False when it is no timeout of ours.
  bool on_timeout(const caf::timeout_msg& x);
  void arm(std::chrono::steady_clock::time_point at);
  void compact_deadlines();
  std::vector<std::uint64_t> awaited_ids() const;
  static const caf::behavior& idle();
  void set_behavior(caf::behavior behavior);

  /// What few actors have. Made and added to on the actor's own thread, read by any; what is there stays.
  struct extras {
    extras() = default;
    ~extras();
    extras(const extras&) = delete;
    extras& operator=(const extras&) = delete;

    std::atomic<overflow_ring*> ring{nullptr};
    std::atomic<copy_keeper*> keeper{nullptr};
    deadlines limits;
  };
  extras& make_extras();
  overflow_ring* ring() const {
    const auto* x = extras_.load(std::memory_order_acquire);
    return x == nullptr ? nullptr : x->ring.load(std::memory_order_acquire);
  }
  copy_keeper* keeper() const {
    const auto* x = extras_.load(std::memory_order_acquire);
    return x == nullptr ? nullptr : x->keeper.load(std::memory_order_acquire);
  }

  // What the actor's own thread touches for each message, behind what CAF's loop looks at in each round.
  counter turn_{0};
  counter handled_{0};
  std::atomic<extras*> extras_{nullptr};
  std::atomic<bool> abandoned_{false};  // `heir_` is set; here, because senders write near that
  bool keeps_ = false;                  // a copy of what is in hand
  bool skipping_ = false;
  bool leaving_ = false;
  bool open_ = false;        // the message in hand counts, and is in no count yet
  bool repeatable_ = false;  // it may be handled again

  // Touched seldom: 64 bytes that keep the cache lines of the actor's thread and of senders apart.
  counter failed_{0};
  counter dead_{0};
  caf::strong_actor_ptr heir_ref_;
  caf::error leftover_;
  counter rejected_{0};
  counter dropped_requests_{0};
  counter dropped_tells_{0};
  counter told_drops_{0};

  // What senders touch for each message. What follows in a derived class must be touched seldom.
  std::atomic<caf::abstract_actor*> heir_{nullptr};
  counter accepted_{0};
  counter mark_{0};
  counter current_{0};  // the incarnation that is up; 0: none
  std::atomic<unsigned> limit_{0};
  std::atomic<overflow_policy> overflow_{overflow_policy::reject};
  std::atomic<bool> sealed_{false};
};

/// The actor behind a handle, when it is a local one of this kind; else null. Valid while the handle is held.
durable_actor* durable_of(const caf::actor& handle);

}  // namespace steward::port
