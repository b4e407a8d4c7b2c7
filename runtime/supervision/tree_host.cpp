#include "supervision/tree_host.hpp"

#include "base/spec_changes.hpp"
#include "supervision/carried_out.hpp"
#include "supervision/process_host.hpp"

#include <utility>

// The host's loop: it carries out what the machines have decided, and tells them what came of it.

namespace steward::supervision {

tree_host::tree_host(caf::actor_config& cfg, host_environment env)
    : caf::event_based_actor(cfg), env_(std::move(env)), wakes_(system()) {}

const std::shared_ptr<process_hosts>& tree_host::shared_processes() {
  if (!shared_processes_) shared_processes_ = std::make_shared<process_hosts>();
  return shared_processes_;
}

caf::behavior tree_host::make_behavior() {
  // Whom the host tells something wakes when it is done, whatever comes of that.
  struct handing_over {
    port::wake_batch& wakes;
    ~handing_over() { wakes.hand_over(); }
  };
  const auto finish = [this](auto&& f) {
    const handing_over at_the_end{wakes_};
    f();
  };
  return {
      [=, this](const host_poke& x) { finish([&] { carry_out(x.supervisor); }); },
      [=, this](const host_look& x) { finish([&] { look_again(x.supervisor); }); },
      [=, this](const cell_report& report) { finish([&] { actor_child::on_report(*this, report); }); },
      [=, this](host_call& call) { finish([&] { call.run(*this); }); },
      [=, this](const host_tick&) { finish([&] { on_tick(); }); },
  };
}

void tree_host::start_tree(std::string root_name, supervisor_spec spec, std::function<void(tree_start)> on_started,
                           std::function<void(policy::exit_info)> on_ended) {
  const std::string path = "/" + std::move(root_name);
  tree_start refused;
  refused.faults = validate(spec, path);
  if (refused.faults.empty()) check_params(*env_.actors, spec, path, refused.faults);
  if (refused.faults.empty()) check_pools(*env_.actors, spec, path, what_runs(), refused.faults);
  if (!refused.faults.empty()) {
    refused.failed_child = refused.faults.front().path;
    auto first = refused.faults.front();
    first.path.clear();  // it is told beside it
    refused.why.message = describe(first);
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
  if (stop_came_first_) return on_ended({policy::exit_class::shutdown, {}});
  on_started_ = std::move(on_started);
  on_ended_ = std::move(on_ended);
  auto where = caf::make_counted<child_address>();
  where->text = path;
  auto root = std::make_unique<supervisor_child>(next_number(), nullptr, nullptr, std::move(where),
                                                 std::make_shared<supervisor_spec>(as_carried_out(std::move(spec))));
  root->incarnation = 1;
  root_ = root.get();
  add(std::move(root));
  introduce(*root_, "starting");
  root_->start(*this);
}

void tree_host::stop_tree() {
  if (root_ == nullptr) {
    stop_came_first_ = true;
    return;
  }
  root_->asked_to_stop = true;
  feed(*root_, [&](policy::supervisor_machine& m) { return m.stop(now()); });
}

child_address_ptr tree_host::address_below(const supervisor_child& supervisor, std::string text, child::number block) {
  auto out = caf::make_counted<child_address>();
  out->text = std::move(text);
  out->block = block;
  if (block != 0) out->text_hash = std::hash<std::string_view>{}(out->text);  // it ends with no digit
  out->desk = supervisor.desk();
  out->events = env_.events;
  out->letters = env_.letters;
  out->host = handle();
  out->seed = env_.seed;
  return out;
}

void tree_host::erase(child& x) {
  tell_state(x, "removed");
  if (const auto* above = x.as_supervisor())
    for (const auto below : above->children().numbers()) erase(at(below));
  x.let_go(*this);
  clear_timer(x);
  env_.names->erase(x.path());
  tell_watchers_of_stop(x, policy::exit_class::shutdown, true);
  if (x.parent != nullptr) x.parent->forget(x.id);
  children_.erase(x);
}

void tree_host::ready(const child& x, std::uint64_t incarnation) {
  feed(*x.parent, [&](policy::supervisor_machine& m) { return m.child_ready(x.id, incarnation, now()); });
}

void tree_host::declined(const child& x, std::uint64_t incarnation) {
  feed(*x.parent, [&](policy::supervisor_machine& m) { return m.child_declined(x.id, incarnation, now()); });
}

void tree_host::start_failed(const child& x, std::uint64_t incarnation, const cause& why) {
  if (x.incarnation <= incarnation) note_failing(x);  // less: it was begun elsewhere, and that is still to be noted
  feed(*x.parent, [&](policy::supervisor_machine& m) { return m.child_start_failed(x.id, incarnation, why, now()); });
}

void tree_host::exited(const child& x, std::uint64_t incarnation, const policy::exit_info& how) {
  feed(*x.parent, [&](policy::supervisor_machine& m) { return m.child_exited(x.id, incarnation, how, now()); });
}

void tree_host::stopped(child& x) {
  if (!x.keeps_name()) env_.names->erase(x.path());
  const auto how = x.parent->desk()->look([&](const policy::supervisor_machine& m) { return m.end_of_child(x.id); },
                                          std::optional<policy::exit_class>{});
  x.last_end = how.value_or(policy::exit_class::shutdown);
  if (how) tell_end(x, *how);
  tell_watchers_of_stop(x, how.value_or(policy::exit_class::shutdown));
  tell_state(x, how ? "idle" : "waiting");
  feed(*x.parent, [&](policy::supervisor_machine& m) { return m.child_stopped(x.id, now()); });
}

void tree_host::tell_end(const child& x, policy::exit_class how) {
  // Only what ends by itself has ended for good; a supervisor that stops may be about to be restarted. Dynamic children
  // come and go: nobody waits for one by its name.
  if (x.fixed && x.parent->in_service()) env_.names->put_end(x.path(), {how, {}});
}

void tree_host::note_failing(const child& x) {
  x.parent->failing = supervisor_child::failed_start{x.id, x.path_at_fault()};
}

void tree_host::on_tick() {
  timers_.woken();
  const auto at = now();
  while (const auto next = timers_.due(at)) {
    auto& x = children_.at(next->child);
    if (next->whose == timer_queue::owner::child) {
      x.on_timer(*this);
      continue;
    }
    clear_timer(x);
    feed(*x.parent, [&](policy::supervisor_machine& m) {
      const bool starts = m.knows(next->child) && m.state_of(next->child) == policy::child_state::starting;
      if (starts) note_failing(x);  // it takes too long
      return m.timer(next->child, next->token, at);
    });
  }
  wake_for_timers();
}

void tree_host::wake_for_timers() {
  if (const auto at = timers_.ask_for_wake()) port::send_after(this, *at - now(), this, host_tick{});
}

timer_queue::handle tree_host::set_timer(clock_point at, const timer_queue::entry& x) {
  const auto out = timers_.add(at, x);
  wake_for_timers();
  return out;
}

void tree_host::clear_timer(child& x) {
  if (std::exchange(x.timed, false)) timers_.remove(x.timer);
}

std::uint64_t tree_host::keep_until_gone(std::shared_ptr<void> x) {
  ending_.emplace(++last_key_, std::move(x));
  return last_key_;
}

void tree_host::carry_out(child::number supervisor) {
  dirty_.push_back(supervisor);
  if (busy_) return;
  busy_ = true;
  // What is done may remove any child, and supervisors with it.
  const auto owner_of = [this](child::number id) {
    auto* x = find(id);
    return x == nullptr ? nullptr : x->as_supervisor();
  };
  while (!dirty_.empty()) {
    const auto id = dirty_.front();
    dirty_.pop_front();
    auto* owner = owner_of(id);
    if (owner == nullptr) continue;
    const auto desk = owner->desk();
    if (desk->take(in_hand_)) port::send_after(this, desk->gather(), this, host_look{id});
    for (auto& some : in_hand_) {
      for (auto& next : some) {
        owner = owner_of(id);
        if (owner != nullptr) carry_out(*owner, next);
      }
      if (some.capacity() > policy::supervisor_desk::max_spare_room) some = {};  // the desk takes the others back
    }
  }
  busy_ = false;
  try_late_starts();
  continue_batches();
}

void tree_host::carry_out(supervisor_child& supervisor, policy::any_action& next) {
  std::visit(
      [&]<class T>(T& x) {
        // A report about a child that is gone is late, and of no use any more.
        if constexpr (requires { x.child; } && !std::is_same_v<T, policy::action::reply> &&
                      !std::is_same_v<T, policy::action::start_failed>)
          if (!children_.contains(x.child)) return;
        perform(supervisor, std::move(x));
      },
      next);
}

void tree_host::look_again(child::number supervisor) {
  const auto* found = find(supervisor);
  const auto* owner = found != nullptr ? found->as_supervisor() : nullptr;
  if (owner == nullptr) return;
  const auto desk = owner->desk();
  if (!desk->look_again()) return;
  port::send_after(this, desk->gather(), this, host_look{supervisor});
  carry_out(supervisor);
}

void tree_host::perform(supervisor_child& supervisor, const policy::action::start_child& x) {
  auto& child = children_.at(x.child);
  child.incarnation = x.incarnation;
  child.started_before = true;
  if (x.in_place) {
    child.begun(*this);
    return;
  }
  supervisor.desk()->forget_prepared(x.child);
  try {
    child.start(*this);
  } catch (const std::exception&) {  // no descriptor or thread left: the start has failed, the tree goes on
    start_failed(child, x.incarnation, cause_of(std::current_exception()));
  }
}

void tree_host::perform(supervisor_child&, const policy::action::stop_child& x) {
  auto& child = children_.at(x.child);
  if (x.brutal && !x.keep) {
    tell_end(child, x.how);
    tell_watchers_of_stop(child, x.how);
  }
  tell_state(child, x.brutal && !x.keep ? "idle" : "stopping");
  child.stop(*this, x);
}

void tree_host::perform(supervisor_child&, const policy::action::abandon_child& x) {
  auto& child = children_.at(x.child);
  child.abandon(*this);
  if (!x.stopping) return;
  tell_watchers_of_stop(child);
  const auto comes_back = [&](const policy::supervisor_machine& m) {
    return m.knows(x.child) && m.comes_back(x.child);
  };
  tell_state(child, child.parent->desk()->look(comes_back, false) ? "waiting" : "idle");
}

void tree_host::perform(supervisor_child&, const policy::action::kill_child& x) {
  children_.at(x.child).kill(*this, *x.why);
}

void tree_host::perform(supervisor_child&, const policy::action::forget_child& x) { erase(children_.at(x.child)); }

void tree_host::perform(supervisor_child&, const policy::action::arm_timer& x) {
  auto& child = children_.at(x.child);
  clear_timer(child);
  child.timer = set_timer(x.at, {x.child, x.token, timer_queue::owner::machine});
  child.timed = true;
}

void tree_host::perform(supervisor_child&, const policy::action::disarm_timer& x) {
  clear_timer(children_.at(x.child));
}

void tree_host::perform(supervisor_child& supervisor, policy::action::note&& x) {
  auto what = x.take();
  if (what.decision)
    for (const auto other : x.also)
      if (const auto* n = find(other)) what.decision->also.push_back(n->path());
  if (!x.about) {
    if (what.kind == event_kind::limit && what.why) supervisor.note_cause(*what.why);
    if (!x.also.empty())
      if (const auto* n = find(x.also.front())) what.text = "child " + n->id_text() + ": " + what.text;
    emit(supervisor, std::move(what));
    return;
  }
  auto* about = find(*x.about);
  if (about != nullptr && x.end) about->last_end = *x.end;
  if (about != nullptr && x.end && !watches_.empty())
    tell_watchers(*about, what.incarnation.value_or(0), *x.end, what.why.value_or(cause{}));
  if (about != nullptr && about->complete(*this, what)) emit(*about, std::move(what));
}

void tree_host::perform(supervisor_child&, const policy::action::reply& x) {
  if (take_batch_reply(x)) return;
  auto waiting = requests_.extract(x.request);
  if (waiting.empty()) return;
  auto& [path, answer] = waiting.mapped();
  admin_result out;
  out.code = x.code;
  if (x.code == admin_code::ok || x.code == admin_code::running) out.handle = env_.names->actor(path);
  out.path = std::move(path);
  out.extra = x.extra;
  out.why = *x.why;
  answer(std::move(out));
}

void tree_host::perform(supervisor_child& supervisor, const policy::action::started&) {
  if (&supervisor != root_) {
    ready(supervisor, supervisor.incarnation);
  } else if (auto tell_started = std::exchange(on_started_, nullptr)) {
    tell_state(supervisor, "up");
    tree_start out;
    out.ok = true;
    tell_started(std::move(out));
  }
}

void tree_host::perform(supervisor_child& supervisor, const policy::action::start_failed& x) {
  auto& noted = supervisor.failing;
  const auto* child = find(x.child);
  if (!noted || noted->child != x.child)
    noted = supervisor_child::failed_start{x.child, child != nullptr ? child->path() : supervisor.path()};
  if (&supervisor == root_) {
    supervisor.let_go_of_children(*this);  // those that were made, and not started
    tell_state(supervisor, "idle");
    if (!watches_.empty()) tell_watchers(supervisor, supervisor.incarnation, policy::exit_class::abnormal, *x.why);
    when_all_left([this, report = tree_start{false, noted->path, *x.why, {}}] {
      if (auto tell_started = std::exchange(on_started_, nullptr)) tell_started(report);
    });
    return;
  }
  cause why = *x.why;
  why.message = (child != nullptr ? child->path() : noted->path) + " failed to start: " + describe(*x.why);
  why.cls = cause_class::start;
  start_failed(supervisor, supervisor.incarnation, why);
}

void tree_host::perform(supervisor_child& supervisor, const policy::action::ended& x) {
  const bool is_root = &supervisor == root_;
  if (x.how->cls == policy::exit_class::gave_up) {
    event e;
    e.kind = is_root ? event_kind::give_up : event_kind::escalate;
    e.level = event_level::error;
    e.why = x.how->why;
    e.text = is_root ? "the root's restart limit was reached" : "restart limit reached; the parent decides";
    if (!is_root && !x.how->text.empty()) e.text = x.how->text;
    emit(supervisor, std::move(e));
  }
  if (!x.kept) supervisor.let_go_of_children(*this);
  if (is_root) {
    on_started_ = nullptr;
    tell_state(supervisor, "idle");
    if (!watches_.empty()) tell_watchers(supervisor, supervisor.incarnation, x.how->cls, x.how->why);
    when_all_left([this, how = *x.how] {
      if (auto tell_ended = std::exchange(on_ended_, nullptr)) tell_ended(how);
    });
    return;
  }
  if (std::exchange(supervisor.asked_to_stop, false)) {
    stopped(supervisor);
    return;
  }
  // A supervisor that gave up before all its children were up has failed to start.
  supervisor.failing.reset();
  note_failing(supervisor);
  feed(*supervisor.parent, [&](policy::supervisor_machine& m) {
    return m.state_of(supervisor.id) == policy::child_state::starting
               ? m.child_start_failed(supervisor.id, supervisor.incarnation, x.how->why, now())
               : m.child_exited(supervisor.id, supervisor.incarnation, *x.how, now());
  });
}

void tree_host::tell_state(const child& x, const char* state) {
  env_.events->emit_made([&] {
    event e;
    e.kind = event_kind::child;
    e.level = event_level::debug;
    e.actor = x.path();
    if (x.incarnation > 0) e.incarnation = x.incarnation;
    e.child.emplace().state = state;
    return e;
  });
}

void tree_host::introduce(const child& x, const char* state) {
  env_.events->emit_made([&] {
    event e;
    e.kind = event_kind::child;
    e.level = event_level::debug;
    e.actor = x.path();
    auto& what = e.child.emplace();
    what.state = state;
    if (x.spec) {
      what.restart = to_string(x.spec->restart);
      if (x.spec->intensity) {
        what.own_limit = x.spec->intensity->restarts;
        what.own_period_ms = x.spec->intensity->within.count();
        what.on_spent = to_string(x.spec->on_spent);
      }
      what.backoff = told_backoff(x.spec->backoff, child_spec{}.backoff, what.state.empty());
    }
    x.introduce(what);
    return e;
  });
}

void tree_host::emit(const child& about, event&& e) {
  env_.events->emit_made([&] {
    e.actor = about.path();
    return std::move(e);
  });
}

}  // namespace steward::supervision
