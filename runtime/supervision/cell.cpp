#include "supervision/cell.hpp"

#include "base/in_hand.hpp"
#include "base/text.hpp"
#include "base/thrown_frames.hpp"
#include "supervision/process_seat.hpp"

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <typeinfo>
#include <utility>

#include <cxxabi.h>

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

caf::error exit_reason_of(policy::exit_class how, const std::string& why) {
  if (policy::is_abnormal(how)) return caf::make_error(errc::gave_up, why);
  return how == policy::exit_class::normal ? caf::exit_reason::normal : caf::exit_reason::user_shutdown;
}

port::durable_options options_of(const cell_kind& kind) { return {kind.mailbox, kind.redeliver > 0, kind.watched}; }

/// As `cause_of`, without throwing the exception once more. What is known of the latest type is kept per thread, and
/// has no destructor: where there is no memory to note that it needs one, the program would end.
cause cause_of_known(const std::exception& known, const std::exception_ptr& problem) {
  struct type_facts {
    const std::type_info* type = nullptr;
    std::array<char, 256> name{};
    std::size_t size = 0;
  };
  thread_local constinit type_facts latest;
  const auto& type = typeid(known);
  if (latest.type == nullptr || *latest.type != type) {
    if (dynamic_cast<const std::nested_exception*>(&known) != nullptr) return cause_of(problem);
    const auto name = demangle(type.name());
    if (name.size() > latest.name.size()) return cause_of(problem);
    std::copy(name.begin(), name.end(), latest.name.begin());
    latest.size = name.size();
    latest.type = &type;
  }
  cause out;
  out.cls = cause_class::exception;
  out.exception.assign(latest.name.data(), latest.size);
  out.message = text_of(known);
  add_thrown_frames(out, problem);
  return out;
}

/// What requests get that wait when an actor ends for good.
caf::error leftover_error(policy::exit_class how, const std::string& why) {
  return caf::make_error(policy::is_abnormal(how) ? errc::gave_up : errc::ended, why);
}

}  // namespace

caf::error crash_error(const cause& why, errc code) {
  if (why.cls == cause_class::exception || why.cls == cause_class::start)
    return caf::make_error(code, why.exception, why.message);
  return caf::make_error(code, describe(why));
}

std::string while_handling(const std::string& in_hand) {
  return in_hand.empty() ? std::string{} : "while it handled " + shorten(in_hand, max_in_hand_bytes);
}

policy::exit_info exit_of(const caf::error& reason) {
  using policy::exit_class;
  if (!reason || reason == caf::exit_reason::normal) return {exit_class::normal, {}};
  if (reason == caf::exit_reason::user_shutdown || reason == caf::exit_reason::remote_link_unreachable)
    return {exit_class::shutdown, {}};
  cause why;
  why.cls = reason == caf::exit_reason::kill ? cause_class::killed : cause_class::quit;
  why.message = shorten(describe(reason), max_reason_bytes);
  return {exit_class::abnormal, why};
}

cell::cell(caf::actor_config& cfg, cell_spec spec)
    : durable_actor(cfg, options_of(*spec.kind)),
      address_(std::move(spec.address)),
      node_(spec.node),
      kind_(std::move(spec.kind)) {}

cell::rarities& cell::more() {
  if (!rare_) rare_ = std::make_unique<rarities>();
  return *rare_;
}

caf::behavior cell::make_behavior() {
  hold_mailbox();
  return {};
}

void cell::on_exit() {
  state_.reset();
  if (rare_) rare_->spare.end();
}

cell::~cell() { delete seat_.load(std::memory_order_relaxed); }

bool cell::is_command(const std::type_info& type) const {
  return type == typeid(cell_command) || type == typeid(watch_news) || type == typeid(link_news);
}

