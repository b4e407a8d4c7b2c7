#include "fault_tasks.hpp"

#include "pool/wire.hpp"
#include "pool/worker.hpp"
#include "process/channel.hpp"
#include "process/child.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <thread>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace steward::test {

namespace {

using process::first_child_fd;
using process::frame_kind;

constexpr std::size_t too_much = std::size_t{1} << 40;

[[noreturn]] void sleep_for_ever() {
  for (;;) ::pause();
}

void touch(const std::string& path) {
  if (std::FILE* mark = std::fopen(path.c_str(), "w")) std::fclose(mark);
}

std::int64_t hold(std::string path) {
  touch(path + "." + std::to_string(::getpid()));
  struct stat info {};
  while (::stat(path.c_str(), &info) != 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return 1;
}

std::int64_t with_sleeper(std::string path) {
  const auto pid = ::fork();
  if (pid == 0) sleep_for_ever();
  touch(path + ".sleeper." + std::to_string(pid));
  return hold(path);
}

std::int64_t act(const task_context& context, std::int64_t n, std::string how) {
  if (context.attempt == 1) do_pool_fault(how, context.task_id, n * n);
  return n * n;
}

std::int64_t always(const task_context& context, std::int64_t n, std::string how) {
  do_pool_fault(how, context.task_id, n * n);
  return n * n;
}

std::int64_t take_hostile(hostile x) { return x.n * x.n; }

hostile give_hostile(std::int64_t n, std::string how) {
  hostile out;
  out.n = n * n;
  out.when = hostile_moment::encode;
  out.how = std::move(how);
  return out;
}

hostile pass_hostile(hostile x) { return x; }

void write_bytes(const void* data, std::size_t count) { static_cast<void>(!::write(first_child_fd, data, count)); }

/// A header as channel.hpp documents it.
struct raw_header {
  std::uint32_t magic = process::frame_magic;
  std::uint32_t length = 0;
  std::uint16_t kind = static_cast<std::uint16_t>(frame_kind::result);
  std::uint16_t flags = 0;
  std::uint32_t reserved = 0;
  std::uint64_t id = 0;
};
static_assert(sizeof(raw_header) == process::frame_header_bytes);

void reply(std::uint64_t task_id, std::int64_t value) {
  bytes payload;
  encode_all(payload, std::uint64_t{1'000}, std::uint64_t{0}, std::uint64_t{1}, value);
  process::write_frame(first_child_fd, frame_kind::result, pooling::flag_done, task_id, payload);
}

// What the division is by is not known to the compiler, and no sanitizer is to notice it before the processor does.
#if defined(__clang__)
__attribute__((no_sanitize("integer-divide-by-zero")))
#elif defined(__GNUC__)
__attribute__((no_sanitize_undefined))
#endif
int divide(int divisor) {
  volatile int by = divisor;
  return 7 / by;
}

void touch_beyond_end() {
  const int fd = ::memfd_create("empty", MFD_CLOEXEC);
  auto* page = static_cast<volatile char*>(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  page[0] = 1;
}

void fault_on_the_wire(const std::string& how, std::uint64_t task_id, std::int64_t value) {
  raw_header header;
  header.id = task_id;
  if (how == "partial") {
    header.length = 1000;
    write_bytes(&header, sizeof header);
    write_bytes("eleven byte", 11);
    ::_exit(5);
  }
  if (how == "huge_length") header.length = 0xffffffffU;
  if (how == "wrong_id") header.id = task_id + 1'000'000;
  if (how == "wrong_kind") header.kind = 77;
  if (how == "bad_magic") header.magic = 0x12345678;
  if (how == "wrong_id") {
    reply(header.id, value);
  } else if (how == "reply_twice") {
    reply(task_id, value);
    reply(task_id, value);
  } else {
    write_bytes(&header, sizeof header);
  }
  sleep_for_ever();
}

void run_out_of_memory(const std::string& how) {
  if (how == "bad_alloc") throw std::bad_alloc{};
  if (how == "bad_alloc_uncaught") {
    [[maybe_unused]] const auto end = [](std::size_t bytes) noexcept { return std::string(bytes, 'x'); };
    std::printf("%zu", end(too_much).size());
  }
  // The limit of the address space makes it null; nobody looks.
  auto* memory = static_cast<volatile char*>(std::malloc(std::size_t{8} << 30));
  memory[0] = 1;
}

}  // namespace

void be_hostile(const hostile& x, hostile_moment now) {
  if (x.when == now && x.in_worker == in_worker_process()) do_fault(x.how);
}

void do_pool_fault(const std::string& how, std::uint64_t task_id, std::int64_t value) {
  if (how == "terminate") {
    std::terminate();
  } else if (how == "fpe") {
    std::printf("%d", divide(0));
  } else if (how == "bus") {
    touch_beyond_end();
  } else if (how == "ill") {
    std::raise(SIGILL);
  } else if (how == "deaf") {
    std::signal(SIGTERM, SIG_IGN);
    for (volatile bool on = true; on;) {
    }
  } else if (how == "reply_then_die" || how == "reply_then_kill") {
    reply(task_id, value);
    if (how == "reply_then_kill") ::kill(::getpid(), SIGKILL);
    ::_exit(6);
  } else if (how == "partial" || how == "huge_length" || how == "wrong_id" || how == "wrong_kind" ||
             how == "bad_magic" || how == "reply_twice") {
    fault_on_the_wire(how, task_id, value);
  } else if (how == "bad_alloc" || how == "bad_alloc_uncaught" || how == "malloc_unchecked") {
    run_out_of_memory(how);
  } else {
    do_fault(how);
  }
}

fault_tasks_t& fault_tasks() {
  static fault_tasks_t all = [] {
    auto& registry = tasks().registry;
    fault_tasks_t t;
    t.act = registry.add("act", &act);
    t.always = registry.add("always", &always);
    t.hold = registry.add("hold", &hold);
    t.with_sleeper = registry.add("with_sleeper", &with_sleeper);
    t.take_hostile = registry.add("take_hostile", &take_hostile);
    t.give_hostile = registry.add("give_hostile", &give_hostile);
    t.pass_hostile = registry.add("pass_hostile", &pass_hostile);
    return t;
  }();
  return all;
}

bool& in_worker_process() {
  static bool yes = false;
  return yes;
}

shared_notes& notes() {
  static auto* shared = [] {
    void* memory = ::mmap(nullptr, sizeof(shared_notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? nullptr : new (memory) shared_notes;
  }();
  return *shared;
}

}  // namespace steward::test
