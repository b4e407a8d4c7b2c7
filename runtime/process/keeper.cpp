#include "process/keeper.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

#include "process/bootstrap.hpp"
#include "process/guard.hpp"
#include "process/oom_counter.hpp"
#include "process/proc_files.hpp"
#include "process/program_state.hpp"
#include "process/room.hpp"
#include "process/tracking.hpp"
#include "process/zygote.hpp"

namespace steward::process {
namespace {

// What an epoll event is about: a child's id, or one of these, which no child ever gets.
constexpr std::uint64_t wake_tag = 0;
constexpr int signal_mask = 0x7f;
constexpr std::uint64_t zygote_tag = ~std::uint64_t{0};

std::string failure(const char* step, int error) {
  return fmt::format("{}: {}", step, std::generic_category().message(error));
}

std::string failure(setup_step step, int error) { return failure(describe(step), error); }

using clock = std::chrono::steady_clock;

struct child {
  int pid = 0;
  int pidfd = -1;
  int guard_slot = -1;
  tracking_mark mark{};
  unsigned cpu_seconds = 0;
  std::uint64_t oom_kills = 0;  // counted in our cgroup before it was started
  int sent_signal = 0;
  keeper::exit_handler on_exit{};
  keeper::clean_handler on_clean{};
};

// The raw call, for libc's waitid has no way to ask for the resource usage.
int wait_pidfd(int pidfd, siginfo_t& info, int options, rusage* usage) noexcept {
  info = {};
  long result = 0;
  do {
    result = ::syscall(SYS_waitid, P_PIDFD, pidfd, &info, options, usage);
  } while (result < 0 && errno == EINTR);
  return static_cast<int>(result);
}

// Whoever started this program may have left SIGCHLD ignored; then the kernel reaps all children and tells nothing.
void keep_exit_statuses() noexcept {
  struct sigaction now {};
  if (::sigaction(SIGCHLD, nullptr, &now) != 0) return;
  const bool ignored = (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_IGN;
  if (!ignored && (now.sa_flags & SA_NOCLDWAIT) == 0) return;
  if (ignored) now.sa_handler = SIG_DFL;
  now.sa_flags &= ~SA_NOCLDWAIT;
  ::sigaction(SIGCHLD, &now, nullptr);
}

// To the group, and to the child itself where it has left its group.
bool send_signal(const child& one, int signal) noexcept {
  bool sent = ::kill(-one.pid, signal) == 0;
  // It may be on its way into its group.
  if (!sent || ::getpgid(one.pid) != one.pid)
    sent = ::syscall(SYS_pidfd_send_signal, one.pidfd, signal, nullptr, 0) == 0 || sent;
  return sent;
}

bool has_ended(const child& one) noexcept {
  siginfo_t info;
  if (wait_pidfd(one.pidfd, info, WEXITED | WNOHANG | WNOWAIT, nullptr) != 0) return true;
  return info.si_pid != 0 && tells_an_end(info.si_code);
}

// Ends a child that nobody will watch.
void discard(int pid) noexcept {
  ::kill(-pid, SIGKILL);
  ::kill(pid, SIGKILL);
  reap_within(pid, killed_limit_ms);
}

std::uint64_t milliseconds_of(const timeval& time) noexcept {
  return static_cast<std::uint64_t>(time.tv_sec) * 1000 + static_cast<std::uint64_t>(time.tv_usec) / 1000;
}

// The kernel counts the time of a limit in ticks, and that of the report exactly: on a busy machine they differ. Hardly
// anybody sends a SIGXCPU, so that one needs little evidence; a SIGKILL needs more.
bool ran_out_of_time(const exit_report& report) noexcept {
  constexpr std::uint64_t slack_ms = 100;
  if (report.cpu_seconds == 0) return false;
  const std::uint64_t limit_ms = std::uint64_t{report.cpu_seconds} * 1000;
  if (report.signal == SIGXCPU) return report.sent_signal != SIGXCPU && 2 * report.cpu_ms >= limit_ms;
  return report.signal == SIGKILL && report.sent_signal != SIGKILL && report.cpu_ms + slack_ms >= limit_ms;
}

// A start on its way.
struct launching {
  launching(const start_request& request, const program_state& program) : order{request, program} {}
  outgoing_order order;
  child one;
  launched result;
  started outcome;
};

// A start that has to be done by the keeper's thread, with the place for its result.
struct spawn_job {
  const outgoing_order* order = nullptr;
  launched result;
  bool done = false;
};

}  // namespace

cause cause_of(const exit_report& report) {
  cause why;
  why.rss_peak_kib = report.rss_peak_kib;
  why.cpu_ms = report.cpu_ms;
  if (report.is_lost()) {
    why.cls = cause_class::exit;
    why.code = report.code;
    why.message = "how it ended is not known: it was reaped by somebody else in this program";
    return why;
  }
  if (!report.signaled) {
    why.cls = cause_class::exit;
    why.code = report.code;
    return why;
  }
  why.cls = cause_class::signal;
  why.signal = report.signal;
  if (report.oom_killed) {
    why.cls = cause_class::memory;
    why.message = "killed by the kernel: out of memory (cgroup)";
  } else if (ran_out_of_time(report)) {
    why.message = fmt::format("processor time limit of {} s", report.cpu_seconds);
  }
  return why;
}

struct keeper::impl {
  explicit impl(keeper_options options);
  ~impl();

