#include "actor_system/capability_gate.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_config.hpp>
#include <caf/actor_registry.hpp>
#include <caf/exit_reason.hpp>
#include <caf/make_actor.hpp>
#include <caf/scoped_execution_unit.hpp>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace steward::port {

namespace {

using process::link_frame;
using process::link_header;
using process::link_kind;

// While so much waits for the peer to read it, nothing is read of it, and at a trusted one a tell waits.
constexpr std::size_t much_unread = std::size_t{4} * 1024 * 1024;
// A peer with so much to read, beside one message, does not read.
constexpr std::size_t most_unread = std::size_t{64} * 1024 * 1024 + process::max_link_bytes;

// A guest serves others: what waits elsewhere must not soon keep its answers from being read.
constexpr std::size_t guest_times = 16;

thread_local bool drives_gates = false;

caf::error link_is_over() { return caf::make_error(caf::exit_reason::remote_link_unreachable); }

/// A message that came through a gate: its end, whatever that is, is counted.
class metered_element final : public caf::mailbox_element {
public:
  metered_element(caf::strong_actor_ptr from, caf::message_id id, caf::message content,
                  std::shared_ptr<gate_meter> meter, std::size_t bytes)
      : mailbox_element(std::move(from), id, {}),
        content_(std::move(content)),
        meter_(std::move(meter)),
        bytes_(bytes) {
    if (content_.vals() == nullptr) content_ = caf::message_builder{}.to_message();
    meter_->came(bytes_);
  }
  ~metered_element() override { meter_->went(bytes_); }

  caf::type_erased_tuple& content() override { return content_; }
  const caf::type_erased_tuple& content() const override { return content_; }
  caf::message move_content_to_message() override { return std::move(content_); }
  caf::message copy_content_to_message() const override { return content_; }

private:
  caf::message content_;
  std::shared_ptr<gate_meter> meter_;
  std::size_t bytes_;
};

}  // namespace

/// Decides on the handles of a message from the peer.
class capability_gate::admission final : public gate_codec::handles {
public:
  explicit admission(capability_gate& gate) : gate_(gate) {}
  bool given(caf::actor_id ours) override {
    const auto who = gate_.tables_.find(ours);
    if (ours == 0 || !who) return false;
    if (*who && !gate_.is_guests_handle(*who) && gate_.tables_.pin(ours)) gate_.pins_->pin(ours, *who);
    return true;
  }
  caf::strong_actor_ptr theirs(caf::actor_id theirs) override { return gate_.meet(theirs); }

private:
  capability_gate& gate_;
};

/// Tells the peer of an end. Belongs to the actor; the gate takes it back when the link ends first.
struct capability_gate::watcher final : caf::attachable {
  struct of_gate {
    static constexpr std::size_t token_type = 0x57A7;
    const capability_gate* gate;
  };
  watcher(std::weak_ptr<capability_gate> g, const capability_gate* r, caf::actor_id n)
      : gate(std::move(g)), raw(r), number(n) {}
  void actor_exited(const caf::error& why, caf::execution_unit*) override {
    if (const auto to = gate.lock()) to->tell_end(number, why);
  }
  bool matches(const token& what) override {
    return what.subtype == of_gate::token_type && static_cast<const of_gate*>(what.ptr)->gate == raw;
  }
  std::weak_ptr<capability_gate> gate;
  const capability_gate* raw;
  caf::actor_id number;
};

capability_gate::capability_gate(caf::actor_system& system, options o, std::shared_ptr<gate_bell> bell,
                                 std::shared_ptr<gate_pins> pins)
    : system_(system),
      options_(std::move(o)),
      codec_(system),
      bell_(std::move(bell)),
      pins_(std::move(pins)),
      meter_(std::make_shared<gate_meter>(bell_, options_.party ? guest_times : 1)),
      carries_guest_(options_.party != nullptr && options_.offered),
      outbox_(options_.fd) {
  // The guest's cell is in the registry as long as it lives: to pin it each time would leave a trace in it each time.
  if (carries_guest_) tables_.give(options_.offered.id(), caf::actor_cast<caf::strong_actor_ptr>(options_.offered));
  if (options_.offered) tables_.give(0, caf::actor_cast<caf::strong_actor_ptr>(options_.offered));
  greet();
}

capability_gate::~capability_gate() { ::close(options_.fd); }

void capability_gate::greet() {
  std::vector<char> frame(process::link_header_bytes);
  const auto& own = codec_.own_node();
  frame.insert(frame.end(), own.begin(), own.end());
  push(std::move(frame), {link_kind::hello, 0, 0, process::link_version}, false);
}

void capability_gate::drive_from_this_thread() noexcept { drives_gates = true; }

