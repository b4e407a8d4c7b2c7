// An actor in a process beside the same actor on a thread, beside CAF's own way to another process (BASP over loopback
// TCP, without supervision), and beside a bare socketpair to a forked process.
//
//   bench_process_actor [ROUNDS]
//
// Round trip: one thread asks and waits for each answer. Pipelined: 256 requests under way. Tells: one thread tells,
// and asks once at the end. Crash: from the request that kills the process to the answer of the next incarnation, by
// the same thread, one each 100 ms: with and without a spare process. Start: 200 actors, one after the other as a spec
// lists them, and side by side as a dynamic supervisor makes them. Read the ratios. Python's Manager:
// bench/process_actor.py.
#include "bench/supervision_common.hpp"

#include <steward/app.hpp>
#include <steward/child.hpp>

#include <caf/io/middleman.hpp>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace bench;
using namespace std::chrono_literals;

struct adder {
  std::int64_t sum = 0;
  caf::behavior make_behavior() {
    return {
        [this](caf::add_atom, std::int64_t n) { return sum += n; },
        [this](caf::put_atom, std::int64_t n) { sum += n; },
        [](crash_atom) { ::raise(SIGKILL); },
        [](caf::delete_atom) { throw std::runtime_error("crashed on purpose"); },
    };
  }
};

double median(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return x[x.size() / 2];
}

class placed {
public:
  placed(runtime& rt, rung where, bool spare = false) : rt_(rt) {
    supervisor_spec spec;
    spec.intensity = {1'000'000, milliseconds{1'000}};
    spec.children = {child::actor<adder>(
        "a", {}, {.backoff = {1ms, 1ms, 1.0, 0.0, 1ms}, .runs_in = where, .process = {.spare = spare}})};
    const std::string root = where == rung::thread ? "t" : spare ? "s" : "p";
    tree_ = std::make_unique<supervisor>(rt_, std::move(spec), root);
    if (!tree_->start().ok) std::exit(1);
    who_ = tree_->actor("/" + root + "/a");
  }

  double round_trip_us(int n) {
    caf::scoped_actor self{rt_.system()};
    const auto start = clock_type::now();
    for (int i = 0; i < n; ++i) ask(self);
    return seconds_since(start) / n * 1e6;
  }
  double pipelined_per_s(int n) {
    caf::scoped_actor self{rt_.system()};
    const auto me = caf::actor_cast<caf::strong_actor_ptr>(self);
    const auto start = clock_type::now();
    std::deque<caf::message_id> waits;
    const auto take = [&] {
      self->next_message();  // waits for one
      waits.pop_front();
    };
    for (int i = 0; i < n; ++i) {
      const auto id = self->new_request_id(caf::message_priority::normal);
      who_->enqueue(caf::make_mailbox_element(me, id, {}, caf::add_atom::value, std::int64_t{1}), nullptr);
      waits.push_back(id);
      if (waits.size() >= 256) take();
    }
    while (!waits.empty()) take();
    return n / seconds_since(start);
  }
  double tells_per_s(int n) {
    caf::scoped_actor self{rt_.system()};
    const auto start = clock_type::now();
    for (int i = 0; i < n; ++i) self->send(who_, caf::put_atom::value, std::int64_t{1});
    ask(self);
    return n / seconds_since(start);
  }
  double crash_us(bool kill) {
    caf::scoped_actor self{rt_.system()};
    const auto start = clock_type::now();
    if (kill)
      self->request(who_, caf::infinite, crash_atom::value).receive([] {}, [](caf::error&) {});
    else
      self->request(who_, caf::infinite, caf::delete_atom::value).receive([] {}, [](caf::error&) {});
    ask(self);
    return seconds_since(start) * 1e6;
  }

private:
  void ask(caf::scoped_actor& self) {
    self->request(who_, caf::infinite, caf::add_atom::value, std::int64_t{1})
        .receive([](std::int64_t) {}, [](caf::error&) { std::exit(1); });
  }
  runtime& rt_;
  std::unique_ptr<supervisor> tree_;
  caf::actor who_;
};

/// The same actor in another process, by BASP. The process ends with its standard input.
int serve_by_basp() {
  caf::actor_system_config config;
  config.load<caf::io::middleman>();
  caf::actor_system system{config};
  const auto who = system.spawn([]() -> caf::behavior {
    auto sum = std::make_shared<std::int64_t>(0);
    return {[sum](caf::add_atom, std::int64_t n) { return *sum += n; },
            [sum](caf::put_atom, std::int64_t n) { *sum += n; }};
  });
  const auto port = system.middleman().publish(who, 0, "127.0.0.1");
  std::printf("%d\n", port ? static_cast<int>(*port) : 0);
  std::fflush(stdout);
  char none = 0;
  while (::read(STDIN_FILENO, &none, 1) > 0) {
  }
  ::_exit(0);
}

class by_basp {
public:
  by_basp() {
    config_.load<caf::io::middleman>();
    system_ = std::make_unique<caf::actor_system>(config_);
    int to[2];
    int from[2];
    if (::pipe(to) != 0 || ::pipe(from) != 0) std::exit(1);
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(to[0], STDIN_FILENO);
      ::dup2(from[1], STDOUT_FILENO);
      for (const int fd : {to[0], to[1], from[0], from[1]}) ::close(fd);
      ::execl("/proc/self/exe", "bench_process_actor", "--basp", nullptr);
      ::_exit(1);
    }
    ::close(to[0]);
    ::close(from[1]);
    hold_ = to[1];
    char text[16] = {};
    if (::read(from[0], text, sizeof text - 1) <= 0) std::exit(1);
    ::close(from[0]);
    auto who = system_->middleman().remote_actor("127.0.0.1", static_cast<std::uint16_t>(std::atoi(text)));
    if (!who) std::exit(1);
    who_ = *who;
  }
  ~by_basp() {
    ::close(hold_);
    ::waitpid(child_, nullptr, 0);
  }
  by_basp(const by_basp&) = delete;
  by_basp& operator=(const by_basp&) = delete;

  double round_trip_us(int n) {
    caf::scoped_actor self{*system_};
    const auto start = clock_type::now();
    for (int i = 0; i < n; ++i) ask(self);
    return seconds_since(start) / n * 1e6;
  }
  double tells_per_s(int n) {
    caf::scoped_actor self{*system_};
    const auto start = clock_type::now();
    for (int i = 0; i < n; ++i) self->send(who_, caf::put_atom::value, std::int64_t{1});
    ask(self);
    return n / seconds_since(start);
  }

private:
  void ask(caf::scoped_actor& self) {
    self->request(who_, caf::infinite, caf::add_atom::value, std::int64_t{1})
        .receive([](std::int64_t) {}, [](caf::error&) { std::exit(1); });
  }

  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  caf::actor who_;
  int child_ = 0;
  int hold_ = -1;
};

/// Eight bytes there and back.
double bare_socketpair_us(int n) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) std::exit(1);
  const auto child = ::fork();
  char word[8] = {};
  if (child == 0) {
    ::close(ends[0]);  // else it would never see the end
    while (::read(ends[1], word, sizeof word) == sizeof word)
      if (::write(ends[1], word, sizeof word) != sizeof word) break;
    ::_exit(0);
  }
  ::close(ends[1]);
  const auto start = clock_type::now();
  for (int i = 0; i < n; ++i)
    if (::write(ends[0], word, sizeof word) != sizeof word || ::read(ends[0], word, sizeof word) != sizeof word)
      std::exit(1);
  const auto out = seconds_since(start) / n * 1e6;
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return out;
}

