#include "cli/views/show.hpp"

#include "base/crash_id.hpp"
#include "cli/exit_codes.hpp"
#include "cli/views/look_options.hpp"
#include "cli/views/phrases.hpp"
#include "config/suggest.hpp"
#include "observe/report_text.hpp"
#include "observe/standard_streams.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <utility>

namespace steward::cli {
namespace {

/// "7" and "c-7" are "c-0007"; a fingerprint is the last crash that has it, a path the last of that child, or of the
/// workers of a pool.
std::string id_of(std::string_view text, const run_view& view) {
  if (text.starts_with('/')) {
    const auto of_it = [&](const crash_view& x) { return x.path == text || x.place == text; };
    const auto last = std::find_if(view.crashes.rbegin(), view.crashes.rend(), of_it);
    if (last == view.crashes.rend())
      throw cannot_look("no crash of " + report::escaped(text) + " is known", exit_usage);
    return last->id;
  }
  if (const auto it = view.alike.find(std::string{text}); it != view.alike.end()) return it->second.last_id;
  const auto digits = text.starts_with("c-") ? text.substr(2) : text;
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return problem == std::errc{} && end == digits.data() + digits.size() ? crash_id(number) : std::string{text};
}

[[noreturn]] void fail(const std::string& id, const run_view& view) {
  auto why = "there is no crash " + report::escaped(id);
  if (view.crashes.empty())
    throw cannot_look(why + "; nothing has crashed in " + report::escaped(view.run), exit_usage);
  std::vector<std::string> all;
  for (const auto& one : view.crashes) all.push_back(one.id);
  if (const auto meant = config::did_you_mean(id, all)) why += " (did you mean " + *meant + "?)";
  throw cannot_look(fmt::format("{}; there are {} to {}", why, all.front(), all.back()), exit_usage);
}

/// What would come after one more restart, and after all that are left, up to the root.
std::vector<std::string> ladder_of(const run_view& view, const crash_view& crash) {
  std::vector<std::string> out;
  auto path = crash.path;
  const auto* x = view.find(path);
  if (x == nullptr || !crash.decision || crash.decision->period_ms == 0) return out;
  constexpr std::size_t most_steps = 32;
  for (std::size_t step = 0; x != nullptr && step < most_steps; ++step) {
    const auto of = phrases::budget_of(view, path, *x);
    if (of.budget == nullptr) break;
    const auto used = of.budget->used(crash.at);
    const auto left = *of.budget->limit > used ? *of.budget->limit - used : 0;
    const auto who = step == 0 ? std::string{"it"} : report::actor_text(path);
    out.push_back(fmt::format("{} may be restarted {} more (used: {})", who, phrases::counted(left, "time"),
                              phrases::budget(*of.budget, crash.at)));
    if (of.of == path) {
      out.push_back("then its own limit is spent, and it is parked, ended or given up, as its on_spent says");
      return out;
    }
    path = of.of;
    x = view.find(path);
    const bool is_root = x != nullptr && !view.children.contains(x->parent);
    out.push_back(fmt::format("then {} gives up{}", report::actor_text(path),
                              is_root ? ", and the run ends with exit code 4" : ""));
  }
  return out;
}

/// Finds the crash in the events, and what lies around it.
class crash_search {
public:
  crash_search(std::string id, whole_crash& into) : id_(std::move(id)), out_(into) {}

  bool take(const event& e) {
    if (found_) {
      note_after(e);
      return !is_settled();
    }
    fold(view_, e);
    if (e.id == id_) {
      found(e);
    } else if (!e.actor.empty()) {
      auto& last = last_[e.actor];
      last.push_back(e);
      if (last.size() > whole_crash::most_before) last.erase(last.begin());
    }
    return true;
  }
  bool is_found() const noexcept { return found_; }

private:
  void found(const event& e) {
    found_ = true;
    out_.has_history = true;
    out_.crash = *view_.crash(id_);
    if (const auto* x = view_.find(e.actor)) out_.child = *x;
    if (const auto it = view_.alike.find(out_.crash.fingerprint); it != view_.alike.end())
      out_.alike_before = it->second.count - 1;
    out_.before = last_[e.actor];
    out_.ladder = ladder_of(view_, out_.crash);
    last_.clear();
  }

  void note_after(const event& e) {
    const bool of_task = e.task && out_.crash.task && e.task->id == out_.crash.task->id &&
                         (e.actor == out_.crash.place || e.actor.starts_with(out_.crash.place + "/"));
    const bool of_child = !child_settled_ && e.actor == out_.crash.path;
    if (!of_task && !of_child) return;
    if (of_child)
      child_settled_ = e.kind == event_kind::recover || e.kind == event_kind::ready || e.kind == event_kind::crash;
    if (of_task) task_settled_ = e.kind == event_kind::task_fail || e.kind == event_kind::task_quarantine;
    if (e.kind != event_kind::child && e.kind != event_kind::output) out_.after.push_back(e);
    if (out_.after.size() >= whole_crash::most_after) child_settled_ = task_settled_ = true;
  }
  bool is_settled() const { return child_settled_ && (task_settled_ || !out_.crash.task); }

  std::string id_;
  whole_crash& out_;
  run_view view_;
  std::map<std::string, std::vector<event>, std::less<>> last_;  // by child
  bool found_ = false;
  bool child_settled_ = false;
  bool task_settled_ = false;
};

class show_command : public command {
public:
  CLI::App* add_to(CLI::App& app) override {
    auto* out = app.add_subcommand("show", "Show one crash whole: why, where, with what in hand, and what came of it");
    out->add_option("ID", id_,
                    "of the crash, such as c-0007; the fingerprint of crashes that are alike, or the path of a child, "
                    "mean the last one")
        ->required();
    options_.add_to(*out);
    return out;
  }

  int run(const program&) override {
    return looking("show", [&] {
      const auto from = options_.open();
      const auto crash = find_crash(*from, id_);
      const auto now = from->is_live() ? phrases::moment_of({}, true) : crash.alike.last;
      standard_streams::print(options_.as_json() ? render_crash_json(crash)
                                                 : render_crash(crash, now, options_.run(), options_.on()));
      for (const auto& one : from->remarks()) standard_streams::say("steward: " + one + "\n");
      return int{exit_done};
    });
  }

private:
  look_options options_;
  std::string id_;
};

}  // namespace

whole_crash find_crash(run_source& from, const std::string& text) {
  const auto view = from.view();
  const auto id = id_of(text, view);
  whole_crash out;
  crash_search search{id, out};
  from.events_after(0, [&](const event& e) { return search.take(e); });
  const auto* kept = view.crash(id);
  if (kept == nullptr && !search.is_found()) fail(id, view);
  if (kept != nullptr) out.crash = *kept;  // which has its recovery, too
  if (!search.is_found()) {
    if (const auto* x = view.find(kept->path)) out.child = *x;
    out.ladder = ladder_of(view, *kept);
  }
  if (const auto it = view.alike.find(out.crash.fingerprint); it != view.alike.end()) out.alike = it->second;
  return out;
}

std::unique_ptr<command> make_show_command() { return std::make_unique<show_command>(); }

}  // namespace steward::cli
