#pragma once

#include "steward/spec.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

namespace steward {

/// Declares a parameter of an actor: its name, its type, and what holds for it. Without a `fallback` it is required.
///
///     app.actor<tally>("tally", {parameter::integer("start").fallback(0).range(0, 100).doc("the first value"),
///                                parameter::actor("list").doc("whom it asks")});
class parameter {
public:
  static parameter integer(std::string name) { return {std::move(name), param_type::integer}; }
  static parameter real(std::string name) { return {std::move(name), param_type::real}; }
  static parameter boolean(std::string name) { return {std::move(name), param_type::boolean}; }
  static parameter text(std::string name) { return {std::move(name), param_type::text}; }
  static parameter duration(std::string name) { return {std::move(name), param_type::duration}; }
  /// The id or path of another actor of the tree; `actor_args::actor` has its handle.
  static parameter actor(std::string name) { return {std::move(name), param_type::actor}; }
  /// The id or path of a pool of the tree that starts before the actor; `actor_args::pool` has its handle.
  static parameter pool(std::string name) { return {std::move(name), param_type::pool}; }

  /// The value of whoever gives none. It must have the parameter's type.
  parameter fallback(param_value x) && {
    spec_.fallback = std::move(x);
    return std::move(*this);
  }
  /// Bounds of an integer, both included.
  parameter range(std::int64_t min, std::int64_t max) && {
    spec_.min = min;
    spec_.max = max;
    return std::move(*this);
  }
  /// Bounds of a duration, both included.
  parameter range(milliseconds min, milliseconds max) && { return std::move(*this).range(min.count(), max.count()); }
  parameter at_least(std::int64_t min) && {
    spec_.min = min;
    return std::move(*this);
  }
  /// A sentence for people: `steward actors` prints it.
  parameter doc(std::string x) && {
    spec_.doc = std::move(x);
    return std::move(*this);
  }

  operator param_spec() && { return std::move(spec_); }
  operator param_spec() const& { return spec_; }

private:
  parameter(std::string name, param_type type) {
    spec_.name = std::move(name);
    spec_.type = type;
  }

  param_spec spec_;
};

}  // namespace steward
