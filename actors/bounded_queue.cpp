#include "actors/bounded_queue.hpp"

#include <algorithm>
#include <stdexcept>

namespace steward::ready_made {

bounded_queue::bounded_queue(self_ptr self, const actor_args& args)
    : self_(self), capacity_(static_cast<std::size_t>(args.integer("capacity"))) {}

bounded_queue::~bounded_queue() {
  const auto gone = caf::make_error(errc::ended, std::string{"the queue crashed or was stopped"});
  for (auto& [number, producer] : producers_) producer.deliver(gone);
  for (auto& consumer : consumers_) consumer.deliver(gone);
}

caf::behavior bounded_queue::make_behavior() {
  return {
      [this](push_atom, std::int64_t number) { return push(number); },
      [this](pop_atom) { return pop(); },
      [this](caf::put_atom, std::int64_t number) { return put(number); },
      [this](caf::get_atom) { return get(); },
      [this](size_atom) { return static_cast<std::uint64_t>(numbers_.size()); },
      [this](show_atom) { return show(); },
      [](crash_atom) -> caf::result<void> { throw std::runtime_error("crash requested"); },
  };
}

caf::result<void> bounded_queue::push(std::int64_t number) {
  if (numbers_.size() < capacity_ || !consumers_.empty()) {
    store(number);
    return caf::unit;
  }
  if (producers_.size() >= max_waiting) return caf::make_error(errc::full, std::string{"too many producers wait"});
  ++waits_;
  producers_.emplace_back(number, self_->make_response_promise());
  return caf::delegated<void>{};
}

caf::result<std::int64_t> bounded_queue::pop() {
  if (!numbers_.empty()) return take();
  if (consumers_.size() >= max_waiting) return caf::make_error(errc::empty, std::string{"too many consumers wait"});
  consumers_.push_back(self_->make_response_promise());
  return caf::delegated<std::int64_t>{};
}

caf::result<void> bounded_queue::put(std::int64_t number) {
  if (numbers_.size() >= capacity_ && consumers_.empty())
    return caf::make_error(errc::full, "the queue holds " + std::to_string(capacity_));
  store(number);
  return caf::unit;
}

caf::result<std::int64_t> bounded_queue::get() {
  if (numbers_.empty()) return caf::make_error(errc::empty, std::string{"the queue has nothing to take"});
  return take();
}

void bounded_queue::store(std::int64_t number) {
  ++passed_;
  if (!consumers_.empty()) {
    auto consumer = std::move(consumers_.front());
    consumers_.pop_front();
    consumer.deliver(number);
    return;
  }
  numbers_.push_back(number);
  peak_ = std::max(peak_, numbers_.size());
}

std::int64_t bounded_queue::take() {
  const auto number = numbers_.front();
  numbers_.pop_front();
  if (!producers_.empty()) {
    auto [next, producer] = std::move(producers_.front());
    producers_.pop_front();
    store(next);
    producer.deliver(caf::unit);
  }
  return number;
}

std::string bounded_queue::show() const {
  return std::to_string(numbers_.size()) + " of " + std::to_string(capacity_) + " in use, " + std::to_string(passed_) +
         " passed through, never more than " + std::to_string(peak_) + " at once, producers waited " +
         std::to_string(waits_) + " times";
}

}  // namespace steward::ready_made
