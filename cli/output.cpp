#include "cli/output.hpp"

#include "cli/exit_codes.hpp"
#include "observe/patient_writer.hpp"
#include "observe/standard_streams.hpp"

#include <cerrno>
#include <sstream>

namespace steward::cli {

int finish_output(int code) {
  standard_streams::finish();
  const int problem = standard_streams::output_problem();
  if (problem == 0 || problem == EPIPE) return code;
  standard_streams::say("steward: stdout: " + describe_write_problem(problem) + "\n");
  standard_streams::finish();
  return code == exit_done ? exit_internal : code;
}

void output::line(const std::string& text, event_level level) {
  std::lock_guard guard{mutex_};
  if (plain_) standard_streams::print(text + "\n");
  event e;
  e.kind = event_kind::output;
  e.level = level;
  e.text = text;
  events_.emit(std::move(e));
}

void output::told_line(const std::string& text) {
  std::lock_guard guard{mutex_};
  if (plain_) standard_streams::print(text + "\n");
}

void output::lines(const std::string& text) {
  std::istringstream in{text};
  for (std::string one; std::getline(in, one);) line(one);
}

}  // namespace steward::cli
