#include "cli/explain.hpp"

#include "cli/exit_codes.hpp"
#include "cli/words.hpp"
#include "config/schema.hpp"
#include "config/suggest.hpp"
#include "observe/report_text.hpp"
#include "observe/standard_streams.hpp"
#include "steward/event.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace steward::cli {
namespace {

using config::field;
using config::value_kind;
using nlohmann::json;

/// One thing that a word means.
struct meaning {
  std::string name;   ///< "pool.deadline", "crash", "4"
  std::string about;  ///< "config key", "event kind" and so on
  std::string doc;
  std::vector<std::pair<std::string, std::string>> facts;
};

/// Where maps of this section stand: "behind `pool` of a child".
std::string place_of(std::string_view section) {
  std::string out;
  for (const auto& one : config::schema())
    if (one.nested == section) out += fmt::format("{}`{}.{}`", out.empty() ? "" : ", ", one.section, one.key);
  return out;
}

bool is_number(const field& of) {
  return of.kind == value_kind::integer || of.kind == value_kind::real || of.kind == value_kind::duration ||
         of.kind == value_kind::size;
}

/// A value of the kind, as it would be written: the default where that says something, else a usual one that is right.
std::string example_of(const field& of) {
  if (of.kind == value_kind::choice) return std::string{of.key} + ": " + of.allowed.back();
  if (of.kind == value_kind::boolean) return std::string{of.key} + (of.fallback == "true" ? ": false" : ": true");
  if (of.kind == value_kind::texts) return fmt::format("{}: [a, b]", of.key);
  if (of.kind == value_kind::integers) return fmt::format("{}: [2, 4, 8]", of.key);
  if (!is_number(of)) return {};
  if (of.fallback && !of.fallback->empty() && *of.fallback != config::none_of(of))
    return fmt::format("{}: {}", of.key, *of.fallback);
  constexpr std::int64_t two_seconds = 2'000, quarter_gib = 268'435'456, some = 4;
  auto usual = of.kind == value_kind::duration ? two_seconds : of.kind == value_kind::size ? quarter_gib : some;
  if (!config::is_within(of, usual)) usual = of.min.value_or(0);
  return fmt::format("{}: {}", of.key, config::render_bound(of, usual));
}

meaning meaning_of(const field& of) {
  meaning out{fmt::format("{}.{}", of.section, of.key), "config key", std::string{of.doc}, {}};
  if (of.kind != value_kind::special) out.facts.emplace_back("takes", config::expectation(of));
  if (of.required)
    out.facts.emplace_back("default", "none: it must be given");
  else if (of.fallback && !of.fallback->empty())
    out.facts.emplace_back("default", *of.fallback);
  if (!of.unit.empty() && of.kind == value_kind::integer) out.facts.emplace_back("counts", of.unit);
  if (!of.nested.empty()) {
    std::string keys;
    for (const auto* one : config::fields_of(of.nested)) keys += (keys.empty() ? "" : ", ") + std::string{one->key};
    out.facts.emplace_back("keys", std::move(keys));
  }
  if (const auto place = place_of(of.section); !place.empty()) out.facts.emplace_back("stands in", place);
  if (auto example = example_of(of); !example.empty()) out.facts.emplace_back("example", std::move(example));
  return out;
}

std::string_view last_of(std::string_view path) { return path.substr(path.rfind('.') + 1); }

/// A path as faults have it, "tree.children[0].pool", in the words of --set: "tree.children.0.pool".
std::string with_dots(std::string path) {
  std::erase(path, ']');
  std::replace(path.begin(), path.end(), '[', '.');
  return path;
}

/// Whether a word names this field: by its key, by section and key, or by a path that ends in it.
bool names(std::string_view word, const field& of) {
  if (word == of.key) return true;
  const auto dot = word.rfind('.');
  if (dot == std::string_view::npos || word.substr(dot + 1) != of.key) return false;
  const auto before = word.substr(0, dot);
  const auto owner = last_of(before);
  if (owner == of.section) return true;
  const auto list = before.size() > owner.size() ? last_of(before.substr(0, before.size() - owner.size() - 1)) : "";
  // In a path the key of the map stands before it, not its section; "backoff" of a child, "worker_backoff" of a pool.
  // Between a list and a key of its elements stands the id or the number of one of them.
  const auto all = config::schema();
  return std::any_of(all.begin(), all.end(), [&](const field& x) {
    return x.nested == of.section && (x.key == owner || (x.kind == value_kind::sections && x.key == list));
  });
}

void add_words(std::string_view wanted, std::span<const word> words, const char* about, std::vector<meaning>& out) {
  for (const auto& one : words) {
    const std::string padded = ", " + std::string{one.name} + ",";
    if (padded.find(", " + std::string{wanted} + ",") != std::string::npos)
      out.push_back({std::string{one.name}, about, std::string{one.meaning}, {}});
  }
}

/// As views and the log write it: "GAVE UP" is gave_up, "was up" is one of those that "was" explains.
std::string as_listed(std::string text, char between) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
  if (text.starts_with("was ")) return "was";
  std::replace(text.begin(), text.end(), between == '_' ? ' ' : '_', between);
  return text;
}

