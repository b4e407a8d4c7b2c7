#include "supervision/actor_child.hpp"

#include "base/params.hpp"
#include "supervision/carried_out.hpp"
#include "supervision/guest.hpp"
#include "supervision/supervisor_child.hpp"
#include "supervision/tree_host.hpp"

#include <caf/actor_registry.hpp>

#include <algorithm>
#include <utility>

namespace steward::supervision {

namespace {

void add(message_counts& sum, const message_counts& x) {
  sum.accepted += x.accepted;
  sum.handled += x.handled;
  sum.failed += x.failed;
  sum.dead += x.dead;
  sum.rejected += x.rejected;
  sum.waiting += x.waiting;
}

cause killed_for(std::string why) {
  cause out;
  out.cls = cause_class::killed;
  out.message = std::move(why);
  return out;
}

cell_command incarnate(std::uint64_t incarnation, std::shared_ptr<const actor_map> actors = nullptr) {
  cell_command next;
  next.what = cell_command::kind::incarnate;
  next.incarnation = incarnation;
  next.actors = std::move(actors);
  return next;
}

}  // namespace

actor_child::extras& actor_child::more() {
  if (!extras_) extras_ = std::make_unique<extras>();
  return *extras_;
}

cell_kind_ptr actor_child::kind_of(tree_host& host) const {
  const auto& as_actor = std::get<actor_spec>(spec->what);
  const auto* entry = entry_of(as_actor, *host.env().actors);
  if (entry == nullptr) return nullptr;
  auto out = caf::make_counted<cell_kind>();
  out->make = entry->make;
  out->exceptions = spec->exceptions ? spec->exceptions : entry->exceptions;
  out->params = with_defaults(as_actor.params, entry->params);
  out->mailbox = spec->mailbox;
  out->redeliver = spec->redeliver;
  out->watched = spec->hang_after.count() > 0;
  out->print = host.env().print;
  out->pools = named_pools(host, *out, entry->params);
  if (spec->runs_in == rung::process) {
    auto place = std::make_shared<process_place>();
    if (as_actor.own)
      place->factory = place_of(as_actor.own->plain);
    else
      place->type = as_actor.type;
    place->settings = spec->process;
    place->keeper = host.env().keeper;
    place->links = host.env().links;
    place->print = host.env().print;
    if (const auto& group = spec->process.group; !group.empty()) {
      place->hosts = host.shared_processes();
      place->subtree = group == policy::group_of_subtree;
      place->shared = place->subtree ? parent->process_owner()->path() : parent->path() + ", group " + group;
    }
    out->place = std::move(place);
  }
  return out;
}

std::shared_ptr<const detail::pool_places> actor_child::named_pools(const tree_host& host, const cell_kind& kind,
                                                                    const std::vector<param_spec>& declared) const {
  std::shared_ptr<detail::pool_places> out;
  for (const auto& param : declared) {
    if (param.type != param_type::pool) continue;
    const auto value = kind.params.find(param.name);
    if (value == kind.params.end()) continue;
    const auto* name = std::get_if<std::string>(&value->second.value);
    if (name == nullptr) continue;
    if (!out) out = std::make_shared<detail::pool_places>(detail::pool_places{host.env().names});
    out->paths[param.name] = parent->resolve(*name);
  }
  return out;
}

void actor_child::join_template(tree_host& host, template_share& shared) {
  if (!shared) shared = kind_of(host);
  kind_.reset(static_cast<const cell_kind*>(shared.get()));
}

void actor_child::start(tree_host& host) {
  if (!kind_) kind_ = kind_of(host);
  if (!kind_) {
    cause why;
    why.cls = cause_class::start;
    why.message = "no actor is registered as '" + std::get<actor_spec>(spec->what).type + "'";
    host.start_failed(*this, incarnation, why);
    return;
  }
  if (!cell_) {
    make_cell(host);
    dismiss_predecessor(host, cell_);
  }
  register_cell(host);
  begun(host);
  host.command(cell_, incarnate(incarnation, named_actors(host)));
}

void actor_child::register_cell(tree_host& host) {
  if (kind_->place && !std::exchange(registered_, true))
    host.system().registry().put(cell_.id(), caf::actor_cast<caf::strong_actor_ptr>(cell_));
}

void actor_child::make_cell(tree_host& host) {
  // Lazy: it has nothing to do before it is told to begin, so it is scheduled once only.
  cell_ = host.system().spawn<cell, caf::lazy_init>(cell_spec{address, id, kind_});
  named_ = registered_ = false;
}

std::function<void(std::uint64_t)> actor_child::prepare(tree_host& host) {
  if (!kind_) kind_ = kind_of(host);
  const bool replaces = extras_ && extras_->predecessor;
  // The actors that it names are looked up when it starts, and a process is not begun on somebody else's thread.
  if (!kind_ || replaces || kind_->place || named_actors(host)) return {};
  if (!cell_) make_cell(host);
  return [to = cell_](std::uint64_t next) { port::send_urgently(to, incarnate(next)); };
}

void actor_child::begun(tree_host& host) {
  if (cell_ && !std::exchange(named_, true)) host.env().names->put_actor(cell_);
}

std::shared_ptr<const actor_map> actor_child::named_actors(const tree_host& host) const {
  const auto& as_actor = std::get<actor_spec>(spec->what);
  std::shared_ptr<actor_map> out;
  for (const auto& param : entry_of(as_actor, *host.env().actors)->params) {
    if (param.type != param_type::actor) continue;
    const auto value = kind_->params.find(param.name);
    if (value == kind_->params.end()) continue;
    if (!out) out = std::make_shared<actor_map>();
    if (const auto* name = std::get_if<std::string>(&value->second.value))
      (*out)[param.name] = host.env().names->actor(parent->resolve(*name));
  }
  return out;
}

void actor_child::stop(tree_host& host, const policy::action::stop_child& how) {
  stop_looking(host);
  if (!cell_) {
    dismiss_predecessor(host, nullptr);
    if (!how.brutal || how.keep) host.stopped(*this);
    return;
  }
  if (how.keep) {
    cell_command hold;
    hold.what = cell_command::kind::hold;
    host.command(cell_, std::move(hold));
    return;
  }
  if (how.brutal) {
    dismiss(host, how.how, how.how == policy::exit_class::shutdown);
    host.env().names->erase(path());
    return;
  }
  dismiss_predecessor(host, nullptr);
  if (spec->on_stop == stop_policy::drain && !policy::is_abnormal(how.how))
    drain(host);
  else
    tell_to_leave(host, how.how, false);
}

void actor_child::drain(tree_host& host) {
  tell_to_leave(host, policy::exit_class::shutdown, false, true);
  const auto limit = shutdown_of(*spec);
  if (limit == infinity) return;
  // What is left of its time is for the handler in hand: the machine's own timer ends the rest by force.
  auto& rest = more();
  rest.draining = rest.watched = true;
  rest.next_look = host.set_timer(host.now() + limit - limit / 10, {id, 0, timer_queue::owner::child});
}

void actor_child::abandon(tree_host& host) {
  stop_looking(host);
  // A thread cannot be killed: the cell leaves when its handler returns, if ever; what replaces it is a new cell. A
  // process can be.
  if (!cell_) return;
  cell_of(cell_).leave_process(killed_for("it did not end in time"));
  dismiss_predecessor(host, nullptr);
  host.leaving().add({path(), cell_, true});
  more().predecessor = std::exchange(cell_, nullptr);
  if (host.env().on_abandoned) host.env().on_abandoned(path());
}

void actor_child::kill(tree_host& host, const cause& why) {
  if (!cell_) return;
  cell_command fail;
  fail.what = cell_command::kind::fail;
  fail.incarnation = incarnation;
  fail.why = why.message;
  host.command(cell_, std::move(fail));
}

void actor_child::let_go(tree_host& host) { dismiss(host, policy::exit_class::shutdown, false); }

void actor_child::dismiss(tree_host& host, policy::exit_class how, bool killed) {
  dismiss_predecessor(host, nullptr);
  stop_looking(host);
  if (!cell_) return;
  tell_to_leave(host, how, killed);
  host.leaving().add({path(), std::exchange(cell_, nullptr), false});
}

void actor_child::dismiss_predecessor(tree_host& host, const caf::actor& heir) {
  if (!extras_ || !extras_->predecessor) return;
  const auto old = std::exchange(extras_->predecessor, nullptr);
  cell_command leave;
  leave.what = cell_command::kind::leave;
  leave.killed = true;
  leave.heir = heir;
  if (heir) cell_of(old).bequeath(heir);
  host.command(old, std::move(leave));
}

void actor_child::tell_to_leave(tree_host& host, policy::exit_class how, bool killed, bool drains) const {
  cell_command leave;
  leave.what = drains ? cell_command::kind::drain : cell_command::kind::leave;
  leave.how = how;
  leave.killed = killed;
  leave.why = reason();
  host.command(cell_, std::move(leave));
  host.expect_news();
}

std::string actor_child::reason() const {
  if (extras_ && extras_->last.cls != cause_class::none && extras_->last_in == incarnation)
    return "it crashed: " + steward::describe(extras_->last);
  if (parent->last_cause().cls != cause_class::none)
    return "its supervisor gave up: " + steward::describe(parent->last_cause());
  return {};
}

child_spec_ptr actor_child::from_template(const tree_host& host, const child_spec& before,
                                          const child_spec_ptr& next) const {
  const auto& old_params = std::get<actor_spec>(before.what).params;
  child_spec out = *next;
  auto& params = std::get<actor_spec>(out.what);
  const auto* entry = entry_of(params, *host.env().actors);
  for (const auto& [name, value] : std::get<actor_spec>(spec->what).params) {
    const auto was = old_params.find(name);
    if (was != old_params.end() && was->second.value == value.value) continue;
    if (entry != nullptr &&
        std::any_of(entry->params.begin(), entry->params.end(), [&name = name](auto& x) { return x.name == name; }))
      params.params[name] = value;
  }
  return share(std::move(out));
}

void actor_child::respecify(tree_host& host, child_spec_ptr next) {
  spec = std::move(next);
  if (spec == parent->template_spec())
    join_template(host, parent->shared_by_template());
  else
    kind_ = kind_of(host);
  if (!cell_ || !kind_) return;
  register_cell(host);
  cell_command renew;
  renew.what = cell_command::kind::renew;
  renew.renewed = kind_;
  host.command(cell_, std::move(renew));
}

void actor_child::describe(child_info& into) const {
  if (into.status != child_status::undefined) into.handle = cell_;  // else it is made, but was not started yet
  if (extras_) into.messages = extras_->past;
  if (cell_) add(into.messages, cell_of(cell_).counts());
}

void actor_child::introduce(event_child& into) const {
  into.kind = "actor";
  into.type = std::get<actor_spec>(spec->what).type;
}

bool actor_child::complete(tree_host& host, event& about) {
  about.runs_in = to_string(spec->runs_in);
  if (about.kind == event_kind::crash && about.why) {
    more().last = *about.why;
    more().last_in = about.incarnation.value_or(incarnation);
  }
  if (spec->runs_in == rung::process && cell_ && about.incarnation && !about.pid)
    if (const int pid = cell_of(cell_).pid_of(*about.incarnation); pid != 0) about.pid = pid;
  const bool up = about.kind == event_kind::ready || about.kind == event_kind::recover;
  if (up && spec->hang_after.count() > 0) look(host);
  return true;
}

void actor_child::on_timer(tree_host& host) {
  const bool drain_is_over = extras_ && extras_->draining;
  stop_looking(host);
  if (!drain_is_over)
    look(host);
  else if (cell_)
    tell_to_leave(host, policy::exit_class::shutdown, false);
}

void actor_child::stop_looking(tree_host& host) {
  if (!extras_) return;
  extras_->draining = false;
  if (std::exchange(extras_->watched, false)) host.timers().remove(extras_->next_look);
}

/// Whether the cell is still in the handler in which it was at the last look.
void actor_child::look(tree_host& host) {
  if (!cell_ || spec->hang_after.count() == 0) return;
  auto& watch = more();
  const auto at = host.now();
  const auto turn = cell_of(cell_).turn_anywhere();
  if (turn != watch.turn || turn % 2 == 0) {
    watch.turn = turn;
    watch.since = at;
    watch.told = false;
  }
  const auto ran = std::chrono::duration_cast<milliseconds>(at - watch.since);
  if (turn % 2 == 1 && ran >= spec->hang_after && !watch.told) {
    watch.told = true;
    const bool replace = spec->on_hang == hang_policy::replace;
    const bool kills = spec->on_hang == hang_policy::kill;
    policy::exit_info how{policy::exit_class::abnormal, {}};
    how.why.cls = cause_class::heartbeat;
    how.why.message = (spec->runs_in == rung::thread ? "its handler has run for " : "it has finished nothing for ") +
                      std::to_string(ran.count()) + " ms";
    const auto handling = cell_of(cell_).in_hand_anywhere();
    how.text = handling.empty() ? std::string{} : "while it handles " + handling;
    event e;
    e.kind = event_kind::hang;
    e.level = event_level::error;
    e.incarnation = incarnation;
    e.runs_in = to_string(spec->runs_in);
    e.why = how.why;
    e.text = how.text;
    if (replace)
      e.text += "; a thread cannot be killed: it is left alone, " + std::to_string(host.leaked() + 1) + " so far";
    if (kills) e.text += "; its process is killed";
    host.emit(*this, std::move(e));
    if (kills) cell_of(cell_).kill_process(how.why);
    if (replace) {
      host.feed(*parent, [&](policy::supervisor_machine& m) { return m.child_hung(id, incarnation, how, host.now()); });
      return;  // the next incarnation is watched when it is ready
    }
  }
  stop_looking(host);
  watch.next_look =
      host.set_timer(at + std::max(spec->hang_after / 4, milliseconds{1}), {id, 0, timer_queue::owner::child});
  watch.watched = true;
}

void actor_child::on_report(tree_host& host, const cell_report& report) {
  if (report.what == cell_report::kind::left) {
    on_left(host, report);
    return;
  }
  auto* self = dynamic_cast<actor_child*>(host.find(report.node));
  if (self == nullptr || report.cell != self->serial()) return;
  switch (report.what) {
    case cell_report::kind::start_failed:
      host.start_failed(*self, report.incarnation, report.why);
      break;
    case cell_report::kind::declined:
      host.declined(*self, report.incarnation);
      break;
    case cell_report::kind::held:
      if (report.was_up) {
        event e;
        e.kind = event_kind::stop;
        e.level = event_level::info;
        e.incarnation = report.incarnation;
        e.runs_in = to_string(self->spec->runs_in);
        e.text = "shut down";
        host.emit(*self, std::move(e));
      }
      host.stopped(*self);
      break;
    case cell_report::kind::left:
      break;
  }
}

void actor_child::on_left(tree_host& host, const cell_report& report) {
  if (!host.watches().empty()) host.watches().remove(report.cell);
  const auto leaving = host.leaving().take(report.cell);
  auto* self = dynamic_cast<actor_child*>(host.find(report.node));
  const bool ours = self != nullptr && self->serial() == report.cell;
  const auto made = [&](event_kind kind, event_level level, std::string text) {
    event e;
    e.actor = leaving ? leaving->path : (self != nullptr ? self->path() : std::string{});
    e.kind = kind;
    e.level = level;
    e.incarnation = report.incarnation;
    e.runs_in = to_string(self != nullptr ? self->spec->runs_in : rung::thread);
    e.text = std::move(text);
    if (kind == event_kind::dead_letter) {
      e.lost = report.dropped;
      e.runs_in.clear();
      e.incarnation.reset();
    }
    return e;
  };
  const auto say = [&](event_kind kind, event_level level, std::string text) {
    host.env().events->emit_made([&] { return made(kind, level, std::move(text)); });
  };
  if (leaving && leaving->abandoned)
    say(event_kind::stop, event_level::info, "the abandoned incarnation has ended after all");
  else if (report.was_up)
    say(event_kind::stop, event_level::info, "shut down");
  if (report.dropped > 0) {
    const auto reason = self != nullptr ? self->reason() : std::string{};
    say(event_kind::dead_letter, event_level::warn,
        "messages that no incarnation will handle" + (reason.empty() ? reason : ": " + reason) + report.first_dropped);
  }
  const bool once_ours = leaving && self != nullptr && self->path() == leaving->path;
  if ((ours || once_ours) && (report.counts.accepted > 0 || report.counts.rejected > 0)) {
    auto final_counts = report.counts;
    final_counts.waiting = 0;
    add(self->more().past, final_counts);
  }
  if (leaving) {
    host.check_all_left();
  } else if (ours) {
    self->cell_ = nullptr;
    self->stop_looking(host);
    host.stopped(*self);
  }
}

}  // namespace steward::supervision
