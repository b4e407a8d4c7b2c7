#include "policy/desk.hpp"

#include <iterator>

namespace steward::policy {

void supervisor_desk::install(std::unique_ptr<supervisor_machine> machine) {
  std::lock_guard guard{mutex_};
  machine_.swap(machine);
  queued_.clear();
  poked_ = false;  // the owner may have dropped a poke that was about the old one
}

actions supervisor_desk::take() {
  std::lock_guard guard{mutex_};
  poked_ = false;
  return std::exchange(queued_, {});
}

std::optional<std::uint64_t> supervisor_desk::exited(child_number child, std::uint64_t incarnation,
                                                     const exit_info& how, time_point now) {
  std::optional<std::uint64_t> mine;
  bool poke = false;
  {
    std::lock_guard guard{mutex_};
    if (!machine_ || !machine_->knows(child)) return mine;
    auto out = machine_->child_exited(child, incarnation, how, now, queued_.size() < max_backlog);
    for (const auto& next : out) {
      const auto* start = std::get_if<action::start_child>(&next);
      if (start != nullptr && start->in_place) mine = start->incarnation;
    }
    append(std::move(out));
    poke = needs_poke();
  }
  if (poke) poke_();
  return mine;
}

void supervisor_desk::ready(child_number child, std::uint64_t incarnation, time_point now, const std::string& extra) {
  bool poke = false;
  {
    std::lock_guard guard{mutex_};
    if (!machine_ || !machine_->knows(child)) return;
    append(machine_->child_ready(child, incarnation, now, extra));
    poke = needs_poke();
  }
  if (poke) poke_();
}

void supervisor_desk::append(actions more) {
  if (queued_.empty())
    queued_ = std::move(more);
  else
    queued_.insert(queued_.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

bool supervisor_desk::needs_poke() { return !queued_.empty() && !std::exchange(poked_, true); }

}  // namespace steward::policy
