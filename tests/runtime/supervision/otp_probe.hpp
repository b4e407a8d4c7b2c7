#pragma once

#include "tests/support/virtual_tree.hpp"

#include <steward/actor.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace steward::testing_support {

/// How a start of an `otp_probe` goes.
enum class start_as : std::uint8_t {
  ok,
  throws,          ///< the constructor throws
  throws_in_init,  ///< make_behavior throws
  declines,        ///< the constructor throws decline_start
  no_behavior,     ///< make_behavior returns nothing
  quits,           ///< make_behavior quits
};

/// How an `otp_probe` ends by itself: `quit(path, ending)`.
enum class ending : std::uint8_t {
  normal,    ///< quit()
  shutdown,  ///< OTP's shutdown
  detached,  ///< counts as a shutdown, too: OTP's {shutdown, _}
  error,     ///< quit with an error of CAF
  killed,    ///< quit with CAF's kill
  crash,     ///< throws std::runtime_error
};
const char* to_string(ending x) noexcept;

/// What probes are told to do while they start, and what they did. One per process; each test begins with a new one.
struct otp_book {
  std::map<std::string, start_as> always;                   ///< by path, unless `next` says otherwise
  std::map<std::string, std::deque<start_as>> next;         ///< by path: the next starts, one after the other
  std::map<std::string, std::string> extra;                 ///< by path: what a start tells its starter
  std::map<std::string, std::function<void()>> before_end;  ///< by path: called by the handler that is about to end it

  std::vector<std::string> tries;   ///< paths, in the order in which starts were tried
  std::vector<std::string> starts;  ///< paths, in the order in which states were ready
  std::vector<std::string> ends;    ///< paths, in the order in which states were destroyed
  int alive = 0;                    ///< states that exist

  std::size_t tries_of(const std::string& path) const;
  std::size_t starts_of(const std::string& path) const;
  void forget();  ///< the lists begin anew; `alive` and what is to be done stay
};
otp_book& book();

/// OTP's test child (supervisor_1.erl), registered as "otp_probe".
///
/// (get_atom) answers the incarnation; (add_atom, int64) the sum so far; (show_atom) the parameter "label"; (size_atom)
/// the bytes of the parameter "load"; (crash_atom) throws std::runtime_error("boom"); (crash_atom, string) throws what
/// the string names: "runtime_error", "logic_error", "invalid_argument", "bad_alloc" or "int"; (delete_atom, int64)
/// ends as the `ending` of that number.
class otp_probe {
public:
  otp_probe(self_ptr self, const actor_args& args);
  ~otp_probe();
  otp_probe(const otp_probe&) = delete;
  otp_probe& operator=(const otp_probe&) = delete;
  caf::behavior make_behavior();

private:
  void end(std::int64_t how);

  self_ptr self_;
  std::string path_;
  std::uint64_t incarnation_;
  std::string label_;
  std::size_t load_;
  start_as how_ = start_as::ok;
  std::int64_t sum_ = 0;
};

/// Bytes that are allocated at the moment.
std::size_t live_bytes();

/// A test of the list, in virtual time, with probes as children. There is no back-off unless a test sets one: as in
/// OTP, restarts are at once.
class otp_case : public virtual_tree {
protected:
  otp_case();

  using paths = std::vector<std::string>;

  static child_spec probe(std::string id, restart_type restart = restart_type::permanent);
  static child_spec probe_with(std::string id, const param_map& params, restart_type restart = restart_type::permanent);
  /// A dynamic supervisor of probes; children are called "<id>-1", "<id>-2", ...
  static supervisor_spec dynamic(restart_type restart = restart_type::permanent, intensity limit = {},
                                 const std::string& id = "d");
  /// A nested supervisor without a back-off.
  static child_spec sub(std::string id, supervisor_spec spec, restart_type restart = restart_type::permanent);
  /// Many restarts, so that the budget plays no part.
  static constexpr intensity plenty{1'000'000, milliseconds{60'000}};

  /// `start`, which must succeed.
  void start_ok(supervisor_spec spec);
  /// Ends the tree, so that another can be started.
  void anew();

  /// From now on remembers how the actors that are now at these paths end: what their monitors see.
  void watch(const paths& which);
  template <std::convertible_to<std::string> T>
  void watch(const T& path) {
    watch(paths{path});
  }
  /// "normal", "shutdown", "killed", "crashed" or "alive": how the actor ended that was watched last at this path.
  std::string exit_of(const std::string& path) const;

  void quit(const std::string& path, ending how);
  void crash(const std::string& path) { quit(path, ending::crash); }
  /// Ends it from outside, as OTP's exit(Pid, kill).
  void kill(const std::string& path);
  bool lives(const std::string& path);
  /// The incarnation that answers; 0 when none does.
  std::uint64_t answering(const std::string& path);

  /// OTP's [{specs, _}, {active, _}, {supervisors, _}, {workers, _}].
  using counts = std::vector<std::size_t>;
  counts counts_of(const std::string& supervisor = "/root");
  /// Ids of which_children: newest first.
  paths ids_of(const std::string& supervisor = "/root");
  admin_code code_of(const std::optional<admin_result>& x);

  std::map<std::string, std::string> exits_;
  std::vector<std::string> exit_order_;                      // paths of watched actors, as they ended
  std::shared_ptr<int> watching_ = std::make_shared<int>();  // gone when the test is: the tree ends after it
};

}  // namespace steward::testing_support
