#include "cli/output.hpp"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <sstream>

namespace steward::cli {

namespace {

std::atomic<int> first_problem{0};

}  // namespace

void write_stdout(const std::string& text) {
  if (first_problem.load() != 0) return;
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    first_problem.store(errno != 0 ? errno : EIO);
}

int stdout_problem() { return first_problem.load(); }

void output::line(const std::string& text) {
  std::lock_guard guard{mutex_};
  if (plain_) write_stdout(text + "\n");
  event e;
  e.kind = event_kind::output;
  e.level = event_level::info;
  e.text = text;
  events_.emit(std::move(e));
}

void output::told_line(const std::string& text) {
  std::lock_guard guard{mutex_};
  if (plain_) write_stdout(text + "\n");
}

void output::lines(const std::string& text) {
  std::istringstream in{text};
  for (std::string one; std::getline(in, one);) line(one);
}

}  // namespace steward::cli
