#include "config/decode_command.hpp"

#include "base/command_rules.hpp"
#include "config/suggest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <variant>
#include <vector>

namespace steward::config {
namespace {

constexpr std::array conditions{"line", "port", "file", "http", "notify", "after"};
constexpr int octal = 8;

command_ready decode_ready(const section_reader& from) {
  command_ready result;
  std::string_view first;
  for (const auto* key : conditions) {
    if (!from.has(key)) {
      continue;
    }
    if (!first.empty()) {
      from.fault_at_key(key, fmt::format("there is '{}' already", first),
                        {"one of line, port, file, http, notify and after", {}});
      return result;
    }
    first = key;
  }
  result.line = from.text("line").text;
  if (from.has("port")) result.port = from.count("port");
  result.file = from.text("file").text;
  result.http = from.text("http").text;
  result.notify = from.boolean("notify");
  if (from.has("after")) result.after = from.duration("after");
  for (const auto* key : {"line", "file", "http"}) {
    if (const auto written = from.text(key); written.written && written.text.empty()) {
      from.fault(key, "the text is empty");
    }
  }
  return result;
}

std::vector<std::string> all_signals() {
  constexpr int last = 31;
  std::vector<std::string> result;
  for (int number = 1; number <= last; ++number) result.push_back(signal_name(number));
  return result;
}

/// "SIGTERM" for "TERM", "term" and "sigterm".
std::optional<std::string> signal_meant_by(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; });
  if (!text.starts_with("SIG")) text.insert(0, "SIG");
  return did_you_mean(text, all_signals());
}

std::vector<stop_step> decode_stop(const section_reader& from) {
  std::vector<stop_step> result;
  for (const auto& one : from.texts("stop")) {
    if (!one.written) {
      continue;
    }
    if (one.text == "shutdown") {
      result.push_back(stop_step::shutdown());
      continue;
    }
    if (const int number = signal_number(one.text); number != 0) {
      result.emplace_back(number);
      continue;
    }
    const bool is_time = !one.text.empty() && one.text.front() >= '0' && one.text.front() <= '9';
    auto wait = parse_duration(one.text);
    if (const auto* ms = std::get_if<milliseconds>(&wait)) {
      result.emplace_back(*ms);
    } else if (is_time) {
      auto& bad = std::get<value_fault>(wait);
      from.context().faults.add(one.at, one.path, std::move(bad.message), std::move(bad.more));
    } else {
      from.context().faults.add(
          one.at, one.path, fmt::format("'{}' is no signal", one.text),
          {"a signal such as SIGTERM, a time such as 5s, or shutdown", signal_meant_by(one.text)});
    }
  }
  return result;
}

std::optional<unsigned> decode_umask(const section_reader& from) {
  const auto written = from.text("umask");
  if (!written.written) {
    return std::nullopt;
  }
  unsigned result = 0;
  const auto* end = written.text.data() + written.text.size();
  const auto read = std::from_chars(written.text.data(), end, result, octal);
  if (read.ec != std::errc{} || read.ptr != end || result > 0777) {
    from.fault("umask", fmt::format("'{}' is no umask", written.text), {"three octal digits, such as 022", {}});
    return std::nullopt;
  }
  return result;
}

command_rlimits decode_rlimits(const section_reader& from) {
  command_rlimits result;
  const auto take = [&](const char* key, std::optional<std::uint64_t>& into, bool is_count = false) {
    if (!from.has(key)) {
      return;
    }
    const bool unlimited = from.word(key) == "unlimited";
    into = unlimited ? command_rlimits::unlimited
                     : static_cast<std::uint64_t>(is_count ? from.integer(key) : from.size(key));
  };
  take("as", result.as);
  take("core", result.core);
  take("data", result.data);
  take("fsize", result.fsize);
  take("memlock", result.memlock);
  take("stack", result.stack);
  take("nofile", result.nofile, true);
  take("nproc", result.nproc, true);
  if (from.has("cpu")) result.cpu = from.duration("cpu");
  return result;
}

}  // namespace

command_spec decode_command(const section_reader& from) {
  command_spec result;
  for (const auto& one : from.texts("command")) result.run.push_back(one.text);
  if (from.has("ready")) result.ready = decode_ready(from.nested("ready"));
  if (from.has("stop")) result.stop = decode_stop(from);
  if (from.has("ok_codes")) {
    result.ok_codes.clear();
    for (const auto& one : from.integers("ok_codes")) result.ok_codes.push_back(static_cast<int>(one.value));
  }
  for (const auto& one : from.texts("environment")) result.environment.push_back(one.text);
  result.working_directory = from.text("working_directory").text;
  result.user = from.text("user").text;
  result.umask = decode_umask(from);
  if (from.has("nice")) result.nice = static_cast<int>(from.integer("nice"));
  result.rlimits = decode_rlimits(from.nested("rlimits"));
  const auto logs = from.nested("logs");
  result.logs = {logs.count("lines_a_second"), static_cast<std::size_t>(logs.size("line_length"))};
  return result;
}

}  // namespace steward::config
