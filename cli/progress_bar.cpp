#include "cli/progress_bar.hpp"

#include "observe/standard_streams.hpp"

#include <fmt/format.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

namespace steward::cli::progress_bar {

namespace {

constexpr std::size_t bar_columns = 30;
constexpr std::size_t least_bar_columns = 5;
constexpr std::size_t usual_columns = 80;

std::size_t columns_of(int fd) {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : usual_columns;
}

/// Takes the line away when the map is over, however it ends.
struct drawn_line {
  drawn_line() = default;
  ~drawn_line() { standard_streams::show_status({}); }
  drawn_line(const drawn_line&) = delete;
  drawn_line& operator=(const drawn_line&) = delete;
};

}  // namespace

std::string render(const std::string& label, const map_progress& how, std::size_t columns) {
  const auto failed = how.failed > 0 ? fmt::format(", {} failed", how.failed) : std::string{};
  const auto done = fmt::format("{} done{}", how.done, failed);
  // From the longest to the shortest: what does not fit is left out, and never cut.
  std::vector<std::string> forms;
  if (how.total && *how.total > 0) {
    const auto percent = fmt::format("{} %", 100 * how.done / *how.total);
    const auto counts = fmt::format("{}, {} of {}{}", percent, how.done, *how.total, failed);
    const auto beside = label.size() + counts.size() + std::string_view{" [] "}.size();
    const auto width = std::min(bar_columns, columns - std::min(columns, beside));
    const auto full = width * std::min(how.done, *how.total) / *how.total;
    if (width >= least_bar_columns)
      forms.push_back(fmt::format("{} [{:<{}}] {}", label, std::string(full, '#'), width, counts));
    forms.insert(forms.end(), {label + " " + counts, counts, percent + failed, percent});
  } else {
    forms = {label + " " + done, done, fmt::format("{} done", how.done)};
  }
  const auto fits = [columns](const std::string& one) { return one.size() <= columns; };
  const auto found = std::ranges::find_if(forms, fits);
  return found == forms.end() ? std::string{} : *found;
}

std::function<void(const map_progress&)> for_terminal(std::string label) {
  if (::isatty(STDERR_FILENO) == 0) return {};
  return [label = std::move(label), line = std::make_shared<drawn_line>()](const map_progress& how) {
    const bool over = how.total && how.done >= *how.total;
    standard_streams::show_status(over ? std::string{} : render(label, how, columns_of(STDERR_FILENO) - 1));
  };
}

}  // namespace steward::cli::progress_bar
