#include "process/zygote.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <mutex>

// The parent and its zygote talk over a SOCK_SEQPACKET pair: one request packet with the descriptors attached, one
// reply packet. The reply comes from the new child itself, as the last step of its bootstrap. So a zygote that is
// killed in between leaves no child that the parent does not know of: either the reply arrived, or it cannot be sent
// any more and the child ends.
namespace steward::process {
namespace {

using clock = std::chrono::steady_clock;

struct request_header {
  std::uint64_t memory_limit = 0;
  std::uint32_t main_bytes = 0;
  std::uint32_t argument_bytes = 0;
  std::uint32_t fd_count = 0;
  std::uint32_t reserved = 0;
};

struct reply {
  std::int32_t pid = 0;
  std::int32_t error = 0;
};

// A request as the zygote received it; `text` holds main and argument.
struct received {
  request_header header;
  std::array<char, max_main_name_bytes + max_argument_bytes> text{};
  std::array<int, max_child_fds> fds{};
};

constexpr std::array ignored_signals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};

// The zygote's side. It has one thread and never returns to its caller.

void set_signal(int number, void (*what)(int)) noexcept {
  struct sigaction action {};
  action.sa_handler = what;
  ::sigaction(number, &action, nullptr);
}

void send_reply(int socket, int pid, int error) noexcept {
  reply answer{pid, error};
  if (::send(socket, &answer, sizeof answer, MSG_NOSIGNAL) != sizeof answer && error == 0)
    ::_exit(bootstrap_failed_code);
}

[[noreturn]] void run_child(int socket, const received& request, int parent) noexcept {
  if (!die_with_parent(parent)) ::_exit(bootstrap_failed_code);
  for (int number : ignored_signals) set_signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  int count = static_cast<int>(request.header.fd_count);
  int error = place_fds(request.fds.data(), count, &socket);
  std::string_view name{request.text.data(), request.header.main_bytes};
  child_main run = find_child_main(name);
  if (error == 0 && run == nullptr) error = ENOENT;
  if (error == 0) error = limit_memory(request.header.memory_limit);
  send_reply(socket, ::getpid(), error);
  ::close(socket);
  if (error != 0) ::_exit(bootstrap_failed_code);
  // Only now: until the reply the child stays in the zygote's group, where the parent finds it if the zygote dies.
  ::setpgid(0, 0);
  child_context context;
  context.argument.assign(request.text.data() + request.header.main_bytes, request.header.argument_bytes);
  context.fd_count = count;
  run_child_main(run, context);
}

// The address at which libc keeps the main thread's id; null where the kernel does not tell.
int* cached_thread_id() noexcept {
  int* address = nullptr;
  if (::prctl(PR_GET_TID_ADDRESS, &address, 0, 0, 0) != 0 || address == nullptr) return nullptr;
  return *address == static_cast<int>(::syscall(SYS_gettid)) ? address : nullptr;
}

// A fork whose child belongs to our parent. libc has no call for that, so its cached thread id is set by the kernel.
long clone_sibling() noexcept {
  static int* const thread_id = cached_thread_id();
  unsigned long flags = CLONE_PARENT | SIGCHLD;
  if (thread_id != nullptr) flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
  // The order of the last two differs between architectures; the one that is not this address is not used.
  return ::syscall(SYS_clone, flags, 0, 0, thread_id, thread_id);
}

// False at the end of the parent. A request that is not sound has `error` set.
bool receive_request(int socket, received& request, int& error) noexcept {
  iovec parts[2] = {{&request.header, sizeof request.header}, {request.text.data(), request.text.size()}};
  alignas(cmsghdr) char control[CMSG_SPACE(max_child_fds * sizeof(int))];
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t count = 0;
  do {
    count = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return false;
  std::size_t got = 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    got = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    std::memcpy(request.fds.data(), CMSG_DATA(part), got * sizeof(int));
  }
  std::size_t expected = sizeof request.header + request.header.main_bytes + request.header.argument_bytes;
  error = 0;
  // The kernel drops descriptors for which this process has no number left.
  if (got != request.header.fd_count) error = EMFILE;
  if (static_cast<std::size_t>(count) != expected) error = EPROTO;
  request.header.fd_count = static_cast<std::uint32_t>(got);
  return true;
}

[[noreturn]] void run_zygote(int socket, int parent) noexcept {
  ::setpgid(0, 0);
  for (int number = 1; number < NSIG; ++number) set_signal(number, SIG_DFL);
  for (int number : ignored_signals) set_signal(number, SIG_IGN);
  if (!die_with_parent(parent)) ::_exit(0);
  int place = socket;
  if (place_fds(&place, 1, nullptr) != 0) ::_exit(bootstrap_failed_code);
  // Where the parent runs without standard files, the socket may have had one of their numbers.
  if (socket < first_child_fd) ::close(socket);
  socket = first_child_fd;
  fill_standard_fds();
  int null = ::open("/dev/null", O_RDONLY);
  if (null < 0 || ::dup2(null, 0) < 0) ::_exit(bootstrap_failed_code);
  ::close(null);
  drop_privileges();
  static received request;
  int error = 0;
  while (receive_request(socket, request, error)) {
    long child = error == 0 ? clone_sibling() : 0;
    if (error == 0 && child == 0) run_child(socket, request, parent);
    if (error == 0 && child < 0) error = errno;
    if (error != 0) send_reply(socket, 0, error);
    for (std::size_t i = 0; i < request.header.fd_count; ++i) ::close(request.fds[i]);
  }
  ::_exit(0);
}

// The parent's side.

struct zygote_state {
  std::mutex mutex;
  int socket = -1;
  int pid = 0;
  int pidfd = -1;
};

zygote_state& state() {
  static zygote_state one;
  return one;
}

bool is_single_threaded() {
  DIR* tasks = ::opendir("/proc/self/task");
  if (tasks == nullptr) return false;
  int count = 0;
  while (const dirent* entry = ::readdir(tasks)) {
    if (entry->d_name[0] != '.') ++count;
  }
  ::closedir(tasks);
  return count == 1;
}

void reap_pid(int pid) noexcept {
  siginfo_t info;
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED) != 0 && errno == EINTR) {
  }
}

