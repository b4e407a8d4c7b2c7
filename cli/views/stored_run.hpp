#pragma once

#include "cli/views/run_entry.hpp"
#include "cli/views/run_source.hpp"
#include "store/reader.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace steward::cli {

/// One run of a run directory: the newest, or the one that is named by its id or its scenario.
class stored_run : public run_source {
public:
  /// Throws `cannot_look` for a directory that cannot be read, or does not have the run.
  explicit stored_run(const std::string& directory, const std::string& run = {});

  /// All runs of a directory, in the order in which they began. Throws `cannot_look`.
  static std::vector<run_entry> runs_in(const std::string& directory);

  run_view view() override;
  run_view view_at(const moment& when) override;
  std::optional<std::uint64_t> newest() override;
  void events_after(std::uint64_t after, const event_taker& f) override;
  void follow(std::uint64_t after, const event_taker& f, const patience& waits) override;
  bool is_live() const override { return row_.status == store::run_status::live; }
  std::shared_ptr<event_history> history() override;
  std::vector<std::string> remarks() const override;

private:
  void renew();

  std::string name_;
  std::unique_ptr<store::reader> reader_;
  store::run_row row_;
  std::size_t others_ = 0;
};

}  // namespace steward::cli
