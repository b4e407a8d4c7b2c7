#include "cli/views/live_source.hpp"

#include "base/text.hpp"
#include "cli/exit_codes.hpp"
#include "observe/event_reader.hpp"
#include "observe/view_json.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <string_view>
#include <utility>

namespace steward::cli {
namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t most_shown = 400;
constexpr unsigned most_attempts = 5;  // to reach a stream again that broke off
constexpr std::chrono::milliseconds between_attempts{200};

[[noreturn]] void fail(const live_run& run, const std::string& why) {
  throw cannot_look(fmt::format("{} (pid {}): {}", escape_text(run.name), run.pid, why), exit_no_such_run);
}

template <class F>
auto asked(const live_run& run, F&& f) {
  try {
    return f();
  } catch (const no_answer& x) {
    fail(run, x.what());
  }
}

/// The events in a stream of server-sent events.
class sent_events {
public:
  /// Takes a line; an event that is whole with it.
  std::optional<std::string> take(std::string_view line) {
    if (line.empty()) {
      auto out = std::exchange(data_, {});
      return out.empty() ? std::nullopt : std::optional{std::move(out)};
    }
    other_run_ = other_run_ || line == "event: reset";
    constexpr std::string_view data = "data:";
    if (!line.starts_with(data)) return std::nullopt;
    line.remove_prefix(data.size());
    if (line.starts_with(' ')) line.remove_prefix(1);
    if (!data_.empty()) data_ += '\n';
    data_ += line;
    return std::nullopt;
  }

  /// Whether another run is told of than before.
  bool is_of_other_run() const noexcept { return other_run_; }

private:
  std::string data_;
  bool other_run_ = false;
};

}  // namespace

std::string problem_in(const http_answer& answer) {
  const auto problem = json::parse(answer.body, nullptr, false);
  const auto text = [&](const char* key) {
    const auto it = problem.find(key);
    return it != problem.end() && it->is_string() ? shorten(escape_text(it->get<std::string>()), most_shown)
                                                  : std::string{};
  };
  if (!problem.is_object() || text("title").empty())
    return answer.body.empty() ? fmt::format("it answers with status {}", answer.status)
                               : shorten(escape_text(answer.body), most_shown);
  auto out = text("title");
  if (const auto more = text("detail"); !more.empty()) out += ": " + more;
  if (const auto meant = text("suggestion"); !meant.empty()) out += " (did you mean '" + meant + "'?)";
  if (const auto it = problem.find("faults"); it != problem.end() && it->is_array())
    for (const auto& one : *it)
      if (one.is_string()) out += "\n" + shorten(one.get<std::string>(), 4'096);
  return out;
}

void live_source::expect(const std::string& id) {
  const auto now = view().run;
  if (now != id)
    throw cannot_look(fmt::format("{} (pid {}) is the run {}, not {}; those that are over are in a run directory or an "
                                  "events file",
                                  escape_text(run_.name), run_.pid, escape_text(now), escape_text(id)),
                      exit_no_such_run);
}

run_view live_source::view() {
  const auto answer = asked(run_, [&] { return server_.get("/v1/view"); });
  if (!answer.ok()) fail(run_, problem_in(answer));
  try {
    return view_of(answer.body);
  } catch (const std::exception& x) {
    fail(run_, fmt::format("its answer is not understood: {}", x.what()));
  }
}

run_view live_source::view_at(const moment& when) {
  auto out = run_source::view_at(when);
  if (!out.gaps.empty() && out.gaps.front().first == 1)
    throw cannot_look(
        fmt::format("the events up to number {} are not kept any more, so it cannot be said how the run was "
                    "then; 'run --state DIR' keeps them",
                    out.gaps.front().second),
        exit_failed);
  return out;
}

void live_source::note_gap(std::uint64_t after, std::uint64_t seq) noexcept {
  if (seq > after + 1) missing_ += seq - after - 1;
}

std::vector<std::string> live_source::remarks() const {
  std::vector<std::string> out;
  if (broke_off_) out.push_back("the program is gone, and has not told the end of its run: it was killed");
  if (missing_ > 0)
    out.push_back(
        fmt::format("the run does not keep {} of these events any more; 'run --state DIR' keeps all", missing_));
  return out;
}

std::optional<std::uint64_t> live_source::newest() {
  const auto answer = asked(run_, [&] { return server_.get("/v1/run"); });
  if (!answer.ok()) fail(run_, problem_in(answer));
  const auto run = json::parse(answer.body, nullptr, false);
  const auto it = run.find("last_seq");
  return it != run.end() && it->is_number_unsigned() ? std::optional{it->get<std::uint64_t>()} : std::nullopt;
}

void live_source::events_after(std::uint64_t after, const event_taker& f) {
  std::string wrong;
  const auto take = [&](std::string_view line) {
    if (line.empty()) return true;
    const auto e = event_of_line(line, wrong);
    return !e || f(*e);
  };
  const auto answer = asked(
      run_, [&] { return server_.stream(fmt::format("/v1/events?after={}", after), {}, take, [] { return true; }); });
  if (!answer.ok()) fail(run_, problem_in(answer));
}

void live_source::follow(std::uint64_t after, const event_taker& f, const patience& waits) {
  const auto begun_after = after;
  bool enough = false;
  unsigned failed = 0;
  const auto wait_for = [&](std::chrono::milliseconds pause) {
    if (!waits(pause)) enough = true;
    return !enough;
  };
  const auto wait = [&] { return wait_for(std::chrono::milliseconds{0}); };
  while (!enough) {
    sent_events parts;
    std::string wrong;
    const auto take = [&](std::string_view line) {
      const auto text = parts.take(line);
      if (parts.is_of_other_run()) broke_off_ = enough = true;
      if (!text || enough) return !enough;
      const auto e = event_of_line(*text, wrong);
      if (!e || e->seq <= after) return true;
      note_gap(std::exchange(after, e->seq), e->seq);
      failed = 0;
      enough = !f(*e) || e->kind == event_kind::run_end;
      return !enough;
    };
    try {
      const auto answer =
          server_.stream(fmt::format("/v1/events?after={}", after),
                         {{"Accept", "text/event-stream"}, {"Last-Event-ID", std::to_string(after)}}, take, wait);
      if (!answer.ok()) fail(run_, problem_in(answer));
    } catch (const no_answer& x) {
      if (after == begun_after && failed >= most_attempts) fail(run_, x.what());
    }
    // A stream that broke off goes on where it was; a run that is gone has said all that it will.
    if (!enough && ++failed > most_attempts) broke_off_ = enough = true;
    if (!enough && !wait_for(between_attempts)) return;
  }
}

}  // namespace steward::cli
