#include "observe/standard_streams.hpp"

#include "observe/patient_writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <utility>

namespace steward::standard_streams {
namespace {

bool are_the_same_file(int a, int b) {
  struct stat one {};
  struct stat other {};
  return ::fstat(a, &one) == 0 && ::fstat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

int output_fd = STDOUT_FILENO;  // settled before there are threads
bool in_use = false;

struct streams {
  streams() {
    in_use = true;
    if (!are_the_same_file(output_fd, STDERR_FILENO)) own_errors.emplace(STDERR_FILENO);
  }

  patient_writer output{output_fd, patient_writer::whole};
  std::optional<patient_writer> own_errors;
  std::atomic<bool> printed{false};
  patient_writer& errors() { return own_errors ? *own_errors : output; }
};

// Never destroyed: threads that outlive main may still have something to say.
streams& all() {
  static auto* const only = new streams;
  return *only;
}

}  // namespace

bool keep_output_for_us() {
  if (in_use || are_the_same_file(STDOUT_FILENO, STDERR_FILENO)) return false;
  const int kept = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (kept < 0) return false;
  if (::dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
    ::close(kept);
    return false;
  }
  output_fd = kept;
  return true;
}

int output_descriptor() noexcept { return output_fd; }

void print(std::string_view text) {
  all().printed.store(true);
  all().output.write(text);
}

void say(std::string_view text) { all().errors().write(text, patient_writer::limits{}); }

void show_status(std::string line) { all().errors().show_status(std::move(line)); }

void hurry(int patience_ms) {
  all().output.hurry(patience_ms);
  if (all().own_errors) all().own_errors->hurry(patience_ms);
}

void finish() {
  all().output.finish(patient_writer::without_end);
  if (all().own_errors) all().own_errors->finish();
}

int output_problem() { return all().printed.load() ? all().output.problem() : 0; }

}  // namespace steward::standard_streams
