#include "cli/unit.hpp"

#include "base/command_rules.hpp"
#include "cli/exit_codes.hpp"

#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <variant>

namespace steward::cli {

namespace {

// On top of what the children may take.
constexpr std::chrono::seconds more_time_to_stop{15};
constexpr int watchdog_s = 30;

/// One word of a command line, as systemd reads it.
std::string quoted(const std::string& word) {
  std::string out{"\""};
  for (const char c : word) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '%' || c == '$') out += c;  // they begin specifiers and variables
    out += c;
  }
  return out + "\"";
}

/// A value that is one line, and begins no specifier.
std::string plain(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '%') out += c;
    out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return out;
}

/// What a stop of all children in turn may take; none: no limit.
std::optional<milliseconds> time_to_stop(const supervisor_spec& x) {
  milliseconds sum{0};
  for (const auto& child : x.children) {
    std::optional<milliseconds> own = stop_limit_of(child);
    if (const auto* nested = std::get_if<std::shared_ptr<supervisor_spec>>(&child.what))
      own = time_to_stop(**nested);
    else if (*own == infinity)
      own = std::nullopt;
    if (!own) return std::nullopt;
    sum += *own;
  }
  return sum;
}

}  // namespace

std::string render_unit(const config::scenario& what, const std::string& program, const std::string& file,
                        const std::vector<std::string>& sets) {
  std::string command = quoted(program) + " run";
  for (const auto& one : sets) command += " --set " + quoted(one);
  if (!what.stays) command += " --stay";
  command += " -- " + quoted(file);
  const auto limit = time_to_stop(what.tree);
  const auto stop = limit ? std::to_string(std::chrono::ceil<std::chrono::seconds>(*limit + more_time_to_stop).count())
                          : std::string{"infinity"};
  const auto about = what.name + (what.description.empty() ? std::string{} : ": " + what.description);
  return "# Put this in /etc/systemd/system/" + what.name +
         ".service, then: systemctl daemon-reload && systemctl enable --now " + what.name +
         "\n[Unit]\n"
         "Description=" +
         plain(about) +
         "\n\n[Service]\n"
         "Type=notify\n"
         "ExecStart=" +
         command +
         "\n"
         "ExecReload=/bin/kill -HUP $MAINPID\n"
         "KillMode=mixed\n"
         "TimeoutStopSec=" +
         stop + "\nWatchdogSec=" + std::to_string(watchdog_s) +
         "\nRestart=on-failure\n"
         "# A wrong command line or config does not get better by trying again.\n"
         "RestartPreventExitStatus=" +
         std::to_string(exit_usage) + " " + std::to_string(exit_config) +
         "\n# Stopped in order by SIGINT or SIGTERM.\n"
         "SuccessExitStatus=" +
         std::to_string(exit_signal_base + SIGINT) + " " + std::to_string(exit_signal_base + SIGTERM) +
         "\n"
         "\n[Install]\n"
         "WantedBy=multi-user.target\n";
}

}  // namespace steward::cli
