#pragma once

#include "policy/actions.hpp"
#include "steward/actor.hpp"
#include "steward/cause.hpp"
#include "steward/watch.hpp"

#include <caf/message.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

// What a cell and the guest that lives for it in another process tell each other besides messages. Each is one message
// of types that CAF knows: {number of the kind, fields...}. Those that are read are checked: a guest is not trusted.
namespace steward::supervision::word {

/// To the guest.
enum class order : std::int32_t {
  begin = 1,  ///< a `birth`: build the state
  leave,      ///< destroy the state and end the process
  news,       ///< a `child_end` of what it watches
};
/// Of the guest.
enum class report : std::int32_t {
  ready = 1,     ///< the state is built; text: for whoever has started it
  start_failed,  ///< a cause
  declined,      ///< text
  left,          ///< the state is gone, as it was ordered
  ended,         ///< an `ending`
  resumed,       ///< a cause and text: a handler has thrown, and the state was kept
  warned,        ///< text
  unannounced,   ///< text: types that its handlers take and that cannot come
  printed,       ///< text
  watch,         ///< text: whose end it wants to hear of
  unwatch,       ///< text
  linked,        ///< an actor: to which it has linked itself
  unlinked,      ///< an actor
};

/// What an incarnation is built of.
struct birth {
  std::string type;          ///< as it is registered; empty: by its factory
  std::int64_t factory = 0;  ///< where that lies, see `place_of`
  std::string path;
  std::uint64_t incarnation = 0;
  std::uint64_t seed = 0;
  param_map params;
  std::map<std::string, caf::actor> actors;
};

/// How an incarnation has ended by itself.
struct ending {
  cause why;
  policy::exit_class how = policy::exit_class::abnormal;
  policy::verdict rule = policy::verdict::by_restart_type;
  std::string in_hand;  ///< what it handled, as text
  /// Where its exception was thrown, innermost first, and where the program lies: whoever has read its debug
  /// information names them, which each new process would have to begin anew.
  std::vector<std::uint64_t> thrown_in{};
  std::uint64_t anchor = 0;
};

caf::message make(const birth& x);
caf::message make(const child_end& x);
caf::message make(order x);
caf::message make(report what, const std::string& text = {});
caf::message make(report what, const cause& why, const std::string& text = {});
caf::message make(report what, const caf::actor& who);
caf::message make(const ending& x);

/// The kind of a message; 0 when it is none.
std::int32_t kind_of(const caf::message& x);
// Nothing when it is not of that form.
std::optional<birth> birth_in(const caf::message& x);
std::optional<child_end> news_in(const caf::message& x);
std::optional<std::string> text_in(const caf::message& x);
std::optional<caf::actor> actor_in(const caf::message& x);
struct caused {
  cause why;
  std::string text;
};
std::optional<caused> cause_in(const caf::message& x);
std::optional<ending> ending_in(const caf::message& x);

}  // namespace steward::supervision::word
