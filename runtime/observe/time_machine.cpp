#include "observe/time_machine.hpp"

#include "observe/ladder.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>

namespace steward {
namespace {

constexpr std::size_t events_at_a_time = 8'192;
constexpr std::uint64_t first_distance = 1'024;  // between two pictures

/// Texts have times to the microsecond, and so have those who ask by one.
time_machine::time_point told(time_machine::time_point at) { return std::chrono::floor<std::chrono::microseconds>(at); }

/// About so much memory.
std::size_t weight_of(const run_view& x) {
  constexpr std::size_t of_child = 900;
  constexpr std::size_t of_crash = 3'000;
  return x.children.size() * of_child + x.crashes.size() * of_crash;
}

/// Keeps the one at `first`, and every second one after it.
template <class T>
void forget_every_second(std::vector<T>& all, std::size_t first) {
  std::size_t to = 0;
  for (std::size_t i = first; i < all.size(); i += 2) {
    if (to != i) all[to] = std::move(all[i]);
    ++to;
  }
  all.erase(all.begin() + static_cast<std::ptrdiff_t>(to), all.end());
}

/// Whether it was folded from the first event of the run on.
bool is_from_the_beginning(const run_view& x) { return x.gaps.empty() || x.gaps.front().first > 1; }

}  // namespace

time_machine::time_machine(run_monitor& of, time_machine_limits within)
    : of_(of), within_(within), timeline_(within.timeline) {}

void time_machine::begin_anew() {
  pictures_.clear();
  between_pictures_ = first_distance;
  times_.clear();
  between_times_ = std::max<std::size_t>(within_.times_each, 1);
  since_time_ = 0;
}

void time_machine::catch_up() {
  for (;;) {
    const auto next = of_.events_after(reached_, events_at_a_time);
    if (next.events.empty()) return;
    if (reached_ == 0 && next.missing > 0 && begin_behind(next.missing)) continue;
    for (const auto& e : next.events) {
      timeline_.take(*e);
      if (run_ != e->run) {
        begin_anew();
        begins_behind_ = 0;
        run_ = e->run;
      }
      if (since_time_++ % between_times_ == 0) times_.emplace_back(told(e->ts), e->seq);
    }
    if (times_.size() > within_.most_times) {
      forget_every_second(times_, 0);
      between_times_ *= 2;
    }
    reached_ = next.reached;
    keep_picture();
  }
}

/// With the picture that is kept of what the first events led to, where they are not.
bool time_machine::begin_behind(std::uint64_t missing) {
  auto picture = of_.picture_before();
  if (!picture || picture->last_seq < missing || picture->run.empty()) return false;
  begin_anew();
  run_ = picture->run;
  reached_ = begins_behind_ = picture->last_seq;
  pictures_.emplace_back(reached_, *picture);
  timeline_.begin_with(std::move(*picture));
  return true;
}

void time_machine::keep_picture() {
  const auto& now = timeline_.view();
  const auto last = pictures_.empty() ? std::uint64_t{0} : pictures_.back().first;
  if (within_.most_pictures == 0 || now.last_seq < last + between_pictures_) return;
  if (!is_from_the_beginning(now)) return;
  pictures_.emplace_back(now.last_seq, now);
  while (pictures_.size() > within_.most_pictures ||
         (pictures_.size() > 1 && weight_of(now) * pictures_.size() > within_.most_picture_bytes)) {
    forget_every_second(pictures_, 1);
    between_pictures_ *= 2;
  }
}

void time_machine::look(const std::function<void(const run_timeline&)>& f) {
  const std::lock_guard lock{mutex_};
  catch_up();
  f(timeline_);
}

std::optional<std::uint64_t> time_machine::seq_at(time_point when) {
  std::uint64_t from = 0;
  std::uint64_t last = 0;
  {
    const std::lock_guard lock{mutex_};
    catch_up();
    last = timeline_.view().last_seq;
    const auto it = std::partition_point(times_.begin(), times_.end(), [&](const auto& x) { return x.first <= when; });
    if (it == times_.begin()) return std::nullopt;
    from = std::prev(it)->second;
  }
  for (auto out = from; out < last;) {
    const auto next = of_.events_after(out, events_at_a_time);
    if (next.events.empty()) return out;
    for (const auto& e : next.events) {
      if (told(e->ts) > when) return out;
      out = e->seq;
    }
    from = out;
  }
  return from;
}

std::optional<run_view> time_machine::view_at(std::uint64_t seq) {
  run_view out;
  std::uint64_t reached = 0;
  {
    const std::lock_guard lock{mutex_};
    catch_up();
    const auto& now = timeline_.view();
    if (seq == now.last_seq && is_from_the_beginning(now)) return now;
    if (seq > now.last_seq) return std::nullopt;
    const auto it =
        std::partition_point(pictures_.begin(), pictures_.end(), [seq](const auto& x) { return x.first <= seq; });
    if (it != pictures_.begin()) {
      out = std::prev(it)->second;
      reached = out.last_seq;
    }
  }
  const bool began = reached > 0;
  while (reached < seq) {
    const auto next = of_.events_after(reached, std::min<std::size_t>(events_at_a_time, seq - reached));
    if (next.events.empty() || (next.missing > 0 && !(began && next.reached <= seq))) return std::nullopt;
    for (const auto& e : next.events)
      if (e->seq <= seq) fold(out, *e);
    reached = next.reached;
  }
  return out;
}

std::optional<whole_crash> time_machine::account_of(const std::string& id) {
  whole_crash out;
  std::optional<crash_view> kept;
  std::uint64_t base = 0;
  {
    const std::lock_guard lock{mutex_};
    catch_up();
    const auto& now = timeline_.view();
    const auto* found = now.crash(id);
    if (found == nullptr) return std::nullopt;
    kept = *found;
    if (const auto it = now.alike.find(kept->fingerprint); it != now.alike.end()) out.alike = it->second;
    if (const auto* x = now.find(kept->path)) out.child = *x;
    out.ladder = ladder_of(now, *kept);
    base = begins_behind_;
  }
  if (kept->seq > within_.around_crash) base = std::max(base, kept->seq - within_.around_crash);
  auto before = base == 0 ? std::optional<run_view>{run_view{}} : view_at(base);
  if (before) {
    whole_crash around = out;
    crash_search search{id, around, std::move(*before)};
    const auto end = kept->seq + within_.around_crash;
    bool goes_on = true;
    for (auto reached = base; goes_on && reached < end;) {
      const auto next = of_.events_after(reached, events_at_a_time);
      if (next.events.empty()) break;
      for (const auto& e : next.events)
        if (goes_on) goes_on = search.take(*e);
      reached = next.reached;
    }
    if (search.is_found()) out = std::move(around);
  }
  out.crash = std::move(*kept);  // which has its recovery, too
  return out;
}

}  // namespace steward
