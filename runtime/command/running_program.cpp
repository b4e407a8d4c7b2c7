#include "command/running_program.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

namespace steward::command {

namespace {

// At most so much is read before others have their turn.
// When a program is dead, others that hold its pipe may write for ever.
constexpr int last_reads = 64;
// Looks whether it is ready come at these distances, each longer than the one before.
constexpr std::chrono::milliseconds longest_look_after{200};

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw std::system_error{errno, std::generic_category(), "a pipe for what it writes"};
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return ends;
}

void close_fd(int& fd) {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

life_rules rules_of(const start_order& x) {
  life_rules out;
  out.start_within = x.start_within;
  out.ladder = ladder_of(*x.spec, x.shutdown);
  const auto& ready = x.spec->ready;
  if (!ready.line.empty()) {
    out.waits_for = fmt::format("no line has matched '{}'", ready.line);
  } else if (ready.port != 0) {
    out.waits_for = fmt::format("nothing listens at port {}", ready.port);
  } else if (!ready.file.empty()) {
    out.waits_for = fmt::format("the file '{}' is not there", ready.file);
  } else if (!ready.http.empty()) {
    out.waits_for = ready.http + " does not answer";
  } else if (ready.notify) {
    out.waits_for = "it has not said READY=1";
  } else {
    out.ready_after = ready.after;
  }
  return out;
}

}  // namespace

running_program::running_program(std::uint64_t key, start_order order, const surroundings& around, time_point now)
    : key_(key),
      order_(std::move(order)),
      around_(around),
      life_(rules_of(order_), now),
      out_{-1, channel::output, "stdout", line_source{order_.spec->logs.line_length}},
      err_{-1, channel::errors, "stderr", line_source{order_.spec->logs.line_length}},
      meter_(order_.spec->logs.lines_a_second) {}

running_program::~running_program() {
  for (auto* fd : {&out_.fd, &err_.fd, &answer_fd_}) close_fd(*fd);
}

void running_program::watch(int fd, channel what, std::uint32_t for_what) const {
  epoll_event e{};
  e.events = for_what;
  e.data.u64 = key_ * channels + static_cast<std::uint64_t>(what);
  if (::epoll_ctl(around_.epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0)
    throw std::system_error{errno, std::generic_category(), "epoll_ctl"};
}

/// Others may hold the same open file: it is taken out by hand.
void running_program::forget(int& fd) const {
  if (fd < 0) return;
  ::epoll_ctl(around_.epoll_fd, EPOLL_CTL_DEL, fd, nullptr);
  close_fd(fd);
}

void running_program::fail(std::string why) {
  cause told;
  told.cls = cause_class::start;
  told.message = std::move(why);
  life_.cannot_run(std::move(told));
}

void running_program::begin(time_point now) {
  begun_ = true;
  if (life_.now_in() != life::state::starting) {
    fail("it was stopped before it was started");
    return;
  }
  try {
    const auto more = prepare();
    if (life_.now_in() == life::state::over) return;
    launch_order order{*order_.spec, more};
    if (!order.error().empty()) return fail(order.error());
    launch_process(order);
  } catch (const std::system_error& problem) {  // no descriptor left, or the like: this start has failed
    fail(problem.what());
    return;
  }
  if (wants_looks()) next_look_ = now + look_after_;
}

/// What it is to be ready by. Returns what its environment gets more.
std::vector<std::string> running_program::prepare() {
  const auto& ready = order_.spec->ready;
  if (!ready.line.empty()) pattern_.emplace(ready.line);
  if (ready.port != 0) {
    if (is_taken(ready.port))
      fail(fmt::format("port {} is taken: something listens there before it was started", ready.port));
    endpoint_ = http_url{"127.0.0.1", false, ready.port, {}, {}};
  }
  if (!ready.http.empty()) endpoint_ = parse_http_url(ready.http);
  if (!ready.file.empty()) {
    const bool is_whole = ready.file.front() == '/' || order_.spec->working_directory.empty();
    file_ = is_whole ? ready.file : order_.spec->working_directory + "/" + ready.file;
    old_file_ = state_of_file(file_);
  }
  if (!ready.notify) return {};
  notes_.open();
  watch(notes_.fd(), channel::notes, EPOLLIN);
  return {notes_.variable()};
}

void running_program::launch_process(launch_order& order) {
  auto out = make_pipe();
  auto err = std::array<int, 2>{-1, -1};
  out_.fd = out[0];
  process::started made;
  try {
    err = make_pipe();
    err_.fd = err[0];
    process::start_request request;
    request.main = launch_main_name;
    request.fds = order.child_fds();
    request.stdout_fd = out[1];
    request.stderr_fd = err[1];
    request.clean_environment = true;  // the order has what comes on top of that
    request.working_directory = order_.spec->working_directory;
    request.cpu_seconds = static_cast<unsigned>(order_.spec->rlimits.cpu.count() / 1'000);
    answer_fd_ = order.take_answer();
    watch(answer_fd_, channel::answer, EPOLLIN);
    watch(out_.fd, channel::output, EPOLLIN);
    watch(err_.fd, channel::errors, EPOLLIN);
    made = around_.keeper->start(
        request, [told = around_.on_exit, key = key_](const process::exit_report& x) { told(key, x); },
        [told = around_.on_clean, key = key_] { told(key); });
  } catch (const std::system_error&) {
    close_fd(out[1]);
    close_fd(err[1]);
    throw;
  }
  close_fd(out[1]);
  close_fd(err[1]);
  if (!made) return fail(made.error);
  clean_ = false;
  child_ = made.id;
  pid_ = made.pid;
}

void running_program::stop(std::vector<stop_step> ladder, std::function<void()> on_stopped, time_point now) {
  on_stopped_ = std::move(on_stopped);
  if (life_.now_in() == life::state::over) {
    if (auto done = std::exchange(on_stopped_, nullptr)) done();
    return;
  }
  if (begun_) return life_.stop(std::move(ladder), now);
  begun_ = true;
  life_.stop({}, now);
  fail("it was stopped before it was started");
}

void running_program::kill(const cause& why) {
  life_.kill(why);
  if (!std::exchange(begun_, true)) fail(why.message);
}

void running_program::abandon() {
  life_.abandon();
  on_stopped_ = nullptr;
  if (!std::exchange(begun_, true)) fail("abandoned");
}

void running_program::heed(channel what, time_point now) {
  switch (what) {
    case channel::output:
      read_some(out_, now);
      return;
    case channel::errors:
      read_some(err_, now);
      return;
    case channel::answer:
      return read_answer(now);
    case channel::notes:
      return read_notes(now);
    case channel::probe:
      if (probe_.fd() >= 0) heed_look(probe_.go_on(now), now);
      return;
  }
}

/// Ends without a word when the program runs, or when the process was killed before it did.
void running_program::read_answer(time_point now) {
  if (answer_fd_ < 0) return;
  launch_failure told;
  ssize_t got = 0;
  do {
    got = ::read(answer_fd_, &told, sizeof told);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno == EAGAIN) return;
  if (got == sizeof told) {
    failed_ = told;
    return;  // its end is still to come
  }
  forget(answer_fd_);
  if (failed_.error == 0 && !std::exchange(runs_, true)) life_.runs(now);
}

/// False when there is nothing, or nothing any more.
bool running_program::read_some(source& from, time_point now) {
  if (from.fd < 0) return false;
  // Not of the thread's own: what is thread-local every thread of the program pays for when it is made.
  const auto room = around_.room;
  ssize_t got = 0;
  do {
    got = ::read(from.fd, room.data(), room.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0) return false;
  tell_left_out(now);
  const line_source::teller heed = [&](std::string_view line, std::uint64_t cut) { heed_line(from, line, cut, now); };
  if (got == 0) {
    // It has closed this one, which is its own business.
    from.lines.end(heed);
    forget(from.fd);
    return false;
  }
  from.lines.add({room.data(), static_cast<std::size_t>(got)}, heed);
  return true;
}

void running_program::heed_line(const source& from, std::string_view line, std::uint64_t cut, time_point now) {
  if (from.what == channel::errors) tail_.add(line);
  if (meter_.take(now)) tell_line(from.stream, line, cut);
  if (pattern_ && pattern_->matches(line)) {
    pattern_.reset();
    life_.is_ready();
  }
}

event running_program::log_event(event_level level) const {
  event e;
  e.kind = event_kind::log;
  e.level = level;
  e.actor = order_.path;
  e.incarnation = order_.incarnation;
  if (pid_ != 0) e.pid = pid_;
  return e;
}

void running_program::tell_line(const char* stream, std::string_view line, std::uint64_t cut) const {
  around_.events->emit_made([&] {
    auto e = log_event(event_level::info);
    e.stream = std::string{stream};
    e.text = line;
    if (cut > 0) e.text += fmt::format(" [{} bytes more were left out]", cut);
    return e;
  });
}

void running_program::tell_left_out(time_point now, bool last) {
  const auto count = meter_.left_out(now, last);
  if (count == 0) return;
  around_.events->emit_made([&] {
    auto e = log_event(event_level::warn);
    e.lost = count;
    e.text = fmt::format("lines beyond {} a second were left out", order_.spec->logs.lines_a_second);
    return e;
  });
}

void running_program::read_notes(time_point now) {
  for (const auto& one : notes_.read()) {
    if (one.pid != pid_ && (pid_ == 0 || ::getpgid(one.pid) != pid_)) continue;  // a stranger's
    if (const auto status = one.status(); !status.empty() && meter_.take(now)) tell_line("status", status, 0);
    if (one.is_ready()) life_.is_ready();
  }
}

bool running_program::wants_looks() const {
  return life_.now_in() == life::state::starting && (endpoint_ || !file_.empty());
}

void running_program::look(time_point now) {
  if (!endpoint_) {
    if (const auto state = state_of_file(file_); state.exists && !(state == old_file_)) return life_.is_ready();
    return heed_look(probe_result::not_ready, now);
  }
  auto to = *endpoint_;
  const bool ask_http = !order_.spec->ready.http.empty();
  // A port may be one of IPv6 alone.
  if (!ask_http && ++looks_ % 2 == 0) {
    to.host = "::1";
    to.is_v6 = true;
  }
  const auto how = probe_.begin(to, ask_http, now);
  if (how == probe_result::waits) watch(probe_.fd(), channel::probe, EPOLLIN | EPOLLOUT | EPOLLET);
  heed_look(how, now);
}

void running_program::heed_look(probe_result how, time_point now) {
  next_look_.reset();
  switch (how) {
    case probe_result::ready:
      return life_.is_ready();
    case probe_result::waits:
      next_look_ = probe_.due();
      return;
    case probe_result::not_ready:
      break;
  }
  if (!wants_looks()) return;
  if (!probe_.why().empty()) life_.note_wait(probe_.why());
  next_look_ = now + look_after_;
  look_after_ = std::min(look_after_ * 2, longest_look_after);
}

void running_program::has_exited(const process::exit_report& report, time_point now) {
  finish_reading(now);
  read_answer(now);
  child_ = 0;
  if (failed_.error != 0) return fail(describe(failed_, *order_.spec));
  if (!std::exchange(runs_, true)) life_.runs(now);
  life_.exited(ending_of(report));
}

void running_program::finish_reading(time_point now) {
  for (auto* one : {&out_, &err_}) {
    for (int i = 0; i < last_reads && read_some(*one, now); ++i) {
    }
    one->lines.end([&](std::string_view line, std::uint64_t cut) { heed_line(*one, line, cut, now); });
    forget(one->fd);
  }
  tell_left_out(now, true);
  probe_.close();
  next_look_.reset();
}

ending running_program::ending_of(const process::exit_report& report) const {
  ending out;
  out.why = process::cause_of(report);
  out.why.stderr_tail = tail_.lines();
  const auto& good = order_.spec->ok_codes;
  out.orderly = !report.signaled && !report.is_lost() && std::find(good.begin(), good.end(), report.code) != good.end();
  return out;
}

void running_program::advance(time_point now) {
  tell_left_out(now);
  if (next_look_ && now >= *next_look_) {
    if (probe_.fd() >= 0)
      heed_look(probe_.go_on(now), now);
    else
      look(now);
  }
  life_.advance(now);
  // It waited too long for the one before it.
  if (!begun_ && life_.now_in() != life::state::starting) {
    begun_ = true;
    fail("what ran before it has not ended");
  }
}

std::optional<time_point> running_program::next_due() const {
  auto out = life_.next_due();
  for (const auto& one : {next_look_, meter_.next_due()})
    if (one && (!out || *one < *out)) out = one;
  return out;
}

void running_program::carry_out() {
  for (auto& one : life_.take()) {
    if (const auto* signal = std::get_if<send_signal>(&one)) {
      if (child_ != 0) around_.keeper->kill(child_, signal->number);
      continue;
    }
    auto& told = std::get<news>(one);
    if (told.why.stderr_tail.empty() && told.what != news::kind::ready) told.why.stderr_tail = tail_.lines();
    order_.tell(told, pid_);
  }
  if (life_.now_in() == life::state::over) {
    if (auto done = std::exchange(on_stopped_, nullptr)) done();
  }
}

}  // namespace steward::command
