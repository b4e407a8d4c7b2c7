// Cap'n Proto's round trip to another process, over a socketpair: the same question as in bench_process_actor.
//
//   bench_process_actor_capnp [ROUNDS]
#include "process_actor.capnp.h"

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

class adder final : public Adder::Server {
  kj::Promise<void> add(AddContext context) override {
    sum_ += context.getParams().getN();
    context.getResults().setSum(sum_);
    return kj::READY_NOW;
  }
  std::int64_t sum_ = 0;
};

[[noreturn]] void serve(int fd) {
  auto io = kj::setupAsyncIo();
  capnp::TwoPartyServer server{kj::heap<adder>()};
  server.accept(io.lowLevelProvider->wrapSocketFd(fd));
  server.drain().wait(io.waitScope);  // until the other end is closed
  ::_exit(0);
}

double round_trip_us(int n) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) std::exit(1);
  const auto child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    serve(ends[1]);
  }
  ::close(ends[1]);
  double out = 0;
  {
    auto io = kj::setupAsyncIo();
    auto stream = io.lowLevelProvider->wrapSocketFd(ends[0], kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP);
    capnp::TwoPartyClient client{*stream};
    auto who = client.bootstrap().castAs<Adder>();
    std::int64_t sum = 0;
    const auto ask = [&] {
      auto request = who.addRequest();
      request.setN(1);
      sum = request.send().wait(io.waitScope).getSum();
    };
    for (int i = 0; i < 100; ++i) ask();
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < n; ++i) ask();
    out = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count() / n;
    if (sum != n + 100) std::exit(1);
  }
  ::waitpid(child, nullptr, 0);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
  std::vector<double> all;
  for (int i = 0; i < rounds; ++i) all.push_back(round_trip_us(5'000));
  std::sort(all.begin(), all.end());
  std::printf("round_trip.capnp_us %.1f\n", all[all.size() / 2]);
}
