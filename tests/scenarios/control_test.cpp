// The control socket of a run: when it is there, who has it, and what a run does without it.
#include "control/loopback.hpp"
#include "tests/runtime/control/client.hpp"
#include "tests/scenarios/program.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace steward::test {
namespace {

namespace fs = std::filesystem;
using control_api::ask;
using control_api::client;

constexpr auto counting = R"(scenario: counting
tree:
  children:
    - {id: total, actor: counter}
    - id: squares
      pool: {task: square, runs_in: processes, workers: 2}
)";

class control_socket : public program_test {
protected:
  control_socket() { ::setenv("XDG_RUNTIME_DIR", path("").c_str(), 1); }
  ~control_socket() override { ::unsetenv("XDG_RUNTIME_DIR"); }

  std::unique_ptr<running> start(const std::vector<std::string>& more = {}) {
    auto out = start_scenario(write("counting.yaml", counting), more);
    EXPECT_FALSE(out->wait_for(of_kind("ready", "/root/squares")).is_null());
    return out;
  }
  std::string folder() const { return path("steward"); }
  std::string socket_of(const running& program) const {
    return folder() + "/counting-" + std::to_string(program.pid()) + ".sock";
  }
  static void expect_end(running& program, int signal, int code) {
    if (signal != 0) program.signal(signal);
    const auto out = program.wait();
    EXPECT_TRUE(out.in_time);
    EXPECT_EQ(out.code, code) << out.err;
  }
};

TEST_F(control_socket, is_there_as_long_as_the_run_is) {
  const auto program = start();
  const auto socket = socket_of(*program);
  const auto run = json::parse(ask(client::of_socket(socket), "/v1/run").body);
  EXPECT_EQ(run.at("pid"), program->pid());
  EXPECT_EQ(run.at("scenario").at("name"), "counting");
  expect_end(*program, SIGTERM, 143);
  EXPECT_FALSE(fs::exists(socket));
}

TEST_F(control_socket, shuts_the_run_down_in_order) {
  const auto program = start();
  EXPECT_EQ(ask(client::of_socket(socket_of(*program)), "/v1/shutdown", "POST").status, 200);
  const auto out = program->wait();
  EXPECT_EQ(out.code, 0) << out.err;
  expect_sound_events(out.events, 0);
  const auto told = all_of_kind(out.events, "operator");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_THAT(told[0].at("by").get<std::string>(), testing::StartsWith("uid "));
}

TEST_F(control_socket, tells_a_stream_of_the_end_of_the_run) {
  const auto program = start();
  auto one = client::of_socket(socket_of(*program));
  one.send("GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
  one.read_until("\"actor\":\"/root/squares\"");
  program->signal(SIGTERM);
  EXPECT_THAT(one.read_to_end(), testing::HasSubstr("\"kind\":\"run_end\""));
  expect_end(*program, 0, 143);
}

TEST_F(control_socket, has_older_events_from_the_state_directory) {
  // More events than memory keeps: each input fails, which is one.
  constexpr auto failing = R"(scenario: counting
tree:
  children:
    - id: squares
      pool: {task: square_unless, runs_in: threads, workers: 2, attempts: 1}
run:
  - map: {pool: squares, inputs: {value: [7, exception], times: 70000}, print: [time]}
)";
  // Nobody follows these events, which would take longer than to make them.
  const auto file = write("failing.yaml", failing);
  subprocess process{{program(), "run", file, "--state", path("kept"), "--quiet", "--stay"}, environment()};
  const auto socket = folder() + "/counting-" + std::to_string(process.pid()) + ".sock";
  const auto from = [&](std::string_view rest) { return ask(client::of_socket(socket), "/v1/" + std::string{rest}); };
  ASSERT_TRUE(process.read_until([&] { return process.out().find("Time Taken") != std::string::npos; },
                                 subprocess::clock::now() + 3 * run_limit))
      << "the map does not end";
  EXPECT_GT(json::parse(from("run").body).at("last_seq"), 70'000);
  EXPECT_THAT(from("events?after=0&limit=1").body, testing::HasSubstr("\"seq\":1,"));
  EXPECT_EQ(json::parse(from("run").body).value("missing", 0), 0);
  const auto then = json::parse(from("tree?at=3").body);
  EXPECT_EQ(then.at("last_seq"), 3) << then;
  // The last ones are read from the end, however far back the last one of a kind is.
  const auto last = parse_lines(run({"log", "--json", "-n", "2"}).out);
  ASSERT_EQ(last.size(), 2U);
  EXPECT_GT(last[0].at("seq"), 70'000);
  EXPECT_EQ(last[1].at("seq").get<int>(), last[0].at("seq").get<int>() + 1);
  const auto first = parse_lines(run({"log", "--json", "-n", "1", "--kind", "run_start"}).out);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].at("seq"), 1);
  process.signal(SIGTERM);
  const auto status = process.wait(subprocess::clock::now() + run_limit);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->code, 143);
}

TEST_F(control_socket, is_not_there_when_nobody_wants_it) {
  const auto program = start({"--no-control"});
  EXPECT_FALSE(fs::exists(folder()));
  expect_end(*program, SIGTERM, 143);
}

