#include "base/crash_id.hpp"
#include "base/text.hpp"
#include "observe/report_text.hpp"
#include "observe/run_view.hpp"
#include "steward/spec.hpp"

#include <algorithm>
#include <utility>

// What each kind of event does to the picture of a run.

namespace steward {
namespace {

using std::chrono::milliseconds;

std::string parent_of(std::string_view path) { return std::string{path.substr(0, path.rfind('/'))}; }

std::string shortened(std::string_view text) { return shorten(text, run_view::max_text_bytes); }

void shorten_lines(std::vector<std::string>& lines) {
  if (lines.size() > run_view::max_lines) lines.resize(run_view::max_lines);
  for (auto& line : lines) line = shortened(line);
}

cause kept_of(cause why) {
  why.original = nullptr;
  why.exception = shortened(why.exception);
  why.message = shortened(why.message);
  shorten_lines(why.frames);
  shorten_lines(why.stderr_tail);
  return why;
}

/// A file may hold any number; what is longer than a year is as good as a year.
milliseconds span_of(std::int64_t ms) {
  constexpr std::int64_t most = std::int64_t{366} * 24 * 3'600 * 1'000;
  return milliseconds{std::clamp(ms, std::int64_t{0}, most)};
}

template <class T, class U>
void take(T& into, const U& from) {
  if (from) into = from;
}
void take(std::string& into, const std::string& from) {
  if (!from.empty()) into = from;
}

/// Folds one event into a view.
class folder {
public:
  folder(run_view& view, const event& e) : view_(view), e_(e) {}

  void fold() {
    switch (e_.kind) {
      case event_kind::run_start:
        return run_starts();
      case event_kind::run_end:
        return run_ends();
      case event_kind::start:
        return starts();
      case event_kind::ready:
      case event_kind::recover:
        return comes_up();
      case event_kind::stop:
        return stops();
      case event_kind::crash:
        return crashes();
      case event_kind::hang:
        return hangs();
      case event_kind::restart:
        return restarts();
      case event_kind::backoff:
        return waits();
      case event_kind::limit:
        if (auto* x = known(); x != nullptr && !e_.incarnation) x->failing = true;
        return;
      case event_kind::escalate:
      case event_kind::give_up:
        return gives_up();
      case event_kind::task_retry:
      case event_kind::task_quarantine:
      case event_kind::task_fail:
        return task_meets_a_fault();
      case event_kind::park:
        return parks();
      case event_kind::quarantine:
        if (auto* x = known()) ++x->quarantined_messages;
        return;
      case event_kind::dead_letter:
        if (auto* x = known()) x->lost_messages += e_.lost.value_or(0);
        return;
      case event_kind::config:
        ++view_.reloads;
        return;
      case event_kind::operator_:
        ++view_.interventions;
        if (auto* x = e_.child ? known() : nullptr) describe(*x);
        return;
      case event_kind::warn:
        ++view_.warnings;
        return;
      case event_kind::output:
        ++view_.output_lines;
        return;
      case event_kind::log:
        if (e_.stream) ++view_.log_lines;
        return;
      case event_kind::child:
        return changes();
    }
  }

private:
  // The run.

  void run_starts() {
    if (e_.scenario) view_.scenario = *e_.scenario;
    view_.started = e_.ts;
  }

  void run_ends() {
    view_.ended = e_.ts;
    view_.code = e_.code;
    for (auto& [path, x] : view_.children) goes_down(x, view_status::stopped, true);
  }

  // Whom it is about.

  child_view* known() { return known(e_.actor); }

  child_view* known(std::string_view path) {
    const auto it = view_.children.find(path);
    return it != view_.children.end() ? &it->second : nullptr;
  }

  /// Null beyond the limit.
  child_view* there() {
    if (auto* x = known()) return x;
    if (e_.actor.empty()) return nullptr;
    if (view_.children.size() >= run_view::max_children) {
      ++view_.untold_children;
      return nullptr;
    }
    child_view x;
    x.order = ++view_.last_order;
    x.parent = parent_of(e_.actor);
    x.runs_in = e_.runs_in;
    if (const auto* above = known(x.parent)) {
      if (above->kind == "pool") {
        x.kind = "worker";
        x.type = above->type;
      } else if (!above->makes.empty()) {
        x.kind = above->makes;
        x.type = above->type;
      }
    }
    return &view_.children.emplace(e_.actor, std::move(x)).first->second;
  }

