#include "supervision/process_link.hpp"

#include "process/account_of_death.hpp"
#include "process/copied.hpp"
#include "process/frame_names.hpp"
#include "process/proc_status.hpp"
#include "process/settings_request.hpp"
#include "supervision/cell.hpp"
#include "supervision/guest.hpp"

#include <caf/sec.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <system_error>
#include <utility>

namespace steward::supervision {

namespace {

/// How many processes that are about to end one that moves in may find.
constexpr int most_tries = 5;

std::string errno_text(int error) { return std::generic_category().message(error); }

/// Answers to guests are waited for under numbers of this, so that none is taken for that to another incarnation.
std::uint64_t next_number() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) % process::max_link_number + 1;
}

}  // namespace

process_link::child_ends::~child_ends() {
  for (const int fd : {link, errors})
    if (fd >= 0) ::close(fd);
}

process_link::~process_link() {
  if (!host_) return;
  host_->leave(*this);
  host_->was_heard(*this);
}

std::string process_link::open(const process_place& place, const std::string& path, child_ends& theirs) {
  keeper_ = place.keeper;
  print_ = place.print;
  path_ = path;
  recorder_ = process::flight_recorder::create();
  if (!recorder_.valid()) return "a flight page: " + errno_text(errno);
  page_ = process::work_page::in(recorder_.arena());
  news_.emplace(*page_);
  if (place.shared.empty()) {
    errors_ = std::make_shared<process_errors>(path);
    theirs.errors = errors_->open();
    if (theirs.errors < 0) return "a pipe: " + errno_text(errno);
  }
  port::capability_gate::options options;
  options.offered = cell_;
  options.party = shared_from_this();
  options.on_breach = [me = weak_from_this()](std::string breach) {
    if (const auto self = me.lock()) self->on_breach(std::move(breach));
  };
  auto channel = place.links->open(std::move(options), errors_);
  if (channel.child_fd < 0) return "a channel: " + errno_text(errno);
  gate_ = std::move(channel.gate);
  theirs.link = channel.child_fd;
  return {};
}

std::string process_link::launch(const process_place& place, const child_ends& theirs) {
  auto request = process::request_with(place.settings, guest_main_name);
  request.fds = {theirs.link, recorder_.fd()};
  request.stderr_fd = theirs.errors;
  const auto child =
      keeper_->start(request, [me = shared_from_this()](const process::exit_report& x) { me->on_exit(x); });
  const std::lock_guard lock{mutex_};
  child_ = child.id;
  pid_.store(child.pid);
  if (!child) told_over_ = true;
  if (breach_ && child) keeper_->kill(child_, SIGKILL);
  return child.error;
}

std::string process_link::move_in(const process_place& place, const child_ends& theirs) {
  auto host = place.hosts->at(place.shared);
  for (int tries = 0;;) {
    {
      const std::lock_guard lock{mutex_};
      host_ = host;
      subtree_ = place.subtree;
    }
    const auto got = host->take_in(place, shared_from_this(), theirs.link, recorder_.fd());
    if (got.over && ++tries < most_tries) {
      host = place.hosts->at(place.shared, host.get());
      continue;
    }
    const std::lock_guard lock{mutex_};
    pid_.store(host->pid());
    if (got.over || !got.problem.empty()) {
      told_over_ = true;
      host_ = nullptr;
    } else if (breach_) {
      host->kill(breach(), path_);
    }
    return got.over && got.problem.empty() ? "the process that it shares ends again and again" : got.problem;
  }
}

std::string process_link::begin(const process_place& place, const word::birth& what) {
  incarnation_.store(what.incarnation);
  const bool is_new = gate_ == nullptr;
  child_ends theirs;
  if (is_new)
    if (auto problem = open(place, what.path, theirs); !problem.empty()) return problem;
  if (const auto problem = gate_->send_word(word::make(what))) {
    const std::lock_guard lock{mutex_};
    told_over_ = true;
    if (!is_new) keeper_->kill(child_, SIGKILL);
    return "what it is built of cannot cross to its process: " + port::render(problem);
  }
  std::string out;
  if (is_new) out = place.shared.empty() ? launch(place, theirs) : move_in(place, theirs);
  recorder_.close_fd();
  return out;
}

