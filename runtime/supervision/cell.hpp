#pragma once

#include "actor_system/dead_letters.hpp"
#include "actor_system/durable_actor.hpp"
#include "policy/desk.hpp"
#include "process/work_page.hpp"
#include "steward/actor.hpp"
#include "steward/admin.hpp"
#include "steward/detail/pool_places.hpp"
#include "steward/event.hpp"
#include "steward/watch.hpp"
#include "supervision/path_hash.hpp"
#include "supervision/process_link.hpp"

#include <caf/intrusive_ptr.hpp>
#include <caf/ref_counted.hpp>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace steward::supervision {

class process_seat;

/// What a cell tells its host. Each names the cell and the incarnation it is about, so that late reports do no harm.
/// That an incarnation is ready or has ended goes to the supervisor's desk instead.
struct cell_report {
  enum class kind : std::uint8_t {
    start_failed,  ///< the constructor or `make_behavior` threw
    declined,      ///< it threw `decline_start`
    held,          ///< the answer to `hold`: the state is gone, the messages wait
    left,          ///< the actor is over
  };
  std::uint64_t node = 0;
  std::uint64_t cell = 0;  ///< its actor id: tells it from one that was abandoned before it
  kind what = kind::left;
  std::uint64_t incarnation = 0;
  cause why;                  ///< `start_failed`
  message_counts counts;      ///< `left`: final, exact
  std::uint64_t dropped = 0;  ///< `left`: dead letters that this end made
  std::string first_dropped;  ///< the first of them, as text
  bool was_up = false;        ///< `held`, `left`: an incarnation lived until then
};

/// Actors by the names of the parameters that name them.
using actor_map = std::map<std::string, caf::actor>;

struct cell_kind;
using cell_kind_ptr = caf::intrusive_ptr<const cell_kind>;

/// What the host tells a cell. Overtakes the mailbox.
struct cell_command {
  enum class kind : std::uint8_t {
    incarnate,  ///< build the state of the next incarnation
    hold,       ///< destroy the state, keep the messages, report `held`
    leave,      ///< destroy the state, end the actor, report `left`
    drain,      ///< the same, once what waits was handled
    fail,       ///< end this incarnation as a crash, since it was killed
    renew,      ///< build further incarnations by `renewed`
  };
  kind what = kind::incarnate;
  std::uint64_t incarnation = 0;
  std::shared_ptr<const actor_map> actors;                ///< `incarnate`: what the parameters name, as of now
  policy::exit_class how = policy::exit_class::shutdown;  ///< `leave`, `drain`: what its monitors and links see
  bool killed = false;                                    ///< `leave`: they see that it was killed, instead
  std::string why;                                        ///< the same: told to whoever waits; `fail`: by whom
  std::shared_ptr<const cause> failure = nullptr;         ///< `fail`: of another class than `killed`
  cell_kind_ptr renewed = nullptr;
  caf::actor heir;  ///< `leave`: gets the messages that wait, instead of their becoming dead letters
};

/// News of what an incarnation watches; for that incarnation alone. Overtakes the mailbox.
struct watch_news {
  std::uint64_t incarnation = 0;
  child_end what;
};

/// What all cells of one child spec share.
struct cell_kind : caf::ref_counted {
  state_factory make;
  std::shared_ptr<const exception_rules> exceptions;  ///< may be null
  param_map params;
  mailbox_spec mailbox;
  unsigned redeliver = 0;
  bool watched = false;  ///< `hang_after` is set: what is in hand is kept for the report
  actor_args::printer print;
  std::shared_ptr<const detail::pool_places> pools{};  ///< null: its parameters name none
  std::shared_ptr<const process_place> place{};        ///< null: its states live in the cells
};

/// Where a child is, and whom its cells tell. The dynamic children of a supervisor share one.
struct child_address : caf::ref_counted {
  std::string text;                               ///< the path; of dynamic children, what their paths begin with
  std::uint64_t block = 0;                        ///< of dynamic children: their number less this ends their path
  std::size_t text_hash = 0;                      ///< of dynamic children: of `text`, for `path_hash`
  std::shared_ptr<policy::supervisor_desk> desk;  ///< of its supervisor
  event_log* events = nullptr;                    ///< outlives the actor system
  dead_letter_hub* letters = nullptr;             ///< the same; may be null
  caf::actor host;
  std::uint64_t seed = 0;
  mutable std::atomic<std::size_t> unannounced{0};  ///< of the types that were told of last: a hash

