#include "config/child_directory.hpp"

#include "config/suggest.hpp"
#include "config/values.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace steward::config {
namespace {

std::string_view describe_kind(std::optional<child_kind> kind) {
  switch (kind.value_or(child_kind::unknown)) {
    case child_kind::actor:
      return "an actor";
    case child_kind::pool:
      return "a pool";
    case child_kind::supervisor:
      return "a supervisor";
    case child_kind::command:
      return "a command";
    case child_kind::unknown:
      break;
  }
  return "a child";
}

// The number in "conn-7", whose prefix is "conn-"; empty for another text.
std::optional<std::int64_t> number_behind(std::string_view text, const std::string& prefix) {
  if (!text.starts_with(prefix)) {
    return std::nullopt;
  }
  const auto value = parse_integer(text.substr(prefix.size()));
  const auto* number = std::get_if<std::int64_t>(&value);
  return number == nullptr || *number < 0 ? std::nullopt : std::optional{*number};
}

std::optional<std::int64_t> number_of(std::string_view id, const known_crowd& crowd) {
  const auto number = number_behind(id, crowd.id + "-");
  return number == 0 ? std::nullopt : number;
}

bool is_partition(std::string_view id, const known_crowd& crowd) {
  const auto number = number_behind(id, "p");
  return number && *number < static_cast<std::int64_t>(crowd.partitions);
}

// "/root/conns/conn-4", or "/root/conns/p0/conn-1": how a child of a crowd may be called.
std::string example_of(const known_crowd& crowd, std::int64_t number) {
  return fmt::format("{}/{}{}-{}", crowd.path, crowd.partitions > 0 ? "p0/" : "", crowd.id, number);
}

bool is_below(std::string_view path, const std::string& parent) {
  return path.size() > parent.size() && path.starts_with(parent) && path[parent.size()] == '/';
}

}  // namespace

const known_crowd* child_directory::crowd_at(std::string_view path) const {
  const auto found = std::find_if(crowds_.begin(), crowds_.end(), [&](const auto& x) { return x.path == path; });
  return found == crowds_.end() ? nullptr : &*found;
}

const known_partitions* child_directory::partitions_at(std::string_view path) const {
  const auto found =
      std::find_if(partitions_.begin(), partitions_.end(), [&](const auto& x) { return x.path == path; });
  return found == partitions_.end() ? nullptr : &*found;
}

bool child_directory::is_partitioned(const known_child& child) const {
  return std::any_of(partitions_.begin(), partitions_.end(),
                     [&](const auto& x) { return is_below(child.path, x.path); });
}

std::string child_directory::path_of(const known_child& child) const {
  auto result = child.path;
  for (auto x = partitions_.rbegin(); x != partitions_.rend(); ++x) {
    if (is_below(result, x->path)) {
      result.insert(x->path.size(), "/0");
    }
  }
  return result;
}

const known_child* child_directory::at(std::string_view path) const {
  const auto found = std::find_if(children_.begin(), children_.end(), [&](const auto& x) { return x.path == path; });
  return found == children_.end() ? nullptr : &*found;
}

const known_child* child_directory::template_of(const known_child& supervisor) const {
  const auto* crowd = crowd_at(supervisor.path);
  return crowd == nullptr ? nullptr : at(fmt::format("{}/{}", crowd->path, crowd->id));
}

bool child_directory::is_made_later(const known_child& child) const {
  return std::any_of(crowds_.begin(), crowds_.end(), [&](const auto& x) { return is_below(child.path, x.path); });
}

