#include "actor_system/gate_loop.hpp"

#include "process/room.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace steward::port {

namespace {

// Data of gates are their descriptors, which are smaller.
constexpr std::uint64_t first_key = std::uint64_t{1} << 32;
constexpr int try_again_after_ms = 20;
constexpr const char* what_fails = "the links of workers to actors";

int add_to(int epoll, int fd, std::uint32_t events) noexcept {
  epoll_event e{};
  e.events = events;
  e.data.fd = fd;
  return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
}

}  // namespace

gate_loop::gate_loop(caf::actor_system& system, without_thread)
    : system_(system),
      bell_(std::make_shared<gate_bell>()),
      pins_(std::make_shared<gate_pins>(system)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ >= 0 && add_to(epoll_, bell_->fd(), EPOLLIN) == 0) return;
  const int problem = errno;
  if (epoll_ >= 0) ::close(epoll_);
  throw std::system_error(problem, std::generic_category(), what_fails);
}

gate_loop::gate_loop(caf::actor_system& system) : gate_loop(system, without_thread{}) {
  try {
    const process::signals_blocked quiet;
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& e) {  // what was made is destroyed
    throw std::system_error(e.code(), what_fails);
  }
}

gate_loop::~gate_loop() {
  stop_.store(true);
  bell_->ring();
  if (thread_.joinable()) thread_.join();
  ::close(epoll_);
}

std::shared_ptr<capability_gate> gate_loop::open(capability_gate::options o) {
  auto gate = std::make_shared<capability_gate>(system_, std::move(o), bell_, pins_);
  {
    const std::lock_guard lock(mutex_);
    new_.push_back(gate);
  }
  bell_->ring();
  return gate;
}

void gate_loop::read_beside(const std::shared_ptr<side_reader>& who) {
  {
    const std::lock_guard lock(mutex_);
    new_readers_.push_back(who);
  }
  bell_->ring();
}

void gate_loop::read_side(std::uint64_t key) {
  const auto found = readers_.find(key);
  if (found == readers_.end()) return;
  const auto reader = found->second.lock();
  if (reader && reader->read()) waiting_.push_back(key);
}

void gate_loop::run() {
  capability_gate::drive_from_this_thread();
  std::array<epoll_event, 64> events;
  while (!stop_.load()) {
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                                   waiting_.empty() ? -1 : try_again_after_ms);
    for (int i = 0; i < count; ++i) {
      const auto& e = events[static_cast<std::size_t>(i)];
      if (e.data.u64 >= first_key) {
        read_side(e.data.u64);
      } else if (e.data.fd == bell_->fd()) {
        bell_->hush();
        take_new();
        std::vector<int> over;
        for (auto& [fd, one] : gates_)
          if (!one.gate->advance(0)) over.push_back(fd);
        for (const int fd : over) drop(fd);
      } else if (const auto it = gates_.find(e.data.fd); it != gates_.end() && !it->second.gate->advance(e.events)) {
        drop(e.data.fd);
      }
    }
    for (auto& [fd, one] : gates_) arm(one);
    std::erase_if(waiting_, [this](std::uint64_t key) {
      const auto found = readers_.find(key);
      const auto reader = found == readers_.end() ? nullptr : found->second.lock();
      return !reader || !reader->try_again();
    });
  }
  take_new();
  for (auto& [fd, one] : std::exchange(gates_, {})) one.gate->close();
}

void gate_loop::take_new() {
  std::vector<std::shared_ptr<capability_gate>> fresh;
  std::vector<std::weak_ptr<side_reader>> readers;
  {
    const std::lock_guard lock(mutex_);
    fresh.swap(new_);
    readers.swap(new_readers_);
  }
  if (!readers.empty()) std::erase_if(readers_, [](const auto& x) { return x.second.expired(); });
  for (auto& who : readers)
    if (const auto reader = who.lock()) {
      const auto key = first_key + ++last_key_;
      readers_[key] = who;
      reader->join(epoll_, key);
    }
  for (auto& gate : fresh) {
    const int fd = gate->fd();
    if (add_to(epoll_, fd, 0) == 0)
      gates_[fd] = {std::move(gate), 0};
    else
      gate->close();
  }
}

void gate_loop::arm(driven& one) {
  const auto wanted = one.gate->wanted_events();
  if (wanted == one.armed) return;
  epoll_event e{};
  e.events = wanted;
  e.data.fd = one.gate->fd();
  if (::epoll_ctl(epoll_, EPOLL_CTL_MOD, e.data.fd, &e) == 0) one.armed = wanted;
}

void gate_loop::drop(int fd) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  gates_.erase(fd);
}

}  // namespace steward::port
