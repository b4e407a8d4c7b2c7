#include "cli/scenario_files.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace steward::cli {

namespace fs = std::filesystem;

namespace {

fs::path shipped_folder() {
  std::error_code problem;
  const auto self = fs::read_symlink("/proc/self/exe", problem);
  if (problem) return {};
  return self.parent_path().parent_path() / "share" / "steward" / "scenarios";
}

}  // namespace

std::string find_scenario(const std::string& name) {
  std::error_code problem;
  if (name.find('/') != std::string::npos || fs::exists(name, problem)) return name;
  const auto folder = shipped_folder();
  for (const auto* suffix : {"", ".yaml"})
    if (const auto path = folder / (name + suffix); fs::is_regular_file(path, problem)) return path.string();
  return name;
}

std::vector<std::string> shipped_scenarios() {
  std::vector<std::string> out;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(shipped_folder(), problem))
    if (entry.path().extension() == ".yaml") out.push_back(entry.path().stem().string());
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace steward::cli
