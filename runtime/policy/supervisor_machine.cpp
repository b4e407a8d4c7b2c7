#include "policy/supervisor_machine.hpp"

#include "base/command_rules.hpp"
#include "policy/machine_notes.hpp"

#include <algorithm>
#include <utility>

namespace steward::policy {

namespace {

/// A child that is stopped at once, but is to come back, has this long to let go of its state.
constexpr milliseconds brutal_grace{50};

bool wants_restart(restart_type type, exit_class cls) {
  switch (type) {
    case restart_type::permanent:
      return true;
    case restart_type::transient:
      return is_abnormal(cls);
    case restart_type::temporary:
      return false;
  }
  return false;
}

}  // namespace

bool is_abnormal(exit_class cls) noexcept { return cls == exit_class::abnormal || cls == exit_class::gave_up; }

child_policy policy_of(const child_spec& x) {
  return {x.restart,         stop_limit_of(x),
          start_limit_of(x), x.backoff,
          x.significant,     x.intensity,
          x.on_spent,        x.park_for,
          x.start_retries,   x.process.group == group_of_subtree ? std::string{} : x.process.group};
}

event action::note::take() {
  if (!in_brief) return std::move(*what);
  event out;
  out.kind = in_brief->kind;
  out.level = event_level::info;
  out.incarnation = in_brief->incarnation;
  out.recovery_ms = in_brief->recovery_ms;
  return out;
}

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
    case child_state::parked:
      return "parked";
  }
  return "?";
}

supervisor_machine::supervisor_machine(machine_options options) : options_(options), budget_(options.intensity) {}

void supervisor_machine::add(child_number child, std::shared_ptr<const child_policy> policy,
                             std::uint64_t incarnation) {
  entry c;
  if (policy->intensity) history_of(child, c).own = std::make_unique<restart_budget>(*policy->intensity);
  c.policy = std::move(policy);
  c.incarnation = incarnation;
  children_.emplace_hint(children_.end(), child, std::move(c));
}

supervisor_machine::history& supervisor_machine::history_of(child_number i, entry& c) const {
  if (!c.past) {
    c.past = std::make_unique<history>();
    c.past->delays.random = options_.seed ^ (0x9e3779b97f4a7c15ULL * (i + 1));
  }
  return *c.past;
}

actions supervisor_machine::start(time_point now) {
  actions out;
  if (phase_ != phase::fresh) return out;
  phase_ = phase::starting;
  start_frontier(now, out);
  return out;
}

actions supervisor_machine::stop(time_point now, bool keep, bool brutal) {
  actions out;
  brutal_ = brutal_ || brutal;
  switch (phase_) {
    case phase::fresh:
    case phase::starting:
    case phase::running:
      phase_ = phase::stopping;
      keep_ = keep;
      last_ = exit_info{exit_class::shutdown, {}};
      stop_next(now, out);
      break;
    case phase::rolling_back:
    case phase::stopping:
      // Whoever wanted the children back does not any more; those that are down already are let go by the owner.
      if (!keep) keep_ = false;
      break;
    case phase::over:
      break;
  }
  return out;
}

actions supervisor_machine::child_ready(child_number i, std::uint64_t incarnation, time_point now,
                                        const std::string& extra) {
  actions out = std::exchange(spare_, {});
  out.reserve(3);
  auto* c = current(i, incarnation);
  if (c == nullptr || c->state != child_state::starting) return out;
  c->state = child_state::up;
  const bool asked = c->from == origin::start_request;
  const bool first = leave_first_start(*c);
  c->from = origin::policy;
  disarm(i, *c, out);
  c->ready_since = now;
  if ((first || asked) && c->past) c->past->delays.steps = 0;  // what it took to start it is no crash
  const bool again = c->past && c->past->died_at;
  action::note::brief told{again ? event_kind::recover : event_kind::ready, incarnation};
  if (again) {
    told.recovery_ms = std::chrono::duration<double, std::milli>(now - *c->past->died_at).count();
    c->past->died_at.reset();
  }
  out.emplace_back(action::note{i, {}, told});
  answer(i, wish::up, admin_code::ok, out, extra);
  if (!is_at(stage::stopping, *c)) after_start(first, std::exchange(c->group, 0), now, out);
  return out;
}

