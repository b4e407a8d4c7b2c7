// A program of somebody else's: an actor, and a pool whose tasks run in processes of this program.

#include <steward/steward.hpp>

#include <cstdio>
#include <vector>

namespace {

using namespace std::chrono_literals;

std::int64_t square(std::int64_t n) { return n * n; }

struct tally {
  caf::behavior make_behavior() {
    return {[this](caf::add_atom, std::int64_t n) { return sum += n; }};
  }
  std::int64_t sum = 0;
};

}  // namespace

int main(int argc, char** argv) {
  steward::app app;
  const auto squares = app.task("square", square);
  return app.run(argc, argv, [&](steward::runtime& rt) {
    steward::supervisor tree{rt, {.children = {steward::child::actor<tally>("tally")}}};
    if (!tree.start()) return 1;
    steward::process_pool pool{rt.pools("/squares"), "squares", {.size = {.workers = 2}}};
    steward::caller ask{rt.system()};
    std::int64_t sum = 0;
    for (const auto n : pool.map(squares, std::vector<std::int64_t>{1, 2, 3}))
      sum = ask.request<std::int64_t>(tree.actor("/root/tally"), 5s, caf::add_atom::value, n).value();
    std::printf("%lld\n", static_cast<long long>(sum));
    return sum == 14 ? 0 : 1;
  });
}