double start_s(runtime& rt, bool listed, unsigned count) {
  static int number = 0;
  supervisor_spec spec;
  const auto one = child::actor<adder>("a", {}, {.runs_in = rung::process});
  if (listed) {
    for (unsigned i = 0; i < count; ++i) {
      spec.children.push_back(one);
      spec.children.back().id += std::to_string(i);
    }
  } else {
    spec.strategy = strategy::simple_one_for_one;
    spec.initial = count;
    spec.children = {one};
  }
  supervisor tree{rt, std::move(spec), "s" + std::to_string(++number)};
  const auto start = clock_type::now();
  if (!tree.start().ok) std::exit(1);
  return seconds_since(start);
}

int measure(runtime& rt, int rounds) {
  placed thread{rt, rung::thread};
  placed process{rt, rung::process};
  by_basp basp;
  std::vector<double> trip[4];
  std::vector<double> piped[2];
  std::vector<double> told[3];
  for (int i = 0; i < rounds; ++i) {
    trip[0].push_back(thread.round_trip_us(5'000));
    trip[1].push_back(process.round_trip_us(5'000));
    trip[2].push_back(basp.round_trip_us(5'000));
    trip[3].push_back(bare_socketpair_us(5'000));
    piped[0].push_back(thread.pipelined_per_s(50'000));
    piped[1].push_back(process.pipelined_per_s(50'000));
    told[0].push_back(thread.tells_per_s(200'000));
    told[1].push_back(process.tells_per_s(200'000));
    told[2].push_back(basp.tells_per_s(200'000));
  }
  figure("round_trip.thread_us", median(trip[0]));
  figure("round_trip.process_us", median(trip[1]));
  figure("round_trip.basp_us", median(trip[2]));
  figure("round_trip.socketpair_us", median(trip[3]));
  figure("pipelined.thread_per_s", median(piped[0]));
  figure("pipelined.process_per_s", median(piped[1]));
  figure("tells.thread_per_s", median(told[0]));
  figure("tells.process_per_s", median(told[1]));
  figure("tells.basp_per_s", median(told[2]));
  std::vector<double> thrown;
  std::vector<double> killed;
  std::vector<double> on_thread;
  std::vector<double> spared;
  placed with_spare{rt, rung::process, true};
  for (int i = 0; i < 100; ++i) {
    on_thread.push_back(thread.crash_us(false));
    thrown.push_back(process.crash_us(false));
    killed.push_back(process.crash_us(true));
    std::this_thread::sleep_for(100ms);
    spared.push_back(with_spare.crash_us(true));
  }
  percentiles("crash.thread", on_thread);
  percentiles("crash.process_throws", thrown);
  percentiles("crash.process_killed", killed);
  percentiles("crash.with_spare_killed", spared);
  figure("start.200_listed_s", start_s(rt, true, 200));
  figure("start.200_side_by_side_s", start_s(rt, false, 200));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--basp") == 0) return serve_by_basp();
  app program;
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  char* own[] = {argv[0], const_cast<char*>("--quiet"), nullptr};
  return program.run(argc > 1 && std::strncmp(argv[1], "--", 2) == 0 ? argc : 2,
                     argc > 1 && std::strncmp(argv[1], "--", 2) == 0 ? argv : own,
                     [&](runtime& rt) { return measure(rt, std::max(1, rounds)); });
}
