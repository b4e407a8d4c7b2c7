#include "cli/event_outlets.hpp"

#include "observe/standard_streams.hpp"
#include "steward/cause.hpp"
#include "steward/sinks.hpp"

#include <cerrno>

namespace steward::cli {

using standard_streams::say;

namespace {

/// This long without any progress is a reader of the output waited for once the run is to stop.
constexpr int patience_after_stop_ms = 2'000;

console_detail detail_of(const event_options& x) {
  return x.quiet ? console_detail::quiet : (x.verbose ? console_detail::verbose : console_detail::normal);
}

}  // namespace

event_outlets::event_outlets(event_log& events, const event_options& request) {
  if (!request.events_file.empty()) {
    file_ = std::make_unique<file_sink>(request.events_file);
    events.add_sink([this](const event& e) { file_->write(e); });
  }
  if (request.json) {
    events.add_sink([](const event& e) { standard_streams::print(to_json_line(e) + "\n"); });
  } else {
    console_options options;
    options.colour = request.colour;
    options.dates = request.dates;
    options.detail = detail_of(request);
    console_ = std::make_unique<console_view>(options, say);
    events.add_sink([this](const event& e) { console_->show(e); });
  }
  events.add_sink([this](const event& e) {
    if (e.kind == event_kind::crash || e.kind == event_kind::hang) crashes_.fetch_add(1);
  });
}

void event_outlets::finish() {
  if (console_) console_->finish();
  standard_streams::finish();
  if (file_) file_->finish();
}

bool event_outlets::tell_problem(const char* consequence) {
  const auto problem = file_ ? file_->take_error() : std::nullopt;
  if (problem) say("steward: " + *problem + consequence + "\n");
  return problem && file_->problem() != EPIPE;
}

void event_outlets::stop_was_asked_for(int signal) {
  say("steward: " + signal_name(signal) + ": the run is being stopped; a second one ends it at once\n");
  standard_streams::hurry(patience_after_stop_ms);
  if (file_) file_->hurry(patience_after_stop_ms);
}

void event_outlets::reopen() {
  if (file_) file_->reopen();
}

}  // namespace steward::cli
