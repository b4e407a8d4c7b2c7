#include "base/command_rules.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <system_error>

namespace steward {

namespace {

constexpr unsigned max_port = 65'535;
constexpr int last_plain_signal = 31;

std::optional<unsigned> port_of(std::string_view text) {
  unsigned out = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (problem != std::errc{} || end != text.data() + text.size() || out == 0 || out > max_port) return std::nullopt;
  return out;
}

bool is_address(int family, const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  return ::inet_pton(family, text.c_str(), ignored.data()) == 1;
}

}  // namespace

std::optional<http_url> parse_http_url(std::string_view text) {
  constexpr std::string_view scheme = "http://";
  const auto is_plain = [](char c) { return c > ' ' && c < '\x7f'; };
  if (!text.starts_with(scheme) || !std::ranges::all_of(text, is_plain)) return std::nullopt;
  text.remove_prefix(scheme.size());
  http_url out;
  const auto slash = std::min(text.find_first_of("/?"), text.size());
  out.authority = text.substr(0, slash);
  out.path = text.substr(slash, text.find('#') - slash);
  if (!out.path.starts_with('/')) out.path.insert(0, 1, '/');
  std::string_view place{out.authority};
  std::string_view port;
  if (place.starts_with('[')) {
    const auto end = place.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    out.host = place.substr(1, end - 1);
    out.is_v6 = true;
    port = place.substr(end + 1);
  } else {
    out.host = place.substr(0, place.find(':'));
    port = place.substr(out.host.size());
  }
  if (out.host == "localhost") out.host = "127.0.0.1";
  if (!is_address(out.is_v6 ? AF_INET6 : AF_INET, out.host)) return std::nullopt;
  if (port.empty()) return out;
  const auto number = port_of(port.substr(1));
  if (port.front() != ':' || !number) return std::nullopt;
  out.port = *number;
  return out;
}

void line_pattern::deleter::operator()(regex_t* x) const noexcept {
  ::regfree(x);
  delete x;
}

std::string line_pattern::fault_of(const std::string& text) {
  // Not an error to regcomp, which reads them as the letters.
  constexpr std::string_view foreign = "dDhHvVAzZRnrtfx";
  if (text.find('\0') != std::string::npos) return "it holds a NUL";
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] != '\\') continue;
    const char next = text[++i];
    if (next == 'd' || next == 'D') return std::string{"\\"} + next + " means the letter here; write [0-9] or [^0-9]";
    if (foreign.find(next) != std::string_view::npos) return std::string{"\\"} + next + " means the letter here";
    if (next >= '1' && next <= '9') return "it refers back to a group, which may take for ever to match";
  }
  regex_t compiled{};
  const int problem = ::regcomp(&compiled, text.c_str(), REG_EXTENDED | REG_NOSUB);
  if (problem == 0) {
    ::regfree(&compiled);
    return {};
  }
  std::array<char, 128> words{};
  ::regerror(problem, &compiled, words.data(), words.size());
  return words.data();
}

line_pattern::line_pattern(const std::string& text) {
  auto fresh = std::make_unique<regex_t>();
  if (const int problem = ::regcomp(fresh.get(), text.c_str(), REG_EXTENDED | REG_NOSUB); problem != 0)
    throw std::system_error{EINVAL, std::generic_category(), "regular expression '" + text + "'"};
  compiled_.reset(fresh.release());
}

bool line_pattern::matches(std::string_view line) const {
  regmatch_t whole{0, static_cast<regoff_t>(line.size())};
  return ::regexec(compiled_.get(), line.data(), 1, &whole, REG_STARTEND) == 0;
}

int signal_number(std::string_view name) {
  for (int number = 1; number <= last_plain_signal; ++number)
    if (signal_name(number) == name) return number;
  return 0;
}

std::vector<stop_step> ladder_of(const command_spec& x, milliseconds shutdown) {
  std::vector<stop_step> out = x.stop;
  if (out.empty()) out = {SIGTERM};
  if (out.back().signal != 0 && out.back().signal != SIGKILL) out.push_back(stop_step::shutdown());
  if (out.back().signal != SIGKILL) out.emplace_back(SIGKILL);
  for (auto& one : out)
    if (one.signal == 0 && !one.wait) one.wait = shutdown;
  return out;
}

milliseconds length_of(const std::vector<stop_step>& ladder) {
  milliseconds out{0};
  for (const auto& one : ladder) {
    if (one.wait == infinity) return infinity;
    out += one.wait.value_or(milliseconds{0});
  }
  return out;
}

milliseconds stop_limit_of(const child_spec& x) {
  const auto own = shutdown_of(x);
  const auto* as_command = std::get_if<command_spec>(&x.what);
  if (as_command == nullptr || own == brutal_kill) return own;
  const auto all = length_of(ladder_of(*as_command, own));
  return all == infinity ? all : all + kill_takes_at_most;
}

milliseconds start_limit_of(const child_spec& x) {
  return std::holds_alternative<command_spec>(x.what) ? infinity : start_within_of(x);
}

}  // namespace steward
