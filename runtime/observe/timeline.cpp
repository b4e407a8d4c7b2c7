#include "observe/timeline.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <string_view>
#include <utility>

namespace steward {
namespace {

template <class T>
void drop_older_half(std::vector<T>& all) {
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2));
}

}  // namespace

timeline_time timeline_time_of(run_view::time_point at) {
  return std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count();
}

void timeline_strip::halve() {
  const auto left = (count + 1) / 2;
  for (std::size_t i = 0; i < left; ++i) {
    const auto second = std::min(2 * i + 1, count - 1);
    const bool both = second != 2 * i;
    events[i] = events[2 * i] + (both ? events[second] : 0);
    crashes[i] = crashes[2 * i] + (both ? crashes[second] : 0);
    newest[i] = newest[second];
  }
  std::fill(events.begin() + static_cast<std::ptrdiff_t>(left), events.end(), 0);
  std::fill(crashes.begin() + static_cast<std::ptrdiff_t>(left), crashes.end(), 0);
  count = left;
  step *= 2;
}

void timeline_strip::note(timeline_time at, std::uint64_t seq, bool crash) {
  if (count == 0) from = at;
  const auto since = std::max<timeline_time>(0, at - from);  // a clock that was set back
  while (since / step >= static_cast<timeline_time>(most_buckets)) halve();
  const auto place = static_cast<std::size_t>(since / step);
  const auto before = count == 0 ? 0 : newest[count - 1];
  for (; count <= place; ++count) newest[count] = before;
  ++events[place];
  crashes[place] += crash ? 1U : 0U;
  for (auto i = place; i < count; ++i) newest[i] = std::max(newest[i], seq);
}

void run_timeline::begin_with(run_view picture) {
  view_ = std::move(picture);
  for (const auto& [path, child] : view_.children) {
    if (lanes_.size() >= within_.most_lanes) break;
    auto& lane = lanes_[path];
    lane.order = child.order;
    lane.parent = child.parent;
    lane.kind = child.kind;
    const auto& since = child.status == view_status::up ? child.up_since : child.down_since;
    lane.bars.push_back({timeline_time_of(since.value_or(view_.now)), timeline_bar::open, view_.last_seq,
                         child.incarnation, child.status});
    ++bars_;
  }
  for (const auto& crash : view_.crashes)
    if (const auto it = lanes_.find(crash.path); it != lanes_.end())
      it->second.crashes.push_back({timeline_time_of(crash.at), crash.seq, crash.id});
}

void run_timeline::take(const event& e) {
  const auto runs = view_.runs_before;
  const auto seen = view_.events;
  fold(view_, e);
  if (view_.runs_before != runs) {  // another run begins
    auto view = std::move(view_);
    *this = run_timeline{within_};
    view_ = std::move(view);
  } else if (view_.events == seen) {
    return;  // it came twice
  }
  const bool crash = e.kind == event_kind::crash;
  strip_.note(timeline_time_of(e.ts), e.seq, crash);
  if (e.kind == event_kind::run_end)
    for (const auto& [path, child] : view_.children) note(path, child, e);
  if (e.actor.empty()) return;
  const auto* child = view_.find(e.actor);
  if (child == nullptr) return close_gone(e);
  note(e.actor, *child, e);
  if (child->kind == "supervisor" || child->kind == "pool") note_below(e.actor, e);
  if (!e.decision || e.decision->also.empty()) return;
  for (const auto& path : e.decision->also)
    if (const auto* other = view_.find(path)) note(path, *other, e);
  if (!crash) return;
  if (groups_.size() >= within_.most_groups) drop_older_half(groups_);
  groups_.push_back({timeline_time_of(e.ts), e.seq, e.actor, e.decision->also});
}

/// What happens to one that has others below it may happen to them.
void run_timeline::note_below(const std::string& path, const event& e) {
  if (e.kind == event_kind::ready || e.kind == event_kind::recover || e.kind == event_kind::backoff) return;
  const auto prefix = path + "/";
  const auto& all = view_.children;
  for (auto it = all.lower_bound(prefix); it != all.end() && it->first.starts_with(prefix); ++it)
    note(it->first, it->second, e);
}

