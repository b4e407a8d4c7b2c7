#include "tests/children/probing_children.hpp"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "process/child.hpp"

namespace steward::test {
namespace {

using process::child_context;
using process::first_child_fd;

constexpr int pipe_fd = first_child_fd;

void tell(const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    ssize_t count = ::write(pipe_fd, text.data() + done, text.size() - done);
    if (count <= 0) ::_exit(99);
    done += static_cast<std::size_t>(count);
  }
}

int write_stderr(const child_context& context) {
  return ::write(2, context.argument.data(), context.argument.size()) > 0 ? 0 : 1;
}

int tell_limits(const child_context&) {
  rlimit cpu{};
  rlimit files{};
  ::getrlimit(RLIMIT_CPU, &cpu);
  ::getrlimit(RLIMIT_NOFILE, &files);
  char directory[4096] = {};
  if (::getcwd(directory, sizeof directory) == nullptr) return 1;
  tell(fmt::format("cpu {} {} files {} {} in {}", cpu.rlim_cur, cpu.rlim_max, files.rlim_cur, files.rlim_max,
                   directory));
  return 0;
}

// What getenv sees, a line each, then "--", then what /proc shows to others.
int tell_environment(const child_context&) {
  std::string all;
  for (char** at = environ; *at != nullptr; ++at) all += fmt::format("{}\n", *at);
  all += "--\n";
  std::ifstream shown{"/proc/self/environ"};
  std::string text{std::istreambuf_iterator<char>{shown}, {}};
  std::replace(text.begin(), text.end(), '\0', '\n');
  // A variable that is set now must not disturb the rest.
  ::setenv("SET_BY_THE_CHILD", "1", 1);
  if (std::getenv("SET_BY_THE_CHILD") == nullptr) return 1;
  tell(all + text);
  return 0;
}

int burn(const child_context& context) {
  if (context.argument == "stubborn") ::signal(SIGXCPU, SIG_IGN);
  volatile bool on = true;
  while (on) {
  }
  return 0;
}

class report {
public:
  // A system call's result: "name ok" or "name EPERM".
  void operator()(const char* name, long result) {
    text_ += fmt::format("{} {}\n", name, result >= 0 ? "ok" : ::strerrorname_np(errno));
  }
  const std::string& text() const { return text_; }

private:
  std::string text_;
};

void try_sockets(report& note) {
  note("inet", ::socket(AF_INET, SOCK_STREAM, 0));
  note("inet6", ::socket(AF_INET6, SOCK_DGRAM, 0));
  note("packet", ::socket(AF_PACKET, SOCK_RAW, 0));
  note("netlink", ::socket(AF_NETLINK, SOCK_RAW, 0));
  note("unix", ::socket(AF_UNIX, SOCK_STREAM, 0));
  int pair[2] = {-1, -1};
  note("dgram_pair", ::socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
  note("pair", ::socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  note("pair_write", ::write(pair[0], "x", 1));
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  note("connect", ::connect(pair[0], reinterpret_cast<sockaddr*>(&any), sizeof any));
  note("sendto", ::sendto(pair[0], "x", 1, 0, reinterpret_cast<sockaddr*>(&any), sizeof any));
  note("sendto_peer", ::sendto(pair[0], "x", 1, 0, nullptr, 0));
}

void try_processes(report& note, int victim) {
  char path[] = "/bin/true";
  char* argv[] = {path, nullptr};
  char* none[] = {nullptr};
  note("execve", ::execve("/bin/true", argv, none));
  note("execveat", ::syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, none, 0));
  note("ptrace", ::ptrace(PTRACE_SEIZE, victim, nullptr, nullptr));
  char byte = 0;
  iovec local{&byte, 1};
  note("read_memory", ::syscall(SYS_process_vm_readv, victim, &local, 1UL, &local, 1UL, 0UL));
  note("proc_mem", ::open(fmt::format("/proc/{}/mem", victim).c_str(), O_RDONLY | O_CLOEXEC));
  note("kill", ::kill(victim, 0));
  note("tgkill", ::syscall(SYS_tgkill, victim, victim, 0));
  note("kill_self", ::kill(::getpid(), 0));
  note("kill_group", ::kill(0, 0));
  note("raise", ::raise(SIGCONT) == 0 ? 0 : -1);
  note("setsid", ::setsid());
  note("outlive_parent", ::prctl(PR_SET_PDEATHSIG, 0));
  rlimit more{RLIM_INFINITY, RLIM_INFINITY};
  note("raise_limit", ::setrlimit(RLIMIT_CPU, &more));
  rlimit limit{};
  note("get_limit", ::getrlimit(RLIMIT_CPU, &limit));
}

void try_files(report& note, const std::string& directory) {
  note("create", ::open((directory + "/new").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  note("write", ::open((directory + "/old").c_str(), O_WRONLY | O_CLOEXEC));
  note("read", ::open((directory + "/old").c_str(), O_RDONLY | O_CLOEXEC));
  note("truncate", ::truncate((directory + "/old").c_str(), 0));
  note("unlink", ::unlink((directory + "/old").c_str()));
  note("rename", ::rename((directory + "/old").c_str(), (directory + "/new").c_str()));
  note("mkdir", ::mkdir((directory + "/dir").c_str(), 0700));
  note("symlink", ::symlink("old", (directory + "/link").c_str()));
  note("chmod", ::chmod((directory + "/old").c_str(), 0777));
  note("null", ::open("/dev/null", O_WRONLY | O_TRUNC | O_CLOEXEC));
  int memory = ::memfd_create("memory", MFD_CLOEXEC);
  note("memory_file", ::write(memory, "x", 1));
}

void try_machine(report& note) {
  note("mount", ::mount("none", "/mnt", "tmpfs", 0, nullptr));
  note("unshare", ::unshare(CLONE_NEWUSER));
  note("keyctl", ::syscall(SYS_keyctl, 0, -3, 0));
  note("bpf", ::syscall(SYS_bpf, 0, nullptr, 0));
  note("perf", ::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0));
  note("io_uring", ::syscall(SYS_io_uring_setup, 1, nullptr));
  note("clone3", ::syscall(SYS_clone3, nullptr, 0));
  int ignored = 0;
  note("tiocsti", ::ioctl(0, TIOCSTI, &ignored));
#if defined(__x86_64__)
  constexpr long x32_getpid = 0x40000000 + SYS_getpid;
  note("x32", ::syscall(x32_getpid));
#endif
}

// Argument: pid of a process to look into, 0 to try only what is harmless, a blank, a directory with a file "old".
int try_everything(const child_context& context) {
  std::size_t blank = context.argument.find(' ');
  report note;
  int victim = std::atoi(context.argument.c_str());
  try_sockets(note);
  if (victim != 0) try_processes(note, victim);
  try_files(note, context.argument.substr(blank + 1));
  if (victim != 0) try_machine(note);
  int seen = 0;
  std::thread{[&] { seen = 1; }}.join();
  note("thread", seen - 1);
  int pid = ::fork();
  if (pid == 0) ::_exit(0);
  note("fork", pid);
  if (pid > 0) ::waitpid(pid, nullptr, 0);
  tell(note.text());
  return 0;
}

}  // namespace

void register_probing_children() {
  process::register_child_main("write_stderr", write_stderr);
  process::register_child_main("tell_limits", tell_limits);
  process::register_child_main("tell_environment", tell_environment);
  process::register_child_main("burn", burn);
  process::register_child_main("try_everything", try_everything);
}

}  // namespace steward::test
