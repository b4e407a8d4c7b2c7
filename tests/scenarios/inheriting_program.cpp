// A program whose tasks print, start other programs and use the terminal, for the tests of what they get of these.
#include <steward/app.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

std::int64_t say(std::string text) {
  std::printf("%s\n", text.c_str());
  std::fprintf(stderr, "%s, loudly\n", text.c_str());
  return 1;
}

// The exit code of a shell's command.
std::int64_t shell(std::string command) {
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// A byte of the terminal, 0 at its end, or where there is no terminal.
std::int64_t read_terminal() {
  char byte = 0;
  const int terminal = ::open("/dev/tty", O_RDONLY | O_CLOEXEC);
  return ::read(terminal < 0 ? STDIN_FILENO : terminal, &byte, 1) == 1 ? byte : 0;
}

// Counts up to the number, a line each 20 ms.
std::int64_t count(std::int64_t to) {
  for (std::int64_t i = 1; i <= to; ++i) {
    std::printf("at %d\n", static_cast<int>(i));
    ::usleep(20'000);
  }
  return to;
}

// The exit code of a program that is started without a shell, which might give it signals of its own.
int started_directly(const std::string& command) {
  std::istringstream in{command};
  std::vector<std::string> words{std::istream_iterator<std::string>{in}, {}};
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_t child = 0;
  if (::posix_spawnp(&child, pointers[0], nullptr, nullptr, pointers.data(), environ) != 0) return -1;
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// Shows the exit code of its command.
class starter {
public:
  starter(steward::self_ptr, const steward::actor_args& args) : command_(args.text("command")) {}
  caf::behavior make_behavior() {
    return {[this](steward::show_atom) { return std::to_string(started_directly(command_)); }};
  }

private:
  std::string command_;
};

}  // namespace

int main(int argc, char** argv) {
  steward::app app;
  app.tasks().add("say", say);
  app.tasks().add("shell", shell);
  app.tasks().add("read_terminal", read_terminal);
  app.tasks().add("count", count);
  steward::param_spec command;
  command.name = "command";
  command.type = steward::param_type::text;
  app.actor<starter>("starter", {command});
  return app.main(argc, argv);
}
