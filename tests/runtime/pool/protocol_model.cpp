#include "protocol_model.hpp"

#include "pool/engine.hpp"
#include "protocol_worker.hpp"
#include "tasks.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <unordered_set>
#include <utility>
#include <variant>

namespace steward::test {

namespace {

using namespace steward::pooling;

constexpr std::uint64_t most_assigned = 40;
// Steps come one after the other.
constexpr auto no_barrier = [] { return true; };

/// One course of events.
class course final : machine::runner {
public:
  course(const story& what, mutation wrong) : story_(what), wrong_(wrong), sink_(std::make_shared<sink>()) {
    sink_->all = this;
    pool_spec spec;
    spec.size.workers = what.workers;
    spec.limits.attempts = 1;
    spec.limits.heartbeat = milliseconds{0};
    spec.limits.grace = std::chrono::hours(1);
    brain_.emplace(spec, "/p", 1);
    workers_.resize(what.workers);
    brain_->start(now_);
    drain();
    // So that the engine knows how long an item runs, and all are ready.
    submit({2, -1}, 0);
    settle_down();
    for (const auto& one : what.sent) jobs_.push_back(submit(one, 0));
    drain();
    ticks_ = what.ticks;
    urgent_ = what.urgent;
    cancel_ = what.cancel.has_value();
    death_ = what.death;
  }

  const std::optional<std::string>& fault() const { return fault_; }

  /// What may happen next.
  std::vector<int> choices() {
    std::vector<int> out;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      const auto& m = workers_[i];
      if (!m.alive) continue;
      if (m.can_step()) out.push_back(step_of(i));
    }
    if (!pending_.empty()) {
      out.push_back(act_on);
    } else {
      for (std::size_t i = 0; i < workers_.size(); ++i)
        if (!workers_[i].out.empty() || (!workers_[i].alive && workers_[i].ref.incarnation != 0))
          out.push_back(read_of(i));
    }
    if (out.empty()) check_end();
    if (pending_.empty()) {
      if (urgent_) out.push_back(urge);
      if (ticks_ > 0) out.push_back(tick);
      if (cancel_) out.push_back(cancel);
    }
    if (death_ && workers_[0].alive) out.push_back(kill);
    return out;
  }

  void choose(int what) {
    if (what >= 100) {
      const auto i = static_cast<std::size_t>(what % 100);
      auto& m = workers_[i];
      if (what / 100 == 1) {
        do {
          m.step(wrong_, *this);
        } while (i > 0 && m.can_step());
      } else {
        read(m);
        drain();
      }
      return;
    }
    switch (what) {
      case act_on:
        carry_on();
        break;
      case urge:
        urgent_ = false;
        submit({1, -1}, 5);
        drain();
        break;
      case tick:
        --ticks_;
        now_ += milliseconds{11};
        told(7, ticks_);
        for (const auto& m : workers_)
          if (const auto id = in_hand(m); m.alive && id != 0) {
            told(id, m.shared.item);
            brain_->worker_running(m.ref, id, now_, now_, m.shared.item);
          }
        drain();
        break;
      case cancel:
        cancel_ = false;
        told(8, 0);
        brain_->cancel(jobs_[static_cast<std::size_t>(*story_.cancel)], now_);
        drain();
        break;
      default:
        death_ = false;
        workers_[0].alive = false;
        ++deaths_;
    }
  }

  std::uint64_t state() const {
    hash h = history_;
    h.mix(pending_.size());
    h.mix(micro_);
    h.mix(begun_);
    h.mix(item_);
    h.mix((urgent_ ? 1U : 0U) | (cancel_ ? 2U : 0U) | (death_ ? 4U : 0U) | ticks_ << 3);
    for (const auto& m : workers_) m.mix(h);
    for (const auto& t : truths_) h.mix(t.runs);
    return h.at;
  }

private:
  struct truth {
    unsigned runs = 0;
    unsigned outcomes = 0;
    bool throws = false;
    bool cancelled = false;
  };
  struct sink final : detail::item_sink {
    course* all = nullptr;
    void values(std::size_t first, std::size_t count, bytes results, const std::shared_ptr<detail::many_body>&,
                std::size_t, double) override {
      detail::item_reader items(results, sizeof(std::int64_t));
      for (std::size_t i = first; i < first + count; ++i)
        all->settle(i, decode_all<std::int64_t>(items.next()), nullptr);
    }
    void error(std::size_t index, task_error error) override { all->settle(index, 0, &error); }
  };
  static constexpr int act_on = 0, urge = 1, tick = 2, cancel = 3, kill = 4;
  static int step_of(std::size_t i) { return 100 + static_cast<int>(i); }
  static int read_of(std::size_t i) { return 300 + static_cast<int>(i); }

