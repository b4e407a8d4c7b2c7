// How many workers there are to be: what makes the pool grow and shrink, and planned replacements.
#include "pool/engine.hpp"

namespace steward::pooling {

void engine::resize(unsigned min, unsigned max, time_point now, std::string by) {
  if (gave_up_ || phase_ == phase::stopped) return;
  sizing_.resize(min, max);
  auto e = events_.of_pool(event_kind::operator_, event_level::info);
  e.text = "resized to " + std::to_string(sizing_.least()) +
           (sizing_.most() > sizing_.least() ? " to " + std::to_string(sizing_.most()) : "") +
           (sizing_.most() == 1 ? " worker" : " workers");
  e.child = events_.described(sizing_);
  told_size_ = sizing_.size();
  if (!by.empty()) e.by = std::move(by);
  note(std::move(e));
  if (phase_ != phase::starting && phase_ != phase::running) return;
  lives_.forget_scarcity();
  keep_size(now);
  lives_.let_go(sizing_.wanted(), loads());
}

/// Its load has changed it.
void engine::tell_size() {
  told_size_ = sizing_.size();
  auto e = events_.of_pool(event_kind::child, event_level::debug);
  e.child.emplace().workers = told_size_;
  note(std::move(e));
}

worker_lives::load_of engine::loads() const {
  return [this](unsigned index) { return workers_[index].sent.size(); };
}

void engine::keep_size(time_point now) {
  lives_.keep(sizing_.wanted(), now);
  add_workers();
}

/// Each place has what its worker was given.
void engine::add_workers() {
  while (workers_.size() < lives_.size())
    workers_.emplace_back(lives_[static_cast<unsigned>(workers_.size())], limits_);
}

/// The pool means to have more workers, for what waits. Not at its end, unless it has none to do that.
bool engine::grow(std::size_t waiting, time_point now) {
  if (phase_ == phase::stopping && sizing_.size() > 0) return false;
  if (!sizing_.grow(waiting, lives_.coming())) return false;
  keep_size(now);
  return true;
}

/// A worker near the end of its share of tasks is to leave; its replacement is started before it does.
void engine::check_shares(time_point now) {
  if (gave_up_ || is_asked()) return;
  bool any = false;
  for (auto& w : workers_) {
    if (!w.life.is_ready()) continue;
    w.life.heed_share(w.sent.items());
    any = any || w.life.is_leaving();
  }
  if (!any) return;
  keep_size(now);
  lives_.replace_leaving(sizing_.wanted(), loads());
}

/// A pool above its least size lets idle workers go: those that only stand by, or have a replacement, are no part of
/// it.
time_point engine::idle_exit_at(const worker& w) const {
  const bool may_go = w.life.is_ready() && w.sent.empty() && !w.life.is_leaving() && phase_ == phase::running;
  return may_go ? sizing_.idle_exit_at(w.life.idle_since(), busy_) : time_point::max();
}

void engine::check_idle(worker& w, time_point now) {
  if (now < idle_exit_at(w)) return;
  sizing_.shrink();
  lives_.retire(w.life);
}

}  // namespace steward::pooling
