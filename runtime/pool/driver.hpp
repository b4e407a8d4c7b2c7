#pragma once

#include "pool/engine.hpp"

#include <cstdint>
#include <optional>

namespace steward::pooling {

/// Carries out an engine's orders on workers of one kind and reports what becomes of them. Lives on the pool's thread:
/// every function is called there, and none blocks.
class driver {
public:
  driver() = default;
  driver(const driver&) = delete;
  driver& operator=(const driver&) = delete;
  virtual ~driver() = default;

  // One after the other, and none of them tells the engine anything.

  /// The worker may be started as late as at `launch`, which comes before anything else is asked of a worker.
  virtual void carry_out(const act::start& what, time_point now) = 0;
  virtual void launch(time_point) {}
  virtual void carry_out(act::assign what, time_point now) = 0;
  virtual void carry_out(const act::stop& what, time_point now) = 0;
  virtual void carry_out(const act::terminate& what, time_point now) = 0;
  virtual void carry_out(const act::kill& what, time_point now) = 0;
  virtual void carry_out(const act::ask_task& what, time_point now) = 0;
  virtual void carry_out(const act::withdraw& what, time_point now) = 0;
  virtual void carry_out(const act::harvest& what, time_point now) = 0;

  /// Sends what `assign` and `stop` queued.
  virtual void flush() = 0;
  /// Tells the engine what became of the orders since the last call.
  virtual void report(engine& to, time_point now) = 0;

  // What comes from the workers.

  /// A descriptor that the driver put into the loop's epoll set, with this key, which is not 0, is ready.
  virtual void channel_event(std::uint64_t key, std::uint32_t events, engine& to, time_point now) = 0;
  /// Tells the engine what the workers said. False when there was nothing.
  virtual bool collect(engine& to, time_point now) = 0;
  /// True when `collect` has something at once; looked at before the loop sleeps.
  virtual bool has_news() const = 0;
  /// True when answers come so fast that the loop had better let some gather: it may nap instead of sleep, unless there
  /// is something urgent.
  virtual bool may_nap() const { return false; }
  /// True when `collect` has something at once that somebody waits for; looked at before the loop naps.
  virtual bool has_urgent_news() const { return has_news(); }
  /// Tells the engine what each worker has in hand, for deadlines, and what it wants to know of them.
  virtual void observe(engine& to, time_point now) = 0;
  /// When `collect` wants to be called even if nothing happens.
  virtual std::optional<time_point> next_due() const = 0;
  /// Threads that were given up and still run.
  virtual unsigned leaked() const = 0;
};

}  // namespace steward::pooling
