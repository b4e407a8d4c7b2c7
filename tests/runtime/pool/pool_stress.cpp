// Everything at once on one pool, with `attempts: 1`, and each outcome held against what was really done: maps of three
// priorities with limits and stop tokens, single tasks that are cancelled, items that throw, that kill their worker and
// that run past their deadline, workers killed from outside, resizes, recycling.
//
//   pool_stress processes|threads [--seconds N] [--tasks N] [--seed N]
//
// Ends after this many seconds or tasks, whichever comes last; STEWARD_STRESS_SECONDS replaces the seconds. Exit code 1
// when anything was wrong.
#include "pool/worker.hpp"
#include "process/child.hpp"
#include "process/keeper.hpp"
#include "process/zygote.hpp"
#include "steward/event.hpp"
#include "steward/pool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <mutex>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <type_traits>
#include <vector>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

using namespace steward;
using std::chrono::milliseconds;
using clock_type = std::chrono::steady_clock;

// How often each input was run, in memory that all workers share. A place is used again long after its input is over.
constexpr std::uint64_t places = std::uint64_t{1} << 24;
std::atomic<std::uint8_t>* runs = nullptr;
// When the last one began that never ends, there as well: it is to die of its deadline, not of a kill.
std::atomic<std::int64_t>* endless_since_ms = nullptr;

