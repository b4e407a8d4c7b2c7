#pragma once

#include "steward/cause.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace steward {

/// How a task ended. Every submitted task gets exactly one of these.
enum class outcome_kind : std::uint8_t {
  value,        ///< it returned
  exception,    ///< it threw; reported at once
  deadline,     ///< it ran past its deadline and was ended
  quarantined,  ///< each of its attempts killed its worker
  rejected,     ///< the queue was full, or it found no room in a worker; it was not started
  cancelled,    ///< the pool was stopped before it was started
  pool_gone,    ///< the pool gave up, or was destroyed, before it ended
};

/// Whether the task's function ran, for callers that must know about side effects.
enum class work_state : std::uint8_t {
  not_started,  ///< it never ran
  failed,       ///< it ran and ended with an error
  unknown,      ///< its worker died while it ran
};

/// One run of a task that did not end with an answer.
struct attempt_record {
  unsigned attempt = 1;  ///< counts from 1
  std::string worker;    ///< such as "w2"
  int pid = 0;           ///< of the worker process; 0 for a thread
  cause why;
  double ran_ms = 0.0;
};

/// Why a task has no value.
struct task_error {
  outcome_kind kind = outcome_kind::exception;
  work_state work = work_state::failed;
  std::uint64_t task_id = 0;
  std::string task;  ///< the task's name
  cause why;
  std::vector<attempt_record> attempts;  ///< each attempt that killed its worker or was retried

  /// Throws what the task threw, with its own type, where it ran on a thread of this program (`why.original`);
  /// `task_failed` elsewhere.
  [[noreturn]] void rethrow() const;
};

[[nodiscard]] const char* to_string(outcome_kind x) noexcept;
[[nodiscard]] const char* to_string(work_state x) noexcept;

/// One line: which task, what happened, in which attempt, in which process.
[[nodiscard]] std::string describe(const task_error& error);

/// Thrown by calls that want values and met a task without one.
class task_failed : public std::runtime_error {
public:
  explicit task_failed(task_error error);
  [[nodiscard]] const task_error& error() const noexcept { return error_; }

private:
  task_error error_;
};

/// The one result of a task: a value or an error.
template <class T>
class [[nodiscard]] outcome {
public:
  outcome(T value, double ran_ms) : content_(std::in_place_index<0>, std::move(value)), ran_ms_(ran_ms) {}
  explicit outcome(task_error error) : content_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool ok() const noexcept { return content_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  /// The value. Throws `task_failed` when there is none.
  const T& value() const& {
    require_value();
    return std::get<0>(content_);
  }
  T&& value() && {
    require_value();
    return std::get<0>(std::move(content_));
  }

  /// The value, or what the task threw, as `task_error::rethrow` does.
  const T& value_or_rethrow() const& {
    if (const auto* error = std::get_if<1>(&content_)) error->rethrow();
    return std::get<0>(content_);
  }
  T&& value_or_rethrow() && {
    if (const auto* error = std::get_if<1>(&content_)) error->rethrow();
    return std::get<0>(std::move(content_));
  }

  /// The error. Only call it when `ok()` is false.
  [[nodiscard]] const task_error& error() const { return std::get<1>(content_); }
  [[nodiscard]] task_error take_error() && { return std::get<1>(std::move(content_)); }

  /// Milliseconds that the successful run took; 0 for an error.
  [[nodiscard]] double ran_ms() const noexcept { return ran_ms_; }

private:
  void require_value() const {
    if (const auto* error = std::get_if<1>(&content_)) throw task_failed(*error);
  }

  std::variant<T, task_error> content_;
  double ran_ms_ = 0.0;
};

}  // namespace steward
