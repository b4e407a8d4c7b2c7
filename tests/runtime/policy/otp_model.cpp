#include "tests/runtime/policy/otp_model.hpp"

#include <algorithm>
#include <utility>

namespace steward::testing_support {

using namespace std::chrono_literals;

otp::otp(const supervisor_spec& spec) {
  root = std::make_shared<member>();
  root->id = "root";
  root->path = "/root";
  root->spec.what = std::make_shared<supervisor_spec>(spec);
}

void otp::start_tree() {
  started = begin(*root) == start_as::ok;
  root->state = started ? is::up : is::idle;
}

void otp::hurt(const handle& c, end_as how) {
  ended.push_back(c->path);
  child_ended(*c->parent, c, how);
}

void otp::fire(const handle& c) {
  c->due.reset();
  auto& s = *c->parent;
  if (s.culprit == c)
    start_group(s);
  else
    go(s, c);
}

std::optional<admin_code> otp::terminate(const handle& c) {
  auto& s = *c->parent;
  if (!s.serving) return admin_code::noproc;
  take_down(c);
  finish(s, c);
  if (s.culprit == c) start_group(s);
  return admin_code::ok;
}

std::optional<admin_code> otp::restart(const handle& c) {
  auto& s = *c->parent;
  if (!s.serving) return admin_code::noproc;
  if (s.dynamic() && c->state != is::parked) return admin_code::unsupported;
  if (c->state == is::up) return admin_code::running;
  if (c->state == is::waiting) return admin_code::restarting;
  if (c->state == is::parked) {
    c->restarts.clear();
    c->due.reset();
    c->asked = true;
    c->answer.reset();
    go(s, c);
    return c->answer;
  }
  return asked_to_start(s, c, false);
}

std::optional<admin_code> otp::operate(operation what, const handle& c) {
  auto& s = *c->parent;
  if (!s.serving) return admin_code::noproc;
  switch (what) {
    case operation::start:
      return start_by_hand(s, c, false);
    case operation::stop:
      return terminate(c);
    case operation::revive:
      return start_by_hand(s, c, true);
    case operation::park:
      return park(s, c);
    case operation::kill:
      return kill(s, c);
    case operation::restart:
      break;
  }
  if (c->state != is::up) return start_by_hand(s, c, true);
  take_down(c);
  c->steps = 0;
  c->asked = true;
  c->answer.reset();
  go(s, c);
  return c->answer;
}

std::optional<admin_code> otp::start_by_hand(member& s, const handle& c, bool waits_too) {
  if (c->state == is::up) return admin_code::ok;
  if (c->state == is::waiting && (!waits_too || s.grouped())) return admin_code::restarting;
  if (c->state == is::idle) return asked_to_start(s, c, false);
  if (c->state == is::parked) c->restarts.clear();
  c->due.reset();
  c->asked = true;
  c->answer.reset();
  go(s, c);
  return c->answer;
}

admin_code otp::park(member& s, const handle& c) {
  take_down(c);
  answer(*c, admin_code::failed);
  c->state = is::parked;
  if (s.culprit == c) start_group(s);
  return admin_code::ok;
}

admin_code otp::kill(member& s, const handle& c) {
  if (c->state != is::up) return admin_code::not_running;
  if (c->how() != nullptr) {
    end_supervisor(*c, end_as::bad);
  } else {
    ended.push_back(c->path);
    child_ended(s, c, end_as::bad);
  }
  return admin_code::ok;
}

std::optional<admin_code> otp::remove(const handle& c) {
  auto& s = *c->parent;
  if (!s.serving) return admin_code::noproc;
  if (s.dynamic()) return admin_code::unsupported;
  if (c->state == is::up) return admin_code::running;
  if (c->state != is::idle) return admin_code::restarting;
  std::erase(s.children, c);
  return admin_code::ok;
}

std::optional<admin_code> otp::start_child(member& s, const child_spec& spec) {
  if (!s.serving) return admin_code::noproc;
  for (const auto& x : s.children)
    if (x->id == spec.id) return x->state == is::up ? admin_code::already_started : admin_code::already_present;
  return asked_to_start(s, add(s, spec, spec.id, false), true);
}

std::optional<admin_code> otp::start_dynamic(member& s) {
  if (!s.serving) return admin_code::noproc;
  const auto& pattern = s.how()->children.front();
  return asked_to_start(s, add(s, pattern, pattern.id + "-" + std::to_string(++s.made), false), true);
}

void otp::stop_tree() {
  stop(*root);
  over = end_as::shutdown;
}

void otp::visit(const handle& s, const std::function<void(const handle&)>& f) const {
  if (!s->serving) return;
  for (const auto& c : s->children) {
    f(c);
    if (c->how() != nullptr) visit(c, f);
  }
}

otp::handle otp::add(member& s, const child_spec& spec, const std::string& id, bool fixed) {
  auto c = std::make_shared<member>();
  c->id = id;
  c->path = s.path + "/" + id;
  c->spec = spec;
  c->fixed = fixed;
  c->parent = &s;
  s.children.push_back(c);
  return c;
}

start_as otp::begin(member& c) {
  ++c.incarnation;
  if (c.how() == nullptr) {
    tried.push_back(c.path + "#" + std::to_string(c.incarnation));
    return next_of(starts, c.path);
  }
  auto old = std::exchange(c.children, {});
  for (const auto& x : c.how()->children) {
    if (c.dynamic()) break;
    const auto known = std::find_if(old.begin(), old.end(), [&](const auto& y) { return y->id == x.id && y->fixed; });
    if (known == old.end())
      add(c, x, x.id, true);
    else
      c.children.push_back(*known);
  }
  for (unsigned n = 0; c.dynamic() && n < c.how()->initial; ++n)
    add(c, c.how()->children.front(), c.how()->children.front().id + "-" + std::to_string(++c.made), false);
  for (const auto& x : c.children) {
    x->restarts.clear();
    x->steps = 0;
    x->ready_since.reset();
  }
  c.all_restarts.clear();
  c.culprit.reset();
  c.serving = true;
  ++c.round;
  for (const auto& x : std::vector<handle>{c.children}) {
    const auto r = begin(*x);
    if (r == start_as::ok) up(x);
    if (r == start_as::declines) finish(c, x);
    if (r != start_as::throws) continue;
    unclear = unclear || (c.dynamic() && c.children.size() > 1);
    finish(c, x);
    stop(c);
    return r;
  }
  return start_as::ok;
}

void otp::up(const handle& c) const {
  c->state = is::up;
  c->ready_since = now;
  answer(*c, admin_code::ok);
}

void otp::finish(member& s, const handle& c) {
  c->state = is::idle;
  c->due.reset();
  answer(*c, admin_code::failed);
  if (s.dynamic() || temporary(*c)) std::erase(s.children, c);
}

void otp::answer(member& c, admin_code x) {
  if (std::exchange(c.asked, false)) c.answer = x;
}

void otp::take_down(const handle& c) {
  c->due.reset();
  if (std::exchange(c->state, is::idle) != is::up) return;
  if (c->how() != nullptr)
    stop(*c);
  else
    ended.push_back(c->path);
}

void otp::stop(member& s) {
  s.serving = false;
  s.culprit.reset();
  const auto all = s.children;
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    const bool ran = (*it)->state != is::idle;
    take_down(*it);
    if (ran) finish(s, *it);
  }
}