child_directory::target child_directory::follow(std::string_view path) const {
  target result;
  bool in_partition = false;
  while (!path.empty() && path.front() == '/') {
    const auto end = std::min(path.find('/', 1), path.size());
    const auto id = path.substr(1, end - 1);
    path.remove_prefix(end);
    const auto* crowd = crowd_at(result.path);
    const auto* partitions = crowd == nullptr ? partitions_at(result.path) : nullptr;
    if (partitions != nullptr && !in_partition) {
      const auto number = number_behind(id, "");
      if (!number || *number >= std::int64_t{partitions->count}) {
        result.no_partition = partitions;
        return result;
      }
      in_partition = true;
    } else if (crowd == nullptr) {
      result.path += fmt::format("/{}", id);
      in_partition = false;
    } else if (crowd->partitions > 0 && !in_partition) {
      if (!is_partition(id, *crowd)) {
        result.astray = crowd;
        return result;
      }
      in_partition = true;
    } else {
      const auto number = number_of(id, *crowd);
      if (!number) {
        result.astray = crowd;
        return result;
      }
      result.from_the_start = result.from_the_start && crowd->partitions == 0 && *number <= crowd->initial;
      result.path += "/" + crowd->id;
      in_partition = false;
    }
  }
  return result;
}

std::vector<const known_child*> child_directory::matches(std::string_view reference) const {
  std::vector<const known_child*> result;
  if (reference.starts_with('/')) {
    const auto where = follow(reference);
    for (const auto& child : children_) {
      if (!where.leads_nowhere() && child.path == where.path) {
        result.push_back(&child);
      }
    }
    return result;
  }
  for (const auto& child : children_) {
    if (child.id == reference && !child.by_path_only && !is_made_later(child) && !is_partitioned(child)) {
      result.push_back(&child);
    }
  }
  for (const auto& crowd : crowds_) {
    const auto number = number_of(reference, crowd);
    const auto* supervisor = at(crowd.path);
    const auto* made = at(fmt::format("{}/{}", crowd.path, crowd.id));
    if (number && *number <= crowd.initial && crowd.partitions == 0 && made != nullptr && supervisor != nullptr &&
        !is_made_later(*supervisor) && !is_partitioned(*supervisor)) {
      result.push_back(made);
    }
  }
  return result;
}

// Reports a reference that misses the children of a dynamic supervisor; false when it has nothing to do with one.
bool child_directory::report_crowd(load_context& context, const placed_text& reference) const {
  const auto report = [&](std::string message, std::string expected) {
    context.faults.add(reference.at, reference.path, std::move(message), {std::move(expected), {}});
  };
  if (reference.text.starts_with('/')) {
    const auto where = follow(reference.text);
    if (where.astray != nullptr) {
      report(fmt::format("the dynamic supervisor '{}' makes no such child", where.astray->path),
             fmt::format("a path such as {}", example_of(*where.astray, 1)));
    } else if (where.no_partition != nullptr) {
      report(fmt::format("'{}' has the partitions 0 to {}", where.no_partition->path, where.no_partition->count - 1),
             fmt::format("a path that begins with {}/0", where.no_partition->path));
    }
    return where.leads_nowhere();
  }
  for (const auto& crowd : crowds_) {
    if (!number_of(reference.text, crowd)) {
      continue;
    }
    if (crowd.partitions > 0) {
      report(fmt::format("'{}' may be in any partition of '{}'", reference.text, crowd.path),
             fmt::format("a path such as {}/p0/{}", crowd.path, reference.text));
      return true;
    }
    const auto there = crowd.initial == 0   ? std::string{"no children"}
                       : crowd.initial == 1 ? fmt::format("{}-1", crowd.id)
                                            : fmt::format("{0}-1 to {0}-{1}", crowd.id, crowd.initial);
    report(fmt::format("'{}' is not there from the start: '{}' starts with {}", reference.text, crowd.path, there),
           fmt::format("{}the path of one that a step makes: {}", crowd.initial == 0 ? "" : "one of these, or ",
                       example_of(crowd, std::int64_t{crowd.initial} + 1)));
    return true;
  }
  for (const auto& child : children_) {
    if (child.id == reference.text && is_partitioned(child)) {
      report(fmt::format("'{}' is in each of several partitions", reference.text),
             fmt::format("a path such as {}", path_of(child)));
      return true;
    }
    const auto crowd =
        std::find_if(crowds_.begin(), crowds_.end(), [&](const auto& x) { return is_below(child.path, x.path); });
    if (child.id == reference.text && crowd != crowds_.end()) {
      const auto below = child.path.substr(crowd->path.size() + 1 + crowd->id.size());
      report(fmt::format("'{}' is {}the template of the children of '{}'", reference.text, below.empty() ? "" : "in ",
                         crowd->path),
             fmt::format("a path such as {}{}", example_of(*crowd, 1), below));
      return true;
    }
  }
  return false;
}

