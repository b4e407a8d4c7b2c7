#pragma once

#include "cli/views/control_client.hpp"
#include "cli/views/run_finder.hpp"
#include "cli/views/run_source.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace steward::cli {

/// A run that lives, asked over its control socket.
class live_source : public run_source {
public:
  explicit live_source(live_run run) : run_(std::move(run)), server_(run_.socket) {}

  /// Throws where it is another run than the one with this id.
  void expect(const std::string& id);

  run_view view() override;
  /// Throws where the events up to that moment are not kept any more.
  run_view view_at(const moment& when) override;
  std::optional<std::uint64_t> newest() override;
  void events_after(std::uint64_t after, const event_taker& f) override;
  void follow(std::uint64_t after, const event_taker& f, const patience& waits) override;
  bool is_live() const override { return true; }
  std::vector<std::string> remarks() const override;

private:
  void note_gap(std::uint64_t after, std::uint64_t seq) noexcept;

  live_run run_;
  control_client server_;
  bool broke_off_ = false;     // a stream, and the run has not told its end
  std::uint64_t missing_ = 0;  // events that the run does not keep any more
};

/// What a server says is wrong: the text of its problem+json, or what there is.
std::string problem_in(const http_answer& answer);

}  // namespace steward::cli