actions supervisor_machine::child_declined(child_number i, std::uint64_t incarnation, time_point now) {
  actions out;
  auto* c = current(i, incarnation);
  if (c == nullptr || c->state != child_state::starting) return out;
  disarm(i, *c, out);
  const bool first = leave_first_start(*c);
  c->from = origin::policy;
  if (c->past) c->past->died_at.reset();
  auto& told = add_note(out, i, event_kind::stop, event_level::info);
  told.end = exit_class::normal;
  auto& e = *told.what;
  e.incarnation = incarnation;
  e.text = "declined to start: nothing to do";
  answer(i, wish::up, admin_code::ignored, out);
  if (!in_service()) {
    c->state = child_state::waiting;  // what is left of it is stopped in its turn
  } else if (!lost_in_group(i, *c, now, out)) {
    const auto left = std::exchange(c->group, 0);
    ask_to_stop(i, *c, end_of(*c), now, out);  // what is left of it, such as a mailbox
    after_start(first, left, now, out);
  }
  return out;
}

actions supervisor_machine::child_start_failed(child_number i, std::uint64_t incarnation, const cause& why,
                                               time_point now) {
  actions out;
  auto* c = current(i, incarnation);
  if (c == nullptr || c->state != child_state::starting) return out;
  disarm(i, *c, out);
  c->ended = exit_class::abnormal;
  exit_info how{exit_class::abnormal, why, "failed to start"};
  if (retry_start(i, *c, how, now, out)) return out;
  if (leave_first_start(*c) && phase_ == phase::starting) {
    note_end(i, *c, how, "stop", now, out);
    phase_ = phase::rolling_back;
    keep_ = options_.keep_on_end;
    failed_start_ = action::start_failed{i, why};
    stop_next(now, out);
    return out;
  }
  if (c->from != origin::policy && in_service()) {
    note_end(i, *c, how, "stop", now, out);
    answer(i, wish::up, admin_code::failed, out, {}, why);
    // A start that was asked for and failed leaves no spec behind, a restart does.
    const auto left = is_at(stage::starting, *c) ? std::exchange(c->group, 0) : group_number{0};
    ask_to_stop(i, *c, c->from == origin::start_request ? afterwards::forget : end_of(*c), now, out);
    advance_group(left, now, out);
    return out;
  }
  how.text.clear();
  if (in_service() && lost_in_group(i, *c, now, out)) return out;
  crashed(i, *c, std::move(how), now, out, false);
  return out;
}

actions supervisor_machine::child_exited(child_number i, std::uint64_t incarnation, exit_info how, time_point now,
                                         bool in_place) {
  actions out = std::exchange(spare_, {});
  out.reserve(4);
  auto* c = current(i, incarnation);
  if (c == nullptr) return out;
  if (c->state == child_state::stopping) {
    note_end(i, *c, how, "none", now, out);  // it was faster than the request to stop
    return out;
  }
  if (c->state == child_state::starting)
    return child_start_failed(i, incarnation, how.why.cls == cause_class::none ? ended_early() : how.why, now);
  if (c->state != child_state::up) return out;
  c->ended = how.cls;
  disarm(i, *c, out);  // it was to be killed
  answer_killers(i, out);
  if (is_at(stage::stopping, *c)) {
    note_end(i, *c, how, "none", now, out);
    lost_in_group(i, *c, now, out);
    return out;
  }
  if ((how.rule == verdict::escalate || how.rule == verdict::lost_process) && in_service())
    give_up(i, *c, how, now, out);
  else if (how.rule != verdict::stop && in_service() && wants_restart(c->policy->restart, how.cls))
    crashed(i, *c, std::move(how), now, out, in_place);
  else
    end_for_good(i, *c, how, now, out);
  return out;
}

