#include "config/section_reader.hpp"

#include "config/foreign_words.hpp"
#include "config/key_advice.hpp"
#include "config/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <limits>

namespace steward::config {
namespace {

const field& known_field(std::string_view section, std::string_view key) {
  const field* found = find_field(section, key);
  assert(found != nullptr && "the schema has every key that the loader asks for");
  return *found;
}

parsed<std::int64_t> parse_number(const field& of, std::string_view text) {
  const auto fits = [&of](std::int64_t x) { return is_within(of, x); };
  if (of.kind == value_kind::size) {
    return parse_size(text, fits);
  }
  if (of.kind != value_kind::duration) {
    return parse_integer(text, fits);
  }
  auto value = parse_duration(text, fits);
  if (auto* fault = std::get_if<value_fault>(&value)) {
    return std::move(*fault);
  }
  return std::get<milliseconds>(value).count();
}

// What stands for a word where a number belongs: "never" may be 0s, or infinity.
std::optional<std::string> number_meant_by(const field& of, std::string_view text) {
  if (auto word = meant_word(of, text)) {
    return word;
  }
  if (means_none(text) && of.or_zero) {
    return none_of(of);
  }
  return did_you_mean(text, of.words);
}

std::optional<std::string> word_meant_by(const field& of, std::string_view text) {
  auto word = meant_word(of, text);
  return word ? word : did_you_mean(text, of.allowed);
}

// " such as {min: 100ms, max: 10s}" for a section in which every key has a default.
std::string example_of(std::string_view section) {
  std::string result;
  for (const auto* one : fields_of(section)) {
    if (!one->fallback || one->fallback->empty()) {
      return "";
    }
    result += fmt::format("{}{}: {}", result.empty() ? "" : ", ", one->key, *one->fallback);
  }
  return result.empty() ? "" : " such as {" + result + "}";
}

// "[a, b]" for "a, b", and "- map: ..." for a map whose first key is `map`.
std::optional<std::string> as_list(const field& of, const yaml_node& found) {
  if (of.kind == value_kind::sections) {
    if (found.what != yaml_node::kind::map || found.entries.empty()) {
      return std::nullopt;
    }
    const std::string_view key = found.entries.front().key;
    return fmt::format("- {}: ...", key.starts_with('-') ? key.substr(1) : key);
  }
  std::string_view text = found.text;
  const bool is_open = text.starts_with('[');
  if (found.what != yaml_node::kind::scalar || text.empty()) {
    return std::nullopt;
  }
  text = text.substr(is_open ? 1 : 0, text.size() - (is_open ? 1 : 0) - (text.ends_with(']') ? 1 : 0));
  const auto is_right = [&](std::string_view one) {
    const auto number = parse_integer(one);
    const auto* value = std::get_if<std::int64_t>(&number);
    return of.kind == value_kind::texts ||
           (of.kind == value_kind::integers && value != nullptr && is_within(of, *value)) ||
           (of.kind == value_kind::choices && std::find(of.allowed.begin(), of.allowed.end(), one) != of.allowed.end());
  };
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    if (!is_right(text.substr(at, end - at))) {
      return std::nullopt;
    }
    at = std::min(text.find_first_not_of(' ', end + 1), text.size() + 1);
  }
  return fmt::format("[{}]", text);
}

// The default of a field. The schema is ours, so a default that cannot be read is a bug.
template <class T>
T fallback_of(const parsed<T>& value) {
  assert(std::holds_alternative<T>(value) && "defaults in the schema are well-formed");
  return std::get<T>(value);
}

}  // namespace

section_reader::section_reader(load_context& context, std::string_view section, const yaml_node* node, std::string path,
                               mark at)
    : context_(&context), section_(section), node_(nullptr), path_(std::move(path)), at_(at) {
  if (node == nullptr) {
    return;
  }
  garbled_ = node->what != yaml_node::kind::map;
  if (node->what == yaml_node::kind::invalid) {
    return;
  }
  if (garbled_) {
    report_no_map(*node);
    return;
  }
  node_ = node;
  check_keys();
}

// A text may be the value of the one key that is needed, or a key and its value without the space between them.
void section_reader::report_no_map(const yaml_node& found) {
  if (auto fault = explain_text(section_, found)) {
    context_->faults.add(at_, path_, std::move(fault->message), std::move(fault->more));
    return;
  }
  std::string_view needed;
  std::size_t count = 0;
  bool is_list = false;
  for (const auto* one : fields_of(section_)) {
    if (one->required) {
      ++count;
      is_list = one->kind == value_kind::texts;
      needed = one->kind == value_kind::text || is_list ? one->key : "";
    }
  }
  hint more{"a map", {}};
  if (found.what == yaml_node::kind::scalar) {
    more.expected = "a map" + example_of(section_);
  }
  if (count == 1 && !needed.empty() && found.what == yaml_node::kind::scalar) {
    more.suggestion = fmt::format("{{{}: {}}}", needed, is_list ? "[" + found.text + "]" : found.text);
  }
  context_->faults.add(at_, path_, fmt::format("found {}", describe(found)), std::move(more));
}

