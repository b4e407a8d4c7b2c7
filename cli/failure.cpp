#include "cli/failure.hpp"

#include "cli/exit_codes.hpp"
#include "steward/cause.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <system_error>

namespace steward::cli {

namespace {

std::atomic<bool> starting{true};

/// What the system had not enough of.
struct shortage {
  bool is_one = false;
  const char* advice = "";
};

shortage shortage_of(const std::error_code& code) noexcept {
  if (code == std::errc::too_many_files_open) return {true, " (see 'ulimit -n')"};
  if (code == std::errc::resource_unavailable_try_again) return {true, " (see 'ulimit -u' and 'ulimit -v')"};
  if (code == std::errc::not_enough_memory) return {true, " (see 'ulimit -v')"};
  return {code == std::errc::too_many_files_open_in_system || code == std::errc::no_space_on_device, ""};
}

void say(const char* first, const char* what, const char* more) noexcept {
  char text[1024];
  std::size_t used = 0;
  for (const char* part : {"steward: ", first, what, more, "\n"}) {
    const auto size = std::min(std::strlen(part), sizeof text - used);
    std::memcpy(text + used, part, size);
    used += size;
  }
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, used);
}

int tell(const char* what, shortage missing) noexcept {
  if (missing.is_one && starting) {
    say("cannot start: ", what, missing.advice);
    return exit_start_failed;
  }
  say("internal error: ", what, missing.advice);
  return exit_internal;
}

shortage shortage_of(const std::exception_ptr& problem) noexcept {
  try {
    std::rethrow_exception(problem);
  } catch (const std::bad_alloc&) {
    return {true, " (see 'ulimit -v')"};
  } catch (const std::system_error& x) {
    return shortage_of(x.code());
  } catch (...) {  // whatever else it is, nothing is missing
    return {};
  }
}

}  // namespace

void begin_start() noexcept { starting = true; }
void end_start() noexcept { starting = false; }
bool is_starting() noexcept { return starting; }

int tell_failure(const std::exception_ptr& problem) noexcept {
  const auto missing = shortage_of(problem);
  try {
    std::rethrow_exception(problem);
  } catch (const std::bad_alloc&) {
    return tell("out of memory", missing);
  } catch (const std::system_error& x) {
    return tell(x.what(), missing);
  } catch (...) {  // the program's last line: whatever it is, it is told
    return tell(describe(cause_of(problem)).c_str(), missing);
  }
}

bool is_scarce(const std::exception_ptr& problem) noexcept { return shortage_of(problem).is_one; }

}  // namespace steward::cli
