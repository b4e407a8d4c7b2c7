#include "supervision/tree_host.hpp"

#include <optional>
#include <utility>

// Who watches a child hears of the end of its life.

namespace steward::supervision {

end_kind kind_of(policy::exit_class how) noexcept {
  switch (how) {
    case policy::exit_class::normal:
      return end_kind::finished;
    case policy::exit_class::shutdown:
      return end_kind::stopped;
    case policy::exit_class::abnormal:
      return end_kind::crashed;
    case policy::exit_class::gave_up:
      return end_kind::gave_up;
  }
  return end_kind::unknown;
}

namespace {

using policy::child_state;
using policy::supervisor_machine;

/// What is known of a child at its supervisor now.
struct standing {
  child_state state = child_state::idle;
  std::uint64_t incarnation = 0;
  bool comes_back = false;
  policy::time_point changed = policy::time_point::min();
};

standing standing_of(const child& x) {
  const auto look = [&](const supervisor_machine& m) {
    if (!m.knows(x.id)) return standing{};
    return standing{m.state_of(x.id), m.incarnation_of(x.id), m.comes_back(x.id), m.changed_at(x.id)};
  };
  return x.parent->desk()->look(look, standing{});
}

}  // namespace

void tree_host::watch(const std::string& path, const watcher& who, clock_point since, watch_list::teller tell) {
  const auto* found = find(path);
  if (found != nullptr && found->parent != nullptr) {
    carry_out(found->parent->id);  // what has happened by now is told to those that watch by now
    found = find(path);
  }
  child_end gone;
  gone.path = path;
  if (found == nullptr) return tell(gone);
  if (found->parent == nullptr) {  // the root
    if (root_->desk() && !root_->desk()->look([](const supervisor_machine& m) { return m.over(); }, true))
      return watches_.add(path, who, 0, std::move(tell));
    return tell(gone);
  }
  const auto now = standing_of(*found);
  const bool up = now.state == child_state::up || now.state == child_state::starting;
  const bool ending = now.state == child_state::stopping;
  const bool stays_down = now.state == child_state::idle && found->started_before;
  // It has ended on the way of this request, and lives again or is about to.
  const bool missed = !stays_down && !ending && now.changed > since && now.incarnation > (up ? 1U : 0U);
  if (!stays_down && !missed)
    return watches_.add(path, who, up || ending ? now.incarnation : now.incarnation + 1, std::move(tell));
  const auto how = env_.names->end_of(path);
  gone.how = kind_of(missed ? found->last_end : (how ? how->cls : policy::exit_class::shutdown));
  gone.incarnation = missed && up ? now.incarnation - 1 : now.incarnation;
  if (now.comes_back) gone.next = after_end::restart;
  if (now.state == child_state::parked) gone.next = after_end::parked;
  if (gone.how == end_kind::crashed) gone.why = found->last_death();
  tell(gone);
}

void tree_host::tell_watchers(const child& x, std::uint64_t incarnation, policy::exit_class how, const cause& why,
                              bool for_good) {
  child_end out;
  out.path = x.path();
  out.incarnation = incarnation;
  out.how = kind_of(how);
  out.why = why;
  if (x.parent != nullptr && !for_good) {
    const auto now = standing_of(x);
    if (now.state == child_state::parked)
      out.next = after_end::parked;
    else if (now.comes_back)
      out.next = after_end::restart;
  }
  for (const auto& tell : watches_.take(out)) tell(out);
}

void tree_host::tell_watchers_of_stop(const child& x, policy::exit_class how, bool for_good) {
  if (watches_.empty()) return;
  tell_watchers(x, x.incarnation, how, how == policy::exit_class::abnormal ? x.last_death() : cause{}, for_good);
}

}  // namespace steward::supervision
