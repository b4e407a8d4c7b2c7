#include "cli/views/child_name.hpp"

#include "cli/views/run_source.hpp"
#include "config/suggest.hpp"
#include "observe/report_text.hpp"

#include <cstddef>

namespace steward::cli {
namespace {

constexpr std::size_t most_offered = 8;
constexpr std::size_t most_compared = 2'000;  // what is meant is looked for among so many

std::string id_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

bool names_child(std::string_view word, std::string_view path) {
  if (word.empty() || word == path) return !word.empty();
  return word.front() != '/' && path.size() > word.size() && path.ends_with(word) &&
         path[path.size() - word.size() - 1] == '/';
}

std::string meant_child(const std::string& word, const std::vector<std::string>& paths) {
  auto meant = config::did_you_mean(word, paths);
  std::vector<std::string> ids;
  for (const auto& one : paths) ids.push_back(id_of(one));
  if (!meant) {
    const auto id = config::did_you_mean(id_of(word), ids);
    for (std::size_t i = 0; id && !meant && i < ids.size(); ++i)
      if (ids[i] == *id) meant = paths[i];
  }
  return meant ? " (did you mean '" + report::escaped(*meant) + "'?)" : std::string{};
}

std::string child_named(const run_view& view, const std::string& word, int exit_code) {
  if (view.children.contains(word)) return word;
  std::vector<std::string> found;
  std::vector<std::string> others;
  for (const auto& [path, x] : view.children) {
    if (names_child(word, path)) found.push_back(path);
    if (others.size() < most_compared && x.kind != "worker") others.push_back(path);
  }
  if (found.size() == 1) return found.front();
  if (found.empty())
    throw cannot_look("there is no child '" + report::escaped(word) + "'" + meant_child(word, others) +
                          "; 'steward ps -o name' lists all",
                      exit_code);
  throw cannot_look("several children are called '" + report::escaped(word) +
                        "'; name one by its path: " + config::list_names(found, most_offered),
                    exit_code);
}

}  // namespace steward::cli
