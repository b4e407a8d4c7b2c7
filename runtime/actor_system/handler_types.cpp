#include "actor_system/handler_types.hpp"

#include "steward/cause.hpp"

#include <caf/behavior.hpp>
#include <caf/config_value.hpp>
#include <caf/match_case.hpp>
#include <caf/type_nr.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <typeinfo>
#include <utility>

namespace steward::port {

namespace {

// CAF's token of a handler: six bits for each type that it takes, the last one lowest, and ones above. 0: no type of
// CAF's own. No more than five have room.
constexpr unsigned bits_of_type = 6;
constexpr std::uint32_t mask_of_type = (1U << bits_of_type) - 1;
constexpr int most_types = 5;

bool takes_own_types(std::uint32_t token) noexcept {
  for (int i = 0; i < most_types; ++i, token >>= bits_of_type) {
    const auto type = token & mask_of_type;
    if (type == mask_of_type) return false;
    if (type == 0) return true;
  }
  return true;  // perhaps: there may be more
}

/// Shows what CAF keeps for those that derive from it.
struct opened : caf::detail::behavior_impl {
  static std::span<const caf::match_case_info> handlers_of(const caf::detail::behavior_impl& x) {
    const auto* first = x.*(&opened::begin_);
    const auto* last = x.*(&opened::end_);
    if (first == nullptr || last == nullptr) return {};
    return {first, last};
  }
};

std::string_view trimmed(std::string_view x) noexcept {
  while (!x.empty() && x.front() == ' ') x.remove_prefix(1);
  while (!x.empty() && (x.back() == ' ' || x.back() == '&')) x.remove_suffix(1);
  constexpr std::string_view after = " const";
  if (x.ends_with(after)) x.remove_suffix(after.size());
  return x;
}

/// Of a `caf::param<T>` it is T that comes.
std::string_view within_param(std::string_view x) noexcept {
  constexpr std::string_view start = "caf::param<";
  return x.starts_with(start) && x.ends_with('>') ? trimmed(x.substr(start.size(), x.size() - start.size() - 1)) : x;
}

bool opens(char c) noexcept { return c == '(' || c == '<' || c == '{' || c == '['; }
bool closes(char c) noexcept { return c == ')' || c == '>' || c == '}' || c == ']'; }

/// Where the bracket that opens at `at` closes; npos when it does not, as in the name of an operator.
std::size_t end_of_bracket(std::string_view x, std::size_t at) noexcept {
  int depth = 0;
  for (auto i = at; i < x.size(); ++i) {
    if (opens(x[i])) ++depth;
    if (closes(x[i]) && --depth == 0) return i;
  }
  return std::string_view::npos;
}

/// The last bracket of this kind that is in no other one.
std::string_view last_bracket(std::string_view x, std::string_view start) noexcept {
  std::string_view out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!opens(x[i])) continue;
    const auto end = end_of_bracket(x, i);
    if (end == std::string_view::npos) return {};
    if (x.substr(i).starts_with(start)) out = x.substr(i, end - i + 1);
    i = end;
  }
  return out;
}

std::string_view inner(std::string_view bracket) noexcept {
  return bracket.size() < 2 ? std::string_view{} : bracket.substr(1, bracket.size() - 2);
}

/// "(A, B)" of "scope::{lambda(A, B)#1}", "R (*)(A, B)" and "std::function<R (A, B)>".
std::string_view list_of_parameters(std::string_view callable) noexcept {
  if (const auto lambda = last_bracket(callable, "{lambda("); !lambda.empty() && callable.ends_with(lambda))
    return last_bracket(inner(lambda), "(");
  if (callable.starts_with("std::function<")) return last_bracket(inner(last_bracket(callable, "<")), "(");
  return callable.ends_with(')') ? last_bracket(callable, "(") : std::string_view{};
}

template <class... Ts>
std::set<std::string, std::less<>> names_of(caf::detail::type_list<Ts...>) {
  return {demangle(typeid(Ts).name())...};
}

/// CAF's own, and numbers, which it turns into its own.
bool is_of_caf(std::string_view type) {
  constexpr std::array numbers{std::string_view{"char"},      std::string_view{"signed char"},
                               std::string_view{"short"},     std::string_view{"unsigned short"},
                               std::string_view{"int"},       std::string_view{"unsigned int"},
                               std::string_view{"long"},      std::string_view{"unsigned long"},
                               std::string_view{"long long"}, std::string_view{"unsigned long long"},
                               std::string_view{"wchar_t"},   std::string_view{"char8_t"},
                               std::string_view{"char16_t"},  std::string_view{"char32_t"}};
  static const auto others = names_of(caf::sorted_builtin_types{});
  return type.starts_with("caf::atom_constant<") || type.starts_with("auto:") || others.contains(type) ||
         std::ranges::find(numbers, type) != numbers.end();
}

}  // namespace

std::vector<std::string> parameters_in(std::string_view callable) {
  std::vector<std::string> out;
  const auto list = inner(list_of_parameters(callable));
  std::size_t from = 0;
  for (std::size_t i = 0; i <= list.size(); ++i) {
    if (i < list.size() && opens(list[i])) i = end_of_bracket(list, i);
    if (i < list.size() && list[i] != ',') continue;
    if (const auto one = within_param(trimmed(list.substr(from, i - from))); !one.empty()) out.emplace_back(one);
    from = i + 1;
  }
  return out;
}

std::vector<std::string> unannounced_types(const caf::behavior& handlers,
                                           const std::unordered_map<std::type_index, std::string>& travel) {
  std::vector<std::string> out;
  const auto& all = handlers.as_behavior_impl();
  if (!all) return out;
  for (const auto& one : opened::handlers_of(*all)) {
    if (!takes_own_types(one.type_token)) continue;
    const auto& handler = *one.ptr;
    const auto name = demangle(typeid(handler).name());  // "caf::trivial_match_case<CALLABLE>"
    for (auto& type : parameters_in(trimmed(inner(last_bracket(name, "<"))))) {
      if (is_of_caf(type) || std::ranges::find(out, type) != out.end()) continue;
      const auto is_it = [&](const auto& known) { return demangle(known.first.name()) == type; };
      if (std::ranges::none_of(travel, is_it)) out.push_back(std::move(type));
    }
  }
  return out;
}

}  // namespace steward::port
