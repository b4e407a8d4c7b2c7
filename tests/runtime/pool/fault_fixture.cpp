#include "fault_fixture.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <sys/wait.h>

namespace steward::test {

std::size_t entries_of(const char* directory) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
}

gate::gate() {
  char name[] = "/tmp/steward_fault_XXXXXX";
  if (::mkdtemp(name) == nullptr) throw std::runtime_error("no temporary directory");
  directory_ = name;
  path_ = directory_ + "/go";
}

gate::~gate() { std::filesystem::remove_all(directory_); }

bool gate::begun_in(int pid) const { return std::filesystem::exists(path_ + "." + std::to_string(pid)); }

int gate::pid_after(const std::string& infix) const {
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    const auto name = entry.path().filename().string();
    if (const auto at = name.find(infix); at != std::string::npos) return std::atoi(name.c_str() + at + infix.size());
  }
  return 0;
}

void gate::open() {
  const auto hidden = path_ + ".new";
  std::ofstream(hidden) << "x";
  std::filesystem::rename(hidden, path_);
}

void faulty_pool::SetUp() {
  // What a program opens once, at its first pool, is no leak.
  static const bool warmed_up = [] {
    surroundings around;
    process_pool first(around.environment(), "faults", spec_of(1));
    return !first.start() &&
           first.map(fault_tasks().act, std::vector<std::tuple<std::int64_t, std::string>>{{2, "segv"}}) ==
               std::vector<std::int64_t>{4};
  }();
  ASSERT_TRUE(warmed_up);
  // What is joined or reaped may stay listed for a moment.
  threads_ = entries_of("/proc/self/task");
  holds_soon([this] { return (threads_ = entries_of("/proc/self/task")) == 1; }, std::chrono::milliseconds(500));
  fds_ = entries_of("/proc/self/fd");
  around_ = std::make_unique<surroundings>();
}

void faulty_pool::TearDown() { end_fault(); }

void faulty_pool::make(pool_spec spec, const std::string& name) {
  auto environment = around_->environment();
  environment.path = "/root/" + name;
  size_ = spec.size.workers;
  pool_ = std::make_unique<pool>(environment, name, std::move(spec));
}

void faulty_pool::start(pool_spec spec, const std::string& name) {
  make(std::move(spec), name);
  const auto problem = pool_->start();
  ASSERT_FALSE(problem.has_value()) << describe(*problem);
}

std::size_t faulty_pool::submit_bytes(const task_entry& entry, bytes args) {
  std::size_t place = 0;
  {
    const std::lock_guard lock(mutex_);
    place = slots_.size();
    slots_.emplace_back();
  }
  pool_->submit(entry, std::move(args), [this, place](outcome<bytes> result) {
    const std::lock_guard lock(mutex_);
    ++slots_[place].outcomes;
    slots_[place].result.emplace(std::move(result));
    changed_.notify_all();
  });
  return place;
}

std::vector<std::size_t> faulty_pool::submit_squares(std::int64_t first, std::size_t count) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < count; ++i)
    places.push_back(submit(tasks().square, first + static_cast<std::int64_t>(i)));
  return places;
}

const outcome<bytes>& faulty_pool::result(std::size_t place) {
  std::unique_lock lock(mutex_);
  const bool there = changed_.wait_for(lock, patience, [&] { return slots_[place].result.has_value(); });
  if (!there) throw std::runtime_error("task " + std::to_string(place) + " has no outcome in time");
  return *slots_[place].result;
}

void faulty_pool::expect_squares(const std::vector<std::size_t>& places, std::int64_t first) {
  for (const auto place : places) {
    const auto& got = result(place);
    EXPECT_TRUE(got.ok()) << (got.ok() ? "" : describe(got.error()));
    if (got.ok()) {
      EXPECT_EQ(value(place), first * first);
    }
    ++first;
  }
}

int faulty_pool::busy_pid(const gate& at) {
  int pid = 0;
  EXPECT_TRUE(holds_soon([&] {
    for (const auto& w : workers()) {
      if (w.ready && w.pid > 0 && at.begun_in(w.pid)) pid = w.pid;
    }
    return pid != 0;
  }));
  return pid;
}

void faulty_pool::end_fault() {
  if (over_ || !around_) return;
  over_ = true;
  if (pool_) {
    EXPECT_EQ(pool_->stats().gave_up, gone_);
    if (!gone_ && !stopped_) {
      EXPECT_TRUE(holds_soon([this] { return pool_->stats().ready == size_; })) << "the pool is not back to its size";
      EXPECT_EQ(value(submit(tasks().square, 11)), 121) << "and works";
    }
    pool_->stop(true);
    pool_.reset();
  }
  for (const auto& crash : crashes()) {
    EXPECT_TRUE(crash.why && crash.why->cls != cause_class::none);
    EXPECT_TRUE(crash.pid.has_value() || (crash.why && crash.why->cls == cause_class::start)) << "whose it was";
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) EXPECT_EQ(slots_[i].outcomes, 1) << "task " << i;
  EXPECT_EQ(around_->keeper.running(), 0u);
  around_.reset();
  siginfo_t info{};
  const int found = ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
  EXPECT_TRUE(found == -1 ? errno == ECHILD : info.si_pid == 0) << "a zombie is left: " << info.si_pid;
  EXPECT_TRUE(holds_soon([this] { return entries_of("/proc/self/fd") == fds_; }))
      << entries_of("/proc/self/fd") << " descriptors, not " << fds_;
  EXPECT_TRUE(holds_soon([this] { return entries_of("/proc/self/task") <= threads_; }))
      << entries_of("/proc/self/task") << " threads, not " << threads_;
}

}  // namespace steward::test
