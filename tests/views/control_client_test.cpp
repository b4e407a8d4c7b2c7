#include "cli/views/control_client.hpp"

#include "cli/views/live_source.hpp"
#include "tests/views/history.hpp"

#include <gmock/gmock.h>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace steward;
using namespace steward::cli;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

/// Answers one connection with whatever the test wants.
class server {
public:
  using body = std::function<void(int fd)>;

  explicit server(body f) : path_(folder_.path("s")), fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    path_.copy(at.sun_path, sizeof at.sun_path - 1);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(::listen(fd_, 8), 0);
    thread_ = std::thread{[this, f = std::move(f)] {
      const int connection = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) return;
      read_request(connection);
      f(connection);
      ::close(connection);
    }};
  }
  ~server() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  const std::string& path() const noexcept { return path_; }
  /// Once the connection was answered.
  const std::string& request() const noexcept { return request_; }

private:
  void read_request(int fd) {
    char piece[4'096];
    while (request_.find("\r\n\r\n") == std::string::npos) {
      const auto n = ::read(fd, piece, sizeof piece);
      if (n <= 0) return;
      request_.append(piece, static_cast<std::size_t>(n));
    }
  }

  test::scratch folder_;
  std::string path_;
  int fd_;
  std::string request_;
  std::thread thread_;
};

/// Writes it in pieces of so many bytes.
server::body saying(std::string text, std::size_t piece = std::string::npos) {
  return [text = std::move(text), piece](int fd) {
    for (std::size_t at = 0; at < text.size();) {
      const auto n = ::send(fd, text.data() + at, std::min(piece, text.size() - at), MSG_NOSIGNAL);
      if (n <= 0) return;
      at += static_cast<std::size_t>(n);
    }
  };
}

/// Waits until the other side has gone.
void hold(int fd) {
  pollfd one{fd, POLLRDHUP, 0};
  ::poll(&one, 1, 20'000);
}

std::string fault_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const no_answer& x) {
    return x.what();
  }
  return {};
}

constexpr const char* chunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-More:  yes \r\n\r\n"
    "5\r\nfirst\r\n8;x=1\r\n line\nse\r\nA\r\ncond\nthird\r\n0\r\n\r\n";

}  // namespace

TEST(control_client, an_answer_of_known_length_is_whole) {
  const server one{saying("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello, and more")};
  const auto answer = control_client{one.path()}.get("/v1/run");
  EXPECT_EQ(answer.status, 404);
  EXPECT_FALSE(answer.ok());
  EXPECT_EQ(answer.body, "hello");
}

