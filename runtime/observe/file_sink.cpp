#include "observe/file_sink.hpp"

#include "observe/json_line.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace steward {

file_sink::descriptor::descriptor(const std::string& path) {
  constexpr int flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOCTTY;
  // Opening a FIFO without a reader would wait for one; with O_NONBLOCK it fails at once.
  do {
    number = ::open(path.c_str(), flags | O_NONBLOCK, 0644);
  } while (number < 0 && errno == EINTR);
  if (number >= 0)
    ::fcntl(number, F_SETFL, O_APPEND);
  else
    problem = errno;
}

file_sink::descriptor::~descriptor() {
  if (number >= 0) ::close(number);
}

file_sink::file_sink(std::string path)
    : path_{std::move(path)}, file_{path_}, writer_{file_.number, patient_writer::whole} {}

file_sink::~file_sink() = default;

void file_sink::write(const event& e) {
  if (file_.problem == 0)
    writer_.write(to_json_line(e) + '\n');
  else
    unopened_.fetch_add(1);
}

void file_sink::finish() { writer_.finish(patient_writer::without_end); }

bool file_sink::ok() const { return file_.problem == 0 && writer_.problem() == 0; }

std::optional<std::string> file_sink::take_error() {
  const int problem = file_.problem != 0 ? file_.problem : writer_.problem();
  if (problem == 0 || told_.exchange(true)) return std::nullopt;
  return fmt::format("events file {}: {}", path_, std::generic_category().message(problem));
}

std::uint64_t file_sink::lost() const { return unopened_.load() + writer_.lines_lost(); }

}  // namespace steward
