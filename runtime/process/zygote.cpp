#include "process/zygote.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <span>

#include "process/flight_page.hpp"
#include "process/guard.hpp"
#include "process/passed_fds.hpp"
#include "process/proc_files.hpp"
#include "process/program_state.hpp"
#include "process/sandbox.hpp"
#include "process/tracking.hpp"

// The parent and its zygote talk over a SOCK_SEQPACKET pair: one request packet with the descriptors attached, one
// reply packet. The reply comes from the new child itself, as the last step of its bootstrap. So a zygote that is
// killed in between leaves no child that the parent does not know of: either the reply arrived, or it cannot be sent
// any more and the child ends.
namespace steward::process {
namespace {

using clock = std::chrono::steady_clock;

struct reply {
  std::uint32_t tag = 0;
  std::int32_t pid = 0;
  std::int32_t error = 0;
  setup_step step = setup_step::none;
};

// A request as the zygote received it.
struct received {
  incoming_order order;
  std::array<int, max_order_fds> fds{};
  std::size_t fd_count = 0;
};

// A zygote that does not reply for this long is looked at.
constexpr long stopped_look_ms = 20;
constexpr std::array group_signals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};
// Above the descriptors of a request, so that these get at once the numbers that they have in a child.
constexpr int zygote_socket_fd = first_child_fd + static_cast<int>(max_order_fds);

// The zygote's side. It has one thread and never returns to its caller.

void send_reply(int socket, std::uint32_t tag, int pid, setup_failure failed) noexcept {
  reply answer{tag, pid, failed.error, failed.step};
  if (::send(socket, &answer, sizeof answer, MSG_NOSIGNAL) != sizeof answer && !failed) ::_exit(bootstrap_failed_code);
}

// Standard output and error, and the working directory where there is one. Their numbers are above 2.
setup_failure take_own_fds(const order_header& header, const int* fds) noexcept {
  if (::dup2(fds[0], STDOUT_FILENO) < 0 || ::dup2(fds[1], STDERR_FILENO) < 0) return {setup_step::descriptors, errno};
  if (header.has_directory != 0 && ::fchdir(fds[2]) != 0) return {setup_step::directory, errno};
  return {};
}

[[noreturn]] void run_child(int socket, const received& request, int parent) noexcept {
  if (!die_with_parent(parent)) ::_exit(bootstrap_failed_code);
  unwatch_parent();
  drop_guard_memory();
  forget_proc();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const incoming_order& order = request.order;
  int count = static_cast<int>(order.header.fd_count);
  setup_failure failed = take_own_fds(order.header, &request.fds[order.header.fd_count]);
  if (!failed) failed = place_fds(request.fds.data(), count, &socket);
  child_main run = find_child_main(order.main());
  if (!failed && run == nullptr) failed = {setup_step::main, ENOENT};
  if (!failed) failed = apply_limits(order.header);
  auto level = static_cast<sandbox_level>(order.header.sandbox);
  // A strict one before the reply, for it may fail.
  bool strict = level == sandbox_level::strict;
  if (!failed && strict) failed = {setup_step::sandbox, enter_sandbox(level)};
  send_reply(socket, order.header.tag, ::getpid(), failed);
  ::close(socket);
  if (failed) ::_exit(bootstrap_failed_code);
  // Only now: until the reply the child stays in the zygote's group, where the parent finds it if the zygote dies. From
  // now on no terminal stops it: it has none, and whatever opens one does not get it for its own.
  ::setsid();
  if (!strict) enter_sandbox(level);
  child_context context;
  context.argument = order.argument();
  context.fd_count = count;
  run_child_main(run, context);
}

// The address at which libc keeps the main thread's id; null where the kernel does not tell.
int* cached_thread_id() noexcept {
  int* address = nullptr;
  if (::prctl(PR_GET_TID_ADDRESS, &address, 0, 0, 0) != 0 || address == nullptr) return nullptr;
  return *address == static_cast<int>(::syscall(SYS_gettid)) ? address : nullptr;
}

// A fork with more flags. libc has no call for that, so its cached thread id is set by the kernel.
long clone_process(unsigned long flags) noexcept {
  static int* const thread_id = cached_thread_id();
  flags |= SIGCHLD;
  if (thread_id != nullptr) flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
  // The order of the last two differs between architectures; the one that is not this address is not used.
  return ::syscall(SYS_clone, flags, 0, 0, thread_id, thread_id);
}

// False at the end of the parent. A request that is not sound has `failed` set.
bool receive_request(int socket, received& request, setup_failure& failed) noexcept {
  incoming_order& order = request.order;
  iovec parts[2] = {{&order.header, sizeof order.header}, {order.text.data(), order.text.size()}};
  passed_fds<max_order_fds> control;
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  control.make_room(message);
  ssize_t count = 0;
  do {
    count = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return false;
  std::size_t got = 0;
  for_each_passed_fd(message, [&](int fd) { request.fds[got++] = fd; });
  request.fd_count = got;
  failed = {};
  if (!order.is_sound(static_cast<std::size_t>(count))) {
    failed = {setup_step::order, EPROTO};
  } else if (got != order.header.fd_count + 2U + order.header.has_directory) {
    // The kernel drops descriptors for which this process has no number left.
    failed = {setup_step::descriptors, EMFILE};
  }
  return true;
}

[[noreturn]] void run_zygote(int socket, int parent) noexcept {
  ::setsid();
  reset_signals();
  int place = socket;
  if (place_fds(&place, 1, nullptr)) ::_exit(bootstrap_failed_code);
  // Where the parent runs without standard files, the socket may have had one of their numbers.
  if (socket < first_child_fd) ::close(socket);
  socket = ::fcntl(first_child_fd, F_DUPFD_CLOEXEC, zygote_socket_fd);
  if (socket < 0) ::_exit(bootstrap_failed_code);
  ::close(first_child_fd);
  fill_standard_fds();
  int null = ::open("/dev/null", O_RDONLY);
  if (null < 0 || ::dup2(null, 0) < 0) ::_exit(bootstrap_failed_code);
  ::close(null);
  drop_privileges();
  shed_child_mark();
  hold_proc_anew(zygote_socket_fd);
  find_environment_area();
  hide_guard_memory();
  if (!watch_parent(parent, socket)) ::_exit(0);
  static received request;
  setup_failure failed;
  program_state now = read_program_state();
  send_reply(socket, 0, ::getpid(), {});
  // What the program has freed is put in order while it goes on: each child would do so in pages of its own.
  ::malloc_trim(0);
  while (receive_request(socket, request, failed)) {
    if (!failed && std::memcmp(&request.order.header.program, &now, sizeof now) != 0) {
      failed = become_as_program(request.order.header.program, now);
      now = failed ? read_program_state() : request.order.header.program;
      // A change of identity undoes it.
      if (!watch_parent(parent, socket)) break;
    }
    if (!failed) assume_environment(request.order);
    long child = failed ? 0 : clone_process(CLONE_PARENT);
    if (!failed && child == 0) run_child(socket, request, parent);
    if (child > 0) guard_group_first(request.order.header.guard_slot, static_cast<int>(child));
    if (child < 0) failed = {setup_step::none, errno};
    if (failed) send_reply(socket, request.order.header.tag, 0, failed);
    for (std::size_t i = 0; i < request.fd_count; ++i) ::close(request.fds[i]);
    if (child > 0) warm_up_for(request.order.main());
  }
  end_guard(parent);
  ::_exit(0);
}

// The parent's side.

// 200 us each.
constexpr int departure_limit_steps = 5'000;

struct zygote_state {
  std::mutex mutex;
  int socket = -1;
  int pid = 0;
  int pidfd = -1;
  std::array<int, 256> latest{};  // children that have reported, the last ones; they may still be in its group
  std::size_t reported = 0;
};

zygote_state& state() {
  static zygote_state one;
  return one;
}

bool is_single_threaded() {
  // Of no effect in a process with one thread, and refused in one with more.
  if (::unshare(CLONE_SIGHAND) == 0) return true;
  if (errno == EINVAL) return false;
  // A container may not let us ask so.
  DIR* tasks = ::opendir("/proc/self/task");
  if (tasks == nullptr) return false;
  int count = 0;
  while (const dirent* entry = ::readdir(tasks)) {
    if (entry->d_name[0] != '.') ++count;
  }
  ::closedir(tasks);
  return count == 1;
}

// All children of ours in that group, and its leader, which may have died before it came into it.
void reap_group_within(int group, int limit_ms) noexcept {
  for (int waited = 0; waited < limit_ms; ++waited) {
    bool left = false;
    for (auto which : {P_PGID, P_PID}) {
      siginfo_t info{};
      int seen = 0;
      do {
        info = {};
        seen = ::waitid(which, static_cast<id_t>(group), &info, WEXITED | WNOHANG);
      } while (seen == 0 && info.si_pid != 0);
      left = left || seen == 0;
    }
    if (!left) return;
    const timespec step{0, 1'000'000};
    ::nanosleep(&step, nullptr);
  }
}

// A child leaves the group just behind its report.
void await_reported(const zygote_state& z) noexcept {
  const timespec step{0, 200'000};
  for (const int pid : z.latest) {
    for (int waited = 0; pid > 0 && ::getpgid(pid) == z.pid && waited < departure_limit_steps; ++waited)
      ::nanosleep(&step, nullptr);
  }
}

// Kills and reaps the zygote and every child that it began and that has not reported. Needs the lock.
void end_zygote(zygote_state& z) noexcept {
  if (z.pid == 0) return;
  // The group's number cannot be anyone else's while its leader, the zygote, is not reaped. It may not be in its group
  // yet; and it may be another user's by now, then it ends by itself at the end of the socket.
  ::kill(z.pid, SIGKILL);
  ::shutdown(z.socket, SHUT_RDWR);
  await_reported(z);
  ::kill(-z.pid, SIGKILL);
  reap_group_within(z.pid, killed_limit_ms);
  ::close(z.socket);
  ::close(z.pidfd);
  z.socket = -1;
  z.pidfd = -1;
  z.pid = 0;
}

bool is_dead(const zygote_state& z) noexcept {
  pollfd one{z.pidfd, POLLIN, 0};
  return ::poll(&one, 1, 0) > 0;
}

// 0 when the request left, else an errno.
int send_request(int socket, const outgoing_order& order) noexcept {
  auto parts = order.parts();
  std::array<int, max_order_fds> fds{};
  const std::size_t count = order.copy_fds(fds);
  passed_fds<max_order_fds> control;
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  control.attach(message, std::span{fds}.first(count));
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? errno : 0;
}

// By a signal. Whoever did that may take his time, and the callers have none.
bool is_stopped(int pidfd) noexcept {
  siginfo_t info{};
  return ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

bool receive_reply(int zygote, int socket, reply& answer) noexcept {
  auto deadline = clock::now() + std::chrono::milliseconds{zygote_reply_limit_ms};
  while (true) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
    pollfd one{socket, POLLIN, 0};
    int ready = ::poll(&one, 1, static_cast<int>(std::clamp<long>(left, 0, stopped_look_ms)));
    if (ready == 0 && left > stopped_look_ms && !is_stopped(zygote)) continue;
    if (ready > 0) return ::recv(socket, &answer, sizeof answer, MSG_DONTWAIT) == sizeof answer;
    if (ready == 0 || errno != EINTR) return false;
  }
}

bool zygote_is_gone(int error) noexcept {
  return error == EPIPE || error == ECONNRESET || error == ENOTCONN || error == EAGAIN;
}

launched settle(const reply& answer) noexcept {
  if (answer.error != 0) {
    if (answer.pid > 0) reap_within(answer.pid, killed_limit_ms);
    return {0, answer.error, answer.step};
  }
  auto& z = state();
  z.latest[z.reported++ % z.latest.size()] = answer.pid;
  return {answer.pid, 0, setup_step::none};
}

// The program has taken a working directory, a root and a umask of its own, by a namespace of users or mounts: what it
// is now the zygote cannot be.
bool has_left(const zygote_state& z) noexcept { return ::syscall(SYS_kcmp, ::getpid(), z.pid, KCMP_FS, 0, 0) > 0; }

// False when the zygote is dead or wedged.
bool start_all(int zygote, int socket, std::span<outgoing_order* const> orders, std::span<launched> results) noexcept {
  std::size_t sent = 0;
  std::size_t settled = 0;
  while (settled < orders.size()) {
    while (sent < orders.size()) {
      orders[sent]->header().tag = static_cast<std::uint32_t>(sent);
      int error = send_request(socket, *orders[sent]);
      // The queue is full of our own requests: an answer makes room.
      if (error == EAGAIN && sent > settled) break;
      if (zygote_is_gone(error)) return false;
      if (error != 0) results[sent] = {0, error, setup_step::none};
      if (error != 0) ++settled;
      ++sent;
    }
    if (settled == orders.size()) break;
    reply answer;
    if (!receive_reply(zygote, socket, answer) || answer.tag >= sent) return false;
    results[answer.tag] = settle(answer);
    ++settled;
  }
  return true;
}

}  // namespace

bool start_zygote() {
  zygote_state& z = state();
  if (z.pid != 0) return true;
  hold_proc();
  if (!is_single_threaded()) return false;
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return false;
  // What is loaded or looked up at its first use: each child would do so for itself, in pages of its own.
  load_unwinder();
  static_cast<void>(clock::now());
  // What stdio holds would else be written again by every child that flushes.
  std::fflush(nullptr);
  int parent = ::getpid();
  // The zygote never takes signals that are meant for a whole group: it keeps this mask. Its children begin with an
  // empty one.
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  for (int number : group_signals) ::sigaddset(&blocked, number);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  // Made now, so that the zygote shares it.
  guard_memory_fd();
  // It shares the working directory, the root and the umask with this program for good; each child gets a copy.
  int pid = static_cast<int>(clone_process(CLONE_FS));
  if (pid == 0) run_zygote(ends[1], parent);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(ends[1]);
  int pidfd = pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1;
  if (pidfd < 0) {
    ::close(ends[0]);
    if (pid > 0) {
      ::kill(pid, SIGKILL);
      reap_within(pid, killed_limit_ms);
    }
    return false;
  }
  z.socket = ends[0];
  z.pid = pid;
  z.pidfd = pidfd;
  // What it opens for itself it finds only as long as this program keeps its root.
  reply ready;
  if (receive_reply(pidfd, z.socket, ready)) return true;
  end_zygote(z);
  return false;
}

void stop_zygote() {
  zygote_state& z = state();
  std::lock_guard lock{z.mutex};
  end_zygote(z);
}

void start_from_zygote(std::span<outgoing_order* const> orders, std::span<launched> results) {
  zygote_state& z = state();
  std::lock_guard lock{z.mutex};
  if (z.pid == 0 || has_left(z)) return;
  if (start_all(z.pidfd, z.socket, orders, results)) return;
  // No child can report any more. Those that have done so are running, so they count.
  ::shutdown(z.socket, SHUT_RDWR);
  reply late;
  while (::recv(z.socket, &late, sizeof late, MSG_DONTWAIT) == sizeof late) {
    if (late.tag < results.size()) results[late.tag] = settle(late);
  }
  end_zygote(z);
}

bool zygote_alive() {
  zygote_state& z = state();
  std::lock_guard lock{z.mutex};
  return z.pid != 0 && !is_dead(z);
}

int zygote_pid() {
  zygote_state& z = state();
  std::lock_guard lock{z.mutex};
  return z.pid;
}

int watch_zygote() {
  zygote_state& z = state();
  std::lock_guard lock{z.mutex};
  return z.pid == 0 ? -1 : ::fcntl(z.pidfd, F_DUPFD_CLOEXEC, 0);
}

void reap_zygote() {
  zygote_state& z = state();
  std::lock_guard lock{z.mutex};
  if (z.pid != 0 && is_dead(z)) end_zygote(z);
}

}  // namespace steward::process
