#include "observe/event_reader.hpp"
#include "observe/run_view.hpp"
#include "steward/sinks.hpp"
#include "store/reader.hpp"
#include "store/recorder.hpp"
#include "store/writer.hpp"
#include "tests/runtime/policy/otp_model.hpp"
#include "tests/support/stored_fold.hpp"
#include "tests/support/virtual_tree.hpp"

#include <steward/actor.hpp>

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <stdexcept>

// Random trees on the real host with real cells, in virtual time. Each is hurt at random; after each fault, when all
// is quiet, it is compared with `otp`: OTP's supervisor as it would be written with calls that return, one supervisor
// waiting inside the other. What is folded from the events is compared as well, with what the host answers: as they
// come, and of some trees as a state directory has them. STEWARD_SEED=n runs that one tree and prints its story.

namespace steward::testing_support {
namespace {

using namespace std::chrono_literals;

/// What actors are told to do, and what they did.
struct log_book {
  plan starts;
  std::vector<std::string> tried;
  std::vector<std::string> ended;
};
log_book& real() {
  static log_book all;
  return all;
}

class victim {
public:
  victim(self_ptr self, const actor_args& args) : self_(self), path_(args.path()) {
    real().tried.push_back(path_ + "#" + std::to_string(args.incarnation()));
    const auto how = next_of(real().starts, path_);
    if (how == start_as::throws) throw std::runtime_error("no start today");
    if (how == start_as::declines) throw decline_start("nothing to do");
  }
  ~victim() { real().ended.push_back(path_); }
  victim(const victim&) = delete;
  victim& operator=(const victim&) = delete;

  caf::behavior make_behavior() {
    return {
        [this](caf::add_atom, std::int64_t x) { return sum_ += x; },
        [](crash_atom) { throw std::runtime_error("boom"); },
        [this](caf::delete_atom, std::int64_t how) { end(how); },
    };
  }

private:
  void end(std::int64_t how) {
    if (how == 0) self_->quit();
    if (how == 1) self_->quit(caf::exit_reason::user_shutdown);
    if (how == 2) self_->quit(caf::make_error(caf::sec::runtime_error));
  }

  self_ptr self_;
  std::string path_;
  std::int64_t sum_ = 0;
};

class random_trees : public virtual_tree {
protected:
  random_trees() { actor_type<victim>("victim"); }

