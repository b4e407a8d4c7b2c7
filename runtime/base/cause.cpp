#include "steward/cause.hpp"

#include "base/text.hpp"
#include "base/thrown_frames.hpp"

#include <cxxabi.h>
#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <typeinfo>
#include <utility>

namespace steward {
namespace {

constexpr int max_nesting = 16;

// std::throw_with_nested throws a type of the library's own that wraps the user's; only the user's is of interest.
std::string without_nesting_wrapper(std::string name) {
  constexpr std::string_view wrapper = "std::_Nested_exception<";
  if (name.starts_with(wrapper) && name.ends_with('>')) {
    name = name.substr(wrapper.size(), name.size() - wrapper.size() - 1);
  }
  while (name.ends_with(' ')) {
    name.pop_back();
  }
  return name;
}

std::string type_name(const std::type_info& type) { return without_nesting_wrapper(demangle(type.name())); }

// The type of the exception that the enclosing handler has caught.
std::string type_name_in_flight() {
  const auto* type = abi::__cxa_current_exception_type();
  return type == nullptr ? std::string{} : demangle(type->name());
}

void read_exception(std::exception_ptr problem, cause& out, int depth) {
  std::exception_ptr inner;
  try {
    std::rethrow_exception(std::move(problem));
  } catch (const std::exception& e) {
    out.exception = type_name(typeid(e));
    out.message = text_of(e);
    if (const auto* nested = dynamic_cast<const std::nested_exception*>(&e)) {
      inner = nested->nested_ptr();
    }
  } catch (...) {
    const auto name = type_name_in_flight();
    out.exception = "unknown exception";
    out.message = name.empty() ? "of a type that cannot be named" : "of type " + name;
  }
  if (inner && depth < max_nesting) {
    cause below;
    read_exception(std::move(inner), below, depth + 1);
    out.message += fmt::format("; caused by {}: {}", below.exception, below.message);
  }
}

std::string with_text(std::string head, const cause& why) {
  if (!why.exception.empty()) {
    head += fmt::format(" after {}", why.exception);
    if (!why.message.empty()) {
      head += fmt::format(": {}", why.message);
    }
  } else if (!why.message.empty()) {
    head += fmt::format(": {}", why.message);
  }
  return head;
}

/// A frame at one glance: "ns::f(int, char)+0x2e (program+0x14af2e)" without its parameters and numbers; those stay in
/// `cause::frames`. A frame that is only a place in a file stays as it is.
std::string_view name_of(std::string_view frame) {
  const auto parameters = frame.find('(');
  const bool has_parameters = parameters != std::string_view::npos && parameters > 0 && frame[parameters - 1] != ' ';
  return has_parameters ? frame.substr(0, parameters) : frame;
}

std::string describe_signal(const cause& why) {
  auto head = signal_name(why.signal);
  if (why.address) {
    head += fmt::format(" at {:#x}", *why.address);
  }
  if (!why.frames.empty()) {
    head += fmt::format(" in {}", name_of(why.frames.front()));
  }
  return with_text(std::move(head), why);
}

std::string describe_exception(const cause& why) {
  auto text = why.exception.empty() ? std::string{"exception"} : why.exception;
  if (!why.message.empty()) text += ": " + why.message;
  if (!why.frames.empty()) text += fmt::format(", thrown in {}", name_of(why.frames.front()));
  return text;
}

std::atomic<const thrown_frames*> frames_known_by{nullptr};

}  // namespace

const char* to_string(cause_class cls) noexcept {
  switch (cls) {
    case cause_class::none:
      return "none";
    case cause_class::exception:
      return "exception";
    case cause_class::signal:
      return "signal";
    case cause_class::exit:
      return "exit";
    case cause_class::quit:
      return "quit";
    case cause_class::deadline:
      return "deadline";
    case cause_class::heartbeat:
      return "heartbeat";
    case cause_class::memory:
      return "memory";
    case cause_class::killed:
      return "killed";
    case cause_class::start:
      return "start";
    case cause_class::protocol:
      return "protocol";
  }
  return "unknown";
}

std::string signal_name(int number) {
  // sigabbrev_np leaves out the prefix, and has no name for the real-time signals.
  if (const char* name = sigabbrev_np(number)) {
    return fmt::format("SIG{}", name);
  }
  return fmt::format("signal {}", number);
}

std::string demangle(const char* mangled) {
  if (mangled == nullptr) {
    return {};
  }
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> readable{abi::__cxa_demangle(mangled, nullptr, nullptr, &status),
                                                             &std::free};
  return status == 0 && readable ? std::string{readable.get()} : std::string{mangled};
}

std::string describe(const cause& why) {
  switch (why.cls) {
    case cause_class::none:
      return with_text("ended in order", why);
    case cause_class::exception:
      return describe_exception(why);
    case cause_class::signal:
      return describe_signal(why);
    case cause_class::exit:
      return with_text(fmt::format("exit code {}", why.code), why);
    case cause_class::quit:
      return with_text("quit", why);
    case cause_class::deadline:
      return with_text("ran past its deadline", why);
    case cause_class::heartbeat:
      return with_text("gave no sign of life", why);
    case cause_class::memory:
      return with_text("out of memory", why);
    case cause_class::killed:
      return with_text("ended on purpose", why);
    case cause_class::start:
      return with_text("did not start", why);
    case cause_class::protocol:
      return with_text("broke the protocol", why);
  }
  return with_text("unknown cause", why);
}

void set_thrown_frames(const thrown_frames& how) noexcept { frames_known_by.store(&how, std::memory_order_release); }

void add_thrown_frames(cause& to, const std::exception_ptr& problem) {
  if (const auto* how = frames_known_by.load(std::memory_order_acquire); how && problem)
    to.frames = how->names(problem);
}

std::vector<std::uint64_t> thrown_addresses(const std::exception_ptr& problem) {
  const auto* how = frames_known_by.load(std::memory_order_acquire);
  return how && problem ? how->addresses(problem) : std::vector<std::uint64_t>{};
}

cause cause_without_frames(std::exception_ptr problem) {
  cause why;
  why.cls = cause_class::exception;
  if (!problem) {
    why.exception = "unknown exception";
    return why;
  }
  read_exception(std::move(problem), why, 0);
  if (why.message.size() > max_reason_bytes) why.message = shorten(why.message, max_reason_bytes);
  return why;
}

cause cause_of(std::exception_ptr problem) {
  auto why = cause_without_frames(problem);
  add_thrown_frames(why, problem);
  return why;
}

}  // namespace steward
