#include "config/yaml_reader.hpp"

#include "base/text.hpp"
#include "config/yaml_syntax.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <sstream>

namespace steward::config {
namespace {

constexpr auto second_document = "text after the end of the document";

// Ends the parse where going on would cost more than it tells. The fault has been reported before.
struct parse_stopped : std::exception {
  const char* what() const noexcept override { return "a limit of the document was reached"; }
};

// Byte offsets of the lines of a text.
class line_index {
public:
  explicit line_index(std::string_view text) : text_(text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') {
        starts_.push_back(i + 1);
      }
    }
  }

  // What follows a place; lines and columns count from 0.
  std::string_view from(int line, int column) const {
    if (line < 0 || column < 0 || static_cast<std::size_t>(line) >= starts_.size()) {
      return {};
    }
    const std::size_t pos = starts_[static_cast<std::size_t>(line)] + static_cast<std::size_t>(column);
    return pos < text_.size() ? text_.substr(pos) : std::string_view{};
  }

  mark at(std::size_t pos, std::size_t source) const {
    const auto next = std::upper_bound(starts_.begin(), starts_.end(), pos);
    const auto line = static_cast<std::size_t>(next - starts_.begin());
    return {source, line, pos - starts_[line - 1] + 1};
  }

private:
  std::string_view text_;
  std::vector<std::size_t> starts_{0};
};

// True when a quoted scalar that begins at the front of `text` has its closing quote. The parser accepts one that ends
// with the file instead, and swallows all lines up to there.
bool is_terminated(std::string_view text) {
  const char quote = text.front();
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '\'' && i + 1 < text.size() && text[i + 1] == quote) {
        ++i;
      } else {
        return true;
      }
    }
  }
  return false;
}

// Whether a text was to be filled in from the environment: ${NAME}, $NAME or $(command). The placeholders of a line
// for each input may follow a '$'.
bool names_variable(std::string_view text) {
  const auto is_name = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  for (auto at = text.find('$'); at != std::string_view::npos; at = text.find('$', at + 1)) {
    const auto behind = text.substr(at + 1);
    if (behind.starts_with('(') || (at == 0 && !behind.empty() && is_name(behind.front()))) {
      return true;
    }
    const bool is_placeholder = behind.starts_with("{input}") || behind.starts_with("{result}");
    if (behind.size() > 1 && behind.front() == '{' && is_name(behind[1]) && !is_placeholder) {
      return true;
    }
  }
  return false;
}

// Builds the tree from the parser's events and reports what is refused.
class tree_builder final : public YAML::EventHandler {
public:
  tree_builder(const line_index& lines, std::size_t source, std::size_t column_offset, fault_log& faults)
      : lines_(lines), source_(source), column_offset_(column_offset), faults_(faults) {}

  void OnDocumentStart(const YAML::Mark& at) override { document_at_ = at; }

  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& at, YAML::anchor_t anchor) override {
    auto node = make(at, yaml_node::kind::null);
    refuse_anchor(at, anchor);
    finish(std::move(node));
  }

  void OnAlias(const YAML::Mark& at, YAML::anchor_t) override {
    auto node = make(at, yaml_node::kind::invalid);
    report(at, "aliases are not supported", {"the value itself", {}});
    finish(std::move(node));
  }

  void OnScalar(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    auto node = make(at, yaml_node::kind::scalar);
    refuse_anchor(at, anchor);
    node.quoted = tag == "!";
    const std::string_view written = lines_.from(at.line, at.column);
    const char first = written.empty() ? ' ' : written.front();
    // The parser gives the tag "!" to quoted scalars, too; only the text tells them from a tag that was written.
    if ((tag != "?" && tag != "!") || (node.quoted && anchor == 0 && first == '!')) {
      refuse_tag(at, tag);
      node.what = yaml_node::kind::invalid;
    }
    if ((first == '"' || first == '\'') && !is_terminated(written)) {
      report(at, "the closing quote is missing");
      throw parse_stopped{};
    }
    if (first != '\'' && names_variable(value)) {
      report(at, "variables are not replaced", {value_or_set() + "; single quotes make it plain text", {}});
      node.what = yaml_node::kind::invalid;
    }
    if (value.size() > max_scalar_bytes) {
      report(at, fmt::format("a value of {} bytes is too long", value.size()),
             {fmt::format("at most {} bytes", max_scalar_bytes), {}});
      node.what = yaml_node::kind::invalid;
    } else {
      node.text = value;
    }
    finish(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(at, tag, anchor, yaml_node::kind::sequence);
  }

  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(at, tag, anchor, yaml_node::kind::map);
  }

  void OnMapEnd() override { close(); }

  void report(const YAML::Mark& at, std::string message, hint more = {}) {
    faults_.add(place(at), "", std::move(message), std::move(more));
  }

  // Whether the document at hand was set off from the one before.
  bool begins_with_marker() const { return lines_.from(document_at_.line, 0).starts_with("---"); }

  std::optional<yaml_node> take() { return std::move(root_); }

