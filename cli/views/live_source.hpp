#pragma once

#include "cli/views/control_client.hpp"
#include "cli/views/run_finder.hpp"
#include "cli/views/run_source.hpp"

#include <string>

namespace steward::cli {

/// A run that lives, asked over its control socket.
class live_source : public run_source {
public:
  explicit live_source(live_run run) : run_(std::move(run)), server_(run_.socket) {}

  run_view view() override;
  void events_after(std::uint64_t after, const event_taker& f) override;
  void follow(std::uint64_t after, const event_taker& f, const patience& waits) override;
  bool is_live() const override { return true; }

private:
  live_run run_;
  control_client server_;
};

/// What a server says is wrong: the text of its problem+json, or what there is.
std::string problem_in(const http_answer& answer);

}  // namespace steward::cli
