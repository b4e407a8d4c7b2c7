#include "config/schema.hpp"

#include "steward/spec.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace steward::config {
namespace {

using enum value_kind;

constexpr std::int64_t mib = 1'048'576;

std::string join(const std::vector<std::string>& words) {
  std::string result;
  for (std::size_t i = 0; i < words.size(); ++i) {
    result += i == 0 ? "" : (i + 1 == words.size() ? " or " : ", ");
    result += words[i];
  }
  return result;
}

// " or infinity": the words that may stand instead of a number.
std::string render_words(const field& of) {
  std::string result;
  for (const auto& one : of.words) {
    result += " or " + one;
  }
  return result;
}

std::string render_range(const field& of) {
  if (!of.min || !of.max) {
    return "";
  }
  if (*of.max == no_upper_limit) {
    return fmt::format(" from {} on", render_bound(of, *of.min));
  }
  return fmt::format("{} from {} to {}", of.or_zero ? ", " + none_of(of) + " or" : "", render_bound(of, *of.min),
                     render_bound(of, *of.max));
}

}  // namespace

std::vector<const field*> fields_of(std::string_view section) {
  std::vector<const field*> result;
  for (const auto& one : schema()) {
    if (one.section == section) {
      result.push_back(&one);
    }
  }
  return result;
}

const field* find_field(std::string_view section, std::string_view key) {
  const auto all = schema();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const field& x) { return x.section == section && x.key == key; });
  return found == all.end() ? nullptr : &*found;
}

std::string expectation(const field& of) {
  switch (of.kind) {
    case text:
      return "text";
    case name:
      return "1 to 64 letters, digits, '_', '-' and '.', with a letter, digit or '_' first";
    case integer:
      return "an integer" + render_range(of) + render_words(of);
    case real:
      return "a number" + render_range(of);
    case boolean:
      return "true or false";
    case duration:
      return "a duration such as 200ms or 5s" + render_range(of) + render_words(of);
    case size:
      return "a size such as 64MiB or 1GiB" + render_range(of);
    case choice:
      return join(of.allowed);
    case texts:
      return "a list such as [a, b]";
    case integers:
      return "a list of integers" + render_range(of);
    case choices:
      return "a list of " + join(of.allowed);
    case section:
      return "a map";
    case sections:
      return "a list of maps";
    case special:
      return std::string{of.doc};
  }
  return "";
}

bool is_within(const field& of, std::int64_t value) {
  return (of.or_zero && value == 0) || ((!of.min || value >= *of.min) && (!of.max || value <= *of.max));
}

std::string none_of(const field& of) { return of.kind == duration ? "0s" : of.kind == size ? "0B" : "0"; }

std::string render_bound(const field& of, std::int64_t bound) {
  if (of.kind == duration) {
    return render_duration(milliseconds{bound});
  }
  if (of.kind != size) {
    return fmt::format("{}", bound);
  }
  constexpr std::int64_t kib = 1'024;
  if (bound != 0 && bound % (mib * kib) == 0) {
    return fmt::format("{}GiB", bound / (mib * kib));
  }
  if (bound != 0 && bound % mib == 0) {
    return fmt::format("{}MiB", bound / mib);
  }
  return fmt::format("{}B", bound);
}

}  // namespace steward::config
