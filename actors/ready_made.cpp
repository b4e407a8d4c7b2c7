#include "actors/ready_made.hpp"

#include "actors/bounded_queue.hpp"
#include "actors/counter.hpp"
#include "actors/dictionary.hpp"
#include "actors/list_users.hpp"
#include "actors/queue_users.hpp"
#include "actors/shared_list.hpp"
#include "actors/tasks.hpp"

namespace steward::ready_made {

namespace {

constexpr std::int64_t max_count = 1'000'000;
constexpr std::int64_t max_interval_ms = 3'600'000;

param_spec actor_named(std::string name, std::string doc) {
  return {std::move(name), param_type::actor, std::nullopt, std::nullopt, std::nullopt, std::move(doc)};
}
param_spec count_of(std::int64_t fallback, std::string doc) {
  return {"count", param_type::integer, param_value{fallback}, 0, max_count, std::move(doc)};
}
param_spec every(milliseconds fallback, std::string doc) {
  return {"interval", param_type::duration, param_value{fallback}, 0, max_interval_ms, std::move(doc)};
}
param_spec number(std::string name, std::int64_t fallback, std::string doc) {
  return {std::move(name), param_type::integer, param_value{fallback}, std::nullopt, std::nullopt, std::move(doc)};
}

}  // namespace

void register_all(task_registry& tasks, actor_registry& actors) {
  actors.add<shared_list>(
      "shared_list", {{"announce", param_type::boolean, param_value{false}, {}, {}, "print each change of the list"}});
  actors.add<adder>("adder", {actor_named("list", "the list to add to"), count_of(10, "how many numbers to add"),
                              every(milliseconds{100}, "time between two numbers"), number("min", 1, "smallest number"),
                              number("max", 100, "largest number")});
  actors.add<remover>("remover", {actor_named("list", "the list to remove from"), count_of(10, "how often to ask"),
                                  every(milliseconds{100}, "time between two requests")});
  actors.add<bounded_queue>("bounded_queue",
                            {{"capacity", param_type::integer, param_value{std::int64_t{100}}, 1, max_count, "room"}});
  actors.add<producer>("producer", {actor_named("queue", "the queue to fill"), count_of(100, "how many numbers"),
                                    every(milliseconds{0}, "pause between two numbers")});
  actors.add<consumer>("consumer", {actor_named("queue", "the queue to empty"), count_of(100, "how many numbers"),
                                    every(milliseconds{1}, "pause between two numbers")});
  actors.add<dictionary>("dictionary");
  actors.add<counter>("counter", {number("start", 0, "value of a new incarnation")});

  tasks.add("square", square);
  tasks.add("factorial", factorial);
  tasks.add("wait_ms", wait_ms);
  tasks.add("count_primes", count_primes);
  tasks.add("square_unless", square_unless);
  tasks.add("tally", tally);
}

}  // namespace steward::ready_made