actions supervisor_machine::child_hung(child_number i, std::uint64_t incarnation, const exit_info& how,
                                       time_point now) {
  actions out;
  auto* c = current(i, incarnation);
  if (c == nullptr || c->state != child_state::up || !in_service()) return out;
  out.emplace_back(action::abandon_child{i});
  auto more = child_exited(i, incarnation, how, now);
  out.insert(out.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  return out;
}

actions supervisor_machine::child_stopped(child_number i, time_point now) {
  actions out;
  out.reserve(3);
  const auto it = children_.find(i);
  if (it == children_.end() || it->second.state != child_state::stopping) return out;
  auto& c = it->second;
  disarm(i, c, out);
  if (is_kept(c.then) && in_service() && wanted_down(i)) {
    c.state = child_state::waiting;  // terminated while it was being stopped to come back, or to be kept
    c.group = 0;
    ask_to_stop(i, c, end_of(c), now, out);
  } else {
    settle(i, c, now, out);
  }
  after_stop(now, out);
  return out;
}

actions supervisor_machine::timer(child_number i, std::uint64_t token, time_point now) {
  actions out;
  const auto it = children_.find(i);
  if (it == children_.end() || token != it->second.token || !it->second.timed) return out;
  auto& c = it->second;
  c.timed = false;
  switch (c.state) {
    case child_state::waiting:
      if (!in_service()) break;
      if (is_at(stage::waiting, c) && groups_.at(c.group).culprit == i) {
        groups_.at(c.group).at = stage::starting;
        advance_group(c.group, now, out);
      } else {
        begin_incarnation(i, c, now, out);
      }
      break;
    case child_state::parked:
      if (in_service()) begin_incarnation(i, c, now, out);
      break;
    case child_state::starting: {
      cause why;
      why.cls = cause_class::start;
      why.message = "not ready within " + render_duration(c.policy->start_within);
      out.emplace_back(action::abandon_child{i});
      for (auto& next : child_start_failed(i, c.incarnation, why, now)) out.push_back(std::move(next));
      break;
    }
    case child_state::stopping: {
      auto& e = *add_note(out, i, event_kind::warn, event_level::warn).what;
      e.incarnation = c.incarnation;
      e.text = "did not stop within " + render_duration(c.policy->shutdown) + "; abandoned";
      overrun_stop(i, c, now, out);
      break;
    }
    case child_state::up: {  // it was killed, and has not ended
      const auto [first, last] = pending_.equal_range(i);
      const auto by = std::find_if(first, last, [](const auto& x) { return x.second.what == wish::killed; });
      if (by == last) break;
      const exit_info how{exit_class::abnormal, *by->second.why};
      out.emplace_back(action::abandon_child{i});
      for (auto& next : child_exited(i, c.incarnation, how, now)) out.push_back(std::move(next));
      break;
    }
    case child_state::idle:
      break;
  }
  return out;
}

void supervisor_machine::overrun_stop(child_number i, entry& c, time_point now, actions& out) {
  out.emplace_back(action::abandon_child{i, true});
  if (wanted_down(i)) end_after_all(i, c, out);
  settle(i, c, now, out);
  after_stop(now, out);
}

void supervisor_machine::begin_incarnation(child_number i, entry& c, time_point now, actions& out, bool in_place) {
  const bool again = c.incarnation > 0;
  c.state = child_state::starting;
  c.ended = exit_class::shutdown;
  ++c.incarnation;
  out.emplace_back(
      action::note{i, {}, action::note::brief{again ? event_kind::restart : event_kind::start, c.incarnation}});
  if (c.policy->start_within != infinity) arm(i, c, now + c.policy->start_within, out);
  out.emplace_back(action::start_child{i, c.incarnation, in_place});
}

/// Whoever waited for the start of this child goes on. `first`: it was its first one; `left`: what restarted it.
void supervisor_machine::after_start(bool first, group_number left, time_point now, actions& out) {
  if (first && phase_ == phase::starting)
    start_frontier(now, out);
  else
    advance_group(left, now, out);
}

void supervisor_machine::start_frontier(time_point now, actions& out) {
  if (starting_ > start_window() / 2) return;  // many are begun at a time
  for (auto next = children_.upper_bound(frontier_); next != children_.end() && starting_ < start_window(); ++next) {
    frontier_ = next->first;
    ++starting_;
    next->second.from = origin::first_start;
    begin_incarnation(next->first, next->second, now, out);
  }
  if (starting_ > 0) return;
  phase_ = phase::running;
  out.emplace_back(action::started{});
  std::optional<child_number> culprit;
  for (const auto i : std::exchange(deferred_, {})) {
    if (!knows(i) || state_of(i) != child_state::waiting) continue;
    if (auto& c = children_.at(i); grouped()) {
      culprit = std::min(culprit.value_or(i), i);
    } else if (!takes_along(c)) {  // the strategy was changed meanwhile
      begin_incarnation(i, c, now, out);
    } else if (c.group == 0) {
      gather_group(i, milliseconds{0}, now, out);
    }
  }
  advance_groups(now, out);
  if (culprit) begin_group(*culprit, milliseconds{0}, now, out);
}

bool supervisor_machine::leave_first_start(entry& c) {
  if (c.from != origin::first_start) return false;
  c.from = origin::policy;
  --starting_;
  return true;
}

bool supervisor_machine::ask_to_stop(child_number i, entry& c, afterwards then, time_point now, actions& out) {
  const bool comes_back = then == afterwards::wait || then == afterwards::restart;
  if (!comes_back) answer(i, wish::up, admin_code::failed, out, {}, ended_early());
  const bool keep = is_kept(then) || (keep_ && !in_service() && then != afterwards::forget);
  const bool brutal = brutal_ || c.policy->shutdown == brutal_kill;
  c.state = child_state::stopping;
  c.then = then;
  leave_first_start(c);
  c.from = origin::policy;
  disarm(i, c, out);
  out.emplace_back(action::stop_child{i, keep, brutal, c.ended});
  if (brutal && !keep) {
    settle(i, c, now, out);
    return true;
  }
  if (brutal)
    arm(i, c, now + brutal_grace, out);
  else if (c.policy->shutdown != infinity)
    arm(i, c, now + c.policy->shutdown, out);
  return false;
}

/// A child that is being stopped is not to come back any more.
void supervisor_machine::end_after_all(child_number i, entry& c, actions& out) {
  if (!is_kept(c.then)) return;
  c.then = end_of(c);
  answer(i, wish::up, admin_code::failed, out, {}, ended_early());
}

void supervisor_machine::settle(child_number i, entry& c, time_point now, actions& out) {
  const bool forget = c.then == afterwards::forget;
  const bool comes_back = c.then == afterwards::wait || c.then == afterwards::restart;
  if (comes_back && in_service()) {
    c.state = child_state::waiting;
  } else {
    const bool parks = c.then == afterwards::park && in_service();
    c.state = parks ? child_state::parked : child_state::idle;
    if (c.past) c.past->died_at.reset();
    c.group = 0;
    if (parks) note_parked(i, c, out);
  }
  if (!pending_.empty())
    for (const auto what : {wish::down, wish::parked, wish::killed}) answer(i, what, admin_code::ok, out);
  if (c.then == afterwards::restart && in_service()) begin_incarnation(i, c, now, out);
  if (forget) {
    children_.erase(i);
    out.emplace_back(action::forget_child{i});
  }
  if (stopping_ > 0) --stopping_;
}

void supervisor_machine::after_stop(time_point now, actions& out) {
  if (phase_ == phase::stopping || phase_ == phase::rolling_back)
    stop_next(now, out);
  else
    advance_groups(now, out);
}

void supervisor_machine::stop_next(time_point now, actions& out) {
  groups_.clear();
  if (phase_ == phase::over) return;
  if (dynamic()) {
    stop_all_at_once(now, out);
    return;
  }
  while (true) {
    // The frontier moves down only: what is above it is down.
    auto it = stops_begun_ ? children_.lower_bound(frontier_) : children_.end();
    stops_begun_ = true;
    if (it != children_.end() && it->first == frontier_ && it->second.state == child_state::stopping) return;
    if (it == children_.begin()) break;
    --it;
    frontier_ = it->first;
    auto& c = it->second;
    if (c.state == child_state::idle) continue;
    if (c.state == child_state::stopping) {  // somebody else has asked it
      end_after_all(it->first, c, out);
      return;
    }
    if (!ask_to_stop(it->first, c, end_of(c), now, out)) return;
  }
  finish(out);
}

void supervisor_machine::stop_all_at_once(time_point now, actions& out) {
  if (!std::exchange(stops_begun_, true)) {
    std::vector<child_number> all;
    for (const auto& [i, c] : children_)
      if (c.state != child_state::idle) all.push_back(i);
    stopping_ = all.size();
    out.reserve(out.size() + 3 * all.size());
    for (const auto i : all) {
      auto& c = children_.at(i);
      if (c.state != child_state::stopping)
        ask_to_stop(i, c, afterwards::forget, now, out);
      else
        end_after_all(i, c, out);
    }
  }
  if (stopping_ == 0) finish(out);
}

void supervisor_machine::finish(actions& out) {
  if (phase_ == phase::over) return;
  const bool failed = phase_ == phase::rolling_back;
  phase_ = phase::over;
  for (const auto& [child, waiting] : pending_)
    out.emplace_back(action::reply{waiting.request,
                                   waiting.what == wish::up ? admin_code::noproc : admin_code::ok,
                                   child,
                                   {},
                                   {},
                                   has_more(waiting.request)});
  pending_.clear();
  if (failed)
    out.emplace_back(*failed_start_);
  else
    out.emplace_back(action::ended{last_, keep_});
}

std::optional<exit_class> supervisor_machine::end_of_child(child_number child) const {
  const auto it = children_.find(child);
  if (it == children_.end() || it->second.state != child_state::stopping || is_kept(it->second.then))
    return std::nullopt;
  return it->second.ended;
}

time_point supervisor_machine::changed_at(child_number child) const {
  const auto& c = children_.at(child);
  return c.past && c.past->died_at ? *c.past->died_at : c.ready_since;
}

bool supervisor_machine::comes_back(child_number child) const {
  const auto& c = children_.at(child);
  if (!in_service() || c.state == child_state::idle || c.state == child_state::parked) return false;
  if (c.state != child_state::stopping) return true;
  return (c.then == afterwards::wait || c.then == afterwards::restart) && !wanted_down(child);
}

std::size_t supervisor_machine::count_up() const {
  return static_cast<std::size_t>(std::count_if(children_.begin(), children_.end(),
                                                [](const auto& x) { return x.second.state == child_state::up; }));
}

supervisor_machine::entry* supervisor_machine::current(child_number child, std::uint64_t incarnation) {
  const auto it = children_.find(child);
  return it == children_.end() || it->second.incarnation != incarnation ? nullptr : &it->second;
}

supervisor_machine::afterwards supervisor_machine::end_of(const entry& c) const {
  return dynamic() || c.policy->restart == restart_type::temporary ? afterwards::forget : afterwards::idle;
}

void supervisor_machine::arm(child_number i, entry& c, time_point at, actions& out) {
  c.timed = true;
  out.emplace_back(action::arm_timer{i, ++c.token, at});
}

bool supervisor_machine::wanted_down(child_number i) const {
  const auto [first, last] = pending_.equal_range(i);
  return std::any_of(first, last, [](const auto& x) { return x.second.what == wish::down; });
}

void supervisor_machine::disarm(child_number i, entry& c, actions& out) {
  if (!c.timed) return;
  c.timed = false;
  out.emplace_back(action::disarm_timer{i});
}

void supervisor_machine::answer(child_number i, wish what, admin_code code, actions& out, const std::string& extra,
                                const boxed<cause>& why) {
  auto [first, last] = pending_.equal_range(i);
  while (first != last) {
    if (first->second.what != what) {
      ++first;
      continue;
    }
    const auto request = first->second.request;
    out.emplace_back(action::reply{request, code, i, extra, why, has_more(request)});
    first = pending_.erase(first);
  }
}

bool supervisor_machine::has_more(request_number request) {
  const auto it = batches_.find(request);
  if (it == batches_.end()) return false;
  if (--it->second > 0) return true;
  batches_.erase(it);
  return false;
}

}  // namespace steward::policy
