#include "naive_supervisor.hpp"

#include <algorithm>
#include <utility>

using namespace std::chrono_literals;

namespace steward::policy::testing_support {

void naive_supervisor::add(child_number i, child_policy p) {
  kids[i].p = p;
  kids[i].to_be_started = true;
}

void naive_supervisor::start(time_point t) {
  now = t;
  phase = phases::starting;
  go_on();
}

void naive_supervisor::fail(time_point t) {
  now = t;
  if (!serving()) return;
  brutal = true;
  end(phases::stopping, o.keep_on_end, exit_class::abnormal);
  go_on();
}

void naive_supervisor::stop(time_point t, bool with_keep, bool at_once) {
  now = t;
  brutal = brutal || at_once;
  if (phase == phases::fresh || serving())
    end(phases::stopping, with_keep, exit_class::shutdown);
  else if (!with_keep)
    keep = false;
  go_on();
}

void naive_supervisor::ready(child_number i, std::uint64_t incarnation, time_point t) {
  now = t;
  auto* k = current(i, incarnation);
  if (k == nullptr || k->state != child_state::starting) return;
  k->state = child_state::up;
  if (first.contains(i) || k->from == asker::start) k->steps = 0;
  k->from = asker::policy;
  k->due.reset();
  k->ready_since = now;
  answer(*k, wish::up, admin_code::ok);
  if (!about_to_be_stopped(*k)) k->member = 0;
  first.erase(i);
  go_on();
}

void naive_supervisor::declined(child_number i, std::uint64_t incarnation, time_point t) {
  now = t;
  auto* k = current(i, incarnation);
  if (k == nullptr || k->state != child_state::starting) return;
  k->due.reset();
  k->from = asker::policy;
  answer(*k, wish::up, admin_code::ignored);
  first.erase(i);
  if (!serving()) {
    k->state = child_state::waiting;
  } else if (about_to_be_stopped(*k)) {
    lost(i, *k);
  } else {
    k->member = 0;
    ask(i, *k, usual_fate(*k));
  }
  go_on();
}

void naive_supervisor::start_failed(child_number i, std::uint64_t incarnation, time_point t) {
  now = t;
  auto* k = current(i, incarnation);
  if (k == nullptr || k->state != child_state::starting) return;
  k->due.reset();
  if (serving() && (first.contains(i) || k->from == asker::start) && k->steps < k->p.start_retries) {
    const auto delay = delay_of(*k);
    if (about_to_be_stopped(*k)) {
      lost(i, *k);
    } else {
      k->state = child_state::waiting;
      k->member = 0;
      if (delay == milliseconds{0})
        begin(i, *k, false);
      else
        k->due = now + delay;
    }
  } else if (first.contains(i) && serving()) {
    failed_child = i;
    end(phases::rolling_back, o.keep_on_end, exit_class::abnormal);
  } else if (serving() && k->from != asker::policy) {
    answer(*k, wish::up, admin_code::failed);
    if (!about_to_be_stopped(*k)) k->member = 0;
    ask(i, *k, k->from == asker::start ? fate::forgotten : usual_fate(*k));
  } else if (serving() && about_to_be_stopped(*k)) {
    lost(i, *k);
  } else {
    crashed(i, *k, false);
  }
  go_on();
}

void naive_supervisor::exited(child_number i, std::uint64_t incarnation, exit_class how, verdict rule, bool in_place,
                              time_point t) {
  now = t;
  auto* k = current(i, incarnation);
  if (k == nullptr) return;
  if (k->state == child_state::starting) return start_failed(i, incarnation, t);
  if (k->state != child_state::up) return;
  k->due.reset();
  answer(*k, wish::killed, admin_code::ok);
  const bool bad = how == exit_class::abnormal || how == exit_class::gave_up;
  const bool again = k->p.restart == restart_type::permanent || (k->p.restart == restart_type::transient && bad);
  if (!serving())
    k->state = child_state::waiting;
  else if (about_to_be_stopped(*k))
    lost(i, *k);
  else if (rule == verdict::escalate || rule == verdict::lost_process)
    give_up(*k);
  else if (again && rule != verdict::stop)
    crashed(i, *k, in_place);
  else if (k->p.significant && triggers_shutdown(i)) {
    k->state = child_state::waiting;
    end(phases::stopping, o.keep_on_end, exit_class::shutdown);
  } else {
    ask(i, *k, usual_fate(*k));
  }
  go_on();
}

void naive_supervisor::hung(child_number i, std::uint64_t incarnation, time_point t) {
  now = t;
  auto* k = current(i, incarnation);
  if (k == nullptr || k->state != child_state::up || !serving()) return;
  say({deed::kind::abandon, i});
  exited(i, incarnation, exit_class::abnormal, verdict::by_restart_type, false, t);
}

void naive_supervisor::stopped(child_number i, time_point t) {
  now = t;
  const auto it = kids.find(i);
  if (it == kids.end() || it->second.state != child_state::stopping) return;
  auto& k = it->second;
  if (is_kept(k.then) && serving() && wanted_down(k)) {  // what was kept is let go
    k.member = 0;
    ask(i, k, usual_fate(k));
  } else {
    down(i, k);
  }
  go_on();
}

void naive_supervisor::timer(child_number i, time_point t) {
  now = t;
  auto& k = kids.at(i);
  k.due.reset();
  if (k.state == child_state::starting) {
    say({deed::kind::abandon, i});
    return start_failed(i, k.incarnation, t);
  }
  if (k.state == child_state::up) {  // it was to be killed
    say({deed::kind::abandon, i});
    return exited(i, k.incarnation, exit_class::abnormal, verdict::by_restart_type, false, t);
  }
  if (k.state == child_state::stopping) {
    say({deed::kind::abandon, i});
    if (wanted_down(k)) ends_after_all(k);
    down(i, k);
  } else if (serving() && k.state == child_state::waiting && groups.contains(k.member) &&
             groups.at(k.member).culprit == i && groups.at(k.member).all_down && !groups.at(k.member).waited) {
    groups.at(k.member).waited = true;
  } else if (serving()) {
    begin(i, k, false);
  }
  go_on();
}

void naive_supervisor::start_child(child_number i, child_policy p, request_number r, time_point t) {
  now = t;
  if (phase != phases::running) return reply(r, admin_code::noproc);
  auto& k = kids[i];
  k.p = p;
  k.from = asker::start;
  k.asked.push_back({r, wish::up});
  begin(i, k, false);
  go_on();
}

void naive_supervisor::terminate(child_number i, request_number r, time_point t) {
  now = t;
  const auto it = kids.find(i);
  if (!serving()) return reply(r, admin_code::noproc);
  if (it == kids.end()) return reply(r, admin_code::not_found);
  auto& k = it->second;
  if (k.state == child_state::idle) return reply(r, k.to_be_started ? admin_code::noproc : admin_code::ok);
  k.asked.push_back({r, wish::down});
  if (k.state == child_state::stopping) return;
  if (k.state == child_state::waiting) k.member = 0;
  first.erase(i);
  ask(i, k, usual_fate(k));
  go_on();
}

void naive_supervisor::restart(child_number i, request_number r, time_point t) {
  now = t;
  const auto it = kids.find(i);
  if (phase != phases::running) return reply(r, admin_code::noproc);
  if (it == kids.end()) return reply(r, admin_code::not_found);
  auto& k = it->second;
  if (k.state == child_state::waiting) return reply(r, admin_code::restarting);
  if (k.state != child_state::idle && k.state != child_state::parked) return reply(r, admin_code::running);
  if (k.state == child_state::parked || k.spent) k.restarts.clear();
  k.spent = false;
  if (k.state != child_state::parked) k.from = asker::restart;
  k.due.reset();
  k.asked.push_back({r, wish::up});
  begin(i, k, false);
  go_on();
}

void naive_supervisor::remove(child_number i, request_number r) {
  const auto it = kids.find(i);
  if (!serving()) return reply(r, admin_code::noproc);
  if (it == kids.end()) return reply(r, admin_code::not_found);
  const auto& k = it->second;
  if (k.to_be_started) return reply(r, admin_code::noproc);
  if (k.state == child_state::waiting || k.state == child_state::parked) return reply(r, admin_code::restarting);
  if (k.state != child_state::idle) return reply(r, admin_code::running);
  kids.erase(it);
  say({deed::kind::forget, i});
  reply(r, admin_code::ok);
}

void naive_supervisor::reconfigure(machine_options x) {
  if (x.intensity.restarts != o.intensity.restarts || x.intensity.within != o.intensity.within) restarts.clear();
  o = x;
}

void naive_supervisor::repolicy(child_number i, child_policy p) {
  auto& k = kids.at(i);
  const bool same = k.p.intensity.has_value() == p.intensity.has_value() &&
                    (!p.intensity || (p.intensity->restarts == k.p.intensity->restarts &&
                                      p.intensity->within == k.p.intensity->within));
  if (!same) k.restarts.clear();
  k.p = p;
}

void naive_supervisor::restart_by_hand(child_number i, request_number r, time_point t) {
  now = t;
  const auto it = kids.find(i);
  if (phase != phases::running) return reply(r, admin_code::noproc);
  if (it == kids.end()) return reply(r, admin_code::not_found);
  auto& k = it->second;
  if (k.state == child_state::idle || k.state == child_state::parked) return restart(i, r, t);
  const bool being_restarted = k.state == child_state::starting || (k.state == child_state::waiting && k.member != 0) ||
                               (k.state == child_state::up && about_to_be_stopped(k)) ||
                               (k.state == child_state::stopping && is_kept(k.then));
  if (being_restarted) return reply(r, admin_code::restarting);
  if (k.state == child_state::stopping) return reply(r, admin_code::running);
  k.asked.push_back({r, wish::up});
  if (k.state == child_state::waiting) {
    begin(i, k, false);
  } else {
    k.steps = 0;
    ask(i, k, fate::again);
  }
  go_on();
}

void naive_supervisor::park(child_number i, request_number r, time_point t) {
  now = t;
  const auto it = kids.find(i);
  if (phase != phases::running) return reply(r, admin_code::noproc);
  if (it == kids.end()) return reply(r, admin_code::not_found);
  auto& k = it->second;
  if (k.state == child_state::idle || k.state == child_state::parked) {
    k.state = child_state::parked;
    k.due.reset();
    return reply(r, admin_code::ok);
  }
  if (k.state == child_state::stopping && !is_kept(k.then)) return reply(r, admin_code::running);
  k.asked.push_back({r, wish::parked});
  if (k.state == child_state::stopping) {
    k.then = fate::parked;
    answer(k, wish::up, admin_code::failed);
  } else {
    if (k.state == child_state::waiting) k.member = 0;
    ask(i, k, fate::parked);
  }
  go_on();
}

void naive_supervisor::kill(child_number i, request_number r, time_point t) {
  now = t;
  const auto it = kids.find(i);
  if (!serving()) return reply(r, admin_code::noproc);
  if (it == kids.end()) return reply(r, admin_code::not_found);
  auto& k = it->second;
  if (k.state == child_state::starting && !first.contains(i)) {
    say({deed::kind::abandon, i});
    start_failed(i, k.incarnation, t);
    return reply(r, admin_code::ok);
  }
  if (k.state == child_state::stopping) {
    timer(i, t);
    return reply(r, admin_code::ok);
  }
  if (k.state != child_state::up)
    return reply(r, k.to_be_started || k.state == child_state::starting ? admin_code::noproc : admin_code::not_running);
  k.asked.push_back({r, wish::killed});
  if (k.due) return;
  k.due = now + 1s;
  say({deed::kind::kill, i});
}

naive_supervisor::kid* naive_supervisor::current(child_number i, std::uint64_t incarnation) {
  const auto it = kids.find(i);
  return it == kids.end() || it->second.incarnation != incarnation ? nullptr : &it->second;
}

naive_supervisor::fate naive_supervisor::usual_fate(const kid& k) const {
  return dynamic() || k.p.restart == restart_type::temporary ? fate::forgotten : fate::down;
}

bool naive_supervisor::wanted_down(const kid& k) {
  return std::any_of(k.asked.begin(), k.asked.end(), [](const request& x) { return x.what == wish::down; });
}

void naive_supervisor::answer(kid& k, wish what, admin_code code) {
  for (const auto& x : k.asked)
    if (x.what == what) reply(x.number, code);
  std::erase_if(k.asked, [&](const request& x) { return x.what == what; });
}

void naive_supervisor::begin(child_number i, kid& k, bool in_place) {
  k.to_be_started = false;
  k.state = child_state::starting;
  ++k.incarnation;
  k.due.reset();
  if (k.p.start_within != infinity) k.due = now + k.p.start_within;
  say({deed::kind::start, i, k.incarnation, false, in_place});
}

void naive_supervisor::ask(child_number i, kid& k, fate then) {
  const bool now_at_once = brutal || k.p.shutdown == brutal_kill;
  const bool kept = is_kept(then) || (keep && !serving() && then != fate::forgotten);
  if (then != fate::comes_back && then != fate::again) answer(k, wish::up, admin_code::failed);
  k.state = child_state::stopping;
  k.then = then;
  k.from = asker::policy;
  k.due.reset();
  say({deed::kind::stop, i, 0, kept, now_at_once});
  if (now_at_once && !kept) return down(i, k);
  if (now_at_once)
    k.due = now + milliseconds{50};
  else if (k.p.shutdown != infinity)
    k.due = now + k.p.shutdown;
}

void naive_supervisor::ends_after_all(kid& k) {
  if (!is_kept(k.then)) return;
  k.then = usual_fate(k);
  answer(k, wish::up, admin_code::failed);
}

void naive_supervisor::down(child_number i, kid& k) {
  k.due.reset();
  for (const auto what : {wish::down, wish::parked, wish::killed}) answer(k, what, admin_code::ok);
  if (k.then == fate::again && serving()) return begin(i, k, false);
  if (k.then == fate::comes_back && serving()) {
    k.state = child_state::waiting;
    return;
  }
  k.state = k.then == fate::parked && serving() ? child_state::parked : child_state::idle;
  k.member = 0;
  if (k.then == fate::forgotten) {
    kids.erase(i);
    say({deed::kind::forget, i});
  }
}

void naive_supervisor::lost(child_number i, kid& k) {
  k.state = child_state::waiting;
  if (k.p.restart == restart_type::temporary) ask(i, k, fate::forgotten);
}

bool naive_supervisor::within_limit(kid& k) {
  auto& times = k.p.intensity ? k.restarts : restarts;
  const auto limit = k.p.intensity.value_or(o.intensity);
  std::erase_if(times, [&](time_point then) { return now - then > limit.within; });
  if (times.size() >= limit.restarts) return false;
  times.push_back(now);
  return true;
}

milliseconds naive_supervisor::delay_of(kid& k, bool shares) {
  const bool rested = k.ready_since && now - *k.ready_since >= k.p.delays.healthy;
  if (shares && !k.p.group.empty())
    for (auto& [n, other] : kids)
      if (&other != &k && other.p.group == k.p.group)
        (rested ? other : k).steps = rested ? 0 : std::max(k.steps, other.steps);
  if (rested) k.steps = 0;
  k.ready_since.reset();
  if (k.steps++ == 0) return milliseconds{0};
  auto delay = k.p.delays.min;
  for (unsigned n = 2; n < k.steps && delay < k.p.delays.max; ++n) delay *= 2;
  return std::min(delay, k.p.delays.max);
}

void naive_supervisor::crashed(child_number i, kid& k, bool in_place) {
  k.state = child_state::waiting;
  if (!serving()) return;
  if (!within_limit(k)) {
    if (!k.p.intensity || k.p.on_spent == spent_policy::escalate) return give_up(k);
    answer(k, wish::up, admin_code::failed);
    if (k.p.on_spent == spent_policy::end) {
      k.spent = true;
      k.member = 0;
      if (!k.p.significant || !triggers_shutdown(i)) return ask(i, k, usual_fate(k));
      return end(phases::stopping, o.keep_on_end, exit_class::shutdown);
    }
    k.state = child_state::parked;
    k.member = 0;
    if (k.p.park_for > milliseconds{0}) k.due = now + k.p.park_for;
    return;
  }
  const auto delay = delay_of(k, true);
  if (!grouped() && k.p.group.empty()) k.member = 0;
  if (grouped() || !k.p.group.empty()) {
    if (phase == phases::starting)
      crashed_early.push_back(i);
    else
      restart_group(i, delay);
  } else if (delay == milliseconds{0}) {
    begin(i, k, in_place);
  } else {
    k.due = now + delay;
  }
}

void naive_supervisor::give_up(kid& k) {
  k.state = child_state::waiting;
  end(phases::stopping, o.keep_on_end, exit_class::gave_up);
}

bool naive_supervisor::triggers_shutdown(child_number i) const {
  if (o.auto_shutdown != auto_shutdown::all_significant) return o.auto_shutdown == auto_shutdown::any_significant;
  for (const auto& [n, k] : kids) {
    const bool gone = k.state == child_state::idle || (k.state == child_state::stopping && !is_kept(k.then));
    if (n != i && k.p.significant && (k.to_be_started || !gone)) return false;
  }
  return true;
}

void naive_supervisor::end(phases next, bool with_keep, exit_class how) {
  phase = next;
  keep = with_keep;
  last = how;
  first.clear();
  groups.clear();
  if (!dynamic()) return;
  std::vector<child_number> all;
  for (const auto& [n, k] : kids)
    if (k.state != child_state::idle && k.state != child_state::stopping) all.push_back(n);
  for (auto& [n, k] : kids)
    if (k.state == child_state::stopping) ends_after_all(k);
  for (const auto n : all) ask(n, kids.at(n), fate::forgotten);
}

void naive_supervisor::go_on() {
  while (one_step()) {
  }
}

bool naive_supervisor::one_step() {
  if (phase == phases::starting && (dynamic() || first.empty())) return next_first_start();
  if (phase == phases::stopping || phase == phases::rolling_back) return next_stop();
  if (!serving()) return false;
  for (auto& one : groups)
    if (one.second.all_down ? next_of_group(one) : next_stop_of_group(one)) return true;
  return false;
}

bool naive_supervisor::next_first_start() {
  for (auto& [n, k] : kids) {
    if (!k.to_be_started) continue;
    first.insert(n);
    begin(n, k, false);
    return true;
  }
  if (!first.empty()) return false;
  phase = phases::running;
  say({deed::kind::started});
  std::erase_if(crashed_early,
                [&](child_number n) { return !kids.contains(n) || kids.at(n).state != child_state::waiting; });
  if (grouped() && !crashed_early.empty())
    restart_group(*std::min_element(crashed_early.begin(), crashed_early.end()), milliseconds{0});
  for (const auto n : crashed_early)
    if (auto& k = kids.at(n); !grouped() && k.state == child_state::waiting && k.member == 0) {
      if (k.p.group.empty())
        begin(n, k, false);
      else
        restart_group(n, milliseconds{0});
    }
  crashed_early.clear();
  return true;
}

bool naive_supervisor::next_stop() {
  for (auto it = kids.rbegin(); it != kids.rend(); ++it) {
    auto& k = it->second;
    if (k.state == child_state::idle) continue;
    if (k.state == child_state::stopping) {
      ends_after_all(k);
      return false;
    }
    if (dynamic()) return false;
    ask(it->first, k, usual_fate(k));
    return true;
  }
  for (auto& [n, k] : kids) {
    answer(k, wish::up, admin_code::noproc);
    for (const auto what : {wish::down, wish::parked, wish::killed}) answer(k, what, admin_code::ok);
  }
  const bool failed = phase == phases::rolling_back;
  phase = phases::over;
  if (failed)
    say({deed::kind::start_failed, failed_child});
  else
    say({deed::kind::ended, 0, static_cast<std::uint64_t>(last), keep});
  return false;
}

}  // namespace steward::policy::testing_support
