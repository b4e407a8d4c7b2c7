#include "cli/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace steward::cli {

namespace {

std::optional<std::int64_t> number_of(const char* text) {
  if (text == nullptr) return std::nullopt;
  const std::string_view all{text};
  std::int64_t out = 0;
  const auto [end, problem] = std::from_chars(all.data(), all.data() + all.size(), out);
  if (problem != std::errc{} || end != all.data() + all.size()) return std::nullopt;
  return out;
}

/// A socket that sends to this name: a path, or, behind an '@', a name that is no file. -1 when there is none.
int connect_to(std::string_view name) {
  sockaddr_un to{};
  if (name.size() < 2 || name.size() >= sizeof to.sun_path || (name[0] != '/' && name[0] != '@')) return -1;
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, name.data(), name.size());
  if (name[0] == '@') to.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&to), size) != 0) {
    ::close(fd);
    return -1;
  }
  return fd;
}

/// A status is one line.
std::string status_line(std::string_view status) {
  std::string out{"STATUS="};
  out += status;
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return out;
}

}  // namespace

service_manager::service_manager() {
  const char* name = std::getenv("NOTIFY_SOCKET");
  if (name == nullptr) return;
  fd_ = connect_to(name);
  const auto meant = number_of(std::getenv("WATCHDOG_PID"));
  const auto every = number_of(std::getenv("WATCHDOG_USEC"));
  if (every && *every > 0 && (!meant || *meant == ::getpid())) watchdog_ = std::chrono::microseconds{*every};
}

service_manager::~service_manager() {
  if (fd_ >= 0) ::close(fd_);
}

void service_manager::send(const std::string& message) {
  if (fd_ >= 0) static_cast<void>(::send(fd_, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

void service_manager::ready(std::string_view status) {
  if (!stopping_) send("READY=1\n" + status_line(status));
}

void service_manager::status(std::string_view status) {
  if (!stopping_) send(status_line(status));
}

void service_manager::alive() { send("WATCHDOG=1"); }

void service_manager::reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto us = std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
  if (!stopping_) send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us));
}

void service_manager::reloaded() {
  if (!stopping_) send("READY=1");
}

void service_manager::stopping() {
  if (!stopping_.exchange(true)) send("STOPPING=1\nSTATUS=stopping");
}

}  // namespace steward::cli
