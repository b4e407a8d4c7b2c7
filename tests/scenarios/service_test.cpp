// A tree that stays up: how it ends, and what whoever runs it as a service is told.
#include "tests/scenarios/program.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace steward::test {
namespace {

constexpr auto counting = R"(scenario: counting
tree:
  children:
    - {id: list, actor: shared_list}
    - {id: total, actor: counter}
)";

class service : public program_test {
protected:
  static void expect_up(running& program) {
    EXPECT_TRUE(program.has_said("steward: counting is up\n"));
    EXPECT_FALSE(program.wait_for(of_kind("ready", "/root/total")).is_null());
  }
};

TEST_F(service, without_run_stays_up_until_it_is_stopped_in_order) {
  const auto program = start_scenario(write("counting.yaml", counting));
  expect_up(*program);
  program->signal(SIGTERM);
  const auto out = program->wait();
  EXPECT_TRUE(out.in_time);
  EXPECT_EQ(out.code, 143);
  expect_sound_events(out.events, 143);
  std::vector<std::string> stopped;
  for (const auto& e : all_of_kind(out.events, "stop")) stopped.push_back(e.value("actor", ""));
  EXPECT_THAT(stopped, testing::ElementsAre("/root/total", "/root/list"));
}

TEST_F(service, that_is_stopped_while_it_comes_up_ends) {
  const auto file = write("counting.yaml", counting);
  for (int round = 0; round < 5; ++round) {
    const auto program = start_scenario(file);
    ASSERT_FALSE(program->wait_for(of_kind("run_start")).is_null());  // before there is a tree
    program->signal(SIGTERM);
    const auto out = program->wait();
    EXPECT_TRUE(out.in_time);
    EXPECT_EQ(out.code, 143);
    expect_sound_events(out.events, 143);
  }
}

TEST_F(service, with_no_steps_at_all_starts_and_stops) {
  const auto out = run_scenario(write("none.yaml", std::string{counting} + "run: []\n"));
  EXPECT_EQ(out.code, 0);
  EXPECT_EQ(out.err.find("is up"), std::string::npos) << out.err;
}

TEST_F(service, ends_after_its_steps_with_once) {
  EXPECT_EQ(run_scenario(write("counting.yaml", counting), {"--once"}).code, 0);
}

TEST_F(service, stays_up_after_its_steps_with_stay) {
  const auto steps = std::string{counting} + "run:\n  - show: {actor: total}\n";
  const auto program = start_scenario(write("steps.yaml", steps), {"--stay"});
  EXPECT_FALSE(program->wait_for(of_kind("ready", "/root/total")).is_null());
  EXPECT_FALSE(program->wait_for(of_kind("output")).is_null());
  program->signal(SIGINT);
  const auto out = program->wait();
  EXPECT_EQ(out.code, 130);
  EXPECT_EQ(lines_of(out.out).size(), 1U) << out.out;
}

TEST_F(service, cannot_be_asked_to_stay_and_to_end) {
  const auto out = run({"run", write("counting.yaml", counting), "--once", "--stay"});
  EXPECT_EQ(out.code, 2);
}

TEST_F(service, ends_well_when_its_root_ends_by_itself) {
  const auto out = run_scenario(write("short.yaml", R"(scenario: short
tree:
  auto_shutdown: any_significant
  children:
    - {id: list, actor: shared_list}
    - {id: adder, actor: adder, restart: transient, significant: true, with: {list: list, count: 3, interval: 1ms}}
)"));
  EXPECT_EQ(out.code, 0) << out.err;
  expect_sound_events(out.events, 0);
}

TEST_F(service, tells_by_its_exit_code_that_it_gave_up) {
  const auto out = run_scenario(write("loop.yaml", R"(scenario: loop
tree:
  intensity: {restarts: 2, within: 1m}
  children:
    - {id: list, actor: shared_list}
    - {id: adder, actor: adder, with: {list: list, count: 1, interval: 1ms}}
)"));
  EXPECT_EQ(out.code, 4) << out.err;
}

TEST_F(service, is_run_alone) {
  const auto one = write("counting.yaml", counting);
  const auto other = write("other.yaml", std::string{counting} + "run: []\n");
  const auto out = run({"run", other, one});
  EXPECT_EQ(out.code, 2);
  EXPECT_NE(out.err.find("counting.yaml stays up, so it can only be run alone"), std::string::npos) << out.err;
  EXPECT_EQ(run({"run", other, one, "--once"}).code, 0);
}

/// What a service manager has: a socket to which the program tells how it is doing.
class manager {
public:
  explicit manager(const std::string& name) : name_(name) {
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, name.data(), name.size());
    if (name[0] == '@') at.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&at), size), 0) << name;
  }
  ~manager() { ::close(fd_); }
  manager(const manager&) = delete;
  manager& operator=(const manager&) = delete;

  std::string variable() const { return "NOTIFY_SOCKET=" + name_; }

  /// The next message that begins with this line; those that come before it are kept in `heard`. Empty when none comes.
  std::string next(const std::string& begin) {
    const auto end = subprocess::clock::now() + run_limit;
    for (;;) {
      const auto left = std::chrono::duration_cast<milliseconds>(end - subprocess::clock::now());
      pollfd one{fd_, POLLIN, 0};
      if (left.count() <= 0 || ::poll(&one, 1, static_cast<int>(left.count())) <= 0) return {};
      char text[4096];
      const auto size = ::recv(fd_, text, sizeof text, 0);
      heard.emplace_back(text, static_cast<std::size_t>(std::max<ssize_t>(0, size)));
      if (heard.back().starts_with(begin)) return heard.back();
    }
  }

  std::vector<std::string> heard;

