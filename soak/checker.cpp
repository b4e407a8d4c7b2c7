#include "soak/checker.hpp"

#include "soak/records.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace steward::soak {

namespace {

constexpr std::size_t max_problems = 40;
constexpr std::uint64_t max_back_ms = 2'000;
constexpr std::int64_t written_within_us = 1'000'000;  // of what happened, it is written down
constexpr std::int64_t grace_ms = 3'000;               // on top of deadline x attempts
constexpr std::int64_t warm_up_us = 2'000'000;         // what is used until then is no growth
constexpr std::size_t least_judged = 5;                // samples, of a short run
constexpr double max_growth_kib = 1'024;               // in five minutes, or in a shorter run as a whole
constexpr double max_share_overtaken = 0.05;           // of all faults
constexpr std::uint64_t late_per_faults = 500;  // one task or worker in this many faults may be held up, and three more

std::string text(std::uint64_t x) { return std::to_string(x); }

/// The attempt of a task, as a key.
using attempt_key = std::pair<std::uint64_t, unsigned>;

/// Whether a crash is what a fault of this kind looks like.
bool looks_like(const told_cause& why, fault_kind kind, int code) {
  const auto is = [&why](const char* cls, int signal, int its_code) {
    return why.cls == cls && why.signal == signal && why.code == its_code;
  };
  switch (kind) {
    case fault_kind::segv:
      return is("signal", 11, 1);  // SEGV_MAPERR: nothing is mapped there
    case fault_kind::abort:
    case fault_kind::uncaught:
      return is("signal", 6, -6);  // SI_TKILL: sent to itself
    case fault_kind::exit_zero:
      return is("exit", 0, 0);
    case fault_kind::exit_code:
      return is("exit", 0, code);
    case fault_kind::spin:
      return is("deadline", 0, 0);
    case fault_kind::garbage:
      return is("protocol", 0, 0);
    case fault_kind::after_reply:
      return is("exit", 0, after_reply_code);
    case fault_kind::kill:
      return is("signal", 9, 0);
    case fault_kind::stop:
      return is("heartbeat", 0, 0);
    case fault_kind::start_late:
      return is("start", 0, 0);
    case fault_kind::start_dies:
      return is("exit", 0, start_code);
    case fault_kind::none:
    case fault_kind::start_slow:
      return false;
  }
  return false;
}

class judge {
public:
  explicit judge(std::istream& in) : r_(read_records(in, [this](std::string what) { problem(std::move(what)); })) {}

  verdict pass() {
    if (!take_parameters()) return std::move(v_);
    index_events();
    check_end();
    check_workers();
    check_faults();
    check_crashes();
    check_attempts();
    check_tasks();
    check_plans();
    check_memory();
    measure();
    return std::move(v_);
  }

private:
  void problem(std::string what) {
    ++v_.problem_count;
    if (v_.problems.size() < max_problems) v_.problems.push_back(std::move(what));
  }

  std::uint64_t need(const std::map<std::string, std::uint64_t>& from, const char* name) {
    const auto at = from.find(name);
    if (at != from.end()) return at->second;
    problem(std::string("the history does not tell ") + name);
    return 0;
  }

  bool take_parameters() {
    seed_ = v_.seed = need(r_.parameters, "seed");
    planned_ = v_.tasks = need(r_.parameters, "tasks");
    fault_every_ = need(r_.parameters, "fault_every");
    limit_ = static_cast<unsigned>(need(r_.parameters, "attempts"));
    deadline_us_ = static_cast<std::int64_t>(need(r_.parameters, "deadline_ms")) * 1'000;
    heartbeat_us_ = static_cast<std::int64_t>(need(r_.parameters, "heartbeat_ms")) * 1'000;
    v_.fault_rate_target = need(r_.parameters, "faults");
    need(r_.parameters, "in_flight");
    need(r_.parameters, "workers");
    need(r_.parameters, "faults_outside");
    return v_.problem_count == 0 || !r_.tasks.empty();
  }

  plan plan_for(std::uint64_t number) const { return plan_of(seed_, number < planned_ ? fault_every_ : 0, number); }

