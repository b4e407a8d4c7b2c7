#pragma once

#include "policy/budget.hpp"
#include "pool/pool_events.hpp"
#include "pool/worker_life.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

namespace steward::pooling {

/// The lives of a pool's workers: their starts and ends, and what follows from an end that nobody planned. It gives the
/// orders for these and tells of them; how many workers there are to be, and what each has to do, its caller says.
///
/// A place is never given up: `size` only grows, and references to lives stay. Everything that a worker reports must be
/// of the incarnation that exists, and each one's end is told exactly once. Pure; not thread-safe.
class worker_lives {
public:
  /// `spec`, `events` and `orders` must outlive this.
  worker_lives(const pool_spec& spec, std::uint64_t seed, pool_events& events, std::vector<order>& orders)
      : spec_(spec), seed_(seed), events_(events), orders_(orders), budget_(spec.restarts.worker_restarts) {}

  /// What the worker at that place was sent and has not answered.
  using load_of = std::function<std::size_t(unsigned index)>;

  // Places.

  unsigned size() const noexcept { return static_cast<unsigned>(all_.size()); }
  worker_life& operator[](unsigned index) { return all_[index]; }
  const worker_life& operator[](unsigned index) const { return all_[index]; }
  worker_life& add();

  unsigned living() const;     ///< those that the pool means to have
  std::size_t coming() const;  ///< of these, those that are not ready yet
  bool any_ready() const;
  bool all_down() const;
  /// All are ready that the pool means to have.
  bool all_came() const;

  // How many there are.

  /// Starts workers until there are as many as wanted; those that are about to leave do not count, but no more than one
  /// for each comes before they are gone. Where the last one could not be started, one is tried at a time.
  void keep(unsigned wanted, time_point now);
  /// Lets go until there are no more than wanted: first what has not come yet, then who has the least to do.
  void let_go(unsigned wanted, const load_of& load);
  /// Lets one that is to leave go for each replacement that is ready, and at once what has nothing left to do: others
  /// may need its room.
  void replace_leaving(unsigned wanted, const load_of& load);
  /// One could not be started though others run, so others are tried one at a time.
  bool is_scarce() const noexcept { return scarce_; }
  /// There may be room by now.
  void forget_scarcity() noexcept { scarce_ = false; }

  // What is heard of one.

  void exists(worker_life& w, int pid) noexcept;
  void ready(worker_life& w, unsigned wanted, time_point now);
  /// It is gone as it was meant to. Somebody may have its room.
  void ended_as_planned(worker_life& w, std::string text, time_point now);
  /// It is gone, and nobody is to come.
  void ended(worker_life& w) noexcept {
    w.at_ = worker_life::state::down;
    w.now_.leaving = false;
  }

  /// An end that nobody planned.
  struct loss {
    unsigned wanted = 0;       ///< workers
    bool pool_starts = false;  ///< not all of the first ones have been ready
    bool had_work = false;     ///< it was in the middle of something
    bool meant = false;        ///< we ended it, which costs no more than another start
  };
  struct sequel {
    enum class next : std::uint8_t { restart, wait, none, give_up };
    next what = next::none;
    milliseconds delay{0};  ///< before the restart
    event_decision told;
  };
  /// Decides what follows. The caller tells of it, takes back what the worker had, and then has it carried out.
  [[nodiscard]] sequel lost(worker_life& w, const loss& how, time_point now);
  /// Carries out what follows, but for giving up.
  void carry_out(worker_life& w, const sequel& what, time_point now);

  // Their ends.

  /// A planned end: it finishes what it was sent.
  void retire(worker_life& w);
  /// For a reason. A process is asked first, unless that is to be done at once.
  void end(worker_life& w, cause why, bool at_once, time_point now);
  void kill(worker_life& w);
  /// All of the pool ends: one that has work is asked harder.
  void ask_to_end(worker_life& w, bool has_work);
  void terminate_asked();  ///< those that were asked and are still there
  void kill_asked(time_point now);
  void end_all(const cause& why, time_point now);

  // What time brings.

  /// It is past `due`: it is started, has not come in time, or has not gone in time.
  void on_time(worker_life& w, time_point now);
  /// One that was asked to stop and has nothing left to do ends soon, or is made to.
  void hurry(worker_life& w, time_point now);
  /// The program was stopped for a while: what was to be done within a time has that time again.
  void catch_up(worker_life& w, bool has_work, time_point now);

private:
  void begin(worker_life& w, time_point now);
  void use_room(time_point now);
  bool any_there() const;
  bool any_coming() const;
  event_decision decision(const char* what, time_point now, milliseconds delay = milliseconds{0}) const;

  const pool_spec& spec_;
  std::uint64_t seed_;
  pool_events& events_;
  std::vector<order>& orders_;
  std::deque<worker_life> all_;
  policy::restart_budget budget_;
  unsigned failed_starts_ = 0;  // in a row, while nobody is ready
  bool scarce_ = false;         // one could not be started though others run
};

}  // namespace steward::pooling
