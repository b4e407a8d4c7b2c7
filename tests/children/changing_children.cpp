#include "tests/children/changing_children.hpp"

#include <asm/sockios.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <future>
#include <sstream>
#include <string>
#include <thread>

#include "process/child.hpp"
#include "process/keeper.hpp"
#include "process/zygote.hpp"

namespace steward::test {
namespace {

using process::child_context;

constexpr int pipe_fd = process::first_child_fd;
constexpr uid_t nobody = 65534;

// Where a program has taken another root: the one before, and the way from there.
int above_root = -1;
std::string root;

void tell(const std::string& text) {
  if (::write(pipe_fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) ::_exit(99);
}

void check(bool done, const char* what) {
  if (done) return;
  tell(fmt::format("cannot {}: {}\n", what, std::strerror(errno)));
  ::_exit(98);
}

void become_nobody() {
  const std::array<gid_t, 2> groups{7, 8};
  check(::setgroups(groups.size(), groups.data()) == 0, "setgroups");
  check(::setresgid(nobody, nobody, nobody) == 0, "setresgid");
  check(::setresuid(nobody, nobody, nobody) == 0, "setresuid");
}

void enter_closed_directory() {
  char path[] = "/tmp/steward-closed-XXXXXX";
  check(::mkdtemp(path) != nullptr && ::chdir(path) == 0 && ::chmod(path, 0) == 0, "go there");
  become_nobody();
}

void hide_proc() {
  check(::unshare(CLONE_NEWNS) == 0, "unshare");
  check(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "make mounts private");
  check(::mount("none", "/proc", "tmpfs", 0, nullptr) == 0, "hide /proc");
}

void drop_raw_sockets() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> caps{};
  ::syscall(SYS_capget, &header, caps.data());
  caps[0].effective &= ~(1U << CAP_NET_RAW);
  caps[0].permitted &= ~(1U << CAP_NET_RAW);
  check(::syscall(SYS_capset, &header, caps.data()) == 0, "capset");
}

void stop_zygote_and_die() {
  const int zygote = process::zygote_pid();
  ::kill(zygote, SIGSTOP);
  siginfo_t info{};
  check(::waitid(P_PID, static_cast<id_t>(zygote), &info, WSTOPPED | WNOWAIT) == 0, "wait for the stop");
  tell(std::to_string(zygote));
  ::raise(SIGKILL);
}

void become(const std::string& what) {
  if (what == "user") become_nobody();
  if (what == "directory") enter_closed_directory();
  if (what == "umask") ::umask(0031);
  if (what == "nice") check(::setpriority(PRIO_PROCESS, 0, 7) == 0, "setpriority");
  if (what == "capabilities") drop_raw_sockets();
  if (what == "stop_zygote") stop_zygote_and_die();
  if (what == "root") {
    char path[] = "/tmp/steward-root-XXXXXX";
    above_root = ::open("/", O_PATH | O_CLOEXEC);
    check(::mkdtemp(path) != nullptr && ::chroot(path) == 0 && ::chdir("/") == 0, "chroot");
    root = path + 1;
  }
  if (what == "limits") {
    const rlimit files{61, 62};
    check(::setrlimit(RLIMIT_NOFILE, &files) == 0, "setrlimit");
  }
  if (what == "processors") {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    check(::sched_setaffinity(0, sizeof one, &one) == 0, "sched_setaffinity");
  }
}

int change(const child_context& context) {
  std::istringstream in{context.argument};
  std::string method;
  std::string what;
  process::start_request request;
  std::string sandbox;
  in >> method >> what >> request.main >> sandbox;
  if (what == "no_proc") hide_proc();
  if (method == "zygote" && !process::start_zygote()) check(false, "start a zygote");
  {
    process::keeper keeper{{method == "zygote" ? process::start_method::zygote : process::start_method::spawn}};
    become(what);
    request.fds = {pipe_fd};
    if (sandbox == "strict") request.sandbox = sandbox_level::strict;
    std::promise<process::exit_report> end;
    const auto child = keeper.start(request, [&](const process::exit_report& report) { end.set_value(report); });
    if (!child) {
      tell("refused: " + child.error + "\n");
    } else {
      end.get_future().wait();
    }
  }
  process::stop_zygote();
  if (above_root >= 0) ::unlinkat(above_root, root.c_str(), AT_REMOVEDIR);
  tell("ended\n");
  return 0;
}

int tell_state(const child_context&) {
  std::array<gid_t, 16> groups{};
  const int group_count = ::getgroups(groups.size(), groups.data());
  std::string more;
  for (int i = 0; i < group_count; ++i) more += fmt::format(" {}", groups[static_cast<std::size_t>(i)]);
  const mode_t mask = ::umask(0);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  cpu_set_t processors;
  ::sched_getaffinity(0, sizeof processors, &processors);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> caps{};
  ::syscall(SYS_capget, &header, caps.data());
  char directory[4096] = {};
  const bool has_directory = ::syscall(SYS_getcwd, directory, sizeof directory) > 0;
  tell(
      fmt::format("users {} {}\ngroups {} {} more{}\numask {:o}\nfiles {} {}\nnice {}\nprocessors {}\nraw sockets {}\n"
                  "any capability {}\ndirectory {}\npasswd {}\nsession {}\n",
                  ::getuid(), ::geteuid(), ::getgid(), ::getegid(), more, mask, files.rlim_cur, files.rlim_max,
                  ::getpriority(PRIO_PROCESS, 0), CPU_COUNT(&processors), caps[0].effective >> CAP_NET_RAW & 1,
                  caps[0].permitted != 0, has_directory ? directory : "none", ::access("/etc/passwd", R_OK) == 0,
                  ::getsid(0) == ::getpid()));
  return 0;
}

void note(const char* name, long result) {
  tell(fmt::format("{} {}\n", name, result >= 0 ? "ok" : ::strerrorname_np(errno)));
}

int try_others(const child_context&) {
  const int parent = ::getppid();
  constexpr int read_write = 0600;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  const sched_param no_parameter{};
  note("shmget", ::shmget(IPC_PRIVATE, 1, IPC_CREAT | read_write));
  note("shmctl", ::shmctl(0, IPC_RMID, nullptr));
  note("semget", ::semget(IPC_PRIVATE, 1, IPC_CREAT | read_write));
  note("msgget", ::msgget(IPC_PRIVATE, IPC_CREAT | read_write));
  note("mq_unlink", ::mq_unlink("/steward-no-such-queue"));
  note("mq_open", ::mq_open("/steward-no-such-queue", O_RDONLY));
  note("priority of the parent", ::setpriority(PRIO_PROCESS, static_cast<id_t>(parent), 10));
  note("priority of the user", ::setpriority(PRIO_USER, 0, 10));
  note("priority of the group", ::setpriority(PRIO_PGRP, 0, 10));
  note("processors of the parent", ::sched_setaffinity(parent, sizeof one, &one));
  note("scheduling of the parent", ::sched_setscheduler(parent, SCHED_BATCH, &no_parameter));
  note("parameters of the parent", ::sched_setparam(parent, &no_parameter));
  note("io priority of the parent", ::syscall(SYS_ioprio_set, 1, parent, 3 << 13));
  note("io priority of the user", ::syscall(SYS_ioprio_set, 3, 0, 3 << 13));
  rlimit limit{100, 100};
  note("limits of the parent", ::prlimit(parent, RLIMIT_NOFILE, &limit, nullptr));
  note("signals for a file", ::fcntl(pipe_fd, F_SETOWN, parent));
  note("signal of a file", ::fcntl(pipe_fd, F_SETSIG, SIGKILL));
  int owner = parent;
  note("owner of a file", ::ioctl(pipe_fd, FIOSETOWN, &owner));
  note("kill", ::kill(parent, 0));
  note("memory of the parent", ::syscall(SYS_process_vm_readv, parent, nullptr, 0UL, nullptr, 0UL, 0UL));
  note("own priority", ::setpriority(PRIO_PROCESS, 0, 19));
  note("own processors", ::sched_setaffinity(0, sizeof one, &one));
  note("own scheduling", ::sched_setscheduler(0, SCHED_BATCH, &no_parameter));
  note("own io priority", ::syscall(SYS_ioprio_set, 1, 0, 3 << 13));
  note("flags of a file", ::fcntl(pipe_fd, F_GETFL));
  int seen = 0;
  std::thread{[&] { seen = 1; }}.join();
  note("thread", seen - 1);
  return 0;
}

int trace_me(const child_context&) {
  check(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0, "be traced");
  ::raise(SIGUSR1);
  return 97;
}

}  // namespace

void register_changing_children() {
  process::register_child_main("change", change);
  process::register_child_main("tell_state", tell_state);
  process::register_child_main("try_others", try_others);
  process::register_child_main("trace_me", trace_me);
}

}  // namespace steward::test
