#include "supervision/cell.hpp"

#include "base/text.hpp"

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

#include <optional>
#include <utility>

namespace steward::supervision {

namespace {

constexpr std::size_t max_in_hand_bytes = event_log::max_args_bytes;

policy::verdict verdict_of(treatment x) {
  switch (x) {
    case treatment::stop:
      return policy::verdict::stop;
    case treatment::escalate:
      return policy::verdict::escalate;
    case treatment::restart:
    case treatment::resume:
      break;
  }
  return policy::verdict::by_restart_type;
}

caf::error exit_reason_of(leave_reason reason, const std::string& why) {
  switch (reason) {
    case leave_reason::normal:
      break;
    case leave_reason::shutdown:
      return caf::exit_reason::user_shutdown;
    case leave_reason::killed:
      return caf::exit_reason::kill;
    case leave_reason::crashed:
      return caf::make_error(errc::gave_up, why);
  }
  return caf::exit_reason::normal;
}

port::durable_options options_of(const cell_kind& kind) { return {kind.mailbox, kind.redeliver > 0, kind.watched}; }

std::string while_handling(const std::string& in_hand) {
  return in_hand.empty() ? std::string{} : "while it handled " + shorten(in_hand, max_in_hand_bytes);
}

}  // namespace

policy::exit_info exit_of(const caf::error& reason) {
  using policy::exit_class;
  if (!reason || reason == caf::exit_reason::normal) return {exit_class::normal, {}};
  if (reason == caf::exit_reason::user_shutdown || reason == caf::exit_reason::remote_link_unreachable)
    return {exit_class::shutdown, {}};
  cause why;
  why.cls = cause_class::exit;
  if (reason == caf::exit_reason::kill) why.cls = cause_class::killed;
  why.message = describe(reason);
  return {exit_class::abnormal, why};
}

cell::cell(caf::actor_config& cfg, cell_spec spec)
    : durable_actor(cfg, options_of(*spec.kind)), spec_(std::move(spec)), kind_(spec_.kind) {}

caf::behavior cell::make_behavior() {
  hold_mailbox();
  return {};
}

void cell::on_exit() { state_.reset(); }

bool cell::on_command(caf::type_erased_tuple& content, const std::type_info& type) {
  if (type != typeid(cell_command)) return false;
  if (!leaving()) carry_out(content.get_as<cell_command>(0));
  return true;
}

void cell::carry_out(const cell_command& command) {
  switch (command.what) {
    case cell_command::kind::incarnate:
      actors_ = command.actors;
      begin(command.incarnation);
      break;
    case cell_command::kind::hold: {
      cell_report out;
      out.what = cell_report::kind::held;
      out.was_up = state_ != nullptr;
      forget_requests();
      hold_mailbox();
      state_.reset();
      report(std::move(out));
      break;
    }
    case cell_command::kind::renew:
      kind_ = command.renewed;
      reconfigure(options_of(*kind_));
      break;
    case cell_command::kind::leave: {
      was_up_ = state_ != nullptr;
      close_incarnation();
      state_.reset();
      const auto& [reason, why] = own_end_ ? *own_end_ : std::pair{command.reason, command.why};
      leave(exit_reason_of(reason, why),
            caf::make_error(reason == leave_reason::crashed ? errc::gave_up : errc::ended, why), command.heir);
      break;
    }
  }
}

void cell::begin(std::uint64_t incarnation) {
  static const actor_map nobody;
  incarnation_ = incarnation;
  own_end_.reset();
  state_.reset();
  forget_requests();
  reset_handlers();
  const auto& kind = *kind_;
  const actor_args args{
      spec_.path, incarnation, kind.params, actors_ ? *actors_ : nobody, kind.print, spec_.seed + incarnation};
  cell_report failed;
  failed.what = cell_report::kind::start_failed;
  failed.why.cls = cause_class::start;
  try {
    state_ = kind.make(this, args);
    auto behavior = state_->make_behavior();
    if (behavior && !quitting()) {
      open_mailbox(std::move(behavior), incarnation);
      spec_.desk->ready(spec_.node, incarnation, clock().now(), args.for_starter());
      return;
    }
    failed.why.message = quitting() ? "quit while it was starting" : "make_behavior returned no behaviour";
  } catch (const decline_start& why) {
    failed.what = cell_report::kind::declined;
    failed.why.message = why.what();
  } catch (...) {  // a throwing constructor or init is a failed start, whatever it throws
    failed.why = cause_of(std::current_exception());
  }
  forget_requests();
  hold_mailbox();
  state_.reset();
  report(std::move(failed));
}

void cell::on_throw(const std::exception_ptr& problem, const std::string& in_hand) {
  const auto why = cause_of(problem);
  const auto* given = rules();
  const auto rule = given != nullptr ? given->match(problem) : treatment::restart;
  if (rule == treatment::resume && !quitting() && handlers_intact()) {
    settle_in_hand(why, false, in_hand);
    auto e = event_of(event_kind::crash, event_level::error);
    e.why = why;
    e.text = while_handling(in_hand);
    e.decision.emplace().action = to_string(treatment::resume);
    spec_.kind->events->emit(std::move(e));
    return;
  }
  forget_requests();
  settle_in_hand(why, rule != treatment::stop, in_hand);
  policy::exit_info how{policy::exit_class::abnormal, why};
  how.text = while_handling(in_hand);
  how.rule = verdict_of(rule);
  end_incarnation(std::move(how));
}

void cell::settle_in_hand(const cause& why, bool may_repeat, const std::string& in_hand) {
  const auto limit = may_repeat ? kind_->redeliver : 0;
  const auto kept = limit > 0 ? keep_in_hand(limit) : keeping::impossible;
  if (kept == keeping::kept) return;
  if (kept == keeping::spent) {
    auto e = event_of(event_kind::quarantine, event_level::error);
    e.why = why;
    e.text = shorten(in_hand, max_in_hand_bytes);
    spec_.kind->events->emit(std::move(e));
  }
  fail_in_hand(caf::make_error(kept == keeping::spent ? errc::quarantined : errc::crashed, why.exception, why.message));
}

void cell::on_quit(caf::error reason) { end_incarnation(exit_of(reason)); }

void cell::end_incarnation(policy::exit_info how) {
  close_incarnation();
  state_.reset();
  how.kept = waiting();
  // What waits stays where it is when the next incarnation begins at once: a crash costs the same whatever waits.
  if (const auto next = spec_.desk->exited(spec_.node, incarnation_, how, clock().now())) return begin(*next);
  hold_mailbox();
  if (how.cls == policy::exit_class::normal)
    own_end_.emplace(leave_reason::normal, std::string{});
  else if (how.cls == policy::exit_class::shutdown)
    own_end_.emplace(leave_reason::shutdown, std::string{});
  else
    own_end_.emplace(leave_reason::crashed, describe(how.why));
}

caf::result<caf::message> cell::on_unexpected(caf::message_view& view) {
  auto e = event_of(event_kind::warn, event_level::warn);
  e.text = "dropped a message that it has no handler for: " + to_string(view.content());
  spec_.kind->events->emit(std::move(e));
  return caf::make_error(caf::sec::unexpected_message);
}

void cell::on_dropped(std::uint64_t n) {
  event e;  // senders call this: only what never changes
  e.kind = event_kind::dead_letter;
  e.level = event_level::warn;
  e.actor = spec_.path;
  e.runs_in = to_string(rung::thread);
  e.lost = n;
  const auto limits = mailbox_limits();
  e.text = "its mailbox was full (" + std::to_string(limits.limit) + "): " + to_string(limits.overflow);
  spec_.kind->events->emit(std::move(e));
}

void cell::on_left(std::uint64_t dead) {
  cell_report out;
  out.what = cell_report::kind::left;
  out.counts = counts();
  out.dropped = dead;
  out.was_up = was_up_;
  report(std::move(out));
}

const exception_rules* cell::rules() const { return kind_->exceptions.get(); }

event cell::event_of(event_kind kind, event_level level) const {
  event e;
  e.kind = kind;
  e.level = level;
  e.actor = spec_.path;
  e.incarnation = incarnation_;
  e.runs_in = to_string(rung::thread);
  return e;
}

void cell::report(cell_report what) const {
  what.node = spec_.node;
  what.cell = spec_.serial;
  what.incarnation = incarnation_;
  port::tell_urgently(spec_.kind->kernel, std::move(what));
}

cell& cell_of(const caf::actor& handle) { return static_cast<cell&>(*caf::actor_cast<caf::abstract_actor*>(handle)); }

}  // namespace steward::supervision