std::string process_link::start_spare(const process_place& place, const std::string& path) {
  child_ends theirs;
  auto out = open(place, path, theirs);
  if (out.empty()) out = launch(place, theirs);
  recorder_.close_fd();
  return out;
}

bool process_link::promote(std::uint64_t incarnation) {
  const std::lock_guard lock{mutex_};
  if (told_over_ || closed_ || report_) return false;
  incarnation_.store(incarnation);
  return true;
}

void process_link::discard() {
  const std::lock_guard lock{mutex_};
  told_over_ = true;
  if (child_ != 0 && !report_) keeper_->kill(child_, SIGKILL);
}

void process_link::stop() { tell(word::make(word::order::leave)); }

void process_link::kill(cause why) {
  const std::lock_guard lock{mutex_};
  if (report_ || told_over_ || (child_ == 0 && !host_)) return;
  if (!killed_) killed_ = why;
  if (host_)
    host_->kill(why, path_);
  else
    keeper_->kill(child_, SIGKILL);
}

// -- messages -------------------------------------------------------------------------------------------------------

process_link::taking process_link::take(caf::mailbox_element& x, const handing& how, caf::error& why_not) {
  if (!x.stages.empty()) {
    why_not = caf::make_error(caf::sec::invalid_argument, std::string{"a composed actor"});
    return taking::refused;
  }
  std::vector<settled> done;
  auto out = taking::full;
  {
    const std::lock_guard lock{mutex_};
    if (closed_) return taking::full;      // the end is told in a moment
    if (wants_room_) return taking::full;  // what has found no room comes first
    settle(done);
    const bool has_room = count_ < process::work_page::slots && in_work() < window && bytes_ < window_bytes;
    wants_room_ = !has_room;
    if (has_room) {
      const auto slot = new_slot();
      auto& e = entries_[slot];
      page_->state[slot].store(static_cast<std::uint8_t>(process::work_state::sent), std::memory_order_release);
      auto delivery = gate_->deliver(slot, x.sender, x.mid, x.content());
      e.how = how;
      e.number = delivery.number;
      e.bytes = delivery.bytes;
      bytes_ += e.bytes;
      if (delivery.problem) {
        free_slot(slot);
        why_not = std::move(delivery.problem);
        out = taking::refused;
      } else {
        e.message =
            caf::make_mailbox_element(std::move(x.sender), x.mid, std::move(x.stages), x.move_content_to_message());
        out = taking::taken;
      }
    }
  }
  count(std::move(done));
  return out;
}

std::uint32_t process_link::new_slot() {
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  auto& e = entries_[slot];
  e = entry{};
  e.before = last_;
  if (last_ == nobody)
    first_ = slot;
  else
    entries_[last_].behind = slot;
  last_ = slot;
  ++count_;
  return slot;
}

caf::mailbox_element_ptr process_link::free_slot(std::uint32_t slot) {
  auto& e = entries_[slot];
  (e.before == nobody ? first_ : entries_[e.before].behind) = e.behind;
  (e.behind == nobody ? last_ : entries_[e.behind].before) = e.before;
  --count_;
  if (e.skipped) --skipped_;
  bytes_ -= e.bytes;
  auto out = std::move(e.message);
  e = entry{};
  free_.push_back(slot);
  return out;
}

/// Takes what the guest has told since the last look.
void process_link::settle(std::vector<settled>& done) {
  while (const auto told = news_->next()) {
    if (told->slot >= entries_.size() || !entries_[told->slot].message) {
      end_for_breach("it has told of a message that it was not given");
      return;
    }
    auto& e = entries_[told->slot];
    if (told->how == process::work_state::skipped) {
      if (!std::exchange(e.skipped, true)) ++skipped_;
      continue;
    }
    const bool counted = e.how.counted;
    done.push_back({free_slot(told->slot), counted, told->how});
  }
  if (news_->broken() && !breach_) end_for_breach("its work page says what cannot be");
}

void process_link::end_for_breach(std::string what) {
  breach_ = std::move(what);
  if (report_ || told_over_) return;
  if (host_)
    host_->kill(breach(), path_);
  else if (child_ != 0)
    keeper_->kill(child_, SIGKILL);
}

