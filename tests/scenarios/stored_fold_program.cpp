// Runs a shipped scenario with a state directory, and asks its tree again and again for its children while it runs:
// what is folded from the stored events must be the same, at each of those moments. After the steps of the scenario its
// children are restarted, killed and parked by hand, one after the other, so that there is something to see.
//
//   stored_fold_program run SCENARIO [set PATH=VALUE]... --state DIRECTORY

#include "actors/ready_made.hpp"
#include "cli/catalog.hpp"
#include "cli/output.hpp"
#include "cli/reload.hpp"
#include "cli/runner.hpp"
#include "cli/scenario_files.hpp"
#include "config/diagnostics.hpp"
#include "config/loader.hpp"
#include "tests/support/stored_fold.hpp"

#include <steward/steward.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using steward::testing_support::differences;
using steward::testing_support::kernel_answers;
using steward::testing_support::kernel_moment;
using clock_type = std::chrono::steady_clock;

constexpr auto patience = 20s;
constexpr std::size_t moments_between = 20;

/// The picture as it is folded while the run goes on.
class live_view {
public:
  explicit live_view(steward::event_log& log) : shared_(std::make_shared<state>()) {
    log.add_sink([to = shared_](const steward::event& e) {
      const std::lock_guard guard{to->mutex};
      steward::fold(to->view, e);
    });
  }
  std::uint64_t seq() const {
    const std::lock_guard guard{shared_->mutex};
    return shared_->view.last_seq;
  }
  steward::run_view copy() const {
    const std::lock_guard guard{shared_->mutex};
    return shared_->view;
  }

private:
  struct state {  // the log keeps it for longer than we do
    std::mutex mutex;
    steward::run_view view;
  };

  std::shared_ptr<state> shared_;
};

/// Asks a tree what it is like, whenever nothing happens between two events.
class moment_taker {
public:
  moment_taker(steward::supervisor& tree, const live_view& seen) : tree_(tree), seen_(seen) {}

  /// The children of all supervisors in service; nothing when something has happened meanwhile, or it is over.
  std::optional<kernel_moment> look() {
    kernel_moment out;
    out.seq = seen_.seq();
    add_below("/root", out.answers);
    if (out.answers.empty() || seen_.seq() != out.seq) return std::nullopt;
    return out;
  }

  /// One that the events have caught up with; false when they never do.
  bool take() {
    const auto until = clock_type::now() + patience;
    std::string why = "something happens all the time";
    while (clock_type::now() < until) {
      if (auto now = look()) {
        const auto view = seen_.copy();
        why = differences(view, now->answers);
        if (view.last_seq == now->seq && why.empty()) {
          const std::lock_guard guard{mutex_};
          taken_.push_back(std::move(*now));
          return true;
        }
      }
      std::this_thread::yield();
    }
    std::fprintf(stderr, "what the tree says and what its events say is never the same:\n%s", why.c_str());
    return false;
  }

  /// While the steps run, on a thread of its own: what can be had at once.
  void take_what_comes(const std::atomic<bool>& over) {
    std::uint64_t last = 0;
    while (!over) {
      auto now = look();
      if (!now || now->seq == last || !differences(seen_.copy(), now->answers).empty() || seen_.seq() != now->seq) {
        std::this_thread::yield();
        continue;
      }
      last = now->seq;
      const std::lock_guard guard{mutex_};
      taken_.push_back(std::move(*now));
    }
  }

  std::vector<kernel_moment> taken() {
    const std::lock_guard guard{mutex_};
    return taken_;
  }

private:
  void add_below(const std::string& path, kernel_answers& into) {
    auto found = tree_.which_children(path);
    if (!found) return;  // it is not in service
    for (auto& x : *found) {
      x.handle = nullptr;
      if (x.is_supervisor) add_below(x.path, into);
    }
    into[path] = std::move(*found);
  }

  steward::supervisor& tree_;
  const live_view& seen_;
  std::mutex mutex_;
  std::vector<kernel_moment> taken_;
};

/// One operation on one child after the other, each with a moment behind it.
bool operate_on_all(steward::supervisor& tree, moment_taker& moments) {
  using enum steward::operation;
  static constexpr steward::operation all[] = {restart, park, revive, stop, start, park, kill, restart};
  std::vector<std::string> paths;
  const auto taken = moments.taken();
  for (const auto& [above, below] : taken.back().answers)
    for (const auto& x : below) paths.push_back(x.path);
  if (paths.empty()) {
    std::fprintf(stderr, "the tree has no children\n");
    return false;
  }
  for (std::size_t i = 0; i < moments_between; ++i) {
    const auto what = all[i % std::size(all)];
    std::ignore = tree.operate(what, paths[i / std::size(all) % paths.size()], "test");
    if (!moments.take()) return false;
  }
  return true;
}

bool run_steps(steward::runtime& rt, const steward::config::scenario& what, const steward::task_registry& tasks,
               const live_view& seen, std::vector<kernel_moment>& into) {
  steward::supervisor tree{rt, what.tree};
  moment_taker moments{tree, seen};
  steward::cli::output out{rt.events(), false};
  steward::cli::runner steps{rt, tree, what, tasks, out};
  if (!tree.start() || !moments.take()) return false;
  std::atomic<bool> over{false};
  std::thread beside{[&] { moments.take_what_comes(over); }};
  const bool well = steps.run(steward::cli::runner::then::ends);
  over = true;
  beside.join();
  const bool same = well && moments.take() && operate_on_all(tree, moments);
  into = moments.taken();
  return same;
}

std::vector<std::string> values_of(int argc, char** argv, const std::string& option) {
  std::vector<std::string> out;
  for (int i = 1; i + 1 < argc; ++i)
    if (argv[i] == option) out.emplace_back(argv[i + 1]);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  steward::app app;
  steward::ready_made::register_all(app.tasks(), app.actors());
  const auto scenarios = values_of(argc, argv, "run");
  const auto directories = values_of(argc, argv, "--state");
  std::optional<steward::config::scenario> what;
  std::vector<kernel_moment> moments;
  steward::runtime_options options;
  options.actor_links = true;
  const int code = app.run(
      argc, argv,
      [&](steward::runtime& rt) {
        const auto names = steward::cli::make_catalog(app.tasks(), app.actors());
        steward::config::load_options how;
        how.sets = values_of(argc, argv, "set");
        auto loaded = steward::config::load_file(steward::cli::find_scenario(scenarios.at(0)), names, how);
        for (const auto& fault : loaded.problems) std::fputs(steward::config::render(fault).c_str(), stderr);
        if (!loaded.value) return 2;
        const live_view seen{rt.events()};
        return run_steps(rt, *loaded.value, app.tasks(), seen, moments) ? 0 : 3;
      },
      options);
  if (code != 0 || directories.empty()) return code;

  steward::store::reader in{directories.at(0)};
  const auto run = in.find_run();
  if (!run) return 4;
  const auto some = steward::testing_support::spread(moments, moments_between + 1);
  const auto text = steward::testing_support::differences_in_store(in, *run, some);
  std::fputs(text.c_str(), stderr);
  std::printf("%zu moments of %zu, %llu events\n", some.size(), moments.size(),
              static_cast<unsigned long long>(run->last_seq));
  return text.empty() && some.size() > moments_between && run->last_seq > moments.back().seq ? 0 : 5;
}
