#include "actors/tasks.hpp"

#include <steward/task_actors.hpp>

#include <gmp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <thread>
#include <vector>

namespace steward::ready_made {

namespace {

constexpr milliseconds task_answers_within{10'000};
constexpr std::uint32_t max_wait_ms = 60'000;

}  // namespace

// Faults have names of their own in the program's symbol table, so that reports can tell them.
namespace faults {

void fail() { throw std::logic_error("nobody catches this one"); }
void call_what_must_not_throw(void (*f)()) noexcept { f(); }

[[gnu::noinline]] void segfault() {
  volatile int* volatile nowhere = reinterpret_cast<int*>(0x10);
  *nowhere = 1;
}

int overflow_the_stack(volatile int* depth) {
  volatile char frame[4096];
  frame[0] = static_cast<char>(*depth);
  if (*depth < 0) return 0;  // never, but the compiler cannot know
  *depth = *depth / 2 + 1;
  return overflow_the_stack(depth) + frame[0];
}

void use_all_memory() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    throw std::logic_error("the fault 'memory' needs a pool with a memory_limit");
  std::vector<std::unique_ptr<char[]>> hoard;
  for (;;) hoard.push_back(std::make_unique_for_overwrite<char[]>(std::size_t{1} << 24U));
}

}  // namespace faults

namespace {

void meet(const std::string& fault) {
  if (fault == "none") return;
  if (fault == "exception") throw std::runtime_error("this attempt was told to throw");
  if (fault == "uncaught") return faults::call_what_must_not_throw(faults::fail);
  if (fault == "segfault") return faults::segfault();
  volatile int depth = 0;
  if (fault == "stack_overflow") return static_cast<void>(faults::overflow_the_stack(&depth));
  if (fault == "abort") std::abort();
  if (fault == "exit") std::_Exit(0);
  if (fault == "kill") return static_cast<void>(::kill(::getpid(), SIGKILL));
  if (fault == "memory") return faults::use_all_memory();
  if (fault == "loop")
    for (volatile bool forever = true; forever;) {
    }
  throw std::invalid_argument("square_unless knows no fault '" + fault + "'");
}

}  // namespace

std::int64_t square(std::int64_t n) {
  std::int64_t out = 0;
  if (__builtin_mul_overflow(n, n, &out))
    throw std::overflow_error("the square of " + std::to_string(n) + " does not fit in 64 bits");
  return out;
}

std::string factorial(std::uint32_t n) {
  if (n > max_factorial)
    throw std::out_of_range("factorial of " + std::to_string(n) + ": the limit is " + std::to_string(max_factorial));
  mpz_t value;
  mpz_init(value);
  mpz_fac_ui(value, n);
  std::string digits(mpz_sizeinbase(value, 10) + 2, '\0');
  mpz_get_str(digits.data(), 10, value);
  mpz_clear(value);
  digits.resize(digits.find('\0'));
  return digits;
}

std::uint32_t wait_ms(std::uint32_t milliseconds) {
  if (milliseconds > max_wait_ms) throw std::out_of_range("wait_ms: the limit is " + std::to_string(max_wait_ms));
  std::this_thread::sleep_for(std::chrono::milliseconds{milliseconds});
  return milliseconds;
}

std::uint32_t count_primes(std::uint32_t limit) {
  std::uint32_t count = 0;
  for (std::uint32_t n = 2; n < limit; ++n) {
    bool prime = true;
    for (std::uint64_t d = 2; prime && d * d <= n; ++d) prime = n % d != 0;
    if (prime) ++count;
  }
  return count;
}

std::int64_t square_unless(const task_context& context, std::int64_t n, std::string fault) {
  if (context.attempt == 1) meet(fault);
  return square(n);
}

std::int64_t tally(const task_context& context, std::string who, std::uint32_t times) {
  std::int64_t last = 0;
  for (std::uint32_t i = 0; i < times; ++i)
    last = ask<std::int64_t>(context, "words", task_answers_within, caf::add_atom::value, who, std::int64_t{1}).value();
  ask<void>(context, "numbers", task_answers_within, caf::add_atom::value, static_cast<std::int64_t>(times)).value();
  return last;
}

}  // namespace steward::ready_made
