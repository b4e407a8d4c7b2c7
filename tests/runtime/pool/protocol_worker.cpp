#include "protocol_worker.hpp"

#include <utility>

namespace steward::test {

bool machine::can_step() const {
  return now != machine::at::waits || !read.empty() || !in.empty() || shared.current != 0;
}

void machine::step(mutation wrong, runner& on) {
  auto& p = shared;
  switch (now) {
    case at::waits:
      if (read.empty() && p.current != 0 && wrong != mutation::reads_with_old_marks) {
        p.current = 0;
        return;
      }
      if (read.empty()) {
        if (in.empty()) p.current = 0;
        read.swap(in);
        return;
      }
      hand = std::move(read.front());
      read.pop_front();
      next = 0;
      stops = false;
      cancelled = p.cut == hand.id;
      if (wrong == mutation::item_before_begun) p.item = 0;
      now = at::took;
      return;
    case at::took:
      before = p.begun;
      p.begun = ++received;
      now = wrong == mutation::current_before_limit ? at::allowed : at::announced;
      return;
    case at::announced:
      withdrawn = shared.limit != 0 && received >= shared.limit;
      if ((withdrawn || cancelled) && wrong != mutation::no_limit_check) {
        now = at::refused;
      } else {
        now = wrong == mutation::current_before_limit ? after_placed() : at::allowed;
      }
      return;
    case at::refused:
      if (withdrawn) p.begun = before;
      out.push_back({hand.id, 0, {}, false, true, false});
      now = at::waits;
      return;
    case at::allowed:
      if (wrong != mutation::item_before_begun) p.item = 0;
      now = at::placed;
      return;
    case at::placed:
      p.current = hand.id;
      p.forget(0);
      now = wrong == mutation::current_before_limit ? at::announced : after_placed();
      return;
    default:
      return run_step(wrong, on);
  }
}

machine::at machine::after_placed() const { return hand.chunk ? machine::at::begins : machine::at::marked; }

void machine::run_step(mutation wrong, runner& on) {
  auto& p = shared;
  const bool last = next == hand.inputs.size();
  switch (now) {
    case at::begins:
      if (!last) p.item = next;
      now = last ? at::answers : at::marked;
      return;
    case at::marked: {
      const bool cut = hand.chunk && p.cut == hand.id && wrong != mutation::no_cut_check;
      stops = cut;
      now = at::answers;
      if (cut && wrong != mutation::runs_before_cut_check) return;
      threw = !on.runs(hand.inputs[next++]);
      now = at::ran;
      return;
    }
    case at::ran: {
      const auto input = hand.inputs[next - 1];
      if (threw) {
        now = at::throws;
        return;
      }
      p.keep(input * input);
      now = hand.chunk && !stops ? at::begins : at::answers;
      return;
    }
    case at::throws:
      if (p.staged().count > 0) out.push_back({hand.id, p.kept_from, p.results(), false, false, false});
      now = at::threw;
      return;
    case at::threw:
      if (wrong != mutation::keeps_staged) p.forget(p.kept_from + p.staged().count);
      out.push_back({hand.id, next - 1, {}, true, last, false});
      now = at::failed;
      return;
    case at::failed:
      if (wrong != mutation::keeps_staged) p.forget(last ? 0 : next);
      now = last ? at::waits : at::begins;
      return;
    case at::answers:
      out.push_back({hand.id, p.kept_from, p.results(), false, true, false});
      now = at::forgets;
      return;
    default:
      if (wrong != mutation::keeps_staged) p.forget(0);
      now = at::waits;
  }
}

}  // namespace steward::test