  // --- what the pool told
  // ---------------------------------------------------------------------------------------------
  void index_events() {
    for (const auto& f : r_.faults) {
      if (f.kind == fault_kind::start_slow) slowed_.insert(f.pid);
    }
    for (const auto& e : r_.events) {
      const auto key = attempt_key(e.number, e.attempt);
      if (e.kind == "crash") {
        crashes_[e.pid].push_back(&e);
      } else if (e.kind == "recover" || e.kind == "ready") {
        ready_[e.pid].push_back(&e);
      } else if (e.kind == "task_retry" || e.kind == "task_quarantine" || e.kind == "task_fail") {
        if (!e.has_task || e.attempt == 0) problem(e.kind + " without a task");
        if (!lost_.emplace(key, &e).second)
          problem("attempt " + text(e.attempt) + " of task " + text(e.number) + " is lost twice");
      } else if (e.kind == "give_up" || e.kind == "limit") {
        problem("the pool gave up");
      }
    }
    v_.attempts_lost = lost_.size();
  }

  /// The crash of the process that had this pid at a time, or was to have it until soon after. Pids come again, but not
  /// so soon; and a fault may be written down a little after the crash that it led to.
  const event_row* crash_after(int pid, std::int64_t us) const {
    const auto at = crashes_.find(pid);
    if (at == crashes_.end()) return nullptr;
    for (const auto* crash : at->second) {
      if (crash->us + written_within_us >= us) return crash;
    }
    return nullptr;
  }

  /// The crash that an attempt was lost by: told just before it.
  const event_row* crash_before(int pid, std::int64_t us) const {
    const event_row* found = nullptr;
    if (const auto at = crashes_.find(pid); at != crashes_.end()) {
      for (const auto* crash : at->second) {
        if (crash->us <= us) found = crash;
      }
    }
    return found && us - found->us <= written_within_us ? found : nullptr;
  }

  /// How the process that had this pid at a time became ready, if it did.
  const event_row* ready_after(int pid, std::int64_t us) const {
    const auto at = ready_.find(pid);
    if (at == ready_.end()) return nullptr;
    const auto found = std::find_if(at->second.begin(), at->second.end(),
                                    [us](const event_row* e) { return e->us + written_within_us >= us; });
    return found == at->second.end() ? nullptr : *found;
  }

  /// Each worker lives, dies and is restarted in this order: start, ready, crash, restart, recover.
  void check_workers() {
    struct life {
      std::uint64_t incarnation = 1;
      bool up = false;
      bool down = false;
      unsigned crashes = 0;  // since it was up
      int pid = 0;           // since it was up, and until it is up again
    };
    std::map<std::string, life> lives;
    for (const auto& e : r_.events) {
      if (e.worker.size() < 2 || e.worker[0] != 'w') continue;
      auto& w = lives[e.worker];
      const auto wrong = [&] { problem(e.kind + " of " + e.worker + "#" + text(e.incarnation) + " is out of order"); };
      if (e.kind == "ready" || e.kind == "recover") {
        if (w.up || w.down || e.incarnation != w.incarnation || (e.kind == "recover") != (w.incarnation > 1)) wrong();
        w.up = true;
        w.pid = e.pid;
        if (e.kind == "recover") recovered(e, w.crashes == 1);
        w.crashes = 0;
      } else if (e.kind == "crash") {
        ++w.crashes;
        if (w.down || e.incarnation != w.incarnation || (w.up && e.pid != w.pid)) wrong();
        w.pid = e.pid;
        if (e.action != "restart") problem("a crash of " + e.worker + " led to " + e.action);
        w.up = false;
        w.down = true;
      } else if (e.kind == "restart") {
        if (!w.down || e.incarnation != w.incarnation + 1) wrong();
        w.incarnation = e.incarnation;
        w.down = false;
      } else if (e.incarnation != w.incarnation || e.pid != w.pid || (e.kind == "backoff" && !w.down)) {
        wrong();
      }
    }
    if (lives.size() != need(r_.parameters, "workers")) problem("there are " + text(lives.size()) + " workers");
    for (const auto& [name, w] : lives) {
      if (!w.up) problem(name + " is down at the end");
      if (need(r_.found, name.c_str()) != static_cast<std::uint64_t>(w.pid)) problem(name + " is another at the end");
    }
  }

