#include "cli/own_words.hpp"

#include "base/in_hand.hpp"
#include "cli/exit_codes.hpp"
#include "cli/failure.hpp"
#include "process/flight_page.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <new>
#include <string>
#include <utility>

namespace steward::cli {

namespace {

constexpr unsigned telling_limit_s = 3;

struct state {
  event_log& events;
  std::function<void()> flush;
  std::function<void()> in_copy;
};

// Of the one object; null while there is none. The page is never given back, for a signal may come at any time.
std::atomic<state*> current{nullptr};
pid_t own_pid = 0;
process::flight_page page;

/// Whose work the calling thread has in hand.
event event_of_death(cause why) {
  event out;
  if (const auto& work = in_hand_of_thread; work.describe != nullptr) work.describe(work.of, out);
  out.kind = event_kind::crash;
  out.level = event_level::error;
  out.pid = own_pid;
  out.text = "the program itself dies" + (out.text.empty() ? "" : " " + out.text);
  out.why = std::move(why);
  return out;
}

void tell(state& to, cause why, int code) {
  to.events.emit(event_of_death(std::move(why)));
  event end;
  end.kind = event_kind::run_end;
  end.level = event_level::error;
  end.code = code;
  end.text = "the program died";
  to.events.emit(std::move(end));
  to.flush();
}

[[noreturn]] void end_at_the_limit(int) { ::_exit(exit_internal); }

/// What follows is over by then, whatever it waits for.
void limit_telling(void (*at_the_limit)(int)) noexcept {
  std::signal(SIGALRM, at_the_limit);
  sigset_t alarm_only;
  sigemptyset(&alarm_only);
  sigaddset(&alarm_only, SIGALRM);
  ::pthread_sigmask(SIG_UNBLOCK, &alarm_only, nullptr);
  ::alarm(telling_limit_s);
}

bool ended_well(pid_t child) noexcept {
  constexpr timespec pause{0, 5'000'000};
  constexpr int most_looks = static_cast<int>(telling_limit_s + 1) * 200;
  for (int i = 0; i < most_looks; ++i) {
    int status = 0;
    const auto seen = ::waitpid(child, &status, WNOHANG);
    if (seen == child) return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (seen < 0 && errno != EINTR) return false;
    ::nanosleep(&pause, nullptr);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return false;
}

/// The least that can be said, of what is safe in a signal handler.
void say_least() noexcept {
  char text[160];
  const char* name = ::sigabbrev_np(page.signal);
  std::size_t used = 0;
  for (const char* part : {"steward: the program itself dies of SIG", name != nullptr ? name : "?", "\n"}) {
    const auto size = std::strlen(part);
    std::memcpy(text + used, part, size);
    used += size;
  }
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, used);
}

/// In the handler of a fatal signal. A copy of the program tells: what is broken, or locked by whoever has died, can
/// then hold up that copy and nobody else.
void tell_of_signal() noexcept {
  auto* to = current.load();
  if (to == nullptr) return;
  const pid_t teller = ::_Fork();
  if (teller == 0) {
    limit_telling(SIG_DFL);
    to->in_copy();
    if (auto why = process::last_words_in(page)) tell(*to, std::move(*why), exit_signal_base + page.signal);
    ::_exit(0);
  }
  if (teller < 0 || !ended_well(teller)) say_least();
}

[[noreturn]] void end_with(state& to, const std::function<cause()>& why, int code) noexcept {
  std::set_new_handler(nullptr);
  limit_telling(end_at_the_limit);
  try {
    tell(to, why(), code);
  } catch (const std::exception&) {  // then the exit code has to do
  }
  ::_exit(code);
}

/// The program ends, with this status by itself, for what `message` says; with `code` once that is told.
void tell_end(int status, const std::function<std::string()>& message, int code) {
  auto* to = current.exchange(nullptr);
  if (to == nullptr || ::getpid() != own_pid) return;
  const auto why = [status, &message] {
    cause out;
    out.cls = cause_class::exit;
    out.code = status;
    out.message = message();
    return out;
  };
  end_with(*to, why, code);
}

void on_exit_of_program(int status, void*) {
  const auto message = [status] { return "exit(" + std::to_string(status) + ") was called"; };
  tell_end(status, message, is_starting() ? exit_start_failed : exit_internal);
}

/// A thread that cannot go on.
void on_end_of_program(const char* why) {
  tell_end(
      exit_internal, [why] { return std::string(why); }, exit_internal);
}

void on_quick_exit_of_program() { on_exit_of_program(EXIT_FAILURE, nullptr); }

[[noreturn]] void on_terminate() {
  const auto problem = std::current_exception();
  if (problem && ::getpid() == own_pid && is_scarce(problem)) {
    const int code = tell_failure(problem);
    if (auto* to = current.exchange(nullptr))
      end_with(
          *to, [&problem] { return cause_of(problem); }, code);
    ::_exit(code);
  }
  process::say_and_abort();
}

}  // namespace

own_words::own_words(event_log& events, std::function<void()> flush, std::function<void()> in_copy)
    : terminate_before_(std::get_terminate()) {
  static const bool hooked = [] {
    return ::on_exit(on_exit_of_program, nullptr) == 0 && ::at_quick_exit(on_quick_exit_of_program) == 0;
  }();
  static_cast<void>(hooked);
  own_pid = ::getpid();
  current = new state{events, std::move(flush), std::move(in_copy)};
  process::install_own_last_words(page, tell_of_signal);
  teller_of_end = on_end_of_program;
  std::set_terminate(on_terminate);
}

own_words::~own_words() {
  teller_of_end = nullptr;
  delete current.exchange(nullptr);
  std::set_terminate(terminate_before_);
}

}  // namespace steward::cli
