#include "actors/counter.hpp"

#include <stdexcept>
#include <string>

namespace steward::ready_made {

counter::counter(self_ptr, const actor_args& args) : value_(args.integer("start")) {}

caf::behavior counter::make_behavior() {
  return {
      [this](caf::add_atom, std::int64_t amount) { return add(amount); },
      [this](caf::get_atom) { return value_; },
      [this](show_atom) { return std::to_string(value_); },
      [](crash_atom) -> caf::result<void> { throw std::runtime_error("crash requested"); },
  };
}

caf::result<std::int64_t> counter::add(std::int64_t amount) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(value_, amount, &sum))
    return caf::make_error(errc::bad_value, std::string{"the sum would not fit in 64 bits"});
  value_ = sum;
  return value_;
}

}  // namespace steward::ready_made
