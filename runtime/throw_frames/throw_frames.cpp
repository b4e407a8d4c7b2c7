// Where exceptions are thrown: `steward::throw_frames`, for programs that link it. It stands before the library's
// `__cxa_throw`, which every `throw` calls, and notes the return addresses per thread.
#include "base/thrown_frames.hpp"
#include "process/frame_names.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string>
#include <typeinfo>
#include <unordered_map>
#include <vector>

#include <dlfcn.h>
#include <execinfo.h>

namespace {

constexpr std::size_t most_frames = 48;

struct thrown {
  const void* exception = nullptr;
  std::size_t count = 0;
  std::array<void*, most_frames> frames{};
};

/// The latest of this thread. There is more than one while an exception is thrown in the course of another one.
struct latest_thrown {
  std::array<thrown, 4> all{};
  std::size_t next = 0;
};
thread_local constinit latest_thrown latest;

void note(const void* exception, const void* thrower) noexcept {
  for (auto& one : latest.all) {
    if (one.exception == exception) one.exception = nullptr;  // of one that is gone, and had the same place
  }
  auto& one = latest.all[latest.next];
  latest.next = (latest.next + 1) % latest.all.size();
  const auto got = std::max(0, ::backtrace(one.frames.data(), static_cast<int>(one.frames.size())));
  const auto end = one.frames.begin() + got;
  const auto first = std::find(one.frames.begin(), end, thrower);  // before it are our own
  one.count = static_cast<std::size_t>(end - first);
  std::copy(first, end, one.frames.begin());
  one.exception = exception;
}

/// Names of return addresses, which are looked up once: programs throw at the same places.
class known_names {
public:
  void add_to(std::vector<std::string>& out, const void* address) {
    const std::lock_guard lock(mutex_);
    auto found = names_.find(address);
    if (found == names_.end()) {
      if (names_.size() >= most_names) names_.clear();
      // The call lies before the place it returns to.
      const std::array<std::uint64_t, 1> call{reinterpret_cast<std::uint64_t>(address) - 1};
      found = names_.emplace(address, steward::process::frame_names(call, steward::process::program_anchor())).first;
    }
    out.insert(out.end(), found->second.begin(), found->second.end());
  }

private:
  static constexpr std::size_t most_names = 8'192;
  std::mutex mutex_;
  std::unordered_map<const void*, std::vector<std::string>> names_;
};

known_names& names() {
  static known_names all;
  return all;
}

/// What was noted of an exception; null when nothing was, or others have come since.
const thrown* noted_of(const std::exception_ptr& problem) {
  // It holds the address of what was thrown, and nothing else.
  static_assert(sizeof problem == sizeof(void*));
  const void* exception = nullptr;
  std::memcpy(&exception, static_cast<const void*>(&problem), sizeof exception);
  for (const auto& one : latest.all)
    if (one.exception == exception && one.count > 0) return &one;
  return nullptr;
}

std::vector<std::string> names_of(const std::exception_ptr& problem) {
  std::vector<std::string> out;
  if (const auto* noted = noted_of(problem))
    for (std::size_t i = 0; i < noted->count; ++i) names().add_to(out, noted->frames[i]);
  return out;
}

std::vector<std::uint64_t> addresses_of(const std::exception_ptr& problem) {
  std::vector<std::uint64_t> out;
  if (const auto* noted = noted_of(problem))
    for (std::size_t i = 0; i < noted->count; ++i) out.push_back(reinterpret_cast<std::uint64_t>(noted->frames[i]));
  // The others are known to be where their calls return to.
  if (!out.empty()) --out.front();
  return out;
}

constexpr steward::thrown_frames known{&names_of, &addresses_of};

struct registration {
  registration() noexcept {
    // The first call loads what it needs.
    void* one = nullptr;
    ::backtrace(&one, 1);
    steward::set_thrown_frames(known);
  }
};
const registration registered;

using throw_function = void (*)(void*, std::type_info*, void (*)(void*));

}  // namespace

// Under a name of its own: compilers know a declaration of `__cxa_throw` without having been told one.
extern "C" [[noreturn, gnu::visibility("default")]] void steward_throw(void* exception, std::type_info* type,
                                                                       void (*destroy)(void*)) __asm__("__cxa_throw");

extern "C" void steward_throw(void* exception, std::type_info* type, void (*destroy)(void*)) {
  static const auto next = reinterpret_cast<throw_function>(::dlsym(RTLD_NEXT, "__cxa_throw"));
  note(exception, __builtin_return_address(0));
  next(exception, type, destroy);
  __builtin_unreachable();
}
