#include "observe/frame_list.hpp"

#include "observe/phrases.hpp"
#include "observe/report_text.hpp"

#include <cxxabi.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <system_error>

namespace steward {
namespace {

constexpr std::array foreign_names{
    "std::", "__gnu_cxx::", "__cxa", "caf::", "steward::", "operator new", "__libc", "_start"};
constexpr std::array own_names{"steward::ready_made::"};
constexpr std::array foreign_files{"libc.so", "libstdc++.so", "libcaf_", "libpthread.so",
                                   "libm.so", "ld-linux",     "libgcc"};

template <std::size_t N>
bool begins(std::string_view text, const std::array<const char*, N>& with) {
  return std::any_of(with.begin(), with.end(), [text](const char* one) { return text.starts_with(one); });
}

/// The name of the function, without the type that a template shows before it and without its arguments.
std::string_view name_of(std::string_view frame) {
  auto name = frame.substr(0, frame.find_first_of("<("));
  name = name.substr(0, name.find(" at "));
  while (name.ends_with(' ')) name.remove_suffix(1);
  const auto blank = name.rfind(' ');
  return blank == std::string_view::npos || name.starts_with("operator") ? name : name.substr(blank + 1);
}

/// What can be read of a name that the C++ library cannot make readable, as of some lambdas: the names that it begins
/// with, "std::__invoke_impl<...>".
std::string beginning_of(std::string_view mangled) {
  std::string out;
  mangled.remove_prefix(std::min(mangled.find_first_not_of("_ZNKL"), mangled.size()));
  while (!mangled.empty()) {
    if (out.empty() && mangled.starts_with("St")) {
      out = "std";
      mangled.remove_prefix(2);
      continue;
    }
    std::size_t size = 0;
    const auto [end, problem] = std::from_chars(mangled.data(), mangled.data() + mangled.size(), size);
    mangled.remove_prefix(static_cast<std::size_t>(end - mangled.data()));
    if (problem != std::errc{} || size == 0 || size > mangled.size()) break;
    out += (out.empty() ? "" : "::") + std::string{mangled.substr(0, size)};
    mangled.remove_prefix(size);
  }
  return out + "<...>";
}

std::string readable(const std::string& frame) {
  if (!frame.starts_with("_Z")) return frame;
  const auto end = std::min(frame.find_first_of(" +"), frame.size());
  const auto symbol = frame.substr(0, end);
  int problem = 0;
  const std::unique_ptr<char, decltype(&std::free)> name{
      abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &problem), std::free};
  return (problem == 0 && name ? name.get() : beginning_of(symbol)) + frame.substr(end);
}

struct group {
  std::size_t first = 0;
  std::size_t count = 1;
};

/// Frames that are the same, one after the other.
std::vector<group> groups_of(const std::vector<std::string>& frames) {
  std::vector<group> out;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (!out.empty() && frames[i] == frames[out.back().first])
      ++out.back().count;
    else
      out.push_back({i});
  }
  return out;
}

}  // namespace

bool is_of_users(std::string_view frame) {
  const auto name = name_of(frame);
  if (begins(name, own_names)) return true;
  if (begins(name, foreign_names) || frame.starts_with("0x")) return false;
  const auto file = frame.substr(std::min(frame.rfind('(') + 1, frame.size()));
  return !begins(file, foreign_files) && !begins(frame, foreign_files);
}

std::vector<std::string> frame_lines(const std::vector<std::string>& frames, std::size_t most, bool tells_rest) {
  std::vector<std::string> names;
  for (const auto& one : frames) names.push_back(readable(one));
  auto all = groups_of(names);
  const auto there_are = all.size();
  if (most > 0) {
    const auto is_ours = [&](const group& x) { return is_of_users(names[x.first]); };
    const auto innermost = std::find_if(all.begin(), all.end(), is_ours);
    // What lies below the user's code has only called it.
    if (innermost != all.end())
      all.erase(std::remove_if(innermost, all.end(), [&](const group& x) { return !is_ours(x); }), all.end());
    std::stable_partition(all.begin(), all.end(), is_ours);
    all.resize(std::min(all.size(), most));
  }
  std::vector<std::string> out;
  for (const auto& x : all) {
    out.push_back(fmt::format("#{:<2} {}", x.first, report::escaped(names[x.first])));
    if (x.count > 1) out.push_back(fmt::format("    the same {} more", phrases::counted(x.count - 1, "time")));
  }
  if (tells_rest && all.size() < there_are)
    out.push_back(fmt::format("    {} not shown; --frames all shows them",
                              phrases::counted(there_are - all.size(), "frame is", "frames are")));
  return out;
}

}  // namespace steward
