#include "cli/views/top.hpp"

#include "cli/exit_codes.hpp"
#include "cli/views/control_client.hpp"
#include "cli/views/live_source.hpp"
#include "cli/views/look_options.hpp"
#include "cli/views/orders.hpp"
#include "cli/views/run_finder.hpp"
#include "cli/views/top_model.hpp"
#include "cli/views/top_terminal.hpp"
#include "observe/phrases.hpp"
#include "store/state_directory.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

namespace steward::cli {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds redrawn_after{1'000};
constexpr milliseconds between_drawings{200};

/// The picture that is drawn, and how it came to be.
class pictures {
public:
  explicit pictures(run_source& from) : from_(from), view_(from.view()), live_(from.is_live()) {}

  const run_view& view() const noexcept { return view_; }
  const top_rates& rates() const noexcept { return rates_; }
  /// It goes on, as far as is known.
  bool live() const noexcept { return live_ && !view_.ended; }

  /// A new one, when it is time for that. What is wrong then is returned.
  std::string renew() {
    if (!live() || clock::now() < due_) return {};
    due_ = clock::now() + redrawn_after;
    try {
      auto next = from_.view();
      const std::chrono::duration<double> passed = clock::now() - taken_;
      const auto rate = [&](std::uint64_t before, std::uint64_t now) {
        return now >= before && passed.count() > 0 ? std::optional{static_cast<double>(now - before) / passed.count()}
                                                   : std::nullopt;
      };
      if (next.run == view_.run)
        rates_ = {rate(view_.restarts, next.restarts), rate(view_.crash_count, next.crash_count)};
      view_ = std::move(next);
      taken_ = clock::now();
      failed_ = 0;
      return {};
    } catch (const cannot_look& x) {
      if (++failed_ >= most_failures) live_ = false;
      return live_ ? x.what() : std::string{"the run is gone; this is how it was"};
    }
  }
  void renew_at_once() { due_ = clock::now(); }

private:
  static constexpr unsigned most_failures = 3;

  run_source& from_;
  run_view view_;
  top_rates rates_;
  bool live_;
  unsigned failed_ = 0;
  clock::time_point taken_ = clock::now();
  clock::time_point due_ = clock::now() + redrawn_after;
};

class top_command : public command {
public:
  std::string_view name() const override { return "top"; }
  CLI::App* add_to(CLI::App& app) override {
    auto* out =
        app.add_subcommand(std::string{name()}, "Watch a run on the whole screen, and steer it by keys; ? tells which");
    out->add_option("RUN", run_,
                    "a live run by scenario or pid, or an events file or a run directory; none: the only live run");
    out->add_option("--run", id_, "id or scenario of the run, where there are several; else the last one");
    out->add_option("--color", colour_, "colours")->check(CLI::IsMember({"auto", "always", "never"}));
    return out;
  }

  int run(const program&) override {
    return looking("top", [&] {
      const auto from = open();
      try {
        watch(*from);
      } catch (const cannot_look&) {
        throw;
      } catch (const std::runtime_error& x) {  // of the terminal
        throw cannot_look(x.what(), exit_usage);
      }
      return int{exit_done};
    });
  }

private:
  /// Of a run directory that a live run has, that run: its own word is the newest, and it can be steered.
  std::unique_ptr<run_source> open() const {
    std::error_code ignored;
    if (!run_.empty() && std::filesystem::is_directory(run_, ignored) && store::holder_of(run_)) {
      try {
        auto live = std::make_unique<live_source>(find_live_run(run_));
        if (!id_.empty()) live->expect(id_);
        return live;
      } catch (const cannot_look&) {  // it has no socket, or another run is meant
        return find_run(run_, id_);
      }
    }
    return find_run(run_, id_);
  }

  void watch(run_source& from) const {
    pictures now{from};
    top_terminal terminal{paper_of_output(colour_).colour};
    top_state state;
    top_clock clock_drawn;
    while (!state.over) {
      if (!state.paused)
        if (auto problem = now.renew(); !problem.empty()) state.message = std::move(problem);
      const auto size = terminal.size();
      const auto at = clock_drawn.tick(phrases::moment_of(now.view(), now.live()), state.paused);
      terminal.paint(draw_top(now.view(), state, now.rates(), size, at, now.live(), terminal.is_utf8()));
      const auto order = press(state, terminal.read(between_drawings), now.view(), now.live(), size.rows / 2);
      if (!order) continue;
      state.message = carry_out(*order);
      now.renew_at_once();
    }
  }

  /// What came of it, in one line.
  std::string carry_out(const top_order& order) const {
    try {
      const control_client server{find_live_run(run_).socket};
      const auto answer = order.verb == "resize"
                              ? server.post(orders::target_of_pool(order.path), orders::body_of_resize(order.workers))
                              : server.post(orders::target_of_child(order.path, order.verb), "{}");
      auto out = answer.ok() ? orders::words_of(answer) : problem_in(answer);
      return out.substr(0, out.find('\n'));
    } catch (const std::runtime_error& x) {
      return x.what();
    }
  }

  std::string run_;
  std::string id_;
  std::string colour_ = "auto";
};

}  // namespace

std::unique_ptr<command> make_top_command() { return std::make_unique<top_command>(); }

}  // namespace steward::cli