  void fail(const std::string& what) {
    if (!fault_) fault_ = what;
  }
  void told(std::uint64_t a, std::uint64_t b) {
    history_.mix(a);
    history_.mix(b);
  }

  job_ptr submit(const story::work& one, int priority) {
    auto j = std::make_shared<job>();
    j->entry = test::tasks().square.entry;
    j->priority = priority;
    j->items = one.items;
    j->first = truths_.size();
    for (std::uint32_t i = 0; i < one.items; ++i) {
      encode_all(j->args, static_cast<std::int64_t>(truths_.size()));
      truths_.push_back({0, 0, static_cast<int>(i) == one.throws, false});
    }
    if (one.items > 1) {
      j->sink = sink_;
    } else {
      j->done = [this, at = j->first](outcome<bytes> r) {
        if (r.ok()) {
          settle(at, decode_all<std::int64_t>(r.value()), nullptr);
        } else {
          settle(at, 0, &r.error());
        }
      };
    }
    told(9, j->first);
    brain_->submit(j, now_);
    return j;
  }

  void settle(std::size_t index, std::int64_t value, const task_error* error) {
    auto& t = truths_[index];
    if (++t.outcomes > 1) fail("input " + std::to_string(index) + " has two outcomes");
    if (!error) {
      if (value != static_cast<std::int64_t>(index * index) || t.runs == 0 || t.throws) fail("a value is wrong");
    } else if (error->kind == outcome_kind::exception) {
      if (!t.throws) fail("an exception that nobody threw");
    } else if (error->kind == outcome_kind::quarantined) {
      if (deaths_ == 0 || ++quarantined_ > deaths_) fail("quarantined, and no worker died under it");
    } else if (error->kind != outcome_kind::cancelled || !story_.cancel || cancel_) {
      fail("an outcome that nobody asked for");
    }
  }

  void check_end() {
    for (std::size_t i = 0; i < truths_.size(); ++i)
      if (truths_[i].outcomes == 0) fail("input " + std::to_string(i) + " is lost");
  }

  bool runs(std::int64_t input) override {
    auto& t = truths_[static_cast<std::size_t>(input)];
    if (++t.runs > 1) fail("input " + std::to_string(input) + " ran twice");
    return !t.throws;
  }

  // The driver.

  task_id in_hand(const machine& m) const {
    return m.shared.begun > m.answered || wrong_ == mutation::old_marks_count ? m.shared.current : 0;
  }

  machine* find(worker_ref ref) {
    auto& m = workers_[ref.index];
    return m.ref == ref ? &m : nullptr;
  }

  static bytes encoded(const std::vector<std::int64_t>& results) {
    bytes out;
    for (const auto r : results) encode_all(out, r);
    return out;
  }

  void read(machine& m) {
    if (m.out.empty()) return bury(m);
    const auto s = std::move(m.out.front());
    m.out.pop_front();
    told(s.id, s.item << 20 | s.results.size() << 4 | (s.failed ? 4U : 0U) | (s.done ? 2U : 0U) | (s.ready ? 1U : 0U));
    bool sound = true;
    if (s.done) ++m.answered;
    if (s.ready) {
      brain_->worker_ready(m.ref, now_);
    } else if (s.failed) {
      cause why;
      why.cls = cause_class::exception;
      sound = brain_->worker_item_failed(m.ref, s.id, s.item, why, story_.item_ms, s.done, now_);
    } else {
      const auto count = s.results.size();
      sound = brain_->worker_items(m.ref, s.id, s.item, count, encoded(s.results),
                                   story_.item_ms * static_cast<double>(count), s.done, now_);
    }
    if (!sound) fail("a worker is accused: an answer that nobody asked for");
  }

