#include "pool/process_driver.hpp"

#include "pool/worker.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <sys/epoll.h>
#include <unistd.h>

namespace steward::pooling {

namespace {

using process::frame_kind;
using process::frame_writer;
using process::read_status;

// A process that has closed its channel is about to end; after this long it is helped.
constexpr auto patience_for_exit = std::chrono::milliseconds(500);
// SIGKILL is final, yet the kernel may take its time to free a large process; after this long it is given up.
constexpr auto patience_for_kill = std::chrono::seconds(10);

std::string errno_text(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

void close_fd(int fd) {
  if (fd >= 0) ::close(fd);
}

}  // namespace

process_driver::process_driver(std::shared_ptr<inbox> to, int epoll_fd, options o)
    : inbox_(std::move(to)), epoll_fd_(epoll_fd), options_(std::move(o)), slots_(options_.workers) {}

process_driver::~process_driver() {
  for (auto& s : slots_) close_fd(s.fd);
}

process_driver::slot* process_driver::find(worker_ref ref) {
  auto& s = slots_[ref.index];
  return s.alive && s.ref == ref ? &s : nullptr;
}

void process_driver::carry_out(const act::start& what, engine& to, time_point now) {
  auto& s = slots_[what.worker.index];
  const auto child = launch(s, what.worker);
  if (child) {
    to.worker_exists(what.worker, child.pid);
  } else {
    to.worker_start_failed(what.worker, make_cause(cause_class::start, child.error), now);
  }
}

/// Starts the process, or says why not.
process::started process_driver::launch(slot& s, worker_ref ref) {
  slot fresh;
  fresh.ref = ref;
  process::started child;
  const auto [ours, theirs] = process::make_channel();
  if (ours < 0) {
    child.error = errno_text("no channel");
    return child;
  }
  fresh.recorder = process::flight_recorder::create();
  const int link = options_.actor_link ? options_.actor_link() : -1;
  if (fresh.recorder.valid()) {
    process::start_request request;
    request.main = worker_main_name;
    request.fds = {theirs, fresh.recorder.fd()};
    if (link >= 0) request.fds.push_back(link);
    request.argument = options_.pool;
    request.memory_limit = options_.memory_limit;
    child = options_.keeper->start(request, [this, ref, to = inbox_](const process::exit_report& report) {
      // The message runs on the loop's thread, or never: the inbox refuses it after the loop's end.
      to->push([this, ref, report] { exits_.push_back({ref, report}); });
    });
    fresh.recorder.close_fd();
  } else {
    child.error = errno_text("no flight page");
  }
  close_fd(theirs);
  close_fd(link);
  if (!child) {
    close_fd(ours);
    return child;
  }
  fresh.child = child.id;
  fresh.fd = ours;
  fresh.alive = true;
  fresh.open = true;
  s = std::move(fresh);
  epoll_event e{};
  e.events = EPOLLIN;
  e.data.u64 = ref.index + 1;
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, ours, &e);
  return child;
}

void process_driver::carry_out(act::assign what, engine&, time_point) {
  auto* s = find(what.worker);
  if (!s) return;
  bytes payload;
  encode_task(payload, {what.attempt, options_.attempts, what.task->entry->name}, what.task->args);
  s->writer.push(frame_kind::task, 0, what.id, payload);
  s->dirty = true;
}

void process_driver::carry_out(const act::stop& what) {
  auto* s = find(what.worker);
  if (!s) return;
  s->writer.push(frame_kind::stop, 0, 0, {});
  s->dirty = true;
}

void process_driver::carry_out(const act::terminate& what) {
  if (auto* s = find(what.worker)) options_.keeper->kill(s->child, SIGTERM);
}

void process_driver::carry_out(const act::kill& what, engine&, time_point now) {
  auto* s = find(what.worker);
  if (!s) return;
  s->killed = true;
  options_.keeper->kill(s->child, SIGKILL);
  s->patience = now + patience_for_kill;
}

void process_driver::flush() {
  for (auto& s : slots_) {
    if (s.alive && s.dirty && s.open && !s.want_write) flush(s);
  }
}

void process_driver::flush(slot& s) {
  s.dirty = false;
  // Whatever is wrong with the channel is seen when it is read.
  const bool blocked = s.writer.flush(s.fd) == frame_writer::status::would_block;
  if (blocked != s.want_write) watch(s, blocked);
}

void process_driver::watch(slot& s, bool write) {
  s.want_write = write;
  epoll_event e{};
  e.events = write ? EPOLLIN | EPOLLOUT : EPOLLIN;
  e.data.u64 = s.ref.index + 1;
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, s.fd, &e);
}

void process_driver::channel_event(unsigned index, std::uint32_t events, engine& to, time_point now) {
  auto& s = slots_[index];
  if (!s.alive || !s.open) return;
  if (events & EPOLLOUT) flush(s);
  if (events & ~static_cast<std::uint32_t>(EPOLLOUT)) read(s, to, now);
}

