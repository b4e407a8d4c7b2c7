#include "control/token.hpp"

#include "control/owned_fd.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace steward::control_api {
namespace {

constexpr std::size_t token_bytes = 16;
constexpr std::size_t min_token_length = 2 * token_bytes;
constexpr std::size_t max_token_length = 128;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw std::runtime_error("token file '" + path + "': " + why);
}

[[noreturn]] void refuse(const std::string& path, int error) { refuse(path, std::generic_category().message(error)); }

bool is_of_token(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

void check_file(const std::string& path, const struct stat& is) {
  if (!S_ISREG(is.st_mode)) refuse(path, "is no plain file");
  if (is.st_uid != ::geteuid() && is.st_uid != 0)
    refuse(path,
           fmt::format("belongs to user {}, who could change the token; it has to be yours, or root's", is.st_uid));
  if ((is.st_mode & (S_IRWXO | S_IWGRP)) != 0)
    refuse(path, fmt::format("others could read or change the token (mode {:04o}); say chmod g-w,o= to it",
                             is.st_mode & 07777U));
}

std::string token_in(const std::string& path, int fd) {
  // One more than there may be, and the end of the line.
  std::array<char, max_token_length + 3> bytes{};
  std::size_t have = 0;
  while (have < bytes.size()) {
    const auto got = ::read(fd, bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse(path, errno);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  std::string_view text{bytes.data(), have};
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (text.size() < min_token_length || text.size() > max_token_length || !std::ranges::all_of(text, is_of_token))
    refuse(path,
           fmt::format("holds no token: {} to {} letters, digits, '-' and '_', alone in the file; remove it, and a "
                       "new one is made",
                       min_token_length, max_token_length));
  return std::string{text};
}

/// A file that others see when its token is in it, and not before. Nothing where somebody else was faster.
void make_file(const std::string& path) {
  const auto early = fmt::format("{}.{}", path, new_token());
  const owned_fd fd{::open(early.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR)};
  if (!fd) refuse(path, errno);
  const auto line = new_token() + "\n";
  errno = ENOSPC;  // of one that was written in part
  int error = ::write(fd.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size()) ? 0 : errno;
  if (error == 0 && ::link(early.c_str(), path.c_str()) != 0 && errno != EEXIST) error = errno;
  ::unlink(early.c_str());
  if (error != 0) refuse(path, error);
}

}  // namespace

std::string new_token() {
  std::array<unsigned char, token_bytes> bytes{};
  std::size_t have = 0;
  while (have < bytes.size()) {
    const auto got = ::getrandom(bytes.data() + have, bytes.size() - have, 0);
    if (got < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "no random numbers");
    if (got > 0) have += static_cast<std::size_t>(got);
  }
  std::string out;
  for (const auto byte : bytes) {
    out += "0123456789abcdef"[byte >> 4U];
    out += "0123456789abcdef"[byte & 15U];
  }
  return out;
}

std::string token_of_file(const std::string& path) {
  const auto open = [&] { return owned_fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)}; };
  auto fd = open();
  if (!fd && errno == ENOENT) {
    make_file(path);
    fd = open();
  }
  if (!fd) refuse(path, errno);
  struct stat is {};
  if (::fstat(fd.get(), &is) != 0) refuse(path, errno);
  check_file(path, is);
  return token_in(path, fd.get());
}

}  // namespace steward::control_api
