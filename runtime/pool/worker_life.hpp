#pragma once

#include "policy/backoff.hpp"
#include "pool/actions.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace steward::pooling {

/// One place for a worker, and how the one that has it stands; each start makes a new incarnation. From one to the next
/// it remembers when the last one died and how long to wait before a start. What the worker runs is not known here but
/// for how much of it was answered. `worker_lives` alone leads it from state to state. Pure; not thread-safe.
class worker_life {
public:
  worker_life(unsigned index, policy::backoff delays) : index_(index), delays_(std::move(delays)) {}

  unsigned index() const noexcept { return index_; }
  std::uint64_t incarnation() const noexcept { return incarnation_; }
  worker_ref ref() const noexcept { return {index_, incarnation_}; }
  std::string name() const { return "w" + std::to_string(index_ + 1); }
  int pid() const noexcept { return now_.pid; }  ///< of the last one that existed; 0 for a thread

  // Where it stands.

  bool is_down() const noexcept { return at_ == state::down; }          ///< nobody, and no start is due
  bool is_waiting() const noexcept { return at_ == state::waiting; }    ///< nobody, and a start is due
  bool is_starting() const noexcept { return at_ == state::starting; }  ///< not ready yet
  bool is_ready() const noexcept { return at_ == state::ready; }
  bool is_retiring() const noexcept { return at_ == state::retiring; }        ///< asked to stop
  bool is_terminating() const noexcept { return at_ == state::terminating; }  ///< sent SIGTERM
  bool is_killed() const noexcept { return at_ == state::killing; }           ///< its death is on its way
  bool is_ended() const noexcept { return is_terminating() || is_killed(); }  ///< by us, whatever it runs
  /// There is one, or its start was ordered.
  bool exists() const noexcept { return !is_down() && !is_waiting(); }
  /// It is to be replaced, and goes once there is somebody in its stead.
  bool is_leaving() const noexcept { return now_.leaving; }
  /// One of those that the pool means to have.
  bool is_living() const noexcept { return !is_down() && !is_retiring() && !is_leaving(); }
  bool is_coming() const noexcept { return is_starting() || is_waiting(); }
  bool was_ready() const noexcept { return now_.was_ready; }
  /// Why we ended it.
  const std::optional<cause>& killed_for() const noexcept { return now_.killed_for; }

  /// Of a start, of being ready, or of the end: when something is to be done though nothing is heard of it.
  time_point due() const noexcept { return is_coming() || is_terminating() ? due_ : time_point::max(); }
  /// Of one that was asked to stop and has nothing left to do.
  time_point idle_end_at() const noexcept { return is_retiring() ? due_ : time_point::max(); }

  // What it does.

  time_point idle_since() const noexcept { return idle_since_; }
  void idles(time_point since) noexcept { idle_since_ = since; }
  /// Items of this incarnation.
  std::uint64_t answered() const noexcept { return now_.answered; }
  void answers(std::uint64_t items) noexcept { now_.answered += items; }
  /// It may be sent this many more items before it is replaced, where it has this many that it has not answered.
  std::uint64_t left_of_share(std::uint64_t sent) const noexcept {
    if (now_.share == 0) return ~std::uint64_t{0};
    return now_.share - std::min(now_.share, now_.answered + sent);
  }
  /// Near the end of its share it is to leave, so that its replacement is ready by then.
  void heed_share(std::uint64_t sent) noexcept {
    const auto ahead = std::min<std::uint64_t>(now_.share / 8, 16);
    if (now_.share > 0 && now_.answered + sent + ahead >= now_.share) now_.leaving = true;
  }
  /// It is to leave, and is sent nothing more. It has answered something.
  void end_share() noexcept {
    now_.leaving = true;
    now_.share = now_.answered;
  }

private:
  friend class worker_lives;

  enum class state : std::uint8_t { down, waiting, starting, ready, retiring, terminating, killing };

  /// Of one incarnation.
  struct incarnation_facts {
    int pid = 0;
    bool existed = false;  // its process or thread could be made
    bool was_ready = false;
    bool leaving = false;
    std::uint64_t answered = 0;
    std::uint64_t share = 0;  // items after which it is replaced; 0 for no limit
    std::optional<cause> killed_for;
  };

  unsigned index_;
  state at_ = state::down;
  std::uint64_t incarnation_ = 0;
  time_point due_;  // of the start, of being ready, or of the end
  time_point idle_since_;
  incarnation_facts now_;
  std::optional<time_point> died_at_;  // the first of those that died since one was ready
  policy::backoff delays_;
};

}  // namespace steward::pooling
