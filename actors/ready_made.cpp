#include "actors/ready_made.hpp"

#include "actors/bounded_queue.hpp"
#include "actors/counter.hpp"
#include "actors/dictionary.hpp"
#include "actors/list_users.hpp"
#include "actors/queue_users.hpp"
#include "actors/shared_list.hpp"
#include "actors/tasks.hpp"
#include "steward/parameter.hpp"

namespace steward::ready_made {

using namespace std::chrono_literals;

namespace {

constexpr std::int64_t max_count = 1'000'000;

parameter count_of(std::int64_t fallback, std::string doc) {
  return parameter::integer("count").fallback(fallback).range(0, max_count).doc(std::move(doc));
}
parameter every(milliseconds fallback, std::string doc) {
  return parameter::duration("interval").fallback(fallback).range(0h, 1h).doc(std::move(doc));
}
parameter number(std::string name, std::int64_t fallback, std::string doc) {
  return parameter::integer(std::move(name)).fallback(fallback).doc(std::move(doc));
}

}  // namespace

void register_all(task_registry& tasks, actor_registry& actors) {
  actors.add<shared_list>("shared_list",
                          {parameter::boolean("announce").fallback(false).doc("print each change of the list")});
  actors.add<adder>("adder", {parameter::actor("list").doc("the list to add to"),
                              count_of(10, "how many numbers to add"), every(100ms, "time between two numbers"),
                              number("min", 1, "smallest number"), number("max", 100, "largest number")});
  actors.add<remover>("remover", {parameter::actor("list").doc("the list to remove from"),
                                  count_of(10, "how often to ask"), every(100ms, "time between two requests")});
  actors.add<bounded_queue>("bounded_queue",
                            {parameter::integer("capacity").fallback(100).range(1, max_count).doc("room")});
  actors.add<producer>("producer", {parameter::actor("queue").doc("the queue to fill"),
                                    count_of(100, "how many numbers"), every(0ms, "pause between two numbers")});
  actors.add<consumer>("consumer", {parameter::actor("queue").doc("the queue to empty"),
                                    count_of(100, "how many numbers"), every(1ms, "pause between two numbers")});
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
