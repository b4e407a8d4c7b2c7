// A program whose tasks print, start other programs and use the terminal, for the tests of what they get of these.
#include <steward/app.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <fcntl.h>
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

// Shows the exit code of its command.
class starter {
public:
  starter(steward::self_ptr, const steward::actor_args& args) : command_(args.text("command")) {}
  caf::behavior make_behavior() {
    return {[this](steward::show_atom) { return std::to_string(shell(command_)); }};
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
