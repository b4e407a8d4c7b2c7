#pragma once

#include "policy/supervisor_machine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace steward::policy::testing_support {

using namespace std::chrono_literals;
using words = std::vector<std::string>;

inline const time_point origin{1h};

/// A child that is restarted at once the first time, then after 100, 200, 400, 800, 1000, 1000 ms.
inline child_policy child(restart_type restart = restart_type::permanent) {
  child_policy out;
  out.restart = restart;
  out.delays = backoff_spec{100ms, 1s, 2.0, 0.0, 30s};
  return out;
}
inline child_policy temporary() { return child(restart_type::temporary); }
inline child_policy transient() { return child(restart_type::transient); }
/// A child whose restarts never wait.
inline child_policy eager(restart_type restart = restart_type::permanent) {
  auto out = child(restart);
  out.delays.min = out.delays.max = 0ms;
  return out;
}
inline child_policy with_limit(child_policy x, intensity limit, spent_policy on_spent = spent_policy::escalate,
                               milliseconds park_for = 0ms) {
  x.intensity = limit;
  x.on_spent = on_spent;
  x.park_for = park_for;
  return x;
}
inline child_policy significant(child_policy x) {
  x.significant = true;
  return x;
}
inline child_policy stopping_within(child_policy x, milliseconds limit) {
  x.shutdown = limit;
  return x;
}
inline std::shared_ptr<const child_policy> shared(child_policy x) {
  return std::make_shared<const child_policy>(std::move(x));
}

inline machine_options options(strategy how, intensity limit = {100, 5s}) {
  machine_options out;
  out.strategy = how;
  out.intensity = limit;
  out.seed = 1;
  return out;
}

inline exit_info crash_info(std::string what = "boom") {
  exit_info out;
  out.cls = exit_class::abnormal;
  out.why.cls = cause_class::exception;
  out.why.message = std::move(what);
  return out;
}
inline exit_info exit_as(exit_class cls) {
  auto out = is_abnormal(cls) ? crash_info() : exit_info{};
  out.cls = cls;
  return out;
}

inline const char* word_of(exit_class x) {
  switch (x) {
    case exit_class::normal:
      return "normal";
    case exit_class::shutdown:
      return "shutdown";
    case exit_class::abnormal:
      return "abnormal";
    case exit_class::gave_up:
      return "gave_up";
  }
  return "?";
}

/// `action::note` and `action::reply` as they read.
struct told {
  std::optional<child_number> about;
  event what;
  std::vector<child_number> also;
  std::optional<exit_class> end;
};
struct answered {
  admin_code code;
  child_number child;
  std::string extra;
  cause why;
  bool more;
};

/// A machine whose actions are written down as short words: "start 1#2", "stop 2 keep", "reply 7 ok", "ended gave_up".
/// Children are 1, 2, 3, ...; requests, too.
struct driven {
  explicit driven(std::vector<child_policy> children, machine_options how = options(strategy::one_for_one))
      : machine(how) {
    for (auto& x : children) machine.add(next_child++, shared(std::move(x)));
  }
  driven(std::vector<child_policy> children, strategy how) : driven(std::move(children), options(how)) {}

  words take(const actions& out) {
    words text;
    for (const auto& a : out) std::visit([&](const auto& x) { put(x, text); }, a);
    return text;
  }

  /// Starts everything.
  void up() {
    auto text = take(machine.start(now));
    for (int i = 0; std::find(text.begin(), text.end(), "started") == text.end(); ++i) {
      ASSERT_LT(i, 1000) << "it never started";
      child_number starting = 0;
      for (child_number n = 1; n < next_child; ++n)
        if (machine.knows(n) && state(n) == child_state::starting) starting = n;
      ASSERT_NE(starting, 0U) << "it waits for nobody";
      text = ready(starting);
    }
  }

  words ready(child_number i) { return take(machine.child_ready(i, machine.incarnation_of(i), now)); }
  words declined(child_number i) { return take(machine.child_declined(i, machine.incarnation_of(i), now)); }
  words failed(child_number i) {
    return take(machine.child_start_failed(i, machine.incarnation_of(i), crash_info("no luck").why, now));
  }
  words exited(child_number i, exit_class cls) {
    return take(machine.child_exited(i, machine.incarnation_of(i), exit_as(cls), now));
  }
  words crash(child_number i) { return exited(i, exit_class::abnormal); }
  words crash_by_rule(child_number i, verdict rule) {
    auto how = crash_info();
    how.rule = rule;
    return take(machine.child_exited(i, machine.incarnation_of(i), how, now));
  }
  words hung(child_number i) {
    return take(machine.child_hung(i, machine.incarnation_of(i), crash_info("hangs"), now));
  }
  words stopped(child_number i) { return take(machine.child_stopped(i, now)); }
  words stop(bool keep = false) { return take(machine.stop(now, keep)); }
  /// Lets the armed timer of a child fire when it is due.
  words fire(child_number i) {
    const auto it = timers.find(i);
    if (it == timers.end()) return {"no timer"};
    const auto due = it->second;
    timers.erase(it);
    now = std::max(now, due.at);
    return take(machine.timer(i, due.token, now));
  }
  milliseconds due_in(child_number i) const {
    const auto it = timers.find(i);
    return it == timers.end() ? milliseconds{-1} : std::chrono::duration_cast<milliseconds>(it->second.at - now);
  }

