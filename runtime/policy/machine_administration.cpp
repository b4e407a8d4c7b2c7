#include "policy/machine_notes.hpp"
#include "policy/supervisor_machine.hpp"

#include <algorithm>
#include <utility>

// What a supervisor_machine does because somebody asks for it.

namespace steward::policy {

actions supervisor_machine::start_child(child_number i, const std::shared_ptr<const child_policy>& policy,
                                        request_number request, time_point now) {
  return start_children({i}, policy, request, now);
}

actions supervisor_machine::start_children(const std::vector<child_number>& children,
                                           const std::shared_ptr<const child_policy>& policy, request_number request,
                                           time_point now) {
  actions out;
  out.reserve(children.size() * 3);
  if (children.size() > 1) batches_.emplace(request, children.size());
  for (const auto i : children) {
    if (phase_ != phase::running) {
      out.emplace_back(action::reply{request, admin_code::noproc, i, {}, {}, has_more(request)});
      continue;
    }
    add(i, policy);
    auto& c = children_.at(i);
    c.from = origin::start_request;
    pending_.emplace(i, pending{request, wish::up});
    begin_incarnation(i, c, now, out);
  }
  return out;
}

actions supervisor_machine::terminate_child(child_number i, request_number request, time_point now) {
  actions out;
  const auto it = children_.find(i);
  if (it == children_.end() || !in_service()) {
    out.emplace_back(action::reply{request, in_service() ? admin_code::not_found : admin_code::noproc, i});
    return out;
  }
  auto& c = it->second;
  if (c.state == child_state::idle) {  // or its first start is still to come
    out.emplace_back(action::reply{request, to_be_started(i) ? admin_code::noproc : admin_code::ok, i});
    return out;
  }
  pending_.emplace(i, pending{request, wish::down});
  if (c.state == child_state::stopping) return out;
  const bool starting = phase_ == phase::starting && c.from == origin::first_start;
  if (c.state == child_state::waiting) c.group = 0;  // else its group waits until it is down
  ask_to_stop(i, c, end_of(c), now, out);
  if (starting)
    start_frontier(now, out);
  else
    go_on_without(i, now, out);
  return out;
}

void supervisor_machine::go_on_without(child_number i, time_point now, actions& out) {
  for (auto& [number, group] : groups_) {
    if (group.at != stage::waiting || group.culprit != i) continue;
    group.at = stage::starting;
    group.due = now;
  }
  advance_groups(now, out);
}

actions supervisor_machine::restart_child(child_number i, request_number request, time_point now) {
  actions out;
  const auto it = children_.find(i);
  auto refuse = [&](admin_code code) {
    out.emplace_back(action::reply{request, code, i});
    return out;
  };
  if (!running()) return refuse(admin_code::noproc);
  if (it == children_.end()) return refuse(admin_code::not_found);
  auto& c = it->second;
  switch (c.state) {
    case child_state::starting:
    case child_state::up:
    case child_state::stopping:
      return refuse(admin_code::running);
    case child_state::waiting:
      return refuse(admin_code::restarting);
    case child_state::parked:
      if (has_budget(c)) c.past->own = std::make_unique<restart_budget>(c.past->own->limit());
      if (c.past) c.past->spent = false;
      disarm(i, c, out);
      break;
    case child_state::idle:
      c.from = origin::restart_request;
      if (c.past && std::exchange(c.past->spent, false) && has_budget(c))
        c.past->own = std::make_unique<restart_budget>(c.past->own->limit());
      break;
  }
  pending_.emplace(i, pending{request, wish::up});
  begin_incarnation(i, c, now, out);
  return out;
}

actions supervisor_machine::start_by_hand(child_number i, request_number request, time_point now) {
  const auto it = running() ? children_.find(i) : children_.end();
  const auto state = it != children_.end() ? it->second.state : child_state::idle;
  if (state != child_state::up && state != child_state::starting) return restart_child(i, request, now);
  actions out;
  if (state == child_state::up)
    out.emplace_back(action::reply{request, admin_code::ok, i});
  else
    pending_.emplace(i, pending{request, wish::up});  // it is answered with the start that is under way
  return out;
}

actions supervisor_machine::delete_child(child_number i, request_number request) {
  actions out;
  const auto it = children_.find(i);
  auto code = admin_code::ok;
  if (!in_service())
    code = admin_code::noproc;
  else if (it == children_.end())
    code = admin_code::not_found;
  else if (to_be_started(i))
    code = admin_code::noproc;
  else if (it->second.state == child_state::waiting || it->second.state == child_state::parked)
    code = admin_code::restarting;
  else if (it->second.state != child_state::idle)
    code = admin_code::running;
  if (code == admin_code::ok) {
    children_.erase(it);
    out.emplace_back(action::forget_child{i});
  }
  out.emplace_back(action::reply{request, code, i});
  return out;
}

actions supervisor_machine::restart_by_hand(child_number i, request_number request, time_point now) {
  actions out;
  const auto it = children_.find(i);
  auto refuse = [&](admin_code code) {
    out.emplace_back(action::reply{request, code, i});
    return out;
  };
  if (!running()) return refuse(admin_code::noproc);
  if (it == children_.end()) return refuse(admin_code::not_found);
  auto& c = it->second;
  switch (c.state) {
    case child_state::idle:
    case child_state::parked:
      return restart_child(i, request, now);
    case child_state::starting:
      return refuse(admin_code::restarting);
    case child_state::stopping:
      return refuse(is_kept(c.then) ? admin_code::restarting : admin_code::running);
    case child_state::waiting:
      if (c.group != 0) return refuse(admin_code::restarting);
      pending_.emplace(i, pending{request, wish::up});
      disarm(i, c, out);
      begin_incarnation(i, c, now, out);
      return out;
    case child_state::up:
      break;
  }
  if (is_at(stage::stopping, c)) return refuse(admin_code::restarting);
  pending_.emplace(i, pending{request, wish::up});
  if (c.past) c.past->delays.steps = 0;  // its back-off begins anew
  ask_to_stop(i, c, afterwards::restart, now, out);
  return out;
}

void supervisor_machine::note_parked(child_number i, const entry& c, actions& out) const {
  auto& e = *add_note(out, i, event_kind::park, event_level::info).what;
  e.incarnation = c.incarnation;
  e.text = "down, with its messages kept, until it is revived by hand";
}

actions supervisor_machine::park_by_hand(child_number i, request_number request, time_point now) {
  actions out;
  const auto it = children_.find(i);
  auto reply = [&](admin_code code) {
    out.emplace_back(action::reply{request, code, i});
    return out;
  };
  if (!running()) return reply(admin_code::noproc);
  if (it == children_.end()) return reply(admin_code::not_found);
  auto& c = it->second;
  if (c.state == child_state::parked || c.state == child_state::idle) {
    const bool was_timed = c.timed;
    disarm(i, c, out);
    if (c.state == child_state::idle || was_timed) note_parked(i, c, out);
    c.state = child_state::parked;
    return reply(admin_code::ok);
  }
  if (c.state == child_state::stopping && !is_kept(c.then)) return reply(admin_code::running);
  pending_.emplace(i, pending{request, wish::parked});
  if (c.state == child_state::stopping) {
    c.then = afterwards::park;
    answer(i, wish::up, admin_code::failed, out, {}, ended_early());
    return out;
  }
  if (c.state == child_state::waiting) c.group = 0;  // else its group waits until it is down
  ask_to_stop(i, c, afterwards::park, now, out);
  go_on_without(i, now, out);
  return out;
}

actions supervisor_machine::kill_by_hand(child_number i, const cause& why, request_number request, time_point now) {
  actions out;
  const auto it = children_.find(i);
  auto reply = [&](admin_code code) { out.emplace_back(action::reply{request, code, i}); };
  if (!in_service() || it == children_.end()) {
    reply(in_service() ? admin_code::not_found : admin_code::noproc);
    return out;
  }
  auto& c = it->second;
  switch (c.state) {
    case child_state::idle:
    case child_state::waiting:
    case child_state::parked:
      reply(to_be_started(i) ? admin_code::noproc : admin_code::not_running);
      break;
    case child_state::starting: {
      if (c.from == origin::first_start) {  // its failure would end the start of all
        reply(admin_code::noproc);
        break;
      }
      out.emplace_back(action::abandon_child{i});
      for (auto& next : child_start_failed(i, c.incarnation, why, now)) out.push_back(std::move(next));
      reply(admin_code::ok);
      break;
    }
    case child_state::stopping:
      disarm(i, c, out);
      overrun_stop(i, c, now, out);
      reply(admin_code::ok);
      break;
    case child_state::up:
      pending_.emplace(i, pending{request, wish::killed, why});
      if (c.timed) break;  // somebody has killed it already
      arm(i, c, now + kill_grace, out);
      out.emplace_back(action::kill_child{i, why});
      break;
  }
  return out;
}

actions supervisor_machine::fail(const cause& why, time_point now) {
  actions out;
  if (!in_service()) return out;
  brutal_ = true;
  end_by_itself({exit_class::abnormal, why}, now, out);
  return out;
}

}  // namespace steward::policy
