#include "supervision/command_child.hpp"

#include "base/command_rules.hpp"
#include "supervision/supervisor_child.hpp"
#include "supervision/tree_host.hpp"

#include <csignal>
#include <memory>
#include <utility>

namespace steward::supervision {

void command_child::start(tree_host& host) {
  auto& driver = *host.env().commands;
  if (place_ == 0) place_ = driver.new_place();
  command::start_order order;
  order.where = place_;
  order.incarnation = incarnation;
  order.path = path();
  order.spec = std::make_shared<const command_spec>(std::get<command_spec>(spec->what));
  order.start_within = start_within_of(*spec);
  order.shutdown = shutdown_of(*spec);
  order.tell = [me = host.handle(), number = id, n = incarnation](const command::news& what, int pid) {
    port::send_urgently(me, host_call{[number, n, what, pid](tree_host& tree) {
                          if (auto* self = dynamic_cast<command_child*>(tree.find(number)))
                            self->heed(tree, n, what, pid);
                        }});
  };
  pid_ = 0;
  stopping_ = false;
  host.env().names->put_program(order.path, 0);
  driver.start(std::move(order));
  running_ = true;
}

void command_child::heed(tree_host& host, std::uint64_t of_incarnation, const command::news& what, int pid) {
  if (incarnation != of_incarnation || !running_) return;  // it was abandoned, and another one may be up
  using kind = command::news::kind;
  pid_ = pid;
  if (what.what == kind::ready) {
    host.env().names->put_program(path(), pid);
    host.ready(*this, incarnation);
    return;
  }
  if (what.what == kind::stopped) return tell_stop(host, what);
  running_ = false;
  host.env().names->put_program(path(), 0);
  if (what.what == kind::start_failed) return host.start_failed(*this, incarnation, what.why);
  policy::exit_info how{what.orderly ? policy::exit_class::normal : policy::exit_class::abnormal, {}};
  if (what.orderly)
    how.text = "ended with " + steward::describe(what.why);
  else
    how.why = what.why;
  host.exited(*this, incarnation, how);
}

void command_child::stop(tree_host& host, const policy::action::stop_child& how) {
  if (how.brutal && !how.keep) {
    abandon(host);
    return;
  }
  if (!running_) {
    host.stopped(*this);
    return;
  }
  stopping_ = true;
  auto ladder =
      how.brutal ? std::vector<stop_step>{SIGKILL} : ladder_of(std::get<command_spec>(spec->what), shutdown_of(*spec));
  host.env().commands->stop(place_, incarnation, std::move(ladder), [me = host.handle(), number = id, n = incarnation] {
    port::send_urgently(me, host_call{[number, n](tree_host& tree) {
                          if (auto* self = dynamic_cast<command_child*>(tree.find(number))) self->has_stopped(tree, n);
                        }});
  });
}

void command_child::has_stopped(tree_host& host, std::uint64_t of_incarnation) {
  if (incarnation != of_incarnation || !std::exchange(stopping_, false)) return;
  running_ = false;
  host.stopped(*this);
}

void command_child::tell_stop(tree_host& host, const command::news& how) {
  if (pid_ == 0) return;  // it was stopped before it was started
  event e;
  e.kind = event_kind::stop;
  e.level = how.by_force ? event_level::warn : event_level::info;
  e.incarnation = incarnation;
  e.pid = pid_;
  e.runs_in = to_string(rung::process);
  e.text = how.by_force ? "killed, for it did not end as it was asked to" : "shut down: " + steward::describe(how.why);
  host.emit(*this, std::move(e));
}

void command_child::abandon(tree_host& host) {
  host.env().names->erase(path());
  let_go(host);
}

void command_child::let_go(tree_host& host) {
  stopping_ = false;
  if (!std::exchange(running_, false)) return;
  host.env().commands->abandon(place_);
}

void command_child::kill(tree_host& host, const cause& why) {
  if (running_) host.env().commands->kill(place_, incarnation, why);
}

void command_child::introduce(event_child& into) const {
  const auto& program = std::get<command_spec>(spec->what).run.front();
  into.kind = "command";
  into.type = program.substr(program.rfind('/') + 1);
}

bool command_child::complete(tree_host&, event& about) {
  about.runs_in = to_string(rung::process);
  if (about.kind == event_kind::crash && about.why) last_ = *about.why;
  using enum event_kind;
  if (pid_ != 0 && (about.kind == ready || about.kind == recover || about.kind == crash || about.kind == stop))
    about.pid = pid_;
  return true;
}

}  // namespace steward::supervision
