#include "process/frame_names.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstring>

#include "steward/cause.hpp"

namespace steward::process {

std::uint64_t program_anchor() noexcept { return reinterpret_cast<std::uint64_t>(&program_anchor); }

std::string frame_name(std::uint64_t address, std::uint64_t anchor) {
  std::uint64_t ours = program_anchor();
  // In the worker's address space minus the shift is ours; unsigned arithmetic wraps the right way.
  std::uint64_t here = address - anchor + ours;
  Dl_info info{};
  Dl_info program{};
  bool known = ::dladdr(reinterpret_cast<void*>(here), &info) != 0 && info.dli_fname != nullptr;
  bool in_program =
      known && ::dladdr(reinterpret_cast<void*>(ours), &program) != 0 && info.dli_fbase == program.dli_fbase;
  if (!known || (anchor != ours && !in_program)) return fmt::format("0x{:x}", address);
  const char* slash = std::strrchr(info.dli_fname, '/');
  const char* file = slash == nullptr ? info.dli_fname : slash + 1;
  auto place = fmt::format("{}+0x{:x}", file, here - reinterpret_cast<std::uint64_t>(info.dli_fbase));
  if (info.dli_sname == nullptr) return place;
  std::uint64_t into = here - reinterpret_cast<std::uint64_t>(info.dli_saddr);
  return fmt::format("{}+0x{:x} ({})", demangle(info.dli_sname), into, place);
}

}  // namespace steward::process
