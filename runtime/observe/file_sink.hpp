#pragma once

#include "steward/event.hpp"

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace steward {

/// Writes events to a file, one JSON line each, every line in one write so that a reader that follows the file sees
/// whole lines at once. The file is truncated when it is opened and closed by exec.
///
/// A run is worth more than its log: no error throws, kills the run or raises SIGPIPE. The first error ends the file (a
/// file that ends early is honest, one with holes is not); later events are counted as lost. Thread-safe.
class file_sink {
public:
  /// Opens the file. Whether that went well is told by `ok` and `take_error`. A FIFO that nobody reads is an error, not
  /// a reason to wait.
  explicit file_sink(std::string path);
  ~file_sink();
  file_sink(const file_sink&) = delete;
  file_sink& operator=(const file_sink&) = delete;

  /// Writes one event; does nothing but count once an error has occurred.
  void write(const event& e);

  /// Whether everything so far was written.
  bool ok() const;

  /// The first error as a sentence with the path, such as "events file /tmp/e: No space left on device". Told once: the
  /// second call returns nothing.
  std::optional<std::string> take_error();

  /// How many events did not get into the file.
  std::uint64_t lost() const;

private:
  void write_all(std::string_view line);
  void fail(int error_number);

  mutable std::mutex mutex_;
  const std::string path_;
  int fd_ = -1;
  bool failed_ = false;
  std::optional<std::string> error_;
  std::uint64_t lost_ = 0;
};

}  // namespace steward