TEST_F(control_socket, is_no_business_of_workers) {
  const auto program = start();
  ASSERT_EQ(ask(client::of_socket(socket_of(*program)), "/v1/run").status, 200);
  std::ifstream sockets{"/proc/net/unix"};
  std::string inode;
  for (std::string line; std::getline(sockets, line);) {
    if (line.find(socket_of(*program) + ".new") == std::string::npos &&
        line.find("counting-" + std::to_string(program->pid())) == std::string::npos)
      continue;
    std::istringstream words{line};
    std::string word;
    for (int i = 0; i < 7; ++i) words >> word;
    inode = word;
    break;
  }
  ASSERT_NE(inode, "") << "the socket is not listed";
  const auto has_it = [&](int pid) {
    for (const auto& fd : fs::directory_iterator{"/proc/" + std::to_string(pid) + "/fd"})
      if (std::error_code closed; fs::read_symlink(fd.path(), closed) == "socket:[" + inode + "]") return true;
    return false;
  };
  EXPECT_TRUE(has_it(program->pid()));
  const auto children = children_of(program->pid());
  EXPECT_EQ(children.size(), 3U) << "the zygote and two workers";
  for (const int child : children) EXPECT_FALSE(has_it(child)) << child;
  expect_end(*program, SIGTERM, 143);
}

TEST_F(control_socket, is_removed_by_the_next_run_when_the_program_was_killed) {
  const auto first = start();
  const auto left = socket_of(*first);
  first->signal(SIGKILL);
  EXPECT_EQ(first->wait().signal, SIGKILL);
  EXPECT_TRUE(fs::exists(left));
  reap_children(subprocess::clock::now() + run_limit);
  const auto next = start();
  EXPECT_EQ(ask(client::of_socket(socket_of(*next)), "/v1/run").status, 200);
  EXPECT_FALSE(fs::exists(left));
  expect_end(*next, SIGTERM, 143);
}

TEST_F(control_socket, is_done_without_where_its_folder_is_not_to_be_trusted) {
  fs::create_directory_symlink(path(""), folder());
  const auto out = run_scenario(write("counting.yaml", std::string{counting} + "run: []\n"));
  EXPECT_EQ(out.code, 0) << out.err;
  expect_sound_events(out.events, 0);
  const auto warned = all_of_kind(out.events, "warn");
  ASSERT_EQ(warned.size(), 1U);
  EXPECT_THAT(warned[0].at("text").get<std::string>(), testing::HasSubstr("symbolic link"));
}

TEST_F(control_socket, is_there_for_each_run_of_several_in_turn) {
  const auto file = write("counting.yaml", std::string{counting} + "run: []\n");
  const auto out = run({"run", file, file, "--json"});
  EXPECT_EQ(out.code, 0) << out.err;
  EXPECT_TRUE(all_of_kind(parse_lines(out.out), "warn").empty());
  EXPECT_TRUE(fs::is_empty(folder()));
}

TEST_F(control_socket, on_loopback_is_refused_where_others_could_reach_it) {
  const auto out = run({"run", write("counting.yaml", counting), "--observe", "0.0.0.0:0"});
  EXPECT_EQ(out.code, 2);
  EXPECT_THAT(out.err, testing::HasSubstr("loopback"));
}

TEST_F(control_socket, on_a_port_that_is_taken_starts_nothing) {
  const control_api::loopback_socket taken{{"127.0.0.1", 0}};
  const auto port = std::to_string(taken.at.port);
  const auto out = run({"run", write("counting.yaml", counting), "--observe", port});
  EXPECT_EQ(out.code, 2);
  EXPECT_THAT(out.err, testing::HasSubstr("127.0.0.1:" + port + ": Address already in use; nothing was started"));
}

/// The HTTP library cannot be loaded: the loader finds this one first.
class without_http : public control_socket {
protected:
  without_http() {
    fs::create_directory(path("libraries"));
    std::ofstream{path("libraries/libmicrohttpd.so.12")} << "no library";
    ::setenv("LD_LIBRARY_PATH", path("libraries").c_str(), 1);
  }
  ~without_http() override { ::unsetenv("LD_LIBRARY_PATH"); }
};

TEST_F(without_http, a_run_goes_on_and_says_why_nobody_can_look_into_it) {
  const auto program = start();
  for (int i = 0; i < 2; ++i) {
    const auto refused = ask(client::of_socket(socket_of(*program)), "/v1/run");
    EXPECT_EQ(refused.status, 503);
    EXPECT_THAT(refused.head, testing::HasSubstr("application/problem+json"));
    EXPECT_THAT(json::parse(refused.body).at("title").get<std::string>(),
                testing::HasSubstr("nobody can look into this run: the HTTP library cannot be loaded (install "
                                   "libmicrohttpd12)"));
  }
  const auto looked = run({"ps"});
  EXPECT_EQ(looked.code, 6) << looked.err;
  EXPECT_THAT(looked.err, testing::HasSubstr("install libmicrohttpd12"));
  program->signal(SIGTERM);
  const auto out = program->wait();
  EXPECT_EQ(out.code, 143) << out.err;
  const auto warned = all_of_kind(out.events, "warn");
  ASSERT_EQ(warned.size(), 1U) << "it is said once";
  EXPECT_THAT(warned[0].at("text").get<std::string>(), testing::HasSubstr("install libmicrohttpd12"));
}

TEST_F(without_http, a_run_that_is_to_be_observed_is_not_started) {
  const auto out = run({"run", write("counting.yaml", counting), "--observe", "0"});
  EXPECT_EQ(out.code, 2);
  EXPECT_THAT(out.err, testing::HasSubstr("install libmicrohttpd12"));
  EXPECT_THAT(out.err, testing::HasSubstr("nothing was started"));
  EXPECT_THAT(out.err, testing::Not(testing::HasSubstr("can be observed")));
}

TEST_F(control_socket, on_loopback_prints_where_it_is) {
  for (const auto& words : {std::vector<std::string>{"--observe", "0", "--no-control"},
                            std::vector<std::string>{"--no-control", "--observe"}}) {
    const auto program = start(words);
    ASSERT_TRUE(program->has_said("counting can be observed at http://127.0.0.1:"));
    expect_end(*program, SIGTERM, 143);
  }
}

}  // namespace
}  // namespace steward::test
