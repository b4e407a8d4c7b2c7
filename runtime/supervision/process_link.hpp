#pragma once

#include "actor_system/actor_link.hpp"
#include "actor_system/capability_gate.hpp"
#include "actor_system/elsewhere.hpp"
#include "process/flight_page.hpp"
#include "process/keeper.hpp"
#include "process/work_page.hpp"
#include "steward/actor.hpp"
#include "supervision/guest_words.hpp"
#include "supervision/process_errors.hpp"
#include "supervision/process_host.hpp"

#include <caf/mailbox_element.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace steward::supervision {

/// What all incarnations of an actor that runs in a process share. Everything that is pointed to outlives the cells.
struct process_place {
  std::string type{};        ///< as it is registered; empty: by its factory
  std::int64_t factory = 0;  ///< see `place_of`
  process_settings settings{};
  process::keeper* keeper = nullptr;
  actor_link_hub* links = nullptr;
  actor_args::printer print{};
  std::shared_ptr<process_hosts> hosts{};  ///< of the tree
  std::string shared{};                    ///< the name of the process that it shares with others; empty: its own
  bool subtree = false;                    ///< that is the process of a supervisor above it
};

/// What a link tells its cell. Overtakes the mailbox.
struct link_news {
  enum class kind : std::uint8_t {
    word,   ///< the guest has said something
    room,   ///< there is room for more, or nothing is left
    over,   ///< process and link are gone: take `process_link::remains`
    spare,  ///< there is time for a spare
  };
  kind what = kind::word;
  std::uint64_t incarnation = 0;
  caf::message said{};
};

