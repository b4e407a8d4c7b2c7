#include "supervision/kernel.hpp"

#include <charconv>
#include <utility>

namespace steward::supervision {

kernel::kernel(caf::actor_config& cfg, kernel_environment env) : caf::event_based_actor(cfg), env_(std::move(env)) {}

caf::behavior kernel::make_behavior() {
  return {
      [this](const kernel_poke& x) { carry_out(x.supervisor); },
      [this](const kernel_look& x) { look_again(x.supervisor); },
      [this](const cell_report& report) { on_report(report); },
      [this](kernel_call& call) { call.run(*this); },
      [this](const kernel_tick&) { on_tick(); },
  };
}

void kernel::on_exit() {
  for (auto& [id, x] : nodes_)  // desks and cells hold each other and us
    if (std::holds_alternative<std::unique_ptr<supervisor_child>>(x.what) && as_supervisor(x).desk)
      as_supervisor(x).desk->remove();
  by_path_.clear();
  nodes_.clear();
  retired_pools_.clear();
  leaving_.clear();
  timers_.clear();
  if (!claimed_.empty()) env_.names->release(claimed_);
  // Whoever waits for the tree must not wait for ever, whatever ended us.
  cause gone;
  gone.cls = cause_class::killed;
  gone.message = "the supervision kernel has ended";
  if (auto tell_started = std::exchange(on_started_, nullptr)) tell_started(start_report{"/", gone, {}});
  if (auto tell_ended = std::exchange(on_ended_, nullptr)) tell_ended({policy::exit_class::abnormal, gone});
  for (auto& [number, request] : std::exchange(requests_, {})) {
    admin_result out;
    out.code = admin_code::noproc;
    out.path = request.first;
    request.second(std::move(out));
  }
  for (auto& x : std::exchange(late_starts_, {})) {
    admin_result out;
    out.code = admin_code::noproc;
    out.path = x.supervisor;
    x.answer(std::move(out));
  }
}

void kernel::start_tree(std::string root_name, supervisor_spec spec, std::function<void(start_report)> on_started,
                        std::function<void(policy::exit_info)> on_ended) {
  const std::string path = "/" + std::move(root_name);
  start_report refused;
  refused.faults = validate(spec, path);
  if (refused.faults.empty()) check_all_params(spec, path, refused.faults);
  if (!refused.faults.empty()) {
    refused.failed_child = refused.faults.front().path;
    refused.why.message = refused.faults.front().field + ": " + refused.faults.front().message;
  } else if (!env_.names->claim(path)) {
    refused.failed_child = path;
    refused.why.message = "already_started: another tree of this runtime is called " + path;
  }
  if (!refused.failed_child.empty()) {
    refused.why.cls = cause_class::start;
    on_started(std::move(refused));
    return;
  }
  claimed_ = path;
  on_started_ = std::move(on_started);
  on_ended_ = std::move(on_ended);
  root_ = ++last_id_;
  node root;
  root.id = root_;
  root.incarnation = 1;
  auto content = std::make_unique<supervisor_child>();
  content->spec = std::make_shared<supervisor_spec>(std::move(spec));
  root.place = make_place(*content, path);
  root.what = std::move(content);
  auto& placed = nodes_.emplace(root_, std::move(root)).first->second;
  by_path_.emplace(placed.place->text, root_);
  start_supervisor(placed);
}

void kernel::stop_tree() {
  auto* root = find(root_);
  if (root == nullptr) return;
  as_supervisor(*root).asked_to_stop = true;
  tell(*root, [&](policy::supervisor_machine& m) { return m.stop(now()); });
}

void kernel::on_report(const cell_report& report) {
  if (report.what == cell_report::kind::left) {
    on_left(report);
    return;
  }
  auto* child = find(report.node);
  if (child == nullptr || report.cell != std::get<actor_child>(child->what).serial()) return;
  auto* parent = find(child->parent);
  if (parent == nullptr) return;
  switch (report.what) {
    case cell_report::kind::start_failed:
      note_failing(*child);
      tell(*parent, [&](policy::supervisor_machine& m) {
        return m.child_start_failed(child->id, report.incarnation, report.why, now());
      });
      break;
    case cell_report::kind::declined:
      tell(*parent,
           [&](policy::supervisor_machine& m) { return m.child_declined(child->id, report.incarnation, now()); });
      break;
    case cell_report::kind::held:
      if (report.was_up) {
        event e;
        e.kind = event_kind::stop;
        e.level = event_level::info;
        e.incarnation = report.incarnation;
        e.runs_in = to_string(rung::thread);
        e.text = "shut down";
        emit(*child, std::move(e));
      }
      after_stopped(child->id);
      break;
    case cell_report::kind::left:
      break;
  }
}

void kernel::on_left(const cell_report& report) {
  const auto leaving = leaving_.find(report.cell);
  auto* child = find(report.node);
  const bool ours = child != nullptr && std::holds_alternative<actor_child>(child->what) &&
                    std::get<actor_child>(child->what).serial() == report.cell;
  const std::string path =
      leaving != leaving_.end() ? leaving->second.path : (child != nullptr ? child->path() : std::string{});
  auto say = [&](event_kind kind, event_level level, std::string text) {
    event e;
    e.actor = path;
    e.kind = kind;
    e.level = level;
    e.incarnation = report.incarnation;
    e.runs_in = to_string(rung::thread);
    e.text = std::move(text);
    if (kind == event_kind::dead_letter) {
      e.lost = report.dropped;
      e.runs_in.clear();
      e.incarnation.reset();
    }
    env_.events->emit(std::move(e));
  };
  const bool abandoned = leaving != leaving_.end() && leaving->second.abandoned;
  if (abandoned)
    say(event_kind::stop, event_level::info, "the abandoned incarnation has ended after all");
  else if (report.was_up)
    say(event_kind::stop, event_level::info, "shut down");
  if (report.dropped > 0) {
    const auto reason = child != nullptr ? reason_of(*child) : std::string{};
    say(event_kind::dead_letter, event_level::warn,
        "messages that no incarnation will handle" + (reason.empty() ? reason : ": " + reason));
  }
  const bool once_ours = leaving != leaving_.end() && child != nullptr && child->path() == path &&
                         std::holds_alternative<actor_child>(child->what);
  if (ours || once_ours) {
    auto& past = std::get<actor_child>(child->what).more().past;
    past.accepted += report.counts.accepted;
    past.handled += report.counts.handled;
    past.failed += report.counts.failed;
    past.dead += report.counts.dead;
    past.rejected += report.counts.rejected;
  }
  if (leaving != leaving_.end()) {
    if (!abandoned) --awaited_;
    leaving_.erase(leaving);
    check_all_left();
  } else if (ours) {
    std::get<actor_child>(child->what).cell = nullptr;
    after_stopped(child->id);
  }
}

void kernel::on_tick() {
  armed_.reset();
  const auto at = now();
  while (!timers_.empty() && timers_.begin()->first <= at) {
    const auto next = timers_.begin()->second;
    auto& child = nodes_.at(next.child);
    clear_timer(child, next.what);
    if (next.what == due::purpose::hang) {
      check_hang(child);
    } else {
      auto* parent = find(child.parent);
      tell(*parent, [&](policy::supervisor_machine& m) {
        const bool starts = m.knows(next.child) && m.state_of(next.child) == policy::child_state::starting;
        if (starts) note_failing(child);  // it takes too long
        return m.timer(next.child, next.token, at);
      });
    }
  }
  if (!timers_.empty() && (!armed_ || timers_.begin()->first < *armed_)) {
    armed_ = timers_.begin()->first;
    port::tell_after(this, *armed_ - at, this, kernel_tick{});
  }
}

void kernel::check_hang(node& child) {
  auto& self = std::get<actor_child>(child.what);
  if (!self.cell || child.spec->hang_after.count() == 0) return;
  auto& watch = self.more();
  const auto at = now();
  const auto turn = cell_of(self.cell).turn();
  if (turn != watch.turn || turn % 2 == 0) {
    watch.turn = turn;
    watch.since = at;
    watch.told = false;
  }
  const auto ran = std::chrono::duration_cast<milliseconds>(at - watch.since);
  if (turn % 2 == 1 && ran >= child.spec->hang_after && !watch.told) {
    watch.told = true;
    const bool replace = child.spec->on_hang == hang_policy::replace;
    policy::exit_info how{policy::exit_class::abnormal, {}};
    how.why.cls = cause_class::heartbeat;
    how.why.message = "its handler has run for " + std::to_string(ran.count()) + " ms";
    const auto handling = cell_of(self.cell).in_hand();
    how.text = handling.empty() ? std::string{} : "while it handles " + handling;
    event e;
    e.kind = event_kind::hang;
    e.level = event_level::error;
    e.incarnation = child.incarnation;
    e.runs_in = to_string(rung::thread);
    e.why = how.why;
    e.text = how.text;
    if (replace) e.text += "; a thread cannot be killed: it is left alone, " + std::to_string(leaked() + 1) + " so far";
    emit(child, std::move(e));
    if (replace) {
      const auto id = child.id;
      tell(*find(child.parent),
           [&](policy::supervisor_machine& m) { return m.child_hung(id, child.incarnation, how, at); });
      return;  // the next incarnation is watched when it is ready
    }
  }
  set_timer(child, at + std::max(child.spec->hang_after / 4, milliseconds{1}), due::purpose::hang, 0);
}

void kernel::carry_out(node_id supervisor) {
  dirty_.push_back(supervisor);
  if (busy_) return;
  busy_ = true;
  while (!dirty_.empty()) {
    const auto id = dirty_.front();
    dirty_.pop_front();
    auto* owner = find(id);
    if (owner == nullptr) continue;
    const auto desk = as_supervisor(*owner).desk;
    if (desk->take(in_hand_)) port::tell_after(this, desk->gather(), this, kernel_look{id});
    for (auto& batch : in_hand_) {
      for (auto& next : batch) {
        owner = find(id);  // what was done last may have removed it
        if (owner != nullptr) carry_out(*owner, next);
      }
      batch.clear();
    }
  }
  busy_ = false;
  try_late_starts();
}

void kernel::carry_out(node& supervisor, policy::any_action& next) {
  std::visit(
      [&]<class T>(T& x) {
        // A report about a child that is gone is late, and of no use any more.
        if constexpr (requires { x.child; } && !std::is_same_v<T, policy::action::reply> &&
                      !std::is_same_v<T, policy::action::start_failed>)
          if (!nodes_.contains(x.child)) return;
        perform(supervisor, std::move(x));
      },
      next);
}

void kernel::look_again(node_id supervisor) {
  const auto* owner = find(supervisor);
  if (owner == nullptr) return;
  const auto desk = as_supervisor(*owner).desk;
  if (!desk->look_again()) return;
  port::tell_after(this, desk->gather(), this, kernel_look{supervisor});
  carry_out(supervisor);
}

void kernel::perform(node& supervisor, const policy::action::start_child& x) {
  auto& child = nodes_.at(x.child);
  child.incarnation = x.incarnation;
  child.started_before = true;
  if (x.in_place) return;
  try {
    if (std::holds_alternative<actor_child>(child.what))
      start_actor(child);
    else if (as_pool(child) != nullptr)
      start_pool(child);
    else
      start_supervisor(child);
  } catch (const std::exception&) {  // no descriptor or thread left: the start has failed, the tree goes on
    const auto why = cause_of(std::current_exception());
    note_failing(child);
    tell(supervisor,
         [&](policy::supervisor_machine& m) { return m.child_start_failed(x.child, x.incarnation, why, now()); });
  }
}

void kernel::perform(node&, const policy::action::stop_child& x) {
  auto& child = nodes_.at(x.child);
  clear_timer(child, due::purpose::hang);
  if (x.brutal && !x.keep) tell_end(child, x.how);
  if (auto* as_actor = std::get_if<actor_child>(&child.what)) {
    if (!as_actor->cell) {
      dismiss_predecessor(child, nullptr);
      if (!x.brutal || x.keep) after_stopped(child.id);
      return;
    }
    if (x.keep) {
      cell_command hold;
      hold.what = cell_command::kind::hold;
      port::tell_urgently(as_actor->cell, std::move(hold));
      return;
    }
    auto reason = leave_reason::shutdown;
    if (policy::is_abnormal(x.how)) reason = leave_reason::crashed;
    if (x.how == policy::exit_class::normal) reason = leave_reason::normal;
    if (x.brutal) {
      dismiss(child, reason == leave_reason::shutdown ? leave_reason::killed : reason);
      env_.names->erase(child.path());
      return;
    }
    dismiss_predecessor(child, nullptr);
    cell_command leave;
    leave.what = cell_command::kind::leave;
    leave.reason = reason;
    leave.why = reason_of(child);
    port::tell_urgently(as_actor->cell, std::move(leave));
  } else if (auto* pool = as_pool(child)) {
    if (x.brutal && !x.keep) {
      env_.names->erase(child.path());
      retire(std::move(pool->pool));
      return;
    }
    if (!pool->pool) {
      after_stopped(child.id);
      return;
    }
    pool->pool->stop_async(false, [me = caf::actor_cast<caf::actor>(this), id = child.id, n = child.incarnation] {
      port::tell_urgently(me, kernel_call{[=](kernel& self) { self.pool_has_stopped(id, n); }});
    });
  } else {
    auto& nested = as_supervisor(child);
    const bool over =
        !nested.desk || nested.desk->look([](const policy::supervisor_machine& m) { return m.over(); }, true);
    if (x.brutal && !x.keep) {
      let_go_of_children(child);
      if (nested.desk) nested.desk->remove();
      return;
    }
    if (over) {
      if (!x.keep) let_go_of_children(child);
      after_stopped(child.id);
      return;
    }
    nested.asked_to_stop = true;
    tell(child, [&](policy::supervisor_machine& m) { return m.stop(now(), x.keep); });
  }
}

void kernel::perform(node&, const policy::action::abandon_child& x) {
  auto& child = nodes_.at(x.child);
  clear_timer(child, due::purpose::hang);
  if (auto* as_actor = std::get_if<actor_child>(&child.what)) {
    // A thread cannot be killed: the cell leaves when its handler returns, if ever; what replaces it is a new cell.
    if (!as_actor->cell) return;
    dismiss_predecessor(child, nullptr);
    leaving_.emplace(as_actor->serial(), leaving_cell{child.path(), as_actor->cell, true});
    as_actor->more().predecessor = std::exchange(as_actor->cell, nullptr);
    if (env_.on_abandoned) env_.on_abandoned(child.path());
  } else if (auto* pool = as_pool(child)) {
    env_.names->erase(child.path());
    retire(std::move(pool->pool));
  } else {
    let_go_of_children(child);
    as_supervisor(child).desk->remove();
  }
}

void kernel::perform(node&, const policy::action::forget_child& x) { erase_child(x.child); }

void kernel::perform(node&, const policy::action::arm_timer& x) {
  set_timer(nodes_.at(x.child), x.at, due::purpose::machine, x.token);
}

void kernel::perform(node&, const policy::action::disarm_timer& x) {
  clear_timer(nodes_.at(x.child), due::purpose::machine);
}

void kernel::perform(node& supervisor, policy::action::note x) {
  if (x.what.decision)
    for (const auto other : x.also)
      if (const auto* n = find(other)) x.what.decision->also.push_back(n->path());
  if (!x.about) {
    if (x.what.kind == event_kind::limit && x.what.why) as_supervisor(supervisor).last = *x.what.why;
    if (!x.also.empty())
      if (const auto* n = find(x.also.front())) x.what.text = "child " + n->id_text() + ": " + x.what.text;
    emit(supervisor, std::move(x.what));
    return;
  }
  const auto about = nodes_.find(*x.about);
  if (about == nodes_.end()) return;
  auto& child = about->second;
  if (auto* as_actor = std::get_if<actor_child>(&child.what)) {
    x.what.runs_in = to_string(rung::thread);
    if (x.what.kind == event_kind::crash && x.what.why) as_actor->more().last = *x.what.why;
    const bool up = x.what.kind == event_kind::ready || x.what.kind == event_kind::recover;
    if (up && child.spec->hang_after.count() > 0) check_hang(child);
  } else if (auto* pool = as_pool(child)) {
    using enum event_kind;
    if (x.what.kind == crash && x.what.why) pool->last = *x.what.why;
    if (x.what.kind == start || x.what.kind == ready || x.what.kind == stop) return;  // the pool tells these itself
    x.what.runs_in = to_string(std::get<pool_spec>(child.spec->what).runs_in);
  } else if (x.what.kind == event_kind::crash && x.what.why) {
    as_supervisor(child).last = *x.what.why;
  }
  emit(child, std::move(x.what));
}

void kernel::perform(node&, const policy::action::reply& x) {
  const auto waiting = requests_.find(x.request);
  if (waiting == requests_.end()) return;
  auto [path, answer] = std::move(waiting->second);
  requests_.erase(waiting);
  admin_result out;
  switch (x.code) {
    case policy::reply_code::ok:
      out.code = admin_code::ok;
      break;
    case policy::reply_code::ignored:
      out.code = admin_code::ignored;
      break;
    case policy::reply_code::not_found:
      out.code = admin_code::not_found;
      break;
    case policy::reply_code::running:
      out.code = admin_code::running;
      break;
    case policy::reply_code::restarting:
      out.code = admin_code::restarting;
      break;
    case policy::reply_code::failed:
      out.code = admin_code::failed;
      break;
    case policy::reply_code::noproc:
      out.code = admin_code::noproc;
      break;
  }
  if (x.code == policy::reply_code::ok || x.code == policy::reply_code::running) out.handle = env_.names->actor(path);
  out.path = std::move(path);
  out.extra = x.extra;
  out.why = x.why;
  answer(std::move(out));
}

void kernel::perform(node& supervisor, const policy::action::started&) {
  if (supervisor.id == root_) {
    if (auto tell_started = std::exchange(on_started_, nullptr)) tell_started(start_report{});
    return;
  }
  tell(*find(supervisor.parent),
       [&](policy::supervisor_machine& m) { return m.child_ready(supervisor.id, supervisor.incarnation, now()); });
}

void kernel::perform(node& supervisor, const policy::action::start_failed& x) {
  auto& noted = as_supervisor(supervisor).failing;
  const auto* child = find(x.child);
  if (!noted || noted->child != x.child)
    noted = failed_start{x.child, child != nullptr ? child->path() : supervisor.path()};
  if (supervisor.id == root_) {
    when_all_left([this, report = start_report{noted->path, x.why, {}}] {
      if (auto tell_started = std::exchange(on_started_, nullptr)) tell_started(report);
    });
    return;
  }
  cause why = x.why;
  why.message = (child != nullptr ? child->path() : noted->path) + " failed to start: " + describe(x.why);
  why.cls = cause_class::start;
  note_failing(supervisor);
  tell(*find(supervisor.parent), [&](policy::supervisor_machine& m) {
    return m.child_start_failed(supervisor.id, supervisor.incarnation, why, now());
  });
}

void kernel::perform(node& supervisor, const policy::action::ended& x) {
  const bool gave_up = x.how.cls == policy::exit_class::gave_up;
  if (gave_up) {
    event e;
    e.kind = supervisor.id == root_ ? event_kind::give_up : event_kind::escalate;
    e.level = event_level::error;
    e.why = x.how.why;
    e.text =
        supervisor.id == root_ ? "the root's restart limit was reached" : "restart limit reached; the parent decides";
    emit(supervisor, std::move(e));
  }
  if (!x.kept) let_go_of_children(supervisor);
  if (supervisor.id == root_) {
    on_started_ = nullptr;
    when_all_left([this, how = x.how] {
      if (auto tell_ended = std::exchange(on_ended_, nullptr)) tell_ended(how);
    });
    return;
  }
  if (std::exchange(as_supervisor(supervisor).asked_to_stop, false)) {
    after_stopped(supervisor.id);
    return;
  }
  // A supervisor that gave up before all its children were up has failed to start.
  as_supervisor(supervisor).failing.reset();
  note_failing(supervisor);
  tell(*find(supervisor.parent), [&](policy::supervisor_machine& m) {
    return m.state_of(supervisor.id) == policy::child_state::starting
               ? m.child_start_failed(supervisor.id, supervisor.incarnation, x.how.why, now())
               : m.child_exited(supervisor.id, supervisor.incarnation, x.how, now());
  });
}

void kernel::note_failing(const node& child) {
  auto* const parent = find(child.parent);
  if (parent == nullptr) return;
  const auto* nested = std::get_if<std::unique_ptr<supervisor_child>>(&child.what);
  const bool inside = nested != nullptr && (*nested)->failing;
  as_supervisor(*parent).failing = failed_start{child.id, inside ? (*nested)->failing->path : child.path()};
}

kernel::node* kernel::find(node_id id) {
  auto it = nodes_.find(id);
  return it == nodes_.end() ? nullptr : &it->second;
}

kernel::node* kernel::find(const std::string& path) {
  if (const auto it = by_path_.find(path); it != by_path_.end()) return find(it->second);
  // A dynamic child: its path ends with a number.
  const auto cut = path.rfind('/');
  const auto dash = path.rfind('-');
  if (cut == 0 || cut == std::string::npos || dash == std::string::npos || dash < cut) return nullptr;
  const auto* owner = find(path.substr(0, cut));
  if (owner == nullptr || !std::holds_alternative<std::unique_ptr<supervisor_child>>(owner->what)) return nullptr;
  std::uint64_t number = 0;
  const auto* const end = path.data() + path.size();
  const auto read = std::from_chars(path.data() + dash + 1, end, number);
  if (read.ec != std::errc{} || read.ptr != end) return nullptr;
  auto* child = find(as_supervisor(*owner).block + number);
  return child != nullptr && child->parent == owner->id && child->path() == path ? child : nullptr;
}

void kernel::set_timer(node& child, clock_point at, due::purpose what, std::uint64_t token) {
  clear_timer(child, what);
  const auto it = timers_.emplace(at, due{child.id, token, what});
  if (what == due::purpose::machine) {
    child.timer = it;
    child.timed = true;
  } else {
    std::get<actor_child>(child.what).more().watch = it;
    child.watched = true;
  }
  if (armed_ && *armed_ <= at) return;
  armed_ = at;
  port::tell_after(this, at - now(), this, kernel_tick{});
}

void kernel::clear_timer(node& child, due::purpose what) {
  if (what == due::purpose::machine) {
    if (std::exchange(child.timed, false)) timers_.erase(child.timer);
  } else if (std::exchange(child.watched, false)) {
    timers_.erase(std::get<actor_child>(child.what).more().watch);
  }
}

kernel::clock_point kernel::now() { return clock().now(); }

void kernel::emit(const node& about, event e) {
  e.actor = about.path();
  env_.events->emit(std::move(e));
}

}  // namespace steward::supervision
