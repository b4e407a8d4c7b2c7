#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace steward {

/// Writes text to a descriptor that somebody may be slow to read, such as standard error through a pipe, without ever
/// waiting for that reader: whoever tells of an event may have deadlines to keep.
///
/// As long as the descriptor takes what is written, text leaves at once, on the caller's thread. What it does not take
/// is kept, up to a limit, and written by a thread that exists only for that; what is beyond the limit is lost, and the
/// number of bytes is told in its place. Thread-safe. Owns no descriptor.
class patient_writer {
public:
  static constexpr std::size_t most_kept_bytes = std::size_t{1} << 20;

  explicit patient_writer(int fd) : fd_(fd) {}
  /// Waits for the reader as `finish` does.
  ~patient_writer();
  patient_writer(const patient_writer&) = delete;
  patient_writer& operator=(const patient_writer&) = delete;

  void write(std::string_view text);

  /// Writes what is kept, unless the reader takes nothing at all for so long.
  void finish(int patience_ms = 10'000);

private:
  void keep(std::string_view text);
  void run();
  void tell_lost();

  const int fd_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string kept_;
  std::size_t lost_ = 0;     // bytes since something was kept
  std::size_t written_ = 0;  // by the thread
  bool over_ = false;
  std::thread thread_;
};

}  // namespace steward
