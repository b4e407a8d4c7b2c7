// What supervision costs: a million messages to a list in a supervised cell, and to the same list in a raw CAF actor,
// in turns in one run; then requests, with and without a deadline; then messages queued behind a crash, and the time
// from a crash to the next answer.
#include "actors/ready_made.hpp"
#include "actors/shared_list.hpp"

#include <steward/caller.hpp>
#include <steward/supervisor.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <vector>

namespace {

using namespace steward;
using clock_type = std::chrono::steady_clock;

constexpr int default_rounds = 15;
constexpr int messages = 1'000'000;
constexpr milliseconds limit{120'000};

double seconds_since(clock_type::time_point start) {
  return std::chrono::duration<double>(clock_type::now() - start).count();
}

/// The same list as the ready-made one, as a plain CAF actor.
caf::behavior raw_list(caf::event_based_actor*) {
  auto numbers = std::make_shared<std::deque<std::int64_t>>();
  return {
      [numbers](caf::add_atom, std::int64_t n) { numbers->push_back(n); },
      [numbers](remove_atom) -> caf::result<std::int64_t> {
        if (numbers->empty()) return caf::make_error(errc::empty);
        const auto first = numbers->front();
        numbers->pop_front();
        return first;
      },
      [numbers](size_atom) { return static_cast<std::uint64_t>(numbers->size()); },
  };
}

std::uint64_t size_of(caf::actor_system& system, const caf::actor& list) {
  caf::scoped_actor self{system};
  std::uint64_t out = 0;
  port::ask(self.ptr(), list, limit, size_atom::value).receive([&](std::uint64_t n) { out = n; }, [](caf::error&) {});
  return out;
}

/// Messages per second, from the first send until the last was handled.
double fill(caf::actor_system& system, const caf::actor& list) {
  const auto start = clock_type::now();
  for (std::int64_t i = 0; i < messages; ++i) port::send_anonymously(list, caf::add_atom::value, i);
  const auto n = size_of(system, list);
  const double rate = messages / seconds_since(start);
  if (n != messages) std::printf("LOST: %llu of %d messages arrived\n", static_cast<unsigned long long>(n), messages);
  return rate;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(static_cast<double>(values.size() - 1) * share)];
}

supervisor_spec one(const char* type, param_map params) {
  supervisor_spec tree;
  tree.intensity = intensity{1'000'000, milliseconds{1'000}};
  child_spec child;
  child.id = "list";
  child.backoff = backoff_spec{milliseconds{0}, milliseconds{0}, 1.0, 0.0, milliseconds{1'000}};
  child.what = actor_spec{type, std::move(params)};
  tree.children.push_back(child);
  return tree;
}

void throughput(runtime& rt, int rounds) {
  std::vector<double> raw;
  std::vector<double> cell;
  std::vector<double> ratios;
  for (int i = 0; i < rounds; ++i) {
    const auto measure_raw = [&] {
      auto list = rt.system().spawn(raw_list);
      raw.push_back(fill(rt.system(), list));
      caf::anon_send_exit(list, caf::exit_reason::user_shutdown);
    };
    const auto measure_cell = [&] {
      supervisor tree{rt, one("shared_list", {{"announce", {false}}})};
      if (!tree.start().ok) std::abort();
      cell.push_back(fill(rt.system(), tree.actor("/root/list")));
    };
    // Who comes first alternates: the second finds a warmer allocator.
    if (i % 2 == 0) {
      measure_raw();
      measure_cell();
    } else {
      measure_cell();
      measure_raw();
    }
    ratios.push_back(cell.back() / raw.back());
  }
  std::printf("1,000,000 messages to a list, %d rounds in turns\n", rounds);
  std::printf("  raw CAF actor    %.2f M msg/s (median)\n", median(raw) / 1e6);
  std::printf("  supervised cell  %.2f M msg/s (median)\n", median(cell) / 1e6);
  std::printf("  ratio            %.3f (of medians), %.3f (median of ratios)\n", median(cell) / median(raw),
              median(ratios));
}

constexpr int requests = 100'000;

/// Asks an actor `requests` times, one after the other, from within an actor, then answers who asked for that.
class asker {
public:
  asker(self_ptr self, milliseconds timeout) : self_(self), timeout_(timeout) {}
  explicit asker(self_ptr self) : asker(self, milliseconds{1'000}) {}
  caf::behavior make_behavior() {
    return {[this](caf::get_atom, const caf::actor& whom) {
      whom_ = whom;
      left_ = requests;
      done_ = self_->make_response_promise<bool>();
      next();
      return done_;
    }};
  }

private:
  void next() {
    if (left_-- == 0) {
      done_.deliver(true);
      return;
    }
    ask(self_, whom_, timeout_, size_atom::value).then([this](std::uint64_t) { next(); });
  }
  self_ptr self_;
  milliseconds timeout_;
  caf::actor whom_;
  int left_ = 0;
  caf::typed_response_promise<bool> done_;
};

double asks_per_second(caf::actor_system& system, const caf::actor& from, const caf::actor& whom) {
  caf::scoped_actor self{system};
  const auto start = clock_type::now();
  port::ask(self.ptr(), from, caf::infinite, caf::get_atom::value, whom)
      .receive([](bool) {}, [](caf::error& e) { std::printf("FAILED: %s\n", describe(e).c_str()); });
  return requests / seconds_since(start);
}

double raw_requests_per_second(caf::actor_system& system, const caf::actor& whom) {
  caf::scoped_actor self{system};
  const auto start = clock_type::now();
  for (int i = 0; i < requests; ++i)
    port::ask(self.ptr(), whom, caf::infinite, size_atom::value).receive([](std::uint64_t) {}, [](caf::error&) {});
  return requests / seconds_since(start);
}

double calls_per_second(caf::actor_system& system, const caf::actor& whom) {
  caller ask{system};
  const auto start = clock_type::now();
  for (int i = 0; i < requests; ++i)
    if (!ask.request<std::uint64_t>(whom, milliseconds{1'000}, size_atom::value)) std::printf("FAILED\n");
  return requests / seconds_since(start);
}

void asking(runtime& rt, int rounds) {
  auto& system = rt.system();
  auto tree_spec = one("shared_list", {{"announce", {false}}});
  auto by = tree_spec.children[0];
  by.id = "asker";
  by.what = actor_spec{"asker", {}};
  tree_spec.children.push_back(by);
  supervisor tree{rt, tree_spec};
  if (!tree.start().ok) std::abort();
  const auto cell = tree.actor("/root/list");
  const auto cell_asker = tree.actor("/root/asker");
  const auto raw = system.spawn(raw_list);
  const auto raw_asker = system.spawn([](caf::event_based_actor* self) {
    auto state = std::make_shared<asker>(self, infinity);
    self->attach_functor([state] {});  // lives as long as the actor
    return state->make_behavior();
  });
  std::vector<double> to_raw, to_cell, called, asked_raw, asked_cell, limited;
  for (int i = 0; i < rounds; ++i) {
    to_raw.push_back(raw_requests_per_second(system, raw));
    to_cell.push_back(raw_requests_per_second(system, cell));
    called.push_back(calls_per_second(system, cell));
    asked_raw.push_back(asks_per_second(system, raw_asker, raw));
    asked_cell.push_back(asks_per_second(system, raw_asker, cell));
    limited.push_back(asks_per_second(system, cell_asker, cell));
  }
  const auto line = [](const char* what, const std::vector<double>& x, const std::vector<double>& base) {
    std::printf("  %-52s %.0f k/s, ratio %.3f\n", what, median(x) / 1e3, median(x) / median(base));
  };
  std::printf("%d requests one after the other, %d rounds in turns\n", requests, rounds);
  line("from outside, raw to raw, no deadline", to_raw, to_raw);
  line("from outside, raw to a cell, no deadline", to_cell, to_raw);
  line("from outside, caller to a cell, deadline", called, to_raw);
  line("raw actor to raw actor, no deadline", asked_raw, asked_raw);
  line("raw actor to a cell, no deadline", asked_cell, asked_raw);
  line("cell to a cell, deadline", limited, asked_raw);
  for (const auto& x : {raw, raw_asker}) caf::anon_send_exit(x, caf::exit_reason::user_shutdown);
}

void behind_a_crash(runtime& rt) {
  supervisor tree{rt, one("shared_list", {{"announce", {false}}})};
  if (!tree.start().ok) std::abort();
  const auto list = tree.actor("/root/list");
  port::send_anonymously(list, crash_atom::value);
  for (std::int64_t i = 0; i < 100; ++i) port::send_anonymously(list, caf::add_atom::value, i);
  std::printf("100 messages queued behind a crash: %llu handled\n",
              static_cast<unsigned long long>(size_of(rt.system(), list)));

  std::vector<double> micros;
  for (int i = 0; i < 2'000; ++i) {
    const auto start = clock_type::now();
    port::send_anonymously(list, crash_atom::value);
    size_of(rt.system(), list);
    micros.push_back(seconds_since(start) * 1e6);
  }
  std::printf("crash to the next answer: p50 %.0f us, p99 %.0f us\n", percentile(micros, 0.5),
              percentile(micros, 0.99));
}

}  // namespace

int main(int argc, char** argv) {
  task_registry tasks;
  actor_registry actors;
  ready_made::register_all(tasks, actors);
  actors.add<asker>("asker");
  event_log events;
  runtime rt{events, tasks, actors};
  const int rounds = argc > 1 ? std::atoi(argv[1]) : default_rounds;
  throughput(rt, rounds);
  asking(rt, rounds);
  behind_a_crash(rt);
}
