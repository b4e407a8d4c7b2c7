#include "pool/worker_lives.hpp"

#include <algorithm>
#include <utility>

namespace steward::pooling {

namespace {

// How often, on average, each worker may fail to start before the pool is found hopeless.
constexpr unsigned failed_starts_each = 5;

// SplitMix64 by Steele, Lea and Flood (2014): one step from a seed.
double share_of(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return static_cast<double>((x ^ (x >> 31)) >> 11) * 0x1.0p-53;
}

}  // namespace

worker_life& worker_lives::add() {
  const auto index = size();
  return all_.emplace_back(
      index, policy::backoff(spec_.restarts.worker_backoff, seed_ ^ (0x9e3779b97f4a7c15ULL * (index + 1))));
}

// Counts.

unsigned worker_lives::living() const {
  return static_cast<unsigned>(std::count_if(all_.begin(), all_.end(), [](const auto& w) { return w.is_living(); }));
}

std::size_t worker_lives::coming() const {
  return static_cast<std::size_t>(
      std::count_if(all_.begin(), all_.end(), [](const auto& w) { return w.is_coming() && !w.is_leaving(); }));
}

bool worker_lives::any_ready() const {
  return std::any_of(all_.begin(), all_.end(), [](const auto& w) { return w.is_ready(); });
}

/// One that is ready or was.
bool worker_lives::any_there() const {
  return std::any_of(all_.begin(), all_.end(), [](const auto& w) { return w.is_ready() || w.is_retiring(); });
}

bool worker_lives::any_coming() const {
  return std::any_of(all_.begin(), all_.end(), [](const auto& w) { return w.is_coming(); });
}

bool worker_lives::all_down() const {
  return std::all_of(all_.begin(), all_.end(), [](const auto& w) { return w.is_down(); });
}

bool worker_lives::all_came() const {
  return std::all_of(all_.begin(), all_.end(), [](const auto& w) { return w.is_ready() || !w.is_living(); });
}

// How many there are.

void worker_lives::keep(unsigned wanted, time_point now) {
  const auto places = std::count_if(all_.begin(), all_.end(), [](const auto& w) { return !w.is_down(); });
  auto most = 2 * wanted - std::min(2 * wanted, static_cast<unsigned>(places));
  for (auto have = living(); have < wanted; ++have) {
    const auto unwanted =
        std::find_if(all_.begin(), all_.end(), [](const auto& w) { return w.is_starting() && w.is_leaving(); });
    if (unwanted != all_.end()) {
      unwanted->now_.leaving = false;
      continue;
    }
    if (most-- == 0 || (scarce_ && any_coming())) return;
    const auto down = std::find_if(all_.begin(), all_.end(), [](const auto& w) { return w.is_down(); });
    begin(down == all_.end() ? add() : *down, now);
  }
}

/// A worker that is gone leaves its room to one that could not be made for want of it: that one waits no longer.
void worker_lives::use_room(time_point now) {
  const auto starved =
      std::find_if(all_.begin(), all_.end(), [](const auto& w) { return w.is_waiting() && !w.now_.existed; });
  if (starved != all_.end()) begin(*starved, now);
}

void worker_lives::let_go(unsigned wanted, const load_of& load) {
  for (auto have = living(); have > wanted; --have) {
    worker_life* least = nullptr;
    for (auto& w : all_) {
      if (!w.is_living()) continue;
      if (w.is_waiting()) {
        least = &w;
        break;
      }
      if (w.is_starting()) {
        least = &w;
        continue;
      }
      if (!w.is_ready() || (least && least->is_starting())) continue;
      if (!least || load(w.index()) < load(least->index())) least = &w;
    }
    if (!least) return;
    if (least->is_waiting()) {
      ended(*least);
    } else if (least->is_starting()) {
      least->now_.leaving = true;  // it ends as soon as it is ready
    } else {
      retire(*least);
    }
  }
}

void worker_lives::replace_leaving(unsigned wanted, const load_of& load) {
  auto ready = std::count_if(all_.begin(), all_.end(), [](const auto& w) { return w.is_ready(); });
  for (auto& w : all_) {
    if (!w.is_ready() || !w.is_leaving()) continue;
    const bool spent = load(w.index()) == 0 && w.left_of_share(0) == 0;
    if (!spent && ready <= static_cast<std::ptrdiff_t>(wanted)) continue;
    retire(w);
    --ready;
  }
}

// Starts.

void worker_lives::begin(worker_life& w, time_point now) {
  w.now_ = {};
  ++w.incarnation_;
  w.at_ = worker_life::state::starting;
  const auto after = spec_.restarts.recycle_after;
  if (after > 0) {
    const auto fewer = spec_.restarts.recycle_jitter * after * share_of(seed_ + w.index_ * 7919 + w.incarnation_);
    w.now_.share = std::max(1U, after - static_cast<unsigned>(fewer));
  }
  w.due_ = now + spec_.limits.start_within;
  if (w.incarnation_ > 1 && w.died_at_) {
    events_.note(events_.of_worker(event_kind::restart, event_level::info, w));
  } else {
    auto e = events_.of_worker(event_kind::child, event_level::debug, w);
    e.child.emplace().state = "starting";
    events_.note(std::move(e));
  }
  orders_.emplace_back(act::start{w.ref()});
}

void worker_lives::exists(worker_life& w, int pid) noexcept {
  w.now_.existed = true;
  w.now_.pid = pid;
}

void worker_lives::ready(worker_life& w, unsigned wanted, time_point now) {
  w.at_ = worker_life::state::ready;
  w.now_.existed = w.now_.was_ready = true;
  w.idles(now);
  w.delays_.ready(now);
  failed_starts_ = 0;
  if (w.died_at_) {
    auto e = events_.of_worker(event_kind::recover, event_level::info, w);
    e.recovery_ms = ms_between(*w.died_at_, now);
    events_.note(std::move(e));
    w.died_at_.reset();
  } else {
    events_.note(events_.of_worker(event_kind::ready, event_level::debug, w));
  }
  if (std::exchange(w.now_.leaving, false)) retire(w);
  if (living() >= wanted) scarce_ = false;
}

// Ends.

void worker_lives::retire(worker_life& w) {
  w.at_ = worker_life::state::retiring;
  w.due_ = time_point::max();
  orders_.emplace_back(act::stop{w.ref()});
}

void worker_lives::end(worker_life& w, cause why, bool at_once, time_point now) {
  w.now_.killed_for = std::move(why);
  if (at_once || spec_.runs_in != rung::process || spec_.limits.grace.count() == 0) return kill(w);
  w.at_ = worker_life::state::terminating;
  w.due_ = now + spec_.limits.grace;
  orders_.emplace_back(act::terminate{w.ref()});
}

void worker_lives::kill(worker_life& w) {
  w.at_ = worker_life::state::killing;
  orders_.emplace_back(act::kill{w.ref()});
}

void worker_lives::ask_to_end(worker_life& w, bool has_work) {
  if (w.is_waiting()) return ended(w);
  if (w.is_down() || w.is_killed()) return;
  const bool ask_harder = (has_work || w.is_starting()) && !w.is_terminating();
  w.at_ = worker_life::state::retiring;
  orders_.emplace_back(act::stop{w.ref()});
  if (ask_harder) orders_.emplace_back(act::terminate{w.ref()});
}

void worker_lives::terminate_asked() {
  for (const auto& w : all_) {
    if (w.is_retiring()) orders_.emplace_back(act::terminate{w.ref()});
  }
}

void worker_lives::kill_asked(time_point now) {
  for (auto& w : all_) {
    if (!w.is_retiring()) continue;
    auto e = events_.of_worker(event_kind::warn, event_level::warn, w);
    e.text = "did not stop within " + render_duration(spec_.limits.shutdown);
    events_.note(std::move(e));
    end(w, make_cause(cause_class::killed, "it did not stop in time"), true, now);
  }
}

void worker_lives::end_all(const cause& why, time_point now) {
  for (auto& w : all_) {
    if (w.is_waiting()) ended(w);
    if (!w.is_down() && !w.is_killed()) end(w, why, true, now);
  }
}

void worker_lives::ended_as_planned(worker_life& w, std::string text, time_point now) {
  ended(w);
  auto e = events_.of_worker(event_kind::stop, event_level::debug, w);
  e.text = std::move(text);
  events_.note(std::move(e));
  use_room(now);
}

worker_lives::sequel worker_lives::lost(worker_life& w, const loss& how, time_point now) {
  using next = sequel::next;
  const bool surplus = w.is_leaving() || w.is_retiring();
  const bool worked = w.was_ready() && (w.answered() > 0 || how.had_work);
  ended(w);
  if (!w.died_at_) w.died_at_ = now;
  // A pool that works is not to be lost because the system has no more to give for now.
  const bool spared = !w.now_.existed && !how.pool_starts && any_there();
  if (spared) {
    scarce_ = true;
  } else {
    failed_starts_ = w.was_ready() ? 0 : failed_starts_ + 1;
  }
  const unsigned patience =
      std::min(spec_.restarts.worker_restarts.restarts, failed_starts_each * std::max(1U, how.wanted));
  if (failed_starts_ > patience && (!any_ready() || how.pool_starts)) {
    auto told = decision("give_up", now);
    // However long they took.
    told.restarts = failed_starts_;
    told.limit = patience;
    told.period_ms = 0;
    return {next::give_up, milliseconds{0}, std::move(told)};
  }
  const bool counts = !how.meant && !spared;
  if (counts && !budget_.allow(now)) return {next::give_up, milliseconds{0}, decision("give_up", now)};
  // There may be a replacement already.
  if (living() >= how.wanted) return {next::none, milliseconds{0}, decision(surplus ? "replaced" : "stop", now)};
  if (spared && any_coming()) return {next::wait, milliseconds{0}, decision("wait", now)};
  const auto delay = worked ? milliseconds{0} : w.delays_.next(now);
  return {next::restart, delay, decision("restart", now, delay)};
}

void worker_lives::carry_out(worker_life& w, const sequel& what, time_point now) {
  using next = sequel::next;
  if (what.what == next::none || what.what == next::wait) {
    w.died_at_.reset();
    if (what.what == next::none && w.now_.existed) use_room(now);
    return;
  }
  if (what.what != next::restart) return;
  if (what.delay.count() == 0) return begin(w, now);
  w.at_ = worker_life::state::waiting;
  w.due_ = now + what.delay;
  auto e = events_.of_worker(event_kind::backoff, event_level::info, w);
  e.decision = what.told;
  events_.note(std::move(e));
}

event_decision worker_lives::decision(const char* what, time_point now, milliseconds delay) const {
  event_decision out;
  out.action = what;
  out.restarts = budget_.count(now);
  out.limit = spec_.restarts.worker_restarts.restarts;
  out.period_ms = spec_.restarts.worker_restarts.within.count();
  out.delay_ms = delay.count();
  return out;
}

// Time.

void worker_lives::on_time(worker_life& w, time_point now) {
  if (w.is_waiting()) return begin(w, now);
  if (w.is_terminating()) return kill(w);
  if (!w.is_starting()) return;
  const auto slow = spec_.initializer.empty() ? std::string{} : ", with its initializer '" + spec_.initializer + "'";
  end(w, make_cause(cause_class::start, "not ready within " + render_duration(spec_.limits.start_within) + slow), true,
      now);
}

void worker_lives::hurry(worker_life& w, time_point now) {
  if (w.due_ == time_point::max()) {
    w.due_ = now + spec_.limits.shutdown;
  } else if (now >= w.due_) {
    end(w, make_cause(cause_class::killed, "it did not stop in time"), true, now);
  }
}

void worker_lives::catch_up(worker_life& w, bool has_work, time_point now) {
  if (w.is_starting()) w.due_ = now + spec_.limits.start_within;
  if (w.is_terminating()) w.due_ = now + spec_.limits.grace;
  if (w.is_retiring() && !has_work && w.due_ != time_point::max()) w.due_ = now + spec_.limits.shutdown;
}

}  // namespace steward::pooling
