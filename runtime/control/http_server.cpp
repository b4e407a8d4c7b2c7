#include "control/http_server.hpp"

#include "control/access.hpp"
#include "control/connection_ledger.hpp"
#include "control/http_library.hpp"
#include "control/owned_fd.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <list>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace steward::control_api {
namespace {

constexpr std::size_t stream_block_bytes = std::size_t{16} << 10;
constexpr std::chrono::seconds starved_for{1};  // of descriptors, until it is tried again
constexpr int reads_in_a_row = 16;              // that give nothing, before others have their turn

using clock = std::chrono::steady_clock;
using phase = connection_ledger::phase;

http_response problem(int status, const std::string& title) {
  http_response out;
  out.status = status;
  out.type = problem_type;
  out.body = R"({"title":")" + title + R"(","status":)" + std::to_string(status) + "}\n";
  if (status == MHD_HTTP_SERVICE_UNAVAILABLE) out.headers.emplace_back("Retry-After", "1");
  return out;
}

unsigned connections_within(unsigned most) {
  constexpr rlim_t share = 5;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return most;
  return std::max(1U, static_cast<unsigned>(std::min<rlim_t>(most, limit.rlim_cur / share)));
}

/// An answer for whoever has not asked, as far as it is taken at once.
void say_last(int fd, int status, const char* reason, const std::string& title) {
  const auto what = problem(status, title);
  auto text = "HTTP/1.1 " + std::to_string(status) + " " + reason + "\r\nContent-Type: " + what.type +
              "\r\nContent-Length: " + std::to_string(what.body.size()) + "\r\nConnection: close\r\n";
  for (const auto& [key, value] : what.headers) text += key + ": " + value + "\r\n";
  text += "\r\n" + what.body;
  [[maybe_unused]] const auto sent = ::send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

std::string too_many(std::size_t most) {
  return "there are as many connections as there may be (" + std::to_string(most) + ")";
}

}  // namespace

struct http_server::impl {
  struct listener {
    impl& owner;
    bool local;
    connection_ledger connected;  // under the mutex
    int fd = -1;
    MHD_Daemon* daemon = nullptr;
    owned_fd spare = {};   // of its thread: to tell somebody that there is no other
    bool starved = false;  // under the mutex
  };

  /// One request and its answer.
  struct exchange {
    http_request request;
    std::optional<http_response> response;  // of an errand
    bool asked = false;
    bool too_large = false;
  };

  /// A stream that is being sent. `suspended` is under the mutex; the rest belongs to the thread of its listener.
  struct sending {
    impl& owner;
    listener& at;
    MHD_Connection* connection;
    std::unique_ptr<http_stream> source;
    std::string buffer;
    std::size_t sent = 0;
    bool suspended = false;
    bool shows_life = false;
  };

  struct errand {
    std::thread thread;
    bool over = false;
  };

  impl(handler f, http_limits limits, std::function<void()> haste)
      : answer(std::move(f)), within(limits), on_haste(std::move(haste)), mhd(http_library::get()) {}

  static MHD_Result on_request(void* cls, MHD_Connection* connection, const char* url, const char* method, const char*,
                               const char* upload, std::size_t* upload_size, void** context) noexcept;
  static void on_completed(void* cls, MHD_Connection* connection, void** context, MHD_RequestTerminationCode) noexcept {
    delete static_cast<exchange*>(std::exchange(*context, nullptr));
    auto& at = *static_cast<listener*>(cls);
    at.owner.enter(at, connection, phase::asks);
    at.owner.changed.notify_all();
  }
  static void on_trouble(void* cls, const char*, va_list) noexcept;
  static void on_connection(void* cls, MHD_Connection* connection, void** context,
                            MHD_ConnectionNotificationCode what) noexcept;
  static std::size_t keep_escaped(void*, MHD_Connection*, char* text) noexcept { return std::strlen(text); }
  static ssize_t on_read(void* cls, std::uint64_t, char* buffer, std::size_t most) noexcept;
  static void on_sent(void* cls) noexcept;

