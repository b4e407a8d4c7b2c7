#include "live_commands.hpp"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <thread>

#include "process/child.hpp"

namespace steward::test {

namespace {

template <class F>
void each_entry(const char* folder, F f) {
  DIR* all = ::opendir(folder);
  if (all == nullptr) return;
  while (const dirent* entry = ::readdir(all)) f(std::string{entry->d_name});
  ::closedir(all);
}

}  // namespace

std::size_t count_processes(const std::string& word) {
  std::size_t out = 0;
  each_entry("/proc", [&](const std::string& name) {
    if (name.find_first_not_of("0123456789") != std::string::npos || name == std::to_string(::getpid())) return;
    std::ifstream in{"/proc/" + name + "/cmdline", std::ios::binary};
    const std::string line{std::istreambuf_iterator<char>{in}, {}};
    if (line.find(word) != std::string::npos) ++out;
  });
  return out;
}

std::size_t await_processes(const std::string& word, std::size_t wanted) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  auto now = count_processes(word);
  while (now != wanted && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
    now = count_processes(word);
  }
  return now;
}

std::string fresh_word() {
  static std::atomic<int> last{0};
  return "w" + std::to_string(::getpid()) + "x" + std::to_string(++last) + "w";
}

std::size_t open_descriptors() {
  std::size_t out = 0;
  each_entry("/proc/self/fd", [&](const std::string& name) { out += name[0] != '.' ? 1U : 0U; });
  return out;
}

unsigned free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  const bool made = ::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 &&
                    ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0;
  ::close(fd);
  return made ? ntohs(at.sin_port) : 0;
}

int keep_programs(bool without_zygote) {
  if (!without_zygote) process::start_zygote();
  event_log events;
  task_registry tasks;
  actor_registry actors;
  runtime all{events, tasks, actors};
  supervisor_spec spec;
  // The grandchild has a session of its own; the word comes in by standard input's place in the arguments.
  const char* word = std::getenv("STEWARD_TEST_WORD");
  const std::string mark = word != nullptr ? word : "none";
  spec.children = {child::command(
      "web", {.run = {"/bin/sh", "-c", "setsid sh -c 'sleep 300; : " + mark + "' & echo up; sleep 300; : " + mark},
              .ready = {.line = "^up$"}})};
  supervisor tree{all, spec};
  if (!tree.start()) return 1;
  std::puts("up");
  std::fflush(stdout);
  for (;;) ::pause();
}

}  // namespace steward::test