  void shard(std::uint64_t which) {
    if (const auto seed = from_environment("STEWARD_SEED")) {
      if (*seed % 4 == which) one_tree(*seed, true);
      return;
    }
    const auto trees = from_environment("STEWARD_TREES").value_or(10'000);
    for (auto seed = which; seed < trees; seed += 4) {
      SCOPED_TRACE("STEWARD_SEED=" + std::to_string(seed));
      one_tree(seed, false);
      if (HasFailure()) return;
    }
    // What was compared is worth comparing.
    if (trees < 10'000) return;
    EXPECT_GT(seen_[event_kind::escalate], 200U) << "nested supervisors that gave up";
    EXPECT_GT(seen_[event_kind::give_up], 200U) << "roots that did";
    EXPECT_GT(seen_[event_kind::park], 200U);
    EXPECT_GT(seen_[event_kind::backoff], 200U);
    EXPECT_GT(seen_[event_kind::recover], 1'000U);
    EXPECT_LT(ties_, trees / 40) << "trees that were left early";
  }

  /// The same trees, living longer, with their events in a store.
  void stored(std::uint64_t default_trees) {
    const auto folder = std::filesystem::temp_directory_path() / ("steward_trees." + std::to_string(::getpid()));
    std::filesystem::remove_all(folder);
    state_ = folder.string();
    const auto only = from_environment("STEWARD_SEED");
    const auto trees = from_environment("STEWARD_STORED_TREES").value_or(default_trees);
    for (auto seed = only.value_or(0); seed < (only ? *only + 1 : trees) && !HasFailure(); ++seed) {
      SCOPED_TRACE("STEWARD_SEED=" + std::to_string(seed));
      one_tree(seed, only.has_value());
    }
    EXPECT_EQ(only || HasFailure() || store::reader{*state_}.runs().size() == trees, true);
    RecordProperty("moments", std::to_string(stored_moments_));
    RecordProperty("trees_with_all_moments", std::to_string(full_of_moments_));
    std::filesystem::remove_all(folder);
  }

private:
  using handle = otp::handle;
  using member = otp::member;

  static constexpr std::size_t most_moments = 21;  // twenty on the way, and the last one

  static std::optional<std::uint64_t> from_environment(const char* name) {
    const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    if (text == nullptr) return std::nullopt;
    return std::strtoull(text, nullptr, 10);
  }

  unsigned pick(unsigned n) { return static_cast<unsigned>(random_() % n); }
  bool one_in(unsigned n) { return pick(n) == 0; }
  milliseconds span(unsigned min, unsigned max) { return milliseconds{min + pick(max - min)}; }

  child_spec random_child(std::string id, int levels, const supervisor_spec& parent) {
    child_spec x;
    x.id = std::move(id);
    x.restart = static_cast<restart_type>(std::max(0, static_cast<int>(pick(6)) - 3));
    x.backoff = {0ms, 0ms, 2.0, 0.0, 1s};
    if (one_in(3)) x.backoff.min = span(3, 90), x.backoff.max = x.backoff.min * 4;
    if (one_in(8)) x.shutdown = brutal_kill, exact_ends_ = false;
    if (one_in(4)) {
      x.intensity = intensity{pick(3), span(100, 1'500)};
      if (!one_in(3)) x.on_spent = spent_policy::park;
      if (x.on_spent == spent_policy::park && !one_in(3)) x.park_for = span(20, 400);
    }
    x.significant = parent.auto_shutdown != auto_shutdown::never && x.restart != restart_type::permanent && !one_in(3);
    if (levels > 1 && one_in(3))
      x.what = std::make_shared<supervisor_spec>(random_supervisor(levels - 1));
    else
      x.what = actor_spec{"victim", {}};
    return x;
  }

  supervisor_spec random_supervisor(int levels) {
    supervisor_spec x;
    x.strategy = static_cast<strategy>(pick(7) % 4);
    x.intensity = {pick(5), span(100, 2'000)};
    const bool dynamic = x.strategy == strategy::simple_one_for_one;
    if (!dynamic && one_in(2)) x.auto_shutdown = static_cast<auto_shutdown>(1 + pick(2));
    const auto count = dynamic ? 1 : 1 + pick(4);
    for (unsigned n = 0; n < count; ++n) x.children.push_back(random_child(std::string(1, char('a' + n)), levels, x));
    if (dynamic) x.initial = pick(4), exact_ends_ = false;
    return x;
  }

  void one_tree(std::uint64_t seed, bool tell) {
    random_.seed(seed);
    tell_ = tell;
    exact_ends_ = true;
    events_.clear();
    real() = {};
    seen_by_view_ = events_.size();
    view_ = {};
    moments_.clear();
    auto spec = random_supervisor(1 + static_cast<int>(pick(4)));
    if (state_) spec.intensity = {1'000, 1s};  // it is to live for long
    model_.emplace(spec);
    if (one_in(8)) plan_starts(std::string{"/root/"} + char('a' + pick(3)));
    say("start");
    model_->start_tree();
    start(spec);
    ASSERT_TRUE(started_.has_value());
    EXPECT_EQ(started_->failed_child.empty(), model_->started);
    compare();
    const auto faults = 8 + pick(24) + (state_ ? 3 * most_moments : 0);
    for (unsigned n = 0; n < faults && model_->started && !model_->over && !model_->unclear && !HasFailure(); ++n) {
      if (!fault()) break;
      compare();
    }
    if (model_->unclear) {
      ++ties_;
      if (started_->failed_child.empty() && !ended_) stop();
    } else if (model_->started && !model_->over && !HasFailure()) {
      say("stop");
      model_->stop_tree();
      stop();
      compare();
    }
    end();
    for (const auto& e : events_) ++seen_[e.kind];
    if (!HasFailure()) check_end_of_view();
  }

  void say(const std::string& text) const {
    if (tell_) std::cout << model_->now << " ms: " << text << '\n';
  }

  void plan_starts(const std::string& path) {
    const auto count = 1 + pick(3);
    for (unsigned n = 0; n < count; ++n) {
      const auto how = one_in(4) ? start_as::declines : start_as::throws;
      say(std::string{"plan: a start "} + (how == start_as::throws ? "throws: " : "declines: ") + path);
      real().starts[path].push_back(how);
      model_->starts[path].push_back(how);
    }
  }

  std::vector<handle> all(const std::function<bool(const member&)>& which) const {
    std::vector<handle> out;
    model_->visit(model_->root, [&](const handle& c) {
      if (which(*c)) out.push_back(c);
    });
    return out;
  }
  handle any(const std::function<bool(const member&)>& which) {
    const auto found = all(which);
    return found.empty() ? nullptr : found[pick(static_cast<unsigned>(found.size()))];
  }

  /// Also below supervisors that are down.
  handle anywhere(const handle& s) {
    if (s->children.empty()) return nullptr;
    const auto c = s->children[pick(static_cast<unsigned>(s->children.size()))];
    if (c->how() == nullptr || one_in(2)) return c;
    const auto below = anywhere(c);
    return below ? below : c;
  }

  static bool is_actor(const member& c) { return c.how() == nullptr; }
  static bool lives(const member& c) { return is_actor(c) && c.state == otp::is::up; }

  /// False when the order of what happens next is nobody's business: two timers are due at the same time.
  bool fault() {
    const auto dice = pick(20);
    if (dice < 9) return hurt(), true;
    if (dice < 14) return administer(), true;
    if (dice < 16) return talk(), true;
    return pass_time(span(1, 500).count());
  }

  void hurt() {
    const auto c = any(lives);
    if (!c) return;
    const auto other = any(is_actor);
    if (one_in(3)) plan_starts(other->path);
    const auto how = pick(6);
    static constexpr const char* names[] = {"quits",     "is asked to end", "quits with an error",
                                            "is killed", "throws",          "throws"};
    say(c->path + " " + names[how]);
    if (how == 3)
      caf::anon_send_exit(at(c->path), caf::exit_reason::kill);
    else if (how > 3)
      send(c->path, crash_atom_v);
    else
      send(c->path, caf::delete_atom_v, std::int64_t{how});
    model_->hurt(c, how == 0 ? end_as::normal : how == 1 ? end_as::shutdown : end_as::bad);
    run();
  }

  void talk() {
    for (unsigned n = pick(4); n > 0; --n) {
      const auto c = any([](const member& x) { return is_actor(x) && x.state != otp::is::idle; });
      if (c) send(c->path, caf::add_atom_v, std::int64_t{1});
    }
    run();
  }

  void administer() {
    std::optional<admin_code> expected;
    std::optional<admin_result> got;
    if (one_in(3)) {
      if (const auto c = any(is_actor); c && one_in(4)) plan_starts(c->path);
      auto s = any([](const member& x) { return x.how() != nullptr && x.serving; });
      if (!s || one_in(3)) s = model_->root;
      if (s->dynamic()) {
        say("start_child " + s->path);
        expected = model_->start_dynamic(*s);
        got = start_dynamic(s->path);
      } else {
        const auto x = random_child(std::string(1, char('a' + pick(8))), one_in(3) ? 2 : 1, *s->how());
        say("start_child " + s->path + "/" + x.id);
        expected = model_->start_child(*s, x);
        got = start_child(s->path, x);
      }
    } else if (const auto c = one_in(5) ? anywhere(model_->root) : any([](const member&) { return true; })) {
      if (one_in(4)) plan_starts(c->path);
      if (one_in(2)) return operate_on(c);
      const auto what = pick(5);
      say((what < 2 ? "terminate_child " : what < 4 ? "restart_child " : "delete_child ") + c->path);
      expected = what < 2 ? model_->terminate(c) : what < 4 ? model_->restart(c) : model_->remove(c);
      got = what < 2 ? terminate_child(c->path) : what < 4 ? restart_child(c->path) : delete_child(c->path);
    } else {
      return;
    }
    EXPECT_EQ(got.has_value(), expected.has_value()) << (got ? to_string(got->code) : "not answered");
    if (got && expected) {
      EXPECT_STREQ(to_string(got->code), to_string(*expected));
    }
  }

  void operate_on(const handle& c) {
    using enum operation;
    static constexpr operation all[] = {operation::start, operation::stop, restart, kill, park, revive};
    const auto what = all[pick(6)];
    say(std::string{to_string(what)} + " " + c->path);
    const auto expected = model_->operate(what, c);
    const auto got = operate(what, c->path);
    EXPECT_EQ(got.has_value(), expected.has_value()) << (got ? to_string(got->code) : "not answered");
    if (got && expected) {
      EXPECT_STREQ(to_string(got->code), to_string(*expected));
    }
    const auto told = events_of(event_kind::operator_);
    ASSERT_FALSE(told.empty());
    EXPECT_EQ(told.back().actor, c->path);
    EXPECT_EQ(*told.back().by, "ann");
  }

  bool pass_time(std::int64_t by) {
    const auto until = model_->now + by;
    while (!model_->over) {
      std::vector<handle> next;
      for (const auto& c : all([](const member& x) { return x.due.has_value(); })) {
        if (!next.empty() && *c->due < *next.front()->due) next.clear();
        if (next.empty() || *c->due == *next.front()->due) next.push_back(c);
      }
      if (next.empty() || *next.front()->due > until) break;
      if (next.size() > 1) return ++ties_, false;
      const auto c = next.front();
      const auto step = *c->due - model_->now;
      model_->now = *c->due;
      say("time for " + c->path);
      model_->fire(c);
      advance(milliseconds{step});
      compare();
      if (HasFailure()) return true;
    }
    if (model_->over) return true;
    const auto rest = until - model_->now;
    model_->now = until;
    say("nothing happens");
    advance(milliseconds{rest});
    return true;
  }

  void compare() {
    if (model_->unclear) return;
    if (tell_) {
      for (const auto& x : model_->tried) say("    expect start " + x);
      for (const auto& x : real().tried) say("    start " + x);
      for (const auto& x : model_->ended) say("    expect end " + x);
      for (const auto& x : real().ended) say("    end " + x);
    }
    compare_starts();
    if (!exact_ends_) {
      std::sort(real().ended.begin(), real().ended.end());
      std::sort(model_->ended.begin(), model_->ended.end());
    }
    EXPECT_EQ(real().ended, model_->ended);
    real().tried.clear();
    real().ended.clear();
    model_->tried.clear();
    model_->ended.clear();
    EXPECT_EQ(ended_.has_value(), model_->over.has_value());
    if (ended_ && model_->over) {
      EXPECT_EQ(ended_->cls == policy::exit_class::gave_up, *model_->over == end_as::bad);
    }
    fold_news();
    if (!model_->started || model_->over) return;
    answers_.clear();
    compare_below(*model_->root);
    EXPECT_EQ(differences(view_, answers_), "") << "folded";
    if (state_) moments_.push_back({view_.last_seq, answers_});
  }

  void fold_news() {
    for (; seen_by_view_ < events_.size(); ++seen_by_view_) {
      auto& e = events_[seen_by_view_];
      e.seq = seen_by_view_ + 1;  // the log has counted through all trees
      if (tell_) std::cout << "    event " << to_json_line(e) << '\n';
      fold(view_, e);
    }
  }

  /// When all is over nothing is up, what was folded at once is the same as what was folded on the way, and the same
  /// comes of the lines that a file would have.
  void check_end_of_view() {
    fold_news();
    for (const auto& [path, x] : view_.children) EXPECT_TRUE(is_down(x.status)) << path << ": " << to_string(x.status);
    std::map<event_kind, std::uint64_t> count;
    for (const auto& e : events_) ++count[e.kind];
    EXPECT_EQ(view_.crash_count, count[event_kind::crash]);
    EXPECT_EQ(view_.restarts, count[event_kind::restart]);
    EXPECT_EQ(view_.missing, 0U);
    run_view again;
    run_view read;
    for (auto e : events_) {
      fold(again, e);
      e.ts = std::chrono::floor<std::chrono::microseconds>(e.ts);
      std::string problem;
      const auto back = event_of_line(to_json_line(e), problem);
      ASSERT_TRUE(back.has_value()) << problem;
      EXPECT_EQ(*back, e) << to_json_line(e);
      fold(read, *back);
    }
    EXPECT_TRUE(again == view_);
    ASSERT_EQ(read.children.size(), view_.children.size());
    for (const auto& [path, x] : view_.children) EXPECT_EQ(read.children.at(path).status, x.status) << path;
    if (state_) check_what_is_stored(read);
  }

  /// Writes the events to the state directory as a run of their own, and folds them from there.
  void check_what_is_stored(const run_view& at_the_end) {
    {
      store::writer_options how;
      how.directory = *state_;
      how.run = log_.run_id();
      how.on_problem = [](const std::string& what) { ADD_FAILURE() << what; };
      // Each commit is long ago for the next one, so that a picture is kept after each; nothing is too old to be kept.
      how.keep.max_age = 1h * store::checkpoint_rule::parts;
      how.now = [] { return std::chrono::system_clock::now() + 2h; };
      store::writer kept{std::move(how)};
      const auto piece = 1 + events_.size() / 5;  // of a commit
      for (std::size_t i = 0; i < events_.size(); ++i) {
        kept.write(events_[i]);
        if (i % piece != piece - 1) continue;
        ASSERT_TRUE(kept.finish());
      }
      ASSERT_TRUE(kept.finish());
    }
    store::reader in{*state_};
    const auto run = in.find_run();
    ASSERT_TRUE(run.has_value());
    ASSERT_EQ(run->last_seq, events_.size());
    const auto moments = spread(moments_, most_moments);
    stored_moments_ += moments.size();
    full_of_moments_ += moments.size() == most_moments ? 1U : 0U;
    EXPECT_EQ(differences_in_store(in, *run, moments), "");
    EXPECT_TRUE(in.view_at(*run) == at_the_end);
  }

  /// True when one of the two is started after the other in every run. Children of a dynamic supervisor, whose names
  /// end with a number, start side by side; all else is in order.
  static bool in_order(const std::string& x, const std::string& y) {
    const auto differs = std::mismatch(x.begin(), x.end(), y.begin(), y.end());
    const auto begin = x.rfind('/', static_cast<std::size_t>(differs.first - x.begin())) + 1;
    const auto name = [begin](const std::string& path) {
      return std::string_view{path}.substr(begin, path.find_first_of("/#", begin) - begin);
    };
    return name(x).find('-') == std::string_view::npos || name(x) == name(y);
  }

  /// The same starts, each in its place among those that are in order with it.
  void compare_starts() {
    const auto& expected = model_->tried;
    const auto& found = real().tried;
    // What has started several times with one number keeps its own order.
    std::map<std::string, std::vector<std::size_t>> positions;
    for (std::size_t i = found.size(); i-- > 0;) positions[found[i]].push_back(i);
    bool same = found.size() == expected.size();
    std::vector<std::size_t> at;
    for (std::size_t i = 0; same && i < expected.size(); ++i) {
      auto& left = positions[expected[i]];
      same = !left.empty();
      if (!same) break;
      at.push_back(left.back());
      left.pop_back();
      for (std::size_t before = 0; same && before < i; ++before)
        same = at[before] < at[i] || !in_order(expected[before], expected[i]);
    }
    if (!same) {
      EXPECT_EQ(found, expected) << "not the same starts in an order that may be";
    }
  }

  void compare_below(const member& s) {
    const auto found = which_children(s.path);
    ASSERT_EQ(found.has_value(), s.serving) << s.path;
    if (!found) return;
    std::vector<std::string> expected;
    for (const auto& c : s.children)
      expected.push_back(c->id + "#" + std::to_string(c->incarnation) + " " + name_of(c->state));
    std::vector<std::string> got;
    for (auto it = found->rbegin(); it != found->rend(); ++it) {
      got.push_back(it->id + "#" + std::to_string(it->incarnation) + " " + to_string(it->status));
      const auto& m = it->messages;
      EXPECT_EQ(m.accepted, m.handled + m.failed + m.dead + m.waiting) << it->path;
    }
    EXPECT_EQ(got, expected) << "below " << s.path;
    for (auto& x : answers_[s.path] = *found) x.handle = nullptr;  // what it leads to is to end in its time
    for (const auto& c : s.children)
      if (c->how() != nullptr && c->state == otp::is::up) compare_below(*c);
  }

  static const char* name_of(otp::is x) {
    switch (x) {
      case otp::is::idle:
        return to_string(child_status::undefined);
      case otp::is::up:
        return to_string(child_status::running);
      case otp::is::waiting:
        return to_string(child_status::restarting);
      case otp::is::parked:
        return to_string(child_status::parked);
    }
    return "?";
  }

  std::mt19937_64 random_;
  std::optional<otp> model_;
  bool tell_ = false;
  bool exact_ends_ = true;  // dynamic and brutally killed children end in no order
  std::uint64_t ties_ = 0;
  std::map<event_kind, std::uint64_t> seen_;
  run_view view_;
  std::size_t seen_by_view_ = 0;
  kernel_answers answers_;
  std::optional<std::string> state_;  // where events are stored, when they are
  std::vector<kernel_moment> moments_;
  std::size_t stored_moments_ = 0;
  std::size_t full_of_moments_ = 0;  // trees with as many as were wanted
};

TEST_F(random_trees, behave_as_otp_first_quarter) { shard(0); }
TEST_F(random_trees, behave_as_otp_second_quarter) { shard(1); }
TEST_F(random_trees, behave_as_otp_third_quarter) { shard(2); }
TEST_F(random_trees, behave_as_otp_fourth_quarter) { shard(3); }

// STEWARD_STORED_TREES=1000 takes a thousand.
TEST_F(random_trees, are_folded_from_their_stored_events_as_the_host_has_answered) { stored(40); }

}  // namespace
}  // namespace steward::testing_support
