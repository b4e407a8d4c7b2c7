#pragma once

#include "actor_system/gate_codec.hpp"
#include "actor_system/gate_party.hpp"
#include "actor_system/gate_tables.hpp"
#include "process/link_frames.hpp"
#include "steward/port.hpp"

#include <caf/actor_proxy.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace steward::port {

class capability_gate;

/// Wakes the thread of a `gate_loop`. Thread-safe.
class gate_bell {
public:
  /// Throws std::system_error when there is no descriptor.
  gate_bell();
  ~gate_bell();
  gate_bell(const gate_bell&) = delete;
  gate_bell& operator=(const gate_bell&) = delete;
  void ring() noexcept;
  void hush() noexcept;
  int fd() const noexcept { return fd_; }

private:
  int fd_;
};

/// Stands for an actor beyond a gate.
class gate_proxy final : public caf::actor_proxy {
public:
  gate_proxy(caf::actor_config& config, std::weak_ptr<capability_gate> gate, caf::actor_id remote);

  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* unit) override;
  void attach(caf::attachable_ptr what) override;
  bool add_backlink(caf::abstract_actor* other) override;
  void on_destroy() override;
  /// CAF calls this for what a decoder has met; it is no end.
  void kill_proxy(caf::execution_unit*, caf::error) override {}

  void end(caf::error why) { cleanup(std::move(why), nullptr); }
  caf::actor_id remote() const noexcept { return remote_; }
  bool is_of(const capability_gate* gate) const noexcept;

private:
  void watch();

  std::weak_ptr<capability_gate> gate_;
  const caf::actor_id remote_;
  std::atomic<bool> watched_{false};
};

/// What came through a gate and was not handled yet. While it is much, nothing more is read. Thread-safe.
class gate_meter {
public:
  static constexpr std::size_t most_messages = 1024;
  static constexpr std::size_t most_bytes = std::size_t{16} * 1024 * 1024;

  /// More than either, that many times, is too much, until it is half of that.
  gate_meter(std::shared_ptr<gate_bell> bell, std::size_t times)
      : bell_(std::move(bell)), messages_limit_(times * most_messages), bytes_limit_(times * most_bytes) {}
  void came(std::size_t bytes) noexcept;
  void went(std::size_t bytes) noexcept;
  bool too_much() noexcept;

private:
  std::shared_ptr<gate_bell> bell_;
  const std::size_t messages_limit_;
  const std::size_t bytes_limit_;
  std::atomic<std::size_t> messages_{0};
  std::atomic<std::size_t> bytes_{0};
  std::atomic<bool> paused_{false};
};

/// One end of a link between two actor systems, of which neither sees the other.
///
/// The peer reaches the actor that it is offered, and those that messages to it have shown: no other, whatever it
/// writes. It may tell and ask them, and hear of their end; it cannot end them, speak for others, answer what it was
/// not asked, or make them take a message for one of CAF's own. What breaks that ends the link and is told, once. What
/// this side holds for the peer is bounded: by messages that were not handled (then it is not read any more), by
/// answers that the peer does not read, by handles.
///
/// Requests and messages go both ways, with handles in them, which are proxies at the other side. Messages come in the
/// order in which one sender sent them, at most once, all at normal priority. When the link ends, so do the proxies,
/// and open requests are answered with an error. A monitor or link on a proxy fires when its actor ends.
class capability_gate : public std::enable_shared_from_this<capability_gate> {
public:
  struct options {
    int fd = -1;               ///< a connected stream socket, taken over
    bool trusts_peer = false;  ///< the peer may end actors that it was shown, and is not accused of anything
    caf::actor offered;        ///< may be invalid
    std::function<void(std::string)> on_breach;  ///< called once, by the loop's thread; may be empty
    /// The link carries the messages of a guest, for which this one cares. At the parent's end `offered` is the guest's
    /// handle, and what the guest sends is sent by it.
    std::shared_ptr<gate_party> party{};
  };
  capability_gate(caf::actor_system& system, options o, std::shared_ptr<gate_bell> bell,
                  std::shared_ptr<gate_pins> pins);
  ~capability_gate();
  capability_gate(const capability_gate&) = delete;
  capability_gate& operator=(const capability_gate&) = delete;

