#include "steward/event.hpp"

#include "base/crash_id.hpp"
#include "base/text.hpp"

#include <fmt/format.h>

#include <random>
#include <utility>

namespace steward {
namespace {

constexpr std::size_t max_frames = 64;
constexpr std::size_t max_also = 64;

std::string random_run_id() {
  std::random_device source;
  return fmt::format("r-{:06x}", source() & 0xffffffU);
}

void cut(std::string& text, std::size_t max_bytes) {
  if (text.size() > max_bytes) {
    text = shorten(text, max_bytes);
  }
}

// Worker-made texts may be of any length; what goes to sinks is bounded, so that a single event is too.
void cut_texts(event& e) {
  constexpr auto limit = event_log::max_text_bytes;
  cut(e.text, limit);
  cut(e.actor, limit);
  if (e.why) {
    cut(e.why->exception, limit);
    cut(e.why->message, limit);
    if (e.why->frames.size() > max_frames) {
      e.why->frames.resize(max_frames);
    }
    for (auto& frame : e.why->frames) {
      cut(frame, limit);
    }
  }
  if (e.task) {
    cut(e.task->name, event_log::max_args_bytes);
    cut(e.task->args, event_log::max_args_bytes);
  }
  if (e.decision && e.decision->also.size() > max_also) {
    e.decision->also.resize(max_also);
  }
  if (e.child) cut(e.child->type, limit);
  if (e.stream) cut(*e.stream, event_log::max_args_bytes);
  if (e.by) cut(*e.by, event_log::max_args_bytes);
  if (e.scenario) {
    cut(e.scenario->name, limit);
    cut(e.scenario->file, limit);
  }
}

}  // namespace

const char* to_string(event_kind kind) noexcept {
  switch (kind) {
    case event_kind::run_start:
      return "run_start";
    case event_kind::run_end:
      return "run_end";
    case event_kind::start:
      return "start";
    case event_kind::ready:
      return "ready";
    case event_kind::stop:
      return "stop";
    case event_kind::crash:
      return "crash";
    case event_kind::hang:
      return "hang";
    case event_kind::restart:
      return "restart";
    case event_kind::recover:
      return "recover";
    case event_kind::backoff:
      return "backoff";
    case event_kind::limit:
      return "limit";
    case event_kind::escalate:
      return "escalate";
    case event_kind::give_up:
      return "give_up";
    case event_kind::task_retry:
      return "task_retry";
    case event_kind::task_quarantine:
      return "task_quarantine";
    case event_kind::task_fail:
      return "task_fail";
    case event_kind::quarantine:
      return "quarantine";
    case event_kind::park:
      return "park";
    case event_kind::dead_letter:
      return "dead_letter";
    case event_kind::config:
      return "config";
    case event_kind::operator_:
      return "operator";
    case event_kind::warn:
      return "warn";
    case event_kind::output:
      return "output";
    case event_kind::log:
      return "log";
    case event_kind::child:
      return "child";
  }
  return "unknown";
}

const char* to_string(event_level level) noexcept {
  switch (level) {
    case event_level::debug:
      return "debug";
    case event_level::info:
      return "info";
    case event_level::warn:
      return "warn";
    case event_level::error:
      return "error";
  }
  return "unknown";
}

event_log::event_log(std::string run_id) : run_id_{run_id.empty() ? random_run_id() : std::move(run_id)} {}

void event_log::add_sink(sink s) {
  const std::lock_guard guard{mutex_};
  sinks_.push_back(std::move(s));
  heard_.store(true, std::memory_order_release);
}

void event_log::pass_over() {
  const std::lock_guard guard{mutex_};
  ++last_seq_;
}

void event_log::emit(event e) {
  static const cause unknown;
  cut_texts(e);
  e.run = run_id_;
  const bool crash = e.kind == event_kind::crash;
  if (crash) e.fingerprint = fingerprint_of(e.why ? *e.why : unknown);
  const std::lock_guard guard{mutex_};
  // Number and time are taken together under the lock, so that both grow in the order in which sinks see the events.
  e.seq = ++last_seq_;
  e.ts = std::chrono::system_clock::now();
  if (crash) e.id = crash_id(++crashes_);
  for (const auto& s : sinks_) {
    s(e);
  }
}

}  // namespace steward
