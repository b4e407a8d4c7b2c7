#pragma once

#include "steward/cause.hpp"
#include "steward/spec.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace steward::command {

using time_point = std::chrono::steady_clock::time_point;

/// How a process has ended.
struct ending {
  bool orderly = false;  ///< by an exit code that is one of an orderly end
  cause why{};           ///< of class exit or signal, with what else is known
};

/// What is told of the one life of a program, in this order: `ready` at most once, then one of the others; `stopped`
/// also behind an end that came before the stop that was asked for.
struct news {
  enum class kind : std::uint8_t {
    ready,
    start_failed,  ///< it has ended, or was ended, before it was ready
    ended,         ///< by itself, or killed
    stopped,       ///< as it was asked to
  };

  kind what = kind::ready;
  bool orderly = false;   ///< `ended`: no crash
  bool by_force = false;  ///< `stopped`: it had to be killed
  cause why{};
};

/// To be sent to the process group.
struct send_signal {
  int number = 0;

  friend bool operator==(const send_signal&, const send_signal&) = default;
};

using decision = std::variant<send_signal, news>;

struct life_rules {
  milliseconds start_within{10'000};          ///< `infinity`: no limit
  std::optional<milliseconds> ready_after{};  ///< it is ready by time alone; 0: as soon as it runs
  std::string waits_for{};                    ///< else what it is waited for, in words: "nothing listens at port 80"
  std::vector<stop_step> ladder{};            ///< as `ladder_of` makes it
};

/// One incarnation of a program, from the order to start it to its end: a pure machine of what happens and the time to
/// signals and news. It knows no process: a driver tells it what happens, and carries out what it decides. Not
/// thread-safe.
///
///     state     leaves it
///     starting  when ready; at an end, which is a failed start; at start_within, by the ladder
///     up        at an end, which is the supervisor's business
///     ending    at the end, after each wait of the ladder by the next signal
///     over      never
class life {
public:
  enum class state : std::uint8_t { starting, up, ending, over };

  life(life_rules rules, time_point now);

  /// The program itself runs now.
  void runs(time_point now);
  /// What it was waited for has come.
  void is_ready();
  /// What it is waited for, as it was found at the last look: "port 80 refuses connections".
  void note_wait(std::string why) { rules_.waits_for = std::move(why); }
  /// The process could not be made, or the program not be run.
  void cannot_run(cause why);
  /// By this ladder. Idempotent, but that a ladder that is under way is left for the new one.
  void stop(std::vector<stop_step> ladder, time_point now);
  /// At once, as a crash for this reason.
  void kill(cause why);
  /// At once, and nothing is told of it any more.
  void abandon();
  void exited(ending how);
  /// The time has come that `next_due` has told.
  void advance(time_point now);

  state now_in() const noexcept { return state_; }
  bool is_silent() const noexcept { return silent_; }
  std::optional<time_point> next_due() const;
  std::vector<decision> take();

private:
  enum class reason : std::uint8_t { none, asked, overdue, killed };

  void climb(time_point now);
  void tell(news x);

  life_rules rules_;
  state state_ = state::starting;
  reason why_ending_ = reason::none;
  cause verdict_;  // of what it is ended for
  std::optional<time_point> start_limit_;
  std::optional<time_point> ready_at_;
  std::vector<stop_step> ladder_;
  std::size_t step_ = 0;
  std::optional<time_point> step_until_;
  bool killed_ = false;
  bool stop_too_ = false;  // asked after it was killed
  bool silent_ = false;
  std::vector<decision> decided_;
};

}  // namespace steward::command
