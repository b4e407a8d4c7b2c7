#include "cli/views/control_client.hpp"

#include <fmt/format.h>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

namespace steward::cli {
namespace {

using clock = control_client::clock;
using std::chrono::milliseconds;

constexpr milliseconds look_each{200};
constexpr int connect_each_ms = 10;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view{"-._~"}.find(c) != std::string_view::npos;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
  return text;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

template <class T>
T number(std::string_view text, const char* what, int base = 10) {
  T out{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  if (problem != std::errc{} || end != text.data() + text.size())
    throw no_answer(fmt::format("the answer has a wrong {}", what));
  return out;
}

/// A connection that never blocks for longer than its deadline.
class connection {
public:
  connection(const std::string& path, clock::time_point deadline)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (fd_ < 0) fail("a socket");
    if (path.size() >= sizeof to.sun_path) {
      ::close(fd_);
      throw no_answer(path + ": the path is too long for a socket");
    }
    path.copy(to.sun_path, path.size());
    int problem = 0;
    do {  // EAGAIN: so many wait to be accepted that there is no room for one more
      if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) return;
      problem = errno;
    } while (problem == EAGAIN && ::poll(nullptr, 0, connect_each_ms) == 0 && clock::now() < deadline);
    ::close(fd_);
    throw no_answer(path + ": " + std::strerror(problem));
  }
  ~connection() { ::close(fd_); }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  void send(std::string_view text, clock::time_point deadline) {
    while (!text.empty()) {
      const auto n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n >= 0) {
        text.remove_prefix(static_cast<std::size_t>(n));
      } else if (errno == EAGAIN) {
        if (!wait(POLLOUT, deadline)) throw no_answer("the request is not taken in time");
      } else if (errno != EINTR) {
        return;  // it may have answered before it was asked to the end
      }
    }
  }

  /// More of what comes; false at the end. Nothing within the deadline: an error, or where `may_wait`, `text` as it
  /// was.
  bool receive(std::string& text, clock::time_point deadline, bool may_wait = false) {
    std::array<char, 65'536> piece;
    for (;;) {
      const auto n = ::recv(fd_, piece.data(), piece.size(), 0);
      if (n > 0) {
        text.append(piece.data(), static_cast<std::size_t>(n));
        return true;
      }
      if (n == 0) return false;
      if (errno == EINTR) continue;
      if (errno == ECONNRESET) return false;
      if (errno != EAGAIN) fail("the answer");
      if (wait(POLLIN, deadline)) continue;
      if (may_wait) return true;
      throw no_answer("no answer came in time");
    }
  }

private:
  [[noreturn]] static void fail(const char* what) {
    throw no_answer(fmt::format("{}: {}", what, std::strerror(errno)));
  }

  bool wait(short what, clock::time_point deadline) const {
    for (;;) {
      const auto left = std::chrono::ceil<milliseconds>(deadline - clock::now()).count();
      if (left <= 0) return false;
      pollfd one{fd_, what, 0};
      if (::poll(&one, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000))) > 0) return true;
    }
  }

  int fd_;
};

/// Takes an answer apart as it comes.
class answer_reader {
public:
  /// The head of it is whole.
  bool read_head(std::string& from, http_answer& into) {
    const auto end = from.find("\r\n\r\n");
    if (std::min(end, from.size()) > control_client::max_head_bytes)
      throw no_answer("the head of the answer is too long");
    if (end == std::string::npos) return false;
    std::string_view head{from.data(), end};
    const auto first = head.substr(0, head.find("\r\n"));
    if (!first.starts_with("HTTP/1.") || first.size() < 12) throw no_answer("what came is no HTTP");
    into.status = number<int>(first.substr(9, 3), "status");
    for (auto at = first.size(); at < head.size();) {
      at += 2;
      const auto line = head.substr(at, head.find("\r\n", at) - at);
      at += line.size();
      const auto colon = line.find(':');
      if (colon == std::string_view::npos) throw no_answer("the answer has a broken header");
      into.headers[lower(std::string{line.substr(0, colon)})] = std::string{trimmed(line.substr(colon + 1))};
    }
    from.erase(0, end + 4);
    const auto find = [&](const char* name) {
      const auto it = into.headers.find(name);
      return it != into.headers.end() ? std::string_view{it->second} : std::string_view{};
    };
    chunked_ = lower(std::string{find("transfer-encoding")}) == "chunked";
    if (const auto length = find("content-length"); !chunked_ && !length.empty())
      left_ = number<std::size_t>(length, "length");
    if (into.status == 204 || into.status == 304) left_ = 0;
    return true;
  }

