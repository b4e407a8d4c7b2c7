#pragma once

namespace steward {

/// A place in the source, as std::source_location, which clang 14 does not have.
struct source_place {
  const char* file = "";
  unsigned line = 0;

  const char* file_name() const noexcept { return file; }
  static constexpr source_place current(const char* file = __builtin_FILE(),
                                        unsigned line = static_cast<unsigned>(__builtin_LINE())) noexcept {
    return {file, line};
  }
};

}  // namespace steward
