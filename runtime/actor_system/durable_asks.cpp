#include "actor_system/durable_actor.hpp"
#include "actor_system/guest_marks.hpp"
#include "actor_system/message_kinds.hpp"
#include "steward/detail/late_reply.hpp"

#include <caf/actor_cast.hpp>
#include <caf/sec.hpp>

#include <algorithm>
#include <utility>

namespace steward::port {

namespace {

constexpr std::uint64_t response_flag = caf::message_id::response_flag_mask;

/// The durable actor that this thread runs; to find out costs less than to ask for an actor's type.
thread_local durable_actor* running = nullptr;

}  // namespace

caf::resumable::resume_result durable_actor::resume(caf::execution_unit* eu, std::size_t max_throughput) {
  auto* outer = std::exchange(running, this);
  const auto result = caf::event_based_actor::resume(eu, max_throughput);
  running = outer;
  if (auto* marks = parts_.marks()) marks->tell();  // it may wait for more now
  return result;
}

bool durable_actor::runs_here() const { return running == this; }

durable_actor* running_actor() noexcept { return running; }

void durable_actor::limit_request(caf::message_id response, std::chrono::milliseconds timeout) {
  constexpr std::chrono::milliseconds century = std::chrono::hours{24 * 365 * 100};
  const auto at = clock().now() + std::clamp(timeout, std::chrono::milliseconds{0}, century);
  auto& deadlines = parts_.make_deadlines();
  deadlines.add(at, response.integer_value());
  if (deadlines.alarm().set(at)) clock().set_ordinary_timeout(at, this, deadline_atom, 0);
}

/// Response ids that something waits for, sorted.
std::vector<std::uint64_t> durable_actor::awaited_ids() const {
  std::vector<std::uint64_t> out;
  for (const auto& x : awaited_responses_) out.push_back(x.first.integer_value());
  for (const auto& x : multiplexed_responses_) out.push_back(x.first.integer_value());
  std::sort(out.begin(), out.end());
  return out;
}

void durable_actor::end_overdue_requests() {
  auto& deadlines = *parts_.deadlines();
  deadlines.alarm().rang();
  deadlines.keep(awaited_ids());
  const auto now = clock().now();
  while (const auto response = deadlines.take_due(now))
    push(caf::make_mailbox_element(nullptr, caf::message_id{*response}, {}, caf::make_error(caf::sec::request_timeout)),
         context());
  if (const auto next = deadlines.earliest(); next && deadlines.alarm().set(*next))
    clock().set_ordinary_timeout(*next, this, deadline_atom, 0);
}

durable_actor* durable_of(const caf::actor& handle) {
  return dynamic_cast<durable_actor*>(caf::actor_cast<caf::abstract_actor*>(handle));
}

bool is_cell(const caf::actor& dst) { return durable_of(dst) != nullptr; }

void limit_request(caf::event_based_actor* self, caf::message_id response, std::chrono::milliseconds timeout) {
  if (running == self)
    running->limit_request(response, timeout);
  else
    self->request_response_timeout(caf::duration{timeout}, caf::message_id{response.integer_value() & ~response_flag});
}

late_reply::late_reply(caf::event_based_actor* self)
    : self_(self), number_(self->new_request_id(caf::message_priority::normal).response_id()) {}

late_reply::address late_reply::where() const { return {caf::actor_cast<caf::strong_actor_ptr>(self_), number_}; }

void late_reply::handle(std::function<void(void*)> f) const {
  self_->add_multiplexed_response_handler(
      number_, caf::behavior{[f = std::move(f)](const reply_box& x) { f(x.content.get()); }});
}

void late_reply::address::deliver(std::shared_ptr<void> content) const {
  to->enqueue(caf::make_mailbox_element(nullptr, number, {}, reply_box{std::move(content)}), nullptr);
}

}  // namespace steward::port
