#include "actors/shared_list.hpp"

#include <stdexcept>

namespace steward::ready_made {

shared_list::shared_list(self_ptr, const actor_args& args)
    : announce_(args.boolean("announce")), print_(args.print()) {}

caf::behavior shared_list::make_behavior() {
  return {
      [this](caf::add_atom, std::int64_t number) { add(number); },
      [this](remove_atom) { return remove(); },
      [this](caf::get_atom) { return std::vector<std::int64_t>(numbers_.begin(), numbers_.end()); },
      [this](size_atom) { return static_cast<std::uint64_t>(numbers_.size()); },
      [this](show_atom) { return show(); },
      [](crash_atom) -> caf::result<void> { throw std::runtime_error("crash requested"); },
  };
}

void shared_list::add(std::int64_t number) {
  numbers_.push_back(number);
  if (announce_) print_("Added " + std::to_string(number) + ", List: " + show());
}

caf::result<std::int64_t> shared_list::remove() {
  if (numbers_.empty()) {
    if (announce_) print_("Nothing to remove, List: []");
    return caf::make_error(errc::empty, std::string{"the list has nothing to remove"});
  }
  const auto first = numbers_.front();
  numbers_.pop_front();
  if (announce_) print_("Removed " + std::to_string(first) + ", List: " + show());
  return first;
}

std::string shared_list::show() const {
  std::string out = "[";
  for (const auto number : numbers_) out += (out.size() > 1 ? ", " : "") + std::to_string(number);
  return out + "]";
}

}  // namespace steward::ready_made
