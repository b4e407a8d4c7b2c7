#include "config/decode_run.hpp"
#include "config/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace steward::config {
namespace {

constexpr std::string_view forms = "1..10, a list, or {value: X, times: N}";

// Two whole numbers with nothing but marks, spaces or "to" between them and "range(" around them.
std::optional<std::pair<std::int64_t, std::int64_t>> two_numbers(std::string_view text) {
  constexpr std::string_view digits = "0123456789";
  const auto begin = text.find_first_of(digits);
  const auto between = std::min(text.find_first_not_of(digits, begin), text.size());
  const auto second = std::min(text.find_first_of(digits, between), text.size());
  const auto end = std::min(text.find_first_not_of(digits, second), text.size());
  if (begin > 1 || second == text.size() || text.find_first_not_of(" ", end) != std::string_view::npos) {
    return std::nullopt;
  }
  if (text.substr(between, second - between).find_first_not_of(" .-:~to") != std::string_view::npos) {
    return std::nullopt;
  }
  const auto first = parse_integer(text.substr(0, between));
  const auto last = parse_integer(text.substr(second, end - second));
  const auto* from = std::get_if<std::int64_t>(&first);
  const auto* to = std::get_if<std::int64_t>(&last);
  return from == nullptr || to == nullptr ? std::nullopt : std::optional{std::pair{*from, *to}};
}

// "1..10" for "1-10", "1...10" and "1 to 10"; "[5]" for "5" and "[1, 2]" for "1, 2".
std::optional<std::string> advise_inputs(std::string_view text) {
  if (const auto ends = two_numbers(text)) {
    return fmt::format("{}..{}", std::min(ends->first, ends->second), std::max(ends->first, ends->second));
  }
  if (text.empty() || text.find_first_not_of("0123456789-, ") != std::string_view::npos) {
    return std::nullopt;
  }
  return fmt::format("[{}]", text);
}

// One way from YAML to inputs; holds what all its steps need.
class input_decoder {
public:
  input_decoder(load_context& context, const task_info* task) : context_(context), task_(task) {}

  std::vector<task_input> decode(const yaml_node& node, const mark& at, const std::string& path) {
    switch (node.what) {
      case yaml_node::kind::scalar:
        return decode_range(node, path);
      case yaml_node::kind::sequence:
        return decode_list(node, path);
      case yaml_node::kind::map:
        return decode_repeated(node, path);
      case yaml_node::kind::null:
        context_.faults.add(at, path, fmt::format("found {}", describe(node)), {std::string{forms}, {}});
        break;
      case yaml_node::kind::invalid:
        break;
    }
    return {};
  }

private:
  std::vector<task_input> decode_range(const yaml_node& node, const std::string& path) {
    const auto dots = node.text.find("..");
    if (node.quoted || dots == std::string::npos) {
      context_.faults.add(node.at, path, fmt::format("found {}", describe(node)),
                          {std::string{forms}, node.quoted ? std::nullopt : advise_inputs(node.text)});
      return {};
    }
    const auto first = bound(std::string_view{node.text}.substr(0, dots), node, path);
    const auto last = first ? bound(std::string_view{node.text}.substr(dots + 2), node, path) : first;
    if (!first || !last) {
      return {};
    }
    if (*first > *last) {
      context_.faults.add(node.at, path, fmt::format("the range {} is empty", node.text),
                          {fmt::format("{}..{}", *last, *first), {}});
      return {};
    }
    // Unsigned, since the distance of two int64 may need 64 bits.
    const auto distance = static_cast<std::uint64_t>(*last) - static_cast<std::uint64_t>(*first);
    if (distance >= max_inputs) {
      report_too_many(node.at, path);
      return {};
    }
    std::vector<task_input> result;
    result.reserve(distance + 1);
    for (std::uint64_t i = 0; i <= distance; ++i) {
      task_input input{fmt::format("{}", *first + static_cast<std::int64_t>(i))};
      if (!check(input, node.at, path)) {
        return {};
      }
      result.push_back(std::move(input));
    }
    return result;
  }

  std::optional<std::int64_t> bound(std::string_view text, const yaml_node& node, const std::string& path) {
    auto value = parse_integer(text);
    if (auto* bad = std::get_if<value_fault>(&value)) {
      context_.faults.add(node.at, path, std::move(bad->message), {"a range such as 1..10", advise_inputs(node.text)});
      return std::nullopt;
    }
    return std::get<std::int64_t>(value);
  }

