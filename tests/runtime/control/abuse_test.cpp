// Clients that break the rules, on real sockets.
#include "tests/runtime/control/served.hpp"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace steward::control_api {
namespace {

std::size_t descriptors() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{"/proc/self/fd"}, {}));
}

class abuse : public served {
protected:
  /// A server that waits no longer than a second for what does not come.
  void serve_briskly(unsigned most_connections = 192) {
    server_options options;
    options.http.most_connections = most_connections;
    options.http.idle = std::chrono::seconds{1};
    options.http.request = std::chrono::seconds{2};
    options.http.answer = std::chrono::seconds{2};
    options.http.stalled = std::chrono::seconds{2};
    options.http.hurried = std::chrono::seconds{0};
    serve(options);
  }
  /// Sends a byte each 100 ms, so that something comes all the while; what was answered until it was closed.
  static std::string trickle(client& one, const std::string& bytes) {
    std::size_t at = 0;
    while (one.send(bytes.substr(at++ % bytes.size(), 1)) && at < 200)
      std::this_thread::sleep_for(std::chrono::milliseconds{100});
    EXPECT_LT(at, 200U) << "it is still taken";
    return one.read_to_end();
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

TEST_F(abuse, by_a_request_that_trickles_ends_in_time) {
  serve_briskly();
  for (const char* begun :
       {"", "GET /v1/run HTTP/1.1\r\nX: ", "POST /v1/shutdown HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n"}) {
    auto one = connect();
    one.send(begun);
    EXPECT_THAT(trickle(one, "x"), testing::StartsWith("HTTP/1.1 408")) << begun;
  }
  auto chunked = connect();
  chunked.send("POST /v1/shutdown HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_THAT(trickle(chunked, "1\r\n \r\n"), testing::HasSubstr("the request did not come within 2 s"));
  expect_well();
}

/// An answer that is larger than what the socket keeps, read a byte at a time.
TEST_F(abuse, by_a_reader_that_trickles_ends_in_time) {
  serve_briskly();
  for (int i = 0; i < 3'000; ++i) emit(event_kind::ready, "/root/" + std::to_string(i) + std::string(200, 'x'));
  for (const char* target : {"/v1/view", "/v1/events"}) {
    auto one = connect(4'096);
    one.send(std::string{"GET "} + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
    pollfd hung_up{one.fd(), POLLRDHUP, 0};
    char byte = 0;
    int read = 0;
    while (::poll(&hung_up, 1, 100) == 0 && read < 200) read += static_cast<int>(::recv(one.fd(), &byte, 1, 0) > 0);
    EXPECT_LT(read, 200) << target << ": it is still waited for";
  }
  expect_well();
}

TEST_F(abuse, of_paths_leads_nowhere) {
  serve_briskly();
  for (const char* target :
       {"/v1/children/root/a%00b", "/v1/children/%00", "/../../etc/passwd", "/v1/../v1/run", "/v1/children/../../run",
        "/v1/%2e%2e/run", "/v1/run%00", "/v1/run/", "//v1/run", "/v1/crashes/..%2f..%2fetc", "/v1/children/root/%ff",
        "/v1/samples?path=%00", "/v1/events?actor=%0", "/v1/tree?at=18446744073709551616", "/v1/tree?at=-1",
        "/v1/crashes?limit=-1", "/v1/run?x", "/v1/run#x"}) {
    const auto got = ask(target);
    EXPECT_TRUE(got.status == 400 || got.status == 404) << target << ": " << got.status;
    EXPECT_THAT(got.head, testing::HasSubstr("application/problem+json")) << target;
  }
  EXPECT_EQ(ask("http://elsewhere/v1/run").status, 404);
  expect_well();
}

TEST_F(abuse, of_zero_bytes_carries_nothing_out) {
  serve_briskly();
  using namespace std::string_literals;
  for (const auto& bytes :
       {"\0"s, "\0\r\n\r\n"s, "GET /v1/\0run HTTP/1.1\r\nHost: x\r\n\r\n"s, "G\0T /v1/run HTTP/1.1\r\nHost: x\r\n\r\n"s,
        "POST /v1/shutdown HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{\0}"s,
        "POST /v1/shutdown\0/x HTTP/1.1\r\nHo\0st: x\r\nContent-Length: 2\r\n\r\n[]"s,
        "POST /v1/children/root/a\0/stop HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n\0"s})
    answer_to(bytes);
  expect_well();
}

TEST_F(abuse, by_other_protocols_is_answered_or_closed) {
  serve_briskly();
  answer_to("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(9, '\0'));
  answer_to("\x16\x03\x01\x02" + std::string(512, '\x01'));
  answer_to("SSH-2.0-OpenSSH_9.2\r\n");
  answer_to("GET /v1/events HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_THAT(answer_to("GET /v1/run HTTP/1.0\r\n\r\n"), testing::EndsWith("200 OK"));
  expect_well();
}

TEST_F(abuse, by_one_that_asks_again_before_it_is_answered_is_answered_in_turn) {
  serve();
  std::string all;
  for (int i = 0; i < 1'000; ++i) all += "GET /v1/tree HTTP/1.1\r\nHost: x\r\n\r\n";
  all += "GET /v1/nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  auto one = connect();
  std::thread sender{[&] { one.send(all); }};
  const auto& text = one.read_to_end();
  sender.join();
  std::size_t count = 0;
  for (auto at = text.find("HTTP/1.1 200"); at != std::string::npos; at = text.find("HTTP/1.1 200", at + 1)) ++count;
  EXPECT_EQ(count, 1'000U);
  EXPECT_THAT(text, testing::HasSubstr("HTTP/1.1 404"));
}

TEST_F(abuse, by_a_body_in_chunks_that_is_too_large_is_told_so) {
  serve();
  std::string chunks =
      "POST /v1/shutdown HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 200; ++i) chunks += "400\r\n" + std::string(1'024, ' ') + "\r\n";
  auto one = connect();
  std::thread sender{[&] { one.send(chunks + "0\r\n\r\n"); }};
  EXPECT_THAT(one.read_to_end(), testing::StartsWith("HTTP/1.1 413"));
  sender.join();
  expect_well();
}

TEST_F(abuse, by_more_connections_than_there_may_be_sends_away_who_asks_for_nothing) {
  serve_briskly(4);
  std::vector<client> all;
  for (int i = 0; i < 4; ++i) all.push_back(connect());
  expect_well();
  const auto& told = all.front().read_to_end();
  EXPECT_THAT(told, testing::StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(told, testing::HasSubstr("as many connections as there may be (4)"));
  EXPECT_THAT(told, testing::HasSubstr("Retry-After: 1"));
}

TEST_F(abuse, by_as_many_as_there_may_be_that_are_busy_is_told_to_who_comes) {
  serve_briskly(4);
  std::vector<client> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(connect());
    all.back().send("GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
    all.back().read_until("\r\n\r\n");
  }
  const auto refused = ask("/v1/run");
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, testing::HasSubstr("as many connections as there may be (4)"));
  emit();
  for (auto& one : all) EXPECT_THAT(one.read_until("id: 1\n"), testing::HasSubstr("id: 1\n"));
  all.pop_back();
  int status = 503;
  for (int i = 0; i < 1'000 && status == 503; ++i) {
    emit();  // it is noticed that one has gone when something is written to it
    status = ask("/v1/run").status;
  }
  EXPECT_EQ(status, 200);
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

/// Whether somebody else is connected all the while, or nobody.
TEST_F(abuse, by_a_program_that_has_no_descriptor_left_is_told_to_who_comes) {
  serve();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  for (const bool streams : {false, true}) {
    std::optional<client> stream;
    EXPECT_EQ(ask("/v1/run").status, 200);
    if (streams) {
      stream = connect();
      stream->send("GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
      stream->read_until("\r\n\r\n");
    }
    rlimit now = before;
    now.rlim_cur = 200;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &now), 0);
    std::vector<owned_fd> all;
    std::string told;
    for (int i = 0; i < 100 && !told.starts_with("HTTP/1.1 503"); ++i) {  // it closes those before in its own time
      for (owned_fd next{::dup(0)}; next; next = owned_fd{::dup(0)}) all.push_back(std::move(next));
      ASSERT_FALSE(all.empty());
      all.pop_back();  // for whoever comes
      auto one = connect();
      one.send("GET /v1/run HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      told = one.read_to_end();
    }
    EXPECT_THAT(told, testing::HasSubstr("the program has no descriptor left")) << streams;
    all.clear();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(ask("/v1/run").status, 200) << streams;
  }
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
