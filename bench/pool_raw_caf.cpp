// CAF's own actor_pool on two threads, one round: squares asked one by one and in ranges, by an actor that keeps a
// window of requests open. bench/pools.py runs it beside the pool of threads.
#include "pool_json.hpp"

#include <caf/actor_pool.hpp>
#include <caf/all.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <vector>

namespace {

using numbers = std::vector<std::int64_t>;

caf::behavior squarer() {
  return {[](std::int64_t n) { return n * n; },
          [](const numbers& inputs) {
            numbers results;
            results.reserve(inputs.size());
            for (const auto n : inputs) results.push_back(n * n);
            return results;
          }};
}

struct plan {
  caf::actor pool;
  caf::actor whom;
  const numbers* inputs = nullptr;
  numbers* results = nullptr;
  std::size_t chunk = 1;
  std::size_t window = 1;
};

struct asker_state {
  plan what;
  std::size_t asked = 0;
  std::size_t answered = 0;
};

void ask_next(caf::stateful_actor<asker_state>* self) {
  auto& state = self->state;
  const auto& inputs = *state.what.inputs;
  if (state.asked == inputs.size()) return;
  const auto first = state.asked;
  const auto count = std::min(state.what.chunk, inputs.size() - first);
  state.asked += count;
  const auto after = [self](std::size_t done) {
    self->state.answered += done;
    if (self->state.answered == self->state.what.inputs->size()) {
      self->send(self->state.what.whom, caf::ok_atom_v);
    } else {
      ask_next(self);
    }
  };
  if (state.what.chunk == 1) {
    self->request(state.what.pool, caf::infinite, inputs[first]).then([self, first, after](std::int64_t result) {
      (*self->state.what.results)[first] = result;
      after(1);
    });
    return;
  }
  const auto from = inputs.begin() + static_cast<std::ptrdiff_t>(first);
  numbers part(from, from + static_cast<std::ptrdiff_t>(count));
  self->request(state.what.pool, caf::infinite, std::move(part)).then([self, first, after](const numbers& results) {
    std::copy(results.begin(), results.end(), self->state.what.results->begin() + static_cast<std::ptrdiff_t>(first));
    after(results.size());
  });
}

caf::behavior asker(caf::stateful_actor<asker_state>* self, plan what) {
  self->state.what = std::move(what);
  return {[self](caf::ok_atom) {
    for (std::size_t i = 0; i < self->state.what.window; ++i) ask_next(self);
  }};
}

double rate(caf::actor_system& system, const numbers& inputs, std::size_t chunk, std::size_t window) {
  caf::scoped_actor self(system);
  const auto pool = caf::actor_pool::make(
      system.dummy_execution_unit(), 2, [&] { return system.spawn(squarer); }, caf::actor_pool::round_robin());
  numbers results;
  const double took = pool_bench::timed([&] {
    results.resize(inputs.size());
    const auto driver =
        system.spawn(asker, plan{pool, caf::actor_cast<caf::actor>(self), &inputs, &results, chunk, window});
    self->send(driver, caf::ok_atom_v);
    self->receive([](caf::ok_atom) {});
    self->send_exit(driver, caf::exit_reason::user_shutdown);
  });
  self->send_exit(pool, caf::exit_reason::user_shutdown);
  if (results.back() != inputs.back() * inputs.back()) std::abort();
  return static_cast<double>(inputs.size()) / took;
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  caf::actor_system_config config;
  config.set("scheduler.max-threads", std::size_t{2});
  caf::actor_system system(config);
  numbers inputs(quick ? 1'000'000 : 10'000'000);
  std::iota(inputs.begin(), inputs.end(), 1);
  const numbers few(inputs.begin(), inputs.begin() + (quick ? 100'000 : 1'000'000));
  pool_bench::figure("thread_single", "CAF actor_pool", rate(system, few, 1, 1'000));
  const numbers million(inputs.begin(), inputs.begin() + 1'000'000);
  pool_bench::figure("thread_auto_1e6", "CAF actor_pool", rate(system, million, 10'000, 8));
  pool_bench::figure("thread_auto_1e7", "CAF actor_pool", rate(system, inputs, 10'000, 8));
  return 0;
}
