#pragma once

#include "observe/patient_writer.hpp"
#include "steward/event.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace steward {

/// Writes events to a file, one JSON line each, every line in one write so that a reader that follows the file sees
/// whole lines at once. Events are added to what the file has; each names its run. A file that holds anything but
/// events is left alone: that is an error of the opening. The file is closed by exec.
///
/// A run is worth more than its log: no error throws, kills the run or raises a signal. The first error ends the file
/// (a file that ends early is honest, one with holes is not); later events are counted as lost. The reader of a FIFO
/// may be behind by `patient_writer::whole`, then it is waited for. Thread-safe.
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

  /// The next event goes to a new file if the path leads to another than before, or to none: somebody has renamed the
  /// file to begin a new one. When the new one cannot be opened the old one stays in use. Returns at once.
  void reopen() { reopen_.store(true); }

  /// Waits until the reader of a FIFO has taken everything, or is gone.
  void finish();

  /// From now on the reader of a FIFO is waited for no longer than so while it takes nothing.
  void hurry(int patience_ms);

  /// Whether everything so far was written.
  bool ok() const;

  /// The first error as a sentence with the path, such as "events file /tmp/e: No space left on device". Told once: the
  /// second call returns nothing.
  std::optional<std::string> take_error();

  /// The errno of the first error, 0 for none.
  int problem() const;

  /// How many events did not get into the file.
  std::uint64_t lost() const;

private:
  /// A file and what writes to it. Without a number it could not be opened.
  struct opened;

  std::shared_ptr<opened> current() const;
  void follow_the_path();

  const std::string path_;
  mutable std::mutex mutex_;
  std::shared_ptr<opened> file_;
  std::atomic<std::uint64_t> unwritten_{0};  // events that no file took
  std::atomic<bool> reopen_{false};
  std::atomic<bool> told_{false};
};

}  // namespace steward
