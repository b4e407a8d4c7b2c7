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

#include <array>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

#include "process/bootstrap.hpp"
#include "process/zygote.hpp"

namespace steward::process {
namespace {

// What an epoll event is about: a child's id, or one of these, which no child ever gets.
constexpr std::uint64_t wake_tag = 0;
constexpr std::uint64_t zygote_tag = ~std::uint64_t{0};

std::string failure(const char* step, int error) {
  return fmt::format("{}: {}", step, std::generic_category().message(error));
}

// Why a request cannot be carried out by any method; empty when it can.
std::string fault_of(const start_request& request) {
  if (request.main.size() > max_main_name_bytes || find_child_main(request.main) == nullptr) {
    return fmt::format("no child main is registered as '{}'", request.main.substr(0, max_main_name_bytes));
  }
  if (request.fds.size() > max_child_fds) {
    return fmt::format("{} descriptors for a child, more than the limit of {}", request.fds.size(), max_child_fds);
  }
  for (int fd : request.fds) {
    if (::fcntl(fd, F_GETFD) < 0) return fmt::format("descriptor {} for a child is not open", fd);
  }
  if (request.argument.size() > max_argument_bytes) {
    return fmt::format("an argument of {} bytes, more than the limit of {}", request.argument.size(),
                       max_argument_bytes);
  }
  return {};
}

struct child {
  int pid = 0;
  int pidfd = -1;
  int sent_signal = 0;
  keeper::exit_handler on_exit;
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

bool has_ended(const child& one) noexcept {
  siginfo_t info;
  return wait_pidfd(one.pidfd, info, WEXITED | WNOHANG | WNOWAIT, nullptr) != 0 || info.si_pid != 0;
}

// Ends a child that nobody will watch.
void discard(int pid) noexcept {
  ::kill(-pid, SIGKILL);
  ::kill(pid, SIGKILL);
  siginfo_t info;
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED) != 0 && errno == EINTR) {
  }
}

// A start that has to be done by the keeper's thread, with the place for its result.
struct spawn_job {
  const start_request* request = nullptr;
  launched result;
  bool done = false;
};

}  // namespace

cause cause_of(const exit_report& report) {
  cause why;
  if (report.signaled) {
    why.cls = cause_class::signal;
    why.signal = report.signal;
  } else {
    why.cls = cause_class::exit;
    why.code = report.code;
  }
  return why;
}

struct keeper::impl {
  explicit impl(keeper_options options);
  ~impl();

  started start(const start_request& request, exit_handler on_exit);
  bool kill(child_id id, int signal);

  launched launch_by_spawn(const start_request& request);
  started adopt(int pid, exit_handler on_exit);
  void wake() noexcept;
  void run();
  void run_jobs();
  void reap(child_id id);
  bool may_end();

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
  bool killed_all_ = false;

  std::thread thread_;
};

keeper::impl::impl(keeper_options options) : options_{options} {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{EPOLLIN, {.u64 = wake_tag}};
  if (epoll_ < 0 || wake_ < 0 || ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0) {
    int error = errno;
    if (epoll_ >= 0) ::close(epoll_);
    if (wake_ >= 0) ::close(wake_);
    throw std::system_error{error, std::generic_category(), "process keeper"};
  }
  zygote_ = watch_zygote();
  event.data.u64 = zygote_tag;
  if (zygote_ >= 0) ::epoll_ctl(epoll_, EPOLL_CTL_ADD, zygote_, &event);
  // Signals are for the program's own threads.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread{[this] { run(); }};
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

keeper::impl::~impl() {
  {
    std::lock_guard lock{mutex_};
    ending_ = true;
  }
  wake();
  thread_.join();
  ::close(epoll_);
  ::close(wake_);
  if (zygote_ >= 0) ::close(zygote_);
}

void keeper::impl::wake() noexcept {
  std::uint64_t one = 1;
  // A full counter has woken the thread already.
  [[maybe_unused]] ssize_t written = ::write(wake_, &one, sizeof one);
}

started keeper::impl::start(const start_request& request, exit_handler on_exit) {
  if (std::string fault = fault_of(request); !fault.empty()) return {0, 0, std::move(fault)};
  launched result;
  const char* step = "start from the zygote";
  std::optional<launched> from_zygote;
  if (options_.method != start_method::spawn) from_zygote = start_from_zygote(request);
  if (from_zygote) {
    result = *from_zygote;
  } else if (options_.method == start_method::zygote) {
    return {0, 0, "there is no zygote"};
  } else {
    step = "posix_spawn";
    result = launch_by_spawn(request);
  }
  if (result.error != 0) return {0, 0, failure(step, result.error)};
  return adopt(result.pid, std::move(on_exit));
}

// The kernel kills a spawned child when the thread that spawned it ends, so only the keeper's thread may do it.
// Children of the zygote count as started by the main thread, whoever asked.
launched keeper::impl::launch_by_spawn(const start_request& request) {
  if (std::this_thread::get_id() == thread_.get_id()) return spawn_child(request);
  spawn_job job{&request, {}, false};
  std::unique_lock lock{mutex_};
  jobs_.push_back(&job);
  lock.unlock();
  wake();
  lock.lock();
  job_done_.wait(lock, [&] { return job.done; });
  return job.result;
}

started keeper::impl::adopt(int pid, exit_handler on_exit) {
  int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) {
    int error = errno;
    discard(pid);
    return {0, 0, failure("pidfd_open", error)};
  }
  // Under the lock, so that a child that is dead already is not reaped before it is in the table.
  std::unique_lock lock{mutex_};
  child_id id = ++last_id_;
  epoll_event event{EPOLLIN, {.u64 = id}};
  std::string error;
  if (ending_) {
    error = "the process keeper is ending";
  } else if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, pidfd, &event) != 0) {
    error = failure("epoll_ctl", errno);
  } else {
    children_.emplace(id, child{pid, pidfd, 0, std::move(on_exit)});
    return {id, pid, {}};
  }
  lock.unlock();
  discard(pid);
  ::close(pidfd);
  return {0, 0, std::move(error)};
}