void process_link::count(std::vector<settled> done) const {
  if (done.empty()) return;
  auto& to = cell_of(cell_);
  for (const auto& one : done) to.count_settled(*one.message, one.counted, one.how);
}

/// With the lock, whenever something was settled: whoever has settled the last one is the last to see the room.
bool process_link::has_room_to_tell() {
  if (!wants_room_ || told_room_ || in_work() > window / 2 || bytes_ > window_bytes / 2) return false;
  return told_room_ = true;
}

void process_link::on_settled() {
  std::vector<settled> done;
  bool look_again = false;
  {
    const std::lock_guard lock{mutex_};
    if (closed_) return;
    settle(done);
    look_again = has_room_to_tell();
    if (wants_empty_ && count_ == 0) {
      wants_empty_ = false;
      look_again = true;
    }
  }
  count(std::move(done));
  if (look_again) tell_cell(link_news::kind::room);
}

void process_link::cut(cause why) {
  {
    const std::lock_guard lock{mutex_};
    if (report_ || told_over_) return;
    if (host_) {
      cut_ = true;
      ::shutdown(gate_->fd(), SHUT_RDWR);  // the gate's loop sees the end
      return;
    }
  }
  kill(std::move(why));
}

void process_link::make_room() {
  const std::lock_guard lock{mutex_};
  wants_room_ = told_room_ = false;
}

bool process_link::tells_when_empty() {
  std::vector<settled> done;
  bool busy = false;
  bool room = false;
  {
    const std::lock_guard lock{mutex_};
    if (!closed_) settle(done);
    room = !closed_ && has_room_to_tell();
    // What has found no room waits beside the mailbox, where whoever drains does not see it.
    busy = count_ > 0 || wants_room_;
    wants_empty_ = count_ > 0;
  }
  count(std::move(done));
  if (room) tell_cell(link_news::kind::room);
  return busy;
}

std::uint64_t process_link::turn() const {
  const std::lock_guard lock{mutex_};
  // The guest may have told of the end of what seems to be in work.
  const bool busy = in_work() > 0 && !news_->has_more();
  return page_->turn.load(std::memory_order_acquire) | (busy ? 1U : 0U);
}

caf::message process_link::in_hand() const {
  const std::lock_guard lock{mutex_};
  for (auto at = first_; at != nobody; at = entries_[at].behind)
    if (entries_[at].message && page_->state_of(at) == process::work_state::begun)
      return entries_[at].message->copy_content_to_message();
  return {};
}

// -- what the guest asks others ---------------------------------------------------------------------------------------

std::uint64_t process_link::on_guest_asks(std::uint64_t number) {
  const auto out = next_number();
  const std::lock_guard lock{mutex_};
  asks_[out] = number;
  return out;
}

void process_link::take_answer(caf::mailbox_element& x) {
  std::uint64_t number = 0;
  {
    const std::lock_guard lock{mutex_};
    const auto found = asks_.find(x.mid.request_id().integer_value());
    if (found == asks_.end()) return;
    number = found->second;
    asks_.erase(found);
  }
  gate_->answer_guest(number, x.content());
}

// -- news -----------------------------------------------------------------------------------------------------------

void process_link::on_word(caf::message said) {
  const auto kind = static_cast<word::report>(word::kind_of(said));
  const auto text = word::text_in(said);
  if (kind == word::report::printed && text) {
    print_(*text);
    return;
  }
  {
    const std::lock_guard lock{mutex_};
    switch (kind) {
      case word::report::left:
        remains_.left = true;
        return;
      case word::report::ended:
        remains_.ending = word::ending_in(said);
        return;
      case word::report::start_failed:
        if (auto told = word::cause_in(said)) remains_.start_failed = std::move(told->why);
        return;
      case word::report::declined:
        remains_.declined = text;
        return;
      case word::report::linked:
      case word::report::unlinked:
        if (const auto who = word::actor_in(said); who && *who) {
          std::erase(remains_.linked, *who);
          if (kind == word::report::linked) remains_.linked.push_back(*who);
        }
        return;
      default:
        break;
    }
  }
  tell_cell(link_news::kind::word, std::move(said));
}

