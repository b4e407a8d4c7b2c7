#include "cli/output.hpp"

#include <cstdio>
#include <sstream>

namespace steward::cli {

void output::line(const std::string& text) {
  std::lock_guard guard{mutex_};
  if (plain_) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fputc('\n', stdout);
    std::fflush(stdout);
  }
  event e;
  e.kind = event_kind::output;
  e.level = event_level::info;
  e.text = text;
  events_.emit(std::move(e));
}

void output::lines(const std::string& text) {
  std::istringstream in{text};
  for (std::string one; std::getline(in, one);) line(one);
}

}  // namespace steward::cli
