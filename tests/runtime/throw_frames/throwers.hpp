#pragma once

#include <string>

/// Functions that throw two calls deep; exported, so that they have names without debug information.
namespace steward::test {

[[gnu::noinline]] int price_of(const std::string& name);
[[gnu::noinline]] int total_of(const std::string& name);
/// Catches what is thrown in the course of another exception.
[[gnu::noinline]] int total_with_notes(const std::string& name);
[[gnu::noinline]] void write_note();

}  // namespace steward::test
