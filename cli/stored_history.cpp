#include "cli/stored_history.hpp"

#include <stdexcept>

namespace steward::cli {

void stored_history::events_after(std::uint64_t after, const event_taker& f) { opened().events_after(after, f); }

std::vector<sample> stored_history::samples_of(const std::string& path, time_point from, time_point to,
                                               std::chrono::milliseconds step) {
  return opened().samples_of(path, from, to, step);
}

event_history& stored_history::opened() {
  if (history_) return *history_;
  if (!reader_) reader_ = std::make_unique<store::reader>(directory_);
  const auto run = reader_->find_run(run_);
  if (!run) throw std::runtime_error(directory_ + " has nothing of this run yet");
  history_ = reader_->history(*run);
  return *history_;
}

}  // namespace steward::cli
