#include "config/child_directory.hpp"

#include "config/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace steward::config {
namespace {

std::string_view describe_kind(child_kind kind) {
  switch (kind) {
    case child_kind::actor:
      return "an actor";
    case child_kind::pool:
      return "a pool";
    case child_kind::supervisor:
      return "a supervisor";
    case child_kind::unknown:
      break;
  }
  return "a child";
}

}  // namespace

std::vector<const known_child*> child_directory::matches(std::string_view reference) const {
  std::vector<const known_child*> result;
  for (const auto& child : children_) {
    if (child.id == reference || child.path == reference) {
      result.push_back(&child);
    }
  }
  return result;
}

void child_directory::report_unknown(load_context& context, const placed_text& reference, child_kind wanted) const {
  if (context.faults.full()) {
    context.faults.add(reference.at, reference.path, "unknown child");
    return;
  }
  std::vector<std::string> names;
  for (const auto& child : children_) {
    if (child.kind == wanted) {
      names.push_back(reference.text.starts_with('/') ? child.path : child.id);
    }
  }
  const auto kind = describe_kind(wanted);
  hint more{names.empty() ? fmt::format("{}, but the tree has none", kind)
                          : fmt::format("{} of the tree: {}", kind, list_names(names)),
            did_you_mean(reference.text, names)};
  context.faults.add(reference.at, reference.path, fmt::format("there is no child '{}'", reference.text),
                     std::move(more));
}

const known_child* child_directory::resolve(load_context& context, const placed_text& reference,
                                            child_kind wanted) const {
  if (!reference.written) {
    return nullptr;
  }
  const auto found = matches(reference.text);
  if (found.empty()) {
    report_unknown(context, reference, wanted);
    return nullptr;
  }
  std::vector<const known_child*> fitting;
  std::copy_if(found.begin(), found.end(), std::back_inserter(fitting),
               [wanted](const auto* x) { return x->kind == wanted || x->kind == child_kind::unknown; });
  if (fitting.size() == 1) {
    return fitting.front();
  }
  if (fitting.empty()) {
    context.faults.add(reference.at, reference.path,
                       fmt::format("'{}' is {}", reference.text, describe_kind(found.front()->kind)),
                       {std::string{describe_kind(wanted)}, {}});
    return nullptr;
  }
  std::vector<std::string> paths;
  for (const auto* one : fitting) {
    paths.push_back(one->path);
  }
  context.faults.add(reference.at, reference.path, fmt::format("several children are called '{}'", reference.text),
                     {"a path: " + list_names(paths), {}});
  return nullptr;
}

const known_child* child_directory::resolve_earlier_actor(load_context& context, const placed_text& reference,
                                                          std::string_view base) const {
  if (!reference.written) {
    return nullptr;
  }
  const bool is_path = reference.text.starts_with('/');
  const auto path = is_path ? reference.text : fmt::format("{}/{}", base, reference.text);
  const auto found = std::find_if(children_.begin(), children_.end(), [&](const auto& x) { return x.path == path; });
  if (found == children_.end()) {
    std::vector<std::string> names;
    for (const auto& child : children_) {
      if (context.faults.full()) {
        break;
      }
      if (child.kind == child_kind::actor && (is_path || child.path == fmt::format("{}/{}", base, child.id))) {
        names.push_back(is_path ? child.path : child.id);
      }
    }
    hint more{"the id of an actor listed before this child, or the path of one under another supervisor",
              did_you_mean(reference.text, names)};
    context.faults.add(reference.at, reference.path,
                       fmt::format("no actor '{}' is listed before this child", reference.text), std::move(more));
    return nullptr;
  }
  if (found->kind != child_kind::actor && found->kind != child_kind::unknown) {
    context.faults.add(reference.at, reference.path,
                       fmt::format("'{}' is {}", reference.text, describe_kind(found->kind)), {"an actor", {}});
    return nullptr;
  }
  return &*found;
}

}  // namespace steward::config
