#include "cli/views/run_finder.hpp"

#include "base/text.hpp"
#include "cli/exit_codes.hpp"
#include "cli/views/events_file.hpp"
#include "cli/views/live_source.hpp"
#include "cli/views/stored_run.hpp"
#include "config/suggest.hpp"
#include "control/runtime_folder.hpp"
#include "store/state_directory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <tuple>

namespace steward::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view socket_suffix = ".sock";

/// "NAME-PID.sock".
std::optional<live_run> run_of(const control_api::runtime_folder& in, const std::string& file) {
  const auto stem = std::string_view{file}.substr(0, file.size() - socket_suffix.size());
  const auto dash = stem.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return std::nullopt;
  live_run out{std::string{stem.substr(0, dash)}, 0, in.path() + "/" + file};
  const auto digits = stem.substr(dash + 1);
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), out.pid);
  if (problem != std::errc{} || end != digits.data() + digits.size() || out.pid <= 0) return std::nullopt;
  return out;
}

std::string list_of(const std::vector<live_run>& runs) {
  std::string out;
  for (const auto& one : runs) out += fmt::format("  {} (pid {})\n", escape_text(one.name), one.pid);
  if (!out.empty()) out.pop_back();
  return out;
}

[[noreturn]] void fail(const std::string& why) { throw cannot_look(why, exit_no_such_run); }
[[noreturn]] void fail_so_far(const std::string& why) { throw nothing_yet(why, exit_no_such_run); }

bool is_folder(const std::string& what) {
  std::error_code ignored;
  return !what.empty() && what != "-" && fs::is_directory(what, ignored);
}

/// The live run that has taken a run directory.
live_run run_in(const std::string& directory, const std::vector<live_run>& all) {
  const auto holder = store::holder_of(directory);
  if (!holder) fail(directory + ": no run lives there, so there is nothing to steer; it can be looked at");
  const auto it = std::find_if(all.begin(), all.end(), [&](const auto& x) { return x.pid == *holder; });
  if (it != all.end()) return *it;
  fail(fmt::format("{}: the run that lives there (pid {}) has no socket by which it can be steered", directory,
                   *holder));
}

bool is_named(const live_run& run, const std::string& what) {
  return run.name == what || std::to_string(run.pid) == what;
}

}  // namespace

std::vector<live_run> live_runs(std::string* why_not) {
  std::vector<live_run> out;
  try {
    const auto folder = control_api::runtime_folder::find();
    if (!folder) return out;
    folder->remove_stale();
    for (const auto& name : folder->sockets()) {
      const auto run = run_of(*folder, name);
      if (run && (folder->connect(name) || errno == EAGAIN)) out.push_back(*run);  // it may have no room just now
    }
  } catch (const std::runtime_error& doubt) {
    if (why_not != nullptr) *why_not = doubt.what();
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return std::tie(a.name, a.pid) < std::tie(b.name, b.pid); });
  return out;
}

live_run find_live_run(const std::string& what) {
  std::string doubt;
  const auto all = live_runs(&doubt);
  const auto because = doubt.empty() ? "" : " (" + doubt + ")";
  if (what.empty()) {
    if (all.size() == 1) return all.front();
    if (all.empty())
      fail_so_far("no run is live" + because + "; name an events file or a run directory to look at one that is over");
    fail("several runs are live; name one by its scenario or its pid:\n" + list_of(all));
  }
  if (is_folder(what)) return run_in(what, all);
  std::vector<live_run> meant;
  std::copy_if(all.begin(), all.end(), std::back_inserter(meant), [&](const auto& x) { return is_named(x, what); });
  if (meant.size() == 1) return meant.front();
  if (!meant.empty())
    fail("several live runs are called '" + escape_text(what) + "'; name one by its pid:\n" + list_of(meant));
  std::vector<std::string> names;
  for (const auto& one : all) names.push_back(one.name);
  const auto close = config::did_you_mean(what, names);
  std::error_code ignored;
  if (fs::exists(what, ignored))
    fail(escape_text(what) +
         ": an events file can be looked at, not steered; name the live run by its scenario or pid");
  auto why = "there is no live run '" + escape_text(what) + "', nor a file or folder of that name" + because;
  if (close) why += " (did you mean '" + escape_text(*close) + "'?)";
  fail_so_far(all.empty() ? why + "; no run is live" : why + "; live are:\n" + list_of(all));
}

std::unique_ptr<run_source> find_run(const std::string& what, const std::string& id) {
  if (what == "-") return std::make_unique<events_file>(what, id);
  std::error_code ignored;
  if (is_folder(what)) {
    if (!fs::exists(fs::path{what} / store::database_name, ignored))
      fail_so_far(what + ": the folder has no " + store::database_name + ", so it is no run directory");
    return std::make_unique<stored_run>(what, id);
  }
  if (!what.empty() && fs::exists(what, ignored)) return std::make_unique<events_file>(what, id);
  if (what.find('/') != std::string::npos) {
    fs::path there{what};
    if (!there.has_filename()) there = there.parent_path();
    if (there.has_parent_path() && !fs::is_directory(there.parent_path(), ignored))
      fail(what + ": there is no such file, nor a folder for it");
    fail_so_far(what + ": there is no such file or folder");
  }
  auto live = std::make_unique<live_source>(find_live_run(what));
  if (!id.empty()) live->expect(id);
  return live;
}

}  // namespace steward::cli