  /// The pool that a worker, or the event itself, belongs to.
  child_view* pool_of(std::string_view path) {
    auto* x = known(path);
    if (x == nullptr || x->kind != "pool") x = known(parent_of(path));
    return x != nullptr && x->kind == "pool" ? x : nullptr;
  }

  static pool_view& figures_of(child_view& pool) {
    if (!pool.pool) pool.pool.emplace();
    return *pool.pool;
  }

  /// What is told of a life that is over changes nothing.
  bool is_late(const child_view& x) const { return e_.incarnation && *e_.incarnation < x.incarnation; }

  template <class F>
  void each_below(std::string_view path, F&& f) {
    const auto prefix = std::string{path} + "/";
    for (auto it = view_.children.lower_bound(prefix); it != view_.children.end() && it->first.starts_with(prefix);
         ++it)
      f(it->second);
  }

  bool is_failing(const child_view& x) {
    const auto* above = known(x.parent);
    return above != nullptr && (above->failing || is_failing(*above));
  }

  // How it is doing.

  void begins(child_view& x, view_status status) {
    x.status = status;
    x.living = true;
    x.due.reset();
    x.pid.reset();
    x.up_since.reset();
    ++x.starts;
    if (e_.incarnation) x.incarnation = *e_.incarnation;
    take(x.runs_in, e_.runs_in);
  }

  /// It is not up any more, if it was; while it is being stopped it is not down yet.
  void leaves(child_view& x, view_status status) {
    const bool ends = x.status == view_status::up || x.status == view_status::stopping;
    if (ends && status != view_status::stopping) {
      if (!x.down_since || x.ends_for_good) x.down_since = e_.ts;  // else it was down before it was asked to stop
      x.ends_for_good = false;
    }
    x.status = status;
    x.up_since.reset();
    x.due.reset();
  }

  void goes_down(child_view& x, view_status status, bool for_good) {
    const bool says_more = is_down(x.status) && x.status != view_status::idle;
    if (for_good && x.down_since && !x.ends_for_good) {
      x.downtime += std::max(child_view::duration{0}, e_.ts - *x.down_since);
      x.ends_for_good = true;
    }
    if ((x.status == view_status::up || x.status == view_status::stopping) && (!x.down_since || x.ends_for_good)) {
      x.down_since = e_.ts;
      x.ends_for_good = for_good;
    }
    if (x.figures) x.figures->last.cpu_percent = std::nullopt;
    if (x.figures) x.figures->last.rss_kib = std::nullopt;
    if (!says_more && !(status == view_status::stopped && x.status == view_status::idle)) x.status = status;
    x.living = false;
    x.pid.reset();
    x.up_since.reset();
    x.due.reset();
  }

  /// What is down has nothing below it that is up.
  void takes_down(std::string_view path, bool for_good) {
    each_below(path, [&](child_view& x) { goes_down(x, view_status::stopped, for_good); });
  }

  void starts() {
    auto* x = there();
    if (x == nullptr || is_late(*x)) return;
    if (!e_.child) return begins(*x, view_status::starting);
    // A pool tells of that itself; where it is a child its supervisor has said that it is restarted.
    describe(*x);
    takes_down(e_.actor, true);
    const bool again = x->status == view_status::restarting && x->living;
    if (again) return;
    begins(*x, e_.incarnation.value_or(1) > 1 ? view_status::restarting : view_status::starting);
  }

  void restarts() {
    auto* x = there();
    ++view_.restarts;
    if (x == nullptr) return;
    ++x->restarts;
    if (auto* pool = x->kind == "worker" ? pool_of(e_.actor) : nullptr) ++figures_of(*pool).worker_restarts;
    begins(*x, view_status::restarting);
  }

  void comes_up() {
    auto* x = there();
    if (x == nullptr || is_late(*x)) return;
    if (e_.kind == event_kind::recover) recovers(*x);
    // A pool is ready first, and then its supervisor says that it has recovered.
    if (e_.kind == event_kind::recover || x->kind != "pool") x->recovering.clear();
    if (x->down_since && !x->ends_for_good) x->downtime += std::max(child_view::duration{0}, e_.ts - *x->down_since);
    x->down_since.reset();
    x->ends_for_good = false;
    if (!x->living) begins(*x, view_status::starting);  // a worker whose first start was not told
    if (x->status != view_status::up) x->up_since = e_.ts;
    x->status = view_status::up;
    x->failing = false;
    if (e_.incarnation) x->incarnation = *e_.incarnation;
    if (e_.pid) x->pid = e_.pid;
    take(x->runs_in, e_.runs_in);
  }

