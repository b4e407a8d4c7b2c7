#pragma once

#include "control/owned_fd.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace steward::control_api {

/// Where the sockets of a user's runs lie: $XDG_RUNTIME_DIR/steward where that folder is the user's own, else
/// /run/steward for root, else /tmp/steward-UID.
std::string runtime_folder_path();

/// The folder, opened. It belongs to the user, nobody else may enter it, and it is no symbolic link: that was checked
/// of what is open here, whatever happens to the path later.
class runtime_folder {
public:
  /// Makes it where it is not there. Throws std::runtime_error with the reason when it cannot be had or is not to be
  /// trusted.
  static runtime_folder make(const std::string& path = runtime_folder_path());
  /// None when there is no such folder.
  static std::optional<runtime_folder> find(const std::string& path = runtime_folder_path());

  const std::string& path() const noexcept { return path_; }
  int fd() const noexcept { return fd_.get(); }

  /// Names of this user's sockets in it, in order, those that nobody listens to any more included. Links and other
  /// files are none.
  std::vector<std::string> sockets() const;
  /// A connection to one of them; none, with errno, when nobody listens.
  owned_fd connect(const std::string& name) const;
  /// Removes what ended programs have left.
  void remove_stale() const;

private:
  runtime_folder(std::string path, owned_fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  owned_fd fd_;
};

/// A Unix socket of this program in such a folder, which only its user may connect to. It is removed with this object.
class run_socket {
public:
  /// Listens at once. `name` is made fit for a file. Throws std::runtime_error with the reason.
  run_socket(runtime_folder in, std::string_view name);
  ~run_socket();
  run_socket(run_socket&&) = default;
  run_socket& operator=(run_socket&&) = delete;

  std::string path() const { return folder_.path() + "/" + name_; }
  const runtime_folder& folder() const noexcept { return folder_; }
  int fd() const noexcept { return fd_.get(); }
  /// Nobody finds it any more; who is connected stays so.
  void remove() noexcept;

private:
  runtime_folder folder_;
  std::string name_;
  owned_fd fd_;
};

}  // namespace steward::control_api
