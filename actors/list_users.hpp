#pragma once

#include <steward/actor.hpp>

#include <cstdint>
#include <random>

namespace steward::ready_made {

/// Adds `count` random numbers from `min` to `max` to a list, one every `interval`, and ends normally.
class adder {
public:
  adder(self_ptr self, const actor_args& args);
  caf::behavior make_behavior();

private:
  void step();

  self_ptr self_;
  caf::actor list_;
  std::int64_t left_;
  milliseconds interval_;
  std::mt19937_64 random_;
  std::uniform_int_distribution<std::int64_t> numbers_;
};

/// Asks a list `count` times, once every `interval`, to remove its first number, and ends normally. An empty list is no
/// reason to fail: its answer says so, and the next try comes an interval later.
class remover {
public:
  remover(self_ptr self, const actor_args& args);
  caf::behavior make_behavior();

private:
  void step();

  self_ptr self_;
  caf::actor list_;
  std::int64_t left_;
  milliseconds interval_;
};

}  // namespace steward::ready_made
