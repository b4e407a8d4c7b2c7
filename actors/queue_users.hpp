#pragma once

#include <steward/actor.hpp>

#include <cstdint>

namespace steward::ready_made {

/// Pushes 1 to `count` into a queue as fast as the queue takes them, and ends normally.
class producer {
public:
  producer(self_ptr self, const actor_args& args);
  caf::behavior make_behavior();

private:
  void step();

  self_ptr self_;
  caf::actor queue_;
  std::int64_t count_;
  milliseconds interval_;
  std::int64_t next_ = 1;
  actor_args::printer print_;
};

/// Pops `count` numbers from a queue, one every `interval`, tells whether they came in order, and ends normally.
class consumer {
public:
  consumer(self_ptr self, const actor_args& args);
  caf::behavior make_behavior();

private:
  void step();
  void got(std::int64_t number);

  self_ptr self_;
  caf::actor queue_;
  std::int64_t count_;
  milliseconds interval_;
  std::int64_t taken_ = 0;
  std::int64_t sum_ = 0;
  std::int64_t last_ = 0;
  bool in_order_ = true;
  actor_args::printer print_;
};

}  // namespace steward::ready_made