private:
  struct frame {
    yaml_node node;
    bool has_key = false;
    bool keeps = false;  // whether the value of the key at hand goes into the tree
    std::string key;
    mark key_at;
  };

  mark place(const YAML::Mark& at) const {
    if (at.is_null()) {
      return {source_, 1, 1 + column_offset_};
    }
    const auto line = static_cast<std::size_t>(at.line) + 1;
    const auto col = static_cast<std::size_t>(at.column) + 1;
    return {source_, line, line == 1 ? col + column_offset_ : col};
  }

  yaml_node make(const YAML::Mark& at, yaml_node::kind what) {
    // Documents without a value do not count: a marker at the end of a file does no harm.
    if (stack_.empty() && root_ && root_->what != yaml_node::kind::null && what != yaml_node::kind::null) {
      throw YAML::ParserException(document_at_, second_document);
    }
    if (++nodes_ > max_nodes) {
      report(at, fmt::format("the document holds more than {} values", max_nodes));
      throw parse_stopped{};
    }
    yaml_node node;
    node.what = what;
    node.at = place(at);
    return node;
  }

  void refuse_anchor(const YAML::Mark& at, YAML::anchor_t anchor) {
    if (anchor != 0) {
      report(at, "anchors are not supported", {"the value written out wherever it is needed", {}});
    }
  }

  void refuse_tag(const YAML::Mark& at, std::string_view tag) {
    std::string instead = "the value without a tag";
    if (tag.find("include") != std::string_view::npos) {
      instead = "what the other file holds, since a scenario is one file";
    } else if (tag.find("env") != std::string_view::npos || tag.find("ENV") != std::string_view::npos) {
      instead = value_or_set();
    }
    report(at, "tags are not supported", {std::move(instead), {}});
  }

  // What to write in place of something that the environment was to fill in.
  std::string value_or_set() const {
    std::string path;
    for (const auto& one : stack_) {
      path += path.empty() ? "" : ".";
      path += one.node.what == yaml_node::kind::sequence ? fmt::format("{}", one.node.items.size()) : one.key;
    }
    return path.empty() ? "the value itself" : fmt::format("the value itself, or --set {}=VALUE", path);
  }

  void open(const YAML::Mark& at, const std::string& tag, YAML::anchor_t anchor, yaml_node::kind what) {
    auto node = make(at, what);
    refuse_anchor(at, anchor);
    if (!tag.empty() && tag != "?") {
      refuse_tag(at, tag);
    }
    if (stack_.size() >= max_depth) {
      report(at, fmt::format("values are nested more than {} levels deep", max_depth));
      throw parse_stopped{};
    }
    stack_.emplace_back();
    stack_.back().node = std::move(node);
  }

  void close() {
    auto node = std::move(stack_.back().node);
    stack_.pop_back();
    finish(std::move(node));
  }

  void finish(yaml_node node) {
    if (stack_.empty()) {
      if (!root_ || root_->what == yaml_node::kind::null) {
        root_ = std::move(node);
      }
      return;
    }
    frame& parent = stack_.back();
    if (parent.node.what == yaml_node::kind::sequence) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      take_key(parent, node);
    } else {
      parent.has_key = false;
      if (parent.keeps) {
        parent.node.entries.push_back({std::move(parent.key), parent.key_at, std::move(node)});
      }
    }
  }

  void take_key(frame& parent, const yaml_node& key) {
    parent.has_key = true;
    parent.keeps = false;
    parent.key = key.text;
    parent.key_at = key.at;
    if (key.what == yaml_node::kind::invalid) {
      return;
    }
    if (key.what != yaml_node::kind::scalar) {
      const bool template_like = key.what == yaml_node::kind::map;
      faults_.add(key.at, "", fmt::format("a key cannot be {}", describe(key)),
                  {template_like ? "text as a key; {{...}} is not filled in" : "text as a key", {}});
      parent.node.what = yaml_node::kind::invalid;
    } else if (key.text == "<<" && !key.quoted) {
      faults_.add(key.at, "", "merge keys are not supported", {"the keys themselves", {}});
    } else if (const auto* first = parent.node.find(key.text)) {
      faults_.add(key.at, "", fmt::format("duplicate key '{}', first at line {}", key.text, first->at.line));
    } else {
      parent.keeps = true;
    }
  }

  const line_index& lines_;
  std::size_t source_;
  std::size_t column_offset_;
  fault_log& faults_;
  std::vector<frame> stack_;
  std::optional<yaml_node> root_;
  std::size_t nodes_ = 0;
  YAML::Mark document_at_;  // of the last one
};

