// How many workers there are: growth, shrinking, planned replacements.
#include "pool/engine.hpp"

#include <algorithm>
#include <utility>

namespace steward::pooling {

void engine::resize(unsigned min, unsigned max, time_point now) {
  if (gave_up_ || phase_ == phase::stopped) return;
  min_ = std::min(min, most_workers);
  max_ = std::clamp(max, std::max(1U, min_), most_workers);
  size_ = std::clamp(size_, min_, max_);
  auto e = make_event(event_kind::operator_, event_level::info);
  e.text = "resized to " + std::to_string(min_) + (max_ > min_ ? " to " + std::to_string(max_) : "") +
           (max_ == 1 ? " worker" : " workers");
  note(std::move(e));
  if (phase_ != phase::starting && phase_ != phase::running) return;
  scarce_ = false;
  keep_size(now);
  shrink(now);
}

unsigned engine::living() const {
  return static_cast<unsigned>(std::count_if(workers_.begin(), workers_.end(), [](const worker& w) {
    return w.at != state::down && w.at != state::retiring && !w.leaving;
  }));
}

/// One that is ready or was.
bool engine::any_there() const {
  return std::any_of(workers_.begin(), workers_.end(),
                     [](const worker& w) { return w.at == state::ready || w.at == state::retiring; });
}

bool engine::any_coming() const {
  return std::any_of(workers_.begin(), workers_.end(),
                     [](const worker& w) { return w.at == state::starting || w.at == state::waiting; });
}

/// Starts workers until there are as many as there should be; those that are about to leave do not count, but no more
/// than one for each comes before they are gone. Where the last one could not be started, one is tried at a time.
void engine::keep_size(time_point now) {
  const auto exist = std::count_if(workers_.begin(), workers_.end(), [](const auto& w) { return w.at != state::down; });
  auto most = 2 * wanted_workers() - std::min(2 * wanted_workers(), static_cast<unsigned>(exist));
  for (auto have = living(); have < wanted_workers(); ++have) {
    const auto unwanted = std::find_if(workers_.begin(), workers_.end(),
                                       [](const worker& w) { return w.at == state::starting && w.leaving; });
    if (unwanted != workers_.end()) {
      unwanted->leaving = false;
      continue;
    }
    if (most-- == 0 || (scarce_ && any_coming())) return;
    const auto down =
        std::find_if(workers_.begin(), workers_.end(), [](const worker& w) { return w.at == state::down; });
    begin(down == workers_.end() ? add_worker() : *down, now);
  }
}

/// A worker that is gone leaves its room to one that could not be made for want of it: that one waits no longer.
void engine::use_room(time_point now) {
  if (asked_ || gave_up_) return;
  const auto starved = std::find_if(workers_.begin(), workers_.end(),
                                    [](const auto& w) { return w.at == state::waiting && !w.existed; });
  if (starved != workers_.end()) begin(*starved, now);
}

void engine::shrink(time_point now) {
  for (auto have = living(); have > wanted_workers(); --have) {
    worker* least = nullptr;
    for (auto& w : workers_) {
      if (w.at == state::down || w.at == state::retiring || w.leaving) continue;
      if (w.at == state::waiting) {
        least = &w;
        break;
      }
      if (w.at == state::starting) {
        least = &w;
        continue;
      }
      if (w.at != state::ready || (least && least->at == state::starting)) continue;
      if (!least || w.sent.size() < least->sent.size()) least = &w;
    }
    if (!least) return;
    if (least->at == state::waiting) {
      least->at = state::down;
    } else if (least->at == state::starting) {
      least->leaving = true;  // it ends as soon as it is ready
    } else {
      least->idle_since = now;
      retire(*least);
    }
  }
}

/// The pool means to have more workers, for what waits. Not at its end, unless it has none to do that.
bool engine::grow(std::size_t waiting, time_point now) {
  const auto coming = static_cast<std::size_t>(std::count_if(workers_.begin(), workers_.end(), [](const worker& w) {
    return (w.at == state::starting && !w.leaving) || w.at == state::waiting;
  }));
  // One that is to stand by does not take what waits.
  const auto free = size_ > 0 ? coming : 0;
  if (waiting <= free || (phase_ == phase::stopping && size_ > 0)) return false;
  const auto more = std::min<std::size_t>(max_ - size_, waiting - free);
  size_ += static_cast<unsigned>(more);
  keep_size(now);
  return true;
}

/// A worker near the end of its share of tasks is to leave; its replacement is started before it does.
void engine::check_shares(time_point now) {
  if (gave_up_ || asked_) return;
  bool any = false;
  for (auto& w : workers_) {
    if (w.at != state::ready) continue;
    const auto ahead = std::min<std::uint64_t>(w.most_tasks / 8, 16);
    if (w.most_tasks > 0 && w.answered + w.sent.items() + ahead >= w.most_tasks) w.leaving = true;
    any = any || w.leaving;
  }
  if (any) replace_leaving(now);
}

/// Lets one go for each replacement that is ready, and at once what has nothing left to do: others may need its room.
void engine::replace_leaving(time_point now) {
  keep_size(now);
  auto ready = std::count_if(workers_.begin(), workers_.end(), [](const auto& w) { return w.at == state::ready; });
  for (auto& w : workers_) {
    if (w.at != state::ready || !w.leaving) continue;
    const bool spent = w.sent.empty() && left_of_share(w) == 0;
    if (!spent && ready <= static_cast<std::ptrdiff_t>(wanted_workers())) continue;
    retire(w);
    --ready;
  }
}

/// A pool above its least size lets idle workers go: those that only stand by, or have a replacement, are no part of
/// it.
time_point engine::idle_exit_at(const worker& w) const {
  const bool may_go = w.at == state::ready && w.sent.empty() && !w.leaving;
  if (!may_go || size_ <= min_ || busy_ >= size_ || phase_ != phase::running) return time_point::max();
  return w.idle_since + spec_.size.idle_exit;
}

void engine::check_idle(worker& w, time_point now) {
  if (now < idle_exit_at(w)) return;
  --size_;
  retire(w);
}

}  // namespace steward::pooling
