#include "store/state_directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace steward::store {
namespace {

constexpr mode_t others_write = 022;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw std::runtime_error("state directory " + path + ": " + why);
}

[[noreturn]] void refuse_for_errno(const std::string& path) { refuse(path, std::generic_category().message(errno)); }

std::string without_slashes_behind(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

struct flock whole_file() noexcept {
  struct flock out {};
  out.l_type = F_WRLCK;
  out.l_whence = SEEK_SET;
  return out;
}

/// What is written in a lock file.
int number_in(int file) noexcept {
  std::array<char, 16> text{};
  const auto size = ::pread(file, text.data(), text.size(), 0);
  int out = 0;
  if (size > 0) std::from_chars(text.data(), text.data() + size, out);
  return out;
}

/// A descriptor that is closed again.
struct descriptor {
  explicit descriptor(int opened) noexcept : number(opened) {}
  ~descriptor() {
    if (number >= 0) ::close(number);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;

  const int number;
};

}  // namespace

state_directory::state_directory(const std::string& path) : path_(without_slashes_behind(path)) {
  try {
    open_directory();
    lock();
    for (const auto* name : {database_name, "steward.db-wal", "steward.db-shm", last_words_name}) check_file(name);
    make_database();
  } catch (const std::runtime_error&) {
    if (lock_ >= 0) ::close(lock_);
    if (directory_ >= 0) ::close(directory_);
    throw;
  }
}

state_directory::~state_directory() {
  ::close(lock_);
  ::close(directory_);
}

void state_directory::open_directory() {
  if (::mkdir(path_.c_str(), S_IRWXU) != 0 && errno != EEXIST) refuse_for_errno(path_);
  struct stat found {};
  if (::lstat(path_.c_str(), &found) == 0 && S_ISLNK(found.st_mode)) refuse(path_, "it is a symbolic link");
  directory_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory_ < 0 || ::fstat(directory_, &found) != 0) refuse_for_errno(path_);
  if (found.st_uid != ::geteuid()) refuse(path_, "it belongs to user " + std::to_string(found.st_uid));
  if ((found.st_mode & others_write) != 0) refuse(path_, "others may write to it; 'chmod go-w' it");
  const std::string link = "/proc/self/fd/" + std::to_string(directory_);
  std::array<char, 4096> target{};
  const auto size = ::readlink(link.c_str(), target.data(), target.size());
  if (size > 0 && target[0] == '/') path_.assign(target.data(), static_cast<std::size_t>(size));
}

void state_directory::check_file(const char* name) const {
  struct stat found {};
  if (::fstatat(directory_, name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return;
    refuse_for_errno(path_ + "/" + name);
  }
  if (S_ISLNK(found.st_mode)) refuse(path_ + "/" + name, "it is a symbolic link");
  if (!S_ISREG(found.st_mode)) refuse(path_ + "/" + name, "it is no regular file");
  if (found.st_uid != ::geteuid()) refuse(path_ + "/" + name, "it belongs to user " + std::to_string(found.st_uid));
}

void state_directory::lock() {
  check_file(lock_name);
  lock_ = ::openat(directory_, lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (lock_ < 0) refuse_for_errno(path_ + "/" + lock_name);
  auto all = whole_file();
  if (::fcntl(lock_, F_OFD_SETLK, &all) != 0) {
    if (errno != EAGAIN && errno != EACCES) refuse_for_errno(path_ + "/" + lock_name);
    const int holder = number_in(lock_);
    refuse(path_, "it is in use by " + (holder > 0 ? "process " + std::to_string(holder) : "another process"));
  }
  const auto pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock_, 0) != 0 || ::pwrite(lock_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
    refuse_for_errno(path_ + "/" + lock_name);
}

/// SQLite would make it for everybody to read; the files that it makes beside it have the mode of this one.
void state_directory::make_database() const {
  const descriptor made{
      ::openat(directory_, database_name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR)};
  if (made.number < 0 && errno != EEXIST) refuse_for_errno(database_path());
}

void state_directory::remove_last_words() const noexcept { ::unlinkat(directory_, last_words_name, 0); }

bool add_last_words(const std::string& directory, std::string_view lines) noexcept {
  const auto path = directory + "/" + last_words_name;
  constexpr int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  const descriptor file{::open(path.c_str(), flags, S_IRUSR | S_IWUSR)};
  while (file.number >= 0 && !lines.empty()) {
    const auto written = ::write(file.number, lines.data(), lines.size());
    if (written <= 0 && errno != EINTR) break;
    if (written > 0) lines.remove_prefix(static_cast<std::size_t>(written));
  }
  return lines.empty();
}

std::optional<int> holder_of(const std::string& directory) noexcept {
  const descriptor file{
      ::open((directory + "/" + lock_name).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
  auto all = whole_file();
  if (file.number < 0 || ::fcntl(file.number, F_OFD_GETLK, &all) != 0 || all.l_type == F_UNLCK) return std::nullopt;
  return number_in(file.number);
}

}  // namespace steward::store
