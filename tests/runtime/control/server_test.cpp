// A control server on real sockets.
#include "tests/runtime/control/served.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace steward::control_api {
namespace {

using json = nlohmann::json;

const std::string stream_of_events = "GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n";

/// Follows a stream of server-sent events, whatever chunks it comes in.
class follower {
public:
  explicit follower(client from) : from_(std::move(from)) {}

  void begin(const std::string& headers = {}) { from_.send(stream_of_events + headers + "\r\n"); }
  /// The number of the next event; 0 when there is none.
  std::uint64_t next() {
    for (;;) {
      const auto block = next_block();
      if (block.empty()) return 0;
      if (block.find("event: gap") != std::string::npos) {
        missing += json::parse(block.substr(block.find("data: ") + 6)).at("missing").get<std::uint64_t>();
        continue;
      }
      if (const auto at = block.find("id: "); at != std::string::npos) return std::stoull(block.substr(at + 4));
      if (block.starts_with(": ")) ++signs_of_life;
    }
  }

  std::uint64_t missing = 0;
  unsigned signs_of_life = 0;

private:
  std::string next_block() {
    for (;;) {
      if (const auto end = body_.find("\n\n"); end != std::string::npos) {
        auto out = body_.substr(0, end);
        body_.erase(0, end + 2);
        return out;
      }
      if (!next_chunk()) return {};
    }
  }
  bool next_chunk() {
    if (!headed_) {
      const auto& text = from_.read_until("\r\n\r\n");
      const auto end = text.find("\r\n\r\n");
      if (end == std::string::npos) return false;
      raw_ = from_.take().substr(end + 4);
      headed_ = true;
    }
    for (;;) {
      const auto line = raw_.find("\r\n");
      if (line != std::string::npos) {
        const auto size = std::stoul(raw_.substr(0, line), nullptr, 16);
        if (raw_.size() >= line + 2 + size + 2) {
          if (size == 0) return false;
          body_ += raw_.substr(line + 2, size);
          raw_.erase(0, line + 2 + size + 2);
          return true;
        }
      }
      from_.read_until("\n");
      const auto more = from_.take();
      if (more.empty()) return false;
      raw_ += more;
    }
  }

