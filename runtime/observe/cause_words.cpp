#include "observe/cause_words.hpp"

#include <fmt/format.h>

#include <csignal>
#include <cstring>
#include <string_view>

namespace steward {
namespace {

struct origin {
  int signal;  ///< 0: of any
  int code;
  std::string_view meaning;
};

constexpr origin origins[] = {
    {SIGSEGV, SEGV_MAPERR, "nothing is mapped at that address (SEGV_MAPERR)"},
    {SIGSEGV, SEGV_ACCERR, "the memory at that address may not be used so (SEGV_ACCERR)"},
    {SIGSEGV, SI_KERNEL, "the address is none that a program can have (SI_KERNEL)"},
    {SIGBUS, BUS_ADRALN, "the address is not aligned (BUS_ADRALN)"},
    {SIGBUS, BUS_ADRERR, "there is nothing behind that address, such as a file that was cut (BUS_ADRERR)"},
    {SIGBUS, BUS_OBJERR, "the hardware reports an error (BUS_OBJERR)"},
    {SIGFPE, FPE_INTDIV, "an integer was divided by zero (FPE_INTDIV)"},
    {SIGFPE, FPE_INTOVF, "an integer overflowed (FPE_INTOVF)"},
    {SIGFPE, FPE_FLTDIV, "a number was divided by zero (FPE_FLTDIV)"},
    {SIGILL, ILL_ILLOPC, "there is no such instruction (ILL_ILLOPC)"},
    {SIGILL, ILL_ILLOPN, "the instruction has a wrong operand (ILL_ILLOPN)"},
    {0, SI_USER, "it was sent by kill (SI_USER)"},
    {0, SI_QUEUE, "it was sent by sigqueue (SI_QUEUE)"},
    {0, SI_TKILL, "the program sent it to itself, by abort or raise, or somebody by tgkill (SI_TKILL)"},
    {0, SI_KERNEL, "the kernel sent it (SI_KERNEL)"},
};

bool is_fault(int signal) {
  return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL || signal == SIGTRAP;
}

/// Without last words there is only how it ended, and that has codes of its own.
bool has_origin(const cause& why) { return is_fault(why.signal) || !why.frames.empty(); }

}  // namespace

std::string meaning_of(const cause& why) {
  if (why.signal != 0) {
    const char* words = ::sigdescr_np(why.signal);
    std::string out = words != nullptr ? words : "";
    if (!has_origin(why)) return out;
    for (const auto& one : origins)
      if ((one.signal == 0 || one.signal == why.signal) && one.code == why.code)
        return out + (out.empty() ? "" : ": ") + std::string{one.meaning};
    return out;
  }
  if (why.cls != cause_class::exit) return {};
  if (why.code == 0) return "it ended by itself as if all were well, with work in hand";
  if (why.code > 128 && why.code < 128 + NSIG) return fmt::format("as shells tell of {}", signal_name(why.code - 128));
  return why.code == 127 ? "as shells tell of a program that is not there" : std::string{};
}

std::string author_of(const cause& why, int pid) {
  if (why.sender_pid != 0 && why.sender_pid == pid) return "it sent the signal to itself (kill, raise or abort)";
  if (why.sender_pid != 0) {
    const auto user = why.sender_uid ? fmt::format(" of uid {}", *why.sender_uid) : std::string{};
    return fmt::format("pid {}{} sent the signal", why.sender_pid, user);
  }
  switch (why.cls) {
    case cause_class::deadline:
      return "steward ended it: a task ran past its deadline";
    case cause_class::heartbeat:
      return "steward ended it: it did nothing any more";
    case cause_class::killed:
      return "steward ended it on purpose";
    case cause_class::start:
      return "steward ended it: it never became ready";
    case cause_class::protocol:
      return "steward ended it: what it sent was not the protocol";
    case cause_class::signal:
      return is_fault(why.signal) || why.signal == SIGABRT ? "a fault of its own; steward sent no signal"
                                                           : "steward did not send it: another process did, or it "
                                                             "did so itself, or the kernel for want of memory";
    case cause_class::none:
    case cause_class::exception:
    case cause_class::exit:
    case cause_class::quit:
    case cause_class::memory:
      return {};
  }
  return {};
}

}  // namespace steward
