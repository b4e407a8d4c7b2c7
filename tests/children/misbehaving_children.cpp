#include "misbehaving_children.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "process/child.hpp"
#include "process/flight_page.hpp"
#include "process/keeper.hpp"

namespace steward::test {
namespace {

using process::child_context;
using process::first_child_fd;

constexpr int pipe_fd = first_child_fd;

void write_all(int fd, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    ssize_t count = ::write(fd, text.data() + done, text.size() - done);
    if (count <= 0) ::_exit(99);
    done += static_cast<std::size_t>(count);
  }
}

void speak(const child_context& context) {
  if (context.fd_count < 2) return;
  static process::flight_recorder recorder = process::flight_recorder::open(first_child_fd);
  if (!recorder.valid()) ::_exit(98);
  process::install_last_words(recorder.page(), first_child_fd + 1);
}

int exit_with(const child_context& context) { return std::atoi(context.argument.c_str()); }

int raise_signal(const child_context& context) {
  speak(context);
  ::raise(std::atoi(context.argument.c_str()));
  return 97;
}

int be_shot(const child_context& context) {
  speak(context);
  const auto victim = ::getpid();
  if (::fork() == 0) {
    ::kill(victim, std::atoi(context.argument.c_str()));
    ::_exit(0);
  }
  for (;;) ::pause();
}

int write_to_null(const child_context& context) {
  speak(context);
  auto* volatile target = reinterpret_cast<int*>(0x10);
  *target = 1;
  return 97;
}

// Writing to the array after the call keeps the compiler from turning the recursion into a loop.
int fill_stack(int depth) {
  volatile char block[1024];
  block[0] = static_cast<char>(depth);
  int below = depth < 0 ? 0 : fill_stack(depth + 1);
  block[1] = block[0];
  return below + block[1];
}

int overflow_stack(const child_context& context) {
  speak(context);
  return fill_stack(0);
}

int throw_uncaught(const child_context& context) {
  speak(context);
  throw std::runtime_error(context.argument);
}

int eat_memory(const child_context& context) {
  speak(context);
  std::vector<std::unique_ptr<char[]>> all;
  for (int i = 0; i < 1024; ++i) {
    all.push_back(std::make_unique_for_overwrite<char[]>(std::size_t{16} * 1024 * 1024));
  }
  return 97;
}

int tell_argument(const child_context& context) {
  write_all(pipe_fd, context.argument);
  return 0;
}

std::string open_fds() {
  std::string list;
  std::set<int> numbers;
  DIR* all = ::opendir("/proc/self/fd");
  while (const dirent* entry = ::readdir(all)) {
    if (entry->d_name[0] != '.') numbers.insert(std::atoi(entry->d_name));
  }
  numbers.erase(::dirfd(all));
  ::closedir(all);
  for (int number : numbers) list += fmt::format("{} ", number);
  return list;
}

int tell_self(const child_context& context) {
  sigset_t blocked;
  ::sigprocmask(SIG_BLOCK, nullptr, &blocked);
  int blocked_count = 0;
  std::string dispositions;
  for (int number = 1; number < NSIG; ++number) {
    blocked_count += ::sigismember(&blocked, number) == 1;
    struct sigaction action {};
    if (::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) {
      dispositions += fmt::format("{} ", number);
    }
  }
  struct stat null {};
  struct stat input {};
  ::stat("/dev/null", &null);
  ::fstat(0, &input);
  rlimit core{};
  ::getrlimit(RLIMIT_CORE, &core);
  bool close_on_exec = true;
  for (int i = 0; i < context.fd_count; ++i) {
    close_on_exec = close_on_exec && (::fcntl(first_child_fd + i, F_GETFD) & FD_CLOEXEC) != 0;
  }
  const char* environment = std::getenv("STEWARD_TEST_MARK");
  write_all(pipe_fd,
            fmt::format("fds {}\nblocked {}\nignored {}\nown group {}\nnull input {}\ncore {}\nno new privileges {}\n"
                        "close on exec {}\nmark {}\n",
                        open_fds(), blocked_count, dispositions, ::getpgrp() == ::getpid(),
                        null.st_rdev == input.st_rdev, core.rlim_max, ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
                        close_on_exec, environment == nullptr ? "" : environment));
  return 0;
}

int wait_for_eof(const child_context&) {
  char byte = 0;
  while (::read(pipe_fd, &byte, 1) > 0) {
  }
  return 0;
}

[[noreturn]] void wait_for_signal() {
  while (true) ::pause();
}

int wait_forever(const child_context& context) {
  if (context.fd_count > 0) write_all(pipe_fd, "r");
  wait_for_signal();
}

int leave_grandchild(const child_context& context) {
  // The fork keeps the pipe open although it is close-on-exec.
  if (::fork() == 0) wait_for_signal();
  write_all(pipe_fd, "r");
  // "closed": holds the pipe no longer, so that it is the grandchild that keeps it open.
  if (context.argument == "closed") ::close(pipe_fd);
  if (context.argument != "exit") wait_for_signal();
  return 0;
}

// The process that a worker leaves behind: out of its group, its session or its family. Tells `parent` when it is that.
[[noreturn]] void be_a_stray(const std::string& what, int parent) {
  if (what == "group") {
    ::setpgid(0, 0);
  } else {
    ::setsid();
  }
  if (what == "daemon") {
    // A child of nobody, another program, and with nothing of our environment.
    if (::fork() != 0) ::_exit(0);
    ::fcntl(pipe_fd, F_SETFD, 0);
    write_all(pipe_fd, "r");
    write_all(parent, "r");
    ::execle("/bin/sleep", "sleep", "1000", nullptr, static_cast<char**>(nullptr));
    ::_exit(94);
  }
  if (what == "nobody" && (::setgid(65'534) != 0 || ::setuid(65'534) != 0)) ::_exit(91);
  if (what == "heir") {
    rlimit lower{1'000'000'000, 1'000'000'000};
    ::setrlimit(RLIMIT_RTTIME, &lower);
    write_all(pipe_fd, std::to_string(::getpid()) + "\n");
  } else {
    write_all(pipe_fd, "r");
  }
  write_all(parent, "r");
  // One after the other, each for a moment; over by itself at last.
  for (int i = 0; what == "chain" && i < 50'000; ++i) {
    if (::fork() != 0) ::_exit(0);
    ::usleep(300);
  }
  if (what == "chain") ::_exit(0);
  wait_for_signal();
}

int leave_stray(const child_context& context) {
  std::string what{context.argument};
  bool exits = what.ends_with(" exit");
  if (exits) what.resize(what.size() - 5);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return 93;
  const pid_t first = ::fork();
  if (first == 0) be_a_stray(what, ends[1]);
  if (what == "daemon") ::waitpid(first, nullptr, 0);
  if (exits) {
    // Not before the stray is one, and has told the test: what the worker leaves is soon killed.
    char told = 0;
    return ::read(ends[0], &told, 1) == 1 ? 0 : 92;
  }
  ::close(pipe_fd);
  wait_for_signal();
}

int keep(const std::string& method_name, const std::string& main, const std::string& argument, int count) {
  auto method = process::start_method::spawn;
  if (method_name == "zygote") {
    method = process::start_method::zygote;
    if (!process::start_zygote()) return 96;
  }
  // Blocked for all its threads.
  sigset_t become_another;
  ::sigemptyset(&become_another);
  ::sigaddset(&become_another, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &become_another, nullptr);
  process::keeper keeper{{method}};
  for (int i = 0; i < count; ++i) {
    process::start_request request;
    request.main = main;
    request.argument = argument;
    request.fds = {pipe_fd};
    if (!keeper.start(request, nullptr)) return 95;
  }
  // Only what it has started holds the pipe.
  ::close(pipe_fd);
  int which = 0;
  ::sigwait(&become_another, &which);
  ::execl("/bin/sleep", "sleep", "1000", nullptr);
  return 90;
}

int keep_children(const child_context& context) { return keep(context.argument, "wait_forever", {}, 2); }

// A program in a program: what is killed is the worker of the outer one, in which the inner one runs.
int keep_strays(const child_context& context) {
  std::string words{context.argument};
  std::size_t blank = words.find(' ');
  std::string what = words.substr(blank + 1);
  if (what.starts_with("nested ")) return keep(words.substr(0, blank), "keep_strays", what.substr(7), 1);
  return keep(words.substr(0, blank), "leave_stray", what, 3);
}

int keep_grandchildren(const child_context& context) {
  std::size_t blank = context.argument.find(' ');
  bool closed = blank != std::string::npos;
  return keep(context.argument.substr(0, blank), "leave_grandchild", closed ? "closed" : "stay", 3);
}

// Frames far larger than the guard page below the stack.
int fill_stack_fast(int depth) {
  volatile char block[3 * 1024 * 1024];
  block[0] = static_cast<char>(depth);
  block[sizeof block - 1] = block[0];
  int below = depth < 0 ? 0 : fill_stack_fast(depth + 1);
  block[1] = block[0];
  return below + block[1];
}

// The same, with the far end touched first.
int fill_stack_from_top(int depth) {
  volatile char block[3 * 1024 * 1024];
  block[sizeof block - 1] = static_cast<char>(depth);
  int below = depth < 0 ? 0 : fill_stack_from_top(depth + 1);
  block[0] = block[sizeof block - 1];
  return below + block[0];
}

int overflow_stack_fast(const child_context& context) {
  speak(context);
  return context.argument == "top" ? fill_stack_from_top(0) : fill_stack_fast(0);
}

}  // namespace

void register_misbehaving_children() {
  process::register_child_main("exit_with", exit_with);
  process::register_child_main("raise_signal", raise_signal);
  process::register_child_main("be_shot", be_shot);
  process::register_child_main("write_to_null", write_to_null);
  process::register_child_main("overflow_stack", overflow_stack);
  process::register_child_main("throw_uncaught", throw_uncaught);
  process::register_child_main("eat_memory", eat_memory);
  process::register_child_main("tell_argument", tell_argument);
  process::register_child_main("tell_self", tell_self);
  process::register_child_main("wait_for_eof", wait_for_eof);
  process::register_child_main("wait_forever", wait_forever);
  process::register_child_main("leave_grandchild", leave_grandchild);
  process::register_child_main("leave_stray", leave_stray);
  process::register_child_main("keep_strays", keep_strays);
  process::register_child_main("keep_children", keep_children);
  process::register_child_main("keep_grandchildren", keep_grandchildren);
  process::register_child_main("overflow_stack_fast", overflow_stack_fast);
}

}  // namespace steward::test
