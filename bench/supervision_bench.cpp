// Supervision in figures: restarts, starts, stops, memory, messages and administration, ours and the same on raw CAF.
// One process measures one figure of one side, so that memory and allocators start alike; supervision_vs_otp.py runs
// them in turns, and OTP's beside them.
//
// usage: bench_supervision ours|raw FIGURE [COUNT]
#include "supervision_common.hpp"
#include "supervision_raw.hpp"

#include <steward/caller.hpp>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using namespace bench;

constexpr milliseconds pace{2};
constexpr milliseconds a_minute{60'000};
constexpr std::int64_t queued_behind = 10'000;

/// A runtime with the bench's actors, and one tree.
struct program {
  task_registry tasks;
  actor_registry actors;
  event_log events;
  std::unique_ptr<runtime> rt;
  std::unique_ptr<supervisor> tree;

  program() {
    actors.add<victim>("victim");
    actors.add<spinner>("spinner");
    actors.add<lemon>("lemon");
    actors.add<asker>("asker");
    runtime_options options;
    options.threads = thread_count();
    rt = std::make_unique<runtime>(events, tasks, actors, options);
  }

  void start(supervisor_spec spec) {
    tree = std::make_unique<supervisor>(*rt, std::move(spec));
    const auto how = tree->start();
    if (how.ok) return;
    std::fprintf(stderr, "%s did not start: %s\n", how.failed_child.c_str(), how.why.message.c_str());
    std::exit(1);
  }
};

child_spec child_of(const char* id, const char* type) {
  child_spec out;
  out.id = id;
  out.backoff = backoff_spec{milliseconds{0}, milliseconds{0}, 1.0, 0.0, milliseconds{1'000}};
  out.what = actor_spec{type, {}};
  return out;
}

supervisor_spec tree_of(std::vector<child_spec> children) {
  supervisor_spec out;
  out.intensity = intensity{1'000'000, milliseconds{1'000}};
  out.children = std::move(children);
  return out;
}

supervisor_spec dynamic_tree(unsigned initial) {
  auto out = tree_of({child_of("c", "victim")});
  out.strategy = strategy::simple_one_for_one;
  out.initial = initial;
  return out;
}

std::int64_t count_of(caf::scoped_actor& self, const caf::actor& child) {
  std::int64_t out = -1;
  port::ask(self.ptr(), child, caf::infinite, caf::get_atom::value)
      .receive([&](std::int64_t n) { out = n; }, [](caf::error&) {});
  return out;
}

// -- crash to the next answer ---------------------------------------------------------------------------------------

template <class F>
std::vector<double> timed(std::size_t times, milliseconds between, F&& f) {
  std::vector<double> micros;
  for (std::size_t i = 0; i < times; ++i) {
    const auto begun = clock_type::now();
    f();
    micros.push_back(seconds_since(begun) * 1e6);
    if (between.count() > 0) std::this_thread::sleep_for(between);
  }
  return micros;
}

void timed_by_actor(caf::actor_system& system, const std::string& name, const caf::actor& child, milliseconds between,
                    std::size_t times) {
  std::vector<double> micros;
  const auto driver = system.spawn([&](caf::stateful_actor<raw::holder<crash_timer>>* self) {
    self->state.state = std::make_unique<crash_timer>(self, crash_timer::order{child, false, between, times, &micros});
    return self->state.state->make_behavior();
  });
  port::send_anonymously(driver, caf::tick_atom::value);
  the_board.wait();
  caf::anon_send_exit(driver, caf::exit_reason::user_shutdown);
  percentiles(name, micros);
}

void latency_ours(std::size_t times) {
  program p;
  p.start(tree_of({child_of("victim", "victim")}));
  const auto child = p.tree->actor("/root/victim");
  caller outside{p.rt->system()};
  const auto once = [&] {
    port::send_anonymously(child, crash_atom::value);
    if (!outside.request<std::int64_t>(child, a_minute, caf::get_atom::value)) std::exit(1);
  };
  timed(times, milliseconds{0}, once);  // the first ones are slower
  percentiles("outside_paced", timed(times, pace, once));
  percentiles("outside_back_to_back", timed(times * 5, milliseconds{0}, once));
  timed_by_actor(p.rt->system(), "actor_paced", child, pace, times);
  timed_by_actor(p.rt->system(), "actor_back_to_back", child, milliseconds{0}, times * 5);
}

void latency_raw(std::size_t times) {
  raw::program p;
  {
    caf::scoped_actor self{*p.system};
    const auto boss = p.supervise(1, caf::actor_cast<caf::actor>(self));
    caf::actor child;
    const auto hear = [&] { self->receive([&](caf::put_atom, const caf::actor& x) { child = x; }); };
    hear();
    const auto once = [&] {
      port::send_anonymously(child, crash_atom::value);
      hear();
      count_of(self, child);
    };
    timed(times, milliseconds{0}, once);
    percentiles("outside_paced", timed(times, pace, once));
    percentiles("outside_back_to_back", timed(times * 5, milliseconds{0}, once));
    p.stop(boss);
  }
  const auto by_actor = [&](const std::string& name, milliseconds between, std::size_t n) {
    std::vector<double> micros;
    const auto driver = p.system->spawn([&](caf::stateful_actor<raw::holder<crash_timer>>* self) -> caf::behavior {
      self->state.state = std::make_unique<crash_timer>(self, crash_timer::order{{}, true, between, n + 1, &micros});
      return self->state.state->make_behavior();
    });
    const auto boss = p.supervise(1, driver);  // the first handle begins it
    the_board.wait();
    caf::anon_send_exit(driver, caf::exit_reason::user_shutdown);
    p.stop(boss);
    micros.erase(micros.begin());
    percentiles(name, micros);
  };
  by_actor("actor_paced", pace, times);
  by_actor("actor_back_to_back", milliseconds{0}, times * 5);
}

// -- restarts per second --------------------------------------------------------------------------------------------

void expect_crashes(std::size_t crashes, bool at_once) {
  the_board.stamped = true;
  the_board.crash_at_once = at_once;
  the_board.expect(crashes + 1);
}

/// A child that crashes as soon as it is up. `sinks`: somebody reads the events.
void restarts_ours(std::size_t crashes, bool sink) {
  program p;
  std::uint64_t events = 0;
  if (sink) p.events.add_sink([&events](const event&) { ++events; });
  expect_crashes(crashes, true);
  p.start(tree_of({child_of("victim", "victim")}));
  the_board.wait();
  restart_rates(sink ? "counted" : "quiet", crashes);
  p.tree.reset();
  if (sink) figure("counted.events_per_crash", static_cast<double>(events) / static_cast<double>(crashes));
}

void restarts_raw(std::size_t crashes) {
  raw::program p;
  expect_crashes(crashes, true);
  const auto boss = p.supervise(1);
  the_board.wait();
  restart_rates("quiet", crashes);
  p.stop(boss);
}

/// Requests that crash, one after the other; each answer tells the cause.
caf::actor crash_asker_in(caf::actor_system& system, crash_asker::order x) {
  return system.spawn([x = std::move(x)](caf::stateful_actor<raw::holder<crash_asker>>* self) {
    self->state.state = std::make_unique<crash_asker>(self, x);
    return self->state.state->make_behavior();
  });
}

void asked_ours(std::size_t crashes) {
  program p;
  p.start(tree_of({child_of("victim", "victim")}));
  const auto driver = crash_asker_in(p.rt->system(), {p.tree->actor("/root/victim"), false, crashes});
  const auto begun = clock_type::now();
  port::send_anonymously(driver, caf::tick_atom::value);
  the_board.wait();
  figure("asked.per_s", static_cast<double>(crashes) / seconds_since(begun));
  caf::anon_send_exit(driver, caf::exit_reason::user_shutdown);
}

void asked_raw(std::size_t crashes) {
  raw::program p;
  const auto driver = crash_asker_in(*p.system, {{}, true, crashes});
  const auto begun = clock_type::now();
  const auto boss = p.supervise(1, driver, true);  // the first handle begins it
  the_board.wait();
  figure("asked.per_s", static_cast<double>(crashes) / seconds_since(begun));
  caf::anon_send_exit(driver, caf::exit_reason::user_shutdown);
  p.stop(boss);
}

/// All crashes wait in the mailbox, and 10,000 messages behind them.
void queued_ours(std::size_t crashes) {
  program p;
  expect_crashes(crashes, false);
  p.start(tree_of({child_of("victim", "victim")}));
  const auto child = p.tree->actor("/root/victim");
  port::send_anonymously(child, caf::add_atom::value, victim::wait_at_gate);
  for (std::size_t i = 0; i < crashes; ++i) port::send_anonymously(child, crash_atom::value);
  for (std::int64_t i = 0; i < queued_behind; ++i) port::send_anonymously(child, caf::add_atom::value, std::int64_t{1});
  the_board.stamps.assign(1, clock_type::now());
  the_board.gate.release();
  the_board.wait();
  restart_rates("queued", crashes);
  caf::scoped_actor self{p.rt->system()};
  figure("queued.lost", static_cast<double>(queued_behind - count_of(self, child)));
}

// -- many children --------------------------------------------------------------------------------------------------

std::string named(std::size_t n, const char* what) { return "n" + std::to_string(n) + "." + what; }

void settle() { std::this_thread::sleep_for(milliseconds{50}); }

void children_ours(std::size_t n) {
  program p;
  p.start(dynamic_tree(1));  // what only the first costs
  p.tree.reset();
  const auto memory = rss_bytes();
  the_board.expect(n);
  auto begun = clock_type::now();
  p.start(dynamic_tree(static_cast<unsigned>(n)));
  figure(named(n, "start_s"), seconds_since(begun));
  the_board.wait();
  settle();
  figure(named(n, "bytes_each"), (rss_bytes() - memory) / static_cast<double>(n));
  std::vector<caf::actor> handles;
  auto all = p.tree->which_children("/root");
  for (auto& child : *all) handles.push_back(std::move(child.handle));
  all.reset();
  the_board.expect(n);
  begun = clock_type::now();
  for (const auto& child : handles) port::send_anonymously(child, crash_atom::value);
  the_board.wait();
  figure(named(n, "all_up_again_s"), seconds_since(begun));
  handles.clear();
  settle();
  begun = clock_type::now();
  p.tree->stop();
  figure(named(n, "stop_s"), seconds_since(begun));
}

void children_raw(std::size_t n) {
  raw::program p;
  the_board.expect(1);
  auto boss = p.supervise(1);
  the_board.wait();
  p.stop(boss);
  const auto memory = rss_bytes();
  the_board.expect(n);
  auto begun = clock_type::now();
  boss = p.supervise(static_cast<std::int64_t>(n));
  the_board.wait();
  figure(named(n, "start_s"), seconds_since(begun));
  settle();
  figure(named(n, "bytes_each"), (rss_bytes() - memory) / static_cast<double>(n));
  the_board.expect(n);
  begun = clock_type::now();
  port::send_anonymously(boss, crash_atom::value);
  the_board.wait();
  figure(named(n, "all_up_again_s"), seconds_since(begun));
  settle();
  begun = clock_type::now();
  p.stop(boss);
  figure(named(n, "stop_s"), seconds_since(begun));
}

/// One call of the public API after the other, each waits until its child is ready.
void start_child_ours(std::size_t n) {
  program p;
  p.start(dynamic_tree(0));
  const auto begun = clock_type::now();
  for (std::size_t i = 0; i < n; ++i)
    if (!p.tree->start_child("/root", param_map{})) std::exit(1);
  figure(named(n, "start_child_each_us"), seconds_since(begun) * 1e6 / static_cast<double>(n));
}

/// The same by one request.
void start_children_ours(std::size_t n) {
  program p;
  p.start(dynamic_tree(0));
  const auto begun = clock_type::now();
  if (p.tree->start_children("/root", n).started != n) std::exit(1);
  figure(named(n, "start_children_s"), seconds_since(begun));
}

/// Children that the spec lists: each starts when the one before is ready, and they stop in reverse order.
void listed_ours(std::size_t n) {
  program p;
  std::vector<child_spec> children;
  for (std::size_t i = 0; i < n; ++i) children.push_back(child_of(("c" + std::to_string(i)).c_str(), "victim"));
  auto begun = clock_type::now();
  p.start(tree_of(std::move(children)));
  figure(named(n, "listed_start_s"), seconds_since(begun));
  settle();
  begun = clock_type::now();
  p.tree->stop();
  figure(named(n, "listed_stop_s"), seconds_since(begun));
}

// -- messages -------------------------------------------------------------------------------------------------------

double tells_per_second(caf::actor_system& system, const caf::actor& child, std::size_t n) {
  caf::scoped_actor self{system};
  const auto before = count_of(self, child);
  const auto begun = clock_type::now();
  for (std::size_t i = 0; i < n; ++i) port::send_anonymously(child, caf::add_atom::value, std::int64_t{1});
  const auto handled = count_of(self, child) - before;
  const double rate = static_cast<double>(n) / seconds_since(begun);
  if (handled != static_cast<std::int64_t>(n)) std::exit(1);
  return rate;
}

double asks_per_second(const caf::actor& from, const caf::actor& to, std::size_t n, milliseconds limit) {
  const auto begun = clock_type::now();
  port::send_anonymously(from, caf::put_atom::value, to, static_cast<std::int64_t>(n),
                         static_cast<std::int64_t>(limit.count()));
  the_board.wait();
  return static_cast<double>(n) / seconds_since(begun);
}

void messages_ours(std::size_t n) {
  program p;
  p.start(tree_of({child_of("asker", "asker"), child_of("victim", "victim")}));
  const auto asker = p.tree->actor("/root/asker");
  const auto child = p.tree->actor("/root/victim");
  asks_per_second(asker, child, n / 10, a_minute);
  tells_per_second(p.rt->system(), child, n);
  figure("tell.per_s", tells_per_second(p.rt->system(), child, n));
  figure("ask.per_s", asks_per_second(asker, child, n / 2, milliseconds{0}));
  figure("ask_within.per_s", asks_per_second(asker, child, n / 2, a_minute));
}

void messages_raw(std::size_t n) {
  raw::program p;
  const auto from = p.system->spawn(raw::hosted<asker>);
  const auto child = p.system->spawn(raw::hosted<victim>);
  asks_per_second(from, child, n / 10, milliseconds{0});
  tells_per_second(*p.system, child, n);
  figure("tell.per_s", tells_per_second(*p.system, child, n));
  figure("ask.per_s", asks_per_second(from, child, n / 2, milliseconds{0}));
  figure("ask_within.per_s", asks_per_second(from, child, n / 10, a_minute));
  for (const auto& x : {from, child}) caf::anon_send_exit(x, caf::exit_reason::kill);
}

/// What is left of a request after its answer while its deadline is a minute away.
void kept_ours(std::size_t n) {
  program p;
  p.start(tree_of({child_of("asker", "asker"), child_of("victim", "victim")}));
  const auto asker = p.tree->actor("/root/asker");
  const auto child = p.tree->actor("/root/victim");
  asks_per_second(asker, child, n / 10, a_minute);
  const auto memory = rss_bytes();
  asks_per_second(asker, child, n, a_minute);
  figure("bytes_kept_per_ask", (rss_bytes() - memory) / static_cast<double>(n));
}

void kept_raw(std::size_t n) {
  n /= 10;
  raw::program p;
  const auto from = p.system->spawn(raw::hosted<asker>);
  const auto child = p.system->spawn(raw::hosted<victim>);
  asks_per_second(from, child, n / 10, a_minute);
  const auto memory = rss_bytes();
  asks_per_second(from, child, n, a_minute);
  figure("bytes_kept_per_ask", (rss_bytes() - memory) / static_cast<double>(n));
  std::fflush(stdout);
  std::_Exit(0);  // CAF's end would wait for what it has kept
}

// -- administration under load --------------------------------------------------------------------------------------

void spin_ours(std::size_t times) {
  program p;
  std::vector<child_spec> children;
  for (std::size_t i = 0; i < thread_count(); ++i)
    children.push_back(child_of(("spinner" + std::to_string(i)).c_str(), "spinner"));
  p.start(tree_of(std::move(children)));
  the_board.spin = true;
  for (std::size_t i = 0; i < thread_count(); ++i)
    port::send_anonymously(p.tree->actor("/root/spinner" + std::to_string(i)), caf::tick_atom::value);
  while (the_board.answered < thread_count()) std::this_thread::yield();
  percentiles("which_children", timed(times, pace, [&] { std::ignore = p.tree->which_children("/root"); }));
  the_board.spin = false;
}

/// A child that crashes at every start, at its longest back-off of 100 ms.
void broken_ours(std::size_t tenths) {
  program p;
  auto broken = child_of("lemon", "lemon");
  broken.backoff = backoff_spec{milliseconds{10}, milliseconds{100}, 2.0, 0.2, milliseconds{30'000}};
  p.start(tree_of({broken}));
  std::this_thread::sleep_for(milliseconds{500});
  const auto starts = the_board.starts.load();
  const auto used = cpu_seconds();
  const auto begun = clock_type::now();
  percentiles("which_children",
              timed(tenths, milliseconds{100}, [&] { std::ignore = p.tree->which_children("/root"); }));
  const auto took = seconds_since(begun);
  figure("cpu_percent", (cpu_seconds() - used) / took * 100);
  figure("restarts_per_s", static_cast<double>(the_board.starts - starts) / took);
}

}  // namespace

int main(int argc, char** argv) {
  using measure = std::function<void(std::size_t)>;
  struct entry {
    measure ours;
    measure raw;
    std::size_t count;
  };
  const std::map<std::string, entry> figures{
      {"latency", {latency_ours, latency_raw, 400}},
      {"restarts", {[](std::size_t n) { restarts_ours(n, false); }, restarts_raw, 100'000}},
      {"asked", {asked_ours, asked_raw, 50'000}},
      {"restarts_counted", {[](std::size_t n) { restarts_ours(n, true); }, nullptr, 100'000}},
      {"queued", {queued_ours, nullptr, 100'000}},
      {"children", {children_ours, children_raw, 10'000}},
      {"start_child", {start_child_ours, nullptr, 10'000}},
      {"start_children", {start_children_ours, nullptr, 100'000}},
      {"listed", {listed_ours, nullptr, 10'000}},
      {"messages", {messages_ours, messages_raw, 1'000'000}},
      {"kept", {kept_ours, kept_raw, 1'000'000}},
      {"spin", {spin_ours, nullptr, 500}},
      {"broken", {broken_ours, nullptr, 30}},
  };
  const auto found = figures.find(argc > 2 ? argv[2] : "");
  const bool raw = argc > 1 && std::strcmp(argv[1], "raw") == 0;
  if (found == figures.end() || (!raw && std::strcmp(argv[1], "ours") != 0)) {
    std::fprintf(stderr, "usage: bench_supervision ours|raw FIGURE [COUNT]\nfigures:");
    for (const auto& [name, x] : figures) std::fprintf(stderr, " %s%s", name.c_str(), x.raw ? "" : " (ours)");
    std::fprintf(stderr, "\n");
    return 64;
  }
  const auto& run = raw ? found->second.raw : found->second.ours;
  if (run) run(argc > 3 ? std::strtoull(argv[3], nullptr, 10) : found->second.count);
}