TEST(control_client, chunks_are_put_together_however_they_come) {
  for (const std::size_t piece : {1U, 2U, 7U, 1'000U}) {
    const server one{saying(chunked, piece)};
    const auto answer = control_client{one.path()}.get("/");
    EXPECT_EQ(answer.body, "first line\nsecond\nthird") << piece;
    EXPECT_EQ(answer.headers.at("x-more"), "yes");
  }
}

TEST(control_client, without_a_length_the_end_of_the_connection_ends_the_answer) {
  const server one{saying("HTTP/1.0 200 OK\r\n\r\nall there is")};
  EXPECT_EQ(control_client{one.path()}.get("/").body, "all there is");
}

TEST(control_client, a_post_bears_its_body_and_says_how_long_it_is) {
  std::string request;
  {
    const server one{saying("HTTP/1.1 204 No Content\r\n\r\n")};
    EXPECT_TRUE(control_client{one.path()}.post("/v1/shutdown", "{}").ok());
    request = one.request();
  }
  EXPECT_THAT(request, HasSubstr("POST /v1/shutdown HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("Content-Length: 2\r\n"));
}

TEST(control_client, an_answer_that_is_cut_off_is_an_error) {
  for (const char* text : {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfir"}) {
    const server one{saying(text)};
    EXPECT_EQ(fault_of([&] { control_client{one.path()}.get("/"); }), "the answer is cut off");
  }
  const server silent{saying("")};
  EXPECT_EQ(fault_of([&] { control_client{silent.path()}.get("/"); }), "the connection was closed without an answer");
}

TEST(control_client, what_is_no_http_is_an_error) {
  const server one{saying("SSH-2.0-OpenSSH_9.2\r\n\r\n")};
  EXPECT_EQ(fault_of([&] { control_client{one.path()}.get("/"); }), "what came is no HTTP");
  const server other{saying("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n")};
  EXPECT_EQ(fault_of([&] { control_client{other.path()}.get("/"); }), "the answer has a wrong length");
  const server third{saying("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n")};
  EXPECT_EQ(fault_of([&] { control_client{third.path()}.get("/"); }), "the answer has a wrong chunk");
}

TEST(control_client, a_head_without_an_end_is_an_error) {
  const server one{saying("HTTP/1.1 200 OK\r\nX: " + std::string(control_client::max_head_bytes * 2, 'x'))};
  EXPECT_EQ(fault_of([&] { control_client{one.path()}.get("/"); }), "the head of the answer is too long");
}

TEST(control_client, whoever_does_not_answer_is_waited_for_until_the_limit) {
  const server one{hold};
  const auto before = control_client::clock::now();
  EXPECT_EQ(fault_of([&] { control_client(one.path(), milliseconds{50}).get("/"); }), "no answer came in time");
  EXPECT_GE(control_client::clock::now() - before, milliseconds{50});
}

TEST(control_client, a_socket_that_is_not_there_is_named) {
  EXPECT_THAT(fault_of([] { control_client{"/nowhere/at-all.sock"}.get("/"); }),
              HasSubstr("/nowhere/at-all.sock: No such file or directory"));
  EXPECT_THAT(fault_of([] { control_client{std::string(200, 'x')}.get("/"); }), HasSubstr("too long for a socket"));
}

TEST(control_client, waits_behind_a_crowd_at_the_door) {
  const test::scratch folder;
  const auto path = folder.path("s");
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  path.copy(at.sun_path, sizeof at.sun_path - 1);
  const auto socket = [] { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); };
  const int door = socket();
  ASSERT_EQ(::bind(door, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(::listen(door, 0), 0);
  std::vector<int> crowd{socket()};
  while (::connect(crowd.back(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0) crowd.push_back(socket());
  const control_client hasty{path, milliseconds{0}};
  EXPECT_THAT(fault_of([&] { hasty.get("/"); }), HasSubstr("temporarily unavailable"));
  std::string answer;
  std::thread asker{[&] { answer = control_client{path}.get("/").body; }};
  for (std::size_t i = 0; i < crowd.size(); ++i) {  // the last one of the crowd was not let in
    pollfd comes{door, POLLIN, 0};
    if (::poll(&comes, 1, 20'000) != 1) break;
    const int one = ::accept(door, nullptr, nullptr);
    pollfd asks{one, POLLIN, 0};
    if (i + 1 == crowd.size() && ::poll(&asks, 1, 20'000) == 1)
      saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nin")(one);
    ::close(one);
  }
  asker.join();
  EXPECT_EQ(answer, "in");
  for (const int one : crowd) ::close(one);
  ::close(door);
}

TEST(live_source, ends_where_another_run_is_told_of) {
  const server one{[](int fd) {
    saying("HTTP/1.1 200 OK\r\n\r\nid: 0\nevent: reset\ndata: {\"run\":\"r-2\",\"last_seq\":7,\"after\":9000}\n\n")(fd);
    hold(fd);
  }};
  live_source from{live_run{"shop", 7, one.path()}};
  from.follow(
      9'000, [](const event&) { return true; }, [](milliseconds) { return true; });
  ASSERT_EQ(from.remarks().size(), 1U);
  EXPECT_THAT(from.remarks()[0], HasSubstr("the program is gone"));
}

TEST(control_client, a_stream_hands_each_line_on) {
  for (const std::size_t piece : {1U, 3U, 1'000U}) {
    const server one{saying(chunked, piece)};
    std::vector<std::string> lines;
    const auto answer = control_client{one.path()}.stream(
        "/", {},
        [&](std::string_view line) {
          lines.emplace_back(line);
          return true;
        },
        [] { return true; });
    EXPECT_TRUE(answer.ok());
    EXPECT_THAT(lines, ElementsAre("first line", "second", "third"));
  }
}

TEST(control_client, a_stream_ends_when_the_caller_has_had_enough) {
  const server one{[](int fd) {
    saying("HTTP/1.1 200 OK\r\n\r\none\ntwo\nthree\n")(fd);
    hold(fd);
  }};
  std::vector<std::string> lines;
  control_client{one.path()}.stream(
      "/", {},
      [&](std::string_view line) {
        lines.emplace_back(line);
        return lines.size() < 2;
      },
      [] { return true; });
  EXPECT_THAT(lines, ElementsAre("one", "two"));
}

TEST(control_client, a_stream_that_is_silent_ends_when_nobody_waits_any_more) {
  const server one{[](int fd) {
    saying("HTTP/1.1 200 OK\r\n\r\n")(fd);
    hold(fd);
  }};
  int looks = 0;
  control_client{one.path()}.stream(
      "/", {}, [](std::string_view) { return true; }, [&] { return ++looks < 2; });
  EXPECT_EQ(looks, 2);
}

TEST(control_client, a_stream_that_is_refused_comes_back_with_the_reason) {
  const server one{saying("HTTP/1.1 410 Gone\r\nContent-Length: 15\r\n\r\nnot kept\nany mo")};
  const auto answer = control_client{one.path()}.stream(
      "/", {},
      [](std::string_view) {
        ADD_FAILURE() << "that is no line of the stream";
        return true;
      },
      [] { return true; });
  EXPECT_EQ(answer.status, 410);
  EXPECT_EQ(answer.body, "not kept\nany mo");
}

TEST(control_client, what_is_no_letter_is_encoded) {
  EXPECT_EQ(percent_encoded("root/a b%", "/"), "root/a%20b%25");
  EXPECT_EQ(percent_encoded("a/ä"), "a%2F%C3%A4");
}
