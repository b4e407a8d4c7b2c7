#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace steward::store {

inline constexpr const char* database_name = "steward.db";
inline constexpr const char* last_words_name = "last_words.jsonl";
inline constexpr const char* lock_name = "lock";

/// The directory that a run keeps its state in, taken for this program alone: a second one is refused while this lives,
/// however it ends.
///
/// It is made where it is missing, for its owner only (0700), as are the files in it (0600). One that belongs to
/// somebody else, that others may write to, or that is a symbolic link is refused, and so are such files in it. Throws
/// std::runtime_error, with the path and the reason.
class state_directory {
public:
  explicit state_directory(const std::string& path);
  ~state_directory();
  state_directory(const state_directory&) = delete;
  state_directory& operator=(const state_directory&) = delete;

  /// Absolute.
  const std::string& path() const noexcept { return path_; }
  std::string database_path() const { return path_ + "/" + database_name; }

  void remove_last_words() const noexcept;

private:
  void open_directory();
  void lock();
  void check_file(const char* name) const;
  void make_database() const;

  std::string path_;
  int directory_ = -1;
  int lock_ = -1;
};

/// Adds to the last words, for a copy of the program that dies: takes no lock. False when that does not go.
bool add_last_words(const std::string& directory, std::string_view lines) noexcept;

/// The process that has taken the directory; nothing when none has. 0: its number is not known.
std::optional<int> holder_of(const std::string& directory) noexcept;

}  // namespace steward::store
