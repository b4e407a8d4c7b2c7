#include "pool/process_driver.hpp"

#include "pool/barriers.hpp"
#include "pool/wire.hpp"
#include "pool/worker.hpp"
#include "process/frame_names.hpp"
#include "process/proc_status.hpp"
#include "process/settings_request.hpp"
#include "steward/detail/item_protocol.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace steward::pooling {

namespace {

using process::frame_kind;
using process::frame_writer;
using process::read_status;

// A process that has closed its channel is about to end; after this long it is looked at, and helped.
constexpr std::chrono::milliseconds patience_for_exit{500};
// More of a frame that was begun comes at once. This long it may take where a pool has no heartbeat, and at the least.
constexpr std::chrono::milliseconds patience_for_frame{5'000};
constexpr std::chrono::milliseconds least_patience_for_frame{1'000};

std::string errno_text() { return std::generic_category().message(errno); }
std::string errno_text(const char* what) { return std::string(what) + ": " + errno_text(); }

cause no_room_here(int error) {
  return make_cause(cause_class::memory,
                    "its answer finds no room in the program: " + std::generic_category().message(error));
}

void close_fd(int fd) {
  if (fd >= 0) ::close(fd);
}

// As long as nobody takes what we forward, a worker that writes has to wait.
constexpr auto output_retry = std::chrono::milliseconds(10);

/// False, with errno, where there is no memory for it.
bool encode(const task_header& header, bytes_view args, bytes& out) {
  out.clear();
  try {
    encode_task(out, header, args);
    return true;
  } catch (const std::bad_alloc&) {
    errno = ENOMEM;
    return false;
  }
}

/// False where nobody knows what the worker has taken of it.
bool cut_chunk(process::flight_page& page, task_id id) {
  return detail::cut_items(page.cut, id,
                           [&page] { return page.fenced.load(std::memory_order_relaxed) != 0 || fence_processes(); });
}

}  // namespace

process_driver::process_driver(std::shared_ptr<inbox> to, int epoll_fd, options o)
    : inbox_(std::move(to)), epoll_fd_(epoll_fd), options_(std::move(o)) {}

process_driver::~process_driver() {
  for (auto& s : slots_) s.close_ends();
}

void process_driver::slot::close_ends() noexcept {
  close_fd(std::exchange(fd, -1));
  output = {};
}

/// What the worker shows to be in hand. Its marks stay for a while after the answer, and what was taken back comes
/// again under the same id: where all that it has begun was answered, they are of a run that is over.
task_id process_driver::slot::in_hand() const noexcept {
  const auto& page = recorder.page();
  if (page.begun.load(std::memory_order_seq_cst) <= answered) return 0;
  return page.current.load(std::memory_order_acquire);
}

process_driver::slot* process_driver::find(worker_ref ref) {
  if (ref.index >= slots_.size()) return nullptr;
  auto& s = slots_[ref.index];
  return s.alive && s.ref == ref ? &s : nullptr;
}

/// A worker that is to be started, with its ends of the ways to it. Closes what it still has.
struct process_driver::launching {
  worker_ref ref;
  slot fresh{};
  int theirs = -1;
  int out = -1;
  int err = -1;
  int link = -1;
  std::string problem{};

  explicit launching(worker_ref r) : ref(r) { fresh.ref = r; }
  launching(const launching&) = delete;
  launching& operator=(const launching&) = delete;
  ~launching() {
    for (const int fd : {theirs, out, err, link, fresh.fd}) close_fd(fd);
  }
};

void process_driver::carry_out(const act::start& what, time_point) { to_start_.push_back(what.worker); }

/// All at once, so that the zygote makes one while the next is on its way.
void process_driver::launch(time_point now) {
  if (to_start_.empty()) return;
  std::deque<launching> all;
  std::vector<process::keeper::start_call> calls;
  for (const auto ref : std::exchange(to_start_, {})) {
    auto& one = all.emplace_back(ref);
    prepare(one);
    if (one.problem.empty())
      calls.push_back({request_for(one), [this, ref, box = inbox_](const process::exit_report& report) {
                         // The message runs on the loop's thread, or never: the inbox refuses it after the loop's end.
                         box->push([this, ref, report] { exits_.push_back({ref, report}); });
                       }});
  }
  const auto started = options_.keeper->start_all(std::move(calls));
  auto next = started.begin();
  for (auto& one : all) {
    if (one.problem.empty()) {
      const auto& child = *next++;
      if (child) {
        adopt(one, child, now);
      } else {
        one.problem = child.error;
      }
    }
    launched_.push_back({one.ref, one.problem.empty() ? slots_[one.ref.index].pid : 0, one.problem});
  }
}

void process_driver::report(engine& to, time_point now) {
  for (auto& [ref, pid, problem] : std::exchange(launched_, {})) {
    if (problem.empty()) {
      to.worker_exists(ref, pid);
    } else {
      to.worker_start_failed(ref, make_cause(cause_class::start, std::move(problem)), now);
    }
  }
  for (const auto& [ref, kept] : std::exchange(withdrawn_, {})) to.worker_withdrew(ref, kept);
  for (auto& [ref, id, found, since] : std::exchange(harvested_, {}))
    to.worker_finished(ref, id, found.from, found.count, std::move(found.results), since, now);
}

/// Makes the ways to a new worker, or says why there are none.
void process_driver::prepare(launching& one) {
  auto& fresh = one.fresh;
  std::tie(fresh.fd, one.theirs) = process::make_channel();
  if (fresh.fd < 0) {
    one.problem = errno_text("no channel");
    return;
  }
  if (!fresh.output.open(one.out, one.err)) {
    one.problem = errno_text("no pipe for its output");
    return;
  }
  fresh.recorder = process::flight_recorder::create();
  if (!fresh.recorder.valid()) {
    one.problem = errno_text("no flight page");
    return;
  }
  if (!options_.actor_link) return;
  one.link = options_.actor_link([this, ref = one.ref, box = inbox_](const std::string& problem) {
    box->push([this, ref, problem] { breaches_.emplace_back(ref, problem); });
  });
  if (one.link < 0) one.problem = errno_text("no actor link");
}

process::start_request process_driver::request_for(const launching& one) const {
  const auto& spec = options_.spec;
  auto request = process::request_with(spec.process, worker_main_name);
  request.fds = {one.theirs, one.fresh.recorder.fd()};
  if (one.link >= 0) request.fds.push_back(one.link);
  request.argument = worker_argument(options_.pool, spec);
  request.stdout_fd = one.out;
  request.stderr_fd = one.err;
  return request;
}

/// Takes up a worker process that exists.
void process_driver::adopt(launching& one, const process::started& child, time_point now) {
  const auto ref = one.ref;
  if (ref.index >= slots_.size()) slots_.resize(ref.index + 1);
  auto& s = slots_[ref.index];
  one.fresh.recorder.close_fd();
  s = std::move(one.fresh);
  one.fresh.fd = -1;  // it is the slot's from here on
  s.child = child.id;
  s.pid = child.pid;
  s.born = now;
  s.alive = true;
  s.open = true;
  epoll_event e{};
  e.events = EPOLLIN;
  e.data.u64 = ref.index + 1;
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, s.fd, &e);
  const auto key = e.data.u64;
  s.output.watch(epoll_fd_, key | stdout_key, key | stderr_key, options_.path + "/w" + std::to_string(key));
}

void process_driver::carry_out(act::assign what, time_point) {
  auto* s = find(what.worker);
  if (!s) return;
  const auto& task = *what.task;
  const bool fits =
      encode({what.attempt, task.attempts_in(options_.spec), task.items, task.entry->name}, task.args, payload_);
  const bool clocked = task.is_clocked_in(options_.spec);
  task.begun.store(true, std::memory_order_relaxed);
  const auto flags = (clocked ? flag_clock : 0) | (task.sink ? 0 : flag_raw);
  if (!fits || !s->writer.push(frame_kind::task, static_cast<std::uint16_t>(flags), what.id, payload_)) {
    // The worker answers it in its turn, so that no order is disturbed.
    const auto error = errno_text();
    const auto why = "its " + std::to_string(task.args.size()) + " bytes of arguments cannot be sent: " + error;
    s->writer.push(frame_kind::task, flag_unsent, what.id, std::as_bytes(std::span(why)));
  }
  ++s->assigned;
  // It has answered all that was withdrawn, or nothing would be sent.
  auto& page = s->recorder.page();
  if (std::exchange(s->limited, false)) page.limit.store(0, std::memory_order_seq_cst);
  // It may have been cut here once, or asked to stop. That was another run.
  if (page.cut.load(std::memory_order_relaxed) == what.id) page.cut.store(0, std::memory_order_seq_cst);
  if (page.stop.load(std::memory_order_relaxed) - what.id < task.items) page.stop.store(0, std::memory_order_relaxed);
  if (payload_.capacity() > payload_kept) payload_ = bytes();
  s->dirty = true;
}

void process_driver::carry_out(const act::stop& what, time_point) {
  auto* s = find(what.worker);
  if (!s) return;
  s->writer.push(frame_kind::stop, 0, 0, {});
  s->dirty = true;
}

void process_driver::carry_out(const act::terminate& what, time_point) {
  auto* s = find(what.worker);
  if (!s) return;
  s->terminated = true;
  options_.keeper->kill(s->child, SIGTERM);
}

void process_driver::carry_out(const act::ask_task& what, time_point) {
  auto* s = find(what.worker);
  if (!s) return;
  auto& page = s->recorder.page();
  auto asked = what.id;
  if (what.whole) {
    // A chunk that it has not begun it will not.
    cut_chunk(page, what.id);
    if (s->in_hand() == what.id) asked += detail::item_taken(page.item);
  }
  page.stop.store(asked, std::memory_order_relaxed);
}

void process_driver::carry_out(const act::withdraw& what, time_point) {
  auto* s = find(what.worker);
  if (!s) return;
  auto& page = s->recorder.page();
  const auto head = s->answered + 1;
  s->limited = true;
  page.limit.store(head + 1, std::memory_order_seq_cst);
  // After this it has seen the limit, or we see what it has begun.
  const auto begun = page.begun.load(std::memory_order_seq_cst);
  withdrawal kept;
  kept.will_answer = true;
  kept.begun = begun > head ? static_cast<std::size_t>(std::min<std::uint64_t>(begun - head + 1, what.sent)) : 1;
  // The item is one of the first only while it is the one that was begun, and none but it can be begun any more.
  if (begun == head && what.chunk && cut_chunk(page, what.head)) kept.item = detail::item_taken(page.item);
  withdrawn_.emplace_back(what.worker, kept);
}

void process_driver::carry_out(const act::kill& what, time_point now) {
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

void process_driver::channel_event(std::uint64_t key, std::uint32_t events, engine& to, time_point now) {
  const auto index = (key & ~(stdout_key | stderr_key)) - 1;
  if (index >= slots_.size()) return;
  auto& s = slots_[index];
  if (!s.alive) return;
  if (key & stderr_key) return s.output.read_errors();
  if (key & stdout_key) return s.output.read_output([&] { return place_of(s); }, lines_of(s, to));
  if (!s.open) return;
  if (events & EPOLLOUT) flush(s);
  if (events & ~static_cast<std::uint32_t>(EPOLLOUT)) read(s, to, now);
}

void process_driver::read(slot& s, engine& to, time_point now) {
  auto status = read_status::more;
  try {
    status = s.reader.fill(s.fd);
  } catch (const std::bad_alloc&) {
    return end_for(s, no_room_here(ENOMEM), now);
  }
  while (auto f = s.reader.next()) {
    const bool answers = (f->kind == frame_kind::result || f->kind == frame_kind::failure) && f->id != 0;
    const bool last = answers && (f->flags & flag_done) != 0;
    if (f->error != 0) {
      if (!lose_result(s, *f, f->error, to, now)) return end_for(s, no_room_here(f->error), now);
    } else if (!handle(s, *f, to, now)) {
      return broke_protocol(s, "an answer that nobody asked for", now);
    }
    s.answered += last ? 1 : 0;
  }
  if (s.reader.broken()) {
    broke_protocol(s, s.reader.problem(), now);
  } else if (status != read_status::more) {
    channel_ended(s, now);
  } else {
    watch_frame(s, now);
  }
}

/// A frame that was begun is finished soon: what a task wrote to the channel may only look like the head of one.
void process_driver::watch_frame(slot& s, time_point now) {
  const auto usual = options_.spec.limits.heartbeat;
  const auto limit = usual.count() > 0 ? std::max(usual, least_patience_for_frame) : patience_for_frame;
  const auto heard = s.reader.received_bytes();
  if (!s.reader.has_partial()) {
    s.frame_until.reset();
  } else if (!s.frame_until || heard != s.heard) {
    s.frame_until = now + limit;
  } else if (now >= *s.frame_until) {
    broke_protocol(s, "a frame that it began and did not finish", now);
  }
  s.heard = heard;
}

bool process_driver::handle(slot& s, const process::frame& f, engine& to, time_point now) {
  // What a task has written comes before its answer.
  if (f.flags & flag_wrote) s.output.read_all_output([&] { return place_of(s); }, lines_of(s, to));
  try {
    switch (f.kind) {
      case frame_kind::ready:
        s.ready = true;
        to.worker_ready(s.ref, now);
        return true;
      case frame_kind::result:
        return take_result(s, f, to, now);
      case frame_kind::failure:
        return take_failure(s, f, to, now);
      case frame_kind::task:
      case frame_kind::stop:
        return false;
    }
    return false;
  } catch (const decode_error&) {
    return false;
  }
}

bool process_driver::take_result(slot& s, const process::frame& f, engine& to, time_point now) {
  const auto part = decode_result(f.payload);
  if (const auto* task = to.sent(s.ref, f.id).first) {
    const bool sound = task->sink ? holds_items(part.results, task->entry->result_size, part.count)
                                  : part.item == 0 && part.count <= 1;
    if (!sound) return false;
  }
  bytes results;
  try {
    results.assign(part.results.begin(), part.results.end());
  } catch (const std::bad_alloc&) {
    return lose_result(s, f, ENOMEM, to, now);
  }
  return to.worker_items(s.ref, f.id, part.item, part.count, std::move(results), part.ran_ms,
                         (f.flags & flag_done) != 0, now);
}

/// We have no room for what it answers: that is the failure of these tasks, and nobody else's. False when it cannot be
/// told of which.
bool process_driver::lose_result(slot& s, const process::frame& f, int error, engine& to, time_point now) {
  const auto [task, received] = to.sent(s.ref, f.id);
  if (!task || f.kind != frame_kind::result) return false;
  result_part part;
  part.count = 1;
  if (f.payload.size() >= result_head_bytes)
    part = decode_result(f.payload);
  else if (task->sink)
    return false;
  const auto end = part.item + part.count;
  const bool done = (f.flags & flag_done) != 0;
  if (part.item > received || part.count > task->items || end < received) return false;
  // Those that were harvested are here.
  if (part.item < received &&
      !to.worker_items(s.ref, f.id, part.item, received - part.item, {}, part.ran_ms, done && end == received, now))
    return false;
  for (auto item = received; item < end; ++item) {
    if (!to.worker_item_failed(s.ref, f.id, item, no_room_here(error), part.ran_ms, done && item + 1 == end, now))
      return false;
  }
  return true;
}

bool process_driver::take_failure(slot& s, const process::frame& f, engine& to, time_point now) {
  auto failed = decode_failure(f.payload);
  if (!failed.frames.empty()) failed.why.frames = process::frame_names(failed.frames, failed.anchor);
  if (f.id == 0) {
    s.not_started = make_cause(cause_class::start,
                               "its initializer '" + options_.spec.initializer + "' failed: " + describe(failed.why));
    return true;
  }
  if (options_.spec.process.memory_limit > 0 && failed.why.exception == "std::bad_alloc") {
    failed.why.cls = cause_class::memory;
    if ((f.flags & flag_not_taken) == 0) failed.why.message = failed.why.exception;
    failed.why.message += " under the memory_limit of " + std::to_string(options_.spec.process.memory_limit) + " bytes";
  }
  if (f.flags & flag_not_taken) return to.worker_did_not_take(s.ref, f.id, std::move(failed.why), now);
  return to.worker_item_failed(s.ref, f.id, failed.item, std::move(failed.why), failed.ran_ms,
                               (f.flags & flag_done) != 0, now);
}

/// What a worker has in hand, as it says itself.
task_place process_driver::place_of(const slot& s) {
  const auto& page = s.recorder.page();
  return {page.current.load(std::memory_order_acquire), page.item.load(std::memory_order_relaxed)};
}

worker_output::teller process_driver::lines_of(const slot& s, engine& to) {
  return [ref = s.ref, &to](const task_place& by, std::string_view line) {
    to.worker_wrote(ref, by.task, by.item, std::string(line));
  };
}

void process_driver::end_for(slot& s, cause fault, time_point now) {
  s.fault = std::move(fault);
  options_.keeper->kill(s.child, SIGKILL);
  channel_ended(s, now);
}

void process_driver::broke_protocol(slot& s, std::string problem, time_point now) {
  end_for(s, make_cause(cause_class::protocol, std::move(problem)), now);
}

void process_driver::channel_ended(slot& s, time_point now) {
  s.open = false;
  s.closed = now;
  s.frame_until.reset();
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, s.fd, nullptr);
  if (!s.patience && !s.report) s.patience = now + (s.fault ? patience_for_kill : patience_for_exit);
}

bool process_driver::collect(engine& to, time_point now) {
  for (auto& [ref, problem] : std::exchange(breaches_, {}))
    if (auto* s = find(ref); s && s->open) broke_protocol(*s, "on its actor link: " + problem, now);
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
  for (const auto ref : std::exchange(named_, {})) {
    if (auto* s = find(ref)) bury(*s, to, now);
  }
  for (auto& s : slots_) {
    if (s.alive && s.open && s.frame_until && now >= *s.frame_until) read(s, to, now);
    if (s.alive && s.patience && now >= *s.patience) out_of_patience(s, to, now);
    if (s.alive && s.output.waits()) s.output.try_again();
  }
  return !exits.empty();
}

void process_driver::observe(engine& to, time_point now) {
  for (auto& s : slots_) {
    if (!s.alive) continue;
    const auto& page = s.recorder.page();
    const auto current = s.in_hand();
    const auto item = page.item.load(std::memory_order_relaxed);
    const auto since = page.started_ns.load(std::memory_order_relaxed);
    if (current != 0) to.worker_running(s.ref, current, time_of(s, since, now), now, item);
    const auto wanted = to.wanted(s.ref.index, now);
    if (wanted.state || wanted.memory)
      to.worker_looked_at(s.ref, wanted.state ? options_.keeper->stop_signal(s.child) : 0,
                          wanted.memory ? process::resident_bytes(s.pid) : 0, now);
  }
}

std::optional<time_point> process_driver::next_due() const {
  std::optional<time_point> due;
  for (const auto& s : slots_) {
    for (const auto& until : {s.patience, s.frame_until})
      if (s.alive && until) due = due ? std::min(*due, *until) : *until;
    if (s.alive && s.output.waits()) {
      const auto again = std::chrono::steady_clock::now() + output_retry;
      due = due ? std::min(*due, again) : again;
    }
  }
  return due;
}

}  // namespace steward::pooling
