#pragma once

#include "actor_system/gate_tables.hpp"
#include "steward/port.hpp"

#include <caf/mailbox_element.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace steward::port {

/// Whoever cares for a *guest*: one actor whose state is at the child's end of a link, while its handle and mailbox are
/// at the parent's. Each end of the gate has one, and tells it what concerns the guest. All functions are called by the
/// thread of the gate's loop and must not block.
class gate_party {
public:
  virtual ~gate_party() = default;
  /// Both ends: a message from the other one's.
  virtual void on_word(caf::message what) = 0;
  /// The link is over. These requests of this side were not answered.
  virtual void on_closed(std::vector<gate_tables::asker> unanswered) = 0;
  /// At the parent's end: the work page has news.
  virtual void on_settled() {}
  /// At the parent's end: the guest asks somebody. Under the number that is given back its handle waits for the answer.
  virtual std::uint64_t on_guest_asks(std::uint64_t number) { return number; }
  /// At the child's end: a message for the guest.
  virtual void on_delivery(std::uint32_t /*slot*/, caf::mailbox_element_ptr /*what*/) {}
};

/// What a guest gets for a message that cannot be read at its side.
struct unreadable_message {
  std::string why;
};
inline std::string to_string(const unreadable_message& x) { return x.why; }

/// A message that was handed to a guest.
class slotted_element final : public caf::mailbox_element {
public:
  slotted_element(caf::strong_actor_ptr from, caf::message_id id, caf::message content, std::uint32_t in_slot)
      : mailbox_element(std::move(from), id, {}), slot(in_slot), content_(std::move(content)) {
    if (content_.vals() == nullptr) content_ = caf::message_builder{}.to_message();
  }

  caf::type_erased_tuple& content() override { return content_; }
  const caf::type_erased_tuple& content() const override { return content_; }
  caf::message move_content_to_message() override { return std::move(content_); }
  caf::message copy_content_to_message() const override { return content_; }

  const std::uint32_t slot;

private:
  caf::message content_;
};

}  // namespace steward::port

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::port::unreadable_message)