// Kills and reaps the zygote and every child that it began and that was not handed to a caller. Needs the lock.
void end_zygote(zygote_state& z) noexcept {
  if (z.pid == 0) return;
  // From here on no child can report any more, so what has reported is all in the queue.
  ::shutdown(z.socket, SHUT_RDWR);
  reply late;
  while (::recv(z.socket, &late, sizeof late, MSG_DONTWAIT) == sizeof late) {
    if (late.pid <= 0) continue;
    ::kill(late.pid, SIGKILL);
    reap_pid(late.pid);
  }
  // The group's number cannot be anyone else's while its leader, the zygote, is not reaped.
  ::kill(-z.pid, SIGKILL);
  siginfo_t info;
  while (::waitid(P_PGID, static_cast<id_t>(z.pid), &info, WEXITED) == 0 || errno == EINTR) {
  }
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
int send_request(int socket, const start_request& request) noexcept {
  request_header header;
  header.memory_limit = request.memory_limit;
  header.main_bytes = static_cast<std::uint32_t>(request.main.size());
  header.argument_bytes = static_cast<std::uint32_t>(request.argument.size());
  header.fd_count = static_cast<std::uint32_t>(request.fds.size());
  iovec parts[3] = {{&header, sizeof header},
                    {const_cast<char*>(request.main.data()), request.main.size()},
                    {const_cast<char*>(request.argument.data()), request.argument.size()}};
  alignas(cmsghdr) char control[CMSG_SPACE(max_child_fds * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 3;
  if (!request.fds.empty()) {
    std::size_t bytes = request.fds.size() * sizeof(int);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr rights{};
    rights.cmsg_level = SOL_SOCKET;
    rights.cmsg_type = SCM_RIGHTS;
    rights.cmsg_len = CMSG_LEN(bytes);
    std::memcpy(control, &rights, sizeof rights);
    std::memcpy(control + CMSG_LEN(0), request.fds.data(), bytes);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? errno : 0;
}

bool receive_reply(int socket, reply& answer) noexcept {
  auto deadline = clock::now() + std::chrono::milliseconds{zygote_reply_limit_ms};
  while (true) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
    pollfd one{socket, POLLIN, 0};
    int ready = ::poll(&one, 1, left > 0 ? static_cast<int>(left) : 0);
    if (ready > 0) return ::recv(socket, &answer, sizeof answer, MSG_DONTWAIT) == sizeof answer;
    if (ready == 0 || errno != EINTR) return false;
  }
}

bool zygote_is_gone(int error) noexcept {
  return error == EPIPE || error == ECONNRESET || error == ENOTCONN || error == EAGAIN;
}

}  // namespace

bool start_zygote() {
  zygote_state& z = state();
  if (z.pid != 0) return true;
  if (!is_single_threaded()) return false;
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return false;
  // What stdio holds would else be written again by every child that flushes.
  std::fflush(nullptr);
  int parent = ::getpid();
  // A signal to the whole group must not end the zygote before it has said that it ignores it. It keeps this mask; its
  // children begin with an empty one.
  sigset_t group_signals;
  sigset_t before;
  ::sigemptyset(&group_signals);
  for (int number : ignored_signals) ::sigaddset(&group_signals, number);
  ::pthread_sigmask(SIG_BLOCK, &group_signals, &before);
  int pid = ::fork();
  if (pid == 0) run_zygote(ends[1], parent);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(ends[1]);
  int pidfd = pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1;
  if (pidfd < 0) {
    ::close(ends[0]);
    if (pid > 0) {
      ::kill(pid, SIGKILL);
      reap_pid(pid);
    }
    return false;
  }
  ::setpgid(pid, pid);
  z.socket = ends[0];
  z.pid = pid;
  z.pidfd = pidfd;
  return true;
}

void stop_zygote() {
  zygote_state& z = state();
  std::lock_guard lock{z.mutex};
  end_zygote(z);
}

std::optional<launched> start_from_zygote(const start_request& request) {
  zygote_state& z = state();
  std::lock_guard lock{z.mutex};
  if (z.pid == 0) return std::nullopt;
  int error = send_request(z.socket, request);
  if (error != 0 && !zygote_is_gone(error)) return launched{0, error};
  reply answer;
  if (error != 0 || !receive_reply(z.socket, answer)) {
    end_zygote(z);
    return std::nullopt;
  }
  if (answer.error != 0) {
    if (answer.pid > 0) reap_pid(answer.pid);
    return launched{0, answer.error};
  }
  // The child does the same; whoever is first, the group exists when the start returns.
  ::setpgid(answer.pid, answer.pid);
  return launched{answer.pid, 0};
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
