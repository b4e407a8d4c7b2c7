#include "cli/service_reporter.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace steward::cli {

namespace {

// How often the status is looked at. The watchdog is answered twice in its time.
constexpr std::chrono::microseconds look_every{std::chrono::seconds{2}};

}  // namespace

service_reporter::service_reporter(service_manager& to, supervisor& tree, std::string name)
    : to_(to), tree_(tree), name_(std::move(name)) {
  if (!to_.listens()) return;
  to_.ready(look().value_or(name_));
  thread_ = std::thread([this] { serve(); });
}

service_reporter::~service_reporter() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock{mutex_};
    over_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

std::optional<std::string> service_reporter::look() {
  const auto children = tree_.count_children("/root");
  if (!children) return std::nullopt;
  return name_ + ": " + std::to_string(children->active) + " of " + std::to_string(children->specs) + " children up";
}

void service_reporter::serve() {
  const auto every = to_.watchdog() ? std::min(look_every, *to_.watchdog() / 2) : look_every;
  std::string told;
  std::unique_lock lock{mutex_};
  while (!changed_.wait_for(lock, every, [this] { return over_; })) {
    lock.unlock();
    if (const auto now = look()) {
      if (to_.watchdog()) to_.alive();
      if (*now != told) to_.status(told = *now);
    }
    lock.lock();
  }
}

}  // namespace steward::cli