  client from_;
  std::string raw_;
  std::string body_;
  bool headed_ = false;
};

class server : public served {
protected:
  follower follow(const std::string& headers = {}) {
    follower out{connect()};
    out.begin(headers);
    return out;
  }
};

TEST_F(server, answers_on_its_socket) {
  emit(event_kind::run_start, "");
  serve();
  const auto run = ask("/v1/run");
  EXPECT_EQ(run.status, 200);
  EXPECT_EQ(json::parse(run.body).at("run"), "r-test");
  EXPECT_EQ(json::parse(run.body).at("socket"), server_->socket());
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(server, answers_several_requests_on_one_connection) {
  serve();
  auto one = connect();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(one.send("GET /v1/tree HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_THAT(one.read_until("\"children\":[]}\n"), testing::StartsWith("HTTP/1.1 200"));
    one.take();
  }
}

TEST_F(server, removes_its_socket_in_the_end) {
  serve();
  const auto path = server_->socket();
  EXPECT_TRUE(std::filesystem::exists(path));
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(server, warns_once_and_does_without_a_socket_where_it_cannot_have_one) {
  std::filesystem::create_directory_symlink(base_, base_ + "/steward");
  serve();
  EXPECT_EQ(server_->socket(), "");
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_THAT(warnings_[0], testing::HasSubstr("symbolic link"));
}

TEST_F(server, carries_out_what_it_is_asked_for_and_says_by_whom) {
  serve();
  EXPECT_EQ(ask("/v1/children/root/a%20b/restart", "POST").status, 200);
  EXPECT_EQ(ask("/v1/pools/root/p/resize", "POST", {}, R"({"workers":3})").status, 200);
  EXPECT_EQ(ask("/v1/reload", "POST", {}, R"({"dry_run":true,"file":"x.yaml"})").status, 200);
  EXPECT_EQ(ask("/v1/shutdown", "POST").status, 200);
  const auto by = " by " + name_of_user(::geteuid());
  EXPECT_THAT(notes_->calls, testing::ElementsAre("restart /root/a b" + by, "resize /root/p 3" + by,
                                                  "reload dry 'x.yaml'" + by, "shutdown" + by));
}

TEST_F(server, answers_others_while_an_operation_takes_its_time) {
  serve();
  notes_->holds = true;
  auto slow = connect();
  slow.send("POST /v1/children/root/a/stop HTTP/1.1\r\nHost: x\r\n\r\n");
  {
    std::unique_lock lock{notes_->mutex};
    ASSERT_TRUE(notes_->changed.wait_for(lock, std::chrono::seconds{20}, [&] { return !notes_->calls.empty(); }));
  }
  EXPECT_EQ(ask("/v1/run").status, 200);
  {
    const std::lock_guard lock{notes_->mutex};
    notes_->holds = false;
    notes_->changed.notify_all();
  }
  EXPECT_THAT(slow.read_until("stop /root/a"), testing::HasSubstr("200"));
}

TEST_F(server, refuses_operations_beyond_its_limit_instead_of_queueing_them) {
  server_options options;
  options.http.most_errands = 1;
  serve(options);
  notes_->holds = true;
  auto slow = connect();
  slow.send("POST /v1/children/root/a/stop HTTP/1.1\r\nHost: x\r\n\r\n");
  {
    std::unique_lock lock{notes_->mutex};
    ASSERT_TRUE(notes_->changed.wait_for(lock, std::chrono::seconds{20}, [&] { return !notes_->calls.empty(); }));
  }
  const auto refused = ask("/v1/children/root/a/stop", "POST");
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.head, testing::HasSubstr("Retry-After"));
  const std::lock_guard lock{notes_->mutex};
  notes_->holds = false;
  notes_->changed.notify_all();
}

TEST_F(server, says_when_no_tree_runs) {
  serve();
  server_->steering().set(nullptr);
  EXPECT_EQ(ask("/v1/children/root/a/stop", "POST").status, 409);
}

TEST_F(server, tells_events_as_they_come) {
  serve();
  emit();
  auto one = follow();
  EXPECT_EQ(one.next(), 1U);
  emit();
  EXPECT_EQ(one.next(), 2U);
  emit();
  EXPECT_EQ(one.next(), 3U);
}

TEST_F(server, resumes_a_stream_without_a_hole_under_load) {
  constexpr std::uint64_t all = 20'000;
  serve();
  std::thread emitter{[&] {
    for (std::uint64_t i = 0; i < all; ++i) emit();
  }};
  std::uint64_t at = 0;
  std::uint64_t connections = 0;
  while (at < all) {
    ++connections;
    auto one = follow(at > 0 ? "Last-Event-ID: " + std::to_string(at) + "\r\n" : "");
    for (int i = 0; i < 1'500 && at < all; ++i) {
      const auto next = one.next();
      ASSERT_EQ(next, at + 1) << "on connection " << connections;
      at = next;
    }
    ASSERT_EQ(one.missing, 0U);
  }
  emitter.join();
  EXPECT_GE(connections, all / 1'500);
}

TEST_F(server, tells_a_reader_that_was_too_slow_how_many_events_it_has_missed) {
  monitor_limits few;
  few.most_events = 100;
  few.burst = 1'000;
  monitor_ = std::make_shared<run_monitor>(few);
  log_.add_sink([monitor = monitor_](const event& e) { monitor->take(e); });
  serve();
  follower slow{connect(4'096)};
  slow.begin();
  emit();
  EXPECT_EQ(slow.next(), 1U);
  constexpr std::uint64_t all = 20'000;
  for (std::uint64_t i = 1; i < all; ++i) emit(event_kind::output, "/root/a", std::string(200, 'x'));
  std::uint64_t seen = 1;
  std::uint64_t at = 1;
  while (at < all) {
    const auto next = slow.next();
    ASSERT_GT(next, at);
    at = next;
    ++seen;
  }
  EXPECT_GT(slow.missing, 0U);
  EXPECT_EQ(seen + slow.missing, all);
}

TEST_F(server, drops_a_reader_that_takes_nothing) {
  server_options options;
  options.http.stalled = std::chrono::seconds{3};  // the one that reads may have to wait for its processor
  serve(options);
  auto stuck = connect(4'096);
  stuck.send(stream_of_events + "\r\n");
  emit();
  ASSERT_THAT(stuck.read_until("id: 1\n"), testing::HasSubstr("id: 1\n"));
  for (int i = 0; i < 2'000; ++i) emit(event_kind::output, "/root/a", std::string(1'000, 'x'));
  // Somebody else is served meanwhile.
  auto other = follow();
  for (std::uint64_t i = 1; i <= 2'001; ++i) ASSERT_EQ(other.next(), i);
  pollfd ended{stuck.fd(), POLLRDHUP, 0};
  ASSERT_EQ(::poll(&ended, 1, 20'000), 1) << "it is still connected";
  stuck.read_to_end();
  EXPECT_TRUE(stuck.at_end());
  EXPECT_EQ(stuck.text().find("id: 2001\n"), std::string::npos);
}

TEST_F(server, shows_streams_on_which_nothing_happens_that_it_is_there) {
  server_options options;
  options.heartbeat = std::chrono::milliseconds{30};
  options.http.idle = std::chrono::seconds{1};
  options.http.stalled = std::chrono::seconds{1};
  serve(options);
  auto one = connect();
  one.send(stream_of_events + "\r\n");
  for (int i = 0; i < 50; ++i) {  // longer than a connection may be idle
    one.read_until(": alive\n\n");
    ASSERT_THAT(one.take(), testing::HasSubstr(": alive\n\n")) << i;
  }
}

TEST_F(server, serves_a_hundred_streams_and_refuses_those_beyond_its_limit) {
  server_options options;
  options.http.most_streams = 100;
  serve(options);
  std::vector<follower> all;
  for (int i = 0; i < 100; ++i) all.push_back(follow());
  for (std::uint64_t seq = 1; seq <= 20; ++seq) {
    emit();
    for (auto& one : all) ASSERT_EQ(one.next(), seq);
  }
  const auto refused = ask("/v1/events", "GET", "Accept: text/event-stream\r\n");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(ask("/v1/run").status, 200);
}

TEST_F(server, ends_streams_behind_the_last_event) {
  serve();
  auto one = follow();
  emit();
  EXPECT_EQ(one.next(), 1U);
  emit(event_kind::run_end, "");
  server_.reset();
  EXPECT_EQ(one.next(), 2U);
  EXPECT_EQ(one.next(), 0U);
}

TEST_F(server, waits_for_nobody_long_in_the_end) {
  server_options options;
  options.linger = std::chrono::milliseconds{50};
  serve(options);
  auto stuck = connect(4'096);
  stuck.send(stream_of_events + "\r\n");
  emit();
  stuck.read_until("id: 1\n");
  for (int i = 0; i < 2'000; ++i) emit(event_kind::output, "/root/a", std::string(1'000, 'x'));
  const auto begin = std::chrono::steady_clock::now();
  server_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{10});
}

TEST_F(server, gives_whoever_has_asked_the_answer_before_it_ends) {
  constexpr int rounds = 50;
  for (int round = 0; round < rounds; ++round) {
    serve();
    notes_->holds = true;
    notes_->calls.clear();
    auto asked = std::async(std::launch::async, [one = connect()]() mutable {
      return control_api::ask(std::move(one), "/v1/shutdown", "POST");
    });
    {
      std::unique_lock lock{notes_->mutex};
      notes_->changed.wait(lock, [this] { return !notes_->calls.empty(); });
      notes_->holds = false;
    }
    notes_->changed.notify_all();
    server_.reset();
    ASSERT_EQ(asked.get().status, 200) << "in round " << round;
  }
}

TEST_F(server, begins_a_stream_with_the_run_whose_it_is) {
  serve();
  emit();
  auto one = connect();
  one.send(stream_of_events + "\r\n");
  const auto text = one.read_until("id: 1\n");
  EXPECT_THAT(text, testing::HasSubstr("Steward-Run: r-test\r\n"));
  EXPECT_THAT(text, testing::HasSubstr("event: run\ndata: {\"run\":\"r-test\",\"last_seq\":1}\n\n"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("event: reset")));
  EXPECT_THAT(ask("/v1/run").head, testing::HasSubstr("Steward-Run: r-test"));
}

TEST_F(server, tells_a_reader_that_comes_from_another_run) {
  serve();
  for (int i = 0; i < 3; ++i) emit();
  const auto told = [&](const std::string& target, const std::string& headers) {
    auto one = connect();
    one.send("GET " + target + " HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n" + headers + "\r\n");
    return one.read_until("id: 3\n");
  };
  const std::string reset = "id: 0\nevent: reset\ndata: {\"run\":\"r-test\",\"last_seq\":3,\"after\":";
  const auto beyond = told("/v1/events", "Last-Event-ID: 9000\r\n");
  EXPECT_THAT(beyond, testing::HasSubstr(reset + "9000}\n\nevent: run\n"));
  EXPECT_THAT(beyond, testing::HasSubstr("id: 1\ndata: {")) << "all of this run, from its beginning";
  EXPECT_THAT(told("/v1/events?after=9000", ""), testing::HasSubstr(reset + "9000}"));
  // A number that this run has as well is only known by the run's id.
  const auto other = told("/v1/events?run=r-before", "Last-Event-ID: 2\r\n");
  EXPECT_THAT(other, testing::HasSubstr(reset + "2}"));
  EXPECT_THAT(other, testing::HasSubstr("id: 1\ndata: {"));
  const auto same = told("/v1/events?run=r-test", "Last-Event-ID: 2\r\n");
  EXPECT_THAT(same, testing::Not(testing::HasSubstr("event: reset")));
  EXPECT_THAT(same, testing::Not(testing::HasSubstr("id: 1\n")));
}

TEST_F(server, waits_for_a_number_that_is_still_to_come_in_the_same_run) {
  serve();
  emit();
  auto one = connect();
  one.send("GET /v1/events?after=2&run=r-test HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
  one.read_until("event: run");
  for (int i = 0; i < 2; ++i) emit();
  const auto text = one.read_until("id: 3\n");
  EXPECT_THAT(text, testing::HasSubstr("id: 3\n"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("id: 2\n")));
}

TEST_F(server, tells_a_stream_that_came_early_of_the_run_when_it_begins) {
  serve();
  auto one = connect();
  one.send(stream_of_events + "Last-Event-ID: 7\r\n\r\n");
  one.read_until("\r\n\r\n");
  emit();
  EXPECT_THAT(one.read_until("id: 1\n"), testing::HasSubstr("event: reset\ndata: {\"run\":\"r-test\""));
}

TEST_F(server, filters_events) {
  serve();
  emit(event_kind::ready, "/root/a");
  emit(event_kind::stop, "/root/a");
  emit(event_kind::stop, "/root/b");
  const auto found = ask("/v1/events?kind=stop&actor=*b");
  EXPECT_THAT(found.body, testing::HasSubstr("\"seq\":3"));
  EXPECT_THAT(found.body, testing::Not(testing::HasSubstr("\"seq\":1")));
  EXPECT_THAT(found.body, testing::Not(testing::HasSubstr("\"seq\":2")));
  EXPECT_EQ(ask("/v1/events?kind=stpo").status, 400);
}

TEST_F(server, on_loopback_wants_the_token) {
  server_options options;
  const auto door = std::make_shared<loopback_door>(loopback_address{});
  options.door = door;
  serve(options);
  const auto port = door->socket.at.port;
  const auto host = "Host: 127.0.0.1:" + std::to_string(port) + "\r\n";
  const auto get = [&](const std::string& headers, const std::string& target = "/v1/run",
                       const std::string& method = "GET") {
    auto one = client::of_port(port);
    one.send(method + " " + target + " HTTP/1.1\r\n" + headers + "Connection: close\r\n\r\n");
    return one.read_to_end().substr(0, 12);
  };
  EXPECT_EQ(get(host), "HTTP/1.1 401");
  EXPECT_EQ(get(host + "Authorization: Bearer x\r\n"), "HTTP/1.1 401");
  EXPECT_EQ(get(host + "Authorization: Bearer " + door->access.token() + "\r\n"), "HTTP/1.1 200");
  EXPECT_EQ(get("Host: evil:80\r\nAuthorization: Bearer " + door->access.token() + "\r\n"), "HTTP/1.1 403");
  EXPECT_EQ(get(host, "/?token=" + door->access.token()), "HTTP/1.1 303");
  const auto cookie = "Cookie: " + door->access.cookie_name() + "=" + door->access.token() + "\r\n";
  EXPECT_EQ(get(host + cookie), "HTTP/1.1 200");
  EXPECT_EQ(get(host + cookie, "/v1/shutdown", "POST"), "HTTP/1.1 401");
  EXPECT_EQ(get(host + cookie + "Origin: http://evil\r\n", "/v1/shutdown", "POST"), "HTTP/1.1 403");
  EXPECT_TRUE(notes_->calls.empty());
  const auto ours = "Origin: http://127.0.0.1:" + std::to_string(port) + "\r\n";
  EXPECT_EQ(get(host + cookie + ours, "/v1/shutdown", "POST"), "HTTP/1.1 200");
  EXPECT_THAT(notes_->calls, testing::ElementsAre("shutdown by web"));
}

TEST_F(server, lets_no_other_user_in) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  serve();
  std::filesystem::permissions(base_, std::filesystem::perms::all);
  const auto path = server_->socket();
  const auto try_as_nobody = [&] {
    const auto child = ::fork();
    if (child == 0) {
      if (::setgid(65'534) != 0 || ::setuid(65'534) != 0) ::_exit(3);
      try {
        const auto answer = control_api::ask(client::of_socket(path), "/v1/run");
        ::_exit(answer.status == 403 ? 4 : 5);
      } catch (const std::exception&) {
        ::_exit(0);
      }
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  };
  EXPECT_EQ(try_as_nobody(), 0) << "the folder is closed to others";
  // Were it open after all, the server would look who comes.
  std::filesystem::permissions(base_ + "/steward", std::filesystem::perms::all);
  std::filesystem::permissions(path, std::filesystem::perms::all);
  EXPECT_EQ(try_as_nobody(), 4);
}

}  // namespace
}  // namespace steward::control_api