  void open(listener& at, MHD_Connection* connection, void** context);
  /// Of a connection; null where there was no memory to note it.
  connection_ledger::handle* noted(MHD_Connection* connection) const;
  /// False for one that was dropped meanwhile.
  bool enter(listener& at, MHD_Connection* connection, phase next);
  /// This and the next two with the mutex held.
  bool enter_locked(listener& at, MHD_Connection* connection, phase next);
  static void drop(listener& at, connection_ledger::handle x, int status, const char* reason, const std::string& title);
  void wake_in_time(const listener& at);
  void look_by(clock::time_point when);
  void relieve(const listener& at);

  std::unique_ptr<exchange> begin(const listener& at, MHD_Connection* connection, const char* url, const char* method);
  bool body_is_too_large(MHD_Connection* connection) const;
  static http_response refusal_of(const listener& at) {
    auto out = problem(MHD_HTTP_SERVICE_UNAVAILABLE, too_many(at.connected.within().most));
    out.headers.emplace_back("Connection", "close");
    return out;
  }
  http_response too_large() const {
    return problem(MHD_HTTP_CONTENT_TOO_LARGE,
                   "the body is too large; there may be " + std::to_string(within.most_body_bytes) + " bytes");
  }
  bool is_refused(MHD_Connection* connection);
  MHD_Result respond(listener& at, MHD_Connection* connection, http_response response);
  MHD_Result stream(listener& at, MHD_Connection* connection, std::unique_ptr<http_stream> source);
  MHD_Result run_errand(listener& at, MHD_Connection* connection, exchange& from, http_errand what);
  ssize_t read_from(sending& from, char* buffer, std::size_t most);
  void wake(bool show_life);

  handler answer;
  http_limits within;
  std::function<void()> on_haste;
  const http_library& mhd;
  std::vector<std::unique_ptr<listener>> listeners;

  std::mutex mutex;
  std::condition_variable changed;
  std::set<sending*> streams;
  std::uint64_t wakes = 0;
  std::list<errand> errands;
  bool finishing = false;
  clock::time_point looked_at_by = clock::time_point::max();  // when overdue connections are looked for next
};

void http_server::impl::on_connection(void* cls, MHD_Connection* connection, void** context,
                                      MHD_ConnectionNotificationCode what) noexcept {
  auto& at = *static_cast<listener*>(cls);
  if (what == MHD_CONNECTION_NOTIFY_STARTED) return at.owner.open(at, connection, context);
  // Its descriptor is closed behind this, so that nobody has it in hand any more then.
  const std::unique_ptr<connection_ledger::handle> over{static_cast<connection_ledger::handle*>(*context)};
  if (!over) return;
  const std::lock_guard lock{at.owner.mutex};
  at.connected.close(*over);
  at.owner.changed.notify_all();
}

/// The library says that something went wrong. Where there was no descriptor for somebody, it tries again without a
/// pause, or not before some connection ends; so he is answered here, and the listener is woken later.
void http_server::impl::on_trouble(void* cls, const char*, va_list) noexcept {
  auto& at = *static_cast<listener*>(cls);
  if (owned_fd{::fcntl(at.fd, F_DUPFD_CLOEXEC, 0)}) return;
  at.spare.reset();
  if (const owned_fd caller{::accept4(at.fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)}) {
    std::array<char, 4'096> asked{};
    [[maybe_unused]] const auto read = ::recv(caller.get(), asked.data(), asked.size(), MSG_DONTWAIT);
    say_last(caller.get(), MHD_HTTP_SERVICE_UNAVAILABLE, "Service Unavailable", "the program has no descriptor left");
  } else {
    constexpr int pause_ms = 10;
    ::poll(nullptr, 0, pause_ms);
  }
  at.spare = owned_fd{::fcntl(at.fd, F_DUPFD_CLOEXEC, 0)};
  const std::lock_guard lock{at.owner.mutex};
  at.starved = true;
  at.owner.look_by(clock::now() + starved_for);
}

/// The library accepts again when a connection has ended: so one is made that does.
void http_server::impl::relieve(const listener& at) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) return;
  const owned_fd ours{ends[0]};
  sockaddr_storage none{};
  none.ss_family = AF_UNIX;
  const void* any = &none;
  mhd.add_connection(at.daemon, ends[1], static_cast<const sockaddr*>(any), sizeof none);
}