void section_reader::check_keys() {
  const auto fields = fields_of(section_);
  std::vector<std::string> keys;
  for (const auto* one : fields) {
    keys.emplace_back(one->key);
  }
  for (const auto& one : node_->entries) {
    if (std::find(keys.begin(), keys.end(), one.key) != keys.end()) {
      continue;
    }
    garbled_ = true;
    auto fault = context_->faults.full() ? key_fault{"unknown key", {}, ""}
                                         : explain_key(context_->names, section_, *node_, one);
    const auto* holder = node_->find(fault.meant);
    const bool is_told = holder != nullptr && holder->value.what == yaml_node::kind::null && means(fault.meant);
    meant_.push_back(std::move(fault.meant));
    if (is_told) {
      continue;  // the same lines are indented too little
    }
    context_->faults.add(one.at, path_of(one.key), std::move(fault.message), std::move(fault.more));
  }
  for (const auto* one : fields) {
    // A misspelt key is one mistake and gets one fault.
    if (one->required && node_->find(one->key) == nullptr && !means(one->key)) {
      context_->faults.add(at_, path_, fmt::format("the key '{}' is missing", one->key), {expectation(*one), {}});
    }
  }
}

const yaml_entry* section_reader::entry(std::string_view key) const {
  return node_ == nullptr ? nullptr : node_->find(key);
}

bool section_reader::has(std::string_view key) const { return entry(key) != nullptr; }

std::string section_reader::path_of(std::string_view key) const {
  return path_.empty() ? std::string{key} : fmt::format("{}.{}", path_, key);
}

mark section_reader::place_of(std::string_view key) const {
  const auto* found = entry(key);
  if (found == nullptr) {
    return at_;
  }
  // The parser places a value that is not there on the line after it.
  return found->value.what == yaml_node::kind::null ? found->at : found->value.at;
}

void section_reader::fault(std::string_view key, std::string message, hint more) const {
  context_->faults.add(place_of(key), path_of(key), std::move(message), std::move(more));
}

void section_reader::fault_at_key(std::string_view key, std::string message, hint more) const {
  const auto* found = entry(key);
  context_->faults.add(found == nullptr ? at_ : found->at, path_of(key), std::move(message), std::move(more));
}

