// A program that dies, or is to be ended, in the way that its last argument names.
#include <steward/app.hpp>

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;

// Through a pointer that no compiler knows, and deep enough for any stack.
volatile int* volatile nowhere = nullptr;
volatile int depth = 0;

int fall(int n) {
  volatile char room[4096];
  room[0] = static_cast<char>(n);
  depth = n;
  return n < 0 ? 0 : fall(n + 1) + room[0];
}

int die(const std::string& how) {
  if (how == "segfault") return *nowhere;
  if (how == "overflow") return fall(0);
  if (how == "exit") std::exit(0);
  if (how == "quick_exit") std::quick_exit(0);
  if (how == "abort") std::abort();
  if (how == "leave_thread") ::pthread_exit(nullptr);
  if (how == "fork") ::fork();
  if (how == "print") return std::printf("not JSON\n");
  // A copy's fork is not this process's: the number says who goes on.
  if (how.starts_with("signal ")) ::kill(::getpid(), std::stoi(how.substr(7)));
  if (how == "thread_throws") std::thread{[] { throw std::runtime_error("nobody catches this"); }}.join();
  if (how == "thread_lacks") std::thread{[] { throw std::bad_alloc{}; }}.join();
  return 0;
}

int die_as_task(std::string how) { return die(how); }

/// Leaves a process behind that ends on its own.
int leave_an_orphan() {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::fork() == 0) {
      ::usleep(10'000);
      ::_exit(0);
    }
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  return 0;
}

struct mortal {
  mortal(steward::self_ptr, const steward::actor_args& args) { die(args.text("at_start")); }
  caf::behavior make_behavior() {
    return {[](const std::string& how) { return die(how); }, [](caf::get_atom) { return die("segfault"); }};
  }
};

steward::supervisor_spec tree_of_one(const std::string& at_start = {}) {
  steward::child_spec child;
  child.id = "mortal";
  child.what = steward::actor_spec{"mortal", {{"at_start", {at_start}}}};
  steward::supervisor_spec tree;
  tree.children.push_back(std::move(child));
  return tree;
}

int in_actor(steward::runtime& rt, const std::string& how) {
  steward::supervisor root{rt, tree_of_one()};
  if (!root.start().ok) return 1;
  caf::scoped_actor self{rt.system()};
  steward::port::ask(self.ptr(), root.actor("/root/mortal"), 20s, how).receive([](int) {}, [](caf::error&) {});
  return 0;
}

int in_start(steward::runtime& rt, const std::string& how) {
  steward::supervisor root{rt, tree_of_one(how)};
  return root.start().ok ? 0 : 1;
}

int in_callback(steward::runtime& rt, const auto& task, const std::string& how) {
  steward::pool_spec spec;
  spec.size.workers = 1;
  steward::thread_pool pool{rt.pools("/tasks"), "tasks", spec};
  if (pool.start()) return 1;
  steward::bytes args;
  steward::encode_all(args, std::string{});
  pool.untyped().submit(*task.entry, args, [how](const steward::outcome<steward::bytes>&) { die(how); });
  pool.submit(task, std::string{}).wait();
  return 0;
}

int in_task(steward::runtime& rt, const auto& task, const std::string& how) {
  steward::pool_spec spec;
  spec.size.workers = 1;
  steward::thread_pool pool{rt.pools("/tasks"), "tasks", spec};
  if (pool.start()) return 1;
  return pool.submit(task, how).get().value();
}

int with_orphans(steward::runtime& rt, const auto& task) {
  steward::pool_spec spec;
  spec.size.workers = 2;
  steward::process_pool pool{rt.pools("/tasks"), "tasks", spec};
  if (pool.start()) return 1;
  for (int i = 0; i < 20; ++i) std::ignore = pool.submit(task).get();
  // A child of our own has its status for us, whoever else reaps.
  const pid_t own = ::fork();
  if (own == 0) ::_exit(7);
  std::this_thread::sleep_for(300ms);
  int status = 0;
  if (::waitpid(own, &status, 0) != own || WEXITSTATUS(status) != 7) return 2;
  std::printf("ready\n");
  std::fflush(stdout);
  std::string line;
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) == 1) {
  }
  return 0;
}

int until_the_stop(steward::runtime& rt) {
  steward::supervisor root{rt, tree_of_one()};
  if (!root.start().ok) return 1;
  std::printf("ready\n");
  std::fflush(stdout);
  std::ignore = root.wait_until(std::chrono::steady_clock::now() + 60s);
  std::printf("the tree is over\n");
  std::fflush(stdout);
  return 0;
}

int deaf() {
  std::printf("ready\n");
  std::fflush(stdout);
  std::this_thread::sleep_for(60s);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 2 && std::string{argv[1]} == "below_a_subreaper") {
    // It stays one in the program that it becomes.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    argv[1] = argv[0];
    ::execv("/proc/self/exe", argv + 1);
    return 1;
  }
  steward::app app;
  const auto task = app.task("die", die_as_task);
  const auto orphan = app.task("leave_an_orphan", leave_an_orphan);
  steward::param_spec at_start;
  at_start.name = "at_start";
  at_start.fallback = steward::param_value{std::string{}};
  app.actor<mortal>("mortal", {at_start});
  const std::string where = argc > 1 ? argv[1] : "";
  const std::string how = argc > 2 ? argv[2] : "";
  if (where == "main") return app.main(argc - 1, argv + 1);
  steward::runtime_options options;
  options.end_within = std::chrono::milliseconds{500};
  return app.run(
      argc, argv,
      [&](steward::runtime& rt) {
        if (where == "actor") return in_actor(rt, how);
        if (where == "start") return in_start(rt, how);
        if (where == "callback") return in_callback(rt, task, how);
        if (where == "task") return in_task(rt, task, how);
        if (where == "orphans") return with_orphans(rt, orphan);
        if (where == "stop") return until_the_stop(rt);
        return deaf();
      },
      std::move(options));
}