void http_server::impl::open(listener& at, MHD_Connection* connection, void** context) {
  const auto* info = mhd.info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  if (info == nullptr) return;
  const std::lock_guard lock{mutex};
  const auto result = at.connected.open(info->connect_fd, clock::now());
  *context = std::make_unique<connection_ledger::handle>(result.opened).release();
  if (result.displaced)
    drop(at, *result.displaced, MHD_HTTP_SERVICE_UNAVAILABLE, "Service Unavailable",
         too_many(at.connected.within().most) + ", and this one has asked for nothing for longest");
  wake_in_time(at);
}

connection_ledger::handle* http_server::impl::noted(MHD_Connection* connection) const {
  const auto* info = mhd.info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info != nullptr ? static_cast<connection_ledger::handle*>(info->socket_context) : nullptr;
}

bool http_server::impl::enter(listener& at, MHD_Connection* connection, phase next) {
  const std::lock_guard lock{mutex};
  return enter_locked(at, connection, next);
}

bool http_server::impl::enter_locked(listener& at, MHD_Connection* connection, phase next) {
  auto* const one = noted(connection);
  if (one == nullptr) return true;
  at.connected.enter(*one, next, clock::now());
  wake_in_time(at);
  return !(*one)->dropped;
}

/// Whoever waits for the socket sees that it is shut: the thread of the listener, which then closes it.
void http_server::impl::drop(listener& at, connection_ledger::handle x, int status, const char* reason,
                             const std::string& title) {
  if (x->at == phase::asks) say_last(x->fd, status, reason, title);
  ::shutdown(x->fd, SHUT_RDWR);
  at.connected.drop(x);
}

void http_server::impl::wake_in_time(const listener& at) {
  if (const auto due = at.connected.next_due()) look_by(*due);
}

void http_server::impl::look_by(clock::time_point when) {
  if (when >= looked_at_by) return;
  looked_at_by = when;
  on_haste();
}

