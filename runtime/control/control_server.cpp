#include "control/control_server.hpp"

#include "control/problem.hpp"
#include "control/token.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <exception>
#include <system_error>
#include <utility>

namespace steward::control_api {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Signals are for the program's own threads; what this thread starts begins so as well.
void leave_signals_to_others() noexcept {
  sigset_t all;
  sigfillset(&all);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) sigdelset(&all, fault);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

loopback_door::loopback_door(const loopback_address& wanted, const std::string& token_file)
    : socket((load_http_library(), wanted)),
      access(socket.at.ip, socket.at.port, token_file.empty() ? new_token() : token_of_file(token_file)),
      token_file(token_file) {}

std::string loopback_door::told() const {
  return token_file.empty() ? access.url() : access.address() + " with the token in " + token_file;
}

control_server::control_server(std::shared_ptr<run_monitor> monitor, server_options options)
    : monitor_(std::move(monitor)), options_(std::move(options)) {
  if (options_.socket) make_socket();
  if (!options_.door && !socket_) return;
  program_facts facts;
  facts.name = options_.name;
  facts.socket = socket();
  facts.pid = ::getpid();
  facts.record = options_.record;
  facts.plan = options_.plan;
  facts.uid = ::geteuid();
  router_ = std::make_unique<router>(*monitor_, steering_, std::move(facts));
  if (options_.door) router_->set_access(options_.door->access);
  try {
    news_ = owned_fd{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (!news_) throw std::system_error(errno, std::generic_category());
    thread_ = std::thread{[this] { serve(); }};
    monitor_->on_news([this] { wake(); });
  } catch (const std::system_error& problem) {
    socket_.reset();
    warn(problem.what());
  }
}

control_server::~control_server() {
  monitor_->on_news(nullptr);
  steering_.set(nullptr);
  if (socket_) socket_->remove();  // nobody is to come any more
  {
    const std::lock_guard lock{mutex_};
    over_ = true;
  }
  changed_.notify_all();
  wake();
  if (thread_.joinable()) thread_.join();
}

void control_server::prepare() {
  monitor_->catch_up();
  if (router_) router_->lay_out();
}

void control_server::make_socket() {
  try {
    socket_.emplace(runtime_folder::make(options_.folder), options_.name);
  } catch (const std::exception& problem) {
    warn(problem.what());
  }
}

void control_server::warn(const std::string& what) {
  if (options_.warn) options_.warn("nobody can look into this run: " + what);
}

void control_server::wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(news_.get(), &one, sizeof one);
}

void control_server::serve() noexcept {
  leave_signals_to_others();
  ::pthread_setname_np(::pthread_self(), "steward-control");
  if (socket_) socket_->folder().remove_stale();
  if (options_.door) open_server();
  std::unique_lock lock{mutex_};
  while (!over_) {
    lock.unlock();
    const bool called = wait();
    if (called && !server_) open_server();
    if (called && !server_) refuse_callers();
    monitor_->catch_up();
    if (server_) {
      const bool beats = clock::now() >= next_beat_;
      if (beats) next_beat_ = clock::now() + options_.heartbeat;
      beats ? server_->show_life() : server_->wake_streams();
      next_overdue_ = server_->drop_overdue();
    }
    lock.lock();
    changed_.wait_for(lock, options_.rest, [this] { return over_; });
  }
  lock.unlock();
  if (server_) server_->finish(options_.linger);
  server_.reset();
}

bool control_server::wait() {
  std::array<pollfd, 3> fds{pollfd{news_.get(), POLLIN, 0}, pollfd{-1, POLLIN, 0}, pollfd{-1, POLLIN, 0}};
  if (!server_ && socket_) fds[1].fd = socket_->fd();
  if (!server_ && options_.door) fds[2].fd = options_.door->socket.fd.get();
  std::optional<clock::time_point> until = next_overdue_;
  if (server_ && server_->streams() > 0) until = std::min(until.value_or(next_beat_), next_beat_);
  int limit = -1;
  if (until) {
    constexpr milliseconds::rep most = 60'000;
    const auto left = std::chrono::ceil<milliseconds>(*until - clock::now()).count();
    limit = static_cast<int>(std::clamp<milliseconds::rep>(left, 0, most));
  }
  ::poll(fds.data(), fds.size(), limit);
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(news_.get(), &count, sizeof count);
  return fds[1].revents != 0 || fds[2].revents != 0;
}

void control_server::open_server() {
  try {
    auto made = std::make_unique<http_server>([this](const http_request& x) { return router_->answer(x); },
                                              options_.http, [this] { wake(); });
    if (socket_) made->listen(socket_->fd(), true);
    if (options_.door) made->listen(options_.door->socket.fd.get(), false);
    server_ = std::move(made);
    next_beat_ = clock::now() + options_.heartbeat;
  } catch (const std::exception& problem) {
    if (broken_.empty()) warn(problem.what());  // it is tried again when the next one connects
    broken_ = problem.what();
  }
}

void control_server::refuse_callers() {
  if (socket_) refuse_caller(socket_->fd());
  if (options_.door) refuse_caller(options_.door->socket.fd.get());
}

void control_server::refuse_caller(int listener) {
  const owned_fd caller{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  if (!caller) return;
  constexpr int patience_ms = 200;
  pollfd comes{caller.get(), POLLIN, 0};
  ::poll(&comes, 1, patience_ms);  // what it asks is taken first, else it would not hear the answer
  std::array<char, 4'096> asked{};
  [[maybe_unused]] const auto read = ::recv(caller.get(), asked.data(), asked.size(), 0);
  const auto what = http_problem{503, "nobody can look into this run: " + broken_}.response();
  const auto answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: " + what.type +
                      "\r\nContent-Length: " + std::to_string(what.body.size()) + "\r\nConnection: close\r\n\r\n" +
                      what.body;
  [[maybe_unused]] const auto sent = ::send(caller.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
}

}  // namespace steward::control_api
