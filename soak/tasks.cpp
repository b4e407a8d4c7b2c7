#include "soak/tasks.hpp"

#include "pool/wire.hpp"
#include "pool/worker.hpp"
#include "process/channel.hpp"
#include "process/child.hpp"

#include <cstdlib>
#include <stdexcept>
#include <thread>

#include <sys/resource.h>
#include <unistd.h>

namespace steward::soak {

namespace {

using std::chrono::steady_clock;

// Written before the zygote starts, and found by every worker that it forks.
page* page_of_worker = nullptr;

void work_for(std::uint32_t us) {
  const auto end = steady_clock::now() + std::chrono::microseconds(us);
  while (steady_clock::now() < end) {
  }
}

[[noreturn]] void sleep_for_ever() {
  for (;;) ::pause();
}

void write_garbage() {
  const char text[] = "these bytes are no frame, and they are longer than the header of one";
  static_cast<void>(!::write(process::first_child_fd, text, sizeof text));
}

/// The answer that the worker would send, sent by the task itself, so that the death after it comes for certain.
void reply(std::uint64_t task_id, std::int64_t value) {
  bytes payload;
  encode_all(payload, std::uint64_t{1'000}, std::uint64_t{0}, std::uint64_t{1}, value);
  process::write_frame(process::first_child_fd, process::frame_kind::result, pooling::flag_done, task_id, payload);
}

void strike(const plan& p, const task_context& context, std::uint64_t number) {
  page_of_worker->tell({p.fault, ::getpid(), number, context.attempt});
  switch (p.fault) {
    case fault_kind::segv: {
      // Volatile, so that no compiler sees what it is about to write to.
      volatile std::uintptr_t nowhere = 0x10;
      *reinterpret_cast<volatile int*>(nowhere) = 1;
      break;
    }
    case fault_kind::abort:
      std::abort();
    case fault_kind::uncaught:
      std::thread([] { throw std::logic_error("planned: nobody catches this"); }).join();
      break;
    case fault_kind::exit_zero:
      ::_exit(0);
    case fault_kind::exit_code:
      ::_exit(p.code);
    case fault_kind::spin:
      // At the lowest priority: the loop is endless all the same, and others get their share of the machine.
      ::setpriority(PRIO_PROCESS, 0, 19);
      for (volatile bool on = true; on;) {
      }
      break;
    case fault_kind::garbage:
      write_garbage();
      sleep_for_ever();
    case fault_kind::after_reply:
      reply(context.task_id, value_of(number));
      ::_exit(after_reply_code);
    default:
      break;
  }
}

std::int64_t run(const task_context& context, std::uint64_t seed, std::uint64_t fault_every, std::uint32_t spin_us,
                 std::uint64_t number) {
  work_for(spin_us / 2 + static_cast<std::uint32_t>(mixed(seed, number) % (spin_us + 1)));
  const auto p = plan_of(seed, fault_every, number);
  if (p.throws) throw std::runtime_error("planned");
  if (p.fault != fault_kind::none && (p.each_attempt || context.attempt == 1)) strike(p, context, number);
  return value_of(number);
}

int start_by_plan(const process::child_context& context) {
  switch (page_of_worker->take_start_fault()) {
    case fault_kind::start_slow:
      std::this_thread::sleep_for(slow_start);
      break;
    case fault_kind::start_late:
      sleep_for_ever();
    case fault_kind::start_dies:
      return start_code;
    default:
      break;
  }
  return pooling::run_pool_worker(context);
}

task_registry& registry() {
  static task_registry tasks;
  if (tasks.find("soak") == nullptr) tasks.add("soak", &run);
  return tasks;
}

}  // namespace

void register_workers(page& shared) {
  page_of_worker = &shared;
  pooling::register_pool_worker(registry());
  process::register_child_main(pooling::worker_main_name, &start_by_plan);
}

const task_entry& soak_task() { return *registry().find("soak"); }

bytes encode_args(const task_args& args) {
  bytes out;
  encode_all(out, args.seed, args.fault_every, args.spin_us, args.number);
  return out;
}

}  // namespace steward::soak