std::unique_ptr<http_server::impl::exchange> http_server::impl::begin(const listener& at, MHD_Connection* connection,
                                                                      const char* url, const char* method) {
  auto out = std::make_unique<exchange>();
  auto& request = out->request;
  request.method = method;
  request.path = url;
  const auto header = [&](const char* name) -> std::string {
    const char* value = mhd.value(connection, MHD_HEADER_KIND, name);
    return value != nullptr ? value : "";
  };
  request.host = header("Host");
  request.origin = header("Origin");
  request.accept = header("Accept");
  request.authorization = header("Authorization");
  request.cookie = header("Cookie");
  request.last_event_id = header("Last-Event-ID");
  const auto take = [](void* into, MHD_ValueKind, const char* key, std::size_t key_size, const char* value,
                       std::size_t value_size) {
    static_cast<http_request*>(into)->query.emplace_back(std::string(key, key_size),
                                                         value != nullptr ? std::string(value, value_size) : "");
    return MHD_YES;
  };
  mhd.values(connection, MHD_GET_ARGUMENT_KIND, take, &request);
  request.peer.local = at.local;
  if (at.local) {
    const auto* info = mhd.info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    ucred peer{};
    socklen_t size = sizeof peer;
    if (info == nullptr || ::getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
      throw std::runtime_error("the other side cannot be told");
    request.peer.uid = peer.uid;
  }
  return out;
}

bool http_server::impl::is_refused(MHD_Connection* connection) {
  const std::lock_guard lock{mutex};
  const auto* const one = noted(connection);
  return one != nullptr && (*one)->refused;
}

bool http_server::impl::body_is_too_large(MHD_Connection* connection) const {
  const char* length = mhd.value(connection, MHD_HEADER_KIND, "Content-Length");
  return length != nullptr && std::strtoull(length, nullptr, 10) > within.most_body_bytes;
}

MHD_Result http_server::impl::on_request(void* cls, MHD_Connection* connection, const char* url, const char* method,
                                         const char*, const char* upload, std::size_t* upload_size,
                                         void** context) noexcept {
  auto& at = *static_cast<listener*>(cls);
  auto& self = at.owner;
  try {
    if (*context == nullptr) {
      *context = self.begin(at, connection, url, method).release();
      if (self.is_refused(connection)) return self.respond(at, connection, refusal_of(at));
      if (self.body_is_too_large(connection)) return self.respond(at, connection, self.too_large());
      return MHD_YES;
    }
    auto& now = *static_cast<exchange*>(*context);
    if (*upload_size > 0) {
      now.too_large = now.too_large || now.request.body.size() + *upload_size > self.within.most_body_bytes;
      if (!now.too_large) now.request.body.append(upload, *upload_size);
      *upload_size = 0;
      return MHD_YES;
    }
    if (now.response) return self.respond(at, connection, std::move(*now.response));
    if (std::exchange(now.asked, true)) return MHD_YES;
    if (now.too_large) return self.respond(at, connection, self.too_large());
    if (!self.enter(at, connection, phase::works)) return MHD_NO;  // it was told that it came too late
    auto what = self.answer(now.request);
    if (auto* response = std::get_if<http_response>(&what)) return self.respond(at, connection, std::move(*response));
    if (auto* stream = std::get_if<std::unique_ptr<http_stream>>(&what))
      return self.stream(at, connection, std::move(*stream));
    return self.run_errand(at, connection, now, std::move(std::get<http_errand>(what)));
  } catch (const std::exception&) {
    return MHD_NO;
  }
}

MHD_Result http_server::impl::respond(listener& at, MHD_Connection* connection, http_response response) {
  enter(at, connection, phase::tells);
  auto body = std::make_unique<std::string>(std::move(response.body));
  auto* text = body.get();
  const auto forget = [](void* what) { delete static_cast<std::string*>(what); };
  auto* out = mhd.response_of_buffer(text->size(), text->data(), forget, text);
  if (out == nullptr) return MHD_NO;
  [[maybe_unused]] const auto* kept = body.release();
  mhd.add_header(out, "Content-Type", response.type.c_str());
  for (const auto& [key, value] : response.headers) mhd.add_header(out, key.c_str(), value.c_str());
  const auto status = mhd.queue_response(connection, static_cast<unsigned>(response.status), out);
  mhd.destroy_response(out);
  return status;
}

MHD_Result http_server::impl::stream(listener& at, MHD_Connection* connection, std::unique_ptr<http_stream> source) {
  auto whole = std::make_unique<sending>(sending{*this, at, connection, std::move(source), {}, 0, false, false});
  bool room = false;
  {
    const std::lock_guard lock{mutex};
    room = !finishing && streams.size() < within.most_streams;
    if (room) streams.insert(whole.get());
  }
  if (!room)
    return respond(at, connection, problem(MHD_HTTP_SERVICE_UNAVAILABLE, "there are as many streams as there may be"));
  auto* out = mhd.response_of_callback(MHD_SIZE_UNKNOWN, stream_block_bytes, on_read, whole.get(), on_sent);
  if (out == nullptr) {
    on_sent(whole.release());
    return MHD_NO;
  }
  http_response head;
  head.headers = whole->source->headers();
  add_safety_headers(head);
  mhd.add_header(out, "Content-Type", whole.release()->source->type());
  for (const auto& [key, value] : head.headers) mhd.add_header(out, key.c_str(), value.c_str());
  mhd.set_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, static_cast<unsigned>(within.stalled.count()));
  const auto status = mhd.queue_response(connection, MHD_HTTP_OK, out);
  mhd.destroy_response(out);
  on_haste();  // there is somebody to be shown life
  return status;
}