  std::vector<task_input> decode_list(const yaml_node& node, const std::string& path) {
    std::vector<task_input> result;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      if (auto input = decode_one(node.items[i], fmt::format("{}[{}]", path, i))) {
        result.push_back(std::move(*input));
      }
    }
    return result;
  }

  // A value is the one argument of a call; a list holds several.
  std::optional<task_input> decode_one(const yaml_node& node, const std::string& path) {
    task_input input;
    const bool is_list = node.what == yaml_node::kind::sequence;
    for (std::size_t i = 0; i < (is_list ? node.items.size() : 1); ++i) {
      const yaml_node& argument = is_list ? node.items[i] : node;
      if (argument.what != yaml_node::kind::scalar) {
        if (argument.what != yaml_node::kind::invalid) {
          context_.faults.add(argument.at, is_list ? fmt::format("{}[{}]", path, i) : path,
                              fmt::format("found {}", describe(argument)), {"a value, or a list of arguments", {}});
        }
        return std::nullopt;
      }
      input.push_back(argument.text);
    }
    return check(input, node.at, path) ? std::optional{std::move(input)} : std::nullopt;
  }

  std::vector<task_input> decode_repeated(const yaml_node& node, const std::string& path) {
    const section_reader from{context_, "inputs", &node, path, node.at};
    const auto times = static_cast<std::size_t>(from.integer("times"));
    const yaml_node* value = from.special("value");
    const yaml_node* values = from.special("values");
    std::vector<task_input> once;
    if (from.has("value") == from.has("values")) {
      context_.faults.add(node.at, path, "inputs that repeat name what they repeat",
                          {"exactly one of value and values", {}});
    } else if (value != nullptr) {
      if (auto input = decode_one(*value, from.path_of("value"))) {
        once.push_back(std::move(*input));
      }
    } else if (values != nullptr && values->what == yaml_node::kind::sequence) {
      once = decode_list(*values, from.path_of("values"));
    } else if (values != nullptr) {
      from.fault("values", fmt::format("found {}", describe(*values)), {"a list", {}});
    }
    if (!once.empty() && times > max_inputs / once.size()) {
      report_too_many(node.at, path);
      return {};
    }
    std::vector<task_input> result;
    result.reserve(once.size() * times);
    for (std::size_t i = 0; i < times; ++i) {
      result.insert(result.end(), once.begin(), once.end());
    }
    return result;
  }

  bool check(const task_input& input, const mark& at, const std::string& path) {
    if (task_ == nullptr) {
      return true;
    }
    if (input.size() != task_->arity) {
      context_.faults.add(
          at, path,
          fmt::format("{} {} for {}", input.size(), input.size() == 1 ? "argument" : "arguments", describe_task()),
          {fmt::format("{}", task_->arity), {}});
      return false;
    }
    if (auto fault = task_->check ? task_->check(input) : std::nullopt) {
      const bool is_range = input.size() == 1 && input.front().find("..") != std::string::npos;
      context_.faults.add(at, path, fmt::format("not an input of {}: {}", describe_task(), *fault),
                          {{}, is_range ? advise_inputs(input.front()) : std::nullopt});
      return false;
    }
    return true;
  }

  std::string describe_task() const {
    return task_->signature.empty() ? fmt::format("'{}'", task_->name)
                                    : fmt::format("'{}', {}", task_->name, task_->signature);
  }

  void report_too_many(const mark& at, const std::string& path) {
    context_.faults.add(at, path, "too many inputs", {fmt::format("at most {}", max_inputs), {}});
  }

  load_context& context_;
  const task_info* task_;
};

}  // namespace

std::vector<task_input> decode_inputs(const section_reader& from, const task_info* task) {
  const yaml_node* node = from.special("inputs");
  if (node == nullptr) {
    return {};
  }
  if (task != nullptr && !task->parsable) {
    from.fault("inputs", fmt::format("the task '{}' takes arguments that have no text form", task->name),
               {"a task of numbers and text", {}});
    return {};
  }
  return input_decoder{from.context(), task}.decode(*node, from.place_of("inputs"), from.path_of("inputs"));
}

}  // namespace steward::config
