#include "steward/spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace steward {

const char* to_string(restart_type x) noexcept {
  switch (x) {
    case restart_type::permanent:
      return "permanent";
    case restart_type::transient:
      return "transient";
    case restart_type::temporary:
      return "temporary";
  }
  return "unknown";
}

const char* to_string(strategy x) noexcept {
  switch (x) {
    case strategy::one_for_one:
      return "one_for_one";
    case strategy::one_for_all:
      return "one_for_all";
    case strategy::rest_for_one:
      return "rest_for_one";
    case strategy::simple_one_for_one:
      return "simple_one_for_one";
  }
  return "unknown";
}

const char* to_string(rung x) noexcept {
  switch (x) {
    case rung::thread:
      return "thread";
    case rung::process:
      return "process";
  }
  return "unknown";
}

const char* to_string(auto_shutdown x) noexcept {
  switch (x) {
    case auto_shutdown::never:
      return "never";
    case auto_shutdown::any_significant:
      return "any_significant";
    case auto_shutdown::all_significant:
      return "all_significant";
  }
  return "unknown";
}

const char* to_string(spent_policy x) noexcept {
  switch (x) {
    case spent_policy::escalate:
      return "escalate";
    case spent_policy::park:
      return "park";
    case spent_policy::end:
      return "end";
  }
  return "unknown";
}

const char* to_string(overflow_policy x) noexcept {
  switch (x) {
    case overflow_policy::reject:
      return "reject";
    case overflow_policy::drop_oldest:
      return "drop_oldest";
    case overflow_policy::drop_newest:
      return "drop_newest";
    case overflow_policy::give_back:
      return "give_back";
  }
  return "unknown";
}

const char* to_string(hang_policy x) noexcept {
  switch (x) {
    case hang_policy::report:
      return "report";
    case hang_policy::replace:
      return "replace";
    case hang_policy::kill:
      return "kill";
  }
  return "unknown";
}

const char* to_string(stop_policy x) noexcept {
  switch (x) {
    case stop_policy::discard:
      return "discard";
    case stop_policy::drain:
      return "drain";
  }
  return "unknown";
}

const char* to_string(full_policy x) noexcept {
  switch (x) {
    case full_policy::reject:
      return "reject";
    case full_policy::block:
      return "block";
  }
  return "unknown";
}

const char* to_string(failure_policy x) noexcept {
  switch (x) {
    case failure_policy::collect_all:
      return "collect_all";
    case failure_policy::first_error:
      return "first_error";
  }
  return "unknown";
}

const char* to_string(sandbox_level x) noexcept {
  switch (x) {
    case sandbox_level::none:
      return "none";
    case sandbox_level::basic:
      return "basic";
    case sandbox_level::strict:
      return "strict";
  }
  return "unknown";
}

namespace {
constexpr milliseconds default_limit{5'000};           // of a child's start and stop
constexpr milliseconds default_command_limit{10'000};  // of a program's
}  // namespace

bool worker_sees(std::string_view variable) noexcept {
  constexpr std::array always{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TZ", "TMPDIR", "LANG", "TERM"};
  return variable.starts_with("LC_") || std::find(always.begin(), always.end(), variable) != always.end();
}

milliseconds shutdown_of(const child_spec& x) noexcept {
  if (x.shutdown) return *x.shutdown;
  if (std::holds_alternative<std::shared_ptr<supervisor_spec>>(x.what)) return infinity;
  if (std::holds_alternative<command_spec>(x.what)) return default_command_limit;
  const auto* pool = std::get_if<pool_spec>(&x.what);
  return std::max(default_limit, pool ? pool->limits.shutdown : milliseconds{0});
}

milliseconds start_within_of(const child_spec& x) noexcept {
  if (std::holds_alternative<command_spec>(x.what)) return x.start_within.value_or(default_command_limit);
  return x.start_within.value_or(std::holds_alternative<actor_spec>(x.what) ? default_limit : infinity);
}

const char* to_string(param_type x) noexcept {
  switch (x) {
    case param_type::integer:
      return "integer";
    case param_type::real:
      return "real";
    case param_type::boolean:
      return "boolean";
    case param_type::text:
      return "text";
    case param_type::duration:
      return "duration";
    case param_type::actor:
      return "actor";
    case param_type::pool:
      return "pool";
  }
  return "unknown";
}

std::string render_duration(milliseconds x) {
  struct unit {
    std::int64_t ms;
    std::string_view name;
  };
  constexpr std::array<unit, 3> units{{{3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}}};
  if (x == infinity) return "infinity";
  const std::int64_t count = x.count();
  for (const auto& u : units) {
    if (count != 0 && count % u.ms == 0) {
      return fmt::format("{}{}", count / u.ms, u.name);
    }
  }
  return fmt::format("{}ms", count);
}

std::string describe(const spec_fault& x) {
  auto out = x.path;
  for (const auto* part : {&x.field, &x.message})
    if (!part->empty()) out += (out.empty() ? "" : ": ") + *part;
  if (!x.expected.empty()) out += "; expected " + x.expected;
  return out;
}

}  // namespace steward