// Position of the first byte that is not UTF-8, or of the first control character that YAML does not allow.
std::optional<std::size_t> find_bad_byte(std::string_view text) {
  const std::string repaired = repair_utf8(text);
  const auto [bad, ignored] = std::mismatch(text.begin(), text.end(), repaired.begin(), repaired.end());
  const auto sound = text.substr(0, static_cast<std::size_t>(bad - text.begin()));
  for (std::size_t i = 0; i < sound.size(); ++i) {
    const char c = sound[i];
    const bool is_break = c == '\n' || (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n');
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t' && !is_break) || c == 0x7f) {
      return i;
    }
  }
  return bad == text.end() ? std::nullopt : std::optional{sound.size()};
}

bool check_bytes(std::string_view text, const line_index& lines, std::size_t source, fault_log& faults) {
  if (text.size() > max_document_bytes) {
    faults.add({source, 1, 1}, "", "the file is too large", {fmt::format("at most {} bytes", max_document_bytes), {}});
    return false;
  }
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    faults.add({source, 1, 1}, "", "the file is in UTF-16", {"UTF-8", {}});
    return false;
  }
  if (const auto bad = find_bad_byte(text)) {
    const auto byte = static_cast<unsigned char>(text[*bad]);
    const mark at = lines.at(*bad, source);
    if (byte >= 0x80) {
      faults.add(at, "", fmt::format("the byte 0x{:02x} is not UTF-8", byte));
    } else {
      faults.add(at, "", fmt::format("the control character 0x{:02x} is not allowed", byte));
    }
    return false;
  }
  return true;
}

}  // namespace

const yaml_entry* yaml_node::find(std::string_view key) const noexcept {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const yaml_entry& x) { return x.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

yaml_entry* yaml_node::find(std::string_view key) noexcept {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const yaml_entry& x) { return x.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

const char* describe(const yaml_node& node) noexcept {
  switch (node.what) {
    case yaml_node::kind::null:
      return "nothing";
    case yaml_node::kind::scalar:
      return node.quoted ? "text in quotes" : "text";
    case yaml_node::kind::sequence:
      return "a list";
    case yaml_node::kind::map:
      return "a map";
    case yaml_node::kind::invalid:
      return "an invalid value";
  }
  return "an unknown value";
}

std::optional<yaml_node> read_yaml(std::string_view text, std::size_t source, fault_log& faults,
                                   std::size_t column_offset) {
  if (text.starts_with("\xef\xbb\xbf")) {
    text.remove_prefix(3);
  }
  const line_index lines{text};
  if (!check_bytes(text, lines, source, faults)) {
    return std::nullopt;
  }
  tree_builder builder{lines, source, column_offset, faults};
  std::istringstream in{std::string{text}};
  try {
    YAML::Parser parser{in};
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const parse_stopped&) {
    return std::nullopt;
  } catch (const YAML::Exception& e) {
    const bool is_second = e.msg == second_document;
    auto mistake = is_second && builder.begins_with_marker() ? std::nullopt : explain_syntax(text);
    if (mistake) {
      mark at = lines.at(mistake->pos, source);
      at.col += at.line == 1 ? column_offset : 0;
      // What the parser tripped over may have been refused already.
      if (!faults.has_fault_in_line(at)) {
        faults.add(at, "", std::move(mistake->message), std::move(mistake->more));
      }
    } else if (is_second) {
      builder.report(e.mark, second_document, {"one document in a file", {}});
    } else {
      builder.report(e.mark, fmt::format("not valid YAML: {}", e.msg));
    }
    return std::nullopt;
  }
  return builder.take();
}

}  // namespace steward::config
