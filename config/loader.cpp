#include "config/loader.hpp"

#include "config/decode_run.hpp"
#include "config/decode_tree.hpp"
#include "config/overrides.hpp"
#include "config/section_reader.hpp"
#include "config/suggest.hpp"
#include "config/void_values.hpp"
#include "config/yaml_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace steward::config {
namespace {

state_spec decode_state(const section_reader& from, const std::string& file) {
  state_spec out;
  const auto directory = from.text("dir");
  if (directory.written && directory.text.empty()) from.fault("dir", "no directory is named");
  if (!directory.text.empty()) out.directory = (std::filesystem::path{file}.parent_path() / directory.text).string();
  out.max_age = from.duration("max_age");
  out.max_bytes = static_cast<std::uint64_t>(from.size("max_size"));
  return out;
}

scenario decode_scenario(load_context& context, const yaml_node& document, const std::string& file,
                         spec_places& places) {
  const section_reader from{context, "scenario", &document, "", document.at};
  child_directory directory;
  scenario result;
  result.file = file;
  result.name = from.text("scenario").text;
  result.description = from.text("description").text;
  result.seed = static_cast<std::uint64_t>(from.integer("seed"));
  result.state = decode_state(from.nested("state"), file);
  result.tree = decode_tree(from.nested("tree"), directory, places);
  result.run = decode_steps(from.nested_list("run"), directory);
  const bool any_in_turn = std::ranges::any_of(result.run, [](const step& x) { return !x.is_timed(); });
  result.stays = !from.has("run") || (!result.run.empty() && !any_in_turn);
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

struct descriptor {
  int number = -1;
  explicit descriptor(int opened) : number(opened) {}
  ~descriptor() {
    if (number >= 0) ::close(number);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
};

// The file's text up to just over the limit of a document, or why there is none.
std::variant<std::string, std::string> read_text(const std::string& path, bool only_regular) {
  const auto cannot = [] { return "cannot read the file: " + std::generic_category().message(errno); };
  using result = std::variant<std::string, std::string>;
  constexpr auto problem = std::in_place_index<1>;
  // A FIFO would be waited for in open, where nobody can tell yet what it is.
  const descriptor file{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
  if (file.number < 0) return result{problem, cannot()};
  struct stat what {};
  if (::fstat(file.number, &what) != 0) return result{problem, cannot()};
  if (S_ISDIR(what.st_mode)) return result{problem, "this is a directory, not a file"};
  if (only_regular && !S_ISREG(what.st_mode)) return result{problem, "this is not a regular file"};
  std::string text;
  std::array<char, 16'384> chunk{};
  while (text.size() <= max_document_bytes) {
    pollfd more{file.number, POLLIN, 0};
    ::poll(&more, 1, -1);
    const auto got = ::read(file.number, chunk.data(), chunk.size());
    if (got == 0) break;
    if (got > 0)
      text.append(chunk.data(), static_cast<std::size_t>(got));
    else if (errno != EINTR && errno != EAGAIN)
      return result{problem, cannot()};
  }
  return result{std::in_place_index<0>, std::move(text)};
}

}  // namespace

load_result load_file(const std::string& path, const catalog& names, const load_options& options) {
  auto text = read_text(path, options.only_regular_files);
  if (text.index() == 1) return file_failure(path, std::move(std::get<1>(text)), nearest_file(path));
  return load_text(std::get<0>(text), path, names, options);
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
