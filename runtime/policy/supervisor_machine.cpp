#include "policy/supervisor_machine.hpp"

#include <utility>

namespace steward::policy {

namespace {

event_decision decision_of(const char* action, strategy how, const restart_budget& budget, time_point now) {
  event_decision out;
  out.action = action;
  out.strategy = to_string(how);
  out.restarts = budget.count(now);
  out.limit = budget.limit().restarts;
  out.period_ms = budget.limit().within.count();
  return out;
}

event make_event(event_kind kind, event_level level) {
  event out;
  out.kind = kind;
  out.level = level;
  return out;
}

bool abnormal(exit_class cls) { return cls == exit_class::abnormal || cls == exit_class::gave_up; }

bool wants_restart(restart_type type, exit_class cls) {
  switch (type) {
    case restart_type::permanent:
      return true;
    case restart_type::transient:
      return abnormal(cls);
    case restart_type::temporary:
      return false;
  }
  return false;
}

}  // namespace

const char* to_string(child_state x) noexcept {
  switch (x) {
    case child_state::idle:
      return "idle";
    case child_state::starting:
      return "starting";
    case child_state::up:
      return "up";
    case child_state::waiting:
      return "waiting";
    case child_state::stopping:
      return "stopping";
    case child_state::finished:
      return "finished";
  }
  return "?";
}

supervisor_machine::supervisor_machine(strategy how, intensity limit, std::vector<child_policy> children,
                                       std::uint64_t seed)
    : how_(how), budget_(limit) {
  children_.reserve(children.size());
  for (auto& policy : children) {
    backoff delays{policy.delays, seed ^ (0x9e3779b97f4a7c15ULL * (children_.size() + 1))};
    children_.push_back(entry{std::move(policy), std::move(delays), child_state::idle, 0, 0, std::nullopt});
  }
}

actions supervisor_machine::start(time_point now) {
  actions out;
  if (phase_ != phase::fresh) return out;
  phase_ = phase::starting;
  start_frontier(now, out);
  return out;
}

actions supervisor_machine::stop(time_point now) {
  actions out;
  switch (phase_) {
    case phase::fresh:
    case phase::starting:
    case phase::running:
      phase_ = phase::stopping;
      last_ = exit_info{exit_class::shutdown, {}};
      stop_next(now, out);
      break;
    case phase::rolling_back:
    case phase::stopping:
    case phase::over:
      break;
  }
  return out;
}

actions supervisor_machine::child_ready(child_index i, std::uint64_t incarnation, time_point now) {
  actions out;
  auto& c = children_.at(i);
  if (!current(i, incarnation) || c.state != child_state::starting) return out;
  c.state = child_state::up;
  ++c.token;  // voids the timer of the start limit
  c.delays.ready(now);
  auto e = make_event(c.died_at ? event_kind::recover : event_kind::ready, event_level::info);
  e.incarnation = incarnation;
  if (c.died_at) {
    e.recovery_ms = std::chrono::duration<double, std::milli>(now - *c.died_at).count();
    c.died_at.reset();
  }
  out.emplace_back(action::note{i, std::move(e)});
  if (phase_ == phase::starting && i == frontier_) {
    ++frontier_;
    start_frontier(now, out);
  }
  return out;
}

actions supervisor_machine::child_start_failed(child_index i, std::uint64_t incarnation, const cause& why,
                                               time_point now) {
  actions out;
  auto& c = children_.at(i);
  if (!current(i, incarnation) || c.state != child_state::starting) return out;
  if (phase_ == phase::starting && i == frontier_) {
    auto e = make_event(event_kind::crash, event_level::error);
    e.incarnation = incarnation;
    e.why = why;
    e.text = "failed to start";
    e.decision = decision_of("stop", how_, budget_, now);
    out.emplace_back(action::note{i, std::move(e)});
    phase_ = phase::rolling_back;
    failed_start_ = action::start_failed{i, why};
    stop_next(now, out);
    return out;
  }
  const exit_info how{exit_class::abnormal, why};
  if (may_restart())
    restart_or_give_up(i, how, now, out);
  else
    end_for_good(i, how, now, out);
  return out;
}

actions supervisor_machine::child_exited(child_index i, std::uint64_t incarnation, const exit_info& how,
                                         time_point now) {
  actions out;
  auto& c = children_.at(i);
  if (!current(i, incarnation) || c.state != child_state::up) return out;
  if (wants_restart(c.policy.restart, how.cls) && may_restart())
    restart_or_give_up(i, how, now, out);
  else
    end_for_good(i, how, now, out);
  return out;
}

actions supervisor_machine::child_stopped(child_index i, time_point now) {
  actions out;
  auto& c = children_.at(i);
  if (c.state != child_state::stopping) return out;
  ++c.token;
  c.state = child_state::finished;
  if (phase_ == phase::stopping || phase_ == phase::rolling_back) stop_next(now, out);
  return out;
}

actions supervisor_machine::timer(child_index i, std::uint64_t token, time_point now) {
  actions out;
  auto& c = children_.at(i);
  if (token != c.token) return out;
  switch (c.state) {
    case child_state::waiting:
      if (may_restart()) begin_incarnation(i, now, out);
      break;
    case child_state::starting: {
      cause why;
      why.cls = cause_class::start;
      why.message = "not ready within " + render_duration(c.policy.start_within);
      out.emplace_back(action::abandon_child{i});
      for (auto& next : child_start_failed(i, c.incarnation, why, now)) out.push_back(std::move(next));
      break;
    }
    case child_state::stopping: {
      auto e = make_event(event_kind::warn, event_level::warn);
      e.text = "did not stop within " + render_duration(c.policy.shutdown) + "; abandoned";
      out.emplace_back(action::note{i, std::move(e)});
      out.emplace_back(action::abandon_child{i});
      for (auto& next : child_stopped(i, now)) out.push_back(std::move(next));
      break;
    }
    case child_state::idle:
    case child_state::up:
    case child_state::finished:
      break;
  }
  return out;
}

void supervisor_machine::begin_incarnation(child_index i, time_point now, actions& out) {
  auto& c = children_[i];
  c.state = child_state::starting;
  ++c.incarnation;
  auto e = make_event(c.incarnation == 1 ? event_kind::start : event_kind::restart, event_level::info);
  e.incarnation = c.incarnation;
  out.emplace_back(action::note{i, std::move(e)});
  arm(i, now + c.policy.start_within, out);
  out.emplace_back(action::start_child{i, c.incarnation});
}

void supervisor_machine::ask_to_stop(child_index i, time_point now, actions& out) {
  children_[i].state = child_state::stopping;
  arm(i, now + children_[i].policy.shutdown, out);
  out.emplace_back(action::stop_child{i});
}

void supervisor_machine::start_frontier(time_point now, actions& out) {
  if (frontier_ < children_.size()) {
    begin_incarnation(frontier_, now, out);
    return;
  }
  phase_ = phase::running;
  out.emplace_back(action::started{});
}

void supervisor_machine::stop_next(time_point now, actions& out) {
  for (child_index i = children_.size(); i-- > 0;) {
    switch (children_[i].state) {
      case child_state::stopping:
        return;  // its report goes on from here
      case child_state::starting:
      case child_state::up:
      case child_state::waiting:
        ask_to_stop(i, now, out);
        return;
      case child_state::idle:
      case child_state::finished:
        break;
    }
  }
  const bool failed = phase_ == phase::rolling_back;
  phase_ = phase::over;
  if (failed)
    out.emplace_back(*failed_start_);
  else
    out.emplace_back(action::ended{last_});
}

void supervisor_machine::restart_or_give_up(child_index i, const exit_info& how, time_point now, actions& out) {
  auto& c = children_[i];
  if (!c.died_at) c.died_at = now;
  if (!budget_.allow(now)) {
    give_up(i, how, now, out);
    return;
  }
  const auto delay = c.delays.next(now);
  const bool crashed = abnormal(how.cls);
  auto e = make_event(crashed ? event_kind::crash : event_kind::stop, crashed ? event_level::error : event_level::info);
  e.incarnation = c.incarnation;
  e.why = how.why;
  e.decision = decision_of("restart", how_, budget_, now);
  e.decision->delay_ms = delay.count();
  out.emplace_back(action::note{i, std::move(e)});
  if (delay.count() == 0) {
    begin_incarnation(i, now, out);
    return;
  }
  c.state = child_state::waiting;
  auto wait = make_event(event_kind::backoff, event_level::info);
  wait.decision = decision_of("restart", how_, budget_, now);
  wait.decision->delay_ms = delay.count();
  out.emplace_back(action::note{i, std::move(wait)});
  arm(i, now + delay, out);
}

void supervisor_machine::end_for_good(child_index i, const exit_info& how, time_point now, actions& out) {
  const bool crashed = abnormal(how.cls);
  auto e = make_event(crashed ? event_kind::crash : event_kind::stop, crashed ? event_level::error : event_level::info);
  e.incarnation = children_[i].incarnation;
  if (crashed) {
    e.why = how.why;
    e.decision = decision_of("stop", how_, budget_, now);
  } else {
    e.text = how.cls == exit_class::normal ? "finished" : "shut down";
  }
  out.emplace_back(action::note{i, std::move(e)});
  ask_to_stop(i, now, out);  // what is left of it, such as a mailbox
}

void supervisor_machine::give_up(child_index i, const exit_info& how, time_point now, actions& out) {
  auto e = make_event(event_kind::crash, event_level::error);
  e.incarnation = children_[i].incarnation;
  e.why = how.why;
  e.decision = decision_of("give_up", how_, budget_, now);
  out.emplace_back(action::note{i, std::move(e)});
  auto limit = make_event(event_kind::limit, event_level::error);
  limit.decision = decision_of("give_up", how_, budget_, now);
  limit.why = how.why;
  limit.text = "child " + children_[i].policy.id + " would need one restart too many";
  out.emplace_back(action::note{std::nullopt, std::move(limit)});
  children_[i].state = child_state::waiting;  // its shell is stopped in turn, with the others
  ++children_[i].token;
  phase_ = phase::stopping;
  last_ = exit_info{exit_class::gave_up, how.why};
  stop_next(now, out);
}

void supervisor_machine::arm(child_index i, time_point at, actions& out) {
  out.emplace_back(action::arm_timer{i, ++children_[i].token, at});
}

bool supervisor_machine::current(child_index i, std::uint64_t incarnation) const {
  return children_.at(i).incarnation == incarnation;
}

}  // namespace steward::policy
