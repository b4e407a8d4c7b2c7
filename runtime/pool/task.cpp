#include "steward/task.hpp"

#include <algorithm>
#include <stdexcept>

namespace steward {

namespace detail {

std::string argument_problem(std::size_t index, const std::string& type, const std::string& problem) {
  return "argument " + std::to_string(index + 1) + " (" + type + "): " + problem;
}

std::string arity_problem(std::size_t wanted, std::size_t given) {
  return "takes " + std::to_string(wanted) + (wanted == 1 ? " argument, not " : " arguments, not ") +
         std::to_string(given);
}

}  // namespace detail

namespace {

bool valid_name(std::string_view name) {
  if (name.empty() || name[0] < 'a' || name[0] > 'z') return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

}  // namespace

const task_entry* task_registry::find(std::string_view name) const noexcept {
  const auto at =
      std::find_if(entries_.begin(), entries_.end(), [name](const task_entry& entry) { return entry.name == name; });
  return at == entries_.end() ? nullptr : &*at;
}

std::vector<const task_entry*> task_registry::all() const {
  std::vector<const task_entry*> out;
  out.reserve(entries_.size());
  for (const auto& entry : entries_) out.push_back(&entry);
  return out;
}

const task_entry* task_registry::insert(task_entry entry) {
  if (!valid_name(entry.name))
    throw std::invalid_argument("'" + entry.name + "' is not a task name: it takes [a-z][a-z0-9_]*");
  if (find(entry.name)) throw std::invalid_argument("a task named '" + entry.name + "' is registered already");
  entries_.push_back(std::move(entry));
  return &entries_.back();
}

}  // namespace steward
