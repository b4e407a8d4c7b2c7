#pragma once

#include "policy/supervisor_machine.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace steward::policy {

/// A supervisor's machine that several threads tell what happened, and the actions that came of it, in order.
///
/// Decisions are made at once on the thread that brings the news; whoever owns the desk (the host) takes the actions
/// and carries them out. An actor that crashed and may be restarted at once begins its next incarnation itself, without
/// a detour over the owner's thread; so are children that the owner has prepared, when the one before them is ready.
/// Thread-safe; the lock is held for a decision only, never while user code runs.
///
/// *Gathering.* To wake the owner costs more than to decide. So when it was woken it looks once more after `gather`,
/// and until a look finds nothing it is woken only for what cannot wait that long: what others do (starts, stops,
/// answers, the end), timers that are due soon, and a queue that grows long. Without gathering, or when nothing has
/// happened for a while, it is woken at once.
class supervisor_desk {
public:
  /// Actions that may wait for the owner before crashed actors and prepared children have to wait for it, too: a storm
  /// of crashes cannot outrun the log.
  static constexpr std::size_t max_backlog = 4'096;

  /// This many actions wake the owner while it gathers.
  static constexpr std::size_t long_queue = max_backlog / 4;
  static constexpr std::size_t max_spares = long_queue / 2;
  /// What is kept of used vectors is for single reports: those of many starts at once are large.
  static constexpr std::size_t max_spare_room = 16;

  /// `poke` is called, on any thread and without the lock, when actions wait that the owner does not know of.
  explicit supervisor_desk(std::function<void()> poke, milliseconds gather = milliseconds{0})
      : poke_(std::move(poke)), gather_(gather) {}
  supervisor_desk(const supervisor_desk&) = delete;
  supervisor_desk& operator=(const supervisor_desk&) = delete;

  /// Puts a new machine in the place of the old one, whose actions are dropped.
  void install(std::unique_ptr<supervisor_machine> machine);
  void remove() { install(nullptr); }

  /// For the owner: `f(supervisor_machine&) -> actions`; the actions are queued. False without a machine.
  template <class F>
  bool feed(F&& f) {
    std::lock_guard guard{mutex_};
    if (!machine_) return false;
    append(std::forward<F>(f)(*machine_));
    return true;
  }
  /// For the owner: `f(const supervisor_machine&)`, or `otherwise` without a machine.
  template <class F, class T>
  T look(F&& f, T otherwise) const {
    std::lock_guard guard{mutex_};
    return machine_ ? std::forward<F>(f)(static_cast<const supervisor_machine&>(*machine_)) : otherwise;
  }
  /// For the owner: takes what is queued.
  actions take();
  /// The same, as it came. The vectors that are there are used again; what was carried out may still be in them, so
  /// that it is freed by a thread that has made such, and not by another beside it. True when the owner shall
  /// `look_again` after `gather`.
  bool take(std::vector<actions>& into);
  /// For the owner: whether there is anything to take. If so, it shall look once more after `gather`.
  bool look_again();
  milliseconds gather() const noexcept { return gather_; }

  /// For the owner: a child whose next incarnation any thread can begin, by `begin(incarnation)`. When news of another
  /// child makes it due, it is begun at once, without a detour over the owner's thread, and the action says `in_place`.
  /// `begin` is called once at most, under the lock, so that what the owner does next comes after it; it must not
  /// block.
  void prepare(child_number child, std::function<void(std::uint64_t)> begin);
  /// For the owner: it has begun this child itself.
  void forget_prepared(child_number child);

  /// For a child on its own thread: it has ended. Returns the incarnation that it shall begin at once, if so; else it
  /// is told later.
  std::optional<std::uint64_t> exited(child_number child, std::uint64_t incarnation, exit_info how, time_point now);
  /// For a child on its own thread: it is ready for work.
  void ready(child_number child, std::uint64_t incarnation, time_point now, const std::string& extra);

private:
  void lend_room();
  void append(actions more);
  /// Appends what another thread has brought. True when the owner must be woken.
  bool bring(actions more, time_point now);
  bool urgent(const any_action& x, time_point now) const;
  void begin_prepared(actions& news);

  mutable std::mutex mutex_;
  std::unique_ptr<supervisor_machine> machine_;
  std::vector<actions> queued_;
  std::size_t waiting_ = 0;      // actions in `queued_`
  std::vector<actions> spares_;  // with what is of no use any more
  bool poked_ = false;
  bool gathering_ = false;  // the owner is about to look
  std::unordered_map<child_number, std::function<void(std::uint64_t)>> prepared_;
  std::function<void()> poke_;
  milliseconds gather_;
};

}  // namespace steward::policy
