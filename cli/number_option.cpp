#include "cli/number_option.hpp"

#include "config/values.hpp"

#include <fmt/format.h>

#include <limits>
#include <string>

namespace steward::cli {

namespace {

std::string range_of(std::int64_t min, std::int64_t max) {
  return max == std::numeric_limits<std::int64_t>::max() ? fmt::format("from {} on", min)
                                                         : fmt::format("from {} to {}", min, max);
}

std::string refuse(const config::value_fault& fault, const std::string& expected) {
  const auto meant = fault.more.suggestion ? fmt::format("; did you mean '{}'?", *fault.more.suggestion) : "";
  return fmt::format("{} (expected {}{})", fault.message, expected, meant);
}

}  // namespace

CLI::Validator whole_number(std::int64_t min, std::int64_t max) {
  const auto check = [=](const std::string& text) -> std::string {
    const auto fits = [=](std::int64_t x) { return x >= min && x <= max; };
    const auto expected = "an integer " + range_of(min, max);
    const auto value = config::parse_integer(text, fits);
    if (const auto* fault = std::get_if<config::value_fault>(&value)) return refuse(*fault, expected);
    const auto number = std::get<std::int64_t>(value);
    if (fits(number)) return "";
    return refuse({fmt::format("{} is too {}", number, number < min ? "small" : "large"), {}}, expected);
  };
  return {check, fmt::format("INT {}", range_of(min, max)), "whole_number"};
}

CLI::Validator real_number(double min, double max) {
  const auto check = [=](const std::string& text) -> std::string {
    const auto expected = fmt::format("a number from {} to {}", min, max);
    const auto value = config::parse_real(text);
    if (const auto* fault = std::get_if<config::value_fault>(&value)) return refuse(*fault, expected);
    const auto number = std::get<double>(value);
    if (number >= min && number <= max) return "";
    return refuse({fmt::format("{} is too {}", text, number < min ? "small" : "large"), {}}, expected);
  };
  return {check, fmt::format("FLOAT from {} to {}", min, max), "real_number"};
}

}  // namespace steward::cli
