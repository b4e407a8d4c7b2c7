// Cells whose states live in processes.
#include "actor_system/message_kinds.hpp"
#include "base/text.hpp"
#include "supervision/cell.hpp"
#include "supervision/process_seat.hpp"

#include <caf/exit_reason.hpp>
#include <caf/system_messages.hpp>

#include <algorithm>
#include <functional>
#include <utility>

namespace steward::supervision {

// What waited for an incarnation goes before the start of a spare.
constexpr milliseconds spare_after{20};

struct cell::late_answer {
  caf::strong_actor_ptr to;
  caf::message_id number;
  caf::error what;
};

rung cell::runs_in() const { return seat_.load(std::memory_order_acquire) != nullptr ? rung::process : rung::thread; }

void cell::begin_process(std::uint64_t incarnation) {
  auto* seat = seat_.load(std::memory_order_relaxed);
  if (seat == nullptr) seat_.store(seat = new process_seat, std::memory_order_release);
  if (!holds_mailbox()) hold_mailbox();
  const auto& place = *kind_->place;
  word::birth what;
  what.type = place.type;
  what.factory = place.factory;
  what.path = path();
  what.incarnation = incarnation;
  what.seed = seed_of(what.path) + incarnation;
  what.params = kind_->params;
  if (rare_ && rare_->actors) what.actors = *rare_->actors;
  auto& own = more();
  auto link = own.spare.made_with == place.settings ? std::exchange(own.spare.link, nullptr) : nullptr;
  if (!link || !link->promote(incarnation)) link = std::make_shared<process_link>(caf::actor_cast<caf::actor>(this));
  own.spare.end();
  own.process_ready = false;
  own.ending = nullptr;
  if (auto problem = link->begin(place, what); !problem.empty()) {
    cell_report failed;
    failed.what = cell_report::kind::start_failed;
    failed.why.cls = cause_class::start;
    failed.why.message = "no process for it: " + problem;
    report(std::move(failed));
    return;
  }
  seat->take(link);
  link_ = std::move(link);
}

/// Once the incarnation is up and has what waited.
void cell::start_spare() {
  auto& spare = more().spare;
  if (!kind_->place) return;
  const auto& place = *kind_->place;
  if (spare.link || !place.settings.spare || more().ending) return;
  auto link = std::make_shared<process_link>(caf::actor_cast<caf::actor>(this));
  spare.made_with = place.settings;
  if (auto problem = link->start_spare(place, path()); problem.empty())
    spare.link = std::move(link);
  else
    on_refused("no spare process for it: " + problem);
}

void cell::heed(const link_news& news) {
  if (news.incarnation == 0) {  // of a spare
    if (news.what != link_news::kind::over || !rare_ || !rare_->spare.link) return;
    on_refused("its spare process has ended: " + describe(rare_->spare.link->take_remains().why));
    rare_->spare.link = nullptr;
    return;
  }
  if (!link_ || news.incarnation != incarnation_) return;
  switch (news.what) {
    case link_news::kind::word:
      heed_word(news.said);
      break;
    case link_news::kind::room:
      if (holds_mailbox()) break;
      link_->make_room();
      look_elsewhere_again();
      break;
    case link_news::kind::over:
      process_is_over();
      break;
    case link_news::kind::spare:
      start_spare();
      break;
  }
}

void cell::heed_word(const caf::message& said) {
  const auto text = word::text_in(said);
  switch (static_cast<word::report>(word::kind_of(said))) {
    case word::report::ready:
      if (!text || more().ending || std::exchange(more().process_ready, true)) return;
      open_mailbox(*link_, incarnation_);
      if (kind_->place && kind_->place->settings.spare)
        port::send_urgently_after(caf::actor_cast<caf::actor>(this), spare_after,
                                  link_news{link_news::kind::spare, incarnation_, {}});
      address_->desk->ready(node_, incarnation_, clock().now(), *text);
      break;
    case word::report::resumed:
      if (auto told = word::cause_in(said)) {
        auto e = event_of(event_kind::crash, event_level::error);
        e.pid = link_->pid();
        e.why = std::move(told->why);
        e.text = while_handling(told->text);
        e.decision.emplace().action = to_string(treatment::resume);
        address_->events->emit(std::move(e));
      }
      break;
    case word::report::warned:
      if (text) on_refused(*text);
      break;
    case word::report::unannounced:
      // Once, for they are the same in each incarnation, and in all children of a template.
      if (text && address_->unannounced.exchange(std::hash<std::string>{}(*text)) != std::hash<std::string>{}(*text))
        on_refused("has handlers for types that are not announced, so no such message comes in from outside of its " +
                   std::string{"process: "} + *text + " (app.message_type announces what CAF can inspect)");
      break;
    case word::report::watch:
      if (text) watch(this, *text);
      break;
    case word::report::unwatch:
      if (text) unwatch(this, *text);
      break;
    default:
      break;
  }
}

bool cell::stop_process(const cell_command& then) {
  if (!link_) return false;
  auto& own = more();
  const bool first = own.ending == nullptr;
  own.ending = std::make_unique<cell_command>(then);
  hold_mailbox();
  if (first) link_->stop();
  if (then.killed) {
    cause why;
    why.cls = cause_class::killed;
    link_->cut(std::move(why));
  }
  return true;
}

void cell::process_is_over() {
  auto& own = more();
  const auto link = std::exchange(link_, nullptr);
  seat_.load(std::memory_order_relaxed)->leave();
  const bool was_up = std::exchange(own.process_ready, false);
  const auto order = std::exchange(own.ending, nullptr);
  hold_mailbox();
  auto rest = link->take_remains();
  policy::exit_info how{policy::exit_class::abnormal, std::move(rest.why)};
  auto last_lines = how.why.stderr_tail;
  if (rest.lost_subtree) how.rule = policy::verdict::lost_process;
  if (rest.ending && !rest.killed) {
    how.cls = rest.ending->how;
    how.why.cls = rest.ending->why.cls;
    how.why = std::move(rest.ending->why);
    how.rule = rest.ending->rule;
    how.why.stderr_tail = last_lines;
    how.text = while_handling(rest.ending->in_hand);
  } else if (const auto begun = std::ranges::find_if(rest.messages, [](const auto& x) { return x.begun; });
             begun != rest.messages.end()) {
    how.text = while_handling(port::text_of(begun->message->content()));
  }
  std::vector<late_answer> late;
  // One that was asked to end when its process was gone has not ended because of that.
  const bool asked_to_end = order != nullptr && !rest.lost_host;
  take_back_messages(std::move(rest.messages), how, asked_to_end, rest.innocent, late);
  for (auto& asker : rest.unanswered)
    if (auto who = asker.who.lock())
      late.push_back({std::move(who), asker.id, asked_to_end ? caf::make_error(errc::ended) : crash_error(how.why)});
  auto reason = asked_to_end ? caf::error{caf::exit_reason::user_shutdown} : crash_error(how.why);
  if (!asked_to_end && !policy::is_abnormal(how.cls)) reason = caf::none;
  const auto answer_late = [&] {
    for (auto& x : late) port::answer(x.to, x.number, std::move(x.what));
    for (const auto& who : rest.linked)
      port::send_anonymously(who, caf::exit_msg{caf::abstract_actor::address(), reason});
  };
  if (order) {
    const bool died_first = rest.lost_host && was_up;
    if (died_first) address_->desk->exited(node_, incarnation_, how, clock().now());  // it is told, and no more
    answer_late();
    was_up_ = was_up && !died_first;
    if (order->what == cell_command::kind::hold)
      carry_out(*order);
    else
      leave_as_told(*order);  // what was to be drained is
    return;
  }
  if (!was_up) {
    answer_late();
    cell_report failed;
    failed.what = rest.declined ? cell_report::kind::declined : cell_report::kind::start_failed;
    if (rest.start_failed && !rest.killed) {
      failed.why = std::move(*rest.start_failed);
      failed.why.stderr_tail = std::move(last_lines);
    } else if (rest.declined) {
      failed.why.message = *rest.declined;
    } else {
      failed.why = how.why;
    }
    report(std::move(failed));
    return;
  }
  how.kept = waiting();
  const auto next = address_->desk->exited(node_, incarnation_, how, clock().now());
  answer_late();
  after_end(how, next);
}

void cell::take_back_messages(std::vector<process_link::unfinished> messages, policy::exit_info& how, bool asked_to_end,
                              bool innocent, std::vector<late_answer>& late) {
  std::vector<caf::mailbox_element_ptr> back;
  for (auto& one : messages) {
    auto& x = *one.message;
    if (!one.begun && !one.how.guarded) {
      back.push_back(std::move(one.message));
      continue;
    }
    auto code = one.begun ? errc::crashed : errc::restarting;
    auto dead_as = dead_letter_reason::crashed;
    if (one.begun && asked_to_end) code = errc::ended;
    const auto limit = kind_->redeliver;
    const bool lost_sender = x.mid.is_request() && !x.sender;
    if (one.begun && !asked_to_end && !one.how.guarded && !lost_sender && limit > 0 &&
        how.rule != policy::verdict::stop) {
      if (innocent) {  // it has killed nobody
        if (one.how.repeated > 0)
          put_back_to_repeat(std::move(one.message), one.how.repeated);
        else
          back.push_back(std::move(one.message));
        continue;
      }
      if (one.how.repeated < limit) {
        put_back_to_repeat(std::move(one.message), one.how.repeated + 1);
        continue;
      }
      code = errc::quarantined;
      dead_as = dead_letter_reason::quarantined;
      auto e = event_of(event_kind::quarantine, event_level::error);
      e.why = how.why;
      e.text = shorten(port::text_of(x.content()), event_log::max_args_bytes);
      address_->events->emit(std::move(e));
    }
    if (x.mid.is_request() && x.sender)
      late.push_back(
          {x.sender, x.mid,
           code == errc::crashed || code == errc::quarantined ? crash_error(how.why, code) : caf::make_error(code)});
    if (one.begun && one.how.counted && dead_as == dead_letter_reason::crashed && !x.mid.is_request()) ++how.lost;
    count_unfinished(x, one.how.counted, dead_as);
  }
  put_back(std::move(back));
}

void cell::count_settled(const caf::mailbox_element& x, bool counted, process::work_state how) {
  if (!counted) return;
  if (how == process::work_state::handled)
    count_handled_elsewhere();
  else
    count_unfinished(
        x, true, how == process::work_state::unhandled ? dead_letter_reason::unhandled : dead_letter_reason::crashed);
}

std::uint64_t cell::turn_anywhere() const {
  if (const auto* seat = seat_.load(std::memory_order_acquire))
    if (const auto link = seat->now()) return link->turn();
  return turn();
}

std::string cell::in_hand_anywhere() const {
  if (const auto* seat = seat_.load(std::memory_order_acquire))
    if (const auto link = seat->now()) {
      const auto content = link->in_hand();
      return content.empty() ? std::string{} : port::text_of(content.content());
    }
  return in_hand();
}

int cell::pid() const {
  const auto* seat = seat_.load(std::memory_order_acquire);
  const auto link = seat == nullptr ? nullptr : seat->now();
  return link ? link->pid() : 0;
}

int cell::pid_of(std::uint64_t incarnation) const {
  const auto* seat = seat_.load(std::memory_order_acquire);
  return seat == nullptr ? 0 : seat->pid_of(incarnation);
}

void cell::leave_process(const cause& why) const {
  const auto* seat = seat_.load(std::memory_order_acquire);
  const auto link = seat == nullptr ? nullptr : seat->now();
  if (link) link->cut(why);
}

bool cell::kill_process(const cause& why) const {
  const auto* seat = seat_.load(std::memory_order_acquire);
  const auto link = seat == nullptr ? nullptr : seat->now();
  if (link) link->kill(why);
  return link != nullptr;
}

}  // namespace steward::supervision
