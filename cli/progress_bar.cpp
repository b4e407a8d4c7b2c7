#include "cli/progress_bar.hpp"

#include <fmt/format.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace steward::cli::progress_bar {

namespace {

constexpr std::size_t bar_columns = 30;
constexpr std::size_t usual_columns = 80;
constexpr const char* erase_line = "\r\x1b[K";

std::size_t columns_of(int fd) {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : usual_columns;
}

}  // namespace

std::string render(const std::string& label, const map_progress& how, std::size_t columns) {
  const auto failed = how.failed > 0 ? fmt::format(", {} failed", how.failed) : std::string{};
  std::string line;
  if (how.total && *how.total > 0) {
    const auto full = bar_columns * std::min(how.done, *how.total) / *how.total;
    line = fmt::format("{} [{}{}] {} %, {} of {}{}", label, std::string(full, '#'),
                       std::string(bar_columns - full, ' '), 100 * how.done / *how.total, how.done, *how.total, failed);
  } else {
    line = fmt::format("{} {} done{}", label, how.done, failed);
  }
  if (line.size() > columns) line.resize(columns);
  return line;
}

std::function<void(const map_progress&)> for_terminal(std::string label) {
  if (::isatty(STDERR_FILENO) == 0) return {};
  return [label = std::move(label)](const map_progress& how) {
    const bool over = how.total && how.done >= *how.total;
    const auto line = over ? std::string{} : render(label, how, columns_of(STDERR_FILENO) - 1);
    fmt::print(stderr, "{}{}", erase_line, line);
    std::fflush(stderr);
  };
}

}  // namespace steward::cli::progress_bar
