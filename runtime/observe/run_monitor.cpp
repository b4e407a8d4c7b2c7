#include "observe/run_monitor.hpp"

#include "base/weight.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

namespace steward {
namespace {

constexpr std::size_t events_at_a_time = 1'024;

/// Leaves the last one of each stretch.
void thin_out(std::vector<sample>& all, std::chrono::milliseconds step) {
  if (step.count() <= 0) return;
  const auto stretch = [step](const sample& x) {
    return std::chrono::floor<std::chrono::milliseconds>(x.at.time_since_epoch()) / step;
  };
  std::vector<sample> out;
  for (auto& one : all) {
    if (!out.empty() && stretch(out.back()) == stretch(one))
      out.back() = std::move(one);
    else
      out.push_back(std::move(one));
  }
  all = std::move(out);
}

}  // namespace

void run_monitor::set_history(std::shared_ptr<event_history> from) {
  const std::lock_guard lock{history_mutex_};
  history_ = std::move(from);
}

void run_monitor::on_news(std::function<void()> f) {
  const std::lock_guard lock{mutex_};
  on_news_ = std::move(f);
  called_ = false;
}

void run_monitor::want_news() {
  const std::lock_guard lock{mutex_};
  wants_news_ = true;
}

void run_monitor::begin_with(run_view picture) {
  const std::lock_guard lock{view_mutex_};
  view_ = std::move(picture);
}

void run_monitor::take(const event& e) {
  auto copy = std::make_shared<const event>(e);
  const auto bytes = weight_of(e);
  std::array<kept_event, 2> dropped;  // they are destroyed when nobody waits for it
  const std::lock_guard lock{mutex_};
  if (closed_) return;
  if (!any_) {
    before_all_ = e.seq - 1;
    folded_ = before_all_;
    run_ = e.run;
    any_ = true;
  }
  events_.push_back({std::move(copy), bytes});
  bytes_ += bytes;
  last_seq_ = e.seq;
  for (auto& one : dropped)
    if (!drop_oldest(one)) break;
  const bool many = !called_ && last_seq_ - folded_ >= within_.fold_each;
  if (!on_news_ || !(many || wants_news_)) return;
  called_ = called_ || many;
  wants_news_ = false;
  on_news_();
}

bool run_monitor::drop_oldest(kept_event& into) {
  const auto factor = events_.front().what->seq <= folded_ ? std::size_t{1} : within_.burst;
  if (events_.size() <= within_.most_events * factor && bytes_ <= within_.most_event_bytes * factor) return false;
  bytes_ -= events_.front().bytes;
  into = std::move(events_.front().what);
  events_.pop_front();
  return !events_.empty();
}

void run_monitor::take(const sample& x) {
  const std::lock_guard lock{mutex_};
  if (closed_) return;
  samples_.push_back(x);
  ++unfolded_samples_;
  while (samples_.size() > within_.most_samples || samples_.front().at + within_.samples_for < x.at)
    samples_.pop_front();
  unfolded_samples_ = std::min(unfolded_samples_, samples_.size());
}

void run_monitor::close() {
  std::deque<kept> events;
  std::deque<sample> samples;
  const std::lock_guard lock{mutex_};
  closed_ = true;
  on_news_ = nullptr;
  events.swap(events_);
  samples.swap(samples_);
  unfolded_samples_ = 0;
}

std::uint64_t run_monitor::last_seq() const {
  const std::lock_guard lock{mutex_};
  return last_seq_;
}

std::string run_monitor::run() const {
  const std::lock_guard lock{mutex_};
  return run_;
}

run_monitor::piece run_monitor::kept_after(std::uint64_t after, std::size_t most) const {
  piece out;
  out.reached = std::max(after, last_seq_);
  const auto first =
      std::partition_point(events_.begin(), events_.end(), [after](const kept& x) { return x.what->seq <= after; });
  const auto count = std::min(most, static_cast<std::size_t>(events_.end() - first));
  if (count == 0) {
    out.missing = out.reached - after;  // they came, and are not kept
    return out;
  }
  out.events.reserve(count);
  for (std::size_t i = 0; i < count; ++i) out.events.push_back(first[static_cast<std::ptrdiff_t>(i)].what);
  out.missing = out.events.front()->seq - after - 1;
  out.reached = out.events.back()->seq;
  return out;
}

run_monitor::piece run_monitor::events_after(std::uint64_t after, std::size_t most) {
  piece out;
  {
    const std::lock_guard lock{mutex_};
    out = kept_after(after, most);
  }
  if (out.missing == 0) return out;
  piece older;
  return from_history(after, std::min(most, static_cast<std::size_t>(out.missing)), older) ? older : out;
}

bool run_monitor::from_history(std::uint64_t after, std::size_t most, piece& into) {
  const std::lock_guard lock{history_mutex_};
  if (!history_) return false;
  try {
    history_->events_after(after, [&](const event& e) {
      if (!into.events.empty() && e.seq != into.events.back()->seq + 1) return false;  // the rest is another piece
      into.events.push_back(std::make_shared<const event>(e));
      return into.events.size() < most;
    });
  } catch (const std::exception&) {  // what cannot be read is missing
    return false;
  }
  if (into.events.empty()) return false;
  into.missing = into.events.front()->seq - after - 1;
  into.reached = into.events.back()->seq;
  return true;
}

std::optional<run_view> run_monitor::picture_before() {
  const std::lock_guard lock{history_mutex_};
  try {
    return history_ ? history_->picture_before() : std::nullopt;
  } catch (const std::exception&) {  // what cannot be read is missing
    return std::nullopt;
  }
}

void run_monitor::fold_events() {
  for (;;) {
    std::uint64_t folded = 0;
    {
      const std::lock_guard lock{mutex_};
      folded = folded_;
      if (folded == last_seq_) {
        called_ = false;
        return;
      }
    }
    const auto next = events_after(folded, events_at_a_time);
    for (const auto& e : next.events) fold(view_, *e);
    const std::lock_guard lock{mutex_};
    folded_ = next.reached;
    if (next.events.empty()) return;  // closed
  }
}

void run_monitor::fold_samples() {
  std::vector<sample> news;
  {
    const std::lock_guard lock{mutex_};
    news.assign(samples_.end() - static_cast<std::ptrdiff_t>(unfolded_samples_), samples_.end());
    unfolded_samples_ = 0;
  }
  for (const auto& x : news) fold(view_, x);
}

void run_monitor::catch_up() {
  look([](const run_view&) {});
}

void run_monitor::look(const std::function<void(const run_view&)>& f) {
  const std::lock_guard lock{view_mutex_};
  fold_events();
  fold_samples();
  f(view_);
}

std::vector<sample> run_monitor::samples_of(const std::string& path, time_point from, time_point to,
                                            std::chrono::milliseconds step) {
  std::vector<sample> recent;
  auto kept_from = to;
  {
    const std::lock_guard lock{mutex_};
    if (!samples_.empty()) kept_from = std::min(to, samples_.front().at);
    for (const auto& x : samples_)
      if (x.path == path && x.at >= from && x.at < to) recent.push_back(x);
  }
  std::vector<sample> out;
  if (from < kept_from) {
    const std::lock_guard lock{history_mutex_};
    if (history_) out = history_->samples_of(path, from, kept_from, step);
  }
  out.insert(out.end(), std::make_move_iterator(recent.begin()), std::make_move_iterator(recent.end()));
  thin_out(out, step);
  return out;
}

}  // namespace steward
