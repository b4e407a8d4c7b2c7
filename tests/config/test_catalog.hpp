#pragma once

#include "config/diagnostics.hpp"
#include "config/loader.hpp"
#include "config/scenario.hpp"
#include "config/values.hpp"

#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace steward::config {

inline param_spec make_param(std::string name, param_type type, std::optional<param_value> fallback = std::nullopt,
                             std::optional<std::int64_t> min = std::nullopt,
                             std::optional<std::int64_t> max = std::nullopt) {
  return {std::move(name), type, std::move(fallback), min, max, ""};
}

// Checks the arguments of a call by their C++ types, as a registered task does: 'i' int64, 'u' uint32, 's' text.
inline task_info make_task(std::string name, std::string types, std::string signature) {
  task_info result{std::move(name), std::move(signature), types.size(), true, {}};
  result.check = [types](const task_input& input) -> std::optional<std::string> {
    for (std::size_t i = 0; i < types.size(); ++i) {
      if (types[i] == 's') {
        continue;
      }
      const auto value = parse_integer(input.at(i));
      const auto* number = std::get_if<std::int64_t>(&value);
      if (number == nullptr || (types[i] == 'u' && (*number < 0 || *number > 0xffff'ffff))) {
        return "'" + input[i] + "' is not " + (types[i] == 'u' ? "a uint32" : "an int64");
      }
    }
    return std::nullopt;
  };
  return result;
}

// The ready-made actors and tasks as they are registered, and a few that only tests need.
inline catalog make_catalog() {
  const auto count = [] {
    return make_param("count", param_type::integer, param_value{std::int64_t{10}}, 1, 1'000'000);
  };
  const auto interval = [] {
    return make_param("interval", param_type::duration, param_value{milliseconds{0}}, 0, 60'000);
  };
  catalog result;
  result.actors = {
      {"shared_list", {make_param("announce", param_type::boolean, param_value{false})}},
      {"adder",
       {make_param("list", param_type::actor), count(), interval(),
        make_param("min", param_type::integer, param_value{std::int64_t{1}}),
        make_param("max", param_type::integer, param_value{std::int64_t{100}})}},
      {"remover", {make_param("list", param_type::actor), count(), interval()}},
      {"bounded_queue", {make_param("capacity", param_type::integer, param_value{std::int64_t{10}}, 1, 1'000'000)}},
      {"producer", {make_param("queue", param_type::actor), count(), interval()}},
      {"consumer", {make_param("queue", param_type::actor), count(), interval()}},
      {"dictionary", {}},
      {"counter", {make_param("start", param_type::integer, param_value{std::int64_t{0}})}},
      {"cruncher", {make_param("pool", param_type::pool)}},
      {"mute", {}},
      {"teller", {}, {"shop::order"}},
      {"typed",
       {make_param("ratio", param_type::real, param_value{0.5}),
        make_param("loud", param_type::boolean, param_value{false}), make_param("title", param_type::text)}},
  };
  result.tasks = {
      make_task("square", "i", "int64(int64)"),
      make_task("factorial", "u", "string(uint32)"),
      make_task("wait_ms", "u", "uint32(uint32)"),
      make_task("count_primes", "u", "uint32(uint32)"),
      make_task("square_unless", "is", "int64(int64, string)"),
      make_task("tally", "su", "uint64(string, uint32)"),
      {"opaque", "value(value)", 1, false, {}},
  };
  return result;
}

inline load_result load(std::string_view text, load_options options = {}) {
  return load_text(text, "test.yaml", make_catalog(), options);
}

inline std::string render_all(const std::vector<diagnostic>& faults) {
  std::string result;
  for (const auto& one : faults) {
    result += render(one);
  }
  return result;
}

inline std::string scenario_path(std::string_view name) {
  return std::string{STEWARD_SCENARIO_DIR} + "/" + std::string{name} + ".yaml";
}

inline std::string read_scenario(std::string_view name) {
  std::ifstream in{scenario_path(name), std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{}};
}

}  // namespace steward::config
