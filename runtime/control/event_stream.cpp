#include "control/event_stream.hpp"

#include "control/http_text.hpp"
#include "observe/json_writer.hpp"
#include "steward/sinks.hpp"

#include <algorithm>
#include <utility>

namespace steward::control_api {
namespace {

constexpr std::size_t events_at_a_time = 256;

class event_source : public http_stream {
public:
  event_source(run_monitor& from, rendered_lines& lines, event_query query)
      : from_(from), lines_(lines), query_(std::move(query)) {}

  std::vector<std::pair<std::string, std::string>> headers() const override { return run_header(from_.run()); }

protected:
  /// What comes next, and where it is left off.
  run_monitor::piece next() {
    auto out = from_.events_after(query_.after, events_at_a_time);
    query_.after = out.reached;
    return out;
  }
  /// The line of an event that is wanted; null for others.
  std::shared_ptr<const std::string> wanted(const event& e) {
    if (query_.limit == 0 || !query_.which.matches(e)) return nullptr;
    --query_.limit;
    return lines_.of(e);
  }
  bool enough() const { return query_.limit == 0; }

  run_monitor& from_;
  rendered_lines& lines_;
  event_query query_;
};

class lines_now : public event_source {
public:
  lines_now(run_monitor& from, rendered_lines& lines, event_query query)
      : event_source(from, lines, std::move(query)), until_(from.last_seq()) {}

  const char* type() const override { return json_lines_type; }

  state read(std::string& into) override {
    if (enough() || query_.after >= until_) return state::over;
    for (const auto& e : next().events) {
      if (e->seq > until_) return state::over;
      if (const auto line = wanted(*e)) into.append(*line).append("\n");
    }
    return state::more;
  }

private:
  std::uint64_t until_;
};

class feed : public event_source {
public:
  using event_source::event_source;

  const char* type() const override { return event_stream_type; }

  state read(std::string& into) override {
    if (enough()) return state::over;
    tell_run(into);
    if (append_next(into)) return state::more;
    from_.want_news();
    tell_run(into);
    return append_next(into) ? state::more : state::waits;
  }

  void show_life(std::string& into) override { into += ": alive\n\n"; }

private:
  /// Once, as soon as there is a run.
  void tell_run(std::string& into) {
    if (told_run_) return;
    const auto run = from_.run();
    if (run.empty()) return;
    told_run_ = true;
    std::string name;
    json_writer::put(name, run);
    const auto facts = "\"run\":" + name + ",\"last_seq\":" + std::to_string(from_.last_seq());
    // With a number of its own, so that a reader that is cut off now does not ask for the old one again.
    if (query_.in_other_run)
      into += "id: 0\nevent: reset\ndata: {" + facts + ",\"after\":" + std::to_string(*query_.in_other_run) + "}\n\n";
    into += "event: run\ndata: {" + facts + "}\n\n";
  }

  /// False when there is nothing new.
  bool append_next(std::string& into) {
    const auto before = query_.after;
    const auto piece = next();
    if (piece.missing > 0) tell_gap(into, before + 1, before + piece.missing);
    for (const auto& e : piece.events)
      if (const auto line = wanted(*e))
        into.append("id: ").append(std::to_string(e->seq)).append("\ndata: ").append(*line).append("\n\n");
    return query_.after != before;
  }

  static void tell_gap(std::string& into, std::uint64_t first, std::uint64_t last) {
    const auto to = std::to_string(last);
    into += "id: " + to + "\nevent: gap\ndata: {\"missing\":" + std::to_string(last - first + 1) +
            ",\"first\":" + std::to_string(first) + ",\"last\":" + to + "}\n\n";
  }

  bool told_run_ = false;
};

}  // namespace

std::vector<std::pair<std::string, std::string>> run_header(const std::string& run) {
  if (run.empty()) return {};
  return {{"Steward-Run", percent_encoded(run)}};
}

bool event_filter::matches(const event& e) const {
  if (e.level < level) return false;
  if (!kinds.empty() && std::find(kinds.begin(), kinds.end(), e.kind) == kinds.end()) return false;
  return actor.empty() || matches_glob(actor, e.actor);
}

std::shared_ptr<const std::string> rendered_lines::of(const event& e) {
  const std::lock_guard lock{mutex_};
  if (lines_.empty()) lines_.resize(most);
  auto& at = lines_[e.seq % most];
  if (at.seq == e.seq && at.line) return at.line;
  auto line = std::make_shared<const std::string>(to_json_line(e));
  if (e.seq > at.seq) at = {e.seq, line};  // who reads old ones does not push out the new
  return line;
}

std::unique_ptr<http_stream> event_lines(run_monitor& from, rendered_lines& lines, event_query query) {
  return std::make_unique<lines_now>(from, lines, std::move(query));
}

std::unique_ptr<http_stream> event_feed(run_monitor& from, rendered_lines& lines, event_query query) {
  return std::make_unique<feed>(from, lines, std::move(query));
}

}  // namespace steward::control_api