void otp::child_ended(member& s, const handle& c, end_as how) {
  const auto type = c->spec.restart;
  c->state = is::idle;
  if (type == restart_type::permanent || (type == restart_type::transient && how == end_as::bad))
    return restart_by_policy(s, c);
  const bool last = c->spec.significant && ends_supervisor(s, c);
  finish(s, c);
  if (last) end_supervisor(s, end_as::shutdown);
}

bool otp::ends_supervisor(const member& s, const handle& c) {
  if (s.how()->auto_shutdown != auto_shutdown::all_significant)
    return s.how()->auto_shutdown == auto_shutdown::any_significant;
  return std::none_of(s.children.begin(), s.children.end(),
                      [&](const auto& x) { return x != c && x->spec.significant && x->state != is::idle; });
}

void otp::end_supervisor(member& s, end_as how) {
  stop(s);
  if (&s == root.get()) {
    over = how;
    return;
  }
  const auto& among = s.parent->children;
  const auto me = *std::find_if(among.begin(), among.end(), [&](const auto& x) { return x.get() == &s; });
  graveyard.push_back(me);
  child_ended(*s.parent, me, how);
}

bool otp::allowed(member& s, member& c) const {
  auto& times = c.spec.intensity ? c.restarts : s.all_restarts;
  const auto limit = c.spec.intensity.value_or(s.how()->intensity);
  std::erase_if(times, [&](std::int64_t then) { return now - then > limit.within.count(); });
  if (times.size() >= limit.restarts) return false;
  times.push_back(now);
  return true;
}

