#pragma once

#include "cli/views/run_entry.hpp"
#include "cli/views/run_source.hpp"
#include "observe/event_reader.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace steward::cli {

/// One run of an events file: the one that has written the last line, or the one that is named by its id or its
/// scenario. "-" is standard input,
/// which is read to its end first.
///
/// The file is read anew with each call, so that it may grow meanwhile. Lines that are no events are passed over and
/// remarked.
class events_file : public run_source {
public:
  /// Throws `cannot_look` for a file that cannot be read, has no event, or does not have the run.
  explicit events_file(std::string path, std::string run = {});
  ~events_file() override;

  /// All runs of the file, as it was when it was opened.
  const std::vector<run_entry>& runs() const noexcept { return runs_; }

  run_view view() override;
  void events_after(std::uint64_t after, const event_taker& f) override;
  void follow(std::uint64_t after, const event_taker& f, const patience& waits) override;
  bool is_live() const override { return false; }
  std::shared_ptr<event_history> history() override;
  std::vector<std::string> remarks() const override;

private:
  class pass;

  void find_run(const std::string& wanted);
  int open() const;

  std::string path_;
  std::string name_;
  int kept_ = -1;  // what came from standard input
  std::string run_;
  std::vector<run_entry> runs_;  // the first so many, in the order in which they began
  std::uint64_t faults_ = 0;
  line_fault first_fault_;
  bool torn_ = false;
};

}  // namespace steward::cli
