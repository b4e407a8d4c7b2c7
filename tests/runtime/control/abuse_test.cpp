// Clients that break the rules, on real sockets.
#include "tests/runtime/control/served.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <vector>

namespace steward::control_api {
namespace {

std::size_t descriptors() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{"/proc/self/fd"}, {}));
}

class abuse : public served {
protected:
  /// A server that waits no longer than a second for what does not come.
  void serve_briskly() {
    server_options options;
    options.http.idle = std::chrono::seconds{1};
    serve(options);
  }
  /// The first line of the answer; empty when the connection was closed without one.
  std::string answer_to(const std::string& bytes) {
    auto one = connect();
    one.send(bytes);
    one.finish_sending();
    const auto& text = one.read_to_end();
    EXPECT_TRUE(one.at_end()) << "neither answered nor closed: " << bytes.substr(0, 80);
    return text.substr(0, text.find('\r'));
  }
  void expect_well() {
    EXPECT_EQ(ask("/v1/run").status, 200);
    EXPECT_TRUE(notes_->calls.empty());
  }
};

TEST_F(abuse, of_verbs_and_versions_is_answered_or_closed) {
  serve_briskly();
  for (const char* line :
       {"DELETE /v1/run HTTP/1.1", "BREW /v1/run HTTP/1.1", "get /v1/run HTTP/1.1", "OPTIONS * HTTP/1.1",
        "TRACE / HTTP/1.1", "CONNECT x:80 HTTP/1.1", "PUT /v1/reload HTTP/1.1"}) {
    const auto got = answer_to(std::string{line} + "\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_TRUE(got.empty() || got.find("HTTP/1.1 4") == 0) << line << ": " << got;
  }
  for (const char* line : {"GET /v1/run HTTP/9.9", "GET /v1/run", "GET", "", " ", "GET  /v1/run  HTTP/1.1 x",
                           "\r\n\r\n", "GET /v1/run HTTP/1.0", "\x16\x03\x01\x02", "PRI * HTTP/2.0"})
    answer_to(std::string{line} + "\r\n\r\n");
  expect_well();
}

TEST_F(abuse, of_lengths_and_bodies_carries_nothing_out) {
  serve_briskly();
  const std::string post = "POST /v1/shutdown HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
  for (const char* rest :
       {"Content-Length: -1\r\n\r\n", "Content-Length: 99999999999999999999\r\n\r\n", "Content-Length: abc\r\n\r\n{}",
        "Content-Length: 5\r\n\r\n{}", "Content-Length: 70000\r\n\r\n{}",
        "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}\r\n0\r\n\r\n", "Content-Length: 8\r\n\r\n[[[[[[[[",
        "Content-Length: 4\r\n\r\n\"no\"", "Content-Length: 9\r\n\r\n{\"a\":true}"})
    answer_to(post + rest);
  EXPECT_THAT(answer_to(post + "Content-Length: 70000\r\n\r\n" + std::string(70'000, ' ')),
              testing::StartsWith("HTTP/1.1 413"));
  std::string chunks = post + "Transfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 200; ++i) chunks += "400\r\n" + std::string(1'024, ' ') + "\r\n";
  answer_to(chunks + "0\r\n\r\n");
  expect_well();
}

TEST_F(abuse, of_headers_is_bounded) {
  serve();
  const std::string get = "GET /v1/run HTTP/1.1\r\nHost: x\r\n";
  answer_to(get + "X: " + std::string(1'000'000, 'x') + "\r\n\r\n");
  std::string many = get;
  for (int i = 0; i < 100'000; ++i) many += "X" + std::to_string(i) + ": y\r\n";
  answer_to(many + "\r\n");
  answer_to("GET /" + std::string(1'000'000, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n");
  answer_to("GET /v1/events?" + std::string(100'000, '&') + " HTTP/1.1\r\nHost: x\r\n\r\n");
  answer_to(get + "no colon\r\n\r\n");
  answer_to(get + " folded\r\n\r\n");
  expect_well();
}

TEST_F(abuse, of_patience_ends_the_connection) {
  serve_briskly();
  for (const char* begun :
       {"GET /v1/run HT", "POST /v1/shutdown HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{", ""}) {
    auto one = connect();
    one.send(begun);
    one.read_to_end();
    EXPECT_TRUE(one.at_end()) << begun;
  }
  expect_well();
}

TEST_F(abuse, by_random_bytes_leaves_it_well) {
  serve();
  std::mt19937 random{7};
  const std::string whole =
      "POST /v1/pools/root/p/resize HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{\"workers\":x}";
  for (int i = 0; i < 500; ++i) {
    auto bytes = whole;
    for (int n = 0; n < 6; ++n) bytes[random() % bytes.size()] = static_cast<char>(random() % 256);
    bytes.resize(random() % (bytes.size() + 1));
    connect().send(bytes);
  }
  EXPECT_EQ(ask("/v1/run").status, 200);
}

TEST_F(abuse, by_clients_that_go_away_leaves_no_descriptor_open) {
  serve();
  emit();
  EXPECT_EQ(ask("/v1/run").status, 200);
  const auto before = descriptors();
  for (int i = 0; i < 300; ++i) {
    auto one = connect();
    one.send(i % 3 == 0 ? "GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"
                        : (i % 3 == 1 ? "GET /v1/view HTTP/1.1\r\nHost: x\r\n\r\n" : "GET /v1/ru"));
    if (i % 3 == 0) one.read_until("id: 1\n");
  }
  // Those that followed are noticed when something is written to them.
  for (auto until = std::chrono::steady_clock::now() + std::chrono::seconds{20};
       descriptors() > before && std::chrono::steady_clock::now() < until;) {
    emit();
    EXPECT_EQ(ask("/v1/run").status, 200);
  }
  EXPECT_LE(descriptors(), before);
  expect_well();
}

TEST_F(abuse, by_more_connections_than_there_may_be_ends_with_them) {
  server_options options;
  options.http.idle = std::chrono::seconds{1};
  options.http.most_connections = 20;
  serve(options);
  std::vector<client> all;
  for (int i = 0; i < 150; ++i) all.push_back(connect());  // most of them wait to be accepted
  expect_well();                                           // the others are idle, and make room
  all.clear();
  expect_well();
}

/// As many as the descriptors of a program allow: the program keeps most of them to itself.
TEST_F(abuse, by_connections_leaves_the_program_descriptors) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit now = before;
  now.rlim_cur = 400;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &now), 0);
  server_options options;
  options.http.idle = std::chrono::seconds{1};
  serve(options);
  std::vector<client> all;
  const auto used = descriptors();
  for (int i = 0; i < 128; ++i) {
    all.push_back(connect());
    all.back().send("GET /v1/run HTTP/1.1\r\nHost: x\r\n");
  }
  EXPECT_LE(descriptors(), used + 128 + 80 + 20) << "a fifth of 400, and the server's own";
  all.clear();
  expect_well();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace steward::control_api