bool keeper::impl::kill(child_id id, int signal) {
  std::lock_guard lock{mutex_};
  auto found = children_.find(id);
  // A signal to a zombie would be taken for the cause of its death.
  if (found == children_.end() || has_ended(found->second)) return false;
  // The child is not reaped while the lock is held, so its pid and its group's number are still its own.
  if (::kill(-found->second.pid, signal) != 0) return false;
  if (signal != 0) found->second.sent_signal = signal;
  return true;
}

void keeper::impl::run() {
  std::array<epoll_event, 64> events{};
  while (!may_end()) {
    int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      std::uint64_t tag = events[static_cast<std::size_t>(i)].data.u64;
      if (tag == wake_tag) {
        std::uint64_t ignored = 0;
        [[maybe_unused]] ssize_t got = ::read(wake_, &ignored, sizeof ignored);
      } else if (tag == zygote_tag) {
        ::epoll_ctl(epoll_, EPOLL_CTL_DEL, zygote_, nullptr);
        reap_zygote();
      } else {
        reap(tag);
      }
    }
    run_jobs();
  }
}

// At the end: kills what runs, once, and is true when nothing is left.
bool keeper::impl::may_end() {
  std::lock_guard lock{mutex_};
  if (!ending_) return false;
  if (!killed_all_) {
    for (auto& [id, one] : children_) {
      if (has_ended(one)) continue;
      ::kill(-one.pid, SIGKILL);
      one.sent_signal = SIGKILL;
    }
    killed_all_ = true;
  }
  return children_.empty() && jobs_.empty();
}

void keeper::impl::run_jobs() {
  std::unique_lock lock{mutex_};
  while (!jobs_.empty()) {
    spawn_job& job = *jobs_.front();
    jobs_.pop_front();
    lock.unlock();
    launched result = spawn_child(*job.request);
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
  if (seen == 0 && info.si_pid == 0) return;
  // What the child started and left behind in its group ends with it; the group's number is safe until the reaping.
  if (seen == 0) ::kill(-one.pid, SIGKILL);
  rusage usage{};
  exit_report report;
  report.pid = one.pid;
  report.sent_signal = one.sent_signal;
  if (wait_pidfd(one.pidfd, info, WEXITED | WNOHANG, &usage) != 0) {
    // Somebody else in this program reaped it, against all custom: how it ended is lost.
    report.code = -1;
  } else {
    report.signaled = info.si_code != CLD_EXITED;
    (report.signaled ? report.signal : report.code) = info.si_status;
    report.core_dumped = info.si_code == CLD_DUMPED;
    report.rss_peak_kib = static_cast<std::uint64_t>(usage.ru_maxrss);
  }
  ::close(one.pidfd);
  exit_handler on_exit = std::move(one.on_exit);
  children_.erase(found);
  lock.unlock();
  if (on_exit) on_exit(report);
}

keeper::keeper(keeper_options options) : impl_{std::make_unique<impl>(options)} {}
keeper::~keeper() = default;

started keeper::start(const start_request& request, exit_handler on_exit) {
  return impl_->start(request, std::move(on_exit));
}

bool keeper::kill(child_id child, int signal) { return impl_->kill(child, signal); }

std::size_t keeper::running() const {
  std::lock_guard lock{impl_->mutex_};
  return impl_->children_.size();
}

start_method keeper::method() const {
  if (impl_->options_.method != start_method::automatic) return impl_->options_.method;
  return zygote_alive() ? start_method::zygote : start_method::spawn;
}

}  // namespace steward::process