caf::actor capability_gate::offered_by_peer() { return caf::actor_cast<caf::actor>(meet(0)); }

/// A proxy is an actor of this system to all but the gate, so that nothing that the peer says makes it look like
/// another one.
caf::strong_actor_ptr capability_gate::meet(caf::actor_id remote) {
  if (remote != 0 && remote == guest_.load()) return caf::actor_cast<caf::strong_actor_ptr>(options_.offered);
  if (auto found = tables_.meet(remote)) return found;
  caf::actor_config config;
  auto made = caf::make_actor<gate_proxy, caf::strong_actor_ptr>(system_.next_actor_id(), system_.node(), &system_,
                                                                 config, weak_from_this(), remote);
  const auto* raw = static_cast<const gate_proxy*>(caf::actor_cast<caf::abstract_actor*>(made));
  return tables_.add(remote, made, raw) ? made : nullptr;
}

/// Lets the peer name an actor of this side, which has sent something. CAF looks in its registry when the peer's handle
/// comes back in a message: it is pinned there then, and not before, since that leaves a trace in the actor.
void capability_gate::give(const caf::strong_actor_ptr& who) { tables_.give(who->id(), who); }

/// The same for one that a message shows, which CAF has put there to write it. May be gone.
void capability_gate::give(const caf::strong_actor_ptr& who, caf::actor_id number) {
  tables_.give(number, who);
  if (tables_.pin(number)) pins_->pin(number, who);
}

// -- to the peer ----------------------------------------------------------------------------------------------------

void capability_gate::push(std::vector<char> frame, const link_header& header, bool lazy) {
  process::write_link_header(frame.data(), header, frame.size() - process::link_header_bytes);
  if (outbox_.push(std::move(frame), lazy) || (!options_.trusts_peer && overdrawn())) bell_->ring();
}

void capability_gate::write_bare(link_header header, bool lazy) {
  push(std::vector<char>(process::link_header_bytes), header, lazy);
}

caf::error capability_gate::write(link_header header, const caf::type_erased_tuple& content, message_use use,
                                  std::size_t* bytes) {
  auto frame = outbox_.fresh();
  std::vector<caf::actor_id> shown;
  std::vector<caf::strong_actor_ptr> actors;
  // Another gate may end and unpin an actor just before this one finds it; if it is not over it is there the next time.
  for (int tries = 0; tries < 2; ++tries) {
    frame.assign(process::link_header_bytes, '\0');
    shown.clear();
    actors.clear();
    if (auto problem = codec_.encode(content, use, frame, shown)) return problem;
    for (const auto number : shown) actors.push_back(system_.registry().get<caf::strong_actor_ptr>(number));
    if (std::find(actors.begin(), actors.end(), nullptr) == actors.end()) break;
  }
  for (std::size_t i = 0; i < shown.size(); ++i) show(frame, shown[i], actors[i]);
  if (bytes != nullptr) *bytes = frame.size();
  push(std::move(frame), header, false);
  return caf::none;
}

/// In a message that is on its way to the peer.
void capability_gate::show(std::vector<char>& frame, caf::actor_id number, const caf::strong_actor_ptr& who) {
  if (const auto guest = guest_.load(); guest != 0 && is_guests_handle(who)) {
    codec_.give_back(frame, number, guest, peer_bytes_);
    return;
  }
  const auto* proxy = who ? dynamic_cast<gate_proxy*>(caf::actor_cast<caf::abstract_actor*>(who)) : nullptr;
  if (proxy != nullptr && proxy->is_of(this) && met_peer_.load())
    codec_.give_back(frame, number, proxy->remote(), peer_bytes_);
  else
    give(who, number);
}

void capability_gate::write_error(link_header header, const caf::error& problem) {
  const auto content = caf::make_message(problem);
  if (!write(header, content.content(), message_use::answer)) return;
  const auto plain = caf::make_message(caf::make_error(caf::sec::runtime_error, render(problem)));
  static_cast<void>(write(header, plain.content(), message_use::answer));
}

caf::error capability_gate::pass_on(caf::actor_id remote, caf::mailbox_element& what) {
  const auto& content = what.content();
  if (what.mid.is_response()) {
    const link_header header{link_kind::answer, 0, 0, what.mid.request_id().integer_value()};
    if (auto problem = write(header, content, message_use::answer)) write_error(header, problem);
    return caf::none;
  }
  if (content.match_elements<caf::exit_msg>()) {
    // An end does not cross to a side that does not trust this one.
    if (!options_.trusts_peer) write_error({link_kind::exit, remote, 0, 0}, content.get_as<caf::exit_msg>(0).reason);
    return caf::none;
  }
  if (!what.stages.empty())
    return caf::make_error(caf::sec::invalid_argument, std::string{"a composed actor beyond a gate"});
  if (what.mid.is_request() && what.sender) return ask(remote, what);
  if (options_.trusts_peer && !drives_gates) outbox_.await_room(much_unread);
  link_header header{link_kind::tell, remote, 0, 0};
  if (what.sender) {
    header.sender = what.sender->id();
    give(what.sender);
  }
  return write(header, content, message_use::request);
}

