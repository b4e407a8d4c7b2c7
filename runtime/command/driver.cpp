#include "command/driver.hpp"

#include "command/running_program.hpp"
#include "process/room.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace steward::command {

namespace {

using clock = std::chrono::steady_clock;
using channel = running_program::channel;

// Programs have keys from 1 on.
constexpr std::uint64_t wake_key = 0;

constexpr std::size_t read_bytes = std::size_t{64} * 1024;

int timeout_ms(const std::optional<time_point>& due, time_point now) {
  constexpr std::int64_t longest = 60'000;
  if (!due) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - now).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, longest));
}

}  // namespace

struct driver::impl : std::enable_shared_from_this<impl> {
  using work = std::function<void(impl&, time_point)>;

  impl(process::keeper* k, event_log* e) : keeper(k), events(e) {}
  ~impl() {
    for (const int fd : {epoll_fd, wake_fd})
      if (fd >= 0) ::close(fd);
  }

  // Any thread.
  void ensure_thread();
  void push(work x);
  void end();

  // The driver's thread.
  void run();
  void sleep(time_point now);
  void begin_what_can(time_point now);
  void settle(time_point now);
  running_program* find(place where, std::uint64_t incarnation);
  running_program* find(std::uint64_t key) {
    const auto it = programs.find(key);
    return it == programs.end() ? nullptr : it->second.get();
  }
  running_program::surroundings around();
  std::vector<char> room;  // of the driver's thread

  process::keeper* const keeper;
  event_log* const events;
  std::atomic<place> last_place{0};

  std::mutex mutex;
  std::vector<work> inbox;
  bool over = false;
  int epoll_fd = -1;
  int wake_fd = -1;
  std::thread thread;

  std::uint64_t last_key = 0;
  std::map<std::uint64_t, std::unique_ptr<running_program>> programs;  // by key: in the order of their starts
};

void driver::impl::ensure_thread() {
  const std::lock_guard lock{mutex};
  if (over) throw std::system_error{ESHUTDOWN, std::generic_category(), "commands"};
  if (thread.joinable()) return;
  if (epoll_fd < 0) epoll_fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (wake_fd < 0) wake_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event wake{EPOLLIN, {.u64 = wake_key}};
  const bool made = epoll_fd >= 0 && wake_fd >= 0;
  if (!made || (::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wake_fd, &wake) != 0 && errno != EEXIST))
    throw std::system_error{errno, std::generic_category(), "descriptors for commands"};
  room.resize(read_bytes);
  const process::signals_blocked quiet;
  thread = std::thread{[this] { run(); }};
}

void driver::impl::push(work x) {
  const std::lock_guard lock{mutex};
  inbox.push_back(std::move(x));
  if (inbox.size() > 1 || wake_fd < 0) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_fd, &one, sizeof one);
}

void driver::impl::end() {
  {
    const std::lock_guard lock{mutex};
    over = true;
    if (!thread.joinable()) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_fd, &one, sizeof one);
  }
  thread.join();
}

running_program::surroundings driver::impl::around() {
  running_program::surroundings out;
  out.epoll_fd = epoll_fd;
  out.keeper = keeper;
  out.events = events;
  out.room = room;
  // The keeper may tell of an end when the driver is gone.
  const auto later = [me = weak_from_this()](std::uint64_t key, auto f) {
    if (const auto self = me.lock())
      self->push([key, f = std::move(f)](impl& all, time_point now) {
        if (auto* one = all.find(key)) f(*one, now);
      });
  };
  out.on_exit = [later](std::uint64_t key, const process::exit_report& report) {
    later(key, [report](running_program& one, time_point now) { one.has_exited(report, now); });
  };
  out.on_clean = [later](std::uint64_t key) { later(key, [](running_program& one, time_point) { one.is_clean(); }); };
  return out;
}

running_program* driver::impl::find(place where, std::uint64_t incarnation) {
  for (auto& [key, one] : programs)
    if (one->order().where == where && one->order().incarnation == incarnation) return one.get();
  return nullptr;
}

void driver::impl::run() {
  for (;;) {
    std::vector<work> todo;
    {
      const std::lock_guard lock{mutex};
      if (over) break;
      todo.swap(inbox);
    }
    const auto now = clock::now();
    for (auto& one : todo) one(*this, now);
    settle(now);
    sleep(now);
  }
  for (auto& [key, one] : programs) {
    one->abandon();
    one->carry_out();
  }
  programs.clear();
}

void driver::impl::begin_what_can(time_point now) {
  for (auto& [key, one] : programs) {
    if (one->has_begun()) continue;
    const auto is_before = [mine = key, where = one->order().where](const auto& x) {
      return x.first < mine && x.second->order().where == where;
    };
    if (std::none_of(programs.begin(), programs.end(), is_before)) one->begin(now);
  }
}

/// Until nothing more is to be done now.
void driver::impl::settle(time_point now) {
  const auto settle_each = [&] {
    for (auto& [key, one] : programs) {
      one->advance(now);
      one->carry_out();
    }
    std::erase_if(programs, [](const auto& x) { return x.second->is_gone(); });
  };
  settle_each();
  begin_what_can(now);
  settle_each();
}

void driver::impl::sleep(time_point now) {
  std::optional<time_point> due;
  for (const auto& [key, one] : programs)
    if (const auto next = one->next_due(); next && (!due || *next < *due)) due = next;
  std::array<epoll_event, 64> found{};
  const int count = ::epoll_wait(epoll_fd, found.data(), static_cast<int>(found.size()), timeout_ms(due, now));
  const auto woke = clock::now();
  for (int i = 0; i < count; ++i) {
    const auto key = found[static_cast<std::size_t>(i)].data.u64;
    if (key == wake_key) {
      std::uint64_t ignored = 0;
      [[maybe_unused]] const auto got = ::read(wake_fd, &ignored, sizeof ignored);
    } else if (auto* one = find(key / running_program::channels)) {
      one->heed(static_cast<channel>(key % running_program::channels), woke);
    }
  }
}

driver::driver(process::keeper* keeper, event_log* events) : impl_(std::make_shared<impl>(keeper, events)) {}

driver::~driver() { close(); }

void driver::close() { impl_->end(); }

place driver::new_place() { return ++impl_->last_place; }

void driver::start(start_order what) {
  impl_->ensure_thread();
  impl_->push([order = std::move(what)](impl& all, time_point now) mutable {
    const auto key = ++all.last_key;
    all.programs.emplace(key, std::make_unique<running_program>(key, std::move(order), all.around(), now));
  });
}

void driver::stop(place where, std::uint64_t incarnation, std::vector<stop_step> ladder,
                  std::function<void()> on_stopped) {
  impl_->ensure_thread();
  impl_->push([=, ladder = std::move(ladder), told = std::move(on_stopped)](impl& all, time_point now) mutable {
    if (auto* one = all.find(where, incarnation)) return one->stop(std::move(ladder), std::move(told), now);
    told();
  });
}

void driver::kill(place where, std::uint64_t incarnation, cause why) {
  impl_->push([=, why = std::move(why)](impl& all, time_point) {
    if (auto* one = all.find(where, incarnation)) one->kill(why);
  });
}

void driver::abandon(place where) {
  impl_->push([where](impl& all, time_point) {
    for (auto& [key, one] : all.programs)
      if (one->order().where == where) one->abandon();
  });
}

}  // namespace steward::command