// The place of what is written below here, as far as it is, and whether it is to the end.
std::pair<mark, bool> section_reader::find_below(std::string_view keys) const {
  mark at = at_;
  const yaml_node* here = node_;
  std::string_view rest = keys;
  while (here != nullptr && !rest.empty()) {
    const auto end = std::min(rest.find('.'), rest.size());
    const auto* found = here->find(rest.substr(0, end));
    if (found == nullptr) {
      break;
    }
    at = found->value.what == yaml_node::kind::null ? found->at : found->value.at;
    here = &found->value;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {at, rest.empty() && here != nullptr};
}

void section_reader::fault_below(std::string_view keys, std::string message, hint more) const {
  context_->faults.add(find_below(keys).first, keys.empty() ? path_ : path_of(keys), std::move(message),
                       std::move(more));
}

bool section_reader::has_below(std::string_view keys) const { return find_below(keys).second; }

void section_reader::warn_below(std::string_view keys, std::string message) const {
  context_->faults.warn(find_below(keys).first, path_of(keys), std::move(message));
}

void section_reader::wrong_type(const yaml_node& found, const mark& at, const std::string& path, hint more) const {
  if (found.what != yaml_node::kind::invalid) {
    context_->faults.add(at, path, fmt::format("found {}", describe(found)), std::move(more));
  }
}

const yaml_node* section_reader::scalar(const field& of) const {
  const auto* found = entry(of.key);
  if (found == nullptr) {
    return nullptr;
  }
  const bool takes_quotes = of.kind == value_kind::text || of.kind == value_kind::name || of.kind == value_kind::choice;
  if (found->value.what != yaml_node::kind::scalar || (found->value.quoted && !takes_quotes)) {
    wrong_type(found->value, place_of(of.key), path_of(of.key), {expectation(of), {}});
    return nullptr;
  }
  return &found->value;
}

const std::vector<yaml_node>* section_reader::list(const field& of) const {
  const auto* found = entry(of.key);
  if (found == nullptr) {
    return nullptr;
  }
  // `run:` with nothing behind it is what is left when all steps are commented out.
  if (found->value.what == yaml_node::kind::null && of.kind == value_kind::sections) {
    return nullptr;
  }
  if (found->value.what != yaml_node::kind::sequence) {
    wrong_type(found->value, place_of(of.key), path_of(of.key), {expectation(of), as_list(of, found->value)});
    return nullptr;
  }
  if (of.filled && found->value.items.empty()) {
    fault(of.key, "the list is empty", {expectation(of), {}});
  }
  return &found->value.items;
}

placed_text section_reader::text(std::string_view key) const {
  const field& of = known_field(section_, key);
  assert(of.kind == value_kind::text || of.kind == value_kind::name || of.kind == value_kind::choice);
  placed_text result{std::string{of.fallback.value_or("")}, place_of(key), path_of(key), false};
  const auto* found = scalar(of);
  if (found == nullptr) {
    return result;
  }
  if (of.kind == value_kind::name && !is_valid_name(found->text)) {
    fault(key, fmt::format("'{}' is not a name", found->text), {expectation(of), advise_name(found->text)});
  } else if (of.kind == value_kind::choice &&
             std::find(of.allowed.begin(), of.allowed.end(), found->text) == of.allowed.end()) {
    fault(key, fmt::format("unknown value '{}'", found->text), {expectation(of), word_meant_by(of, found->text)});
  } else {
    result.text = found->text;
    result.written = true;
  }
  return result;
}

bool section_reader::within_range(const field& of, std::int64_t value, const mark& at, const std::string& path) const {
  if (is_within(of, value)) {
    return true;
  }
  const bool too_small = of.min && value < *of.min;
  hint more{expectation(of), {}};
  if (value == -1) {
    more.suggestion = number_meant_by(of, "-1");
  }
  add_number_fault(of, at, path,
                   {fmt::format("{} is too {}", render_bound(of, value), too_small ? "small" : "large"), more});
  return false;
}

// Some words are said by leaving the key out; what that means is told by the key's own sentence.
void section_reader::add_number_fault(const field& of, const mark& at, const std::string& path, value_fault bad) const {
  if (bad.more.suggestion == "") {
    bad.more.suggestion.reset();
    constexpr std::string_view without = "without this key ";
    const auto found = of.doc.find(without);
    const auto meaning = found == std::string_view::npos ? "the default" : of.doc.substr(found + without.size());
    bad.more.expected =
        fmt::format("{}, or no such key for {}", expectation(of), meaning.substr(0, meaning.find_last_not_of('.') + 1));
  }
  context_->faults.add(at, path, std::move(bad.message), std::move(bad.more));
}

std::int64_t section_reader::bounded(const field& of) const {
  const std::int64_t fallback = of.fallback ? fallback_of(parse_number(of, *of.fallback)) : 0;
  const auto* found = scalar(of);
  if (found == nullptr) {
    return fallback;
  }
  if (!word(of.key).empty()) {
    return fallback;
  }
  auto value = parse_number(of, found->text);
  if (auto* bad = std::get_if<value_fault>(&value)) {
    if (bad->more.expected && !of.words.empty()) {
      bad->more.expected = expectation(of);
    }
    if (bad->more.expected && !bad->more.suggestion) {
      bad->more.suggestion = number_meant_by(of, found->text);
    }
    add_number_fault(of, place_of(of.key), path_of(of.key), std::move(*bad));
    return fallback;
  }
  const auto number = std::get<std::int64_t>(value);
  return within_range(of, number, found->at, path_of(of.key)) ? number : fallback;
}

std::int64_t section_reader::integer(std::string_view key) const {
  const field& of = known_field(section_, key);
  assert(of.kind == value_kind::integer);
  return bounded(of);
}

std::int64_t section_reader::size(std::string_view key) const {
  const field& of = known_field(section_, key);
  assert(of.kind == value_kind::size);
  return bounded(of);
}

milliseconds section_reader::duration(std::string_view key) const {
  const field& of = known_field(section_, key);
  assert(of.kind == value_kind::duration);
  return milliseconds{bounded(of)};
}

double section_reader::real(std::string_view key) const {
  const field& of = known_field(section_, key);
  assert(of.kind == value_kind::real);
  const double fallback = of.fallback ? fallback_of(parse_real(*of.fallback)) : 0.0;
  const auto* found = scalar(of);
  if (found == nullptr) {
    return fallback;
  }
  const auto low = of.min ? static_cast<double>(*of.min) : std::numeric_limits<double>::lowest();
  const auto high = of.max ? static_cast<double>(*of.max) : std::numeric_limits<double>::max();
  auto value = parse_real(found->text);
  if (auto* bad = std::get_if<value_fault>(&value)) {
    if (bad->more.suggestion) {
      const auto advised = parse_real(*bad->more.suggestion);
      const auto* number = std::get_if<double>(&advised);
      if (number == nullptr || *number < low || *number > high) {
        bad->more.suggestion.reset();
      }
    }
    fault(key, std::move(bad->message), std::move(bad->more));
    return fallback;
  }
  const double number = std::get<double>(value);
  if (number < low || number > high) {
    fault(key, fmt::format("{} is too {}", found->text, number < low ? "small" : "large"), {expectation(of), {}});
    return fallback;
  }
  return number;
}

bool section_reader::boolean(std::string_view key) const {
  const field& of = known_field(section_, key);
  assert(of.kind == value_kind::boolean);
  const bool fallback = of.fallback && fallback_of(parse_boolean(*of.fallback));
  const auto* found = scalar(of);
  if (found == nullptr) {
    return fallback;
  }
  auto value = parse_boolean(found->text);
  if (auto* bad = std::get_if<value_fault>(&value)) {
    fault(key, std::move(bad->message), std::move(bad->more));
    return fallback;
  }
  return std::get<bool>(value);
}

std::vector<placed_text> section_reader::texts(std::string_view key) const {
  const field& of = known_field(section_, key);
  assert(of.kind == value_kind::texts || of.kind == value_kind::choices);
  std::vector<placed_text> result;
  const auto* items = list(of);
  if (items == nullptr) {
    if (of.fallback && !has(key)) {
      result.push_back({std::string{*of.fallback}, at_, path_of(key), false});
    }
    return result;
  }
  for (std::size_t i = 0; i < items->size(); ++i) {
    const yaml_node& item = (*items)[i];
    const auto path = fmt::format("{}[{}]", path_of(key), i);
    if (item.what != yaml_node::kind::scalar) {
      wrong_type(item, item.at, path, {expectation(of), {}});
    } else if (of.kind == value_kind::choices &&
               std::find(of.allowed.begin(), of.allowed.end(), item.text) == of.allowed.end()) {
      context_->faults.add(item.at, path, fmt::format("unknown value '{}'", item.text),
                           {expectation(of), word_meant_by(of, item.text)});
    } else {
      result.push_back({item.text, item.at, path, true});
    }
  }
  return result;
}

std::vector<placed_number> section_reader::integers(std::string_view key) const {
  const field& of = known_field(section_, key);
  assert(of.kind == value_kind::integers);
  std::vector<placed_number> result;
  const auto* items = list(of);
  for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
    const yaml_node& item = (*items)[i];
    const auto path = fmt::format("{}[{}]", path_of(key), i);
    if (item.what != yaml_node::kind::scalar || item.quoted) {
      wrong_type(item, item.at, path, {expectation(of), {}});
      continue;
    }
    auto value = parse_integer(item.text);
    if (auto* bad = std::get_if<value_fault>(&value)) {
      context_->faults.add(item.at, path, std::move(bad->message), std::move(bad->more));
    } else if (within_range(of, std::get<std::int64_t>(value), item.at, path)) {
      result.push_back({std::get<std::int64_t>(value), item.at, path});
    }
  }
  return result;
}

