#include "steward/outcome.hpp"

namespace steward {

const char* to_string(outcome_kind x) noexcept {
  switch (x) {
    case outcome_kind::value:
      return "value";
    case outcome_kind::exception:
      return "exception";
    case outcome_kind::deadline:
      return "deadline";
    case outcome_kind::quarantined:
      return "quarantined";
    case outcome_kind::rejected:
      return "rejected";
    case outcome_kind::cancelled:
      return "cancelled";
    case outcome_kind::pool_gone:
      return "pool_gone";
  }
  return "?";
}

const char* to_string(work_state x) noexcept {
  switch (x) {
    case work_state::not_started:
      return "not_started";
    case work_state::failed:
      return "failed";
    case work_state::unknown:
      return "unknown";
  }
  return "?";
}

namespace {

std::string what_happened(const task_error& error) {
  const auto runs = std::to_string(error.attempts.size());
  switch (error.kind) {
    case outcome_kind::value:
      return "ended";
    case outcome_kind::exception:
      return "threw";
    case outcome_kind::deadline:
      return "ran past its deadline";
    case outcome_kind::quarantined:
      return "is quarantined after " + runs + (error.attempts.size() == 1 ? " attempt" : " attempts");
    case outcome_kind::rejected:
      return "was rejected";
    case outcome_kind::cancelled:
      return "was cancelled";
    case outcome_kind::pool_gone:
      return "lost its pool";
  }
  return "failed";
}

/// Whether what happened says already of which class the cause is.
bool says_its_cause(const task_error& error) {
  const auto cls = error.why.cls;
  return (error.kind == outcome_kind::deadline && cls == cause_class::deadline) ||
         (error.kind == outcome_kind::cancelled && cls == cause_class::killed) || cls == cause_class::none;
}

}  // namespace

std::string describe(const task_error& error) {
  std::string out = "task " + std::to_string(error.task_id) + " " + error.task + " " + what_happened(error);
  if (says_its_cause(error)) {
    if (!error.why.message.empty()) out += ": " + error.why.message;
  } else {
    out += ": " + describe(error.why);
  }
  if (!error.attempts.empty()) {
    const auto& last = error.attempts.back();
    out += " (attempt " + std::to_string(last.attempt) + " in " + last.worker;
    if (last.pid != 0) out += ", pid " + std::to_string(last.pid);
    out += ")";
  }
  switch (error.work) {
    case work_state::not_started:
      return out + "; it was not started";
    case work_state::failed:
      return out;
    case work_state::unknown:
      return out + "; how far it came is unknown";
  }
  return out;
}

void task_error::rethrow() const {
  if (why.original) std::rethrow_exception(why.original);
  throw task_failed(*this);
}

task_failed::task_failed(task_error error) : std::runtime_error(describe(error)), error_(std::move(error)) {}

}  // namespace steward