  std::string path_of(std::uint64_t number) const { return block == 0 ? text : text + std::to_string(number - block); }
};
using child_address_ptr = caf::intrusive_ptr<const child_address>;

/// What all incarnations of a cell share.
struct cell_spec {
  child_address_ptr address;
  std::uint64_t node = 0;  ///< its number at its supervisor
  cell_kind_ptr kind;      ///< until it is renewed
};

}  // namespace steward::supervision

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::supervision::cell_report)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::supervision::cell_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::supervision::watch_news)

namespace steward::supervision {

/// The actor cell: one actor, many incarnations of its state (the term is Akka's).
///
/// The cell's handle and mailbox stay while the state in it is replaced. A handler that throws is contained in place:
/// the request in hand is answered at once with the exception's type and text (or its message is kept to be handled
/// again), the state is destroyed, and the supervisor's desk decides. A restart that is due at once happens right here;
/// else messages wait, in order, until the host asks for the next incarnation. All user code of an actor runs here,
/// on one scheduler thread at a time. A message that no handler takes is reported and dropped; a request gets an error.
///
/// *In a process* (cell_process.cpp). The state may live in a process of its own: then each incarnation is a
/// `process_link`, and a crash is the end of a process. What was begun there is treated as what is in hand here; what
/// was not goes back to the mailbox, first and in order.
///
/// Messages of normal priority are accounted for, exactly: accepted = handled + failed + dead + waiting. Those that are
/// handed to an heir count as handled.
class cell final : public port::durable_actor {
public:
  cell(caf::actor_config& cfg, cell_spec spec);
  ~cell() override;

  caf::behavior make_behavior() override;
  const char* name() const override { return "steward.cell"; }

  void on_exit() override;

  /// Thread-safe.
  std::string path() const { return address_->path_of(node_); }
  std::size_t hash_of_path() const {
    const auto& at = *address_;
    return at.block == 0 ? path_hash::of(at.text) : path_hash::of(at.text_hash, node_ - at.block);
  }
  const child_address& address() const { return *address_; }

  /// The one that is up, or is being built; for the cell's own thread.
  std::uint64_t incarnation() const { return incarnation_; }

  // Thread-safe:
  /// As `turn` and `in_hand` of durable_actor, wherever the incarnation lives.
  std::uint64_t turn_anywhere() const;
  std::string in_hand_anywhere() const;
  /// The process that it lives in now; 0: none of its own.
  int pid() const;
  /// The process of that incarnation, as long as it is one of the latest four; else 0.
  int pid_of(std::uint64_t incarnation) const;
  /// Kills the process of an incarnation that does not end as it was asked to. True when there is one.
  bool kill_process(const cause& why) const;
  /// Ends what is in its process, on any thread: that, or, where others live there, the link to it.
  void leave_process(const cause& why) const;
  /// What has become of a message that was handed to a process.
  void count_settled(const caf::mailbox_element& x, bool counted, process::work_state how);

  // Thread-safe, for whoever holds a handle of the cell, are those of durable_actor: `counts`; `turn`, which is the
  // number of handlers that were begun, times two, odd while one runs; `in_hand`, which is what is being handled, as
  // text, when the cell is watched; and `bequeath`, for a cell that was abandoned and replaced.

private:
  bool on_command(caf::type_erased_tuple& content, const std::type_info& type) override;
  bool is_command(const std::type_info& type) const override;
  void on_throw(const std::exception_ptr& problem, const std::exception* known, const std::string& in_hand) override;
  void on_quit(caf::error reason) override;
  caf::result<caf::message> on_unexpected(caf::message_view& view) override;
  void on_dropped(std::uint64_t n, const caf::type_erased_tuple* latest) override;
  bool hears_of_dead() const override;
  void on_dead(dead_letter_reason why, const caf::strong_actor_ptr& from, caf::message content) override;
  void on_refused(const std::string& what) override;
  void on_left(std::uint64_t dead, const std::string& first) override;
  void on_drained() override;
  void describe_in_hand(event& into) const override;

