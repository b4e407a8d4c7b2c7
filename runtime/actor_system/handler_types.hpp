#pragma once

#include <caf/fwd.hpp>

#include <string>
#include <string_view>
#include <typeindex>
#include <unordered_map>
#include <vector>

namespace steward::port {

/// The types that these handlers take and that are not among those that `travel`, as people write them, each once: no
/// message with one of them comes from another process. CAF forgets what a handler takes, and what is left is the name
/// of the handler's type; so lambdas, functions and std::functions are looked at, and other callables are passed over,
/// as are a behaviour that was put together by `or_else`, and with clang lambdas of functions that are not inline.
/// CAF's own types cost nothing. Pure.
std::vector<std::string> unannounced_types(const caf::behavior& handlers,
                                           const std::unordered_map<std::type_index, std::string>& travel);

/// The types of the parameters in the readable name of a callable's type, without const and references; none where
/// the name does not show them. Pure.
std::vector<std::string> parameters_in(std::string_view callable);

}  // namespace steward::port
