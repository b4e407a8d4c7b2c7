#include "steward/sinks.hpp"

#include "observe/console.hpp"
#include "observe/file_sink.hpp"
#include "observe/standard_streams.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace steward {
namespace {

// What the copies of a sink share; the last of them, which goes with the log, tells the rest.
class shown_events {
public:
  shown_events(console_options options, line_writer out)
      : to_stderr_(!out), view_(options, writer_of(std::move(out))) {}
  ~shown_events() {
    view_.finish();
    if (to_stderr_) standard_streams::finish();
  }
  shown_events(const shown_events&) = delete;
  shown_events& operator=(const shown_events&) = delete;

  void show(const event& e) { view_.show(e); }

private:
  static line_writer writer_of(line_writer out) { return out ? std::move(out) : line_writer{standard_streams::say}; }

  bool to_stderr_;
  console_view view_;
};

struct printed_events {
  ~printed_events() { standard_streams::finish(); }
};

class filed_events {
public:
  filed_events(const std::string& path, std::function<void(const std::string&)> on_problem)
      : file_(path), on_problem_(std::move(on_problem)) {
    if (auto problem = file_.take_error()) throw std::runtime_error(*problem);
  }
  ~filed_events() {
    file_.finish();
    tell_problem();
  }
  filed_events(const filed_events&) = delete;
  filed_events& operator=(const filed_events&) = delete;

  void write(const event& e) {
    file_.write(e);
    if (!file_.ok()) tell_problem();
  }

private:
  void tell_problem() {
    const auto problem = file_.take_error();
    if (!problem) return;
    if (on_problem_)
      on_problem_(*problem);
    else
      standard_streams::say("steward: " + *problem + "\n");
  }

  file_sink file_;
  std::function<void(const std::string&)> on_problem_;
};

}  // namespace

event_log::sink console_sink(console_options options, line_writer out) {
  auto shown = std::make_shared<shown_events>(options, std::move(out));
  return [shown](const event& e) { shown->show(e); };
}

event_log::sink json_sink(line_writer out) {
  if (out) return [out = std::move(out)](const event& e) { out(to_json_line(e) + "\n"); };
  auto printed = std::make_shared<printed_events>();
  return [printed](const event& e) { standard_streams::print(to_json_line(e) + "\n"); };
}

event_log::sink json_file_sink(const std::string& path, std::function<void(const std::string&)> on_problem) {
  auto filed = std::make_shared<filed_events>(path, std::move(on_problem));
  return [filed](const event& e) { filed->write(e); };
}

}  // namespace steward