caf::error capability_gate::ask(caf::actor_id remote, caf::mailbox_element& what) {
  const auto number = tables_.note_request(what.sender, what.mid);
  if (number == 0) return link_is_over();
  give(what.sender);
  auto problem = write({link_kind::ask, remote, what.sender->id(), number}, what.content(), message_use::request);
  // The link may have ended meanwhile; then the request was answered.
  if (problem && !tables_.take_request(number)) return caf::none;
  return problem;
}

void capability_gate::watch(caf::actor_id remote, const caf::strong_actor_ptr& proxy) {
  if (remote == 0) return;
  tables_.keep(remote, proxy);
  write_bare({link_kind::watch, remote, 0, 0}, false);
}

void capability_gate::forget(caf::actor_id remote, const gate_proxy* raw) {
  const auto times = tables_.forget(remote, raw);
  if (times > 0 && remote != 0) write_bare({link_kind::release, remote, 0, times}, true);
}

void capability_gate::tell_end(caf::actor_id ours, const caf::error& why) {
  write_error({link_kind::ended, ours, 0, 0}, why);
}

// -- from the peer --------------------------------------------------------------------------------------------------

std::uint32_t capability_gate::wanted_events() {
  const bool blocked = outbox_.blocked();
  const bool reads = options_.trusts_peer || (!meter_->too_much() && outbox_.waiting() <= much_unread);
  return (reads ? EPOLLIN : 0U) | (blocked ? EPOLLOUT : 0U);
}

bool capability_gate::advance(std::uint32_t events) {
  if (over_) return false;
  if ((events & EPOLLOUT) != 0) outbox_.flush();
  std::optional<std::string> problem;
  if (!options_.trusts_peer) problem = overdrawn();
  if (!problem && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) problem = read();
  if (problem && options_.on_breach) options_.on_breach(std::move(*problem));
  if (problem || ended_) close();
  return !over_;
}

std::optional<std::string> capability_gate::overdrawn() const {
  if (outbox_.waiting() > most_unread) return "it does not read what it is sent";
  if (tables_.gave() > gate_tables::max_handles) return "it holds too many handles";
  return std::nullopt;
}