  std::vector<started> start(std::span<start_call> calls);
  bool kill(child_id id, int signal);

  void launch(std::span<launching* const> all);
  launched launch_by_spawn(const outgoing_order& order);
  launched spawn_guarded(const outgoing_order& order);
  started adopt(child one);
  void close_all() noexcept;
  void wake() noexcept;
  void run();
  void run_jobs();
  void reap(child_id id);
  bool may_end();
  int wait_ms();
  int stop_signal(child_id id);
  std::size_t running() const {
    std::lock_guard lock{mutex_};
    return children_.size();
  }

  const keeper_options options_;
  int epoll_ = -1;
  int wake_ = -1;
  int zygote_ = -1;

  mutable std::mutex mutex_;
  std::condition_variable job_done_;
  std::unordered_map<child_id, child> children_;
  std::deque<spawn_job*> jobs_;
  child_id last_id_ = 0;
  bool ending_ = false;
  std::optional<clock::time_point> give_up_at_;  // at the end, when all that runs was killed

  oom_counter oom_;
  spawned_guard guard_;  // of the keeper's thread
  stray_search strays_;  // of the keeper's thread
  std::thread thread_;
};

keeper::impl::impl(keeper_options options) : options_{options} {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{EPOLLIN, {.u64 = wake_tag}};
  if (epoll_ < 0 || wake_ < 0 || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0) {
    int error = errno;
    close_all();
    throw std::system_error{error, std::generic_category(), "process keeper"};
  }
  keep_exit_statuses();
  hold_proc();
  zygote_ = watch_zygote();
  event.data.u64 = zygote_tag;
  if (zygote_ >= 0) ::epoll_ctl(epoll_, EPOLL_CTL_ADD, zygote_, &event);
  const signals_blocked quiet;
  try {
    thread_ = std::thread{[this] { run(); }};
  } catch (const std::system_error&) {
    close_all();
    throw;
  }
}

void keeper::impl::close_all() noexcept {
  for (const int fd : {epoll_, wake_, zygote_}) {
    if (fd >= 0) ::close(fd);
  }
}

keeper::impl::~impl() {
  {
    std::lock_guard lock{mutex_};
    ending_ = true;
  }
  wake();
  thread_.join();
  close_all();
}

void keeper::impl::wake() noexcept {
  std::uint64_t one = 1;
  // A full counter has woken the thread already.
  [[maybe_unused]] ssize_t written = ::write(wake_, &one, sizeof one);
}

std::vector<started> keeper::impl::start(std::span<start_call> calls) {
  std::deque<launching> all;
  std::vector<launching*> sound;
  std::uint64_t oom_kills = oom_.kills();
  const program_state program = read_program_state();
  for (const auto& call : calls) {
    launching& next = all.emplace_back(call.request, program);
    next.outcome.error = next.order.error();
    if (!next.outcome.error.empty()) continue;
    next.one.cpu_seconds = call.request.cpu_seconds;
    next.one.oom_kills = oom_kills;
    next.one.guard_slot = next.order.header().guard_slot = claim_guard_slot();
    next.order.header().mark = next_child_mark(program_mark());
    next.one.mark = next.order.header().mark;
    sound.push_back(&next);
  }
  launch(sound);
  std::vector<started> outcomes;
  for (std::size_t i = 0; i < all.size(); ++i) {
    launching& next = all[i];
    if (next.result.pid > 0) {
      next.one.pid = next.result.pid;
      next.one.on_exit = std::move(calls[i].on_exit);
      next.one.on_clean = std::move(calls[i].on_clean);
      guard_group(next.one.guard_slot, next.one.pid);
      next.outcome = adopt(std::move(next.one));
    } else if (next.outcome.error.empty()) {
      release_guard_slot(next.one.guard_slot);
      const launched& result = next.result;
      next.outcome.error = result.error != 0 ? failure(result.step, result.error) : "there is no zygote";
    }
    outcomes.push_back(std::move(next.outcome));
  }
  return outcomes;
}

// What has neither a pid nor an error after it could not be started by any way that is allowed.
void keeper::impl::launch(std::span<launching* const> all) {
  if (options_.method != start_method::spawn) {
    std::vector<outgoing_order*> orders;
    for (auto* one : all) orders.push_back(&one->order);
    std::vector<launched> results(all.size());
    start_from_zygote(orders, results);
    for (std::size_t i = 0; i < all.size(); ++i) all[i]->result = results[i];
  }
  if (options_.method == start_method::zygote) return;
  for (auto* one : all) {
    if (one->result.pid == 0 && one->result.error == 0) one->result = launch_by_spawn(one->order);
  }
}

// The kernel kills a spawned child when the thread that spawned it ends, so only the keeper's thread may do it.
// Children of the zygote count as started by the main thread, whoever asked.
launched keeper::impl::launch_by_spawn(const outgoing_order& order) {
  if (std::this_thread::get_id() == thread_.get_id()) return spawn_guarded(order);
  spawn_job job{&order, {}, false};
  std::unique_lock lock{mutex_};
  jobs_.push_back(&job);
  lock.unlock();
  wake();
  lock.lock();
  job_done_.wait(lock, [&] { return job.done; });
  return job.result;
}

// On the keeper's thread only.
launched keeper::impl::spawn_guarded(const outgoing_order& order) {
  if (!zygote_alive()) guard_.ensure();
  return spawn_child(order);
}

started keeper::impl::adopt(child one) {
  one.pidfd = static_cast<int>(::syscall(SYS_pidfd_open, one.pid, 0));
  if (one.pidfd < 0) {
    int error = errno;
    release_guard_slot(one.guard_slot);
    discard(one.pid);
    return {0, 0, failure("pidfd_open", error)};
  }
  // Under the lock, so that a child that is dead already is not reaped before it is in the table.
  std::unique_lock lock{mutex_};
  child_id id = ++last_id_;
  epoll_event event{EPOLLIN, {.u64 = id}};
  std::string error;
  if (ending_) {
    error = "the process keeper is ending";
  } else if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, one.pidfd, &event) != 0) {
    error = failure("epoll_ctl", errno);
  } else {
    int pid = one.pid;
    children_.emplace(id, std::move(one));
    return {id, pid, {}};
  }
  lock.unlock();
  release_guard_slot(one.guard_slot);
  discard(one.pid);
  ::close(one.pidfd);
  return {0, 0, std::move(error)};
}

