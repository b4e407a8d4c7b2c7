#include "cli/views/orders.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace steward::cli::orders {
namespace {

using json = nlohmann::ordered_json;

std::string text_in(const json& from, const char* key) {
  const auto it = from.find(key);
  return it != from.end() && it->is_string() ? escape_text(it->get<std::string>()) : std::string{};
}

std::string target(std::string_view of, std::string_view path, std::string_view verb) {
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  return fmt::format("/v1/{}/{}/{}", of, percent_encoded(path, "/"), verb);
}

}  // namespace

std::string target_of_child(std::string_view path, std::string_view verb) { return target("children", path, verb); }
std::string target_of_pool(std::string_view path) { return target("pools", path, "resize"); }
std::string body_of_resize(unsigned workers) { return fmt::format("{{\"workers\":{}}}", workers); }

std::string words_of(const http_answer& answer) {
  const auto parsed = json::parse(answer.body, nullptr, false);
  if (!parsed.is_object()) return {};
  auto out = text_in(parsed, "text");
  if (!out.empty()) out += "\n";
  if (const auto changes = parsed.find("changes"); changes != parsed.end() && changes->is_array())
    for (const auto& one : *changes) {
      const auto waits = text_in(one, "waits_for");
      out += fmt::format("  {}: {}; {}\n", text_in(one, "path"), text_in(one, "what"),
                         waits.empty() ? "at once" : "waits for " + waits);
    }
  return out;
}

}  // namespace steward::cli::orders
