#include "actors/dictionary.hpp"

#include <stdexcept>

namespace steward::ready_made {

caf::behavior dictionary::make_behavior() {
  return {
      [this](caf::add_atom, const std::string& key, std::int64_t amount) { return add(key, amount); },
      [this](caf::put_atom, const std::string& key, std::int64_t value) { values_[key] = value; },
      [this](caf::get_atom, const std::string& key) { return get(key); },
      [this](caf::delete_atom, const std::string& key) { return values_.erase(key) > 0; },
      [this](caf::get_atom) { return values_; },
      [this](size_atom) { return static_cast<std::uint64_t>(values_.size()); },
      [this](show_atom) { return show(); },
      [](crash_atom) -> caf::result<void> { throw std::runtime_error("crash requested"); },
  };
}

caf::result<std::int64_t> dictionary::add(const std::string& key, std::int64_t amount) {
  auto& value = values_[key];
  std::int64_t sum = 0;
  if (__builtin_add_overflow(value, amount, &sum))
    return caf::make_error(errc::bad_value, "the value of '" + key + "' would not fit in 64 bits");
  value = sum;
  return value;
}

caf::result<std::int64_t> dictionary::get(const std::string& key) const {
  auto it = values_.find(key);
  if (it == values_.end()) return caf::make_error(errc::not_found, "no key '" + key + "'");
  return it->second;
}

std::string dictionary::show() const {
  std::string out = "{";
  for (const auto& [key, value] : values_) out += (out.size() > 1 ? ", " : "") + key + ": " + std::to_string(value);
  return out + "}";
}

}  // namespace steward::ready_made
