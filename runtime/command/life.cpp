#include "command/life.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

namespace steward::command {

namespace {

/// None where there is no limit.
std::optional<time_point> later(time_point now, milliseconds by) {
  if (by == infinity) return std::nullopt;
  return now + by;
}

}  // namespace

life::life(life_rules rules, time_point now)
    : rules_(std::move(rules)), start_limit_(later(now, rules_.start_within)) {}

void life::runs(time_point now) {
  if (state_ != state::starting || !rules_.ready_after) return;
  if (rules_.ready_after->count() == 0) return is_ready();
  ready_at_ = now + *rules_.ready_after;
}

void life::is_ready() {
  if (state_ != state::starting) return;
  state_ = state::up;
  start_limit_.reset();
  ready_at_.reset();
  tell({});
}

void life::cannot_run(cause why) {
  if (state_ == state::over) return;
  const bool stopped = why_ending_ == reason::asked;
  state_ = state::over;
  step_until_.reset();
  why.cls = cause_class::start;
  tell({stopped ? news::kind::stopped : news::kind::start_failed, false, false, std::move(why)});
}

void life::stop(std::vector<stop_step> ladder, time_point now) {
  if (state_ == state::over) return;
  if (why_ending_ == reason::killed) {
    stop_too_ = true;
    return;
  }
  const bool climbs = state_ == state::ending;
  const bool same = climbs && ladder == ladder_;
  state_ = state::ending;
  why_ending_ = reason::asked;
  if (same || killed_) return;
  ladder_ = std::move(ladder);
  step_ = 0;
  climb(now);
}

void life::kill(cause why) {
  if (state_ == state::over || why_ending_ != reason::none) return;
  why_ending_ = reason::killed;
  // A crash of what was up, a failed start of what was not.
  verdict_ = std::move(why);
  killed_ = true;
  start_limit_.reset();
  ready_at_.reset();
  decided_.emplace_back(send_signal{SIGKILL});
}

void life::abandon() {
  silent_ = true;
  std::erase_if(decided_, [](const decision& x) { return std::holds_alternative<news>(x); });
  if (state_ == state::over) return;
  state_ = state::ending;
  start_limit_.reset();
  ready_at_.reset();
  step_until_.reset();
  killed_ = true;
  decided_.emplace_back(send_signal{SIGKILL});
}

void life::exited(ending how) {
  if (state_ == state::over) return;
  const auto was = std::exchange(state_, state::over);
  start_limit_.reset();
  ready_at_.reset();
  step_until_.reset();
  switch (why_ending_) {
    case reason::asked:
      return tell({news::kind::stopped, how.orderly, killed_, std::move(how.why)});
    case reason::overdue:
    case reason::killed: {
      auto why = std::move(how.why);
      why.cls = verdict_.cls;
      why.message = verdict_.message;
      const bool started = why_ending_ == reason::killed && was == state::up;
      tell({started ? news::kind::ended : news::kind::start_failed, false, false, std::move(why)});
      if (stop_too_) tell({news::kind::stopped, false, true, {}});
      return;
    }
    case reason::none:
      break;
  }
  if (was == state::up) return tell({news::kind::ended, how.orderly, false, std::move(how.why)});
  if (how.orderly) how.why.message = "it has ended before it was ready; a program must not go into the background";
  tell({news::kind::start_failed, false, false, std::move(how.why)});
}

void life::advance(time_point now) {
  if (ready_at_ && now >= *ready_at_) return is_ready();
  if (start_limit_ && now >= *start_limit_) {
    start_limit_.reset();
    ready_at_.reset();
    state_ = state::ending;
    why_ending_ = reason::overdue;
    verdict_.cls = cause_class::start;
    verdict_.message = "not ready within " + render_duration(rules_.start_within);
    if (!rules_.waits_for.empty()) verdict_.message += ": " + rules_.waits_for;
    ladder_ = rules_.ladder;
    step_ = 0;
    return climb(now);
  }
  if (step_until_ && now >= *step_until_) climb(now);
}

void life::climb(time_point now) {
  start_limit_.reset();
  ready_at_.reset();
  step_until_.reset();
  while (step_ < ladder_.size()) {
    const auto& next = ladder_[step_++];
    if (next.signal == 0) {
      step_until_ = later(now, next.wait.value_or(infinity));
      return;
    }
    killed_ = killed_ || next.signal == SIGKILL;
    decided_.emplace_back(send_signal{next.signal});
  }
}

std::optional<time_point> life::next_due() const {
  std::optional<time_point> out;
  for (const auto& one : {start_limit_, ready_at_, step_until_})
    if (one && (!out || *one < *out)) out = one;
  return out;
}

std::vector<decision> life::take() { return std::exchange(decided_, {}); }

void life::tell(news x) {
  if (!silent_) decided_.emplace_back(std::move(x));
}

}  // namespace steward::command
