// The gate of a link that carries the messages of a guest; see gate_party.hpp.
#include "actor_system/capability_gate.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

#include <utility>

namespace steward::port {

using process::link_frame;
using process::link_header;
using process::link_kind;

bool capability_gate::is_guests_handle(const caf::strong_actor_ptr& who) const noexcept {
  return carries_guest_ && who && options_.offered && who->id() == options_.offered.id();
}

capability_gate::delivery capability_gate::deliver(std::uint32_t slot, const caf::strong_actor_ptr& sender,
                                                   caf::message_id id, const caf::type_erased_tuple& content) {
  delivery out;
  link_header header{link_kind::deliver, slot + std::uint64_t{1}, 0, 0};
  if (sender) {
    header.sender = is_guests_handle(sender) ? process::link_self : sender->id();
    if (header.sender != process::link_self) give(sender);
    if (id.is_request()) {
      header.kind = link_kind::deliver_ask;
      header.number = out.number = tables_.note_request(sender, id);
      if (out.number == 0) return out;
    }
  }
  out.problem = write(header, content, message_use::request, &out.bytes);
  if (out.problem && out.number != 0) {
    // Where the link has ended meanwhile the request is among those that are told as unanswered.
    if (!tables_.take_request(out.number)) out.problem = caf::none;
  }
  return out;
}

void capability_gate::answer_guest(std::uint64_t number, const caf::type_erased_tuple& content) {
  const link_header header{link_kind::answer, 0, 0, number};
  if (auto problem = write(header, content, message_use::answer)) write_error(header, problem);
}

void capability_gate::end_guest(const caf::error& why) {
  if (const auto guest = guest_.load(); guest != 0) write_error({link_kind::exit, guest, 0, 0}, why);
}

caf::error capability_gate::send_word(const caf::message& what) {
  return write({link_kind::word, 0, 0, 0}, what.content(), message_use::request);
}

void capability_gate::introduce(const caf::strong_actor_ptr& guest) {
  give(guest);
  own_guest_.store(guest->id());
  write_bare({link_kind::guest, guest->id(), 0, 0}, true);
}

std::optional<std::string> capability_gate::take_of_guest(const link_frame& frame) {
  if (!options_.party) return "a frame for a guest that it does not have";
  const bool for_child = frame.kind == link_kind::deliver || frame.kind == link_kind::deliver_ask;
  if (frame.kind != link_kind::word && for_child != options_.trusts_peer) return "a frame of the other side's";
  if (frame.kind == link_kind::settled) {
    options_.party->on_settled();
    return std::nullopt;
  }
  if (frame.kind == link_kind::guest) {
    caf::actor_id none = 0;
    if (!guest_.compare_exchange_strong(none, frame.target)) return "a second guest";
    return std::nullopt;
  }
  caf::message content;
  auto problem = decode(frame, message_use::request, content);
  if (frame.kind == link_kind::word) {
    if (problem) return problem;
    options_.party->on_word(std::move(content));
    return std::nullopt;
  }
  // What cannot be read is still a message, whose fate the parent waits for.
  if (problem) content = caf::make_message(unreadable_message{std::move(*problem)});
  take_delivery(frame, std::move(content));
  return std::nullopt;
}

void capability_gate::take_delivery(const link_frame& frame, caf::message content) {
  auto id = caf::make_message_id();
  caf::strong_actor_ptr sender;
  if (frame.kind == link_kind::deliver_ask) {
    id = caf::message_id{frame.number}.with_normal_priority();
    sender = meet(frame.sender == process::link_self ? 0 : frame.sender);
  } else if (frame.sender == process::link_self) {
    sender = tables_.find(own_guest_.load()).value_or(nullptr);
  } else if (frame.sender != 0) {
    sender = meet(frame.sender);
  }
  const auto slot = static_cast<std::uint32_t>(frame.target - 1);
  options_.party->on_delivery(
      slot, caf::mailbox_element_ptr{new slotted_element{std::move(sender), id, std::move(content), slot}});
}

}  // namespace steward::port