  /// Adds the next child and starts it.
  words start_child(child_policy x) {
    const auto n = next_child++;
    return take(machine.start_child(n, shared(std::move(x)), ++last_request, now));
  }
  words terminate(child_number i) { return take(machine.terminate_child(i, ++last_request, now)); }
  words restart(child_number i) { return take(machine.restart_child(i, ++last_request, now)); }
  words start_by_hand(child_number i) { return take(machine.start_by_hand(i, ++last_request, now)); }
  words restart_by_hand(child_number i) { return take(machine.restart_by_hand(i, ++last_request, now)); }
  words park(child_number i) { return take(machine.park_by_hand(i, ++last_request, now)); }
  words kill(child_number i) { return take(machine.kill_by_hand(i, killed_by_ann(), ++last_request, now)); }
  words fail() { return take(machine.fail(killed_by_ann(), now)); }
  static cause killed_by_ann() {
    cause out;
    out.cls = cause_class::killed;
    out.message = "killed by ann";
    return out;
  }
  words remove(child_number i) { return take(machine.delete_child(i, ++last_request)); }

  child_state state(child_number i) const { return machine.state_of(i); }
  bool noted(event_kind kind) const {
    return std::any_of(notes.begin(), notes.end(), [&](const auto& e) { return e.what.kind == kind; });
  }
  const told* last_note(event_kind kind) const {
    const auto it = std::find_if(notes.rbegin(), notes.rend(), [&](const auto& e) { return e.what.kind == kind; });
    return it == notes.rend() ? nullptr : &*it;
  }

  supervisor_machine machine;
  time_point now = origin;
  child_number next_child = 1;
  request_number last_request = 0;
  std::map<child_number, action::arm_timer> timers;
  std::vector<told> notes;
  std::map<request_number, answered> replies;
  exit_info how_it_ended;

private:
  static std::string number(child_number x) { return std::to_string(x); }

  void put(const action::start_child& x, words& text) {
    text.push_back("start " + number(x.child) + "#" + number(x.incarnation) + (x.in_place ? " in_place" : ""));
  }
  void put(const action::stop_child& x, words& text) {
    text.push_back("stop " + number(x.child) + (x.keep ? " keep" : "") + (x.brutal ? " brutal" : ""));
  }
  void put(const action::abandon_child& x, words& text) { text.push_back("abandon " + number(x.child)); }
  void put(const action::kill_child& x, words& text) { text.push_back("kill " + number(x.child)); }
  void put(const action::forget_child& x, words& text) {
    EXPECT_FALSE(machine.knows(x.child));
    EXPECT_FALSE(timers.contains(x.child)) << "the timer of a forgotten child is armed";
    text.push_back("forget " + number(x.child));
  }
  void put(const action::arm_timer& x, words&) {
    EXPECT_GE(x.at, now);
    timers.insert_or_assign(x.child, x);
  }
  void put(const action::disarm_timer& x, words&) { EXPECT_EQ(timers.erase(x.child), 1U) << "no timer was armed"; }
  void put(action::note x, words&) {
    auto what = x.take();
    notes.push_back({x.about, std::move(what), std::move(x.also), x.end});
  }
  void put(const action::reply& x, words& text) {
    const auto before = replies.find(x.request);
    EXPECT_TRUE(before == replies.end() || before->second.more) << "request " << x.request << " was answered twice";
    replies.insert_or_assign(x.request, answered{x.code, x.child, x.extra, *x.why, x.more});
    text.push_back("reply " + number(x.request) + " " + to_string(x.code));
  }
  void put(const action::started&, words& text) { text.emplace_back("started"); }
  void put(const action::start_failed& x, words& text) { text.push_back("start_failed " + number(x.child)); }
  void put(const action::ended& x, words& text) {
    how_it_ended = *x.how;
    text.push_back(std::string{"ended "} + word_of(x.how->cls) + (x.kept ? " kept" : ""));
  }
};

}  // namespace steward::policy::testing_support
