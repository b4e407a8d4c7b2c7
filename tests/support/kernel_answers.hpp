#pragma once

#include "observe/run_view.hpp"
#include "steward/admin.hpp"

#include <map>
#include <string>
#include <vector>

namespace steward::testing_support {

/// What a tree host answers when it is asked for the children of each supervisor in service, by the supervisor's path.
using kernel_answers = std::map<std::string, std::vector<child_info>>;

/// What the host would say of a child that is seen so.
inline child_status answer_for(view_status x) {
  switch (x) {
    case view_status::starting:
      return child_status::starting;
    case view_status::up:
      return child_status::running;
    case view_status::restarting:
      return child_status::restarting;
    case view_status::stopping:
      return child_status::stopping;
    case view_status::parked:
      return child_status::parked;
    case view_status::idle:
    case view_status::stopped:
    case view_status::ended:
    case view_status::gave_up:
      break;
  }
  return child_status::undefined;
}

/// Where a picture and the host's answers differ, a line for each child; empty: nowhere.
inline std::string differences(const run_view& view, const kernel_answers& answers) {
  std::string out;
  for (const auto& [path, found] : answers) {
    const auto* above = view.find(path);
    if (above == nullptr || above->status != view_status::up)
      out +=
          path + " is in service, and is seen as " + (above == nullptr ? "missing" : to_string(above->status)) + "\n";
    std::map<std::string, std::string> expected;
    for (const auto& x : found)
      expected[x.path] = "#" + std::to_string(x.incarnation) + " " + to_string(x.status) + " " + to_string(x.restart) +
                         (x.is_supervisor ? " supervisor" : "");
    std::map<std::string, std::string> got;
    for (const auto& below : view.below(path)) {
      if (below.find('@') != std::string::npos) continue;  // a pool that a step has for itself, beside the tree
      const auto& x = view.children.at(below);
      // Children of a template have its restart type.
      const auto restart = x.restart.empty() && !found.empty() ? to_string(found.front().restart) : x.restart.c_str();
      got[below] = "#" + std::to_string(x.incarnation) + " " + to_string(answer_for(x.status)) + " " + restart +
                   (x.kind == "supervisor" ? " supervisor" : "");
      if (x.up_since.has_value() != (x.status == view_status::up))
        out += below + " is " + to_string(x.status) + ", and has" + (x.up_since ? " " : " no ") + "time of coming up\n";
    }
    for (const auto& [child, text] : expected)
      if (const auto it = got.find(child); it == got.end() || it->second != text)
        out += child + " is " + text + ", and is seen as " + (it == got.end() ? "missing" : it->second) + "\n";
    for (const auto& [child, text] : got)
      if (!expected.contains(child)) out += child + " is none, and is seen as " + text + "\n";
  }
  return out;
}

}  // namespace steward::testing_support