  void recovers(child_view& x) {
    ++x.recoveries;
    bool first = true;
    for (const auto number : x.recovering) {
      auto* crash = kept(number);
      if (crash != nullptr && !crash->recovery_ms) {
        const std::chrono::duration<double, std::milli> since = e_.ts - crash->at;
        crash->recovery_ms = first && e_.recovery_ms ? *e_.recovery_ms : std::max(0.0, since.count());
      }
      first = false;
    }
  }

  crash_view* kept(std::uint64_t number) {
    auto& all = view_.crashes;
    if (all.empty() || number < all.front().number) return nullptr;
    return &all[static_cast<std::size_t>(number - all.front().number)];
  }

  void stops() {
    auto* x = known();
    if (x == nullptr || is_late(*x)) return;
    if (e_.decision) return decided(*x);  // it ended in order, and is restarted all the same
    if (x->kind == "supervisor" && !e_.incarnation) return leaves(*x, view_status::stopping);
    if (x->kind == "pool") {
      counts_tasks(figures_of(*x));
      takes_down(e_.actor, true);
    }
    if (x->kind == "worker") {
      if (auto* pool = pool_of(e_.actor)) ++figures_of(*pool).recycled;
      return goes_down(*x, view_status::stopped, true);
    }
    if (!x->living) return;
    const bool by_itself = x->status != view_status::stopping;
    const bool for_good = !by_itself && stops_for_good(*x);
    leaves(*x, by_itself && x->kind != "pool" ? view_status::ended : view_status::stopped);
    goes_down(*x, x->status, for_good);
  }

  /// Of a child that is asked to stop: not only until its group has stopped, to start again.
  bool stops_for_good(const child_view& x) {
    const auto* above = known(x.parent);
    if (above == nullptr || above->failing) return above == nullptr;
    if (above->status == view_status::stopping) return stops_for_good(*above);
    if (above->status != view_status::up) return false;
    const bool alone =
        above->strategy != to_string(strategy::one_for_all) && above->strategy != to_string(strategy::rest_for_one);
    if (alone) return true;
    bool group_restarts = false;
    each_below(x.parent, [&](const child_view& other) {
      group_restarts = group_restarts || (other.parent == x.parent && other.status == view_status::restarting);
    });
    return !group_restarts;
  }

  void counts_tasks(pool_view& into) {
    if (!e_.child) return;
    into.submitted += e_.child->submitted.value_or(0);
    into.succeeded += e_.child->succeeded.value_or(0);
    into.valueless += e_.child->failed.value_or(0);
  }

  void gives_up() {
    auto* x = there();
    if (x == nullptr || is_late(*x)) return;
    leaves(*x, view_status::gave_up);
    x->living = false;
    x->failing = true;
    if (x->kind != "pool") return;
    figures_of(*x).given_up += e_.lost.value_or(0);
    takes_down(e_.actor, true);
  }

  void parks() {
    auto* x = there();
    if (x == nullptr || is_late(*x)) return;
    leaves(*x, view_status::parked);
    x->living = false;
    const auto delay = e_.decision ? e_.decision->delay_ms : 0;
    if (delay > 0) x->due = e_.ts + span_of(delay);
  }

  void waits() {
    auto* x = there();
    if (x == nullptr || is_late(*x)) return;
    leaves(*x, view_status::restarting);
    x->living = false;
    if (e_.decision) x->due = e_.ts + span_of(e_.decision->delay_ms);
  }

  void changes() {
    if (!e_.child) return;
    const auto& state = e_.child->state;
    if (state == "removed") return removed();
    auto* x = there();
    if (x == nullptr || is_late(*x)) return;
    describe(*x);
    if (state == "starting") return begins(*x, view_status::starting);
    if (state == "up") {
      x->incarnation = std::max<std::uint64_t>(x->incarnation, 1);
      return comes_up();
    }
    if (state == "stopping") {
      // What has ended by itself is only cleared away, and what is parked or waits has nothing left to stop.
      if (!is_down(x->status)) leaves(*x, view_status::stopping);
    } else if (state == "waiting") {
      leaves(*x, view_status::restarting);
      x->living = false;
      x->pid.reset();
      takes_down(e_.actor, false);
    } else if (state == "idle" && x->starts > 0) {
      const bool for_good = !is_failing(*x);
      goes_down(*x, view_status::stopped, for_good);
      x->recovering.clear();
      takes_down(e_.actor, for_good);
    }
  }

