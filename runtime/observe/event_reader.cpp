#include "observe/event_reader.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace steward {
namespace {

using json = nlohmann::json;

constexpr int format_version = 1;
constexpr int max_signal = 64;
constexpr std::size_t max_shown_bytes = 64;

/// What is wrong with a line.
class bad_line : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// A file may hold anything.
std::string shown(std::string_view text) { return escape_text(shorten(text, max_shown_bytes)); }

template <class Enum>
Enum named(const std::string& name, const char* what, int last) {
  for (int i = 0; i <= last; ++i)
    if (name == to_string(static_cast<Enum>(i))) return static_cast<Enum>(i);
  throw bad_line(fmt::format("unknown {} '{}'", what, shown(name)));
}

int signal_of(const std::string& name) {
  for (int i = 1; i <= max_signal; ++i)
    if (name == signal_name(i)) return i;
  int number = 0;
  constexpr std::string_view without_name = "signal ";
  if (name.starts_with(without_name)) {
    const char* const end = name.data() + name.size();
    const auto read = std::from_chars(name.data() + without_name.size(), end, number);
    if (read.ec == std::errc{} && read.ptr == end) return number;
  }
  throw bad_line(fmt::format("unknown signal '{}'", shown(name)));
}

std::uint64_t address_of(const std::string& text) {
  std::uint64_t out = 0;
  const char* const end = text.data() + text.size();
  const bool hexadecimal = text.starts_with("0x") && text.size() > 2;
  const auto read = std::from_chars(text.data() + (hexadecimal ? 2 : 0), end, out, 16);
  if (!hexadecimal || read.ec != std::errc{} || read.ptr != end) throw bad_line("'address' is no address");
  return out;
}

int digits_of(std::string_view text, std::size_t at, std::size_t count) {
  int out = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') throw bad_line("'ts' is no time");
    out = out * 10 + (c - '0');
  }
  return out;
}

std::chrono::system_clock::time_point time_of(const std::string& text) {
  // 2026-11-29T03:47:16.253219Z
  constexpr std::string_view shape = "....-..-..T..:..:.........Z";
  bool fits = text.size() == shape.size() && text[19] == '.';
  for (std::size_t i = 0; fits && i < shape.size(); ++i) fits = shape[i] == '.' || shape[i] == text[i];
  if (!fits) throw bad_line("'ts' is no time");
  using namespace std::chrono;
  const year_month_day day{year{digits_of(text, 0, 4)}, month{static_cast<unsigned>(digits_of(text, 5, 2))},
                           std::chrono::day{static_cast<unsigned>(digits_of(text, 8, 2))}};
  const int hour = digits_of(text, 11, 2);
  const int minute = digits_of(text, 14, 2);
  const int second = digits_of(text, 17, 2);
  if (!day.ok() || hour > 23 || minute > 59 || second > 60) throw bad_line("'ts' is no time");
  return sys_days{day} + hours{hour} + minutes{minute} + seconds{second} + microseconds{digits_of(text, 20, 6)};
}

/// The members of an object, each read at most once by its key.
class object {
public:
  object(const json& from, const char* name) : from_(from) {
    if (!from.is_object()) throw bad_line(fmt::format("'{}' is no object", name));
  }

  const json* find(const char* key) const {
    const auto it = from_.find(key);
    return it != from_.end() ? &*it : nullptr;
  }

  template <class T>
  void get(const char* key, T& into) const {
    if (const auto* value = find(key)) read(key, *value, into);
  }
  template <class T>
  void get(const char* key, std::optional<T>& into) const {
    if (const auto* value = find(key)) read(key, *value, into.emplace());
  }
  template <class T>
  T need(const char* key) const {
    T out{};
    const auto* value = find(key);
    if (value == nullptr) throw bad_line(fmt::format("'{}' is missing", key));
    read(key, *value, out);
    return out;
  }

private:
  [[noreturn]] static void refuse(const char* key, const char* what) {
    throw bad_line(fmt::format("'{}' is no {}", key, what));
  }

  static void read(const char* key, const json& from, std::string& into) {
    if (!from.is_string()) refuse(key, "text");
    into = from.get_ref<const std::string&>();
  }
  static void read(const char* key, const json& from, double& into) {
    if (!from.is_number() && !from.is_null()) refuse(key, "number");
    into = from.is_null() ? std::numeric_limits<double>::quiet_NaN() : from.get<double>();  // not finite
  }
  static void read(const char* key, const json& from, std::vector<std::string>& into) {
    if (!from.is_array()) refuse(key, "list");
    for (const auto& one : from) read(key, one, into.emplace_back());
  }
  template <class T>
  requires std::is_integral_v<T>
  static void read(const char* key, const json& from, T& into) {
    if (from.is_number_unsigned()) {
      const auto value = from.get<std::uint64_t>();
      if (!std::in_range<T>(value)) refuse(key, "number that fits");
      into = static_cast<T>(value);
    } else if (from.is_number_integer()) {
      const auto value = from.get<std::int64_t>();
      if (!std::in_range<T>(value)) refuse(key, "number that fits");
      into = static_cast<T>(value);
    } else {
      refuse(key, "whole number");
    }
  }

  const json& from_;
};

cause cause_from(const object& from) {
  cause out;
  out.cls = named<cause_class>(from.need<std::string>("class"), "class of cause", int(cause_class::protocol));
  std::string text;
  from.get("signal", text);
  if (!text.empty()) out.signal = signal_of(text);
  from.get("code", out.code);
  from.get("exception", out.exception);
  from.get("message", out.message);
  text.clear();
  from.get("address", text);
  if (!text.empty()) out.address = address_of(text);
  from.get("stderr", out.stderr_tail);
  from.get("rss_peak_kib", out.rss_peak_kib);
  from.get("frames", out.frames);
  return out;
}

