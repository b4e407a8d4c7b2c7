#pragma once

#include "pool/worker_stdio.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace steward::pooling {

/// Cuts what arrives in pieces of any size to lines. A line that is too long is told in parts.
class line_cutter {
public:
  using teller = std::function<void(std::string_view line)>;
  static constexpr std::size_t max_line_bytes = 4000;

  /// Tells the lines that are whole by now.
  void add(std::string_view text, const teller& tell);
  /// Tells what is there as a line.
  void end(const teller& tell);

private:
  std::string begun_;
};

/// What one worker process writes to its standard output and error, as lines. Owns the reading ends of two pipes. Lives
/// on the pool's thread; nothing blocks.
///
/// Lines of standard output are told with the task that wrote them; those of standard error go to ours, with the
/// worker's name before them. Both are read only as fast as ours take them: behind a slow reader a worker that writes
/// waits, and little of it is kept in memory.
class worker_output {
public:
  using teller = std::function<void(const task_place& by, std::string_view line)>;
  using place_source = std::function<task_place()>;

  worker_output() = default;
  worker_output(worker_output&& other) noexcept { swap(other); }
  worker_output& operator=(worker_output&& other) noexcept {
    swap(other);
    return *this;
  }
  ~worker_output();

  /// The writing ends of fresh pipes, to be closed by the caller. False, with errno, when there are none.
  bool open(int& out, int& err);
  /// The same for standard error alone.
  bool open_errors(int& err);
  /// Puts the reading ends into an epoll set. `name` is the worker's.
  void watch(int epoll_fd, std::uint64_t out_key, std::uint64_t err_key, std::string name);

  /// Standard output is readable. `in_hand` tells what the worker runs at this moment.
  void read_output(const place_source& in_hand, const teller& tell);
  /// What was written by now is told, whoever reads it here.
  void read_all_output(const place_source& in_hand, const teller& tell);
  /// Standard error is readable.
  void read_errors();
  /// The worker has ended: both are told to their ends.
  void finish(const task_place& in_hand, const teller& tell);

  /// True while one of them is not read since ours takes no more: then try again after a while.
  bool waits() const noexcept { return out_.waits || err_.waits; }
  void try_again();

  /// The last ten lines that it wrote to standard error, as far as they are kept.
  std::vector<std::string> last_error_lines() const;

private:
  struct source {
    int fd = -1;
    int ours = -1;
    std::uint64_t key = 0;
    bool waits = false;
    line_cutter lines{};
  };

  void swap(worker_output& other) noexcept;
  void listen(source& s) const;
  void stop_listening(source& s) const;
  std::string_view read(source& s, std::size_t most);
  bool take_output(const place_source& in_hand, const teller& tell);
  bool take_errors();
  bool forward();

  source out_;
  source err_;
  int epoll_fd_ = -1;
  std::string name_;
  std::string buffer_;
  std::string held_;  // lines for our standard error
  std::string tail_;
};

}  // namespace steward::pooling
