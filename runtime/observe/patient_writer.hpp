#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace steward {

/// Writes text to a descriptor that somebody may be slow to read, such as standard error through a pipe, without
/// waiting for that reader: whoever tells of an event may have deadlines to keep.
///
/// As long as the descriptor takes what is written, text leaves at once, on the caller's thread. What it does not take
/// is kept, up to a limit, and written by a thread that exists only for that. What a file of a disk is given is not
/// split, so that a reader that follows it sees whole lines. The first error ends the writing; no error throws or
/// raises SIGPIPE or SIGXFSZ. A descriptor that does not block and is not ready is waited for as any other.
/// Thread-safe. Owns no descriptor; a pipe or a terminal is written to through a description of the writer's own, so
/// what the number is made to name later is not followed.
class patient_writer {
public:
  /// What becomes of text beyond the limit: it is lost, and the number of bytes is told in its place; or whoever
  /// writes it waits for the reader after all.
  enum class excess : std::uint8_t { lost, waited_for };

  struct limits {
    std::size_t most_kept_bytes = std::size_t{1} << 20;
    excess when_full = excess::lost;
  };

  /// For data that must be whole: a reader may be so far behind.
  static constexpr limits whole{std::size_t{64} << 20, excess::waited_for};
  static constexpr int without_end = -1;

  explicit patient_writer(int fd) : patient_writer(fd, limits{}) {}
  patient_writer(int fd, limits within);
  /// Waits for the reader as `finish` does.
  ~patient_writer();
  patient_writer(const patient_writer&) = delete;
  patient_writer& operator=(const patient_writer&) = delete;

  void write(std::string_view text) { write(text, within_); }
  /// With limits of its own, where data and lines for people share a descriptor.
  void write(std::string_view text, limits within);

  /// Draws a line that has no end behind all that is written, anew with each call; an empty one removes it. It is
  /// removed before a text and drawn again behind it, so that the two never share a line. For terminals.
  void show_status(std::string line);

  /// Writes what is kept, unless the reader takes nothing at all for this long; `without_end`: unless it is gone. Once
  /// it has taken nothing it is not waited for again.
  void finish(int patience_ms = 10'000);

  /// From now on nobody waits for the reader when it takes nothing for this long, who waits already included. Data that
  /// was to be whole and is not taken by then is lost: `problem` is ETIMEDOUT.
  void hurry(int patience_ms);

  /// The errno of the first write that failed, 0 for none.
  int problem() const;
  /// How many lines did not leave because of it.
  std::uint64_t lines_lost() const;

private:
  using clock = std::chrono::steady_clock;
  using locked = std::unique_lock<std::mutex>;

  std::size_t kept() const noexcept { return kept_.size() - front_; }
  std::size_t write_now(std::string_view text, int timeout_ms, int& problem) const noexcept;
  bool has_room(locked& lock, std::size_t bytes, limits within);
  void send(std::string_view text);
  bool start_thread();
  void run();
  void pump(locked& lock);
  template <class Condition>
  bool wait_for_reader(locked& lock, int patience_ms, Condition met);
  void tell_lost();
  void fail(int error_number, std::string_view rest);

  const int own_fd_;  // a description that never blocks, -1 where there can be none
  const int fd_;
  const limits within_;
  const bool never_waits_;  // a file of a disk: there is no reader to wait for
  const bool is_socket_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string kept_;
  std::size_t front_ = 0;  // so much of it has left
  std::size_t lost_ = 0;   // bytes since something was kept
  std::string status_;
  bool status_stands_ = false;  // at the end of what was sent
  int problem_ = 0;
  std::uint64_t lines_lost_ = 0;
  bool over_ = false;
  bool pumping_ = false;
  bool out_of_patience_ = false;
  int hurry_ms_ = without_end;
  clock::time_point hurried_at_;
  clock::time_point moved_at_;  // when the reader last took something
  std::thread thread_;
};

/// Why a text could not be written, in a few words.
std::string describe_write_problem(int problem);

}  // namespace steward