private:
  std::string name_;
  int fd_ = -1;
};

class managed_service : public service {
protected:
  std::unique_ptr<running> start(const std::string& file, const std::vector<std::string>& variables) {
    auto how = environment();
    how.environment.insert(how.environment.end(), variables.begin(), variables.end());
    how.follow = path("managed.pipe");
    return std::make_unique<running>(std::vector<std::string>{program(), "run", file, "--events", how.follow}, how);
  }
};

TEST_F(managed_service, is_told_ready_reloading_and_stopping) {
  manager systemd{path("notify")};
  const auto file = write("counting.yaml", counting);
  const auto program = start(file, {systemd.variable()});
  EXPECT_EQ(systemd.next("READY=1"), "READY=1\nSTATUS=counting: 2 of 2 children up");
  program->signal(SIGHUP);
  const auto reloading = systemd.next("RELOADING=1");
  EXPECT_TRUE(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC=")) << reloading;
  EXPECT_EQ(systemd.next("READY=1"), "READY=1");
  program->signal(SIGTERM);
  EXPECT_EQ(systemd.next("STOPPING=1"), "STOPPING=1\nSTATUS=stopping");
  EXPECT_EQ(program->wait().code, 143);
  for (const auto& one : systemd.heard) EXPECT_EQ(one.find("WATCHDOG"), std::string::npos) << "nobody asked for it";
}

TEST_F(managed_service, answers_a_watchdog_twice_in_its_time) {
  manager systemd{"@steward-test-" + std::to_string(::getpid())};
  const auto file = write("counting.yaml", counting);
  const auto begun = subprocess::clock::now();
  const auto program = start(file, {systemd.variable(), "WATCHDOG_USEC=100000"});
  EXPECT_FALSE(systemd.next("READY=1").empty());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(systemd.next("WATCHDOG=1"), "WATCHDOG=1");
  EXPECT_GE(subprocess::clock::now() - begun, milliseconds{4 * 50}) << "no more often than is wanted";
  program->signal(SIGTERM);
  EXPECT_FALSE(systemd.next("STOPPING=1").empty());
  EXPECT_EQ(program->wait().code, 143);
}

TEST_F(managed_service, gives_no_sign_of_life_to_the_watchdog_of_another_process) {
  manager systemd{path("notify")};
  const auto program =
      start(write("counting.yaml", counting), {systemd.variable(), "WATCHDOG_USEC=20000", "WATCHDOG_PID=1"});
  EXPECT_FALSE(systemd.next("READY=1").empty());
  EXPECT_FALSE(systemd.next("STATUS=").empty()) << "a look, at which a sign of life would have come before";
  program->signal(SIGTERM);
  EXPECT_FALSE(systemd.next("STOPPING=1").empty());
  EXPECT_EQ(program->wait().code, 143);
  for (const auto& one : systemd.heard) EXPECT_FALSE(one.starts_with("WATCHDOG")) << one;
}

TEST_F(managed_service, runs_on_without_the_manager_that_is_gone) {
  auto systemd = std::make_unique<manager>(path("notify"));
  const auto program = start(write("counting.yaml", counting), {systemd->variable(), "WATCHDOG_USEC=20000"});
  EXPECT_FALSE(systemd->next("WATCHDOG=1").empty());
  systemd.reset();
  program->signal(SIGHUP);
  EXPECT_FALSE(program->wait_for(of_kind("config")).is_null());
  program->signal(SIGTERM);
  EXPECT_EQ(program->wait().code, 143);
}

TEST_F(managed_service, is_not_told_ready_by_a_tree_that_does_not_start) {
  manager systemd{path("notify")};
  const auto file = write("dead.yaml", R"(scenario: dead
tree:
  children:
    - {id: list, actor: shared_list}
    - {id: adder, actor: adder, with: {list: list, min: 5, max: 1}}
)");
  const auto program = start(file, {systemd.variable()});
  EXPECT_EQ(program->wait().code, 5);
  EXPECT_FALSE(systemd.next("STOPPING=1").empty());
  for (const auto& one : systemd.heard) EXPECT_FALSE(one.starts_with("READY")) << one;
}

TEST_F(service, has_a_unit_that_names_program_and_file) {
  const auto file = write("a b$c.yaml", counting);
  const auto out = run({"unit", file, "--set", "seed=7"});
  EXPECT_EQ(out.code, 0) << out.err;
  const auto quoted = [](std::string text) {
    for (auto at = text.find('$'); at != std::string::npos; at = text.find('$', at + 2)) text.insert(at, "$");
    return "\"" + text + "\"";
  };
  const auto command = "ExecStart=" + quoted(program()) + " run --set \"seed=7\" -- " + quoted(file);
  const auto lines = lines_of(out.out);
  EXPECT_THAT(lines, testing::Contains(command)) << out.out;
  EXPECT_THAT(lines, testing::Contains("Type=notify"));
  EXPECT_THAT(lines, testing::Contains("TimeoutStopSec=25")) << "5 s for each of two actors, and 15";
  EXPECT_THAT(lines, testing::Contains("RestartPreventExitStatus=2 3"));
}

TEST_F(service, has_a_unit_that_makes_a_scenario_with_steps_stay) {
  const auto out = run({"unit", write("steps.yaml", std::string{counting} + "run: []\n")});
  EXPECT_NE(out.out.find(" run --stay -- "), std::string::npos) << out.out;
  const auto bad = run({"unit", write("bad.yaml", "scenario: bad\ntre: {}\n")});
  EXPECT_EQ(bad.code, 3);
  EXPECT_TRUE(bad.out.empty());
}

}  // namespace
}  // namespace steward::test
