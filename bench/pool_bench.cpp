// What a pool costs, one round of it: each figure as one line of JSON. bench/pools.py runs it beside its peers.
// usage: bench_pools [--quick] [MEASURE...]
#include "pool_json.hpp"

#include "pool/worker.hpp"
#include "process/child.hpp"
#include "process/keeper.hpp"
#include "steward/pool.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <numeric>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using pool_bench::figure;
using pool_bench::now_s;
using pool_bench::timed;
using steward::pool_environment;
using steward::pool_spec;
using steward::process_pool;
using steward::thread_pool;
using numbers = std::vector<std::int64_t>;
using blob = std::vector<std::uint8_t>;

std::int64_t square(std::int64_t n) { return n * n; }
blob echo(blob data) { return data; }

/// First runs of `survive` that have begun: in memory that the program shares with its workers.
std::atomic<std::uint64_t>* begun_runs = nullptr;

/// Stays until it is killed in its first run, and answers in its second.
std::int64_t survive(const steward::task_context& context, std::int64_t n) {
  if (context.attempt > 1) return n;
  begun_runs->fetch_add(1);
  for (;;) ::pause();
}

struct bench {
  pool_environment environment;
  steward::task<std::int64_t, std::int64_t> square;
  steward::task<blob, blob> echo;
  steward::task<std::int64_t, std::int64_t> survive;
  bool quick = false;

  std::size_t many(std::size_t full) const { return quick ? full / 10 : full; }
};

void check(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "bench_pools: %s\n", what);
  std::exit(1);
}

numbers count_to(std::size_t count) {
  numbers out(count);
  std::iota(out.begin(), out.end(), 1);
  return out;
}

template <class Pool>
void start(Pool& pool) {
  check(!pool.start(), "a pool did not start");
}

pool_spec workers(unsigned count) {
  pool_spec spec;
  spec.size.workers = count;
  spec.limits.queue_limit = 10'000'000;
  return spec;
}

template <class Pool, class What>
double rate(Pool& pool, What what, const numbers& inputs, unsigned chunk) {
  steward::map_options options;
  options.chunk = chunk;
  numbers results;
  const double took = timed([&] { results = pool.map(what, inputs, options); });
  check(results.size() == inputs.size() && results.back() == inputs.back() * inputs.back(), "wrong results");
  return static_cast<double>(inputs.size()) / took;
}

void program(const bench& b) {
  for (const unsigned size : {2U, 4U, 8U}) {
    const auto inputs = count_to(10);
    std::vector<double> totals;
    double start_s = 0;
    double stop_s = 0;
    const std::size_t runs = b.quick ? 5 : 11;
    for (std::size_t i = 0; i < runs; ++i) {
      const double begun = now_s();
      process_pool pool(b.environment, "bench", workers(size));
      start(pool);
      const double ready = now_s();
      const auto results = pool.map(b.square, inputs);
      const double computed = now_s();
      pool.stop();
      totals.push_back(now_s() - begun);
      start_s += ready - begun;
      stop_s += now_s() - computed;
      check(results.back() == 100, "wrong results");
    }
    std::nth_element(totals.begin(), totals.begin() + static_cast<std::ptrdiff_t>(runs / 2), totals.end());
    const auto name = "program_" + std::to_string(size);
    figure(name, "steward", totals[runs / 2] * 1e3);
    figure(name + "_start", "steward", start_s / static_cast<double>(runs) * 1e3);
    figure(name + "_stop", "steward", stop_s / static_cast<double>(runs) * 1e3);
  }
}

