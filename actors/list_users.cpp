#include "actors/list_users.hpp"

#include <stdexcept>

namespace steward::ready_made {

namespace {

constexpr milliseconds list_answers_within{10'000};

}  // namespace

adder::adder(self_ptr self, const actor_args& args)
    : self_(self),
      list_(args.actor("list")),
      left_(args.integer("count")),
      interval_(args.duration("interval")),
      random_(args.seed()),
      numbers_(args.integer("min"), args.integer("max")) {
  if (args.integer("min") > args.integer("max")) throw std::invalid_argument("adder: min is greater than max");
}

caf::behavior adder::make_behavior() {
  tell_after(self_, milliseconds{0}, handle_of(self_), caf::tick_atom::value);
  return {[this](caf::tick_atom) { step(); }};
}

void adder::step() {
  if (left_-- == 0) {
    self_->quit();
    return;
  }
  tell(self_, list_, caf::add_atom::value, numbers_(random_));
  tell_after(self_, interval_, handle_of(self_), caf::tick_atom::value);
}

remover::remover(self_ptr self, const actor_args& args)
    : self_(self), list_(args.actor("list")), left_(args.integer("count")), interval_(args.duration("interval")) {}

caf::behavior remover::make_behavior() {
  tell_after(self_, interval_, handle_of(self_), caf::tick_atom::value);
  return {[this](caf::tick_atom) { step(); }};
}

void remover::step() {
  if (left_-- == 0) {
    self_->quit();
    return;
  }
  ask(self_, list_, list_answers_within, remove_atom::value)
      .then([this](std::int64_t) { tell_after(self_, interval_, handle_of(self_), caf::tick_atom::value); },
            [this](caf::error& problem) {
              if (code_of(problem) != errc::empty)
                throw std::runtime_error("remover: the list answered: " + describe(problem));
              tell_after(self_, interval_, handle_of(self_), caf::tick_atom::value);
            });
}

}  // namespace steward::ready_made