  void describe(child_view& x) {
    const auto& from = *e_.child;
    take(x.kind, from.kind);
    take(x.restart, from.restart);
    take(x.strategy, from.strategy);
    take(x.makes, from.makes);
    if (!from.type.empty()) x.type = shortened(from.type);
    take(x.own.limit, from.own_limit);
    if (from.own_period_ms) x.own.period = span_of(*from.own_period_ms);
    take(x.below.limit, from.limit);
    if (from.period_ms) x.below.period = span_of(*from.period_ms);
    take(x.on_spent, from.on_spent);
    take(x.backoff, from.backoff);
    take(x.worker_backoff, from.worker_backoff);
    if (x.kind != "pool") return;
    auto& pool = figures_of(x);
    take(pool.workers, from.workers);
    take(pool.least_workers, from.least_workers);
    take(pool.most_workers, from.most_workers);
    take(pool.spares, from.spares);
  }

  void removed() {
    const auto it = view_.children.find(e_.actor);
    if (it == view_.children.end()) return;
    auto* above = known(it->second.parent);
    const auto leave_figures = [&](const child_view& x) {
      if (above == nullptr) return;
      above->gone += 1 + x.gone;
      above->gone_restarts += x.restarts + x.gone_restarts;
      above->gone_crashes += x.crashes + x.gone_crashes;
      above->gone_downtime += x.downtime_at(e_.ts) + x.gone_downtime;
    };
    each_below(e_.actor, leave_figures);
    leave_figures(it->second);
    const auto prefix = e_.actor + "/";
    auto end = view_.children.lower_bound(prefix);
    while (end != view_.children.end() && end->first.starts_with(prefix)) end = view_.children.erase(end);
    view_.children.erase(e_.actor);
  }

  // Faults.

  void hangs() {
    ++view_.hangs;
    if (auto* x = known()) ++x->hangs;
  }

  void task_meets_a_fault() {
    auto* pool = pool_of(e_.actor);
    if (pool == nullptr) return;
    auto& figures = figures_of(*pool);
    if (e_.kind == event_kind::task_retry) ++figures.retried;
    if (e_.kind == event_kind::task_quarantine) ++figures.quarantined;
    if (e_.kind == event_kind::task_fail) ++figures.failed;
  }

  void crashes() {
    ++view_.crash_count;
    note_crash();
    const bool own_death = !e_.decision;  // of the program: nothing is decided any more
    if (own_death) view_.died = true;
    auto* x = own_death ? known() : there();
    if (x == nullptr) return;
    ++x->crashes;
    x->lost_messages += e_.lost.value_or(0);
    x->last_crash = view_.crashes.back().id;
    x->last_cause = shortened(describe_cause());
    if (auto* pool = x->kind == "worker" ? pool_of(e_.actor) : nullptr) ++figures_of(*pool).worker_crashes;
    if (own_death || e_.decision->action == "resume" || is_late(*x)) return;
    if (e_.incarnation) x->incarnation = *e_.incarnation;
    if (x->recovering.size() < run_view::max_recovering) x->recovering.push_back(view_.crash_count);
    decided(*x);
  }

  std::string describe_cause() const { return e_.why ? steward::describe(*e_.why) : "unknown cause"; }

  void note_crash() {
    crash_view x;
    x.number = view_.crash_count;
    x.id = e_.id.empty() ? crash_id(x.number) : e_.id;
    x.fingerprint = e_.fingerprint.empty() ? fingerprint_of(e_.why ? *e_.why : cause{}) : e_.fingerprint;
    x.seq = e_.seq;
    x.at = e_.ts;
    x.path = e_.actor;
    const auto* pool = pool_of(e_.actor);
    x.place = pool != nullptr && known() != pool ? parent_of(e_.actor) : e_.actor;
    x.incarnation = e_.incarnation;
    x.pid = e_.pid;
    x.runs_in = e_.runs_in;
    if (const auto* child = known(); child != nullptr && child->up_since && !is_late(*child))
      x.up_ms = std::chrono::duration<double, std::milli>{e_.ts - *child->up_since}.count();
    x.why = kept_of(e_.why.value_or(cause{}));
    x.task = e_.task;
    x.task_fate = e_.task_fate;
    x.decision = e_.decision;
    x.lost = e_.lost;
    x.kept = e_.kept;
    x.text = shortened(e_.text);
    note_alike(x);
    view_.crashes.push_back(std::move(x));
    if (view_.crashes.size() > run_view::max_crashes) view_.crashes.pop_front();
  }