void process_driver::read(slot& s, engine& to, time_point now) {
  const auto status = s.reader.fill(s.fd);
  while (auto f = s.reader.next()) {
    if (!handle(s, *f, to, now)) {
      broke_protocol(s, "an answer that nobody asked for", now);
      return;
    }
  }
  if (s.reader.broken()) {
    broke_protocol(s, s.reader.problem(), now);
  } else if (status != read_status::more) {
    channel_ended(s, now);
  }
}

bool process_driver::handle(slot& s, const process::frame& f, engine& to, time_point now) {
  try {
    switch (f.kind) {
      case frame_kind::ready:
        to.worker_ready(s.ref, now);
        return true;
      case frame_kind::result:
        return to.worker_answered(s.ref, f.id, decode_result(f.payload), now);
      case frame_kind::failure:
        return to.worker_answered(s.ref, f.id, decode_failure(f.payload), now);
      case frame_kind::hello:
      case frame_kind::task:
      case frame_kind::stop:
        return false;
    }
    return false;
  } catch (const decode_error&) {
    return false;
  }
}

void process_driver::broke_protocol(slot& s, std::string problem, time_point now) {
  s.fault = make_cause(cause_class::protocol, std::move(problem));
  options_.keeper->kill(s.child, SIGKILL);
  channel_ended(s, now);
}

void process_driver::channel_ended(slot& s, time_point now) {
  s.open = false;
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, s.fd, nullptr);
  if (!s.patience) s.patience = now + (s.fault ? std::chrono::milliseconds(patience_for_kill) : patience_for_exit);
}

bool process_driver::collect(engine& to, time_point now) {
  const auto exits = std::exchange(exits_, {});
  for (const auto& news : exits) {
    auto* s = find(news.ref);
    if (!s) continue;
    s->report = news.report;
    // What it wrote before it died still counts, all of it.
    for (std::uint64_t before = 1, after = 0; s->open && before != after;) {
      before = s->reader.received_bytes();
      read(*s, to, now);
      after = s->reader.received_bytes();
    }
    bury(*s, to, now);
  }
  for (auto& s : slots_) {
    if (s.alive && s.patience && now >= *s.patience) out_of_patience(s, to, now);
  }
  return !exits.empty();
}

void process_driver::out_of_patience(slot& s, engine& to, time_point now) {
  if (s.killed || s.fault) {
    bury(s, to, now);
    return;
  }
  s.fault = make_cause(cause_class::protocol, "it closed its channel and went on");
  options_.keeper->kill(s.child, SIGKILL);
  s.patience = now + patience_for_kill;
}

/// Tells the engine. The slot is free after it; a report that still comes is about an older incarnation.
void process_driver::bury(slot& s, engine& to, time_point now) {
  death how;
  how.why = judge(s);
  how.in_hand = s.recorder.page().current.load(std::memory_order_acquire);
  how.by_us = s.killed && (!s.report || (s.report->signaled && s.report->signal == SIGKILL));
  const auto ref = s.ref;
  close_fd(s.fd);
  s = slot{};
  to.worker_died(ref, how, now);
}

/// Puts the two accounts of a death together: the kernel's and the worker's own.
cause process_driver::judge(const slot& s) const {
  if (s.fault && (!s.report || s.report->sent_signal == SIGKILL)) return *s.fault;
  if (!s.report) return make_cause(cause_class::killed, "the kernel has not reported its end");
  auto why = process::cause_of(*s.report);
  if (!s.report->signaled) return why;
  if (auto words = s.recorder.last_words()) {
    if (words->cls == cause_class::exception || words->signal == s.report->signal) {
      words->signal = s.report->signal;
      return *words;
    }
  }
  if (s.report->signal == SIGKILL && s.report->sent_signal != SIGKILL)
    why.message = "not sent by us; possibly out of memory";
  return why;
}

void process_driver::observe(engine& to, time_point now) {
  for (auto& s : slots_) {
    if (!s.alive) continue;
    const auto& page = s.recorder.page();
    const auto current = page.current.load(std::memory_order_acquire);
    const auto since = page.started_ns.load(std::memory_order_relaxed);
    // Out of range is out of the question, whatever the worker wrote.
    const auto now_ns = std::chrono::nanoseconds(now.time_since_epoch()).count();
    const auto ns = std::min(static_cast<std::uint64_t>(now_ns), since);
    if (current != 0)
      to.worker_running(s.ref, current, time_point(std::chrono::nanoseconds(static_cast<std::int64_t>(ns))), now);
  }
}

std::optional<time_point> process_driver::next_due() const {
  std::optional<time_point> due;
  for (const auto& s : slots_) {
    if (s.alive && s.patience) due = due ? std::min(*due, *s.patience) : *s.patience;
  }
  return due;
}

}  // namespace steward::pooling