/// Kinds of events by their titles in the log.
void add_titles(const std::string& word, std::vector<meaning>& out) {
  for (int i = 0; i <= int(event_kind::child); ++i) {
    const auto kind = static_cast<event_kind>(i);
    const std::string_view name = to_string(kind);
    if (as_listed(std::string{report::title_of(kind)}, ' ') == as_listed(word, ' ') && name != as_listed(word, '_'))
      add_words(name, event_kinds(), "event kind", out);
  }
}

std::vector<meaning> meanings_of(const std::string& word) {
  std::vector<meaning> out;
  const auto wanted = with_dots(word);
  for (const auto& one : config::schema())
    if (names(wanted, one)) out.push_back(meaning_of(one));
  add_words(as_listed(wanted, '_'), child_statuses(), "status of a child or a run", out);
  add_words(as_listed(wanted, ' '), view_headings(), "what views show", out);
  add_words(as_listed(wanted, '_'), event_kinds(), "event kind", out);
  add_titles(wanted, out);
  add_words(wanted, cause_classes(), "cause class", out);
  add_words(wanted, exit_codes(), "exit code", out);
  return out;
}

std::vector<std::string> all_words() {
  std::vector<std::string> out;
  for (const auto& one : config::schema()) {
    out.emplace_back(one.key);
    out.push_back(fmt::format("{}.{}", one.section, one.key));
  }
  for (const auto words : {child_statuses(), view_headings(), event_kinds(), cause_classes()})
    for (const auto& one : words) out.emplace_back(one.name);
  return out;
}

json to_json(const meaning& x) {
  json out{{"name", x.name}, {"about", x.about}, {"doc", x.doc}};
  for (const auto& [key, value] : x.facts) out[key] = value;
  return out;
}

/// "a | b" must not end a cell of a table.
std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, 1, '\\');
  return text;
}

}  // namespace

int explain(const std::string& word, bool as_json) {
  const auto found = meanings_of(word);
  if (found.empty()) {
    const auto meant = config::did_you_mean(word, all_words());
    standard_streams::say("steward explain: '" + report::escaped(word) +
                          "' is no config key, heading, status, event kind, cause class or exit code" +
                          (meant ? " (did you mean '" + *meant + "'?)" : std::string{}) + "\n");
    return exit_usage;
  }
  if (as_json) {
    json all = json::array();
    for (const auto& one : found) all.push_back(to_json(one));
    standard_streams::print(all.dump(2) + "\n");
    return exit_done;
  }
  for (const auto& one : found) {
    standard_streams::print(fmt::format("{} ({})\n  {}\n", one.name, one.about, one.doc));
    for (const auto& [key, value] : one.facts) standard_streams::print(fmt::format("  {:<10} {}\n", key + ":", value));
  }
  return exit_done;
}

bool is_explained(const std::string& word) { return !meanings_of(word).empty(); }

std::string config_reference() {
  std::string out =
      "# Config reference\n\n"
      "Every key of a scenario file, made from the table that the loader reads by: `steward explain --reference` "
      "prints "
      "this page, and `steward explain KEY` one key. How to write scenarios is told in "
      "[scenarios](../scenarios.md).\n\n"
      "Durations are a whole number with a unit: `ms`, `s`, `m` or `h`. Sizes are a whole number with `B`, `KiB`, "
      "`MiB` "
      "or `GiB`. An unknown key is an error.\n";
  std::string_view section;
  for (const auto& one : config::schema()) {
    if (one.section != section) {
      section = one.section;
      const auto place = place_of(section);
      out += fmt::format("\n## {}\n\n", section);
      if (!place.empty()) out += fmt::format("Stands in {}.\n\n", place);
      out += "| key | takes | default | what it is |\n|---|---|---|---|\n";
    }
    const auto takes = one.kind == value_kind::special ? std::string{"see there"} : config::expectation(one);
    const auto fallback = one.required                             ? std::string{"required"}
                          : one.fallback && !one.fallback->empty() ? fmt::format("`{}`", *one.fallback)
                                                                   : std::string{"none"};
    out += fmt::format("| `{}` | {} | {} | {} |\n", one.key, cell(takes), cell(fallback), cell(std::string{one.doc}));
  }
  return out;
}

}  // namespace steward::cli
