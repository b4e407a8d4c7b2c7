#include "cli/views/run_finder.hpp"

#include "base/text.hpp"
#include "cli/exit_codes.hpp"
#include "cli/views/events_file.hpp"
#include "cli/views/live_source.hpp"
#include "cli/views/stored_run.hpp"
#include "config/suggest.hpp"
#include "control/runtime_folder.hpp"

#include <fmt/format.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

namespace steward::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view socket_suffix = ".sock";

/// Why what lies in a folder is not to be trusted; nothing when it is.
std::optional<std::string> doubt_about(const fs::path& folder) {
  struct stat what {};
  if (::lstat(folder.c_str(), &what) != 0) return errno == ENOENT ? "" : std::strerror(errno);
  if (!S_ISDIR(what.st_mode)) return "it is no folder";
  if (what.st_uid != ::geteuid()) return "it is somebody else's";
  if ((what.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others may write to it";
  return std::nullopt;
}

/// "NAME-PID.sock".
std::optional<live_run> run_of(const fs::path& socket) {
  const auto file = socket.filename().string();
  if (!file.ends_with(socket_suffix)) return std::nullopt;
  const auto stem = std::string_view{file}.substr(0, file.size() - socket_suffix.size());
  const auto dash = stem.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return std::nullopt;
  live_run out{std::string{stem.substr(0, dash)}, 0, socket.string()};
  const auto digits = stem.substr(dash + 1);
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), out.pid);
  if (problem != std::errc{} || end != digits.data() + digits.size() || out.pid <= 0) return std::nullopt;
  return out;
}

/// Whether somebody listens there. A socket whose program is gone is removed.
bool answers(const live_run& run) {
  struct stat what {};
  if (::lstat(run.socket.c_str(), &what) != 0 || !S_ISSOCK(what.st_mode) || what.st_uid != ::geteuid()) return false;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (run.socket.size() >= sizeof to.sun_path) return false;
  run.socket.copy(to.sun_path, run.socket.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  const bool connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  const bool stale = !connected && errno == ECONNREFUSED;
  const bool busy = !connected && errno == EAGAIN;
  ::close(fd);
  if (stale) ::unlink(run.socket.c_str());
  return connected || busy;
}

std::string list_of(const std::vector<live_run>& runs) {
  std::string out;
  for (const auto& one : runs) out += fmt::format("  {} (pid {})\n", escape_text(one.name), one.pid);
  if (!out.empty()) out.pop_back();
  return out;
}

[[noreturn]] void fail(std::string why) { throw cannot_look(why, exit_no_such_run); }

bool is_named(const live_run& run, const std::string& what) {
  return run.name == what || std::to_string(run.pid) == what;
}

}  // namespace

std::vector<live_run> live_runs(std::string* why_not) {
  std::vector<live_run> out;
  const fs::path folder{control_api::runtime_folder_path()};
  if (const auto doubt = doubt_about(folder)) {
    if (why_not != nullptr && !doubt->empty()) *why_not = folder.string() + ": " + *doubt;
    return out;
  }
  std::error_code problem;
  for (fs::directory_iterator it{folder, problem}, end; !problem && it != end; it.increment(problem))
    if (const auto run = run_of(it->path()); run && answers(*run)) out.push_back(*run);
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
      fail("no run is live" + because + "; name an events file or a run directory to look at one that is over");
    fail("several runs are live; name one by its scenario or its pid:\n" + list_of(all));
  }
  std::vector<live_run> meant;
  std::copy_if(all.begin(), all.end(), std::back_inserter(meant), [&](const auto& x) { return is_named(x, what); });
  if (meant.size() == 1) return meant.front();
  if (!meant.empty())
    fail("several live runs are called " + escape_text(what) + "; name one by its pid:\n" + list_of(meant));
  std::vector<std::string> names;
  for (const auto& one : all) names.push_back(one.name);
  const auto close = config::did_you_mean(what, names);
  std::error_code ignored;
  const bool lies_there = fs::exists(what, ignored);
  auto why = "there is no live run '" + escape_text(what) + "'" +
             (lies_there ? "; the file or folder of that name can be looked at, not steered"
                         : ", nor a file or folder of that name") +
             because;
  if (close) why += " (did you mean '" + escape_text(*close) + "'?)";
  fail(all.empty() ? why + "; no run is live" : why + "; live are:\n" + list_of(all));
}

std::unique_ptr<run_source> find_run(const std::string& what, const std::string& id) {
  if (what == "-") return std::make_unique<events_file>(what, id);
  std::error_code ignored;
  if (!what.empty() && fs::is_directory(what, ignored)) {
    if (!fs::exists(fs::path{what} / "steward.db", ignored))
      fail(what + ": the folder has no steward.db, so it is no run directory");
    return std::make_unique<stored_run>(what, id);
  }
  if (!what.empty() && fs::exists(what, ignored)) return std::make_unique<events_file>(what, id);
  if (what.find('/') != std::string::npos) fail(what + ": there is no such file or folder");
  auto live = std::make_unique<live_source>(find_live_run(what));
  if (!id.empty()) live->expect(id);
  return live;
}

}  // namespace steward::cli