bool cell::on_command(caf::type_erased_tuple& content, const std::type_info& type) {
  if (type == typeid(watch_news)) {
    const auto& news = content.get_as<watch_news>(0);
    if (link_ && news.incarnation == incarnation_)
      link_->tell(word::make(news.what));
    else if (state_ && news.incarnation == incarnation_)  // as a timer, it ends with the incarnation
      set_timer({caf::actor_cast<caf::actor>(this), caf::make_message(news.what), milliseconds{0}});
    return true;
  }
  if (type == typeid(link_news)) {
    heed(content.get_as<link_news>(0));
    return true;
  }
  if (type != typeid(cell_command)) return false;
  if (!leaving()) carry_out(content.get_as<cell_command>(0));
  return true;
}

void cell::carry_out(const cell_command& command) {
  switch (command.what) {
    case cell_command::kind::incarnate:
      if (command.actors || rare_) more().actors = command.actors;
      begin(command.incarnation);
      break;
    case cell_command::kind::hold: {
      if (stop_process(command)) break;
      cell_report out;
      out.what = cell_report::kind::held;
      out.was_up = state_ != nullptr || std::exchange(was_up_, false);
      drop_state(caf::exit_reason::user_shutdown);
      hold_mailbox();
      report(std::move(out));
      break;
    }
    case cell_command::kind::renew:
      kind_ = command.renewed;
      if (rare_ && !kind_->place) rare_->spare.end();
      reconfigure(options_of(*kind_));
      break;
    case cell_command::kind::leave:
      leave_as_told(command);
      break;
    case cell_command::kind::drain:
      drain(command);
      break;
    case cell_command::kind::fail:
      fail_as_told(command);
      break;
  }
}

void cell::leave_as_told(const cell_command& command) {
  if (stop_process(command)) return;
  was_up_ = was_up_ || state_ != nullptr;
  close_incarnation();
  const bool by_itself = rare_ && rare_->ended;
  const auto how = by_itself ? rare_->how : command.how;
  const auto& why = by_itself ? rare_->why : command.why;
  const auto reason = command.killed && !by_itself ? caf::error{caf::exit_reason::kill} : exit_reason_of(how, why);
  drop_state(reason);
  leave(reason, leftover_error(how, why), command.heir);
}

void cell::fail_as_told(const cell_command& command) {
  if (!is_there() || command.incarnation != incarnation_) return;  // that one has ended by itself
  policy::exit_info how{policy::exit_class::abnormal, {}};
  if (command.failure) {
    how.why = *command.failure;
  } else {
    how.why.cls = cause_class::killed;
    how.why.message = command.why;
  }
  if (link_) return link_->kill(std::move(how.why));
  end_incarnation(std::move(how), caf::exit_reason::kill);
}

void cell::drain(const cell_command& command) {
  if (draining()) return;
  const bool up = state_ || (link_ && more().process_ready);
  if (!up) {  // nobody is up to handle what waits
    leave_as_told(command);
    return;
  }
  more().last_order = std::make_unique<cell_command>(command);
  begin_drain(leftover_error(command.how, command.why));
}

void cell::on_drained() { leave_as_told(*std::exchange(more().last_order, nullptr)); }

std::uint64_t cell::seed_of(const std::string& where) const {
  return address_->seed ^ (std::hash<std::string>{}(where)*0x9e3779b97f4a7c15ULL);
}

