// One figure of a benchmark as a line of JSON, for bench/pools.py, and the clock that they share.
#pragma once

#include <chrono>
#include <cstdio>
#include <string_view>

namespace pool_bench {

inline void figure(std::string_view measure, std::string_view peer, double value) {
  std::printf("{\"measure\": \"%.*s\", \"peer\": \"%.*s\", \"value\": %.9g}\n", static_cast<int>(measure.size()),
              measure.data(), static_cast<int>(peer.size()), peer.data(), value);
  std::fflush(stdout);
}

inline double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Seconds that `f` takes.
template <class F>
double timed(F&& f) {
  const double begun = now_s();
  f();
  return now_s() - begun;
}

}  // namespace pool_bench
