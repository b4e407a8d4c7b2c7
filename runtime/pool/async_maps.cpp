#include "process/room.hpp"
#include "steward/pool.hpp"

#include <algorithm>
#include <utility>

namespace steward::detail {

void async_maps::run(std::function<void()> f) {
  const std::lock_guard lock(mutex_);
  // A thread that is over is joined without a wait.
  for (auto at = all_.begin(); at != all_.end();) {
    if (!at->over) {
      ++at;
      continue;
    }
    at->thread.join();
    at = all_.erase(at);
  }
  std::list<one> made(1);
  const process::signals_blocked quiet;
  made.front().thread = std::thread([self = &made.front(), f = std::move(f)] {
    f();
    self->over = true;
  });
  all_.splice(all_.end(), made);
}

bool async_maps::any() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(all_.begin(), all_.end(), [](const one& x) { return !x.over; });
}

void async_maps::join() {
  std::list<one> all;
  {
    const std::lock_guard lock(mutex_);
    all.splice(all.end(), all_);
  }
  for (auto& x : all) x.thread.join();
}

}  // namespace steward::detail