bool keeper::impl::kill(child_id id, int signal) {
  std::lock_guard lock{mutex_};
  auto found = children_.find(id);
  // A signal to a zombie would be taken for the cause of its death.
  if (found == children_.end() || has_ended(found->second)) return false;
  // The child is not reaped while the lock is held, so its pid and its group's number are still its own.
  if (!send_signal(found->second, signal)) return false;
  if (signal != 0) found->second.sent_signal = signal;
  return true;
}

int keeper::impl::stop_signal(child_id id) {
  std::lock_guard lock{mutex_};
  auto found = children_.find(id);
  siginfo_t info;
  if (found == children_.end() || wait_pidfd(found->second.pidfd, info, WSTOPPED | WNOHANG | WNOWAIT, nullptr) != 0)
    return 0;
  if (info.si_pid == 0 || (info.si_code != CLD_STOPPED && info.si_code != CLD_TRAPPED)) return 0;
  // A tracer may have added an event to it.
  return info.si_status & signal_mask;
}

void keeper::impl::run() {
  std::array<epoll_event, 64> events{};
  while (!may_end()) {
    int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms());
    for (int i = 0; i < count; ++i) {
      std::uint64_t tag = events[static_cast<std::size_t>(i)].data.u64;
      if (tag == wake_tag) {
        std::uint64_t ignored = 0;
        [[maybe_unused]] ssize_t got = ::read(wake_, &ignored, sizeof ignored);
      } else if (tag == zygote_tag) {
        ::epoll_ctl(epoll_, EPOLL_CTL_DEL, zygote_, nullptr);
        reap_zygote();
        // It was the guard, too.
        if (running() > 0) guard_.ensure();
      } else {
        reap(tag);
      }
    }
    run_jobs();
    strays_.look(stray_search::clock::now());
  }
  strays_.finish();
}

