#include "control/runtime_folder.hpp"

#include "control/http_text.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace steward::control_api {
namespace {

constexpr std::string_view socket_ending = ".sock";
constexpr std::string_view unfinished_ending = ".new";  // until it listens
constexpr time_t unfinished_for_s = 60;
constexpr std::size_t max_name_bytes = 64;
constexpr int socket_backlog = 1'024;  // who comes in a crowd waits, and is not turned away

std::string text_of_errno(int code) { return std::generic_category().message(code); }

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw std::runtime_error(path + ": " + why);
}

/// Opens it as it is; -1 with errno.
owned_fd open_folder(const std::string& path) {
  return owned_fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
}

[[noreturn]] void refuse_open(const std::string& path, int code) {
  refuse(path, code == ELOOP || code == ENOTDIR ? "it is no folder, or a symbolic link" : text_of_errno(code));
}

void expect_private(const std::string& path, int fd) {
  struct stat is {};
  if (::fstat(fd, &is) != 0) refuse(path, text_of_errno(errno));
  if (is.st_uid != ::geteuid())
    refuse(path, "it belongs to uid " + std::to_string(is.st_uid) + ", not to this program's");
  if ((is.st_mode & 077U) != 0) refuse(path, "others may enter it; 'chmod 700' it, or remove it");
}

/// Fills in an address. A path that is too long is named by way of its open folder.
bool fill(sockaddr_un& address, const runtime_folder& folder, const std::string& name) {
  address.sun_family = AF_UNIX;
  auto path = folder.path() + "/" + name;
  if (path.size() >= sizeof address.sun_path) path = "/proc/self/fd/" + std::to_string(folder.fd()) + "/" + name;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return true;
}

/// sockaddr_un as the calls for sockets of any kind want it.
const sockaddr* generic(const sockaddr_un& address) {
  const void* any = &address;
  return static_cast<const sockaddr*>(any);
}

std::string fit_for_file(std::string_view name) {
  std::string out;
  for (const char c : name.substr(0, max_name_bytes)) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    out += plain ? c : '_';
  }
  if (out.empty() || out.front() == '.') out.insert(0, "_");
  return out;
}

/// Names in a folder that end in one of two ways.
std::vector<std::string> names_in(int folder, std::string_view one, std::string_view other) {
  std::vector<std::string> out;
  const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return out;
  const std::unique_ptr<DIR, int (*)(DIR*)> open{::fdopendir(copy), ::closedir};
  if (!open) {
    ::close(copy);
    return out;
  }
  while (const auto* entry = ::readdir(open.get())) {
    const std::string_view name = entry->d_name;
    if (name.ends_with(one) || name.ends_with(other)) out.emplace_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool is_socket(int folder, const std::string& name, struct stat& is) {
  return ::fstatat(folder, name.c_str(), &is, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(is.st_mode);
}

/// Whether the program that a socket is named after lives. Of other namespaces that cannot be told.
bool is_of_living_program(std::string_view name) {
  const auto dash = name.rfind('-');
  const auto dot = name.rfind('.');
  if (dash == std::string_view::npos || dot == std::string_view::npos || dot < dash) return false;
  const auto pid = whole_number(name.substr(dash + 1, dot - dash - 1));
  return pid && *pid > 0 && *pid <= std::numeric_limits<pid_t>::max() && ::kill(static_cast<pid_t>(*pid), 0) == 0;
}

owned_fd new_socket() { return owned_fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}; }

}  // namespace

std::string runtime_folder_path() {
  const char* given = std::getenv("XDG_RUNTIME_DIR");
  struct stat is {};
  if (given != nullptr && *given == '/' && ::stat(given, &is) == 0 && S_ISDIR(is.st_mode) && is.st_uid == ::geteuid())
    return std::string{given} + "/steward";
  if (::geteuid() == 0) return "/run/steward";
  return "/tmp/steward-" + std::to_string(::geteuid());
}

runtime_folder runtime_folder::make(const std::string& path) {
  const bool made = ::mkdir(path.c_str(), S_IRWXU) == 0;
  if (!made && errno != EEXIST) refuse(path, "it cannot be made: " + text_of_errno(errno));
  auto fd = open_folder(path);
  if (!fd) refuse_open(path, errno);
  if (made) ::fchmod(fd.get(), S_IRWXU);  // whatever the umask took
  expect_private(path, fd.get());
  return {path, std::move(fd)};
}

std::optional<runtime_folder> runtime_folder::find(const std::string& path) {
  auto fd = open_folder(path);
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) refuse_open(path, errno);
  expect_private(path, fd.get());
  return runtime_folder{path, std::move(fd)};
}

std::vector<std::string> runtime_folder::sockets() const {
  auto out = names_in(fd(), socket_ending, socket_ending);
  struct stat is {};
  std::erase_if(out, [&](const std::string& name) { return !is_socket(fd(), name, is) || is.st_uid != ::geteuid(); });
  return out;
}

owned_fd runtime_folder::connect(const std::string& name) const {
  auto out = new_socket();
  sockaddr_un address{};
  if (!out || !fill(address, *this, name)) return {};
  if (::connect(out.get(), generic(address), sizeof address) != 0) return {};
  return out;
}

void runtime_folder::remove_stale() const {
  for (const auto& name : names_in(fd(), socket_ending, unfinished_ending)) {
    struct stat is {};
    if (!is_socket(fd(), name, is)) continue;
    if (name.ends_with(unfinished_ending) && is.st_mtime + unfinished_for_s > ::time(nullptr)) continue;
    if (is_of_living_program(name)) continue;  // else it would take us for somebody who has a question
    if (connect(name) || errno != ECONNREFUSED) continue;
    ::unlinkat(fd(), name.c_str(), 0);
  }
}

run_socket::run_socket(runtime_folder in, std::string_view name)
    : folder_(std::move(in)), name_(fit_for_file(name) + "-" + std::to_string(::getpid())) {
  const auto unfinished = name_ + std::string{unfinished_ending};
  name_ += socket_ending;
  fd_ = new_socket();
  sockaddr_un address{};
  if (!fd_) refuse(path(), text_of_errno(errno));
  if (!fill(address, folder_, unfinished)) refuse(path(), "the path is too long");
  ::fchmod(fd_.get(), S_IRUSR | S_IWUSR);  // it is made with this mode
  ::unlinkat(folder_.fd(), unfinished.c_str(), 0);
  if (::bind(fd_.get(), generic(address), sizeof address) != 0) refuse(path(), text_of_errno(errno));
  ::fchmodat(folder_.fd(), unfinished.c_str(), S_IRUSR | S_IWUSR, 0);  // whatever the umask took
  // It has its name when it listens: what does not listen is taken for left behind.
  bool done = ::listen(fd_.get(), socket_backlog) == 0;
  if (done && folder_.connect(name_)) {
    ::unlinkat(folder_.fd(), unfinished.c_str(), 0);
    refuse(path(), "somebody listens there already");
  }
  done = done && ::renameat(folder_.fd(), unfinished.c_str(), folder_.fd(), name_.c_str()) == 0;
  if (done) return;
  const int code = errno;
  ::unlinkat(folder_.fd(), unfinished.c_str(), 0);
  refuse(path(), text_of_errno(code));
}

run_socket::~run_socket() { remove(); }

void run_socket::remove() noexcept {
  if (fd_ && !name_.empty()) ::unlinkat(folder_.fd(), name_.c_str(), 0);
  name_.clear();
}

}  // namespace steward::control_api
