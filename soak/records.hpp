#pragma once

#include "soak/oracle.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>
#include <vector>

// A history, read back line by line. Nothing is judged here but the form of the lines.
namespace steward::soak {

/// How something ended, as the pool says.
struct told_cause {
  std::string cls;
  int signal = 0;
  int code = 0;
  friend bool operator==(const told_cause&, const told_cause&) = default;
};
std::string describe(const told_cause& x);

struct task_record {
  std::int64_t submitted_us = 0;
  std::int64_t ended_us = 0;
  std::int64_t value = 0;
  std::uint32_t submissions = 0;
  std::uint32_t outcomes = 0;
  std::uint32_t attempts = 0;  ///< that the outcome says it has
  char kind = 0;               ///< first letter of the outcome's kind
};

struct attempt_row {
  unsigned attempt = 0;
  int pid = 0;
  told_cause why;
  std::int64_t ran_us = 0;
};

struct error_row {
  std::string kind;
  std::string work;
  told_cause why;
  std::vector<attempt_row> attempts;
};

struct fault_row {
  std::int64_t us = 0;
  fault_kind kind = fault_kind::none;
  int pid = 0;
  std::uint64_t number = 0;
  unsigned attempt = 0;  ///< 0 for a fault from outside
};

struct event_row {
  std::int64_t us = 0;
  std::string kind;
  std::string worker;
  std::uint64_t incarnation = 0;
  int pid = 0;
  told_cause why;
  bool has_task = false;
  std::uint64_t number = 0;
  unsigned attempt = 0;
  std::string fate;
  std::int64_t ran_us = 0;
  std::string action;
  std::int64_t recovery_us = 0;
};

struct sample_row {
  std::int64_t us = 0;
  std::uint64_t kib = 0;
};

struct records {
  std::map<std::string, std::uint64_t> parameters;
  std::map<std::string, std::uint64_t> found;
  std::vector<task_record> tasks;  ///< by number
  std::map<std::uint64_t, error_row> errors;
  std::vector<fault_row> faults;
  std::vector<event_row> events;
  std::vector<sample_row> samples;
  std::uint64_t submissions = 0;
};

/// Calls `complain` for each line that is not of the form, or out of place: a number that is missing in a sequence, a
/// name that comes twice, a time before the one before.
records read_records(std::istream& in, const std::function<void(std::string)>& complain);

}  // namespace steward::soak
