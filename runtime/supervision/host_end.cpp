#include "supervision/tree_host.hpp"

#include <utility>

// How a tree ends, and how the host does.

namespace steward::supervision {

namespace {

// A child that does nothing is gone after some 10 us.
constexpr std::chrono::microseconds awake_for{40};

}  // namespace

caf::resumable::resume_result tree_host::resume(caf::execution_unit* eu, std::size_t max_throughput) {
  auto out = caf::event_based_actor::resume(eu, max_throughput);
  while (out == awaiting_message && expects_news_ && getf(is_detached_flag)) {
    expects_news_ = false;
    if (!mailbox().try_unblock()) return out;  // somebody is about to wake this thread
    const auto until = std::chrono::steady_clock::now() + awake_for;
    while (mailbox().empty() && std::chrono::steady_clock::now() < until) {
    }
    out = caf::event_based_actor::resume(eu, max_throughput);
  }
  return out;
}

namespace {

/// Actors that were told to end and were not waited for have this long to do so when their tree is over.
constexpr milliseconds last_grace{1'000};

}  // namespace

void tree_host::on_exit() {
  children_.for_each([](child& x) { x.disconnect(); });  // desks and cells hold each other and us
  root_ = nullptr;
  children_.clear();
  ending_.clear();
  leaving_.clear();
  timers_.clear();
  watches_.clear();
  if (!claimed_.empty()) env_.names->release(claimed_);
  // Whoever waits for the tree must not wait for ever, whatever ended us.
  cause gone;
  gone.cls = cause_class::killed;
  gone.message = "the tree's host has ended";
  if (auto tell_started = std::exchange(on_started_, nullptr)) tell_started(tree_start{false, "/", gone, {}});
  if (auto tell_ended = std::exchange(on_ended_, nullptr)) tell_ended({policy::exit_class::abnormal, gone});
  refuse_all_requests();
}

void tree_host::when_all_left(std::function<void()> f) {
  all_left_ = std::move(f);
  check_all_left();
  if (all_left_)
    port::send_after(this, last_grace, this, host_call{[](tree_host& self) { self.abandon_all_leaving(); }});
}

void tree_host::abandon_all_leaving() {
  if (!all_left_) return;  // all has ended in time
  leaving_.abandon_all([this](const std::string& path) {
    event e;
    e.actor = path;
    e.kind = event_kind::warn;
    e.level = event_level::warn;
    e.runs_in = to_string(rung::thread);
    e.text = "was told to end and has not, " + render_duration(last_grace) + " after all else has; abandoned";
    env_.events->emit(std::move(e));
    if (env_.on_abandoned) env_.on_abandoned(path);
  });
  check_all_left();
}

void tree_host::check_all_left() {
  if (leaving_.awaited() > 0) return;
  if (auto f = std::exchange(all_left_, nullptr)) {
    if (auto path = std::exchange(claimed_, {}); !path.empty()) env_.names->release(path);
    f();
  }
}

}  // namespace steward::supervision
