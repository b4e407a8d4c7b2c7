#pragma once

#include "observe/run_view.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace steward::test {

/// Events as a run would tell them, one a second, from 2023-11-14 22:13:21 UTC on.
class history {
public:
  explicit history(std::string run = "r-1") : run_(std::move(run)) {}

  event& next(event_kind kind, std::string actor = {}, std::uint64_t incarnation = 0);
  void begins(const std::string& scenario);
  void ends(int code);
  /// Adds a child that is up.
  void adds(const std::string& path, const std::string& kind, const std::string& type);
  /// A crash by an exception, and the restart after it.
  void crashes(const std::string& path, std::uint64_t incarnation, unsigned restarts, unsigned limit);

  std::string next_crash();

  run_view folded() const;
  /// As lines of an events file.
  std::string text() const;
  std::vector<event> events;

private:
  std::string run_;
  std::uint64_t crashes_ = 0;
};

/// A supervisor with an actor that crashes and a pool whose worker is killed.
history usual_history();

/// A folder that goes with the test.
class scratch {
public:
  scratch();
  ~scratch();
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string write(const std::string& name, const std::string& text) const;

private:
  std::filesystem::path folder_;
};

/// Sets a variable of the environment as long as it lives.
class variable {
public:
  variable(const char* name, const char* value);
  ~variable();
  variable(const variable&) = delete;
  variable& operator=(const variable&) = delete;

private:
  const char* name_;
  std::string before_;
  bool was_set_;
};

}  // namespace steward::test
