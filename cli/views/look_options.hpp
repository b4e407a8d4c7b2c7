#pragma once

#include "cli/views/paper.hpp"
#include "cli/views/run_source.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace steward::cli {

/// What the commands that look at a run have in common: which run, which format, on what.
class look_options {
public:
  /// `formats`: of `-o`; the first is the usual one, and "json" is there as `--json`, too.
  void add_to(CLI::App& app, std::vector<std::string> formats = {"text", "json"},
              const char* format_option = "-o,--output");

  std::unique_ptr<run_source> open() const;
  const std::string& run() const noexcept { return run_; }
  const std::string& id() const noexcept { return id_; }
  /// The run as the next command has to name it; empty for the only live one.
  std::string named() const { return run_ + (id_.empty() ? "" : " --run " + id_); }
  const std::string& format() const noexcept;
  bool as_json() const noexcept { return format() == "json"; }
  paper on() const { return paper_of_output(colour_); }

  /// Says on standard error what is no error: "steward ps: ...".
  void say(const std::string& what) const;
  /// What is to be known of a view beside the data: what `from` remarks, and gaps.
  void say_remarks(const run_source& from, const run_view& view) const;

private:
  std::string verb_;
  std::string run_;
  std::string id_;
  std::string format_;
  std::string colour_ = "auto";
  bool json_ = false;
};

/// "steward ps: what". The one form of what these commands say on standard error.
void say_of(const std::string& verb, const std::string& what);

/// Runs `body`; says why where it cannot look, and returns the exit code for that.
int looking(const char* command, const std::function<int()>& body);

}  // namespace steward::cli
