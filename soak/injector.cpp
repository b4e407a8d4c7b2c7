#include "soak/injector.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include <sys/syscall.h>
#include <unistd.h>

namespace steward::soak {

namespace {

constexpr std::chrono::microseconds between_looks{1'000};
constexpr std::int64_t doomed_for_us = 1'000'000;
constexpr std::int64_t between_samples_us = 250'000;
// The last faults are seen through by the tasks that come after them.
constexpr double last_fault_at = 0.97;
constexpr std::uint64_t last_kills = 8;

/// Shares of the faults from outside, in percent of all faults: 40, 10, 5.
fault_kind drawn_from_outside(std::uint64_t random) {
  const auto share = random % 55;
  if (share < 40) return fault_kind::kill;
  if (share < 50) return fault_kind::stop;
  switch ((random >> 32) % 3) {
    case 0:
      return fault_kind::start_slow;
    case 1:
      return fault_kind::start_late;
    default:
      return fault_kind::start_dies;
  }
}

/// State and parent of a process, from its stat line: "PID (NAME) STATE PPID ...". The name may hold anything.
bool is_living_child(int pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(in, line);
  const auto end_of_name = line.rfind(')');
  if (end_of_name == std::string::npos) return false;
  char state = 0;
  int parent = 0;
  if (std::sscanf(line.c_str() + end_of_name + 1, " %c %d", &state, &parent) != 2) return false;
  return parent == ::getpid() && state != 'Z' && state != 'X';
}

}  // namespace

bool signal_child(int pid, int signal) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return false;
  // Asked after the descriptor is held, so that it is about the same process.
  const bool sent = is_living_child(pid) && ::syscall(SYS_pidfd_send_signal, fd, signal, nullptr, 0) == 0;
  ::close(fd);
  return sent;
}

std::uint64_t resident_kib() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  in >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / 1024;
}

injector::injector(const pool& victim, page& shared, history* to, course c, std::function<std::uint64_t()> done)
    : victim_(victim), shared_(shared), to_(to), course_(c), done_(std::move(done)) {
  thread_ = std::thread([this] { work(); });
}

injector::~injector() { stop(); }

void injector::stop() {
  over_ = true;
  if (thread_.joinable()) thread_.join();
}

void injector::saw_crash(int pid) {
  const std::lock_guard lock(mutex_);
  hit_.erase(pid);
}

bool injector::settled() const {
  if (injected_.load() < course_.faults || armed_.load() > 0) return false;
  const std::lock_guard lock(mutex_);
  return hit_.empty();
}

void injector::work() {
  while (!over_) {
    collect();
    sample();
    const auto done = static_cast<double>(done_());
    while (!over_ && injected_ < course_.faults) {
      const auto index = injected_.load();
      const double due = static_cast<double>(index + 1) / static_cast<double>(course_.faults) *
                         static_cast<double>(course_.tasks) * last_fault_at;
      if (done < due || !inject(index)) break;
      ++injected_;
    }
    std::this_thread::sleep_for(between_looks);
  }
  collect();
}

void injector::collect() {
  while (const auto what = shared_.next()) {
    ++count_;
    if (what->kind == fault_kind::spin) doomed_[what->pid] = now_us();
    if (to_) to_->fault(what->kind, what->pid, what->number, what->attempt);
  }
  while (const auto what = shared_.taken()) {
    ++count_;
    if (to_) to_->fault(what->kind, what->pid);
  }
  armed_ = shared_.armed();
}

bool injector::inject(std::uint64_t index) {
  const auto random = mixed(course_.seed + 4, index);
  auto kind = drawn_from_outside(random);
  // A fault of a start needs a start to come.
  if (index + last_kills >= course_.faults) kind = fault_kind::kill;
  if (kind == fault_kind::kill || kind == fault_kind::stop) return hit(kind, mixed(course_.seed + 5, index));
  const bool armed = shared_.arm(index, kind);
  if (armed) ++armed_;
  return armed;
}

bool injector::hit(fault_kind kind, std::uint64_t random) {
  std::vector<int> pids;
  std::erase_if(doomed_, [this](const auto& x) { return now_us() - x.second > doomed_for_us; });
  for (const auto& w : victim_.stats().each) {
    if (doomed_.count(w.pid) > 0) continue;
    const std::lock_guard lock(mutex_);
    if (w.ready && w.pid > 0 && hit_.count(w.pid) == 0) pids.push_back(w.pid);
  }
  if (pids.empty()) return false;
  const int pid = pids[random % pids.size()];
  {
    const std::lock_guard lock(mutex_);
    hit_.insert(pid);
  }
  if (!signal_child(pid, kind == fault_kind::kill ? SIGKILL : SIGSTOP)) {
    saw_crash(pid);
    return false;
  }
  ++count_;
  if (to_) to_->fault(kind, pid);
  return true;
}

std::int64_t injector::now_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun_).count();
}

void injector::sample() {
  if (!to_ || now_us() < next_sample_us_) return;
  next_sample_us_ = now_us() + between_samples_us;
  to_->resident(resident_kib());
}

}  // namespace steward::soak