void single(const bench& b) {
  process_pool pool(b.environment, "bench", workers(2));
  start(pool);
  rate(pool, b.square, count_to(2'000), 1);
  figure("single", "steward", rate(pool, b.square, count_to(b.many(500'000)), 1));
}

void chunked(const bench& b) {
  process_pool pool(b.environment, "bench", workers(2));
  start(pool);
  rate(pool, b.square, count_to(100'000), 0);
  figure("auto_1e6", "steward", rate(pool, b.square, count_to(b.many(1'000'000)), 0));
  figure("auto_1e7", "steward", rate(pool, b.square, count_to(b.many(10'000'000)), 0));
}

/// A callable by itself, with a future: nothing is shared with others.
void submits(const bench& b, thread_pool& pool) {
  const auto inputs = count_to(b.many(500'000));
  std::int64_t sum = 0;
  const double took = timed([&] {
    const auto submit = [&pool](std::int64_t n) { return pool.submit([n] { return n * n; }); };
    std::vector<decltype(submit(1))> futures;
    futures.reserve(inputs.size());
    for (const auto n : inputs) futures.push_back(submit(n));
    for (auto& one : futures) sum += one.get().value();
  });
  check(sum > 0, "wrong results");
  figure("thread_submit", "steward", static_cast<double>(inputs.size()) / took);
}

void threads(const bench& b) {
  const auto body = [](std::int64_t n) { return n * n; };
  thread_pool pool(b.environment, "bench", workers(2));
  start(pool);
  rate(pool, body, count_to(100'000), 0);
  figure("thread_single", "steward", rate(pool, body, count_to(b.many(2'000'000)), 1));
  figure("thread_task_single", "steward", rate(pool, b.square, count_to(b.many(2'000'000)), 1));
  submits(b, pool);
  const auto few = count_to(1'000'000);
  const std::size_t turns = b.many(50);
  const double took = timed([&] {
    for (std::size_t i = 0; i < turns; ++i) rate(pool, body, few, 0);
  });
  figure("thread_auto_1e6", "steward", static_cast<double>(turns * few.size()) / took);
  figure("thread_auto_1e7", "steward", rate(pool, body, count_to(b.many(10'000'000)), 0));
}

void kills(const bench& b) {
  auto spec = workers(2);
  spec.limits.attempts = 3;
  spec.restarts.worker_restarts.restarts = 1'000'000;
  process_pool pool(b.environment, "bench", spec);
  start(pool);
  std::vector<double> took;
  while (took.size() < b.many(300)) {
    // Both workers are idle, so that the death of one finds the other ready.
    while (pool.stats().idle < 2) ::usleep(200);
    const auto before = begun_runs->load();
    auto result = pool.submit(b.survive, 7);
    while (begun_runs->load() == before) ::usleep(200);
    int pid = 0;
    for (const auto& w : pool.stats().each) {
      if (w.tasks > 0) pid = w.pid;
    }
    check(pid > 0, "nobody runs the task");
    took.push_back(timed([&] {
      ::kill(pid, SIGKILL);
      check(result.get().ok(), "a task did not survive");
    }));
  }
  std::sort(took.begin(), took.end());
  figure("kill_p50", "steward", took[took.size() / 2] * 1e3);
  figure("kill_p99", "steward", took[std::min(took.size() - 1, took.size() * 99 / 100)] * 1e3);
}

/// Processor time so far, in ms, of all threads of these processes but the calling one.
double cpu_ms(const std::vector<int>& pids) {
  double total = 0;
  for (const int pid : pids) {
    for (const auto& one : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
      if (one.path().filename() == std::to_string(::gettid())) continue;
      std::ifstream in(one.path() / "schedstat");
      double ns = 0;
      if (in >> ns) total += ns / 1e6;
    }
  }
  return total;
}

void idle(const bench& b) {
  process_pool processes(b.environment, "bench", workers(2));
  thread_pool on_threads(b.environment, "bench", workers(2));
  start(processes);
  start(on_threads);
  rate(processes, b.square, count_to(1'000), 0);
  rate(on_threads, b.square, count_to(1'000), 0);
  std::vector<int> pids{static_cast<int>(::getpid())};
  for (const auto& w : processes.stats().each) pids.push_back(w.pid);
  ::usleep(100'000);
  const double before = cpu_ms(pids);
  ::sleep(3);
  figure("idle", "steward", cpu_ms(pids) - before);
}

void payload(const bench& b, process_pool& pool, const char* name, std::size_t size, std::size_t count) {
  const std::vector<blob> inputs(b.many(count), blob(size, 7));
  steward::map_options options;
  options.chunk = 1;
  options.window = 16;
  std::vector<blob> results;
  const double took = timed([&] { results = pool.map(b.echo, inputs, options); });
  check(results.size() == inputs.size() && results.back() == inputs.back(), "wrong results");
  figure(name, "steward", static_cast<double>(size * inputs.size()) / took / 1e6);
}

void payloads(const bench& b) {
  process_pool pool(b.environment, "bench", workers(2));
  start(pool);
  pool.map(b.echo, std::vector<blob>(8, blob(std::size_t{64} * 1024, 1)));
  payload(b, pool, "payload_64k", std::size_t{64} * 1024, 4'000);
  payload(b, pool, "payload_1m", std::size_t{1024} * 1024, 400);
}

/// One 64-byte message each way for each task, with as many in flight as fit: a write and a read for each.
void socket_limit(const bench& b) {
  constexpr std::size_t size = 64;
  int ends[2];
  check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "no socketpair");
  const auto pid = ::fork();
  if (pid == 0) {
    ::close(ends[0]);
    char buffer[size];
    while (::recv(ends[1], buffer, size, 0) == static_cast<ssize_t>(size) &&
           ::send(ends[1], buffer, size, MSG_NOSIGNAL) == static_cast<ssize_t>(size)) {
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  const auto count = b.many(300'000);
  const double took = timed([&] {
    std::thread sender([&] {
      const char buffer[size] = {};
      for (std::size_t i = 0; i < count; ++i)
        check(::send(ends[0], buffer, size, 0) == static_cast<ssize_t>(size), "socketpair: send");
    });
    char buffer[size];
    for (std::size_t i = 0; i < count; ++i)
      check(::recv(ends[0], buffer, size, 0) == static_cast<ssize_t>(size), "socketpair: recv");
    sender.join();
  });
  ::close(ends[0]);
  ::waitpid(pid, nullptr, 0);
  figure("single", "socketpair", static_cast<double>(count) / took);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace steward;
  static task_registry tasks;
  bench b;
  b.square = tasks.add("square", &square);
  b.echo = tasks.add("echo", &echo);
  b.survive = tasks.add("survive", &survive);
  pooling::register_pool_worker(tasks);
  if (process::is_spawned_child(argc, argv)) return process::run_spawned_child(argc, argv);
  const std::vector<std::pair<std::string_view, void (*)(const bench&)>> measures = {
      {"socketpair", &socket_limit}, {"single", &single}, {"auto", &chunked}, {"program", &program},
      {"threads", &threads},         {"kill", &kills},    {"idle", &idle},    {"payload", &payloads}};
  std::vector<std::string_view> wanted;
  for (int i = 1; i < argc; ++i) {
    const std::string_view one = argv[i];
    if (one == "--quick") {
      b.quick = true;
    } else if (std::any_of(measures.begin(), measures.end(), [=](const auto& m) { return m.first == one; })) {
      wanted.push_back(one);
    } else {
      std::fprintf(stderr, "usage: bench_pools [--quick] [MEASURE...]; measures:");
      for (const auto& m : measures) std::fprintf(stderr, " %s", m.first.data());
      std::fprintf(stderr, "\n");
      return 2;
    }
  }
  void* shared = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  check(shared != MAP_FAILED, "no shared memory");
  begun_runs = new (shared) std::atomic<std::uint64_t>(0);
  process::start_zygote();
  {
    process::keeper keeper;
    b.environment.keeper = &keeper;
    b.environment.tasks = &tasks;
    b.environment.path = "/bench";
    for (const auto& [name, run] : measures) {
      if (wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end()) run(b);
    }
  }
  process::stop_zygote();
  return 0;
}
