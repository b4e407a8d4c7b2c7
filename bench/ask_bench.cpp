// What a task in a worker process pays to ask an actor of the tree: one question after the other, and of large ones.
#include <steward/app.hpp>
#include <steward/messages.hpp>
#include <steward/task_actors.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

struct echo_state {
  explicit echo_state(steward::self_ptr) {}
  caf::behavior make_behavior() {
    return {
        [](caf::get_atom, std::int64_t n) { return n; },
        [](caf::get_atom, const std::string& text) { return static_cast<std::int64_t>(text.size()); },
    };
  }
};

/// Microseconds of each of `times` questions, sorted.
std::vector<double> ask(const steward::task_context& context, std::int64_t times, std::int64_t size) {
  std::vector<double> out;
  const std::string text(static_cast<std::size_t>(size), 'x');
  for (std::int64_t i = 0; i < times; ++i) {
    const auto before = clock_type::now();
    if (size == 0)
      steward::ask<std::int64_t>(context, "echo", 10s, caf::get_atom::value, i).value();
    else
      steward::ask<std::int64_t>(context, "echo", 10s, caf::get_atom::value, text).value();
    out.push_back(std::chrono::duration<double, std::micro>(clock_type::now() - before).count());
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string ask_for(const steward::task_context& context, std::int64_t times, std::int64_t size) {
  const auto all = ask(context, times, size);
  double sum = 0;
  for (const double one : all) sum += one;
  char line[200];
  std::snprintf(line, sizeof line, "%8lld questions of %8lld bytes: mean %8.1f us, p50 %8.1f us, p99 %8.1f us",
                static_cast<long long>(times), static_cast<long long>(size), sum / static_cast<double>(all.size()),
                all[all.size() / 2], all[all.size() * 99 / 100]);
  return line;
}

steward::supervisor_spec tree_of_two() {
  steward::child_spec echo;
  echo.id = "echo";
  echo.what = steward::actor_spec{"echo", {}};
  steward::pool_spec asks;
  asks.task = "ask_for";
  asks.limits.deadline = steward::milliseconds{0};
  asks.size.workers = 1;
  asks.actors = {"echo"};
  steward::child_spec askers;
  askers.id = "askers";
  askers.what = asks;
  steward::supervisor_spec out;
  out.children = {echo, askers};
  return out;
}

int measure(steward::runtime& rt, const steward::task_registry& tasks) {
  steward::supervisor tree{rt, tree_of_two()};
  if (!tree.start().ok) return 1;
  const auto pool = tree.pool_at("/root/askers");
  const auto& entry = *tasks.find("ask_for");
  for (const auto& [times, size] : {std::pair{"200", "0"}, {"30000", "0"}, {"10000", "1000"}, {"100", "10000000"}}) {
    steward::bytes args;
    const std::vector<std::string> texts{times, size};
    if (entry.parse(texts, args)) return 1;
    const auto all = pool->map(entry, {args});
    if (!all.front().ok()) {
      std::fprintf(stderr, "%s\n", steward::describe(all.front().error()).c_str());
      return 1;
    }
    steward::byte_reader in(all.front().value());
    std::puts(steward::codec<std::string>::decode(in).c_str());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  steward::app app;
  app.task("ask_for", ask_for);
  app.actor<echo_state>("echo");
  steward::runtime_options options;
  options.actor_links = true;
  return app.run(
      argc, argv, [&](steward::runtime& rt) { return measure(rt, app.tasks()); }, options);
}