std::int64_t otp::delay_of(member& c) const {
  const auto& spec = c.spec.backoff;
  if (c.ready_since && now - *c.ready_since >= spec.healthy.count()) c.steps = 0;
  c.ready_since.reset();
  if (c.steps++ == 0) return 0;
  auto out = spec.min.count();
  for (int n = 2; n < c.steps; ++n) out = std::min<std::int64_t>(out * 2, spec.max.count());
  return std::min<std::int64_t>(out, spec.max.count());
}

void otp::restart_by_policy(member& s, const handle& c) {
  c->state = is::waiting;
  c->due.reset();
  if (!allowed(s, *c)) {
    if (!c->spec.intensity || c->spec.on_spent != spent_policy::park) return end_supervisor(s, end_as::bad);
    c->state = is::parked;
    answer(*c, admin_code::failed);
    if (c->spec.park_for > 0ms) c->due = now + c->spec.park_for.count();
    return;
  }
  const auto delay = delay_of(*c);
  if (s.grouped())
    restart_group(s, c, delay);
  else if (delay > 0)
    c->due = now + delay;
  else
    go(s, c);
}

void otp::go(member& s, const handle& c) {
  const auto r = begin(*c);
  if (r == start_as::ok) up(c);
  if (r == start_as::declines) answer(*c, admin_code::ignored);
  if (r == start_as::declines) finish(s, c);
  if (r == start_as::throws) restart_by_policy(s, c);
}

void otp::restart_group(member& s, const handle& c, std::int64_t delay) {
  auto due = now + delay;
  if (s.culprit) {
    due = std::max(due, s.culprit->due.value_or(0));
    s.culprit->due.reset();
  }
  s.culprit.reset();
  ++s.round;
  const auto all = s.children;
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    const auto& x = *it;
    if (x->state == is::parked) continue;
    const bool was_up = x->state == is::up;
    take_down(x);
    x->state = is::waiting;
    if (was_up && temporary(*x)) finish(s, x);
    if (x == c && s.how()->strategy == strategy::rest_for_one) break;
  }
  if (due <= now) return start_group(s);
  s.culprit = c;
  c->due = due;
}

void otp::start_group(member& s) {
  s.culprit.reset();
  const auto round = ++s.round;
  for (const auto& c : std::vector<handle>{s.children}) {
    if (c->state != is::waiting) continue;
    go(s, c);
    if (!s.serving || s.round != round) return;
  }
}

std::optional<admin_code> otp::asked_to_start(member& s, const handle& c, bool is_new) {
  const auto r = begin(*c);
  if (r == start_as::ok) {
    up(c);
    return admin_code::ok;
  }
  finish(s, c);
  if (r == start_as::throws && is_new) std::erase(s.children, c);
  return r == start_as::throws ? admin_code::failed : admin_code::ignored;
}

}  // namespace steward::testing_support