void child_directory::report_unknown(load_context& context, const placed_text& reference,
                                     std::optional<child_kind> wanted) const {
  if (conceals_) {
    return;
  }
  if (context.faults.full()) {
    context.faults.add(reference.at, reference.path, "unknown child");
    return;
  }
  if (report_crowd(context, reference)) {
    return;
  }
  std::vector<std::string> names;
  for (const auto& child : children_) {
    if ((wanted ? child.kind == *wanted : &child != &children_.front()) && !is_made_later(child) &&
        ((!child.by_path_only && !is_partitioned(child)) || reference.text.starts_with('/'))) {
      names.push_back(reference.text.starts_with('/') ? path_of(child) : child.id);
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
                                            std::optional<child_kind> wanted, std::optional<child_kind> also) const {
  if (!reference.written) {
    return nullptr;
  }
  auto found = matches(reference.text);
  if (!wanted) {
    std::erase(found, &children_.front());
  }
  if (found.empty()) {
    report_unknown(context, reference, wanted);
    return nullptr;
  }
  std::vector<const known_child*> fitting;
  std::copy_if(found.begin(), found.end(), std::back_inserter(fitting), [wanted, also](const auto* x) {
    return !wanted || x->kind == *wanted || x->kind == also || x->kind == child_kind::unknown;
  });
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
    paths.push_back(is_made_later(*one)
                        ? fmt::format("{}/{}", one->path.substr(0, one->path.rfind('/')), reference.text)
                        : path_of(*one));
  }
  context.faults.add(reference.at, reference.path, fmt::format("several children are called '{}'", reference.text),
                     {"a path: " + list_names(paths), {}});
  return nullptr;
}

const known_child* child_directory::resolve_earlier(load_context& context, const placed_text& reference,
                                                    std::string_view base, child_kind wanted) const {
  if (!reference.written) {
    return nullptr;
  }
  const std::string what{describe_kind(wanted)};
  const bool is_path = reference.text.starts_with('/');
  const auto where = is_path ? follow(reference.text) : target{fmt::format("{}/{}", base, reference.text), true, {}};
  if (is_path && where.leads_nowhere() && report_crowd(context, reference)) {
    return nullptr;
  }
  const auto* found = at(where.path);
  if (found == nullptr && conceals_) {
    return nullptr;
  }
  if (found == nullptr) {
    std::vector<std::string> names;
    for (const auto& child : children_) {
      if (context.faults.full()) {
        break;
      }
      if (child.kind == wanted &&
          (is_path ? !is_made_later(child) : child.path == fmt::format("{}/{}", base, child.id))) {
        names.push_back(is_path ? path_of(child) : child.id);
      }
    }
    hint more{fmt::format("the id of {} listed before this child, or the path of one under another supervisor", what),
              did_you_mean(reference.text, names)};
    context.faults.add(
        reference.at, reference.path,
        fmt::format("no {} '{}' is listed before this child", what.substr(what.find(' ') + 1), reference.text),
        std::move(more));
    return nullptr;
  }
  if (!where.from_the_start) {
    context.faults.add(reference.at, reference.path,
                       fmt::format("'{}' may not be there when this child starts", reference.text),
                       {fmt::format("{} that is there from the start; of a dynamic supervisor, one up to its "
                                    "'initial', without partitions",
                                    what),
                        {}});
    return nullptr;
  }
  if (found->kind != wanted && found->kind != child_kind::unknown) {
    context.faults.add(reference.at, reference.path,
                       fmt::format("'{}' is {}", reference.text, describe_kind(found->kind)), {what, {}});
    return nullptr;
  }
  return found;
}

}  // namespace steward::config