// At the end: kills what runs, once, and is true when nothing is left.
bool keeper::impl::may_end() {
  std::lock_guard lock{mutex_};
  if (!ending_) return false;
  if (!give_up_at_) {
    for (auto& [id, one] : children_) {
      if (has_ended(one)) continue;
      send_signal(one, SIGKILL);
      one.sent_signal = SIGKILL;
    }
    give_up_at_ = clock::now() + std::chrono::milliseconds{killed_limit_ms};
  }
  if (clock::now() < *give_up_at_) return children_.empty() && jobs_.empty();
  // They are another user's by now. The guard still knows their groups.
  for (auto& [id, one] : children_) ::close(one.pidfd);
  children_.clear();
  return jobs_.empty();
}

// For epoll: until a look for strays or the end of patience is due.
int keeper::impl::wait_ms() {
  int until_look = strays_.due_in_ms(clock::now());
  std::lock_guard lock{mutex_};
  if (!give_up_at_) return until_look;
  auto left = std::chrono::ceil<std::chrono::milliseconds>(*give_up_at_ - clock::now()).count();
  auto until_end = static_cast<int>(std::clamp<std::int64_t>(left, 0, killed_limit_ms));
  return until_look < 0 ? until_end : std::min(until_look, until_end);
}

void keeper::impl::run_jobs() {
  std::unique_lock lock{mutex_};
  while (!jobs_.empty()) {
    spawn_job& job = *jobs_.front();
    jobs_.pop_front();
    lock.unlock();
    launched result = spawn_guarded(*job.order);
    lock.lock();
    job.result = result;
    job.done = true;
    job_done_.notify_all();
  }
}

void keeper::impl::reap(child_id id) {
  std::unique_lock lock{mutex_};
  auto found = children_.find(id);
  if (found == children_.end()) return;
  child& one = found->second;
  siginfo_t info;
  int seen = wait_pidfd(one.pidfd, info, WEXITED | WNOHANG | WNOWAIT, nullptr);
  if (seen == 0 && (info.si_pid == 0 || !tells_an_end(info.si_code))) return;
  // What the child started and left behind in its group ends with it; the group's number is safe until the reaping.
  if (seen == 0) ::kill(-one.pid, SIGKILL);
  release_guard_slot(one.guard_slot);
  rusage usage{};
  exit_report report;
  report.pid = one.pid;
  report.sent_signal = one.sent_signal;
  report.cpu_seconds = one.cpu_seconds;
  if (wait_pidfd(one.pidfd, info, WEXITED | WNOHANG, &usage) != 0) {
    // Somebody else in this program reaped it, against all custom: how it ended is lost.
    report.code = -1;
  } else {
    report.signaled = info.si_code != CLD_EXITED;
    (report.signaled ? report.signal : report.code) = info.si_status;
    report.rss_peak_kib = static_cast<std::uint64_t>(usage.ru_maxrss);
    report.cpu_ms = milliseconds_of(usage.ru_utime) + milliseconds_of(usage.ru_stime);
    // Only a kill that we did not send ourselves can be the kernel's.
    bool stranger = report.signaled && report.signal == SIGKILL && report.sent_signal != SIGKILL;
    report.oom_counted = stranger && oom_.valid();
    report.oom_killed = stranger && oom_.kills() > one.oom_kills;
  }
  ::close(one.pidfd);
  const auto mark = one.mark;
  exit_handler on_exit = std::move(one.on_exit);
  clean_handler on_clean = std::move(one.on_clean);
  children_.erase(found);
  lock.unlock();
  if (on_exit) on_exit(report);
  strays_.add(mark, stray_search::clock::now(), std::move(on_clean));
}

keeper::keeper(keeper_options options) : impl_{std::make_unique<impl>(options)} {}
keeper::~keeper() = default;

started keeper::start(const start_request& request, exit_handler on_exit, clean_handler on_clean) {
  start_call one[] = {{request, std::move(on_exit), std::move(on_clean)}};
  return std::move(impl_->start(one).front());
}

std::vector<started> keeper::start_all(std::vector<start_call> calls) { return impl_->start(calls); }

bool keeper::kill(child_id child, int signal) { return impl_->kill(child, signal); }

int keeper::stop_signal(child_id child) const { return impl_->stop_signal(child); }

std::size_t keeper::running() const { return impl_->running(); }

start_method keeper::method() const {
  if (impl_->options_.method != start_method::automatic) return impl_->options_.method;
  return zygote_alive() ? start_method::zygote : start_method::spawn;
}

}  // namespace steward::process