  void recovered(const event_row& e, bool at_once) {
    v_.slowest_ms = std::max(v_.slowest_ms, static_cast<double>(e.recovery_us) / 1e3);
    if (at_once && slowed_.count(e.pid) == 0) recoveries_.push_back(e.recovery_us);
  }

  // --- what was done to it
  // --------------------------------------------------------------------------------------------
  void check_faults() {
    std::uint64_t outside = 0;
    for (const auto& f : r_.faults) {
      ++v_.faults[static_cast<std::size_t>(f.kind)].injected;
      by_crash_[{f.pid, crash_after(f.pid, f.us)}].push_back(&f);
      if (!by_task(f.kind)) {
        ++outside;
        continue;
      }
      const auto p = plan_for(f.number);
      if (p.fault != f.kind || (!p.each_attempt && f.attempt != 1))
        problem("task " + text(f.number) + " did " + to_string(f.kind) + " in attempt " + text(f.attempt) +
                ", which is not in its plan");
      if (!struck_.emplace(attempt_key(f.number, f.attempt), &f).second)
        problem("task " + text(f.number) + " did its fault twice in attempt " + text(f.attempt));
    }
    v_.fault_count = r_.faults.size();
    if (outside != need(r_.parameters, "faults_outside")) problem(text(outside) + " faults came from outside");
    if (v_.fault_count < v_.fault_rate_target)
      problem("only " + text(v_.fault_count) + " of " + text(v_.fault_rate_target) + " faults were done");
  }

  bool fits(const event_row& crash, const fault_row& f) const {
    const int code = by_task(f.kind) ? plan_for(f.number).code : 0;
    if (!looks_like(crash.why, f.kind, code)) return false;
    // A worker that replied has nothing in hand, or the next task.
    if (!by_task(f.kind) || f.kind == fault_kind::after_reply) return true;
    return crash.has_task && crash.number == f.number && crash.attempt == f.attempt;
  }