void http_server::impl::on_sent(void* cls) noexcept {
  const std::unique_ptr<sending> over{static_cast<sending*>(cls)};
  auto& self = over->owner;
  const std::lock_guard lock{self.mutex};
  self.streams.erase(over.get());
  self.changed.notify_all();
}

ssize_t http_server::impl::on_read(void* cls, std::uint64_t, char* buffer, std::size_t most) noexcept {
  auto& from = *static_cast<sending*>(cls);
  try {
    return from.owner.read_from(from, buffer, most);
  } catch (const std::exception&) {
    return MHD_CONTENT_READER_END_WITH_ERROR;
  }
}

ssize_t http_server::impl::read_from(sending& from, char* buffer, std::size_t most) {
  for (int i = 0; from.sent == from.buffer.size(); ++i) {
    from.buffer.clear();
    from.sent = 0;
    std::uint64_t seen = 0;
    {
      const std::lock_guard lock{mutex};
      seen = wakes;
      if (std::exchange(from.shows_life, false)) from.source->show_life(from.buffer);
    }
    const auto now = from.source->read(from.buffer);
    if (!from.buffer.empty()) break;
    if (now == http_stream::state::over) return MHD_CONTENT_READER_END_OF_STREAM;
    const bool waits = now == http_stream::state::waits;
    if (!waits && i < reads_in_a_row) continue;
    const std::lock_guard lock{mutex};
    if (finishing && waits) return MHD_CONTENT_READER_END_OF_STREAM;
    if (finishing || (waits && wakes != seen)) continue;
    from.suspended = true;
    enter_locked(from.at, from.connection, phase::rests);
    mhd.suspend(from.connection);
    if (!waits) on_haste();
    return 0;
  }
  enter(from.at, from.connection, phase::streams);
  const auto size = std::min(most, from.buffer.size() - from.sent);
  std::memcpy(buffer, from.buffer.data() + from.sent, size);
  from.sent += size;
  return static_cast<ssize_t>(size);
}

void http_server::impl::wake(bool show_life) {
  const std::lock_guard lock{mutex};
  ++wakes;
  for (auto* one : streams) {
    one->shows_life = one->shows_life || show_life;
    if (std::exchange(one->suspended, false)) mhd.resume(one->connection);
  }
}

MHD_Result http_server::impl::run_errand(listener& at, MHD_Connection* connection, exchange& from, http_errand what) {
  const char* why_not = "there is too much under way";
  {
    const std::lock_guard lock{mutex};
    if (!finishing) std::erase_if(errands, [](auto& one) { return one.over && (one.thread.join(), true); });
    if (!finishing && errands.size() < within.most_errands) {
      auto& mine = errands.emplace_back();
      const auto carry_out = [this, connection, &from, &mine, run = std::move(what.run)] {
        http_response out;
        try {
          out = run();
        } catch (const std::exception&) {
          out = problem(MHD_HTTP_INTERNAL_SERVER_ERROR, "it went wrong");
        }
        const std::lock_guard done{mutex};
        from.response = std::move(out);
        mhd.resume(connection);
        mine.over = true;
      };
      try {
        mine.thread = std::thread{carry_out};
        mhd.suspend(connection);  // before it can be resumed: that is done under the mutex
        return MHD_YES;
      } catch (const std::system_error&) {
        errands.pop_back();
        why_not = "there is no thread for it";
      }
    }
  }
  return respond(at, connection, problem(MHD_HTTP_SERVICE_UNAVAILABLE, why_not));
}

void load_http_library() { http_library::get(); }

http_server::http_server(handler answer, http_limits within, std::function<void()> on_haste)
    : impl_(std::make_unique<impl>(std::move(answer), within, std::move(on_haste))) {}

