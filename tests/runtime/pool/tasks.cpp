#include "tasks.hpp"

#include "edge_tasks.hpp"
#include "pool/worker.hpp"
#include "process/channel.hpp"
#include "process/child.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

namespace steward::test {

namespace {

// Not a tail call, and too large for the optimiser to fold.
int overflow_stack(int depth) {
  volatile char room[4096];
  room[0] = static_cast<char>(depth);
  return depth < 0 ? 0 : overflow_stack(depth + 1) + room[0];
}

std::int64_t square(std::int64_t n) { return n * n; }

std::int64_t misbehave(const task_context& context, std::int64_t n, std::string how) {
  if (context.attempt == 1) do_fault(how);
  return n * n;
}

std::int64_t poison(std::int64_t n, std::string how) {
  do_fault(how);
  return n * n;
}

std::int64_t pid(std::int64_t) { return ::getpid(); }

std::vector<std::uint8_t> reverse(std::vector<std::uint8_t> data) { return {data.rbegin(), data.rend()}; }

std::string about_me(const task_context& context, std::int64_t) {
  return std::string(context.pool) + " " + std::to_string(context.attempt) + "/" + std::to_string(context.attempts);
}

void nothing(std::int64_t) {}

std::int32_t link(std::int64_t) { return pooling::worker_actor_link_fd(); }

std::int64_t until_stopped(const task_context& context, std::int64_t n) {
  while (!context.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return n;
}

std::int64_t hold_at_zero(const task_context& context, std::int64_t n) {
  return n == 0 ? until_stopped(context, n) : n * n;
}

std::string repeat(std::string text, std::int64_t times) {
  std::string out;
  for (std::int64_t i = 0; i < times; ++i) out += text;
  return out;
}

point mirror(point p) { return {-p.x, -p.y}; }

std::atomic<std::int64_t> initializations{0};
void initialize() { ++initializations; }
void initialize_with(std::int64_t times, const std::string& why) {
  if (why == "as told") initializations += static_cast<int>(times);
}
void fail_to_initialize() { throw std::runtime_error("there is no database"); }
std::int64_t initialized(std::int64_t) { return initializations.load(); }

std::int64_t keep_memory(std::int64_t size) {
  static std::vector<std::vector<char>> kept;
  kept.emplace_back(static_cast<std::size_t>(size), 'x');
  return ::getpid();
}

std::int64_t complain_and_die(std::int64_t n) {
  std::fprintf(stderr, "first complaint\nsecond complaint about %d\n", static_cast<int>(n));
  ::kill(::getpid(), SIGKILL);
  return n;
}

std::int64_t ignore_term(std::int64_t) {
  std::signal(SIGTERM, SIG_IGN);
  for (;;) ::pause();
}

std::string variable(std::string name) {
  const char* value = std::getenv(name.c_str());
  return value ? value : "";
}

std::int64_t say(std::string text, std::string how) {
  const auto line = text + " by " + how;
  if (how == "printf" || how == "die") std::printf("%s\n", line.c_str());
  if (how == "die") do_fault("segv");
  if (how == "flush") std::printf("%s\n", line.c_str()), std::fflush(stdout);
  if (how == "cout") std::cout << line << '\n';
  if (how == "write") {
    static_cast<void>(!::write(STDOUT_FILENO, (line + "\n").c_str(), line.size() + 1));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (how == "unended") std::fputs(line.c_str(), stdout);
  if (how == "system") static_cast<void>(!std::system(("echo '" + line + "'").c_str()));
  if (how == "flood") {
    for (int i = 0; i < std::stoi(text); ++i) std::printf("%d\n", i);
  }
  return 1;
}

std::int64_t wait_for_file(std::string path) {
  const auto begun = path + "." + std::to_string(::getpid());
  if (std::FILE* mark = std::fopen(begun.c_str(), "w")) std::fclose(mark);
  struct stat info {};
  while (::stat(path.c_str(), &info) != 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return info.st_size;
}

}  // namespace

/// Does harm to the way of its answer, and goes on as if nothing were.
static void spoil_channel(const std::string& how) {
  constexpr int channel = process::first_child_fd;
  if (how == "print") {
    ::dprintf(channel, "a line that somebody meant for another file\n");
  } else if (how == "close_all") {
    ::close_range(channel, ~0U, 0);
  } else if (how == "reopen") {
    // What is opened next gets its number.
    ::close(channel);
    static_cast<void>(!::open("/dev/null", O_RDWR | O_CLOEXEC));
  } else if (how == "announce") {
    // The head of a frame of 64 MiB, of which nothing follows.
    const std::uint32_t head[] = {
        process::frame_magic, 64U << 20, static_cast<std::uint32_t>(process::frame_kind::result), 0, 1, 0};
    static_cast<void>(!::write(channel, head, sizeof head));
  } else if (how == "leave_thread") {
    ::pthread_exit(nullptr);
  }
}

void do_fault(const std::string& how) {
  if (how == "segv") {
    // Volatile, so that no compiler sees what it is about to write to.
    volatile std::uintptr_t nowhere = 0x10;
    *reinterpret_cast<volatile int*>(nowhere) = 1;
  } else if (how == "abort") {
    std::abort();
  } else if (how == "exit0") {
    ::_exit(0);
  } else if (how == "exit3") {
    ::_exit(3);
  } else if (how == "throw") {
    throw std::runtime_error("it was asked to throw");
  } else if (how == "throw_int") {
    throw 7;
  } else if (how == "uncaught") {
    // An exception that leaves a thread nobody watches ends the process.
    std::thread([] { throw std::logic_error("nobody catches this"); }).join();
  } else if (how == "overflow") {
    overflow_stack(0);
  } else if (how == "kill") {
    ::kill(::getpid(), SIGKILL);
  } else if (how == "hang") {
    for (volatile bool on = true; on;) {
    }
  } else if (how == "leave_channel") {
    ::close(process::first_child_fd);
    std::this_thread::sleep_for(std::chrono::hours(1));
  } else if (how == "garbage") {
    const char text[] = "these bytes are no frame, and they are longer than the header of one";
    static_cast<void>(!::write(process::first_child_fd, text, sizeof text));
    std::this_thread::sleep_for(std::chrono::hours(1));
  } else {
    spoil_channel(how);
  }
}

test_tasks& tasks() {
  // Never destroyed: a thread that was abandoned looks at its task once more when it ends, whenever that is.
  static auto* all = new test_tasks([] {
    test_tasks t;
    t.square = t.registry.add("square", &square);
    t.say = t.registry.add("say", &say);
    t.misbehave = t.registry.add("misbehave", &misbehave);
    t.poison = t.registry.add("poison", &poison);
    t.pid = t.registry.add("pid", &pid);
    t.reverse = t.registry.add("reverse", &reverse);
    t.about_me = t.registry.add("about_me", &about_me);
    t.nothing = t.registry.add("nothing", &nothing);
    t.link = t.registry.add("link", &link);
    t.until_stopped = t.registry.add("until_stopped", &until_stopped);
    t.hold_at_zero = t.registry.add("hold_at_zero", &hold_at_zero);
    t.repeat = t.registry.add("repeat", &repeat);
    t.mirror = t.registry.add("mirror", &mirror);
    t.initialize = t.registry.add("initialize", &initialize);
    t.initialize_with = t.registry.add("initialize_with", &initialize_with);
    t.fail_to_initialize = t.registry.add("fail_to_initialize", &fail_to_initialize);
    t.initialized = t.registry.add("initialized", &initialized);
    t.keep_memory = t.registry.add("keep_memory", &keep_memory);
    t.complain_and_die = t.registry.add("complain_and_die", &complain_and_die);
    t.ignore_term = t.registry.add("ignore_term", &ignore_term);
    t.variable = t.registry.add("variable", &variable);
    t.wait_for_file = t.registry.add("wait_for_file", &wait_for_file);
    add_edge_tasks(t.registry);
    return t;
  }());
  return *all;
}

}  // namespace steward::test
