#include "config/loader.hpp"

#include "config/decode_run.hpp"
#include "config/decode_tree.hpp"
#include "config/overrides.hpp"
#include "config/section_reader.hpp"
#include "config/suggest.hpp"
#include "config/void_values.hpp"
#include "config/yaml_reader.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <variant>

namespace steward::config {
namespace {

scenario decode_scenario(load_context& context, const yaml_node& document, const std::string& file,
                         spec_places& places) {
  const section_reader from{context, "scenario", &document, "", document.at};
  child_directory directory;
  scenario result;
  result.file = file;
  result.name = from.text("scenario").text;
  result.description = from.text("description").text;
  result.seed = static_cast<std::uint64_t>(from.integer("seed"));
  result.tree = decode_tree(from.nested("tree"), directory, places);
  result.run = decode_steps(from.nested_list("run"), directory);
  return result;
}

load_result failure(const fault_log& faults) { return {std::nullopt, faults.sorted(), {}, {}}; }

// The scenario beside a file that is not there which was probably meant: "my_square.yaml" for "my_square".
std::optional<std::string> nearest_file(const std::filesystem::path& missing) {
  constexpr std::size_t most = 1'000;
  std::error_code problem;
  if (std::filesystem::exists(missing, problem)) {
    return std::nullopt;
  }
  const auto folder = missing.has_parent_path() ? missing.parent_path() : std::filesystem::path{"."};
  const auto is_scenario = [](const auto& x) { return x.extension() == ".yaml" || x.extension() == ".yml"; };
  std::map<std::string, std::string> files;  // by name without the suffix
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator i{folder, problem}, end; !problem && i != end && names.size() < most;
       i.increment(problem)) {
    const auto name = i->path().filename();
    if (is_scenario(name) && files.emplace(name.stem().string(), name.string()).second) {
      names.push_back(name.stem().string());
    }
  }
  const auto meant = did_you_mean((is_scenario(missing) ? missing.stem() : missing.filename()).string(), names);
  if (!meant) {
    return std::nullopt;
  }
  return missing.has_parent_path() ? (folder / files.at(*meant)).string() : files.at(*meant);
}

load_result file_failure(const std::string& path, std::string message, std::optional<std::string> suggestion = {}) {
  diagnostic fault;
  fault.file = path;
  fault.message = std::move(message);
  fault.suggestion = std::move(suggestion);
  return {std::nullopt, {std::move(fault)}, {}, {}};
}

struct file_closer {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

// The file's text up to just over the limit of a document, or why there is none.
std::variant<std::string, std::error_code> read_text(const std::string& path) {
  const std::unique_ptr<std::FILE, file_closer> file{std::fopen(path.c_str(), "rbe")};
  if (!file) {
    return std::error_code{errno, std::generic_category()};
  }
  std::string text;
  std::array<char, 16'384> chunk{};
  while (text.size() <= max_document_bytes) {
    const std::size_t got = std::fread(chunk.data(), 1, chunk.size(), file.get());
    text.append(chunk.data(), got);
    if (got < chunk.size()) {
      if (std::ferror(file.get()) != 0) {
        return std::error_code{errno, std::generic_category()};
      }
      break;
    }
  }
  return text;
}

}  // namespace

load_result load_file(const std::string& path, const catalog& names, const load_options& options) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return file_failure(path, "this is a directory, not a file");
  }
  auto text = read_text(path);
  if (const auto* error = std::get_if<std::error_code>(&text)) {
    return file_failure(path, fmt::format("cannot read the file: {}", error->message()), nearest_file(path));
  }
  return load_text(std::get<std::string>(text), path, names, options);
}

load_result load_text(std::string_view text, const std::string& name, const catalog& names,
                      const load_options& options) {
  fault_log faults;
  // A text over the limit is refused unread, so its lines need no copy.
  const std::size_t source = faults.add_source(name, text.size() > max_document_bytes ? "" : std::string{text});
  auto document = read_yaml(text, source, faults);
  if (!document) {
    if (faults.empty()) {
      faults.add({source, 1, 1}, "", "the file is empty", {"a scenario", {}});
    }
    return failure(faults);
  }
  for (const auto& assignment : options.sets) {
    apply_override(*document, assignment, faults);
  }
  load_context context{faults, names};
  spec_places places;
  auto result = decode_scenario(context, *document, name, places);
  if (!faults.empty()) {
    return failure(faults);
  }
  if (options.seed) {
    result.seed = *options.seed;
  }
  warn_of_void_values(result, places);
  return {std::move(result), {}, places.origins(), faults.warnings()};
}

}  // namespace steward::config