http_server::~http_server() {
  finish(std::chrono::milliseconds{0});
  for (const auto& one : impl_->listeners) impl_->mhd.stop_daemon(one->daemon);
}

void http_server::listen(int fd, bool local) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw std::runtime_error(std::string{"there is no descriptor for it: "} + std::strerror(errno));
  const auto& limits = impl_->within;
  const unsigned most = connections_within(limits.most_connections);
  auto next = std::make_unique<impl::listener>(impl::listener{
      *impl_, local, connection_ledger{{most, limits.request, limits.answer, limits.stalled, limits.hurried}}});
  constexpr unsigned share_refused = 8;  // some more, to whom it can be said that there are too many
  next->fd = copy;
  next->spare = owned_fd{::fcntl(copy, F_DUPFD_CLOEXEC, 0)};
  next->daemon = impl_->mhd.start_daemon(
      MHD_USE_EPOLL | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, nullptr, nullptr,
      impl::on_request, next.get(), MHD_OPTION_EXTERNAL_LOGGER, &impl::on_trouble, next.get(), MHD_OPTION_LISTEN_SOCKET,
      copy, MHD_OPTION_CONNECTION_LIMIT, most + most / share_refused + 1, MHD_OPTION_NOTIFY_CONNECTION,
      &impl::on_connection, next.get(), MHD_OPTION_CONNECTION_TIMEOUT, static_cast<unsigned>(limits.idle.count()),
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, limits.most_header_bytes, MHD_OPTION_NOTIFY_COMPLETED, &impl::on_completed,
      next.get(), MHD_OPTION_UNESCAPE_CALLBACK, &impl::keep_escaped, nullptr, MHD_OPTION_STRICT_FOR_CLIENT, 1,
      MHD_OPTION_END);
  if (next->daemon == nullptr) {
    ::close(copy);
    throw std::runtime_error("the HTTP library has no thread or descriptor for it");
  }
  impl_->listeners.push_back(std::move(next));
}

void http_server::wake_streams() { impl_->wake(false); }
void http_server::show_life() { impl_->wake(true); }

std::optional<clock::time_point> http_server::drop_overdue() {
  const auto now = clock::now();
  std::vector<const impl::listener*> starved;
  {
    const std::lock_guard lock{impl_->mutex};
    for (const auto& at : impl_->listeners)
      if (std::exchange(at->starved, false)) starved.push_back(at.get());
  }
  for (const auto* at : starved) impl_->relieve(*at);
  const std::lock_guard lock{impl_->mutex};
  impl_->looked_at_by = clock::time_point::max();
  const auto patience = std::to_string(impl_->within.request.count());
  for (const auto& at : impl_->listeners) {
    for (const auto& one : at->connected.overdue(now))
      impl::drop(*at, one, MHD_HTTP_REQUEST_TIMEOUT, "Request Timeout",
                 "the request did not come within " + patience + " s");
    impl_->looked_at_by = std::min(impl_->looked_at_by, at->connected.next_due().value_or(clock::time_point::max()));
  }
  if (impl_->looked_at_by == clock::time_point::max()) return std::nullopt;
  return impl_->looked_at_by;
}

std::size_t http_server::streams() const {
  const std::lock_guard lock{impl_->mutex};
  return impl_->streams.size();
}

void http_server::finish(std::chrono::milliseconds patience) {
  auto& all = *impl_;
  {
    const std::lock_guard lock{all.mutex};
    all.finishing = true;
  }
  all.wake(false);
  const auto owes = [](const auto& at) { return at->connected.owes_answers(); };
  std::unique_lock lock{all.mutex};
  all.changed.wait_for(lock, patience, [&all] { return all.streams.empty(); });
  lock.unlock();
  for (auto& one : all.errands) one.thread.join();  // `finishing` lets no more of them begin
  all.errands.clear();
  all.wake(false);
  lock.lock();
  all.changed.wait_for(lock, patience, [&] { return std::ranges::none_of(all.listeners, owes); });
}

}  // namespace steward::control_api
