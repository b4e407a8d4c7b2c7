#include "cli/views/show.hpp"

#include "base/crash_id.hpp"
#include "cli/exit_codes.hpp"
#include "cli/views/child_name.hpp"
#include "cli/views/look_options.hpp"
#include "config/suggest.hpp"
#include "observe/frame_list.hpp"
#include "observe/ladder.hpp"
#include "observe/phrases.hpp"
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

/// The path of a child that is meant; empty for what is no path, such as an id or a fingerprint.
std::string path_of(std::string_view text, const run_view& view) {
  if (text.starts_with('/')) return std::string{text};
  const auto names = [&](const auto& one) { return names_child(text, one.first); };
  const bool is_child = std::any_of(view.children.begin(), view.children.end(), names);
  return is_child && !view.alike.contains(std::string{text}) ? child_named(view, std::string{text}, exit_usage)
                                                             : std::string{};
}

/// "7" and "c-7" are "c-0007"; a fingerprint is the last crash that has it, a path the last of that child, or of the
/// workers of a pool.
std::string id_of(std::string_view text, const run_view& view) {
  if (const auto path = path_of(text, view); !path.empty()) {
    const auto of_it = [&](const crash_view& x) { return x.path == path || x.place == path; };
    const auto last = std::find_if(view.crashes.rbegin(), view.crashes.rend(), of_it);
    if (last == view.crashes.rend())
      throw cannot_look("no crash of " + report::escaped(path) + " is known; 'steward report' tells what crashed",
                        exit_usage);
    return last->id;
  }
  if (const auto it = view.alike.find(std::string{text}); it != view.alike.end()) return it->second.last_id;
  const auto digits = text.starts_with("c-") ? text.substr(2) : text;
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return problem == std::errc{} && end == digits.data() + digits.size() ? crash_id(number) : std::string{text};
}

[[noreturn]] void fail(const std::string& id, const run_view& view) {
  auto why = "there is no crash '" + report::escaped(id) + "'";
  if (view.crashes.empty())
    throw cannot_look(why + "; nothing has crashed in " + report::escaped(view.run), exit_usage);
  std::vector<std::string> all;
  for (const auto& one : view.crashes) all.push_back(one.id);
  if (const auto meant = config::did_you_mean(id, all)) why += " (did you mean '" + *meant + "'?)";
  throw cannot_look(fmt::format("{}; there are {} to {}", why, all.front(), all.back()), exit_usage);
}

class show_command : public command {
public:
  std::string_view name() const override { return "show"; }
  CLI::App* add_to(CLI::App& app) override {
    auto* out = app.add_subcommand(std::string{name()},
                                   "Show one crash whole: why, where, with what in hand, and what came of it");
    out->add_option("ID", id_,
                    "of the crash, such as c-0007; the fingerprint of crashes that are alike, or the path of a child, "
                    "mean the last one")
        ->required();
    out->add_option("--frames", frames_, "how many frames of the stack, or all; those of your code come first")
        ->check([](const std::string& text) { return frames_of(text) ? "" : "a number or 'all' is expected"; });
    options_.add_to(*out);
    return out;
  }

  int run(const program&) override {
    return looking("show", [&] {
      const auto from = options_.open();
      const auto crash = find_crash(*from, id_);
      const auto now = from->is_live() ? phrases::moment_of({}, true) : crash.alike.last;
      standard_streams::print(options_.as_json()
                                  ? render_crash_json(crash)
                                  : render_crash(crash, now, options_.named(), options_.on(), *frames_of(frames_)));
      for (const auto& one : from->remarks()) options_.say(one);
      return int{exit_done};
    });
  }

private:
  /// 0: all of them.
  static std::optional<std::size_t> frames_of(const std::string& text) {
    if (text == "all") return 0;
    std::size_t out = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (problem != std::errc{} || end != text.data() + text.size() || out == 0) return std::nullopt;
    return out;
  }

  look_options options_;
  std::string id_;
  std::string frames_ = std::to_string(usual_frames);
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
