#include "steward/actor.hpp"

#include "base/names.hpp"
#include "base/params.hpp"
#include "steward/actor_pool.hpp"
#include "steward/cause.hpp"
#include "steward/child.hpp"

#include <algorithm>
#include <stdexcept>

namespace steward {

namespace {

[[noreturn]] void no_such_parameter(std::string_view name, const char* type) {
  throw std::out_of_range("no parameter '" + std::string{name} + "' of type " + type);
}

template <class T>
const T& get(const param_map& params, std::string_view name, const char* type) {
  auto it = params.find(std::string{name});
  if (it != params.end())
    if (const auto* value = std::get_if<T>(&it->second.value)) return *value;
  no_such_parameter(name, type);
}

}  // namespace

std::int64_t actor_args::integer(std::string_view name) const {
  return get<std::int64_t>(params_, name, to_string(param_type::integer));
}
double actor_args::real(std::string_view name) const { return get<double>(params_, name, to_string(param_type::real)); }
bool actor_args::boolean(std::string_view name) const {
  return get<bool>(params_, name, to_string(param_type::boolean));
}
std::string actor_args::text(std::string_view name) const {
  return get<std::string>(params_, name, to_string(param_type::text));
}
milliseconds actor_args::duration(std::string_view name) const {
  return get<milliseconds>(params_, name, to_string(param_type::duration));
}
caf::actor actor_args::actor(std::string_view name) const {
  auto it = actors_.find(std::string{name});
  if (it == actors_.end()) no_such_parameter(name, to_string(param_type::actor));
  if (!it->second) throw std::out_of_range("the actor that parameter '" + std::string{name} + "' names is not there");
  return it->second;
}

actor_pool actor_args::pool(std::string_view name) const {
  if (pools_ != nullptr)
    if (const auto found = pools_->paths.find(name); found != pools_->paths.end())
      return {self_, pools_->finder, found->second};
  no_such_parameter(name, to_string(param_type::pool));
}

const char* to_string(treatment x) noexcept {
  switch (x) {
    case treatment::restart:
      return "restart";
    case treatment::resume:
      return "resume";
    case treatment::stop:
      return "stop";
    case treatment::escalate:
      return "escalate";
  }
  return "unknown";
}

const actor_entry* actor_registry::find(std::string_view name) const noexcept {
  auto it = std::find_if(entries_.begin(), entries_.end(), [&](const actor_entry& e) { return e.name == name; });
  return it == entries_.end() ? nullptr : &*it;
}

std::vector<const actor_entry*> actor_registry::all() const {
  std::vector<const actor_entry*> out;
  for (const auto& e : entries_) out.push_back(&e);
  return out;
}

void actor_registry::insert(actor_entry entry) {
  if (!is_registered_name(entry.name))
    throw std::invalid_argument("actor name '" + entry.name + "' is not of the form [a-z][a-z0-9_]*");
  if (find(entry.name) != nullptr)
    throw std::invalid_argument("an actor is already registered as '" + entry.name + "'");
  entries_.push_back(std::move(entry));
}

const actor_entry* entry_of(const actor_spec& spec, const actor_registry& registered) noexcept {
  return spec.own ? spec.own.get() : registered.find(spec.type);
}

namespace child::detail {

std::string short_name(const std::type_info& type) {
  const auto whole = demangle(type.name());
  const auto name = whole.substr(0, whole.find('<'));
  const auto colon = name.rfind(':');
  return colon == std::string::npos ? name : name.substr(colon + 1);
}

std::vector<param_spec> as_given(const param_map& params) {
  std::vector<param_spec> out;
  for (const auto& [name, value] : params) {
    param_spec one;
    one.name = name;
    one.type = type_of(value);
    out.push_back(std::move(one));
  }
  return out;
}

actor_spec spec_of(const std::type_info& state, state_factory make, std::vector<param_spec> declared, param_map params,
                   plain_factory plain, std::vector<const std::type_info*> message_types) {
  auto entry = std::make_shared<actor_entry>();
  entry->name = short_name(state);
  entry->params = declared.empty() ? as_given(params) : std::move(declared);
  entry->make = std::move(make);
  entry->plain = plain;
  entry->message_types = std::move(message_types);
  actor_spec out;
  out.type = entry->name;
  out.params = std::move(params);
  out.own = std::move(entry);
  return out;
}

}  // namespace child::detail

}  // namespace steward