void run_timeline::note(const std::string& path, const child_view& child, const event& e) {
  auto it = lanes_.find(path);
  if (it == lanes_.end()) {
    if (lanes_.size() >= within_.most_lanes) return;
    it = lanes_.emplace(path, timeline_lane{}).first;
    it->second.order = child.order;
    it->second.parent = child.parent;
    order_.clear();
  }
  auto& lane = it->second;
  if (lane.kind.empty()) lane.kind = child.kind;
  const auto now = timeline_time_of(e.ts);
  if (e.kind == event_kind::crash && path == e.actor) {
    if (lane.crashes.size() >= within_.most_crashes) drop_older_half(lane.crashes);
    lane.crashes.push_back({now, e.seq, e.id});
  }
  auto* last = lane.bars.empty() ? nullptr : &lane.bars.back();
  const bool goes_on = last != nullptr && last->to == timeline_bar::open;
  if (goes_on && last->status == child.status && last->incarnation == child.incarnation) return;
  if (goes_on) last->to = std::max(last->from, now);
  make_room(lane);
  lane.bars.push_back({now, timeline_bar::open, e.seq, child.incarnation, child.status});
  ++bars_;
}

void run_timeline::close_gone(const event& e) {
  const auto prefix = e.actor + "/";
  const auto close = [&](timeline_lane& lane) {
    if (!lane.bars.empty() && lane.bars.back().to == timeline_bar::open)
      lane.bars.back().to = std::max(lane.bars.back().from, timeline_time_of(e.ts));
  };
  if (const auto it = lanes_.find(e.actor); it != lanes_.end()) close(it->second);
  for (auto it = lanes_.lower_bound(prefix); it != lanes_.end() && it->first.starts_with(prefix); ++it)
    close(it->second);
}

void run_timeline::make_room(timeline_lane& in) {
  const auto share = std::max(within_.least_bars, within_.most_bars / std::max<std::size_t>(lanes_.size(), 1));
  if (in.bars.size() < share || bars_ < within_.most_bars / 2) return;
  const auto before = in.bars.size();
  drop_older_half(in.bars);
  in.forgotten += before - in.bars.size();
  bars_ -= before - in.bars.size();
}

const std::vector<std::string>& run_timeline::order() const {
  if (!order_.empty() || lanes_.empty()) return order_;
  using entry = std::pair<const std::string, timeline_lane>;
  std::map<std::string_view, std::vector<const entry*>> below;
  for (const auto& one : lanes_)
    below[lanes_.contains(one.second.parent) ? std::string_view{one.second.parent} : std::string_view{}].push_back(
        &one);
  const std::function<void(std::string_view)> add = [&](std::string_view above) {
    auto it = below.find(above);
    if (it == below.end()) return;
    auto all = std::move(it->second);
    below.erase(it);
    std::sort(all.begin(), all.end(), [](const entry* a, const entry* b) { return a->second.order < b->second.order; });
    for (const auto* one : all) {
      order_.push_back(one->first);
      add(one->first);
    }
  };
  add({});
  return order_;
}

std::vector<timeline_bar> run_timeline::bars_between(const timeline_lane& lane, timeline_time from, timeline_time to,
                                                     timeline_time now, std::size_t most, std::uint64_t& merged) {
  const auto& all = lane.bars;
  const auto ends_before = [&](const timeline_bar& x) { return x.to <= from && x.to != timeline_bar::open; };
  const auto first = std::partition_point(all.begin(), all.end(), ends_before);
  const auto last = std::partition_point(first, all.end(), [&](const timeline_bar& x) { return x.from < to; });
  std::vector<timeline_bar> out{first, last};
  if (out.size() <= std::max<std::size_t>(most, 1)) return out;
  const auto end_of = [&](const timeline_bar& x) { return std::min({x.to, std::max(now, x.from), to}); };
  const auto narrow = std::max<timeline_time>(
      1, (std::min(to, std::max(now, from)) - std::max(from, out.front().from)) / static_cast<timeline_time>(most));
  std::vector<timeline_bar> seen;
  for (std::size_t i = 0; i < out.size();) {
    auto one = out[i];
    std::array<timeline_time, static_cast<std::size_t>(view_status::gave_up) + 1> lasted{};
    auto next = i;
    // As many as are together no longer than what can be seen; one that is longer stands alone.
    while (next < out.size() && (next == i || end_of(out[next]) - one.from <= narrow)) {
      lasted[static_cast<std::size_t>(out[next].status)] += end_of(out[next]) - out[next].from + 1;
      ++next;
    }
    one.status = static_cast<view_status>(std::max_element(lasted.begin(), lasted.end()) - lasted.begin());
    one.to = out[next - 1].to;
    one.incarnation = out[next - 1].incarnation;
    merged += next - i - 1;
    seen.push_back(one);
    i = next;
  }
  return seen;
}

}  // namespace steward
