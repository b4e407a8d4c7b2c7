#include "process/frame_names.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstring>
#include <string_view>
#include <utility>

#include "process/debug_info.hpp"

namespace steward::process {
namespace {

constexpr std::size_t max_frame_names = 64;

std::string_view file_name(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

// Everything that needs no debug information.
struct place {
  bool known = false;
  bool in_program = false;
  std::uint64_t here = 0;  // the address as it is in this process
  std::string text;        // "steward+0x41f2c"
  Dl_info info{};
};

place find_place(std::uint64_t address, std::uint64_t anchor) {
  place at;
  std::uint64_t ours = program_anchor();
  // In the worker's address space minus the shift is ours; unsigned arithmetic wraps the right way.
  at.here = address - anchor + ours;
  Dl_info program{};
  at.known = ::dladdr(reinterpret_cast<void*>(at.here), &at.info) != 0 && at.info.dli_fname != nullptr;
  at.in_program =
      at.known && ::dladdr(reinterpret_cast<void*>(ours), &program) != 0 && at.info.dli_fbase == program.dli_fbase;
  if (anchor != ours && !at.in_program) at.known = false;
  if (at.known) {
    at.text = fmt::format("{}+0x{:x}", file_name(at.info.dli_fname),
                          at.here - reinterpret_cast<std::uint64_t>(at.info.dli_fbase));
  }
  return at;
}

std::string without_debug_info(const place& at, std::uint64_t address) {
  if (!at.known) return fmt::format("0x{:x}", address);
  if (at.info.dli_sname == nullptr) return at.text;
  std::uint64_t into = at.here - reinterpret_cast<std::uint64_t>(at.info.dli_saddr);
  return fmt::format("{}+0x{:x} ({})", short_function_name(at.info.dli_sname), into, at.text);
}

// What of the frames is looked up in the debug information.
std::vector<std::uint64_t> wanted_of(std::span<const std::uint64_t> addresses, std::uint64_t anchor,
                                     std::vector<place>& places) {
  std::vector<std::uint64_t> wanted;
  for (std::uint64_t address : addresses) {
    places.push_back(find_place(address, anchor));
    place& at = places.back();
    // All but the innermost are return addresses: the call lies before them, maybe on another line.
    if (at.in_program) wanted.push_back(at.here - (places.size() > 1 ? 1 : 0));
  }
  return wanted;
}

}  // namespace

std::uint64_t program_anchor() noexcept { return reinterpret_cast<std::uint64_t>(&program_anchor); }

bool find_frame_names(std::span<const std::uint64_t> addresses, std::uint64_t anchor, std::function<void()> then) {
  std::vector<place> places;
  return prepare(wanted_of(addresses, anchor, places), std::move(then));
}

std::vector<std::string> frame_names(std::span<const std::uint64_t> addresses, std::uint64_t anchor) {
  std::vector<place> places;
  auto found = look_up(wanted_of(addresses, anchor, places));
  std::vector<std::string> names;
  std::size_t next = 0;
  for (std::size_t i = 0; i < places.size() && names.size() < max_frame_names; ++i) {
    const place& at = places[i];
    const std::vector<source_frame>* sources = at.in_program ? &found[next++] : nullptr;
    if (sources == nullptr || sources->empty()) {
      names.push_back(without_debug_info(at, addresses[i]));
      continue;
    }
    for (const auto& one : *sources) names.push_back(fmt::format("{} ({})", one.text, at.text));
  }
  return names;
}

}  // namespace steward::process
