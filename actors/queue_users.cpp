#include "actors/queue_users.hpp"

#include <stdexcept>
#include <string>

namespace steward::ready_made {

namespace {

constexpr milliseconds queue_answers_within{60'000};

[[noreturn]] void queue_failed(const char* who, const caf::error& problem) {
  throw std::runtime_error(std::string{who} + ": the queue answered: " + describe(problem));
}

}  // namespace

producer::producer(self_ptr self, const actor_args& args)
    : self_(self),
      queue_(args.actor("queue")),
      count_(args.integer("count")),
      interval_(args.duration("interval")),
      print_(args.print()) {}

caf::behavior producer::make_behavior() {
  tell_after(self_, milliseconds{0}, handle_of(self_), caf::tick_atom::value);
  return {[this](caf::tick_atom) { step(); }};
}

void producer::step() {
  if (next_ > count_) {
    print_("Produced " + std::to_string(count_) + " items");
    self_->quit();
    return;
  }
  ask(self_, queue_, queue_answers_within, push_atom::value, next_)
      .then(
          [this] {
            ++next_;
            tell_after(self_, interval_, handle_of(self_), caf::tick_atom::value);
          },
          [](caf::error& problem) { queue_failed("producer", problem); });
}

consumer::consumer(self_ptr self, const actor_args& args)
    : self_(self),
      queue_(args.actor("queue")),
      count_(args.integer("count")),
      interval_(args.duration("interval")),
      print_(args.print()) {}

caf::behavior consumer::make_behavior() {
  tell_after(self_, milliseconds{0}, handle_of(self_), caf::tick_atom::value);
  return {[this](caf::tick_atom) { step(); }};
}

void consumer::step() {
  if (taken_ == count_) {
    print_("Consumed " + std::to_string(taken_) + " items " + (in_order_ ? "in order" : "OUT OF ORDER") + ", sum " +
           std::to_string(sum_));
    self_->quit();
    return;
  }
  ask(self_, queue_, queue_answers_within, pop_atom::value)
      .then([this](std::int64_t number) { got(number); },
            [](caf::error& problem) { queue_failed("consumer", problem); });
}

void consumer::got(std::int64_t number) {
  ++taken_;
  sum_ += number;
  in_order_ = in_order_ && number > last_;
  last_ = number;
  tell_after(self_, interval_, handle_of(self_), caf::tick_atom::value);
}

}  // namespace steward::ready_made
