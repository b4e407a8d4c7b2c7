#pragma once

#include <caf/error.hpp>
#include <caf/mailbox_element.hpp>

#include <cstdint>

namespace steward::port {

/// Where the incarnation of an actor lives that is not in its program. For the actor's own thread.
class elsewhere {
public:
  virtual ~elsewhere() = default;

  /// What is to be handled there.
  struct handing {
    bool counted = true;    ///< it is an ordinary message
    bool guarded = false;   ///< only this incarnation may handle it
    unsigned repeated = 0;  ///< how often it was handled already, by incarnations that have crashed
  };
  enum class taking : std::uint8_t {
    taken,   ///< from here on this has it, and counts what becomes of it
    full,    ///< there is no room; `look_elsewhere_again` is called when there is
    refused  ///< it cannot cross, for that reason, and is where it was
  };
  virtual taking take(caf::mailbox_element& x, const handing& how, caf::error& why_not) = 0;
  /// The answer to what that incarnation has asked.
  virtual void take_answer(caf::mailbox_element& x) = 0;
  /// It ends as somebody does to whom it is linked.
  virtual void take_exit(const caf::error& why) = 0;
  /// False when nothing is there that was not finished; else `look_elsewhere_again` is called when that is so.
  virtual bool tells_when_empty() = 0;
};

}  // namespace steward::port