  /// What it has finished and not answered, to be told at once or when all orders have been carried out.
  std::function<void()> found(machine& m, task_id id) {
    const auto& p = m.shared;
    const auto got = detail::harvest_staged(p.kept_from, p.kept, p.stage, [&] { return in_hand(m) == id; });
    if (got.count == 0) return [] {};
    told(10, got.from << 8 | got.count);
    return [this, ref = m.ref, id, got] {
      brain_->worker_finished(ref, id, got.from, got.count, got.results, now_, now_);
    };
  }

  void bury(machine& m) {
    const auto id = in_hand(m);
    told(11, id << 8 | m.shared.item);
    const auto [task, received] = brain_->sent(m.ref, id);
    const auto& p = m.shared;
    if (task && p.kept_from <= received && received < p.kept_from + p.staged().count) {
      if (task->sink) {
        found(m, id)();
      } else {
        brain_->worker_items(m.ref, id, 0, 1, encoded(p.results()), 0.0, false, now_);
      }
    }
    death how;
    how.why = make_cause(cause_class::signal, "killed");
    how.in_hand = id;
    how.item = p.item;
    const auto ref = m.ref;
    m = machine{};
    brain_->worker_died(ref, how, now_);
  }

  /// The engine's next orders, as far as they touch nothing shared. When all have been carried out, what became of them
  /// is told to it, and then its news to everybody else.
  void drain() {
    for (;;) {
      while (!pending_.empty() && carry_out_alone(pending_.front())) pending_.pop_front();
      if (!pending_.empty()) return;
      for (const auto& tell : std::exchange(reports_, {})) tell();
      for (auto& one : std::exchange(notices_, {})) std::visit([this](auto& x) { pass_on(x); }, one);
      auto decided = brain_->step(now_);
      if (decided.empty()) return;
      for (auto& one : decided.orders) pending_.push_back(std::move(one));
      notices_ = std::move(decided.notices);
    }
  }

  void pass_on(news::settled& x) {
    if (x.task->sink) {
      x.task->sink->error(x.task->first + x.item, std::move(x.result).take_error());
    } else {
      x.task->done(std::move(x.result));
    }
  }
  void pass_on(news::items_settled& x) {
    x.task->sink->values(x.task->first + x.item, x.count, std::move(x.results), nullptr, 0, 0.0);
  }
  void pass_on(news::gave_up&) { fail("the pool gave up"); }
  void pass_on(news::all_ready&) {}
  void pass_on(news::stopped&) {}
  void pass_on(news::happened&) {}

  bool carry_out_alone(const order& a) {
    if (const auto* b = std::get_if<act::start>(&a)) {
      auto& m = workers_[b->worker.index] = machine{};
      m.ref = b->worker;
      m.alive = true;
      reports_.emplace_back([this, ref = m.ref] { brain_->worker_exists(ref, 1); });
      m.out.push_back({0, 0, {}, false, false, true});
      return true;
    }
    return !std::holds_alternative<act::assign>(a) && !std::holds_alternative<act::withdraw>(a) &&
           !std::holds_alternative<act::harvest>(a) && !std::holds_alternative<act::ask_task>(a);
  }

  /// One step of the order that is under way.
  void carry_on() {
    auto& a = pending_.front();
    bool over = true;
    if (auto* s = std::get_if<act::assign>(&a)) {
      if (auto* m = find(s->worker)) assign(*m, *s);
    } else if (auto* w = std::get_if<act::withdraw>(&a)) {
      if (auto* m = find(w->worker)) over = withdraw(*m, *w);
    } else if (auto* h = std::get_if<act::harvest>(&a)) {
      if (auto* m = find(h->worker)) reports_.push_back(found(*m, h->id));
    } else if (auto* t = std::get_if<act::ask_task>(&a)) {
      auto* m = find(t->worker);
      if (m && t->whole) detail::cut_items(m->shared.cut, t->id, no_barrier);
    }
    ++micro_;
    if (!over) return;
    micro_ = begun_ = item_ = 0;
    pending_.pop_front();
    drain();
  }