/// One incarnation of an actor that lives in a process, its own or one that it shares, seen from its cell.
///
/// The process is made by the keeper, or by a `process_host`; it runs `guest_main` or `tenants_main` and builds the
/// state. Messages go there over a link, behind a gate, as long as there is room: at most `window` that were not
/// finished, or `window_bytes` of them, so that a slow actor does not fill the program's memory. Of each a copy is kept
/// until the process says on the work page that it is finished. So when the process dies it is known of each message
/// whether it was finished, begun or neither.
///
/// Threads: the cell's own for what `elsewhere` has, `begin`, `stop` and `remains`; the gate's loop and the keeper's
/// for news; any for `kill`, `pid` and `turn`. The lock is held for a moment, at most for one write to the socket.
class process_link final : public port::elsewhere,
                           public port::gate_party,
                           public process_tenant,
                           public std::enable_shared_from_this<process_link> {
public:
  /// Messages that were handed over, not finished and not skipped.
  static constexpr std::size_t window = 1'024;
  static constexpr std::size_t window_bytes = std::size_t{8} * 1024 * 1024;

  explicit process_link(caf::actor handle) : cell_(std::move(handle)) {}
  ~process_link() override;

  /// Starts the process, unless that was done by `start_spare`, and has the incarnation built there. Says why not, if
  /// it cannot; then nothing more is told.
  std::string begin(const process_place& place, const word::birth& what);
  /// Starts a process in which an incarnation can begin later: a spare. Its news have the number 0.
  std::string start_spare(const process_place& place, const std::string& path);
  /// The spare becomes this incarnation. False: it has ended.
  bool promote(std::uint64_t incarnation);
  /// Ends a spare that nobody needs.
  void discard();
  /// The guest shall destroy its state and end.
  void stop();
  /// Ends the process at once; that is the cause of its end, and of all that live there.
  void kill(cause why);
  /// Ends this incarnation at once. Where others live in its process it is left to itself, as on a thread: nothing goes
  /// there or comes from there any more.
  void cut(cause why);
  /// The cell looks at all that waits again, from the first on.
  void make_room();
  void tell(const caf::message& word) { static_cast<void>(gate_->send_word(word)); }

  int pid() const noexcept { return pid_.load(); }
  std::uint64_t incarnation() const noexcept { return incarnation_.load(); }
  /// Handlers that the guest has begun, times two; odd while it has something to do, whether it has begun that or not:
  /// a process that is stopped begins nothing.
  std::uint64_t turn() const;
  /// What it has in hand, as far as that is a message; empty: nothing.
  caf::message in_hand() const;

  /// A message that was handed over, and is not finished.
  struct unfinished {
    caf::mailbox_element_ptr message;
    handing how;
    bool begun = false;
  };
  /// What is left of it, once.
  struct remains {
    std::optional<word::ending> ending;                ///< as it has told itself
    std::optional<cause> start_failed;                 ///< the same
    std::optional<std::string> declined;               ///< the same
    bool left = false;                                 ///< it has ended as it was asked to
    bool killed = false;                               ///< by `kill`, of this or of one that shares its process
    bool lost_host = false;                            ///< the process that it shared has ended
    bool lost_subtree = false;                         ///< and that was the one of a supervisor above it
    bool innocent = false;                             ///< and another one of those there has caused it
    cause why;                                         ///< of the end of the process
    std::vector<unfinished> messages;                  ///< in the order in which they came
    std::vector<port::gate_tables::asker> unanswered;  ///< of messages that are finished
    std::vector<caf::actor> linked;                    ///< to whom it had linked itself
  };
  remains take_remains();

  // -- elsewhere --
  taking take(caf::mailbox_element& x, const handing& how, caf::error& why_not) override;
  void take_answer(caf::mailbox_element& x) override;
  void take_exit(const caf::error& why) override { gate_->end_guest(why); }
  bool tells_when_empty() override;

private:
  static constexpr std::uint32_t nobody = process::work_page::slots;
  struct entry {
    caf::mailbox_element_ptr message{};
    handing how{};
    std::uint64_t number = 0;  // by which the guest answers
    std::size_t bytes = 0;
    bool skipped = false;
    std::uint32_t before = nobody;
    std::uint32_t behind = nobody;
  };
  struct settled {
    caf::mailbox_element_ptr message;
    bool counted;
    process::work_state how;
  };

  // -- gate_party --
  void on_word(caf::message what) override;
  void on_settled() override;
  std::uint64_t on_guest_asks(std::uint64_t number) override;
  void on_closed(std::vector<port::gate_tables::asker> unanswered) override;

  struct child_ends {
    int link = -1;
    int errors = -1;
    ~child_ends();
  };
  /// What the process and this side will talk over.
  std::string open(const process_place& place, const std::string& path, child_ends& theirs);
  std::string launch(const process_place& place, const child_ends& theirs);
  std::string move_in(const process_place& place, const child_ends& theirs);

  void on_exit(const process::exit_report& report);
  void on_host_exit(const process::exit_report& report, const std::optional<cause>& killed, bool innocent) override;
  bool was_busy() const override { return !in_hand().empty(); }
  bool is_called(const std::string& path) const override { return path_ == path; }
  void on_breach(std::string what);
  void look_for_end();
  /// What was answered is finished, also where the process has died before it said so.
  remains take_remains(std::vector<settled>& done);
  // With the lock:
  void settle(std::vector<settled>& done);
  std::uint32_t new_slot();
  caf::mailbox_element_ptr free_slot(std::uint32_t slot);
  cause judge() const;
  /// Where the process has left its last words.
  const process::flight_recorder& words() const { return host_ ? host_->recorder() : recorder_; }
  /// Whether it has told of its end.
  bool has_said() const {
    return remains_.ending || remains_.start_failed || remains_.declined || remains_.left || cut_;
  }
  void end_for_breach(std::string what);
  cause breach() const;
  std::size_t in_work() const noexcept { return count_ - skipped_; }
  bool has_room_to_tell();

  void count(std::vector<settled> done) const;
  void tell_cell(link_news::kind what, caf::message said = {}) const;

  const caf::actor cell_;
  std::atomic<std::uint64_t> incarnation_{0};
  process::keeper* keeper_ = nullptr;
  actor_args::printer print_;
  process::flight_recorder recorder_;
  process::work_page* page_ = nullptr;
  std::shared_ptr<port::capability_gate> gate_;
  std::shared_ptr<process_errors> errors_;  // of a process of its own
  std::string path_;
  std::atomic<int> pid_{0};

  mutable std::mutex mutex_;
  process::child_id child_ = 0;
  std::shared_ptr<process_host> host_;  // null: the process is its own
  bool subtree_ = false;                // it is that of a supervisor above
  std::optional<process::work_news> news_;
  std::vector<entry> entries_;
  std::vector<std::uint32_t> free_;
  std::uint32_t first_ = nobody;
  std::uint32_t last_ = nobody;
  std::size_t count_ = 0;
  std::size_t skipped_ = 0;
  std::size_t bytes_ = 0;
  bool wants_room_ = false;  // something has found none, and what comes later is not taken before it
  bool told_room_ = false;   // the cell is about to look again
  bool wants_empty_ = false;
  std::unordered_map<std::uint64_t, std::uint64_t> asks_;  // numbers here and there
  bool closed_ = false;
  bool lingered_ = false;
  bool cut_ = false;
  bool innocent_ = false;
  bool told_over_ = false;
  std::optional<process::exit_report> report_;
  std::optional<cause> killed_;
  std::optional<std::string> breach_;
  remains remains_;
};

}  // namespace steward::supervision

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::supervision::link_news)