  /// What the peer offers. Valid at once; it answers when the peer does.
  caf::actor offered_by_peer();

  // -- for whoever cares for a guest, on any thread (gate_guest.cpp) --
  struct delivery {
    caf::error problem;        ///< why it cannot cross
    std::uint64_t number = 0;  ///< of a request, by which the guest answers; 0 also when the link is over
    std::size_t bytes = 0;
  };
  delivery deliver(std::uint32_t slot, const caf::strong_actor_ptr& sender, caf::message_id id,
                   const caf::type_erased_tuple& content);
  /// The answer to what the guest has asked under this number.
  void answer_guest(std::uint64_t number, const caf::type_erased_tuple& content);
  /// Ends the guest as a link of its would.
  void end_guest(const caf::error& why);
  caf::error send_word(const caf::message& what);
  /// At the child's end: this is the guest. Before it sends anything.
  void introduce(const caf::strong_actor_ptr& guest);
  void tell_settled() { write_bare({process::link_kind::settled, 0, 0, 0}, false); }
  /// Returns when all was written that was sent by now, or the link is over.
  void await_written() { outbox_.drain(); }

  // -- for the loop's thread --
  /// The thread that calls this drives gates, and so waits for none.
  static void drive_from_this_thread() noexcept;
  int fd() const noexcept { return options_.fd; }
  std::uint32_t wanted_events();
  /// False when the link is over.
  bool advance(std::uint32_t events);
  void close();

  // -- for proxies, on any thread --
  /// An error tells why it cannot.
  caf::error pass_on(caf::actor_id remote, caf::mailbox_element& what);
  void watch(caf::actor_id remote, const caf::strong_actor_ptr& proxy);
  void forget(caf::actor_id remote, const gate_proxy* raw);
  /// An actor of this side that the peer watches has ended.
  void tell_end(caf::actor_id ours, const caf::error& why);

private:
  class admission;
  struct watcher;

  void greet();
  caf::strong_actor_ptr meet(caf::actor_id remote);
  void give(const caf::strong_actor_ptr& who);
  void give(const caf::strong_actor_ptr& who, caf::actor_id number);
  caf::error write(process::link_header header, const caf::type_erased_tuple& content, message_use use,
                   std::size_t* bytes = nullptr);
  void show(std::vector<char>& frame, caf::actor_id number, const caf::strong_actor_ptr& who);
  void write_error(process::link_header header, const caf::error& problem);
  void write_bare(process::link_header header, bool lazy);
  void push(std::vector<char> frame, const process::link_header& header, bool lazy);
  caf::error ask(caf::actor_id remote, caf::mailbox_element& what);

  /// What the peer takes too much of.
  std::optional<std::string> overdrawn() const;
  std::optional<std::string> read();
  std::optional<std::string> take(const process::link_frame& frame);
  std::optional<std::string> take_hello(const process::link_frame& frame);
  std::optional<std::string> take_message(const process::link_frame& frame);
  std::optional<std::string> take_answer(const process::link_frame& frame);
  std::optional<std::string> take_release(const process::link_frame& frame);
  std::optional<std::string> take_watch(const process::link_frame& frame);
  std::optional<std::string> take_end(const process::link_frame& frame);
  std::optional<std::string> take_of_guest(const process::link_frame& frame);
  void take_delivery(const process::link_frame& frame, caf::message content);
  bool is_guests_handle(const caf::strong_actor_ptr& who) const noexcept;
  std::optional<std::string> decode(const process::link_frame& frame, message_use use, caf::message& out);

  caf::actor_system& system_;
  options options_;
  const gate_codec codec_;
  std::shared_ptr<gate_bell> bell_;
  std::shared_ptr<gate_pins> pins_;
  std::shared_ptr<gate_meter> meter_;
  const bool carries_guest_;
  std::atomic<caf::actor_id> guest_{0};      // its number at the peer
  std::atomic<caf::actor_id> own_guest_{0};  // the same at this side
  gate_tables tables_;
  process::link_outbox outbox_;
  process::link_reader reader_;
  caf::node_id peer_;  // as it has greeted; then the loop's thread alone reads it
  node_bytes peer_bytes_{};
  std::atomic<bool> met_peer_{false};
  bool ended_ = false;
  bool over_ = false;
};

}  // namespace steward::port
