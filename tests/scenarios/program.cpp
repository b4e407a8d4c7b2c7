#include "tests/scenarios/program.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

namespace steward::test {

namespace {

using clock = subprocess::clock;

/// Workers are meant to die by the signals that the sanitizer would turn into reports of its own.
std::string sanitizer_options() {
  const char* given = std::getenv("ASAN_OPTIONS");
  const std::string before = given != nullptr && *given != '\0' ? std::string{given} + ":" : std::string{};
  return "ASAN_OPTIONS=" + before + "handle_segv=0:handle_abort=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0";
}

std::vector<std::string> command_of(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), STEWARD_PROGRAM);
  return arguments;
}

/// Whoever runs in the background of a script inherits that these are ignored, and hands it on.
[[maybe_unused]] const bool stop_signals_count = [] {
  return std::signal(SIGINT, SIG_DFL) != SIG_ERR && std::signal(SIGQUIT, SIG_DFL) != SIG_ERR;
}();

std::string joined(const std::vector<int>& pids) {
  std::string out;
  for (const int pid : pids) out += " " + std::to_string(pid);
  return out;
}

finished result_of(subprocess& process, milliseconds limit) {
  finished out;
  auto status = process.wait(clock::now() + limit);
  out.in_time = status.has_value();
  if (!status) {
    process.signal(SIGKILL);
    status = process.wait(clock::now() + run_limit);
  }
  if (status) {
    out.code = status->code;
    out.signal = status->signal;
  }
  out.out = process.out();
  out.err = process.err();
  return out;
}

}  // namespace

running::running(const std::vector<std::string>& command, const subprocess::options& how) : process_(command, how) {}

const std::vector<json>& running::events() {
  const auto& text = process_.followed();
  for (auto end = text.find('\n', parsed_); end != std::string::npos; end = text.find('\n', parsed_)) {
    events_.push_back(json::parse(text.substr(parsed_, end - parsed_)));
    parsed_ = end + 1;
  }
  return events_;
}

json running::wait_for(const std::function<bool(const json&)>& wanted, std::size_t nth, milliseconds limit) {
  json found;
  std::size_t seen = 0;
  std::size_t count = 0;
  process_.read_until(
      [&] {
        const auto& all = events();
        for (; seen < all.size() && count < nth; ++seen)
          if (wanted(all[seen]) && ++count == nth) found = all[seen];
        return count == nth;
      },
      clock::now() + limit);
  return found;
}

finished running::wait(milliseconds limit) {
  auto out = result_of(process_, limit);
  out.events = events();
  return out;
}

program_test::program_test() {
  adopt_orphans();
  auto pattern = (std::filesystem::temp_directory_path() / "steward_test_XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a folder for the test");
  folder_ = pattern;
}

program_test::~program_test() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void program_test::TearDown() {
  // Orphans that have ended are this process's to reap, as their nearest subreaper; only what still runs is left.
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  const auto left = children_of(::getpid());
  EXPECT_TRUE(left.empty()) << "processes of the run are left:" << joined(left);
  for (const int pid : left) ::kill(pid, SIGKILL);
  reap_children(clock::now() + run_limit);
}

std::string program_test::program() { return STEWARD_PROGRAM; }

subprocess::options program_test::environment() const {
  subprocess::options how;
  how.environment = {"NO_COLOR=1"};
  if (under_asan) how.environment.push_back(sanitizer_options());
  return how;
}

finished program_test::run(std::vector<std::string> arguments) {
  subprocess process{command_of(std::move(arguments)), environment()};
  auto out = result_of(process, run_limit);
  EXPECT_TRUE(out.in_time) << "it hung; stderr: " << out.err;
  return out;
}

finished program_test::run_scenario(const std::string& scenario, const std::vector<std::string>& more) {
  const auto file = path("events" + std::to_string(++runs_) + ".jsonl");
  std::vector<std::string> arguments{"run", scenario, "--events", file};
  arguments.insert(arguments.end(), more.begin(), more.end());
  auto out = run(std::move(arguments));
  out.events = parse_lines(read_file(file));
  return out;
}

finished program_test::run_crash_recovery(std::vector<std::string> more) {
  if (under_asan)
    for (const auto* one : settings_without_a_memory_limit) more.insert(more.end(), {"--set", one});
  return run_scenario("crash_recovery", more);
}

std::unique_ptr<running> program_test::start_scenario(const std::string& scenario,
                                                      const std::vector<std::string>& more) {
  auto how = environment();
  how.follow = path("events" + std::to_string(++runs_) + ".pipe");
  std::vector<std::string> arguments{"run", scenario, "--events", how.follow};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return std::make_unique<running>(command_of(std::move(arguments)), how);
}

std::string program_test::write(const std::string& name, const std::string& yaml) const {
  const auto where = path(name);
  std::ofstream{where} << yaml;
  return where;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

std::vector<json> parse_lines(const std::string& text) {
  std::vector<json> out;
  for (const auto& line : lines_of(text)) out.push_back(json::parse(line));
  return out;
}

std::string read_file(const std::string& path) {
  std::ifstream in{path};
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::function<bool(const json&)> of_kind(const std::string& kind, const std::string& actor) {
  return [=](const json& e) { return e.at("kind") == kind && (actor.empty() || e.at("actor") == actor); };
}

std::vector<json> all_of_kind(const std::vector<json>& events, const std::string& kind) {
  std::vector<json> out;
  for (const auto& e : events)
    if (e.at("kind") == kind) out.push_back(e);
  return out;
}

void expect_sound_events(const std::vector<json>& events, int exit_code) {
  static const std::set<std::string> kinds{
      "run_start", "run_end",         "start",  "ready",       "stop",    "crash",      "hang", "restart",
      "recover",   "backoff",         "limit",  "escalate",    "give_up", "task_retry", "warn", "operator",
      "task_fail", "task_quarantine", "config", "dead_letter", "output",  "quarantine", "park", "log",
      "child"};
  static const std::set<std::string> levels{"debug", "info", "warn", "error"};
  static const std::regex rfc3339{R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"};
  ASSERT_GE(events.size(), 2U);
  for (std::size_t i = 0; i < events.size(); ++i) {
    const auto& e = events[i];
    EXPECT_EQ(e.at("seq"), i + 1) << e;
    EXPECT_EQ(e.at("v"), 1) << e;
    EXPECT_EQ(e.at("run"), events[0].at("run")) << e;
    EXPECT_TRUE(std::regex_match(e.at("ts").get<std::string>(), rfc3339)) << e;
    EXPECT_TRUE(kinds.contains(e.at("kind").get<std::string>())) << e;
    EXPECT_TRUE(levels.contains(e.at("level").get<std::string>())) << e;
    EXPECT_TRUE(e.at("actor").is_string()) << e;
  }
  EXPECT_EQ(events.front().value("kind", ""), "run_start");
  EXPECT_EQ(events.back().value("kind", ""), "run_end");
  EXPECT_EQ(events.back().value("code", -1), exit_code);
  EXPECT_EQ(all_of_kind(events, "run_start").size(), 1U);
  EXPECT_EQ(all_of_kind(events, "run_end").size(), 1U);
}

}  // namespace steward::test