constexpr milliseconds deadline{1'000};

std::int64_t now_ms() { return std::chrono::duration_cast<milliseconds>(clock_type::now().time_since_epoch()).count(); }

enum what_to_do : std::int32_t { just_run, sleep_a_little, throw_it, kill_the_worker, never_end };

std::int64_t work(std::int64_t n, std::int32_t what) {
  runs[static_cast<std::uint64_t>(n) % places].fetch_add(1);
  if (what == sleep_a_little) ::usleep(static_cast<unsigned>(n * 7919 % 1'500));
  if (what == throw_it) throw std::runtime_error("as planned");
  if (what == kill_the_worker) ::raise(SIGKILL);
  if (what == never_end) endless_since_ms->store(now_ms());
  while (what == never_end) ::pause();
  return n * 3 + 1;
}

struct stress_tasks {
  task_registry registry;
  task<std::int64_t, std::int64_t, std::int32_t> work = registry.add("work", ::work);
};
stress_tasks& tasks() {
  static stress_tasks all;
  return all;
}

struct tally {
  std::atomic<std::uint64_t> ok{0}, thrown{0}, killed_itself{0}, late{0}, cancelled{0}, innocent{0}, wrong{0};
  std::atomic<std::uint64_t> crashes{0};
  std::atomic<std::uint64_t> kills{0}, resizes{0}, stops{0}, maps{0}, singles{0};
  std::uint64_t outcomes() const { return ok + thrown + killed_itself + late + cancelled + innocent + wrong; }
};

template <class Pool>
class stress {
public:
  stress(unsigned seconds, std::uint64_t how_many, std::uint64_t seed)
      : end_(clock_type::now() + std::chrono::seconds(seconds)), how_many_(how_many), seed_(seed) {
    log_.add_sink([this](const event& e) { see(e); });
    pool_environment around;
    around.events = &log_;
    around.keeper = &keeper_;
    around.tasks = &tasks().registry;
    around.path = "/stress";
    pool_spec spec;
    spec.size.workers = 2;
    spec.size.max_workers = 4;
    spec.limits.attempts = 1;
    if (on_processes) {
      spec.restarts.recycle_after = 20'000;
      spec.limits.deadline = deadline;
    }
    spec.restarts.worker_restarts.restarts = 1'000'000;
    spec.limits.start_within = milliseconds(60'000);
    spec.limits.heartbeat = milliseconds(60'000);
    spec.limits.grace = milliseconds(10'000);
    pool_.emplace(around, "stress", spec);
  }

  bool run() {
    if (const auto why = pool_->start()) return std::printf("it did not start: %s\n", describe(*why).c_str()), false;
    std::vector<std::thread> all;
    for (int priority = 0; priority < 3; ++priority) all.emplace_back([this, priority] { map_on(priority); });
    all.emplace_back([this] { submit_on(); });
    all.emplace_back([this] { disturb(); });
    for (auto& one : all) one.join();
    const auto s = pool_->stats();
    pool_->stop(true);
    std::printf(
        "outcomes %llu: ok %llu, thrown %llu, killed their worker %llu, late %llu, cancelled %llu, died with a worker "
        "%llu, WRONG "
        "%llu\n%llu maps, %llu singles; %llu kills, %llu resizes, %llu stops; taken back %llu, recycled %llu, "
        "restarts %llu, crashes %llu\n",
        n(told_.outcomes()), n(told_.ok), n(told_.thrown), n(told_.killed_itself), n(told_.late), n(told_.cancelled),
        n(told_.innocent), n(told_.wrong), n(told_.maps), n(told_.singles), n(told_.kills), n(told_.resizes),
        n(told_.stops), n(s.taken_back), n(s.recycled), n(s.restarts), n(told_.crashes));
    if (told_.innocent > told_.kills) complain("more was lost than workers were killed");
    if (s.gave_up) complain("the pool gave up");
    return told_.wrong == 0;
  }

private:
  static unsigned long long n(std::uint64_t x) { return x; }
  static constexpr bool on_processes = std::is_same_v<Pool, process_pool>;

  bool goes_on() const { return clock_type::now() < end_ || told_.outcomes() < how_many_; }

  void complain(const std::string& what) {
    if (++told_.wrong <= 20) std::printf("WRONG: %s\n", what.c_str());
  }

  void see(const event& e) {
    if (e.kind == event_kind::give_up) complain("give up: " + (e.why ? describe(*e.why) : ""));
    if (e.kind != event_kind::crash || !e.why) return;
    ++told_.crashes;
    const bool killed = e.why->cls == cause_class::signal && e.why->signal == SIGKILL;
    if (!killed && e.why->cls != cause_class::deadline) complain("a worker is accused: " + describe(*e.why));
  }

  struct input {
    std::int64_t number = 0;
    std::int32_t what = just_run;
  };
  input next(std::mt19937_64& random) {
    input one{numbers_.fetch_add(1), just_run};
    runs[static_cast<std::uint64_t>(one.number) % places] = 0;
    const auto dice = random() % 100'000;
    if (dice < 2'000) one.what = sleep_a_little;
    if (dice >= 3'000 && dice < 3'050) one.what = throw_it;
    if (dice >= 4'000 && dice < 4'002 && on_processes) one.what = kill_the_worker;
    if (random() % 500'000 == 0 && on_processes) one.what = never_end;
    return one;
  }

  void check(const input& one, const outcome<std::int64_t>& got, bool may_be_cancelled) {
    const unsigned ran = runs[static_cast<std::uint64_t>(one.number) % places].load();
    const auto text = [&] {
      return "input " + std::to_string(one.number) + ", to do " + std::to_string(one.what) + ", ran " +
             std::to_string(ran) + " times: " + (got.ok() ? "a value" : describe(got.error()));
    };
    if (ran > 1) return complain(text());
    if (got.ok()) {
      const bool right = got.value() == one.number * 3 + 1 && one.what <= sleep_a_little && ran == 1;
      return right ? void(++told_.ok) : complain(text());
    }
    switch (got.error().kind) {
      case outcome_kind::exception:
        return one.what == throw_it && ran == 1 ? void(++told_.thrown) : complain(text());
      case outcome_kind::deadline:
        return one.what == never_end && ran == 1 ? void(++told_.late) : complain(text());
      case outcome_kind::quarantined:
        if (one.what == kill_the_worker && ran == 1) return void(++told_.killed_itself);
        return on_processes ? void(++told_.innocent) : complain(text());
      case outcome_kind::cancelled:
        return may_be_cancelled ? void(++told_.cancelled) : complain(text());
      default:
        return complain(text());
    }
  }

  void map_on(int priority) {
    std::mt19937_64 random(seed_ + static_cast<std::uint64_t>(priority));
    while (goes_on()) {
      std::vector<input> inputs(1 + random() % (priority == 0 ? 6'000 : 200));
      std::vector<std::tuple<std::int64_t, std::int32_t>> args;
      for (auto& one : inputs) {
        one = next(random);
        args.emplace_back(one.number, one.what);
      }
      map_options options;
      options.priority = priority;
      // Mostly of a size at which chunks are taken back often.
      options.chunk = priority == 0 ? 20 : 10;
      if (random() % 3 == 0) options.chunk = static_cast<unsigned>(random() % 40);
      if (random() % 4 == 0) options.chunk = 1;  // in batches, on threads
      const bool limited = random() % 5 == 0;
      if (limited) options.within = milliseconds(1 + random() % 20);
      const bool stoppable = random() % 3 == 0;
      if (stoppable) {
        std::stop_source source;
        options.stop = source.get_token();
        const std::lock_guard lock(mutex_);
        sources_.push_back(std::move(source));
      }
      const auto got = pool_->map_outcomes(tasks().work, args, options);
      for (std::size_t i = 0; i < inputs.size(); ++i)
        check(inputs[i], got[i], limited || options.stop.stop_requested());
      ++told_.maps;
      if (priority > 0) ::usleep(static_cast<unsigned>(random() % 1'000));
    }
  }

  void submit_on() {
    std::mt19937_64 random(seed_ + 10);
    while (goes_on()) {
      std::vector<std::pair<input, task_future<std::int64_t>>> open;
      std::vector<bool> cancelled(1 + random() % 60);
      for (std::size_t i = 0; i < cancelled.size(); ++i) {
        const auto one = next(random);
        submit_options options;
        options.priority = static_cast<int>(random() % 4);
        open.emplace_back(one, pool_->submit_with(options, tasks().work, one.number, one.what));
        if (random() % 10 == 0) {
          const auto which = random() % open.size();
          open[which].second.cancel();
          cancelled[which] = true;
        }
      }
      for (std::size_t i = 0; i < open.size(); ++i) check(open[i].first, open[i].second.get(), cancelled[i]);
      told_.singles += open.size();
      ::usleep(static_cast<unsigned>(random() % 2'000));
    }
  }

  void disturb() {
    std::mt19937_64 random(seed_ + 20);
    while (goes_on()) {
      ::usleep(static_cast<unsigned>(random() % 20'000));
      const auto dice = random() % 10;
      if (dice < 4) {
        const std::lock_guard lock(mutex_);
        for (auto& one : sources_) told_.stops += one.request_stop() ? 1U : 0U;
        sources_.clear();
      } else if (dice < 7) {
        const auto least = static_cast<unsigned>(1 + random() % 2);
        pool_->resize(least, least + static_cast<unsigned>(random() % 3));
        ++told_.resizes;
      } else if (on_processes && now_ms() > endless_since_ms->load() + 2 * deadline.count()) {
        const auto each = pool_->stats().each;
        if (!each.empty()) kill_worker(each[random() % each.size()].pid);
      }
    }
  }

  /// Whatever the pool says of its workers, only a child of our zygote is killed.
  void kill_worker(int pid) {
    if (pid <= 0) return;
    const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (fd < 0) return;
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) {
      const auto parent = std::to_string(process::zygote_pid());
      if (line != "PPid:\t" + parent && line != "PPid:\t" + std::to_string(::getpid())) continue;
      // Counted first: what follows from it may be seen at once.
      ++told_.kills;
      if (::syscall(SYS_pidfd_send_signal, fd, SIGKILL, nullptr, 0) != 0) --told_.kills;
    }
    ::close(fd);
  }

  clock_type::time_point end_;
  std::uint64_t how_many_;
  std::uint64_t seed_;
  event_log log_{"stress"};
  process::keeper keeper_;
  std::optional<Pool> pool_;
  tally told_;
  std::atomic<std::int64_t> numbers_{1};
  std::mutex mutex_;
  std::vector<std::stop_source> sources_;
};

}  // namespace

int main(int argc, char** argv) {
  void* shared =
      ::mmap(nullptr, places + sizeof(*endless_since_ms), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 1;
  runs = static_cast<std::atomic<std::uint8_t>*>(shared);
  endless_since_ms = reinterpret_cast<std::atomic<std::int64_t>*>(runs + places);
  pooling::register_pool_worker(tasks().registry);
  if (process::is_spawned_child(argc, argv)) return process::run_spawned_child(argc, argv);
  process::start_zygote();
  unsigned seconds = 10;
  std::uint64_t how_many = 0;
  std::uint64_t seed = std::random_device{}();
  if (const char* told = std::getenv("STEWARD_STRESS_SECONDS")) seconds = static_cast<unsigned>(std::atoi(told));
  const std::string_view on = argc > 1 ? argv[1] : "";
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string_view option = argv[i];
    const auto value = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--seconds") seconds = static_cast<unsigned>(value);
    if (option == "--tasks") how_many = value;
    if (option == "--seed") seed = value;
  }
  std::printf("on %s, seed %llu\n", argc > 1 ? argv[1] : "nothing", static_cast<unsigned long long>(seed));
  bool sound = false;
  if (on == "processes") sound = stress<process_pool>(seconds, how_many, seed).run();
  if (on == "threads") sound = stress<thread_pool>(seconds, how_many, seed).run();
  process::stop_zygote();
  return sound ? 0 : 1;
}