void cell::begin(std::uint64_t incarnation) {
  static const actor_map nobody;
  incarnation_ = incarnation;
  if (rare_) rare_->ended = false;
  if (state_) drop_state(caf::exit_reason::user_shutdown);
  forget_requests();
  if (!holds_mailbox()) reset_handlers();  // else no code has run since they were
  if (kind_->place) return begin_process(incarnation);
  const auto& kind = *kind_;
  auto where = path();
  const auto seed = seed_of(where);
  const auto* actors = rare_ ? rare_->actors.get() : nullptr;
  const actor_args args{std::move(where), incarnation,        kind.params, actors != nullptr ? *actors : nobody,
                        kind.print,       seed + incarnation, this,        kind.pools.get()};
  cell_report failed;
  failed.what = cell_report::kind::start_failed;
  failed.why.cls = cause_class::start;
  try {
    state_ = kind.make(this, args);
    auto behavior = state_->make_behavior();
    if (behavior && !quitting()) {
      open_mailbox(std::move(behavior), incarnation);
      address_->desk->ready(node_, incarnation, clock().now(), args.for_starter());
      return;
    }
    failed.why.message = quitting() ? "quit while it was starting" : "make_behavior returned no behaviour";
  } catch (const decline_start& why) {
    failed.what = cell_report::kind::declined;
    failed.why.message = text_of(why);
  } catch (const abi::__forced_unwind&) {
    end_program(actor_thread_ended);
  } catch (...) {  // a throwing constructor or init is a failed start, whatever it throws
    failed.why = cause_of(std::current_exception());
  }
  drop_state(tied() ? crash_error(failed.why) : caf::error{});
  hold_mailbox();
  report(std::move(failed));
}

void cell::describe_in_hand(event& into) const {
  into.actor = path();
  into.incarnation = incarnation_;
  into.runs_in = to_string(runs_in());
  into.text = while_handling(handled_now());
}

void cell::drop_state(const caf::error& reason) {
  if (state_) call_functors(reason);  // else their state is gone already: its constructor has thrown
  state_.reset();
  cancel_timers();
  undo_ties(reason);
  forget_requests();  // at last: functors and destructors may have asked, or called `quit`
}

void cell::on_throw(const std::exception_ptr& problem, const std::exception* known, const std::string& in_hand) {
  auto why = known != nullptr ? cause_of_known(*known, problem) : cause_of(problem);
  const auto* given = rules();
  const auto rule = given != nullptr ? given->match(problem) : treatment::restart;
  auto dead_as = dead_letter_reason::crashed;
  if (rule == treatment::resume && !quitting() && handlers_intact()) {
    auto answer = settle_in_hand(why, false, in_hand, dead_as);
    auto e = event_of(event_kind::crash, event_level::error);
    if (loses_in_hand()) e.lost = 1;
    fail_in_hand(dead_as).deliver(std::move(answer));
    e.why = why;
    e.text = while_handling(in_hand);
    e.decision.emplace().action = to_string(treatment::resume);
    address_->events->emit(std::move(e));
    return;
  }
  forget_requests();
  auto answer = settle_in_hand(why, rule != treatment::stop, in_hand, dead_as);
  const bool lost = dead_as == dead_letter_reason::crashed && loses_in_hand();
  auto asker = fail_in_hand(dead_as);
  const auto reason = tied() ? crash_error(why) : caf::error{};
  policy::exit_info how{policy::exit_class::abnormal, std::move(why)};
  how.text = while_handling(in_hand);
  how.lost = lost ? 1 : 0;
  how.rule = verdict_of(rule);
  end_incarnation(std::move(how), reason, std::move(asker), std::move(answer));
}

caf::error cell::settle_in_hand(const cause& why, bool may_repeat, const std::string& in_hand, dead_letter_reason& as) {
  const auto limit = may_repeat ? kind_->redeliver : 0;
  const auto kept = limit > 0 ? keep_in_hand(limit) : keeping::impossible;
  if (kept == keeping::kept) return {};
  if (kept == keeping::spent) {
    as = dead_letter_reason::quarantined;
    auto e = event_of(event_kind::quarantine, event_level::error);
    e.why = why;
    e.text = shorten(in_hand, max_in_hand_bytes);
    address_->events->emit(std::move(e));
  }
  const auto code = kept == keeping::spent ? errc::quarantined : errc::crashed;
  return asked() ? caf::make_error(code, why.exception, why.message) : caf::error{};
}

void cell::on_quit(caf::error reason) { end_incarnation(exit_of(reason), reason); }

