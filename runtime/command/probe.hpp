#pragma once

#include "base/command_rules.hpp"
#include "command/life.hpp"

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>

namespace steward::command {

/// How a look at a program's readiness went.
enum class probe_result : std::uint8_t {
  ready,
  not_ready,  ///< `why` says why
  waits,      ///< for its descriptor, or for `due`
};

/// Looks whether something answers at an address: one connection after the other, none of which blocks. With a path it
/// asks by HTTP, and an answer of 2xx or 3xx counts. Owns a descriptor while it waits. Not thread-safe.
class endpoint_probe {
public:
  static constexpr std::chrono::milliseconds answer_within{1'000};

  endpoint_probe() = default;
  ~endpoint_probe() { close(); }
  endpoint_probe(const endpoint_probe&) = delete;
  endpoint_probe& operator=(const endpoint_probe&) = delete;

  /// A fresh connection.
  probe_result begin(const http_url& to, bool ask_http, time_point now);
  /// Its descriptor is ready for something, or `due` has come.
  probe_result go_on(time_point now);

  int fd() const noexcept { return fd_; }
  time_point due() const noexcept { return due_; }
  const std::string& why() const noexcept { return why_; }
  void close() noexcept;

private:
  probe_result fail(std::string why);
  probe_result read_answer();

  int fd_ = -1;
  bool connected_ = false;
  bool ask_http_ = false;
  std::string place_;    // "port 80" or the URL, for people
  std::string request_;  // what is still to be sent
  std::string answer_;
  std::string why_;
  time_point due_;
};

/// Whether something listens there already. Waits 50 ms at most.
bool is_taken(unsigned port);

/// Which file it is, and in which state.
struct file_state {
  bool exists = false;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  timespec changed{};

  bool operator==(const file_state& x) const noexcept;
};
file_state state_of_file(const std::string& path);

}  // namespace steward::command
