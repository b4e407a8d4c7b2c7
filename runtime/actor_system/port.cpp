#include "steward/port.hpp"
#include "steward/detail/time_limit.hpp"

#include "process/flight_page.hpp"
#include "process/room.hpp"

#include <caf/exit_reason.hpp>
#include <caf/pec.hpp>
#include <caf/policy/work_sharing.hpp>
#include <caf/scheduler/coordinator.hpp>
#include <caf/sec.hpp>
#include <caf/thread_hook.hpp>

#include <algorithm>
#include <exception>
#include <new>

namespace steward::port {

namespace {

// Besides the scheduler's: its clock, its printer, and a detached actor of ours.
constexpr std::size_t extra_threads = 3;

/// Lets the overflow of the stack of an actor's thread be told.
struct signal_stacks final : caf::thread_hook {
  void init(caf::actor_system&) override {}
  void thread_started() override { process::own_signal_stack(); }
  void thread_terminates() override {}
};

/// While it lives, no memory is the end: std::terminate, where it was asked for.
class memory_or_end {
public:
  memory_or_end() : before_(std::set_new_handler(end)) {}
  ~memory_or_end() { std::set_new_handler(before_); }
  memory_or_end(const memory_or_end&) = delete;
  memory_or_end& operator=(const memory_or_end&) = delete;

private:
  static void end() {
    try {
      throw std::bad_alloc{};
    } catch (const std::bad_alloc&) {
      std::terminate();
    }
  }

  std::new_handler before_;
};

/// The scheduler, whose start is whole or the end: `noexcept` further out would not be enough, since what was made
/// until then is destroyed on the way there, and to destroy a scheduler waits for threads of its own that nobody has
/// stopped.
class whole_scheduler final : public caf::scheduler::coordinator<caf::policy::work_sharing> {
public:
  using coordinator::coordinator;

protected:
  void start() noexcept override { coordinator::start(); }
};

bool is_testing(const caf::actor_system_config& cfg) {
  return caf::get_or(cfg, "scheduler.policy", caf::atom("sharing")) == caf::atom("testing");
}

/// Nothing may be thrown out of the making of a system, for what is there of it would be destroyed under its threads.
std::unique_ptr<caf::actor_system> make_whole(caf::actor_system_config& cfg, bool testing) noexcept {
  const memory_or_end whole;
  if (!testing)
    cfg.module_factories.push_back(
        [](caf::actor_system& system) -> caf::actor_system::module* { return new whole_scheduler{system}; });
  cfg.add_thread_hook<signal_stacks>();
  return std::make_unique<caf::actor_system>(cfg);
}

}  // namespace

std::unique_ptr<caf::actor_system> make_system(caf::actor_system_config& cfg) {
  if (!is_testing(cfg))
    process::expect_room_for_threads(extra_threads + caf::get_or(cfg, "scheduler.max-threads", std::size_t{0}));
  return make_system_or_end(cfg);
}

std::unique_ptr<caf::actor_system> make_system_or_end(caf::actor_system_config& cfg) {
  return make_whole(cfg, is_testing(cfg));
}

std::vector<std::string> details_of(const caf::error& e) {
  std::vector<std::string> out;
  const auto& context = e.context();
  for (std::size_t i = 0; i < context.size(); ++i)
    if (context.match_element<std::string>(i)) out.push_back(context.get_as<std::string>(i));
  return out;
}

std::string render(const caf::error& e) {
  std::string out;
  if (e.category() == caf::atom("system"))
    out = to_string(static_cast<caf::sec>(e.code()));
  else if (e.category() == caf::atom("exit"))
    out = to_string(static_cast<caf::exit_reason>(e.code()));
  else if (e.category() == caf::atom("parser"))
    out = to_string(static_cast<caf::pec>(e.code()));
  else
    out = to_string(e.category()) + " " + std::to_string(e.code());
  for (const auto& detail : details_of(e)) out += ": " + detail;
  return out;
}

caf::mailbox_element_ptr blocking_asker::await(caf::message_id response, std::chrono::milliseconds timeout) {
  using std::chrono::steady_clock;
  // CAF waits by a clock that people may set: in small steps no jump of it does much harm.
  constexpr std::chrono::milliseconds step{500};
  const auto deadline = detail::later(steady_clock::now(), timeout);
  const bool limited = deadline != steady_clock::time_point::max();
  for (;;) {
    if (limited) {
      // The moments may be as far apart as moments can be: no difference of them is made before they are compared.
      const auto now = steady_clock::now();
      const auto left =
          deadline <= now ? std::chrono::milliseconds{0} : std::chrono::ceil<std::chrono::milliseconds>(deadline - now);
      const auto wait = std::min(left, step);
      if (!self_->await_data(std::chrono::high_resolution_clock::now() + wait)) {
        if (left <= step) return nullptr;
        continue;
      }
    }
    auto next = self_->dequeue();
    if (next->mid == response) return next;
  }
}

}  // namespace steward::port