void cell::end_incarnation(policy::exit_info how, const caf::error& reason, caf::response_promise asker,
                           caf::error answer) {
  close_incarnation();
  drop_state(reason);
  how.kept = waiting();
  const auto next = address_->desk->exited(node_, incarnation_, how, clock().now());
  // Whoever hears of the end by its answer finds that the supervisor has heard of it, too.
  if (asker.pending()) asker.deliver(std::move(answer));
  after_end(how, next);
}

void cell::after_end(const policy::exit_info& how, std::optional<std::uint64_t> next) {
  // What waits stays where it is when the next incarnation begins at once: a crash costs the same whatever waits.
  if (next) return begin(*next);
  hold_mailbox();
  auto& own = more();
  own.ended = true;
  own.how = how.cls;
  own.why = policy::is_abnormal(how.cls) ? describe(how.why) : std::string{};
  if (draining()) on_drained();  // what it has not come to is left over
}

caf::result<caf::message> cell::on_unexpected(caf::message_view& view) {
  auto e = event_of(event_kind::warn, event_level::warn);
  e.text = "dropped a message that it has no handler for: " + shorten(to_string(view.content()), max_in_hand_bytes);
  address_->events->emit(std::move(e));
  return caf::make_error(caf::sec::unexpected_message);
}

void cell::on_dropped(std::uint64_t n, const caf::type_erased_tuple* latest) {
  event e;  // senders call this: only what never changes
  e.kind = event_kind::dead_letter;
  e.level = event_level::warn;
  e.actor = path();
  e.runs_in = to_string(runs_in());
  e.lost = n;
  const auto limits = mailbox_limits();
  e.text = "its mailbox was full (" + std::to_string(limits.limit) + "): " + to_string(limits.overflow);
  if (latest != nullptr) e.text += shown("; the latest", port::text_of(*latest));
  address_->events->emit(std::move(e));
}

std::string cell::shown(std::string_view lead, const std::string& message) const {
  const auto most = address_->letters != nullptr ? address_->letters->text_bytes() : max_in_hand_bytes;
  return most == 0 || message.empty() ? std::string{} : std::string{lead} + ": " + shorten(message, most);
}

bool cell::hears_of_dead() const { return address_->letters != nullptr && address_->letters->heard(); }

void cell::on_dead(dead_letter_reason why, const caf::strong_actor_ptr& from, caf::message content) {
  dead_letter out;
  out.to = path();
  if (from) {
    out.sender = caf::actor_cast<caf::actor>(from);
    if (const auto* known = dynamic_cast<const cell*>(from->get())) out.from = known->path();
  }
  out.message = std::move(content);
  out.why = why;
  address_->letters->put(std::move(out));
}

void cell::on_refused(const std::string& what) {
  event e;  // any thread calls this: only what never changes
  e.kind = event_kind::warn;
  e.level = event_level::warn;
  e.actor = path();
  e.runs_in = to_string(runs_in());
  e.text = what;
  address_->events->emit(std::move(e));
}

void cell::on_left(std::uint64_t dead, const std::string& first) {
  cell_report out;
  out.what = cell_report::kind::left;
  out.counts = counts();
  out.dropped = dead;
  out.first_dropped = shown("; the first", first);
  out.was_up = was_up_;
  report(std::move(out));
}

const exception_rules* cell::rules() const { return kind_->exceptions.get(); }

event cell::event_of(event_kind kind, event_level level) const {
  event e;
  e.kind = kind;
  e.level = level;
  e.actor = path();
  e.incarnation = incarnation_;
  e.runs_in = to_string(runs_in());
  return e;
}

void cell::report(cell_report what) const {
  what.node = node_;
  what.cell = id();
  what.incarnation = incarnation_;
  port::send_urgently(address_->host, std::move(what));
}

cell& cell_of(const caf::actor& handle) { return static_cast<cell&>(*caf::actor_cast<caf::abstract_actor*>(handle)); }

}  // namespace steward::supervision
