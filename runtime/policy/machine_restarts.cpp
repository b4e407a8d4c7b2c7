#include "policy/machine_notes.hpp"
#include "policy/supervisor_machine.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <string_view>
#include <utility>

// What a supervisor_machine does about a child that ended: restart, group restart, park, give up.

namespace steward::policy {

event_decision supervisor_machine::decision(const char* what, const restart_budget& budget, time_point now) const {
  event_decision out;
  out.action = what;
  out.strategy = to_string(options_.strategy);
  out.restarts = budget.count(now);
  out.limit = budget.limit().restarts;
  out.period_ms = budget.limit().within.count();
  return out;
}

void supervisor_machine::note_end(child_number i, const entry& c, const exit_info& how, const char* decided,
                                  time_point now, actions& out) const {
  const bool crashed = is_abnormal(how.cls);
  auto& told = add_note(out, i, crashed ? event_kind::crash : event_kind::stop,
                        crashed ? event_level::error : event_level::info);
  told.end = how.cls;
  auto& e = *told.what;
  e.incarnation = c.incarnation;
  if (crashed) {
    e.why = how.why;
    e.text = how.text;
    e.kept = how.kept;
    if (how.lost > 0) e.lost = how.lost;
    e.decision = decision(decided, has_budget(c) ? *c.past->own : budget_, now);
  } else {
    e.text = how.cls == exit_class::normal ? "finished" : "shut down";
  }
}

void supervisor_machine::crashed(child_number i, entry& c, exit_info how, time_point now, actions& out, bool in_place) {
  if (!in_service()) {  // stopped in its turn
    note_end(i, c, how, "none", now, out);
    c.state = child_state::waiting;
    return;
  }
  auto& past = history_of(i, c);
  if (!past.died_at) past.died_at = now;
  auto& budget = budget_of(c);
  if (!budget.allow(now)) {
    if (past.own && c.policy->on_spent == spent_policy::park)
      park(i, c, how, now, out);
    else if (past.own && c.policy->on_spent == spent_policy::end)
      end_spent(i, c, how, now, out);
    else
      give_up(i, c, how, now, out);
    return;
  }
  const auto ready_since = std::exchange(c.ready_since, time_point::min());
  if (ready_since != time_point::min()) past.delays.ready_since = ready_since;
  if (!c.policy->group.empty()) share_delays(i, c, now);
  const auto delay = next_delay(c.policy->delays, past.delays, now);
  const bool abnormal = is_abnormal(how.cls);
  auto& told = add_note(out, i, abnormal ? event_kind::crash : event_kind::stop,
                        abnormal ? event_level::error : event_level::info);
  told.end = how.cls;
  auto& e = *told.what;
  e.incarnation = c.incarnation;
  e.why = std::move(how.why);
  e.text = std::move(how.text);
  e.kept = how.kept;
  if (how.lost > 0) e.lost = how.lost;
  e.decision = decision("restart", budget, now);
  e.decision->delay_ms = delay.count();
  if (takes_along(c)) told.also = group_of(i);
  c.state = child_state::waiting;
  if (takes_along(c)) {
    if (phase_ == phase::starting)
      deferred_.push_back(i);
    else
      begin_group(i, delay, now, out);
    return;
  }
  const auto left = std::exchange(c.group, 0);
  if (delay.count() == 0) {
    begin_incarnation(i, c, now, out, in_place);
  } else {
    auto& wait = *add_note(out, i, event_kind::backoff, event_level::info).what;
    wait.decision = decision("restart", budget, now);
    wait.decision->delay_ms = delay.count();
    arm(i, c, now + delay, out);
  }
  // A group restart that is under way although the strategy was changed goes on without it.
  advance_group(left, now, out);
}

void supervisor_machine::park(child_number i, entry& c, const exit_info& how, time_point now, actions& out) {
  note_end(i, c, how, "park", now, out);
  auto& e = *add_note(out, i, event_kind::park, event_level::error).what;
  e.incarnation = c.incarnation;
  e.decision = decision("park", *c.past->own, now);
  e.decision->delay_ms = c.policy->park_for.count();
  e.kept = how.kept;
  e.text = c.policy->park_for.count() > 0 ? "down, with its messages kept, for " + render_duration(c.policy->park_for)
                                          : "down, with its messages kept, until it is restarted by hand";
  answer(i, wish::up, admin_code::failed, out, {}, how.why);
  c.state = child_state::parked;
  if (c.policy->park_for.count() > 0) arm(i, c, now + c.policy->park_for, out);
  advance_group(std::exchange(c.group, 0), now, out);
}

void supervisor_machine::end_spent(child_number i, entry& c, const exit_info& how, time_point now, actions& out) {
  note_end(i, c, how, "end", now, out);
  auto& e = *add_note(out, i, event_kind::limit, event_level::error).what;
  e.incarnation = c.incarnation;
  e.decision = decision("end", *c.past->own, now);
  e.why = how.why;
  e.text = "its own limit is spent: it ends for good, and its siblings live on";
  c.past->spent = true;
  answer(i, wish::up, admin_code::failed, out, {}, how.why);
  c.state = child_state::waiting;
  const auto left = std::exchange(c.group, 0);
  end_down(i, c, now, out);  // it may be gone now
  advance_group(left, now, out);
}

bool supervisor_machine::retry_start(child_number i, entry& c, const exit_info& how, time_point now, actions& out) {
  const bool first = c.from == origin::first_start && phase_ == phase::starting;
  const bool asked = c.from == origin::start_request && phase_ == phase::running;
  if ((!first && !asked) || c.policy->start_retries == 0) return false;
  auto& past = history_of(i, c);
  auto& delays = past.delays;
  if (delays.steps >= c.policy->start_retries) return false;
  if (!past.died_at) past.died_at = now;
  const auto delay = next_delay(c.policy->delays, delays, now);
  event_decision what;
  what.action = "retry";
  what.strategy = to_string(options_.strategy);
  what.restarts = delays.steps;
  what.limit = c.policy->start_retries;
  what.delay_ms = delay.count();
  auto& told = add_note(out, i, event_kind::crash, event_level::error);
  told.end = exit_class::abnormal;
  auto& e = *told.what;
  e.incarnation = c.incarnation;
  e.why = how.why;
  e.text = how.text;
  e.decision = what;
  if (lost_in_group(i, c, now, out)) return true;  // it is tried again with its group
  c.state = child_state::waiting;
  const auto left = std::exchange(c.group, 0);
  if (delay.count() == 0) {
    begin_incarnation(i, c, now, out);
  } else {
    add_note(out, i, event_kind::backoff, event_level::info).what->decision = std::move(what);
    arm(i, c, now + delay, out);
  }
  advance_group(left, now, out);
  return true;
}

void supervisor_machine::end_for_good(child_number i, entry& c, const exit_info& how, time_point now, actions& out) {
  const bool serving = in_service();
  note_end(i, c, how, serving ? "stop" : "none", now, out);
  c.state = child_state::waiting;
  if (serving) end_down(i, c, now, out);  // else stopped in its turn, if it is not forgotten
}

/// A child that is down is not to come back.
void supervisor_machine::end_down(child_number i, entry& c, time_point now, actions& out) {
  if (c.policy->significant && ends_supervisor(i)) {
    auto& told = add_note(out, std::nullopt, event_kind::stop, event_level::info);
    told.what->text = std::string{"auto_shutdown: "} + to_string(options_.auto_shutdown);
    told.also = {i};
    end_by_itself({exit_class::shutdown, {}}, now, out);
    return;
  }
  ask_to_stop(i, c, end_of(c), now, out);  // what is left of it, such as a mailbox
}

bool supervisor_machine::ends_supervisor(child_number i) {
  if (options_.auto_shutdown == auto_shutdown::never) return false;
  if (options_.auto_shutdown == auto_shutdown::any_significant) return true;
  const auto lives = [&](const entries::value_type& x) {
    const auto& [other, c] = x;
    if (other == i || !c.policy->significant) return false;
    if (c.state == child_state::stopping) return is_kept(c.then);
    return c.state != child_state::idle || to_be_started(other);
  };
  // The search begins where the last one ended, so that children that finish one after the other cost little each.
  const auto first = children_.lower_bound(witness_);
  auto found = std::find_if(first, children_.end(), lives);
  if (found == children_.end()) {
    found = std::find_if(children_.begin(), first, lives);
    if (found == first) return true;
  }
  witness_ = found->first;
  return false;
}

void supervisor_machine::give_up(child_number i, entry& c, const exit_info& how, time_point now, actions& out) {
  const bool lost_process = how.rule == verdict::lost_process;
  const bool by_rule = how.rule == verdict::escalate || lost_process;
  note_end(i, c, how, by_rule ? "escalate" : "give_up", now, out);
  auto& told = add_note(out, std::nullopt, event_kind::limit, event_level::error);
  auto& e = *told.what;
  e.decision = decision(by_rule ? "escalate" : "give_up", budget_of(c), now);
  e.why = how.why;
  e.text = lost_process ? "the process in which it lives has ended"
           : by_rule    ? "its exception is one to escalate"
                        : "it would need one restart too many";
  told.also = {i};
  c.state = child_state::waiting;  // what is left of it is stopped in turn, with the others
  disarm(i, c, out);
  exit_info end{exit_class::gave_up, how.why};
  if (lost_process && !options_.owns_process) end.rule = verdict::lost_process;
  if (lost_process) end.text = "its process has ended; the parent decides";
  end_by_itself(end, now, out);
}

void supervisor_machine::end_by_itself(const exit_info& how, time_point now, actions& out) {
  phase_ = phase::stopping;
  keep_ = options_.keep_on_end;
  last_ = how;
  stop_next(now, out);
}

/// Whoever of a group is the first to tell of the death of its process has the back-off of all.
void supervisor_machine::share_delays(child_number culprit, entry& c, time_point now) {
  auto& own = history_of(culprit, c).delays;
  const bool is_rested = own.ready_since && now - *own.ready_since >= c.policy->delays.healthy;
  for (auto& [i, other] : children_) {
    if (i == culprit || other.policy->group != c.policy->group || !other.past) continue;
    if (is_rested)
      other.past->delays.steps = 0;
    else
      own.steps = std::max(own.steps, other.past->delays.steps);
  }
}

std::vector<supervisor_machine::entries::iterator> supervisor_machine::taken_along(child_number culprit) {
  auto first = options_.strategy == strategy::one_for_all ? children_.begin() : children_.lower_bound(culprit);
  const auto own = children_.find(culprit);
  std::set<std::string_view> groups;
  const auto note = [&](const entry& c) { return !c.policy->group.empty() && groups.insert(c.policy->group).second; };
  const bool alone = !grouped();
  if (alone) {
    if (own != children_.end()) note(own->second);
  } else {
    for (auto it = first; it != children_.end(); ++it) note(it->second);
    // A group of which a part is taken along is taken whole, and what stands behind its first, too.
    for (auto it = first; !groups.empty() && it != children_.begin();) {
      --it;
      if (!groups.contains(it->second.policy->group)) continue;
      for (auto more = it; more != first; ++more) note(more->second);
      first = it;
    }
  }
  std::vector<entries::iterator> out;
  for (auto it = alone ? children_.begin() : first; it != children_.end(); ++it) {
    // What has ended for good does not live there any more.
    const auto& c = it->second;
    const bool lives = c.state != child_state::idle && (c.state != child_state::stopping || is_kept(c.then));
    const bool shares = lives && groups.contains(c.policy->group);
    if (!alone || it->first == culprit || shares) out.push_back(it);
  }
  return out;
}

std::vector<child_number> supervisor_machine::group_of(child_number culprit) {
  std::vector<child_number> out;
  for (const auto it : taken_along(culprit))
    if (it->first != culprit && it->second.state != child_state::parked && !is_spent(it->second))
      out.push_back(it->first);
  return out;
}

supervisor_machine::group_number supervisor_machine::merge_groups(const std::vector<entries::iterator>& taken,
                                                                  group_restart& into, actions& out) {
  std::set<group_number> old;
  if (grouped())  // what stands behind another one does not start before it
    for (const auto& [number, one] : groups_) old.insert(number);
  for (const auto it : taken)
    if (groups_.contains(it->second.group)) old.insert(it->second.group);
  for (const auto number : old) {
    const auto& one = groups_.at(number);
    into.due = std::max(into.due, one.due);
    const auto culprit = children_.find(one.culprit);
    if (culprit != children_.end() && culprit->second.group == number && culprit->second.state == child_state::waiting)
      disarm(culprit->first, culprit->second, out);
  }
  if (old.empty()) {
    group_number free = 1;
    while (free < std::numeric_limits<group_number>::max() && groups_.contains(free)) ++free;
    return free;
  }
  const auto number = *old.begin();
  if (old.size() > 1)
    for (auto& [i, c] : children_)
      if (old.contains(c.group)) c.group = number;
  for (const auto other : old) groups_.erase(other);
  return number;
}

supervisor_machine::group_number supervisor_machine::gather_group(child_number culprit, milliseconds delay,
                                                                  time_point now, actions& out) {
  group_restart next;
  next.culprit = culprit;
  next.due = now + delay;
  next.cursor = std::numeric_limits<child_number>::max();
  const auto taken = taken_along(culprit);
  const auto number = merge_groups(taken, next, out);  // a further crash widens what is under way
  groups_[number] = next;
  for (const auto it : taken) {
    auto& c = it->second;
    switch (c.state) {
      case child_state::idle:  // as in OTP: what had finished or was terminated comes back with its group
        if (is_spent(c)) break;
        c.state = child_state::waiting;
        c.group = number;
        break;
      case child_state::waiting:
        disarm(it->first, c, out);
        c.group = number;
        break;
      case child_state::starting:
      case child_state::up:
        c.group = number;
        break;
      case child_state::stopping:  // waited for; one that ended for good comes back as if it were idle already
        if (c.then == afterwards::idle && !wanted_down(it->first) && !is_spent(c)) c.then = afterwards::wait;
        if (c.then == afterwards::restart) c.then = afterwards::wait;  // in its turn
        c.group = number;
        break;
      case child_state::parked:
        break;
    }
  }
  return number;
}

/// True when this child, which is down, was about to be stopped with its group anyway.
bool supervisor_machine::lost_in_group(child_number i, entry& c, time_point now, actions& out) {
  if (!is_at(stage::stopping, c)) return false;
  c.state = child_state::waiting;
  if (c.policy->restart == restart_type::temporary) ask_to_stop(i, c, afterwards::forget, now, out);
  return true;
}

void supervisor_machine::advance_groups(time_point now, actions& out) {
  for (auto it = groups_.begin(); it != groups_.end();) {
    const auto number = it->first;
    ++it;
    advance_group(number, now, out);
  }
}

void supervisor_machine::advance_group(group_number number, time_point now, actions& out) {
  const auto found = groups_.find(number);
  if (found == groups_.end()) return;
  auto& group = found->second;
  if (group.at == stage::stopping) {
    if (!stop_group(number, group, now, out)) return;
    group.at = stage::waiting;
    group.cursor = 0;
    const auto culprit = children_.find(group.culprit);
    const bool waits =
        culprit != children_.end() && culprit->second.group == number && culprit->second.state == child_state::waiting;
    if (group.due > now && waits) {
      auto& e = *add_note(out, culprit->first, event_kind::backoff, event_level::info).what;
      e.decision = decision("restart", budget_of(culprit->second), now);
      e.decision->delay_ms = std::chrono::ceil<milliseconds>(group.due - now).count();
      arm(culprit->first, culprit->second, group.due, out);
      return;
    }
    group.at = stage::starting;
    group.due = now;
  }
  if (group.at == stage::starting) start_group(number, group, now, out);
}

/// Stops the members from the last to the first, one after the other. True when all are down.
bool supervisor_machine::stop_group(group_number number, group_restart& group, time_point now, actions& out) {
  while (true) {
    auto it = children_.lower_bound(group.cursor);
    const bool here = it != children_.end() && it->first == group.cursor && it->second.group == number;
    if (here && it->second.state == child_state::stopping) return false;
    if (it == children_.begin()) return true;
    --it;
    group.cursor = it->first;
    auto& c = it->second;
    if (c.group != number) continue;
    if (c.state == child_state::stopping) return false;
    if (c.state != child_state::up && c.state != child_state::starting) continue;
    const bool temporary = c.policy->restart == restart_type::temporary;
    if (!ask_to_stop(it->first, c, temporary ? afterwards::forget : afterwards::wait, now, out)) return false;
  }
}

/// Starts them from the first to the last, each after the one before is ready. Then the group restart is over.
void supervisor_machine::start_group(group_number number, group_restart& group, time_point now, actions& out) {
  const auto under_way = children_.find(group.cursor);
  if (under_way != children_.end() && under_way->second.group == number &&
      under_way->second.state == child_state::starting)
    return;
  for (auto it = children_.upper_bound(group.cursor); it != children_.end(); ++it) {
    group.cursor = it->first;
    auto& c = it->second;
    if (c.group != number || c.state != child_state::waiting) continue;
    begin_incarnation(it->first, c, now, out);
    return;
  }
  for (auto& [i, c] : children_)
    if (c.group == number) c.group = 0;
  groups_.erase(number);
}

void supervisor_machine::reconfigure(const machine_options& options) {
  const bool same = options_.intensity.restarts == options.intensity.restarts &&
                    options_.intensity.within == options.intensity.within;
  if (!same) budget_ = restart_budget{options.intensity};
  const bool owns = options.owns_process || options_.owns_process;  // of its children that there are
  options_ = options;
  options_.owns_process = owns;
}

void supervisor_machine::repolicy(child_number i, std::shared_ptr<const child_policy> policy) {
  const auto it = children_.find(i);
  if (it == children_.end()) return;
  auto& c = it->second;
  const auto& old = c.policy->intensity;
  const bool same =
      old.has_value() == policy->intensity.has_value() &&
      (!old || (old->restarts == policy->intensity->restarts && old->within == policy->intensity->within));
  if (!same && (policy->intensity || c.past))
    history_of(i, c).own = policy->intensity ? std::make_unique<restart_budget>(*policy->intensity) : nullptr;
  c.policy = std::move(policy);
}

}  // namespace steward::policy