event_task task_from(const object& from) {
  event_task out;
  from.get("id", out.id);
  from.get("name", out.name);
  from.get("args", out.args);
  from.get("attempt", out.attempt);
  from.get("attempts", out.attempts);
  from.get("ran_ms", out.ran_ms);
  return out;
}

event_decision decision_from(const object& from) {
  event_decision out;
  from.get("action", out.action);
  from.get("strategy", out.strategy);
  from.get("restarts", out.restarts);
  from.get("limit", out.limit);
  from.get("period_ms", out.period_ms);
  from.get("delay_ms", out.delay_ms);
  from.get("also", out.also);
  return out;
}

event_child child_from(const object& from) {
  event_child out;
  from.get("state", out.state);
  from.get("kind", out.kind);
  from.get("type", out.type);
  from.get("restart", out.restart);
  from.get("strategy", out.strategy);
  from.get("makes", out.makes);
  from.get("own_limit", out.own_limit);
  from.get("own_period_ms", out.own_period_ms);
  from.get("limit", out.limit);
  from.get("period_ms", out.period_ms);
  from.get("workers", out.workers);
  from.get("least_workers", out.least_workers);
  from.get("most_workers", out.most_workers);
  from.get("spares", out.spares);
  from.get("submitted", out.submitted);
  from.get("succeeded", out.succeeded);
  from.get("failed", out.failed);
  return out;
}

event_scenario scenario_from(const object& from) {
  event_scenario out;
  from.get("name", out.name);
  from.get("file", out.file);
  from.get("seed", out.seed);
  return out;
}

event event_from(const json& line) {
  const object from{line, "the line"};
  if (from.need<int>("v") != format_version) throw bad_line("it is of another version of the format");
  event out;
  out.seq = from.need<std::uint64_t>("seq");
  out.ts = time_of(from.need<std::string>("ts"));
  out.run = from.need<std::string>("run");
  out.level = named<event_level>(from.need<std::string>("level"), "level", int(event_level::error));
  out.kind = named<event_kind>(from.need<std::string>("kind"), "kind", int(event_kind::child));
  from.get("actor", out.actor);
  from.get("id", out.id);
  from.get("fingerprint", out.fingerprint);
  from.get("incarnation", out.incarnation);
  from.get("pid", out.pid);
  from.get("runs_in", out.runs_in);
  if (const auto* x = from.find("cause")) out.why = cause_from({*x, "cause"});
  if (const auto* x = from.find("task")) out.task = task_from({*x, "task"});
  from.get("task_fate", out.task_fate);
  if (const auto* x = from.find("decision")) out.decision = decision_from({*x, "decision"});
  if (const auto* x = from.find("child")) out.child = child_from({*x, "child"});
  if (const auto* x = from.find("scenario")) out.scenario = scenario_from({*x, "scenario"});
  from.get("kept", out.kept);
  from.get("lost", out.lost);
  from.get("recovery_ms", out.recovery_ms);
  from.get("rss_peak_kib", out.rss_peak_kib);
  from.get("code", out.code);
  if (std::string by; from.get("by", by), !by.empty()) out.by = std::move(by);
  from.get("text", out.text);
  return out;
}

}  // namespace

std::optional<event> event_of_line(std::string_view line, std::string& problem) {
  const auto parsed = json::parse(line, nullptr, false);
  if (parsed.is_discarded()) {
    problem = "it is no JSON";
    return std::nullopt;
  }
  try {
    return event_from(parsed);
  } catch (const bad_line& what) {
    problem = what.what();
    return std::nullopt;
  }
}

void event_reader::read(std::string_view text) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto piece = text.substr(0, end);
    if (!skips_ && kept_.size() + piece.size() > max_line_bytes) skips_ = true;
    read_ += piece.size();
    if (end == std::string_view::npos) {
      if (!skips_) kept_ += piece;
      return;
    }
    ++read_;
    if (skips_ || !kept_.empty()) {
      if (!skips_) kept_ += piece;
      take(kept_, false);
    } else {
      take(piece, false);
    }
    kept_.clear();
    skips_ = false;
    offset_ = read_;
    text.remove_prefix(end + 1);
  }
}

void event_reader::finish() {
  if (!kept_.empty() || skips_) take(kept_, true);
  kept_.clear();
  skips_ = false;
  offset_ = read_;
}

void event_reader::take(std::string_view line, bool last) {
  ++lines_;
  if (skips_) return tell(fmt::format("it has more than {} bytes", max_line_bytes), last);
  std::string problem;
  if (const auto e = event_of_line(line, problem))
    on_event_(*e);
  else
    tell(std::move(problem), last);
}

void event_reader::tell(std::string what, bool torn) {
  if (on_fault_) on_fault_({lines_, offset_, torn ? "it is torn: " + what : std::move(what), torn});
}

std::optional<std::string> read_events(const std::string& path, const event_reader::event_taker& on_event,
                                       const event_reader::fault_taker& on_fault) {
  std::ifstream in{path, std::ios::binary};
  if (!in) return path + " cannot be read";
  event_reader lines{on_event, on_fault};
  std::vector<char> piece(std::size_t{64} * 1024);
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())) || in.gcount() > 0)
    lines.read({piece.data(), static_cast<std::size_t>(in.gcount())});
  if (in.bad()) return path + " could not be read to its end";
  lines.finish();
  return std::nullopt;
}

}  // namespace steward
