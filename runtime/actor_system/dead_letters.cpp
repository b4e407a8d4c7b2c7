#include "actor_system/dead_letters.hpp"

#include "process/room.hpp"

#include <caf/exit_reason.hpp>

#include <algorithm>
#include <utility>

namespace steward {

namespace detail {

/// What a carrier is told.
struct letter_box {
  std::shared_ptr<const dead_letter> letter;
};

}  // namespace detail

}  // namespace steward

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::detail::letter_box)

namespace steward {

const char* to_string(dead_letter_reason x) noexcept {
  switch (x) {
    case dead_letter_reason::mailbox_full:
      return "mailbox_full";
    case dead_letter_reason::dropped:
      return "dropped";
    case dead_letter_reason::ended:
      return "ended";
    case dead_letter_reason::gave_up:
      return "gave_up";
    case dead_letter_reason::crashed:
      return "crashed";
    case dead_letter_reason::quarantined:
      return "quarantined";
    case dead_letter_reason::unhandled:
      return "unhandled";
  }
  return "unknown";
}

namespace detail {

namespace {

/// CAF counts an actor as running before it has its thread: what is thrown here would leave one that nobody can end.
caf::actor spawn_caller(caf::actor_system& system, std::shared_ptr<letter_listener> of,
                        letter_listener::callable f) noexcept {
  return system.spawn<caf::detached>([of = std::move(of), f = std::move(f)](caf::event_based_actor*) -> caf::behavior {
    return {[of, f](const letter_box& x) { of->call(f, *x.letter); }};
  });
}

}  // namespace

void letter_listener::begin(caf::actor_system& system, callable f) {
  process::expect_room_for_threads(1);
  const std::lock_guard lock(carrier_mutex_);
  carrier_ = spawn_caller(system, shared_from_this(), std::move(f));
}

void letter_listener::begin(caf::actor_system& system, caf::actor listener) {
  const std::lock_guard lock(carrier_mutex_);
  carrier_ = system.spawn([of = shared_from_this(), to = std::move(listener)](self_ptr self) -> caf::behavior {
    return {[of, to, self](const letter_box& x) {
      if (of->over()) return of->done(false);
      port::ask(self, to, caf::infinite, of->take(*x.letter))
          .then([of] { of->done(true); }, [of](const caf::error&) { of->done(false); });
    }};
  });
}

void letter_listener::put(const std::shared_ptr<const dead_letter>& x) {
  if (over()) return;
  if (waiting_.fetch_add(1) >= most_) {
    done(false);
    return;
  }
  caf::actor to;
  {
    const std::lock_guard lock(carrier_mutex_);
    to = carrier_;
  }
  if (to) port::send_anonymously(to, letter_box{x});
}

void letter_listener::done(bool heard) {
  if (!heard) skipped_.fetch_add(1);
  waiting_.fetch_sub(1);
}

dead_letter letter_listener::take(const dead_letter& x) {
  auto out = x;
  const auto all = skipped();
  out.skipped = all - std::exchange(told_, all);
  return out;
}

void letter_listener::call(const callable& f, const dead_letter& x) {
  {
    const std::lock_guard lock(call_mutex_);
    if (!over()) {
      calling_ = std::this_thread::get_id();
      f(take(x));
      calling_ = std::thread::id{};
    }
  }
  done(true);
}

void letter_listener::end() noexcept {
  over_.store(true, std::memory_order_release);
  caf::actor carrier;
  {
    const std::lock_guard lock(carrier_mutex_);
    carrier = std::exchange(carrier_, nullptr);
  }
  if (carrier) caf::anon_send_exit(carrier, caf::exit_reason::kill);
  if (calling_.load() == std::this_thread::get_id()) return;
  const std::lock_guard lock(call_mutex_);
}

}  // namespace detail

void dead_letter_subscription::cancel() noexcept {
  if (listener_) listener_->end();
}

std::uint64_t dead_letter_subscription::skipped() const noexcept { return listener_ ? listener_->skipped() : 0; }

void dead_letter_hub::put(dead_letter x) {
  if (x.message.match_elements<dead_letter>()) return;  // the listener's own troubles are none of its letters
  const auto shared = std::make_shared<const dead_letter>(std::move(x));
  const std::lock_guard lock(mutex_);
  std::erase_if(all_, [](const auto& one) { return one->over(); });
  for (const auto& one : all_) one->put(shared);
  heard_ = !all_.empty();
}

void dead_letter_hub::add(std::shared_ptr<detail::letter_listener> x) {
  const std::lock_guard lock(mutex_);
  all_.push_back(std::move(x));
  heard_ = true;
}

void dead_letter_hub::close() {
  std::vector<std::shared_ptr<detail::letter_listener>> all;
  {
    const std::lock_guard lock(mutex_);
    all.swap(all_);
    heard_ = false;
  }
  for (const auto& one : all) one->end();
}

}  // namespace steward
