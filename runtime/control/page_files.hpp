#pragma once

#include <string_view>

namespace steward::control_api {

/// A file of the observer page, which is a part of the program.
struct page_file {
  std::string_view path;  ///< "/" or "/observer.js"
  const char* type;
  std::string_view body;
};

/// Null where there is none.
const page_file* page_file_at(std::string_view path) noexcept;

}  // namespace steward::control_api
