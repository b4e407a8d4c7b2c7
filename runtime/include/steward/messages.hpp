#pragma once

#include "steward/port.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace steward {

/// Errors that actors of this framework answer with. `describe(error)` renders them with their details.
enum class errc : std::uint8_t {
  crashed = 1,  ///< the actor's handler threw while it had this request in hand; details: exception type, text
  ended,        ///< the actor ended, in an orderly way, while it had this request in hand
  empty,        ///< nothing to take
  full,         ///< no room; try again later
  not_found,    ///< no such key, actor or pool
  bad_value,    ///< the request makes no sense; details: why
  restarting,   ///< the actor's incarnation that the request was for is gone, or none is up; see `on_restart::fail`
  quarantined,  ///< its handler threw as often as the request may be handled; details: exception type, text
  gave_up,      ///< the actor crashed for good; details: why
};

std::string to_string(errc code);

}  // namespace steward

STEWARD_ERROR_CODES(steward::errc, "steward")

/// The messages of the ready-made actors, beside CAF's own atoms (add_atom, get_atom, put_atom, delete_atom,
/// tick_atom).
CAF_BEGIN_TYPE_ID_BLOCK(steward, first_custom_type_id)
CAF_ADD_TYPE_ID(steward, (std::vector<std::int64_t>))
CAF_ADD_TYPE_ID(steward, (std::map<std::string, std::int64_t>))
CAF_ADD_ATOM(steward, steward, show_atom, "show")
CAF_ADD_ATOM(steward, steward, crash_atom, "crash")
CAF_ADD_ATOM(steward, steward, remove_atom, "remove")
CAF_ADD_ATOM(steward, steward, push_atom, "push")
CAF_ADD_ATOM(steward, steward, pop_atom, "pop")
CAF_ADD_ATOM(steward, steward, size_atom, "size")
CAF_ADD_ATOM(steward, steward, lookup_atom, "lookup")
CAF_END_TYPE_ID_BLOCK(steward)

namespace steward {

/// One line for people; knows this framework's codes and CAF's. Thread-safe.
[[nodiscard]] std::string describe(const caf::error& problem);

/// The exception that made an actor fail the request, when that is what `problem` tells (crashed or quarantined): its
/// type and its text.
struct crash_text {
  std::string exception;
  std::string message;
};
[[nodiscard]] std::optional<crash_text> crash_of(const caf::error& problem);

/// The code when `problem` is one of this framework's.
[[nodiscard]] std::optional<errc> code_of(const caf::error& problem);

/// A tell that a mailbox did not take. `try_tell` returns it; a mailbox with `overflow: give_back` sends it to the
/// actor that has told it, which needs a handler for it. To send it again, `tell(self, x.to, x.message)`.
struct refused_message {
  caf::actor to;
  caf::message message;
  errc why = errc::full;  ///< `full`; `ended`: its actor is over, or about to be; `not_found`: the handle was empty
};

/// The request that a full mailbox has not taken, from the error (`errc::full`) that it was answered with:
/// `ask(self, dst, limit, *refused_request(problem))` sends it again. Nothing for other errors, and for those that come
/// from another process.
[[nodiscard]] std::optional<caf::message> refused_request(const caf::error& problem);

}  // namespace steward

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::refused_message)