  void note_alike(const crash_view& x) {
    auto it = view_.alike.find(x.fingerprint);
    if (it == view_.alike.end()) {
      if (view_.alike.size() >= run_view::max_fingerprints) {
        ++view_.otherwise_alike;
        return;
      }
      it = view_.alike.emplace(x.fingerprint, alike_view{}).first;
      it->second.first = x.at;
      it->second.first_id = x.id;
    }
    auto& all = it->second;
    ++all.count;
    all.last = x.at;
    all.last_id = x.id;
    all.cause = shortened(describe_cause());
  }

  /// What becomes of a child that has ended by itself.
  void decided(child_view& x) {
    const auto& what = *e_.decision;
    const bool again = what.action == "restart" || what.action == "retry";
    leaves(x, again ? view_status::restarting : view_status::ended);
    x.living = false;
    x.pid.reset();
    if (x.kind == "pool" || x.kind == "supervisor") takes_down(e_.actor, false);
    if (!again && x.kind == "worker") x.ends_for_good = true;  // another one does its work, or nobody needs to
    if (again && what.delay_ms > 0) x.due = e_.ts + span_of(what.delay_ms);
    if (what.period_ms > 0) charge(x, what, again);
    if (again) takes_along(x, what);
  }

  /// The decision says how many restarts count by now.
  void charge(child_view& x, const event_decision& what, bool again) {
    auto* above = known(x.parent);
    auto* budget = x.own.limit ? &x.own : above != nullptr ? &above->below : nullptr;
    if (budget == nullptr) return;
    budget->limit = what.limit;
    budget->period = span_of(what.period_ms);
    auto& times = budget->restarts;
    const auto count = std::min<std::size_t>(what.restarts, budget_view::max_restarts);
    if (again) times.push_back(e_.ts);
    if (times.size() < count) times.insert(times.end(), count - times.size(), e_.ts);
    if (times.size() > count) times.erase(times.begin(), times.end() - static_cast<std::ptrdiff_t>(count));
  }

  /// A group starts again as a whole, with those of it that were down.
  void takes_along(const child_view& x, const event_decision& what) {
    if (what.strategy != to_string(strategy::one_for_all) && what.strategy != to_string(strategy::rest_for_one)) return;
    const auto* above = known(x.parent);
    if (above == nullptr || above->status != view_status::up) return;
    for (const auto& path : what.also) {
      auto* other = known(path);
      if (other != nullptr && is_down(other->status)) other->status = view_status::restarting;
    }
  }

  run_view& view_;
  const event& e_;
};

/// Whether it is the next one; what is missing before it is noted.
bool is_in_turn(run_view& view, std::uint64_t seq) {
  if (seq <= view.last_seq) {
    ++view.repeated;
    return false;
  }
  if (seq != view.last_seq + 1) {
    view.missing += seq - view.last_seq - 1;
    if (view.gaps.size() < run_view::max_gaps) view.gaps.emplace_back(view.last_seq + 1, seq - 1);
  }
  view.last_seq = seq;
  return true;
}

/// Another run begins. What has the same id counts its events on.
void begin_anew(run_view& view, const event& e) {
  run_view next;
  next.runs_before = view.runs_before + 1;
  if (e.run == view.run) {
    next.last_seq = view.last_seq;
    next.missing = view.missing;
    next.repeated = view.repeated;
    next.gaps = std::move(view.gaps);
  }
  view = std::move(next);
}

}  // namespace

void fold(run_view& view, const event& e) {
  if (view.events > 0 && e.run != view.run) begin_anew(view, e);
  if (!is_in_turn(view, e.seq)) return;
  if (view.events > 0 && e.kind == event_kind::run_start) begin_anew(view, e);
  view.run = e.run;
  view.now = std::max(view.now, e.ts);
  ++view.events;
  view.summary.note(e);
  folder{view, e}.fold();
}

}  // namespace steward
