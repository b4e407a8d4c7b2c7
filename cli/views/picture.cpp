#include "cli/views/picture.hpp"

#include "base/utc_time.hpp"
#include "cli/exit_codes.hpp"
#include "observe/phrases.hpp"
#include "observe/report_text.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <utility>

namespace steward::cli {
namespace {

run_view view_then(run_source& from, const run_view& latest, const moment& when, const std::string& text) {
  if (when.seq && *when.seq > latest.last_seq)
    throw cannot_look(
        fmt::format("--at {}: there is no such event yet; the last one is {}", *when.seq, latest.last_seq), exit_usage);
  auto out = from.view_at(when);
  if (out.events == 0)
    throw cannot_look("--at " + report::escaped(text) + " is before the first event that there is", exit_usage);
  if (!when.crash.empty() && out.crash(when.crash) == nullptr)
    throw cannot_look("--at: there is no crash " + report::escaped(when.crash) + "; 'steward report' names some",
                      exit_usage);
  return out;
}

}  // namespace

void picture_options::add_to(CLI::App& app) {
  app.add_option("--at", at_,
                 "as it was then: the number of an event, the id of a crash, or " + std::string{time_notation});
  app.add_flag("-a,--all", all_, "workers of pools that are down, too");
}

picture picture_options::of(run_source& from) const {
  picture out;
  out.view = from.view();
  out.now = phrases::moment_of(out.view, from.is_live());
  out.state = state_of(out.view, from.is_live());
  if (at_.empty()) return out;
  const auto when = moment_of_text(at_, out.now);
  if (!when)
    throw cannot_look("--at: '" + report::escaped(at_) + "' is neither a number nor an id of a crash nor " +
                          std::string{time_notation},
                      exit_usage);
  out.view = view_then(from, out.view, *when, at_);
  out.now = when->at.value_or(out.view.now);
  out.state = out.view.ended ? run_state::over : run_state::past;
  return out;
}

std::string picture_options::line_of(const picture& x, bool live) const {
  if (at_.empty()) return phrases::run_line(x.view, live, x.now);
  return fmt::format("as it was at {}, after event {}", phrases::date_and_time(x.now), x.view.last_seq);
}

std::string json_of_scene(const scene& x) {
  auto out = fmt::format("\"state\":\"{}\",\"as_of\":\"{}\"", to_string(x.state), utc_text(x.now));
  if (!x.flapping().empty()) out += ",\"flapping\":" + nlohmann::json(x.flapping()).dump();
  return out;
}

}  // namespace steward::cli
