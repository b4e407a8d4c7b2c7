#include "observe/crash_account.hpp"

#include "observe/ladder.hpp"

#include <utility>

namespace steward {

crash_search::crash_search(std::string id, whole_crash& into, run_view base)
    : id_(std::move(id)), out_(into), view_(std::move(base)) {}

bool crash_search::take(const event& e) {
  if (found_) {
    note_after(e);
    return !is_settled();
  }
  fold(view_, e);
  if (e.id == id_) {
    found(e);
  } else if (!e.actor.empty()) {
    if (e.kind == event_kind::log && (!e.stream || *e.stream != "stdout")) return true;  // the cause has its stderr
    const bool is_line = e.kind == event_kind::output || e.kind == event_kind::log;
    auto& last = (is_line ? printed_ : last_)[e.actor];
    last.push_back(e);
    if (last.size() > whole_crash::most_before) last.erase(last.begin());
  }
  return true;
}

void crash_search::found(const event& e) {
  found_ = true;
  out_.has_history = true;
  out_.crash = *view_.crash(id_);
  if (const auto* x = view_.find(e.actor)) out_.child = *x;
  if (const auto it = view_.alike.find(out_.crash.fingerprint); it != view_.alike.end())
    out_.alike_before = it->second.count - 1;
  out_.before = last_[e.actor];
  out_.ladder = ladder_of(view_, out_.crash);
  if (const auto it = printed_.find(e.actor); it != printed_.end()) note_printed(it->second, e);
  last_.clear();
  printed_.clear();
}

/// What that incarnation has printed.
void crash_search::note_printed(const std::vector<event>& lines, const event& crash) {
  for (const auto& e : lines)
    if (!crash.pid || !e.pid || e.pid == crash.pid)
      if (!crash.incarnation || !e.incarnation || e.incarnation == crash.incarnation) out_.printed.push_back(e.text);
}

void crash_search::note_after(const event& e) {
  const bool of_task = e.task && out_.crash.task && e.task->id == out_.crash.task->id &&
                       (e.actor == out_.crash.place || e.actor.starts_with(out_.crash.place + "/"));
  const bool of_child = !child_settled_ && e.actor == out_.crash.path;
  if (!of_task && !of_child) return;
  if (of_child)
    child_settled_ = e.kind == event_kind::recover || e.kind == event_kind::ready || e.kind == event_kind::crash;
  if (of_task) task_settled_ = e.kind == event_kind::task_fail || e.kind == event_kind::task_quarantine;
  if (e.kind != event_kind::child && e.kind != event_kind::output && e.kind != event_kind::log) out_.after.push_back(e);
  if (out_.after.size() >= whole_crash::most_after) child_settled_ = task_settled_ = true;
}

}  // namespace steward