std::string_view section_reader::word(std::string_view key) const {
  const field& of = known_field(section_, key);
  const auto* found = entry(key);
  if (found == nullptr || found->value.what != yaml_node::kind::scalar || found->value.quoted) {
    return {};
  }
  const auto fitting = std::find(of.words.begin(), of.words.end(), found->value.text);
  return fitting == of.words.end() ? std::string_view{} : std::string_view{*fitting};
}

section_reader section_reader::nested(std::string_view key) const {
  const field& of = known_field(section_, key);
  assert(of.kind == value_kind::section);
  const auto* found = entry(key);
  const auto* node = found == nullptr ? nullptr : &found->value;
  // What belongs below this key stands beside it: that has been reported.
  if (node != nullptr && node->what == yaml_node::kind::null && means(key)) {
    node = nullptr;
  }
  return {*context_, of.nested, node, path_of(key), place_of(key)};
}

std::vector<section_reader> section_reader::nested_list(std::string_view key) const {
  const field& of = known_field(section_, key);
  assert(of.kind == value_kind::sections);
  std::vector<section_reader> result;
  const auto* items = list(of);
  for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
    const yaml_node& item = (*items)[i];
    result.emplace_back(*context_, of.nested, &item, fmt::format("{}[{}]", path_of(key), i), item.at);
  }
  return result;
}

const yaml_node* section_reader::special(std::string_view key) const {
  assert(known_field(section_, key).kind == value_kind::special);
  const auto* found = entry(key);
  const bool is_told = found != nullptr && found->value.what == yaml_node::kind::null && means(key);
  return found == nullptr || is_told || found->value.what == yaml_node::kind::invalid ? nullptr : &found->value;
}

bool section_reader::means(std::string_view key) const {
  return std::find(meant_.begin(), meant_.end(), key) != meant_.end();
}

}  // namespace steward::config
