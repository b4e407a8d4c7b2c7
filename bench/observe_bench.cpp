// What it costs that a run is looked into: the control API, the store and the sampler, each by itself and all together,
// beside the same tree without any of them. Read the ratios.
//
//   bench_observe [ROUNDS] [DIRECTORY]     where the store writes; a folder below the temporary one when none is named
//
// Messages: how many a second one thread gets through a supervised actor, while another one tells of 10,000 events a
// second, or of none. Processor time: of the whole process, at 10,000 events a second and without messages.
#include "bench/made_events.hpp"
#include "bench/supervision_common.hpp"
#include "store/writer.hpp"
#include "supervision/sampler.hpp"

#include <steward/control.hpp>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace bench;
using namespace std::chrono_literals;

struct mode {
  const char* name;
  bool control = false;
  bool store = false;
  bool sampler = false;
};

constexpr mode modes[] = {
    {"off"},
    {"control", true, false, false},
    {"store", false, true, false},
    {"sampler", true, false, true},
    {"all", true, true, true},
};
constexpr std::size_t mode_count = std::size(modes);

/// A tree of one actor whose messages are counted and of a hundred others, with what looks into it.
class looked_into {
public:
  looked_into(const mode& how, const std::string& directory) {
    actors_.add<victim>("victim");
    runtime_.emplace(log_, tasks_, actors_);
    supervisor_spec spec;
    for (int i = 0; i < 101; ++i) {
      child_spec one;
      one.id = "a" + std::to_string(i);
      one.what = actor_spec{"victim", {}};
      spec.children.push_back(std::move(one));
    }
    tree_.emplace(*runtime_, std::move(spec));
    if (how.store) {
      store::writer_options options;
      options.directory = directory;
      options.run = log_.run_id();
      options.keep.max_bytes = std::uint64_t{8} << 30U;
      options.on_problem = [](const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); };
      store_ = std::make_unique<store::writer>(std::move(options));
      log_.add_sink([this](const event& e) { store_->write(e); });
    }
    if (how.control) {
      control_options options;
      options.name = "bench";
      options.folder = directory + ".run";
      control_.emplace(log_, *tree_, std::move(options));
    }
    if (how.sampler) {
      sampler_.emplace(*tree_, sampler::every, [this](const sample& x) {
        if (control_) control_->take(x);
        if (store_) store_->write(x);
      });
    }
    if (!tree_->start()) std::abort();
  }
  ~looked_into() {
    sampler_.reset();
    control_.reset();
    tree_->stop();
  }
  looked_into(const looked_into&) = delete;
  looked_into& operator=(const looked_into&) = delete;

  event_log& log() { return log_; }

  /// A second, for so long, while `events` a second are told.
  double messages(std::chrono::milliseconds how_long, int events) {
    std::atomic<bool> over{false};
    std::thread teller{[&] { tell_paced(log_, events, over); }};
    const auto target = tree_->actor("/root/a0");
    caller ask{runtime_->system()};
    constexpr int burst = 2'000;
    std::uint64_t sent = 0;
    const auto begin = clock_type::now();
    while (clock_type::now() - begin < how_long) {
      for (int i = 0; i < burst; ++i) caf::anon_send(target, caf::add_atom_v, std::int64_t{1});
      if (!ask.request<std::int64_t>(target, 20s, caf::get_atom_v)) std::abort();
      sent += burst + 1;
    }
    const auto took = seconds_since(begin);
    over = true;
    teller.join();
    return static_cast<double>(sent) / took;
  }

  /// Share of one processor.
  double processor(std::chrono::milliseconds how_long, int events) {
    std::atomic<bool> over{false};
    const auto before = cpu_seconds();
    const auto begin = clock_type::now();
    std::thread teller{[&] { tell_paced(log_, events, over); }};
    std::this_thread::sleep_for(how_long);
    over = true;
    teller.join();
    return (cpu_seconds() - before) / seconds_since(begin);
  }

  /// Nanoseconds that whoever tells of an event is held up.
  double event_ns() { return made_events::emit_paced(log_, 40); }

private:
  static void tell_paced(event_log& log, int a_second, const std::atomic<bool>& over) {
    const int burst = a_second / 1'000;
    auto due = clock_type::now();
    std::uint64_t n = 0;
    while (!over) {
      for (int i = 0; i < burst; ++i) log.emit(made_events::made(n++));
      due += 1ms;
      std::this_thread::sleep_until(due);
    }
  }

  task_registry tasks_;
  actor_registry actors_;
  std::unique_ptr<store::writer> store_;  // the log calls it to the end
  event_log log_;
  std::optional<runtime> runtime_;
  std::optional<supervisor> tree_;
  std::optional<control> control_;
  std::optional<sampler> sampler_;
};

double median(std::vector<double> all) {
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

/// Measures all modes in turns, in another order each time, and prints each beside the first.
template <class F>
void compare(const std::string& title, const std::string& unit, int rounds, const std::string& directory, bool ratios,
             F measure) {
  std::vector<std::vector<double>> found(mode_count);
  std::vector<std::vector<double>> beside_off(mode_count);
  std::mt19937 random{1};
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::size_t> order(mode_count);
    for (std::size_t i = 0; i < mode_count; ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    for (const auto i : order) {
      looked_into tree{modes[i], directory};
      found[i].push_back(measure(tree));
    }
    for (std::size_t i = 0; i < mode_count; ++i)
      beside_off[i].push_back(ratios ? found[i].back() / found[0].back() : found[i].back() - found[0].back());
  }
  std::printf("%s (medians of %d rounds)\n", title.c_str(), rounds);
  for (std::size_t i = 0; i < mode_count; ++i)
    std::printf("  %-8s %12.4g %s   %s%.3f\n", modes[i].name, median(found[i]), unit.c_str(), ratios ? "x " : "+ ",
                median(beside_off[i]));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 9;
  const auto own = std::filesystem::temp_directory_path() / ("steward_bench_observe." + std::to_string(::getpid()));
  const std::string directory = argc > 2 ? argv[2] : own.string();
  std::filesystem::create_directory(directory + ".run");
  std::filesystem::permissions(directory + ".run", std::filesystem::perms::owner_all);
  const auto of = [&](const char* title, const char* unit, bool ratios, auto f) {
    compare(title, unit, rounds, directory, ratios, f);
  };
  of("messages through an actor, no events", "/s", true, [](looked_into& x) { return x.messages(400ms, 0); });
  of("messages through an actor, 10,000 events a second", "/s", true,
     [](looked_into& x) { return x.messages(1'000ms, 10'000); });
  of("whoever tells of an event", "ns", false, [](looked_into& x) { return x.event_ns(); });
  of("processor time, 10,000 events a second, of one core", "", false,
     [](looked_into& x) { return x.processor(1'500ms, 10'000); });
  of("processor time, no events, of one core", "", false, [](looked_into& x) { return x.processor(1'500ms, 0); });
  std::filesystem::remove_all(directory + ".run");
  if (argc <= 2) std::filesystem::remove_all(directory);
}