  /// Each crash is of a fault that was done to that process, and each fault led to the crash of its process.
  void check_crashes() {
    std::uint64_t overtaken = 0;
    for (const auto& [process, faults] : by_crash_) {
      const auto [pid, crash] = process;
      const fault_row* of = nullptr;
      for (const auto* f : faults) {
        if (crash && !of && fits(*crash, *f)) of = f;
      }
      for (const auto* f : faults) {
        auto& row = v_.faults[static_cast<std::size_t>(f->kind)];
        const auto name = std::string(to_string(f->kind)) + " of process " + std::to_string(pid);
        if (f == of) {
          ++row.told;
        } else if (f->kind == fault_kind::start_slow) {
          const auto* ready = ready_after(pid, f->us);
          if (!ready && !of) problem(name + " did not end in a worker that is ready");
          if (ready && ready->recovery_us < slow_start_ms * 1'000) problem(name + " was not slow");
          ++row.told;
        } else if (is_bad_start(f->kind) && ready_after(pid, f->us)) {
          problem(name + " ended in a worker that is ready");
        } else if (!crash) {
          problem(name + " has no crash");
        } else if (of) {
          ++row.overtaken;
          ++overtaken;
          ++v_.overtakings[std::string(to_string(f->kind)) + ", dead of " + to_string(of->kind) + " first"];
        } else if (!held_up(*crash)) {
          problem(name + " is told as " + describe(crash->why));
        } else {
          late_for_.insert(crash);
          ++row.overtaken;
          ++overtaken;
          ++v_.overtakings[std::string(to_string(f->kind)) + ", ended at another limit first"];
        }
      }
      if (of) cause_of_[crash] = of;
    }
    for (const auto& [pid, all] : crashes_) {
      for (const auto* crash : all) {
        if (cause_of_.count(crash) > 0 || late_for_.count(crash) > 0) continue;
        if (held_up(*crash)) {
          ++v_.late;
        } else {
          problem("process " + std::to_string(pid) + " died of " + describe(crash->why) + ", which nobody did to it");
        }
      }
    }
    if (static_cast<double>(overtaken) > max_share_overtaken * static_cast<double>(v_.fault_count) + 3)
      problem(text(overtaken) + " faults were overtaken by others, more than chance explains");
    if (v_.late > 3 + v_.fault_count / late_per_faults)
      problem(text(v_.late) + " tasks or workers were held up past a limit");
  }

  static bool is_bad_start(fault_kind kind) { return kind == fault_kind::start_late || kind == fault_kind::start_dies; }

  /// Ended by a limit that it did pass, without a fault: what a busy machine does.
  bool held_up(const event_row& crash) const {
    if (crash.why.signal != 0 || crash.why.code != 0) return false;
    if (crash.why.cls == "deadline") return crash.has_task && crash.ran_us >= deadline_us_;
    if (crash.why.cls == "heartbeat") return heartbeat_us_ > 0;
    return crash.why.cls == "start";
  }

  // --- attempts and outcomes
  // ------------------------------------------------------------------------------------------
  /// Each lost attempt is one of a process that crashed, for the cause that it crashed of; each crash with a task lost
  /// it.
  void check_attempts() {
    for (const auto& [key, e] : lost_) {
      if (e->why.cls == "exception") continue;
      const auto name = "attempt " + text(key.second) + " of task " + text(key.first);
      const auto* crash = crash_before(e->pid, e->us);
      if (!crash) {
        problem(name + " was lost with process " + std::to_string(e->pid) + ", which did not crash");
      } else if (!(crash->why == e->why)) {
        problem(name + " was lost by " + describe(e->why) + ", its process by " + describe(crash->why));
      }
      if (key.second > limit_) problem(name + " is one too many");
      if (const auto s = struck_.find(key); s != struck_.end() && s->second->kind == fault_kind::after_reply &&
                                            s->second->pid == e->pid && looks_like(e->why, fault_kind::after_reply, 0))
        problem(name + " was lost though it had replied");
    }
    for (const auto& [key, f] : struck_) {
      const auto at = lost_.find(key);
      const bool lost = at != lost_.end() && at->second->pid == f->pid;
      if (!lost && (at != lost_.end() || f->kind != fault_kind::after_reply))
        problem("task " + text(key.first) + " did its fault in a process that did not lose it");
    }
    for (const auto& e : r_.events) {
      if (e.kind != "hang") continue;
      const auto at = lost_.find({e.number, e.attempt});
      const bool ended = at != lost_.end() && at->second->pid == e.pid;
      const auto* crash = crash_after(e.pid, e.us);
      const bool answered = crash && crash->number == e.number && crash->attempt == e.attempt && crash->fate == "none";
      if (!(ended || answered) || !(e.why == told_cause{"deadline", 0, 0}))
        problem("task " + text(e.number) + " was found late, and not ended");
    }
    for (const auto& [pid, all] : crashes_) {
      for (const auto* crash : all) {
        if (!crash->has_task) continue;
        const auto name = "task " + text(crash->number);
        const auto at = lost_.find({crash->number, crash->attempt});
        if (crash->fate == "none") {
          // It had finished it, and its answer was found in the memory that it left.
          const bool value = crash->number < r_.tasks.size() && r_.tasks[crash->number].kind == 'v';
          if (at != lost_.end() || !value) problem(name + " was neither lost nor finished when its process crashed");
          ++v_.salvaged;
        } else if (at == lost_.end() || at->second->pid != pid) {
          problem(name + " lost no attempt when process " + std::to_string(pid) + " crashed with it");
        } else if (at->second->fate != crash->fate) {
          problem(name + " was " + crash->fate + ", or " + at->second->fate);
        }
      }
    }
  }

  void check_tasks() {
    const auto submitted = need(r_.found, "submitted");
    if (r_.submissions != submitted) problem(text(r_.submissions) + " submissions of " + text(submitted));
    if (submitted < planned_) problem("only " + text(submitted) + " of " + text(planned_) + " tasks were submitted");
    if (r_.tasks.size() != submitted) problem("there are " + text(r_.tasks.size()) + " tasks");
    const auto oldest_us = deadline_us_ * static_cast<std::int64_t>(limit_) + grace_ms * 1'000;
    for (std::uint64_t n = 0; n < r_.tasks.size(); ++n) {
      const auto& t = r_.tasks[n];
      const auto name = "task " + text(n);
      if (t.submissions != 1) problem(name + " was submitted " + text(t.submissions) + " times");
      if (t.outcomes != 1) problem(name + " has " + text(t.outcomes) + " outcomes");
      if (t.submissions != 1 || t.outcomes != 1) continue;
      if (t.ended_us < t.submitted_us) problem(name + " ended before it was submitted");
      if (t.ended_us - t.submitted_us > oldest_us)
        problem(name + " took " + text(static_cast<std::uint64_t>(t.ended_us - t.submitted_us) / 1'000) + " ms");
      if (const auto at = r_.errors.find(n); at != r_.errors.end()) {
        check_error(n, at->second, t);
      } else {
        check_value(n, t);
      }
    }
  }

  void check_value(std::uint64_t n, const task_record& t) {
    ++v_.outcomes["value"];
    const auto p = plan_for(n);
    const auto name = "task " + text(n);
    if (t.value != value_of(n)) problem(name + " gave " + std::to_string(t.value));
    if (p.throws) problem(name + " did not throw");
    const bool never_ends = p.fault == fault_kind::spin || p.each_attempt;
    if (never_ends && (p.each_attempt || !lost_.count({n, 1}))) problem(name + " gave a value though it cannot");
    const auto lost = lost_attempts(n);
    if (lost >= limit_) problem(name + " gave a value after " + text(lost) + " lost attempts");
  }

  unsigned lost_attempts(std::uint64_t n) const {
    unsigned count = 0;
    for (auto at = lost_.lower_bound({n, 0}); at != lost_.end() && at->first.first == n; ++at) {
      if (at->first.second == count + 1) ++count;
    }
    return count;
  }

  void check_error(std::uint64_t n, const error_row& e, const task_record& t) {
    ++v_.outcomes[e.kind];
    const auto p = plan_for(n);
    const auto name = "task " + text(n);
    if (e.attempts.size() != t.attempts) problem(name + " tells of " + text(e.attempts.size()) + " attempts");
    for (std::size_t i = 0; i < e.attempts.size(); ++i) {
      const auto& a = e.attempts[i];
      const auto at = lost_.find({n, a.attempt});
      if (a.attempt != i + 1) problem(name + " has its attempts out of order");
      if (at == lost_.end() || at->second->pid != a.pid || !(at->second->why == a.why))
        problem("attempt " + text(a.attempt) + " of " + name + " is told otherwise by the events");
    }
    const bool told_right =
        !e.attempts.empty() && e.attempts.back().why == e.why && lost_attempts(n) == e.attempts.size();
    if (!told_right) problem(name + " ended by " + describe(e.why) + ", and its attempts tell otherwise");
    if (e.work != (e.kind == "quarantined" ? "unknown" : "failed"))
      problem(name + " tells that its work was " + e.work);
    if (e.kind == "exception") {
      if (!p.throws || e.why.cls != "exception") problem(name + " threw what was not in its plan");
    } else if (e.kind == "quarantined") {
      if (!p.each_attempt || e.attempts.size() != limit_)
        problem(name + " was quarantined though its plan is not that bad");
    } else if (e.kind == "deadline") {
      const bool own = p.fault == fault_kind::spin && struck_.count({n, t.attempts}) > 0;
      const bool late = !e.attempts.empty() && e.attempts.back().ran_us >= deadline_us_;
      if (e.why.cls != "deadline" || !late) problem(name + " was ended before its deadline");
      // Without its plan, a deadline is right only for a worker whose death is counted as late.
      const auto lost = lost_.find({n, t.attempts});
      const auto* crash = lost == lost_.end() ? nullptr : crash_before(lost->second->pid, lost->second->us);
      if (!own && (!crash || cause_of_.count(crash))) problem(name + " ended at a deadline, which is not in its plan");
    } else {
      problem(name + " ended as " + e.kind);
    }
  }

  /// Each planned fault was done, unless another death came first.
  void check_plans() {
    for (std::uint64_t n = 0; n < planned_; ++n) {
      const auto p = plan_for(n);
      if (p.fault == fault_kind::none) continue;
      for (unsigned attempt = 1; attempt <= (p.each_attempt ? limit_ : 1U); ++attempt) {
        if (struck_.count({n, attempt})) continue;
        const auto lost = lost_.find({n, attempt});
        if (lost == lost_.end()) {
          problem("attempt " + text(attempt) + " of task " + text(n) + " did not do its " + to_string(p.fault));
        } else {
          ++v_.never_struck;
        }
      }
    }
  }

  // --- the end
  // ---------------------------------------------------------------------------------------------------------
  void check_end() {
    const auto expect = [this](const char* name, std::uint64_t wanted) {
      const auto value = need(r_.found, name);
      if (value != wanted) problem(std::string(name) + " is " + text(value) + ", not " + text(wanted));
    };
    expect("complete", 1);
    expect("faults", r_.faults.size());
    expect("events", r_.events.size());
    expect("samples", r_.samples.size());
    expect("settled", 1);
    expect("ready", need(r_.parameters, "workers"));
    expect("fds_after", need(r_.found, "fds_before"));
    expect("threads_after", need(r_.found, "threads_before"));
    expect("children_left", 0);
    v_.back_ms = need(r_.found, "back_ms");
    if (v_.back_ms > max_back_ms) problem("the pool had its size only after " + text(v_.back_ms) + " ms");
  }

  void check_memory() {
    const auto& all = r_.samples;
    if (all.size() < 10) {
      problem("there are only " + text(all.size()) + " samples of memory");
      return;
    }
    // What is loaded once, such as the names of functions for the first frames, comes later on a busy machine.
    auto from = all.size() / 5;
    while (from + least_judged < all.size() && all[from].us - all.front().us < warm_up_us) ++from;
    double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (auto i = from; i < all.size(); ++i) {
      const double x = static_cast<double>(all[i].us - all[from].us) / 1e6;
      const double y = static_cast<double>(all[i].kib);
      n += 1;
      sx += x;
      sy += y;
      sxx += x * x;
      sxy += x * y;
    }
    const double spread = n * sxx - sx * sx;
    const double slope = spread > 0 ? (n * sxy - sx * sy) / spread : 0;
    const double seconds = static_cast<double>(all.back().us - all[from].us) / 1e6;
    v_.slope_kib_5min = slope * 300;
    v_.resident_kib = all.back().kib;
    const double growth = slope * std::min(seconds, 300.0);
    if (growth > max_growth_kib) problem("memory grew by " + text(static_cast<std::uint64_t>(growth)) + " KiB");
  }

  void measure() {
    std::vector<std::int64_t> ages;
    std::int64_t first = 0;
    std::int64_t last = 0;
    for (const auto& t : r_.tasks) {
      ages.push_back(t.ended_us - t.submitted_us);
      first = first == 0 ? t.submitted_us : std::min(first, t.submitted_us);
      last = std::max(last, t.ended_us);
    }
    v_.seconds = static_cast<double>(last - first) / 1e6;
    const auto at = [](std::vector<std::int64_t>& x, double share) {
      if (x.empty()) return 0.0;
      const auto i = std::min(x.size() - 1, static_cast<std::size_t>(share * static_cast<double>(x.size())));
      std::nth_element(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(i), x.end());
      return static_cast<double>(x[i]) / 1e3;
    };
    v_.recoveries = recoveries_.size();
    v_.recovery_p50_ms = at(recoveries_, 0.5);
    v_.recovery_p99_ms = at(recoveries_, 0.99);
    v_.recovery_max_ms = at(recoveries_, 1.0);
    v_.age_p99_ms = at(ages, 0.99);
    v_.oldest_ms = at(ages, 1.0);
  }

  verdict v_;
  records r_;
  std::uint64_t seed_ = 0;
  std::uint64_t planned_ = 0;
  std::uint64_t fault_every_ = 0;
  unsigned limit_ = 0;
  std::int64_t deadline_us_ = 0;
  std::int64_t heartbeat_us_ = 0;
  std::map<int, std::vector<const event_row*>> crashes_;  // of each pid, in order
  std::map<int, std::vector<const event_row*>> ready_;
  std::set<int> slowed_;  // pids whose start had a fault, and took its time
  std::vector<std::int64_t> recoveries_;
  std::map<attempt_key, const event_row*> lost_;
  std::map<std::pair<int, const event_row*>, std::vector<const fault_row*>> by_crash_;  // none: null
  std::map<attempt_key, const fault_row*> struck_;
  std::map<const event_row*, const fault_row*> cause_of_;
  std::set<const event_row*> late_for_;  // ended at another limit than that of the fault that was done to them
};

}  // namespace

verdict check(std::istream& history) { return judge(history).pass(); }

}  // namespace steward::soak
