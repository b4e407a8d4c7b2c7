#pragma once

#include "steward/admin.hpp"
#include "steward/operation.hpp"
#include "steward/spec.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace steward::testing_support {

enum class start_as : std::uint8_t { ok, throws, declines };
using plan = std::map<std::string, std::deque<start_as>>;  // by path: the next starts

inline start_as next_of(plan& all, const std::string& path) {
  const auto it = all.find(path);
  if (it == all.end() || it->second.empty()) return start_as::ok;
  const auto out = it->second.front();
  it->second.pop_front();
  return out;
}

/// How something ended, as far as it matters to a supervisor.
enum class end_as : std::uint8_t { normal, shutdown, bad };

/// A tree of supervisors as OTP's supervisor.erl would run it, with our extensions (back-off, limits of children,
/// parking): written with calls that return, one supervisor waiting inside the other. Nothing takes time but what waits
/// for a timer. Times are milliseconds.
class otp {
public:
  enum class is : std::uint8_t { idle, up, waiting, parked };

  struct member;
  using handle = std::shared_ptr<member>;
  struct member {
    std::string id;
    std::string path;
    child_spec spec;
    bool fixed = true;
    is state = is::idle;
    std::uint64_t incarnation = 0;
    std::vector<std::int64_t> restarts;  // on its own limit
    int steps = 0;
    std::optional<std::int64_t> ready_since;
    std::optional<std::int64_t> due;
    bool asked = false;  // somebody asked for its revival
    std::optional<admin_code> answer;
    // A supervisor:
    std::vector<handle> children;
    std::vector<std::int64_t> all_restarts;
    bool serving = false;
    member* parent = nullptr;
    handle culprit;  // of the group that waits
    unsigned made = 0;
    std::uint64_t round = 0;  // of starts; a new one cuts the old one short

    const supervisor_spec* how() const {
      const auto* x = std::get_if<std::shared_ptr<supervisor_spec>>(&spec.what);
      return x == nullptr ? nullptr : x->get();
    }
    bool dynamic() const { return how()->strategy == strategy::simple_one_for_one; }
    bool grouped() const {
      return how()->strategy == strategy::one_for_all || how()->strategy == strategy::rest_for_one;
    }
  };

  explicit otp(const supervisor_spec& spec);
  void start_tree();
  /// An actor ended by itself.
  void hurt(const handle& c, end_as how);
  /// The timer of a child is due.
  void fire(const handle& c);

  // Administration: the answer, if there is one already.
  std::optional<admin_code> terminate(const handle& c);
  std::optional<admin_code> restart(const handle& c);
  std::optional<admin_code> remove(const handle& c);
  /// What an operator does.
  std::optional<admin_code> operate(operation what, const handle& c);
  std::optional<admin_code> start_child(member& s, const child_spec& spec);
  std::optional<admin_code> start_dynamic(member& s);
  void stop_tree();
  /// All that are below supervisors that serve.
  void visit(const handle& s, const std::function<void(const handle&)>& f) const;

  handle root;
  plan starts;
  std::int64_t now = 0;
  bool started = false;
  /// A first start of a dynamic supervisor has failed while others were under way beside it: how far those have come
  /// by then nobody can say, and this model says nothing from then on.
  bool unclear = false;
  std::optional<end_as> over;
  std::vector<std::string> tried;
  std::vector<std::string> ended;

private:
  static bool temporary(const member& c) { return c.spec.restart == restart_type::temporary; }

  static handle add(member& s, const child_spec& spec, const std::string& id, bool fixed);
  /// What init and start_children do: all, or nothing.
  start_as begin(member& c);
  void up(const handle& c) const;
  /// It is down for good, or until somebody restarts it.
  static void finish(member& s, const handle& c);
  static void answer(member& c, admin_code x);
  void take_down(const handle& c);
  void stop(member& s);
  void child_ended(member& s, const handle& c, end_as how);
  static bool ends_supervisor(const member& s, const handle& c);
  void end_supervisor(member& s, end_as how);
  bool allowed(member& s, member& c) const;
  std::int64_t delay_of(member& c) const;
  void restart_by_policy(member& s, const handle& c);
  void go(member& s, const handle& c);
  void restart_group(member& s, const handle& c, std::int64_t delay);
  void start_group(member& s);
  std::optional<admin_code> start_by_hand(member& s, const handle& c, bool waits_too);
  admin_code park(member& s, const handle& c);
  admin_code kill(member& s, const handle& c);
  std::optional<admin_code> asked_to_start(member& s, const handle& c, bool is_new);

  std::vector<handle> graveyard;
};

}  // namespace steward::testing_support