std::optional<std::string> capability_gate::read() {
  const auto room = reader_.room();
  const auto count = ::recv(options_.fd, room.data(), room.size(), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  ended_ = count <= 0;
  if (ended_) return std::nullopt;
  reader_.took(static_cast<std::size_t>(count));
  while (const auto frame = reader_.next())
    if (auto problem = take(*frame)) return problem;
  if (!reader_.problem().empty()) return reader_.problem();
  return std::nullopt;
}

std::optional<std::string> capability_gate::take(const link_frame& frame) {
  switch (frame.kind) {
    case link_kind::hello:
      return take_hello(frame);
    case link_kind::tell:
    case link_kind::ask:
      return take_message(frame);
    case link_kind::answer:
      return take_answer(frame);
    case link_kind::release:
      return take_release(frame);
    case link_kind::watch:
      return take_watch(frame);
    case link_kind::ended:
    case link_kind::exit:
      return take_end(frame);
    case link_kind::deliver:
    case link_kind::deliver_ask:
    case link_kind::settled:
    case link_kind::word:
    case link_kind::guest:
      return take_of_guest(frame);
  }
  return std::nullopt;
}

std::optional<std::string> capability_gate::take_hello(const link_frame& frame) {
  peer_ = to_node(frame.content);
  peer_bytes_ = to_bytes(peer_);
  if (peer_bytes_ == codec_.own_node() || !peer_->valid()) return "it greets with a name that is not its own";
  met_peer_.store(true);
  return std::nullopt;
}

std::optional<std::string> capability_gate::decode(const link_frame& frame, message_use use, caf::message& out) {
  admission by{*this};
  auto bytes = frame.content;
  std::vector<char> renamed;
  // The guest's handle is one of this side, which CAF finds in its registry.
  if (const auto guest = guest_.load();
      guest != 0 && carries_guest_ && codec_.take_home(bytes, guest, peer_bytes_, options_.offered.id(), renamed))
    bytes = std::as_bytes(std::span{renamed});
  return codec_.decode(bytes, use, peer_, by, out);
}

std::optional<std::string> capability_gate::take_message(const link_frame& frame) {
  const auto target = tables_.find(frame.target);
  if (!target) return "a message to an actor that it was never given";
  caf::strong_actor_ptr sender;
  if (frame.sender != 0) {
    sender = meet(frame.sender);
    if (!sender) return "too many handles";
  }
  const bool asked = frame.kind == link_kind::ask;
  caf::message content;
  if (auto problem = decode(frame, message_use::request, content)) {
    if (!options_.trusts_peer) return problem;
    if (asked)
      write_error({link_kind::answer, 0, 0, frame.number}, caf::make_error(caf::sec::invalid_argument, *problem));
    return std::nullopt;
  }
  if (!*target) {
    if (asked) write_error({link_kind::answer, 0, 0, frame.number}, caf::make_error(caf::exit_reason::unknown));
    return std::nullopt;
  }
  auto id = caf::make_message_id();
  auto number = frame.number;
  if (asked && is_guests_handle(sender)) number = options_.party->on_guest_asks(number);
  if (asked) id = caf::message_id{number}.with_normal_priority();
  if (is_guests_handle(*target)) {
    // Its mailbox has a bound of its own; what waits there must not keep its answers from being read. With a unit, so
    // that what it tells itself is not taken for a message of CAF's clock.
    caf::scoped_execution_unit unit{&system_};
    (*target)->enqueue(caf::make_mailbox_element(std::move(sender), id, {}, std::move(content)), &unit);
    return std::nullopt;
  }
  caf::mailbox_element_ptr element{
      new metered_element(std::move(sender), id, std::move(content), meter_, frame.content.size())};
  (*target)->enqueue(std::move(element), nullptr);
  return std::nullopt;
}

std::optional<std::string> capability_gate::take_answer(const link_frame& frame) {
  const auto asker = tables_.take_request(frame.number);
  if (!asker) {
    if (options_.trusts_peer) return std::nullopt;
    return "an answer that nobody asked for";
  }
  caf::message content;
  auto problem = decode(frame, message_use::answer, content);
  if (problem) content = caf::make_message(caf::make_error(caf::sec::invalid_argument, *problem));
  if (const auto who = asker->who.lock()) who->enqueue(nullptr, asker->id.response_id(), std::move(content), nullptr);
  return options_.trusts_peer ? std::nullopt : problem;
}

std::optional<std::string> capability_gate::take_release(const link_frame& frame) {
  const auto how = tables_.take_back(frame.target, frame.number);
  if (how == gate_tables::taking::forgotten) pins_->unpin(frame.target);
  if (how == gate_tables::taking::impossible) return "it gave back what it does not hold";
  return std::nullopt;
}

std::optional<std::string> capability_gate::take_watch(const link_frame& frame) {
  const auto target = tables_.find_unwatched(frame.target);
  if (!target) return "it watches an actor that it was never given";
  if (*target) (*target)->get()->attach(caf::attachable_ptr{new watcher{weak_from_this(), this, frame.target}});
  return std::nullopt;
}

std::optional<std::string> capability_gate::take_end(const link_frame& frame) {
  if (frame.kind == link_kind::exit && !options_.trusts_peer) return "it would end an actor";
  caf::message content;
  if (auto problem = decode(frame, message_use::answer, content)) return problem;
  if (!content.match_elements<caf::error>()) return "an end without a reason";
  const auto why = content.get_as<caf::error>(0);
  if (frame.kind == link_kind::ended) {
    if (const auto proxy = tables_.known(frame.target))
      static_cast<gate_proxy*>(caf::actor_cast<caf::abstract_actor*>(proxy))->end(why);
    tables_.let_go(frame.target);
  } else if (const auto target = tables_.find(frame.target); target && *target) {
    (*target)->enqueue(nullptr, caf::message_id{}.with_high_priority(),
                       caf::make_message(caf::exit_msg{caf::actor_addr{}, why}), nullptr);
  }
  return std::nullopt;
}

void capability_gate::close() {
  if (std::exchange(over_, true)) return;
  outbox_.close();
  ::shutdown(options_.fd, SHUT_RDWR);
  auto rest = tables_.close();
  for (const auto& [number, who] : rest.watched)
    if (who) who->get()->detach(caf::attachable::token{watcher::of_gate{this}});
  for (const auto& proxy : rest.proxies)
    static_cast<gate_proxy*>(caf::actor_cast<caf::abstract_actor*>(proxy))->end(link_is_over());
  for (const auto number : rest.pinned) pins_->unpin(number);
  if (options_.party) {
    std::exchange(options_.party, nullptr)->on_closed(std::move(rest.askers));
    return;
  }
  for (const auto& one : rest.askers)
    if (const auto who = one.who.lock())
      who->enqueue(nullptr, one.id.response_id(), caf::make_message(link_is_over()), nullptr);
}

}  // namespace steward::port
