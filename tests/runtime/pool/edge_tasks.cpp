#include "edge_tasks.hpp"

#include "tasks.hpp"

#include <chrono>
#include <csignal>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace steward::test {

namespace {

edge_tasks registered;

std::int64_t read_moody(moody value) { return value.how; }

std::int64_t measure(std::string text) {
  if (text.starts_with("throw")) throw std::runtime_error("it was asked to throw");
  return static_cast<std::int64_t>(text.size());
}

std::int64_t fork_and_fault(std::string how) {
  const int child = ::fork();
  if (child == 0) {
    do_fault(how);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

std::int64_t fork_and_return(std::int64_t n) {
  const int child = ::fork();
  if (child == 0) return n;
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

void spin_ms(int ms) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
  while (std::chrono::steady_clock::now() < end) {
  }
}

std::int64_t square_slowly(std::int64_t n) {
  spin_ms(3);
  return n * n;
}

std::int64_t fork_and_linger(std::int64_t n) {
  if (n != 1) return n * n;
  const int child = ::fork();
  if (child == 0) return -1;
  // What the child leaves would be found by now.
  spin_ms(40);
  ::waitpid(child, nullptr, 0);
  return n * n;
}

std::int64_t leave_group(std::int64_t) {
  ::setpgid(0, ::getpgid(::getppid()));
  for (;;) ::pause();
}

std::int64_t close_all(std::int64_t n) {
  for (int fd = 0; fd < 1024; ++fd) ::close(fd);
  return n * n;
}

std::string make_without_room(std::int64_t mib) {
  while (::open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0) {
  }
  return std::string(static_cast<std::size_t>(mib) << 20, 'x');
}

std::int64_t throw_when_stopped(const task_context& context) {
  if (context.attempt > 1) return context.stop_requested() ? 1 : 0;
  while (!context.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  throw std::runtime_error("as it was told to stop");
}

void die_in_start() { do_fault("segv"); }

std::string turn(std::string text) {
  static thread_local std::map<std::string, int> turns;
  return std::to_string(::gettid()) + " " + std::to_string(++turns[text]);
}

void append(const std::string& path, const std::string& line) {
  const int file = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  static_cast<void>(!::write(file, line.data(), line.size()));
  ::close(file);
}

void note_run(const task_context& context, std::string path, std::int64_t n, std::string how) {
  const auto name = std::to_string(n) + "/" + std::to_string(context.attempt) + "\n";
  append(path, "begin " + name);
  if (context.attempt == 1) do_fault(how);
  append(path, "end " + name);
}

}  // namespace

edge_tasks add_edge_tasks(task_registry& to) {
  registered.read_moody = to.add("read_moody", &read_moody);
  registered.measure = to.add("measure", &measure);
  registered.fork_and_fault = to.add("fork_and_fault", &fork_and_fault);
  registered.square_slowly = to.add("square_slowly", &square_slowly);
  registered.fork_and_linger = to.add("fork_and_linger", &fork_and_linger);
  registered.fork_and_return = to.add("fork_and_return", &fork_and_return);
  registered.leave_group = to.add("leave_group", &leave_group);
  registered.close_all = to.add("close_all", &close_all);
  registered.make_without_room = to.add("make_without_room", &make_without_room);
  registered.throw_when_stopped = to.add("throw_when_stopped", &throw_when_stopped);
  registered.die_in_start = to.add("die_in_start", &die_in_start);
  registered.turn = to.add("turn", &turn);
  registered.note_run = to.add("note_run", &note_run);
  return registered;
}

const edge_tasks& edges() {
  tasks();
  return registered;
}

}  // namespace steward::test
