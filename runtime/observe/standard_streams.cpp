#include "observe/standard_streams.hpp"

#include "observe/patient_writer.hpp"

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

struct streams {
  streams() {
    if (!are_the_same_file(STDOUT_FILENO, STDERR_FILENO)) own_errors.emplace(STDERR_FILENO);
  }

  patient_writer output{STDOUT_FILENO, patient_writer::whole};
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
