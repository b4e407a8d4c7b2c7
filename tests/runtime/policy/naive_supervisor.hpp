#pragma once

#include "policy/supervisor_machine.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace steward::policy::testing_support {

/// What a supervisor does, as a value that two of them can be compared by.
struct deed {
  enum class kind : std::uint8_t { start, stop, abandon, kill, forget, started, start_failed, ended };
  kind what = kind::start;
  child_number child = 0;
  std::uint64_t number = 0;  ///< start: the incarnation; ended: the exit class
  bool keep = false;
  bool flag = false;  ///< start: in place; stop: brutal

  friend bool operator==(const deed&, const deed&) = default;
};

inline std::string to_string(const deed& x) {
  static constexpr const char* names[] = {"start",  "stop",    "abandon",      "kill",
                                          "forget", "started", "start_failed", "ended"};
  return std::string{names[static_cast<int>(x.what)]} + " " + std::to_string(x.child) + "#" + std::to_string(x.number) +
         (x.keep ? " keep" : "") + (x.flag ? " flag" : "");
}

struct naive_reply {
  request_number request = 0;
  admin_code code = admin_code::ok;
  friend auto operator<=>(const naive_reply&, const naive_reply&) = default;
};

/// What a supervisor ought to do, told as simply as possible: lists, loops over all children, and one rule that is
/// applied until nothing changes any more. Knows no jitter. Written from the rules of `reference/supervision.md` and
/// from the contract of `supervisor_machine`, not from its code.
class naive_supervisor {
public:
  enum class fate : std::uint8_t { down, forgotten, comes_back, again, parked };
  enum class asker : std::uint8_t { policy, start, restart };
  enum class wish : std::uint8_t { up, down, parked, killed };

  struct request {
    request_number number;
    wish what;
  };
  struct kid {
    child_policy p;
    child_state state = child_state::idle;
    std::uint64_t incarnation = 0;
    bool to_be_started = false;  // its first start is still to come
    int member = 0;              // of which group restart; 0: none
    fate then = fate::down;      // when it stops
    asker from = asker::policy;
    bool spent = false;  // its own limit has ended it
    std::optional<time_point> due;
    std::optional<time_point> ready_since;
    unsigned steps = 0;
    std::vector<time_point> restarts;  // that counted on its own limit
    std::vector<request> asked;
  };

  explicit naive_supervisor(machine_options x) : o(x) {}

  void add(child_number i, child_policy p);
  void start(time_point t);
  void stop(time_point t, bool with_keep, bool at_once);
  void fail(time_point t);
  void ready(child_number i, std::uint64_t incarnation, time_point t);
  void declined(child_number i, std::uint64_t incarnation, time_point t);
  void start_failed(child_number i, std::uint64_t incarnation, time_point t);
  void exited(child_number i, std::uint64_t incarnation, exit_class how, verdict rule, bool in_place, time_point t);
  void hung(child_number i, std::uint64_t incarnation, time_point t);
  void stopped(child_number i, time_point t);
  void timer(child_number i, time_point t);
  void start_child(child_number i, child_policy p, request_number r, time_point t);
  void terminate(child_number i, request_number r, time_point t);
  void restart(child_number i, request_number r, time_point t);
  void remove(child_number i, request_number r);
  void restart_by_hand(child_number i, request_number r, time_point t);
  void park(child_number i, request_number r, time_point t);
  void kill(child_number i, request_number r, time_point t);
  void reconfigure(machine_options x);
  void repolicy(child_number i, child_policy p);
  bool serving() const { return phase == phases::starting || phase == phases::running; }
  bool over() const { return phase == phases::over; }
  bool running() const { return phase == phases::running; }

  std::map<child_number, kid> kids;
  std::vector<deed> deeds;           // since they were last taken
  std::vector<naive_reply> replies;  // since they were last taken

private:
  enum class phases : std::uint8_t { fresh, starting, running, rolling_back, stopping, over };
  struct group_restart {
    child_number culprit = 0;
    time_point due;
    bool all_down = false;
    bool waited = false;
  };
  using numbered = std::pair<const int, group_restart>;

  void say(deed x) { deeds.push_back(x); }
  void reply(request_number r, admin_code code) { replies.push_back({r, code}); }

  kid* current(child_number i, std::uint64_t incarnation);
  bool dynamic() const { return o.strategy == strategy::simple_one_for_one; }
  fate usual_fate(const kid& k) const;
  static bool wanted_down(const kid& k);
  bool about_to_be_stopped(const kid& k) const { return groups.contains(k.member) && !groups.at(k.member).all_down; }

  void answer(kid& k, wish what, admin_code code);
  static bool is_kept(fate x) { return x != fate::down && x != fate::forgotten; }
  void begin(child_number i, kid& k, bool in_place);
  /// Asks a child to stop. It may be forgotten at once.
  void ask(child_number i, kid& k, fate then);
  void ends_after_all(kid& k);
  void down(child_number i, kid& k);
  /// It ended before its group could stop it.
  void lost(child_number i, kid& k);
  bool within_limit(kid& k);
  milliseconds delay_of(kid& k, bool shares = false);
  void crashed(child_number i, kid& k, bool in_place);
  void give_up(kid& k);
  bool triggers_shutdown(child_number i) const;
  bool grouped() const { return o.strategy == strategy::one_for_all || o.strategy == strategy::rest_for_one; }
  /// Grows until nothing is missing.
  std::set<child_number> taken_along(child_number culprit) const {
    std::set<child_number> out{culprit};
    for (std::size_t before = 0; before != out.size();) {
      before = out.size();
      for (const auto& [n, k] : kids) {
        bool wanted = o.strategy == strategy::one_for_all || (o.strategy == strategy::rest_for_one && n > *out.begin());
        const bool gone = k.state == child_state::idle || (k.state == child_state::stopping && !is_kept(k.then));
        for (const auto m : std::set<child_number>{out})
          if (!k.p.group.empty() && kids.at(m).p.group == k.p.group && (grouped() || !gone)) wanted = true;
        if (wanted) out.insert(n);
      }
    }
    return out;
  }
  void restart_group(child_number culprit, milliseconds delay);
  void end(phases next, bool with_keep, exit_class how);
  // What is left to do by itself, until it has to wait for somebody.
  void go_on();
  bool one_step();
  bool next_first_start();
  bool next_stop();
  bool next_stop_of_group(numbered& one);
  bool next_of_group(numbered& one);
  bool waits(const numbered& one) const;

  machine_options o;
  phases phase = phases::fresh;
  time_point now;
  bool keep = false;
  bool brutal = false;
  exit_class last = exit_class::shutdown;
  std::set<child_number> first;   // whose first starts are under way: one, but all of a dynamic supervisor
  child_number failed_child = 0;  // whose first start failed
  std::vector<child_number> crashed_early;
  std::vector<time_point> restarts;
  std::map<int, group_restart> groups;
};

}  // namespace steward::policy::testing_support
