#pragma once

#include <steward/actor.hpp>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace steward::testing_support {

/// What probes do while they start; reset by each test that uses it.
struct probe_switches {
  int constructor_throws = 0;  ///< this many constructors throw
  int init_throws = 0;         ///< this many make_behavior calls throw
  bool no_behavior = false;    ///< make_behavior returns nothing
  bool quits_in_init = false;
  bool throws_an_int = false;     ///< crashes throw 42 instead of an exception
  int alive = 0;                  ///< states that exist
  std::vector<std::string> ends;  ///< paths, in the order in which states were destroyed
};
probe_switches& switches();

/// An actor that can be made to fail in every way.
///
/// (add_atom, int64) answers the sum so far; (get_atom) answers the incarnation; (crash_atom) throws; (delete_atom,
/// int64) quits: 0 normally, 1 as a shutdown, 2 with an error, 3 as killed; (put_atom) asks itself something that is
/// answered only after a crash.
class probe {
public:
  probe(self_ptr self, const actor_args& args);
  ~probe();
  probe(const probe&) = delete;
  probe& operator=(const probe&) = delete;
  caf::behavior make_behavior();

private:
  std::int64_t add(std::int64_t x);
  void quit(std::int64_t how);

  self_ptr self_;
  std::string path_;
  std::uint64_t incarnation_;
  std::int64_t sum_ = 0;
};

}  // namespace steward::testing_support
