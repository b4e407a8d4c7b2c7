#include "supervision/cell.hpp"

#include "base/text.hpp"

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

#include <utility>

namespace steward::supervision {

namespace {

constexpr std::size_t max_in_hand_bytes = event_log::max_args_bytes;

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

cell::cell(caf::actor_config& cfg, std::shared_ptr<const cell_spec> spec, caf::actor kernel)
    : durable_actor(cfg), spec_(std::move(spec)), kernel_(std::move(kernel)) {}

caf::behavior cell::make_behavior() {
  hold_mailbox();
  return caf::behavior{[](const cell_command&) {}};
}

void cell::on_exit() {
  state_.reset();
  kernel_ = nullptr;
}

void cell::on_command(cell_command& command) {
  switch (command.what) {
    case cell_command::kind::incarnate:
      incarnate(command);
      break;
    case cell_command::kind::leave: {
      cell_report out;
      out.what = cell_report::kind::left;
      out.was_up = state_ != nullptr;
      state_.reset();
      out.lost = waiting();
      report(std::move(out));
      leave(caf::exit_reason::user_shutdown);
      break;
    }
  }
}

void cell::incarnate(const cell_command& command) {
  incarnation_ = command.incarnation;
  reset_handlers();
  cell_report out;
  try {
    const actor_args args{spec_->path,     incarnation_, spec_->params,
                          *command.actors, spec_->print, spec_->seed + incarnation_};
    state_ = spec_->make(this, args);
    auto behavior = state_->make_behavior();
    if (quitting() || !behavior) {
      out.what = cell_report::kind::start_failed;
      out.how.cls = policy::exit_class::abnormal;
      out.how.why.cls = cause_class::start;
      out.how.why.message = quitting() ? "quit while it was starting" : "make_behavior returned no behaviour";
    } else {
      become(std::move(behavior));
      release_mailbox();
    }
  } catch (...) {  // a throwing constructor or init is a failed start, whatever it throws
    out.what = cell_report::kind::start_failed;
    out.how.cls = policy::exit_class::abnormal;
    out.how.why = cause_of(std::current_exception());
  }
  if (out.what == cell_report::kind::start_failed) {
    forget_requests();
    state_.reset();
    hold_mailbox();
    out.kept = waiting();
  }
  report(std::move(out));
}

void cell::on_throw(const std::exception_ptr& problem, const std::string& in_hand) {
  cell_report out;
  out.what = cell_report::kind::exited;
  out.how = {policy::exit_class::abnormal, cause_of(problem)};
  out.in_hand = shorten(in_hand, max_in_hand_bytes);
  answer_in_hand(caf::make_error(errc::crashed, out.how.why.exception, out.how.why.message));
  hold_mailbox();
  state_.reset();
  out.kept = waiting();
  report(std::move(out));
}

void cell::on_quit(caf::error reason) {
  cell_report out;
  out.what = cell_report::kind::exited;
  out.how = exit_of(reason);
  answer_in_hand(caf::make_error(errc::ended, describe(reason)));
  hold_mailbox();
  state_.reset();
  out.kept = waiting();
  report(std::move(out));
}

caf::result<caf::message> cell::on_unexpected(caf::message_view& view) {
  event e;
  e.kind = event_kind::warn;
  e.level = event_level::warn;
  e.actor = spec_->path;
  e.incarnation = incarnation_;
  e.text = "dropped a message that it has no handler for: " + to_string(view.content());
  spec_->events->emit(std::move(e));
  return caf::make_error(caf::sec::unexpected_message);
}

void cell::report(cell_report what) {
  what.node = spec_->node;
  what.cell = spec_->serial;
  what.incarnation = incarnation_;
  port::tell_urgently(kernel_, std::move(what));
}

}  // namespace steward::supervision
