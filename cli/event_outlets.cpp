#include "cli/event_outlets.hpp"

#include "cli/exit_codes.hpp"
#include "observe/standard_streams.hpp"
#include "steward/cause.hpp"
#include "steward/sinks.hpp"
#include "store/reader.hpp"

#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace steward::cli {

using standard_streams::say;

namespace {

/// This long without any progress is a reader of the output waited for once the run is to stop.
constexpr int patience_after_stop_ms = 2'000;

/// A disk may be slow; one that is full is not waited for.
constexpr std::chrono::seconds patience_of_store{10};

console_detail detail_of(const event_options& x) {
  return x.quiet ? console_detail::quiet : (x.verbose ? console_detail::verbose : console_detail::normal);
}

}  // namespace

event_outlets::event_outlets(event_log& events, const event_options& request) {
  if (!request.state.empty()) open_store(events, request);
  if (!request.events_file.empty()) {
    file_ = std::make_unique<file_sink>(request.events_file);
    events.add_sink([this](const event& e) { file_->write(e); });
    if (!file_->ok()) problem_code_ = exit_usage;
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

event_outlets::~event_outlets() {
  over_ = true;
  store_.reset();
}

void event_outlets::open_store(event_log& events, const event_options& request) {
  store::writer_options how;
  how.directory = request.state;
  how.run = events.run_id();
  how.keep = request.keep;
  const bool seen = !request.json && !request.quiet;  // as an event
  how.on_problem = [this, &events, seen](const std::string& what) { tell_of_store(events, what, seen); };
  try {
    store_ = std::make_unique<store::writer>(std::move(how));
  } catch (const std::system_error&) {  // there is no thread to be had
    throw;
  } catch (const std::runtime_error& x) {
    store_problem_ = x.what();
    problem_code_ = exit_start_failed;
    return;
  }
  directory_ = std::filesystem::absolute(request.state).string();
  run_ = events.run_id();
  events.add_sink([this](const event& e) { store_->write(e); });
}

/// On the thread of the store, which waits for nothing here but for its turn in the log.
void event_outlets::tell_of_store(event_log& events, const std::string& what, bool seen) {
  if (!seen || over_) say("steward: " + what + "\n");
  if (over_) return;
  event e;
  e.kind = event_kind::warn;
  e.level = event_level::warn;
  e.text = what;
  events.emit(std::move(e));
}

void event_outlets::write(const sample& x) noexcept {
  if (store_) store_->write(x);
}

void event_outlets::keep_plan(std::string plan) {
  if (store_) store_->keep_plan(std::move(plan));
}

std::shared_ptr<event_history> event_outlets::history() const {
  if (!store_) return nullptr;
  return store::history_of(directory_, run_);
}

void event_outlets::continue_in_copy() noexcept {
  if (store_) store_->continue_in_copy();
}

void event_outlets::finish() {
  over_ = true;
  if (store_ && !store_->finish(patience_of_store)) say("steward: the last events are not in the state directory\n");
  if (console_) console_->finish();
  standard_streams::finish();
  if (file_) file_->finish();
}

bool event_outlets::tell_problem(const char* consequence) {
  if (!store_problem_.empty()) {
    say("steward: " + store_problem_ + consequence + "\n");
    return true;
  }
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