  void assign(machine& m, const act::assign& what) {
    frame f{what.id, ++m.assigned, what.task->sink != nullptr, {}};
    detail::item_reader items(what.task->args, sizeof(std::int64_t));
    for (std::uint32_t i = 0; i < what.task->items; ++i) f.inputs.push_back(decode_all<std::int64_t>(items.next()));
    if (std::exchange(m.limited, false) && wrong_ != mutation::limit_stays) m.shared.limit = 0;
    if (m.shared.cut == what.id && wrong_ != mutation::cut_stays) m.shared.cut = 0;
    if (m.assigned > most_assigned) fail("what is sent comes back for ever");
    m.in.push_back(std::move(f));
  }

  /// True when it is over.
  bool withdraw(machine& m, const act::withdraw& what) {
    auto& p = m.shared;
    const auto head = m.answered + 1;
    const bool cuts = (begun_ == head || wrong_ == mutation::item_without_begun) && what.chunk;
    switch (micro_) {
      case 0:
        m.limited = true;
        if (wrong_ != mutation::no_limit) p.limit = head + 1;
        return false;
      case 1:
        begun_ = p.begun;
        return false;
      case 2:
        if (cuts && wrong_ == mutation::item_read_before_cut) item_ = detail::item_taken(p.item);
        if (cuts && wrong_ != mutation::item_read_before_cut) detail::cut_items(p.cut, what.head, no_barrier);
        return false;
      default:
        break;
    }
    withdrawal kept;
    kept.will_answer = true;
    kept.begun = begun_ > head ? static_cast<std::size_t>(std::min<std::uint64_t>(begun_ - head + 1, what.sent)) : 1;
    if (cuts && wrong_ == mutation::item_read_before_cut) detail::cut_items(p.cut, what.head, no_barrier);
    if (cuts) kept.item = wrong_ == mutation::item_read_before_cut ? item_ : detail::item_taken(p.item);
    told(kept.begun, kept.item ? *kept.item + 1 : 0);
    reports_.emplace_back([this, ref = m.ref, kept] { brain_->worker_withdrew(ref, kept); });
    return true;
  }

  /// Until there is nothing left to do, in one order.
  void settle_down() {
    for (bool any = true; any;) {
      any = false;
      for (auto& m : workers_) {
        for (; m.alive && m.can_step(); any = true) m.step(wrong_, *this);
        for (; !m.out.empty(); any = true) read(m);
      }
      drain();
      for (; !pending_.empty(); any = true) carry_on();
    }
  }

  const story& story_;
  mutation wrong_;
  std::shared_ptr<sink> sink_;
  std::optional<engine> brain_;
  time_point now_{std::chrono::hours(1)};
  std::deque<machine> workers_;
  std::deque<order> pending_;
  std::vector<std::function<void()>> reports_;
  std::vector<notice> notices_;
  std::uint64_t micro_ = 0, begun_ = 0, item_ = 0;
  std::vector<truth> truths_;
  std::vector<job_ptr> jobs_;
  hash history_;  // of all that the engine was told: it is a machine, and this its state
  bool urgent_ = false, cancel_ = false, death_ = false;
  unsigned ticks_ = 0, deaths_ = 0, quarantined_ = 0;
  std::optional<std::string> fault_;
};

}  // namespace

verdict explore(const story& what, mutation wrong, std::size_t most) {
  struct fork {
    std::vector<int> ways;
    std::size_t taken = 0;
  };
  verdict out;
  std::unordered_set<std::uint64_t> seen;
  std::vector<fork> path;
  for (;;) {
    course one(what, wrong);
    for (const auto& f : path) one.choose(f.ways[f.taken]);
    for (;;) {
      auto ways = one.choices();
      out.fault = one.fault();
      if (out.fault || seen.size() >= most) return out;
      if (ways.empty()) ++out.ends;
      if (ways.empty() || !seen.insert(one.state()).second) break;
      out.states = seen.size();
      path.push_back({std::move(ways), 0});
      one.choose(path.back().ways[0]);
    }
    while (!path.empty() && ++path.back().taken == path.back().ways.size()) path.pop_back();
    if (path.empty()) break;
  }
  out.complete = true;
  return out;
}

}  // namespace steward::test