void process_link::tell_cell(link_news::kind what, caf::message said) const {
  port::send_urgently(cell_, link_news{what, incarnation_.load(), std::move(said)});
}

void process_link::on_breach(std::string what) {
  const std::lock_guard lock{mutex_};
  end_for_breach(std::move(what));
}

void process_link::on_closed(std::vector<port::gate_tables::asker> unanswered) {
  std::vector<settled> done;
  {
    const std::lock_guard lock{mutex_};
    settle(done);
    closed_ = true;
    remains_.unanswered = std::move(unanswered);
    const bool dies = has_said() || report_ || words().page().said.load(std::memory_order_acquire) != 0;
    if (host_ && !dies && !process::is_ending(host_->pid())) {
      lingered_ = true;
      cause why;
      why.cls = cause_class::protocol;
      why.message = "its process has closed the link";
      host_->kill(why, path_);
    } else if (child_ != 0 && !dies && !process::is_ending(pid_.load())) {
      lingered_ = true;
      keeper_->kill(child_, SIGKILL);
    }
  }
  count(std::move(done));
  look_for_end();
}

void process_link::on_exit(const process::exit_report& report) {
  {
    const std::lock_guard lock{mutex_};
    report_ = report;
  }
  look_for_end();
}

void process_link::on_host_exit(const process::exit_report& report, const std::optional<cause>& killed, bool innocent) {
  {
    const std::lock_guard lock{mutex_};
    report_ = report;
    innocent_ = innocent;
    if (killed && !killed_) killed_ = killed;
  }
  look_for_end();
}

/// Both witnesses have spoken, and the frames have their names. Of one that shares a process its own word is enough.
void process_link::look_for_end() {
  const std::lock_guard lock{mutex_};
  if (!closed_ || told_over_ || (!report_ && !(host_ && has_said()))) return;
  if (report_ && !host_ && report_->signaled &&
      !recorder_.find_names([me = shared_from_this()] { me->look_for_end(); }))
    return;
  if (auto& told = remains_.ending; told && !told->thrown_in.empty()) {
    if (!process::find_frame_names(told->thrown_in, told->anchor, [me = shared_from_this()] { me->look_for_end(); }))
      return;
    told->why.frames = process::frame_names(told->thrown_in, told->anchor);
  }
  told_over_ = true;
  remains_.killed = killed_.has_value();
  remains_.lost_host = host_ && report_ && !has_said();
  remains_.lost_subtree = remains_.lost_host && subtree_;
  remains_.innocent = innocent_;
  if (report_) {
    remains_.why = judge();
    remains_.why.stderr_tail = host_ ? host_->last_lines() : errors_->finish();
  }
  if (host_) host_->leave(*this);
  tell_cell(link_news::kind::over);
}

cause process_link::breach() const {
  cause out;
  out.cls = cause_class::protocol;
  out.message = *breach_;
  return out;
}

cause process_link::judge() const {
  if (breach_) return breach();
  if (killed_ && (report_->is_lost() || report_->signal == SIGKILL)) return *killed_;
  auto out = process::account_of_death(*report_, words(), lingered_);
  if (out.code == process::exit_of_a_copy) {
    const auto note = words().last_words();
    if (note && note->signal == 0) out.message = note->message;
  }
  return out;
}

process_link::remains process_link::take_remains() {
  std::vector<settled> done;
  auto out = take_remains(done);
  count(std::move(done));
  return out;
}

process_link::remains process_link::take_remains(std::vector<settled>& done) {
  const std::lock_guard lock{mutex_};
  auto out = std::exchange(remains_, {});
  for (auto at = first_; at != nobody;) {
    const auto slot = std::exchange(at, entries_[at].behind);
    const auto state = page_->state_of(slot);
    auto& e = entries_[slot];
    const auto how = e.how;
    if (e.number != 0 && std::erase_if(out.unanswered, [&](const auto& x) { return x.number == e.number; }) == 0) {
      done.push_back(
          {free_slot(slot), how.counted, process::work_state::handled});  // its answer was the last that came
      continue;
    }
    out.messages.push_back({free_slot(slot), how, state == process::work_state::begun});
  }
  return out;
}

}  // namespace steward::supervision
