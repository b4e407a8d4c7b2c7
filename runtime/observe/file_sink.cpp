#include "observe/file_sink.hpp"

#include "observe/standard_streams.hpp"
#include "steward/sinks.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

namespace steward {
namespace {

// How each line begins that `to_json_line` makes.
constexpr std::string_view event_start = R"({"v":)";
constexpr int not_events = -1;
constexpr int is_stream = -2;

int open_file(const std::string& path, int flags) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

std::string read_at(const std::string& path, off_t from, std::size_t count) {
  std::string text(count, '\0');
  const int fd = open_file(path, O_RDONLY);
  if (fd < 0) return {};
  const auto got = ::pread(fd, text.data(), count, from);
  ::close(fd);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

/// Each line begins as an event does. One may be torn, where a run was killed as it wrote.
bool holds_events(const std::string& path) {
  const int fd = open_file(path, O_RDONLY);
  if (fd < 0) return false;
  std::string block(std::size_t{1} << 20, '\0');
  std::size_t matched = 0;  // bytes of the beginning of this line; all of them: it is one
  bool sound = true;
  for (ssize_t got = 0; sound && (got = ::read(fd, block.data(), block.size())) > 0;) {
    const std::string_view text(block.data(), static_cast<std::size_t>(got));
    for (std::size_t at = 0; sound && at < text.size();) {
      if (matched == event_start.size()) {
        at = text.find('\n', at);
        if (at == std::string_view::npos) break;
      }
      if (text[at] == '\n')
        matched = 0;
      else
        sound = text[at] == event_start[matched++];
      ++at;
    }
  }
  ::close(fd);
  return sound;
}

}  // namespace

struct file_sink::opened {
  explicit opened(const std::string& path) : fd(open_file(path, O_WRONLY | O_CREAT)), problem(fd < 0 ? errno : 0) {
    // Opening a FIFO without a reader would wait for one; with O_NONBLOCK it has failed at once.
    if (problem == 0) ::fcntl(fd, F_SETFL, O_APPEND);
    if (problem == 0 && ::fstat(fd, &what) != 0) problem = errno;
    if (problem == 0) problem = look_at_content(path);
    if (problem == 0) writer.emplace(fd, patient_writer::whole);
    if (writer && is_torn) writer->write("\n");
  }
  ~opened() {
    writer.reset();
    if (fd >= 0) ::close(fd);
  }
  opened(const opened&) = delete;
  opened& operator=(const opened&) = delete;

  /// What is no events file is not to be written to.
  int look_at_content(const std::string& path) {
    if (!S_ISREG(what.st_mode)) return 0;
    if (is_a_standard_stream()) return is_stream;
    if (what.st_size == 0) return 0;
    if (!holds_events(path)) return not_events;
    is_torn = read_at(path, what.st_size - 1, 1) != "\n";  // a run was killed as it wrote: its line is not ours
    return 0;
  }

  /// A standard stream has a place of its own in the file, so each would write over the other.
  bool is_a_standard_stream() const {
    const auto is_it = [this](int stream) {
      struct stat out {};
      return ::fstat(stream, &out) == 0 && out.st_dev == what.st_dev && out.st_ino == what.st_ino;
    };
    return is_it(standard_streams::output_descriptor()) || is_it(STDERR_FILENO);
  }

  bool is_at(const std::string& path) const {
    struct stat now {};
    return ::stat(path.c_str(), &now) == 0 && now.st_dev == what.st_dev && now.st_ino == what.st_ino;
  }

  int fd = -1;
  int problem = 0;
  bool is_torn = false;
  struct stat what {};
  std::optional<patient_writer> writer;
};

file_sink::file_sink(std::string path) : path_{std::move(path)}, file_{std::make_shared<opened>(path_)} {}

file_sink::~file_sink() = default;

std::shared_ptr<file_sink::opened> file_sink::current() const {
  const std::lock_guard lock{mutex_};
  return file_;
}

void file_sink::follow_the_path() {
  const auto before = current();
  if (before->is_at(path_) || !ok()) return;  // a run whose events were lost is not made to look whole
  auto next = std::make_shared<opened>(path_);
  if (next->problem != 0) return;
  if (before->writer) unwritten_.fetch_add(before->writer->lines_lost());
  const std::lock_guard lock{mutex_};
  file_ = std::move(next);
}

void file_sink::write(const event& e) {
  if (reopen_.exchange(false)) follow_the_path();
  const auto file = current();
  if (file->writer)
    file->writer->write(to_json_line(e) + '\n');
  else
    unwritten_.fetch_add(1);
}

void file_sink::finish() {
  if (const auto file = current(); file->writer) file->writer->finish(patient_writer::without_end);
}

void file_sink::hurry(int patience_ms) {
  if (const auto file = current(); file->writer) file->writer->hurry(patience_ms);
}

bool file_sink::ok() const { return problem() == 0; }

int file_sink::problem() const {
  const auto file = current();
  return file->problem != 0 || !file->writer ? file->problem : file->writer->problem();
}

std::optional<std::string> file_sink::take_error() {
  const int found = problem();
  if (found == 0 || told_.exchange(true)) return std::nullopt;
  if (found == is_stream)
    return fmt::format("events file {}: standard output or error goes there, too, and each would write over the other",
                       path_);
  if (found == not_events)
    return fmt::format("events file {}: it holds something else than events, and is left as it is", path_);
  return fmt::format("events file {}: {}", path_, describe_write_problem(found));
}

std::uint64_t file_sink::lost() const {
  const auto file = current();
  return unwritten_.load() + (file->writer ? file->writer->lines_lost() : 0);
}

}  // namespace steward
