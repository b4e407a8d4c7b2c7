#pragma once

#include "command/life.hpp"
#include "process/keeper.hpp"
#include "steward/event.hpp"
#include "steward/spec.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace steward::command {

/// One position in a tree at which programs run, one after the other; never reused within a driver.
using place = std::uint64_t;

/// A start of the program at a place. The program is started when nothing is left of the one before it at this place.
struct start_order {
  place where = 0;
  std::uint64_t incarnation = 0;
  std::string path;  ///< for events
  std::shared_ptr<const command_spec> spec;
  milliseconds start_within{10'000};
  milliseconds shutdown{10'000};  ///< of a start that takes too long
  /// Told what becomes of it, with its pid, 0 where there is none. On the driver's thread; must not block.
  std::function<void(const news&, int pid)> tell;
};

/// Runs programs: starts them through the keeper, looks whether they are ready, reads what they write and makes events
/// of it, and ends them. What is to be done is decided by one `life` for each.
///
/// All functions but the constructor and the destructor are thread-safe and return at once. It costs nothing until the
/// first start, which makes its one thread and its descriptors, and throws std::system_error when there are none. The
/// keeper and the event log outlive it. Its destructor closes it; the keeper
/// reaps what was killed then.
class driver {
public:
  driver(process::keeper* keeper, event_log* events);
  ~driver();
  driver(const driver&) = delete;
  driver& operator=(const driver&) = delete;

  /// Kills what still runs and lets go of all that it was given to call. Nothing can be started any more.
  void close();

  place new_place();
  void start(start_order what);
  /// Ends the incarnation by this ladder and tells `stopped`, also when it has ended already.
  void stop(place where, std::uint64_t incarnation, std::vector<stop_step> ladder, std::function<void()> on_stopped);
  /// Ends it at once, as a crash for this reason.
  void kill(place where, std::uint64_t incarnation, cause why);
  /// Ends whatever runs or waits there at once, and tells nothing of it.
  void abandon(place where);

private:
  struct impl;
  std::shared_ptr<impl> impl_;
};

}  // namespace steward::command