  /// Moves what is body from `from` to `body`.
  void read_body(std::string& from, std::string& body) {
    if (!chunked_) {
      const auto n = std::min(from.size(), left_.value_or(from.size()));
      body.append(from, 0, n);
      from.erase(0, n);
      if (left_) *left_ -= n;
      return;
    }
    std::size_t used = 0;
    while (!over_) {
      if (left_.value_or(0) > 0) {
        const auto n = std::min(from.size() - used, *left_);
        body.append(from, used, n);
        used += n;
        *left_ -= n;
        if (*left_ > 0) break;
      }
      if (!read_size(from, used)) break;
    }
    from.erase(0, used);
  }

  bool is_over() const noexcept { return chunked_ ? over_ : left_ == std::size_t{0}; }
  /// The end of the connection is the end of the body.
  bool ends_with_connection() const noexcept { return !chunked_ && !left_; }

private:
  /// The line with the size of the next chunk; a chunk ends with a line end of its own.
  bool read_size(const std::string& from, std::size_t& used) {
    auto at = used;
    if (left_) {
      if (from.size() < at + 2) return false;
      at += 2;
    }
    const auto end = from.find("\r\n", at);
    if (end == std::string::npos) {
      if (from.size() > at + 64) throw no_answer("the answer has a wrong chunk");
      return false;
    }
    const auto line = std::string_view{from}.substr(at, end - at);
    left_ = number<std::size_t>(line.substr(0, line.find(';')), "chunk", 16);
    used = end + 2;
    if (left_ == std::size_t{0}) over_ = true;
    return !over_;
  }

  bool chunked_ = false;
  bool over_ = false;
  std::optional<std::size_t> left_;  // of the body or of the chunk
};

std::string request_text(const char* method, const std::string& target,
                         const std::map<std::string, std::string>& headers, const std::string& body) {
  auto out = fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", method, target);
  for (const auto& [name, value] : headers) out += fmt::format("{}: {}\r\n", name, value);
  if (std::string_view{method} != "GET")
    out += fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", body.size());
  return out + "\r\n" + body;
}

}  // namespace

http_answer control_client::ask(const char* method, const std::string& target, const std::string& body) const {
  const auto deadline = clock::now() + patience_;
  connection line{socket_, deadline};
  line.send(request_text(method, target, {}, body), deadline);
  http_answer out;
  answer_reader reader;
  std::string come;
  while (!reader.read_head(come, out))
    if (!line.receive(come, deadline)) throw no_answer("the connection was closed without an answer");
  for (;;) {
    reader.read_body(come, out.body);
    if (out.body.size() > max_body_bytes) throw no_answer("the answer is too long");
    if (reader.is_over()) return out;
    if (line.receive(come, deadline)) continue;
    if (reader.ends_with_connection()) return out;
    throw no_answer("the answer is cut off");
  }
}

http_answer control_client::stream(const std::string& target, const std::map<std::string, std::string>& headers,
                                   const line_taker& f, const patience_of_caller& waits) const {
  const auto deadline = clock::now() + patience_;
  connection line{socket_, deadline};
  line.send(request_text("GET", target, headers, {}), deadline);
  http_answer out;
  answer_reader reader;
  std::string come;
  while (!reader.read_head(come, out))
    if (!line.receive(come, deadline)) throw no_answer("the connection was closed without an answer");
  std::string kept;
  for (;;) {
    reader.read_body(come, kept);
    std::size_t used = 0;
    for (auto end = kept.find('\n'); out.ok() && end != std::string::npos; end = kept.find('\n', used)) {
      auto text = std::string_view{kept}.substr(used, end - used);
      if (text.ends_with('\r')) text.remove_suffix(1);
      used = end + 1;
      if (!f(text)) return out;
    }
    kept.erase(0, used);
    if (kept.size() > max_stream_line_bytes) throw no_answer("a line of the answer is too long");
    if (reader.is_over()) break;
    if (!line.receive(come, clock::now() + look_each, true)) {
      if (reader.ends_with_connection()) break;
      throw no_answer("the answer is cut off");
    }
    if (!waits()) return out;
  }
  if (!out.ok())
    out.body = std::move(kept);
  else if (!kept.empty())
    f(kept);
  return out;
}

std::string percent_encoded(std::string_view text, std::string_view also_plain) {
  std::string out;
  for (const char c : text) {
    if (is_plain(c) || also_plain.find(c) != std::string_view::npos)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace steward::cli
