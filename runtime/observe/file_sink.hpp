#pragma once

#include "observe/patient_writer.hpp"
#include "steward/event.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

namespace steward {

/// Writes events to a file, one JSON line each, every line in one write so that a reader that follows the file sees
/// whole lines at once. The file is truncated when it is opened and closed by exec.
///
/// A run is worth more than its log: no error throws, kills the run or raises SIGPIPE. The first error ends the file (a
/// file that ends early is honest, one with holes is not); later events are counted as lost. The reader of a FIFO may
/// be behind by `patient_writer::whole`, then it is waited for. Thread-safe.
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

  /// Waits until the reader of a FIFO has taken everything, or is gone.
  void finish();

  /// Whether everything so far was written.
  bool ok() const;

  /// The first error as a sentence with the path, such as "events file /tmp/e: No space left on device". Told once: the
  /// second call returns nothing.
  std::optional<std::string> take_error();

  /// How many events did not get into the file.
  std::uint64_t lost() const;

private:
  /// Closes a file behind the writer that is made after it.
  struct descriptor {
    explicit descriptor(const std::string& path);
    ~descriptor();
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    int number = -1;
    int problem = 0;
  };

  const std::string path_;
  const descriptor file_;
  patient_writer writer_;
  std::atomic<std::uint64_t> unopened_{0};  // events of a file that could not be opened
  std::atomic<bool> told_{false};
};

}  // namespace steward