  void carry_out(const cell_command& command);
  void leave_as_told(const cell_command& command);
  void fail_as_told(const cell_command& command);
  /// Goes on as long as something waits to be handled.
  void drain(const cell_command& command);
  /// A message in the text of an event: with a colon and a space before, and empty where it is not to be shown.
  std::string shown(std::string_view lead, const std::string& message) const;
  rung runs_in() const;
  std::uint64_t seed_of(const std::string& where) const;
  /// Builds the next state. Reports when that fails, or is declined, after which the mailbox is held.
  void begin(std::uint64_t incarnation);
  /// `asker` is told `answer`, if it waits for one.
  void end_incarnation(policy::exit_info how, const caf::error& reason, caf::response_promise asker = {},
                       caf::error answer = {});
  /// The supervisor knows of it and has decided.
  void after_end(const policy::exit_info& how, std::optional<std::uint64_t> next);
  /// Destroys the state, and with it all that it has tied the actor to.
  void drop_state(const caf::error& reason);
  /// Keeps the message in hand, or returns what a request is to be answered with, and as what a tell is dead.
  caf::error settle_in_hand(const cause& why, bool may_repeat, const std::string& in_hand, dead_letter_reason& as);
  // cell_process.cpp
  /// Whether an incarnation is up, or is being built in a process.
  bool is_there() const { return state_ != nullptr || link_ != nullptr; }
  void begin_process(std::uint64_t incarnation);
  void heed(const link_news& news);
  void heed_word(const caf::message& said);
  void process_is_over();
  /// Gives what was not begun back to the mailbox, and what was begun its end. Answers that are to be given when the
  /// supervisor knows of the end are added to `late`.
  struct late_answer;
  void take_back_messages(std::vector<process_link::unfinished> messages, policy::exit_info& how, bool asked_to_end,
                          bool innocent, std::vector<late_answer>& late);
  /// Once the process has ended, as it was asked to, `then` is carried out.
  bool stop_process(const cell_command& then);
  void start_spare();
  const exception_rules* rules() const;
  event event_of(event_kind kind, event_level level) const;
  void report(cell_report what) const;

  /// Waits for the next incarnation of an actor; ends with its owner.
  struct spare_process {
    std::shared_ptr<process_link> link{};
    process_settings made_with{};

    spare_process() = default;
    spare_process(const spare_process&) = delete;
    spare_process& operator=(const spare_process&) = delete;
    ~spare_process() { end(); }
    void end() {
      if (const auto last = std::exchange(link, nullptr)) last->discard();
    }
  };
  /// What few cells have.
  struct rarities {
    spare_process spare{};                    ///< for the next incarnation
    bool process_ready = false;               ///< the incarnation that is in a process is up
    std::unique_ptr<cell_command> ending;     ///< it was told to end; this is what for
    std::shared_ptr<const actor_map> actors;  ///< of the last `incarnate`, for restarts in place; null: nobody
    /// How the latest incarnation has ended by itself, if it did: that stays the reason, whatever the host knew when
    /// it told the cell to leave.
    bool ended = false;
    policy::exit_class how = policy::exit_class::normal;
    std::string why;
    std::unique_ptr<cell_command> last_order;  ///< while it drains: how it is to leave
  };
  rarities& more();

  bool was_up_ = false;  // when it was told to leave
  const child_address_ptr address_;
  const std::uint64_t node_;
  cell_kind_ptr kind_;  // of the next incarnation
  std::unique_ptr<rarities> rare_;
  std::unique_ptr<hosted_state> state_;
  std::uint64_t incarnation_ = 0;
  std::shared_ptr<process_link> link_;        // of the incarnation that is there, if that is in a process
  std::atomic<process_seat*> seat_{nullptr};  // owned; made with the first of them
};

/// What a request is answered with whose handler was ended by this.
caf::error crash_error(const cause& why, errc code = errc::crashed);
/// For the text of an event; empty when nothing was in hand.
std::string while_handling(const std::string& in_hand);

/// The cell behind a handle that the host got from `spawn<cell>`. Valid while the handle is held.
cell& cell_of(const caf::actor& handle);

/// How an exit reason counts for restart types: no reason is normal, CAF's shutdown reasons are shutdown, all else
/// abnormal.
policy::exit_info exit_of(const caf::error& reason);

}  // namespace steward::supervision
