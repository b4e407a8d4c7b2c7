#include "supervision/sampler.hpp"

#include "process/proc_status.hpp"
#include "process/room.hpp"
#include "steward/supervisor.hpp"

#include <algorithm>
#include <utility>

#include <unistd.h>

namespace steward {

namespace {

using clock = std::chrono::steady_clock;

/// A count that goes on from where another one has stopped.
std::uint64_t go_on(std::uint64_t now, std::uint64_t& last, std::uint64_t& before) {
  if (now < last) before += last;
  last = now;
  return before + now;
}

}  // namespace

sampler::sampler(supervisor& tree, milliseconds interval, std::function<void(const sample&)> out)
    : tree_(tree), interval_(std::max(interval, milliseconds{1})), out_(std::move(out)) {
  const process::signals_blocked quiet;
  thread_ = std::thread([this] { serve(); });
}

sampler::~sampler() {
  {
    const std::lock_guard guard{mutex_};
    over_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void sampler::serve() {
  auto due = clock::now() + interval_;
  std::unique_lock lock{mutex_};
  while (!changed_.wait_until(lock, due, [this] { return over_; })) {
    lock.unlock();
    take();
    const auto now = clock::now();
    due = std::max(due + interval_, now);  // those that it is late for are left out
    lock.lock();
  }
}

void sampler::take() {
  ++round_;
  const auto at = std::chrono::system_clock::now();
  tree_.figures([&](sample& x, int pid) {
    x.at = at;
    if (x.accepted) add_up(x);
    if (pid != 0) measure(x, pid);
    out_(x);
  });
  sample own;
  own.at = at;
  measure(own, ::getpid());
  own.descriptors = process::open_descriptors();
  if (const auto usage = process::usage_of(::getpid())) own.threads = usage->threads;
  out_(own);
  std::erase_if(known_, [this](const auto& x) { return x.second.round != round_; });
}

void sampler::add_up(sample& x) {
  auto& before = known_[x.path];
  before.round = round_;
  x.accepted = go_on(*x.accepted, before.accepted, before.accepted_before);
  x.handled = go_on(*x.handled, before.handled, before.handled_before);
}

void sampler::measure(sample& x, int pid) {
  const auto now = clock::now();
  const auto usage = process::usage_of(pid);
  if (!usage) return;
  x.rss_kib = usage->rss_kib;
  auto& before = known_[x.path];
  const bool same = before.round != 0 && before.started == usage->started && now > before.at;
  if (same && usage->cpu_ms >= before.cpu_ms) {
    const std::chrono::duration<double, std::milli> since = now - before.at;
    x.cpu_percent = 100.0 * static_cast<double>(usage->cpu_ms - before.cpu_ms) / since.count();
  }
  before.round = round_;
  before.started = usage->started;
  before.cpu_ms = usage->cpu_ms;
  before.at = now;
}

}  // namespace steward
