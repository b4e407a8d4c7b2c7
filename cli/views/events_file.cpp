#include "cli/views/events_file.hpp"

#include "base/text.hpp"
#include "cli/exit_codes.hpp"
#include "config/suggest.hpp"
#include "observe/phrases.hpp"
#include "observe/report_text.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <string_view>
#include <utility>

namespace steward::cli {
namespace {

constexpr std::size_t piece_bytes = std::size_t{256} * 1024;
constexpr std::size_t most_runs = 1'000;  // that are told apart in one file
constexpr std::size_t most_named = 5;
constexpr std::chrono::milliseconds between_looks{100};

class descriptor {
public:
  explicit descriptor(int fd) : fd_(fd) {}
  ~descriptor() { reset(-1); }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;

  int get() const noexcept { return fd_; }
  void reset(int fd) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

private:
  int fd_;
};

[[noreturn]] void fail(const std::string& name, const std::string& why, int code = exit_usage) {
  throw cannot_look(name + ": " + why, code);
}

/// Whether they are the same file.
bool same_file(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

/// All of a stream that can be read only once, in memory.
int copy_of(int from, const std::string& name) {
  descriptor to{::memfd_create("events", MFD_CLOEXEC)};
  if (to.get() < 0) fail(name, std::strerror(errno));
  std::array<char, 65'536> piece;
  for (;;) {
    const auto n = ::read(from, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(name, std::strerror(errno));
    if (n == 0) break;
    for (ssize_t done = 0; done < n;) {
      const auto m = ::write(to.get(), piece.data() + done, static_cast<std::size_t>(n - done));
      if (m < 0) fail(name, std::strerror(errno));
      done += m;
    }
  }
  return ::dup(to.get());
}

void note_event(run_entry& run, const event& e) {
  run.last = e.ts;
  if (e.kind == event_kind::run_start) {
    if (!run.started) run.started = e.ts;
    run.scenario = e.scenario ? e.scenario->name : std::string{};
    run.ended.reset();
    run.code.reset();
    run.died = false;
  } else if (e.kind == event_kind::run_end) {
    run.ended = e.ts;
    run.code = e.code;
  } else if (e.kind == event_kind::crash) {
    ++run.crashes;
    run.died = run.died || !e.decision;
  }
}

bool is_regular(const std::string& path) {
  struct stat what {};
  return ::stat(path.c_str(), &what) == 0 && S_ISREG(what.st_mode);
}

}  // namespace

/// One reading of the file.
class events_file::pass {
public:
  pass(int fd, const std::string& name, const event_taker& f, const event_reader::fault_taker& on_fault)
      : fd_(fd), name_(name), lines_([this, &f](const event& e) { goes_on_ = goes_on_ && f(e); }, on_fault) {}

  /// Reads what there is; false when that is enough.
  bool read() {
    if (piece_.empty()) piece_.resize(piece_bytes);
    while (goes_on_) {
      const auto n = ::read(fd_, piece_.data(), piece_.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(name_, std::strerror(errno));
      if (n == 0) break;
      lines_.read({piece_.data(), static_cast<std::size_t>(n)});
    }
    return goes_on_;
  }
  void finish() {
    if (goes_on_) lines_.finish();
  }
  void go_on_with(int fd) {
    finish();
    fd_ = fd;
  }

private:
  int fd_;
  const std::string& name_;
  bool goes_on_ = true;
  event_reader lines_;
  std::string piece_;
};

events_file::events_file(std::string path, std::string run) : path_(std::move(path)), name_(path_) {
  if (path_ == "-") {
    name_ = "standard input";
    kept_ = copy_of(STDIN_FILENO, name_);
  } else if (!is_regular(path_)) {
    const descriptor once{open()};
    kept_ = copy_of(once.get(), name_);
  }
  try {
    find_run(run);
  } catch (const cannot_look&) {
    if (kept_ >= 0) ::close(kept_);
    throw;
  }
}

events_file::~events_file() {
  if (kept_ >= 0) ::close(kept_);
}

int events_file::open() const {
  const auto path = kept_ >= 0 ? "/proc/self/fd/" + std::to_string(kept_) : path_;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(name_, std::strerror(errno), errno == ENOENT ? int{exit_no_such_run} : int{exit_usage});
  return fd;
}

void events_file::find_run(const std::string& wanted) {
  const descriptor fd{open()};
  std::map<std::string, std::size_t> places;  // of each run in `runs_`
  const event_taker look = [&](const event& e) {
    run_ = e.run;
    auto it = places.find(e.run);
    if (it == places.end()) {
      if (runs_.size() >= most_runs) return true;
      it = places.emplace(e.run, runs_.size()).first;
      runs_.emplace_back().id = e.run;
    }
    note_event(runs_[it->second], e);
    return true;
  };
  const auto note = [&](const line_fault& fault) {
    if (faults_++ == 0) first_fault_ = fault;
    torn_ = torn_ || fault.torn;
  };
  pass all{fd.get(), name_, look, note};
  all.read();
  all.finish();
  if (runs_.empty() && (faults_ == 0 || (torn_ && faults_ == 1)))
    throw nothing_yet(name_ + ": it has no events", exit_usage);
  if (runs_.empty())
    fail(name_, fmt::format("it is no events file: line {}: {}", first_fault_.line, first_fault_.what));
  if (wanted.empty()) return;
  const auto of_scenario = [&](const run_entry& x) { return x.scenario == wanted; };
  const auto last = std::find_if(runs_.rbegin(), runs_.rend(), of_scenario);
  if (!places.contains(wanted) && last == runs_.rend()) {
    std::vector<std::string> ids;
    for (auto it = runs_.rbegin(); it != runs_.rend(); ++it) ids.push_back(it->id);
    const auto meant = config::did_you_mean(wanted, ids);
    fail(name_,
         fmt::format("there is no run '{}'{}; it has {}; 'steward runs {}' lists them", escape_text(wanted),
                     meant ? " (did you mean '" + *meant + "'?)" : "", config::list_names(ids), escape_text(name_)),
         exit_no_such_run);
  }
  run_ = places.contains(wanted) ? wanted : last->id;
}

run_view events_file::view() {
  run_view out;
  events_after(0, [&](const event& e) {
    fold(out, e);
    return true;
  });
  return out;
}

void events_file::events_after(std::uint64_t after, const event_taker& f) {
  const descriptor fd{open()};
  const event_taker ours = [&](const event& e) { return e.run != run_ || e.seq <= after || f(e); };
  pass all{fd.get(), name_, ours, {}};
  all.read();
  all.finish();
}

void events_file::follow(std::uint64_t after, const event_taker& f, const patience& waits) {
  descriptor fd{open()};
  const event_taker ours = [&](const event& e) {
    if (e.run != run_ || e.seq <= after) return true;
    return f(e) && e.kind != event_kind::run_end;
  };
  pass all{fd.get(), name_, ours, {}};
  while (all.read() && waits(between_looks)) {
    // The file may have been renamed, to begin a new one: what is left in it was read.
    struct stat here {};
    struct stat there {};
    if (kept_ >= 0 || ::fstat(fd.get(), &here) != 0 || ::stat(path_.c_str(), &there) != 0 || same_file(here, there))
      continue;
    if (!all.read()) return;
    fd.reset(open());
    all.go_on_with(fd.get());
  }
}

namespace {

/// Reads a file from the place on where the events that are wanted lie: it notes the place of each so-manieth one.
class file_history final : public event_history {
public:
  file_history(int fd, std::string name, std::string run) : fd_(fd), name_(std::move(name)), run_(std::move(run)) {}

  void events_after(std::uint64_t after, const event_taker& f) override {
    constexpr std::uint64_t distance = 1'024;
    const auto it =
        std::partition_point(places_.begin(), places_.end(), [&](const auto& x) { return x.first <= after; });
    const auto begin = it == places_.begin() ? std::uint64_t{0} : std::prev(it)->second;
    bool goes_on = true;
    const event_reader* at = nullptr;
    event_reader lines{[&](const event& e) {
                         if (!goes_on || e.run != run_) return;
                         if (places_.empty() ? e.seq > distance : e.seq >= places_.back().first + distance)
                           places_.emplace_back(e.seq, begin + at->offset());
                         if (e.seq > after) goes_on = f(e);
                       },
                       {}};
    at = &lines;
    std::string piece(piece_bytes, '\0');
    for (auto from = begin; goes_on;) {
      const auto n = ::pread(fd_.get(), piece.data(), piece.size(), static_cast<off_t>(from));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw std::runtime_error(name_ + ": " + std::strerror(errno));
      if (n == 0) break;
      from += static_cast<std::uint64_t>(n);
      lines.read({piece.data(), static_cast<std::size_t>(n)});
    }
    if (goes_on) lines.finish();
  }
  std::vector<sample> samples_of(const std::string&, time_point, time_point, std::chrono::milliseconds) override {
    return {};  // a file has events alone
  }

private:
  descriptor fd_;
  std::string name_;
  std::string run_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> places_;  // number of an event, and where its line begins
};

}  // namespace

std::shared_ptr<event_history> events_file::history() { return std::make_shared<file_history>(open(), name_, run_); }

std::vector<std::string> events_file::remarks() const {
  std::vector<std::string> out;
  if (runs_.size() > 1) {
    std::vector<std::string> names;
    for (auto it = runs_.rbegin(); it != runs_.rend(); ++it)
      if (it->id != run_)
        names.push_back(it->scenario.empty() ? it->id : it->id + " (" + report::escaped(it->scenario) + ")");
    out.push_back(fmt::format("{} has {} besides {}: {}; --run ID names one, and 'steward runs {}' lists them", name_,
                              phrases::counted(names.size(), "run"), run_, config::list_names(names, most_named),
                              name_));
  }
  if (torn_) out.push_back(name_ + ": its last line is torn: the program was killed, or writes it just now");
  if (faults_ > (torn_ ? 1U : 0U))
    out.push_back(fmt::format("{}: {} no events and left out; the first is line {}: {}", name_,
                              phrases::counted(faults_ - (torn_ ? 1U : 0U), "line is", "lines are"), first_fault_.line,
                              first_fault_.what));
  return out;
}

}  // namespace steward::cli
