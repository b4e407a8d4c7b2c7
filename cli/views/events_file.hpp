#pragma once

#include "cli/views/run_source.hpp"
#include "observe/event_reader.hpp"

#include <cstddef>
#include <map>
#include <string>

namespace steward::cli {

/// One run of an events file: the one that has written the last line, or the one that is named. "-" is standard input,
/// which is read to its end first.
///
/// The file is read anew with each call, so that it may grow meanwhile. Lines that are no events are passed over and
/// remarked.
class events_file : public run_source {
public:
  /// Throws `cannot_look` for a file that cannot be read, has no event, or does not have the run.
  explicit events_file(std::string path, std::string run = {});
  ~events_file() override;

  run_view view() override;
  void events_after(std::uint64_t after, const event_taker& f) override;
  void follow(std::uint64_t after, const event_taker& f, const patience& waits) override;
  bool is_live() const override { return false; }
  std::vector<std::string> remarks() const override;

private:
  class pass;

  void find_run(const std::string& wanted);
  int open() const;

  std::string path_;
  std::string name_;
  int kept_ = -1;  // what came from standard input
  std::string run_;
  std::map<std::string, std::string> others_;  // by id: what they ran
  std::uint64_t faults_ = 0;
  line_fault first_fault_;
  bool torn_ = false;
};

}  // namespace steward::cli
