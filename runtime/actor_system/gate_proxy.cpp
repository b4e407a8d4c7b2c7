#include "actor_system/capability_gate.hpp"

#include <caf/actor_config.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace steward::port {

gate_bell::gate_bell() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "the links of workers to actors");
}

gate_bell::~gate_bell() { ::close(fd_); }

void gate_bell::ring() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto ignored = ::write(fd_, &one, sizeof one);
}

void gate_bell::hush() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto ignored = ::read(fd_, &count, sizeof count);
}

void gate_meter::came(std::size_t bytes) noexcept {
  messages_.fetch_add(1);
  bytes_.fetch_add(bytes);
}

void gate_meter::went(std::size_t bytes) noexcept {
  const auto messages = messages_.fetch_sub(1) - 1;
  const auto left = bytes_.fetch_sub(bytes) - bytes;
  if (paused_.load() && messages <= messages_limit_ / 2 && left <= bytes_limit_ / 2 && paused_.exchange(false))
    bell_->ring();
}

bool gate_meter::too_much() noexcept {
  const auto much = [this] { return messages_.load() > messages_limit_ || bytes_.load() > bytes_limit_; };
  const auto still = [this] { return messages_.load() > messages_limit_ / 2 || bytes_.load() > bytes_limit_ / 2; };
  if (!paused_.load()) {
    if (!much()) return false;
    paused_.store(true);
  }
  // What went between the look and the mark has not rung.
  if (still()) return true;
  paused_.store(false);
  return false;
}

gate_proxy::gate_proxy(caf::actor_config& config, std::weak_ptr<capability_gate> gate, caf::actor_id remote)
    : actor_proxy(config), gate_(std::move(gate)), remote_(remote) {}

void gate_proxy::enqueue(caf::mailbox_element_ptr what, caf::execution_unit* unit) {
  const auto gate = gate_.lock();
  caf::error problem =
      gate ? gate->pass_on(remote_, *what) : caf::make_error(caf::exit_reason::remote_link_unreachable);
  if (!problem || !what->sender || !what->mid.is_request()) return;
  what->sender->enqueue(nullptr, what->mid.response_id(), caf::make_message(std::move(problem)), unit);
}

void gate_proxy::attach(caf::attachable_ptr what) {
  actor_proxy::attach(std::move(what));
  watch();
}

bool gate_proxy::add_backlink(caf::abstract_actor* other) {
  const bool out = actor_proxy::add_backlink(other);
  watch();
  return out;
}

void gate_proxy::watch() {
  if (watched_.exchange(true)) return;
  if (const auto gate = gate_.lock()) gate->watch(remote_, caf::strong_actor_ptr{ctrl()});
}

void gate_proxy::on_destroy() {
  if (const auto gate = gate_.lock()) gate->forget(remote_, this);
}

bool gate_proxy::is_of(const capability_gate* gate) const noexcept { return gate_.lock().get() == gate; }

}  // namespace steward::port
