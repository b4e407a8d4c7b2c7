#pragma once

#include "command/driver.hpp"
#include "command/launch.hpp"
#include "command/lines.hpp"
#include "command/notify_socket.hpp"
#include "command/probe.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace steward::command {

/// One incarnation of a program with all that it has in this process: pipes, sockets, what it is to be ready by, and
/// its `life`. Lives on the driver's thread; nothing blocks for long. Its descriptors are in the driver's epoll set
/// under keys that are `key` with one of `channel`.
class running_program {
public:
  enum class channel : std::uint8_t { output, errors, answer, notes, probe };
  static constexpr std::uint64_t channels = 8;

  /// What it needs of the driver.
  struct surroundings {
    int epoll_fd = -1;
    process::keeper* keeper = nullptr;
    event_log* events = nullptr;
    std::span<char> room{};  ///< what is read comes here first
    /// On the keeper's thread: it has ended, and then: nothing is left of it.
    std::function<void(std::uint64_t key, const process::exit_report&)> on_exit;
    std::function<void(std::uint64_t key)> on_clean;
  };

  running_program(std::uint64_t key, start_order order, const surroundings& around, time_point now);
  ~running_program();
  running_program(const running_program&) = delete;
  running_program& operator=(const running_program&) = delete;

  const start_order& order() const noexcept { return order_; }
  /// Makes the process. It was waiting until now.
  void begin(time_point now);
  bool has_begun() const noexcept { return begun_; }
  /// Nothing is left of it, and nothing will be told of it.
  bool is_gone() const noexcept { return clean_ && life_.now_in() == life::state::over; }

  void stop(std::vector<stop_step> ladder, std::function<void()> on_stopped, time_point now);
  void kill(const cause& why);
  void abandon();
  void heed(channel what, time_point now);
  void has_exited(const process::exit_report& report, time_point now);
  void is_clean() { clean_ = true; }
  void advance(time_point now);
  std::optional<time_point> next_due() const;
  /// Does what was decided.
  void carry_out();

private:
  struct source {
    int fd = -1;
    channel what = channel::output;
    const char* stream = "stdout";
    line_source lines;
  };

  void fail(std::string why);
  void watch(int fd, channel what, std::uint32_t for_what) const;
  void forget(int& fd) const;
  std::vector<std::string> prepare();
  void launch_process(launch_order& order);
  void note_old_file();
  void read_answer(time_point now);
  bool read_some(source& from, time_point now);
  void heed_line(const source& from, std::string_view line, std::uint64_t cut, time_point now);
  void read_notes(time_point now);
  event log_event(event_level level) const;
  void tell_line(const char* stream, std::string_view line, std::uint64_t cut) const;
  void tell_left_out(time_point now, bool last = false);
  bool wants_looks() const;
  void look(time_point now);
  void heed_look(probe_result how, time_point now);
  void finish_reading(time_point now);
  ending ending_of(const process::exit_report& report) const;

  std::uint64_t key_;
  start_order order_;
  surroundings around_;
  life life_;
  bool begun_ = false;
  bool clean_ = true;  // no process was made yet
  int pid_ = 0;
  process::child_id child_ = 0;
  source out_;
  source err_;
  line_meter meter_;
  line_tail tail_;
  int answer_fd_ = -1;
  launch_failure failed_{};
  bool runs_ = false;
  std::optional<line_pattern> pattern_;
  notify_socket notes_;
  endpoint_probe probe_;
  std::optional<http_url> endpoint_;
  file_state old_file_;
  std::string file_;
  std::optional<time_point> next_look_;
  std::chrono::milliseconds look_after_{5};
  unsigned looks_ = 0;
  std::function<void()> on_stopped_;
};

}  // namespace steward::command
