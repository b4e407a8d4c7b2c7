#include "supervision/guest.hpp"

#include "actor_system/actor_link.hpp"
#include "actor_system/capability_gate.hpp"
#include "actor_system/durable_actor.hpp"
#include "actor_system/gate_codec.hpp"
#include "actor_system/gate_loop.hpp"
#include "actor_system/guest_marks.hpp"
#include "actor_system/handler_types.hpp"
#include "base/in_hand.hpp"
#include "base/text.hpp"
#include "base/thrown_frames.hpp"
#include "process/child.hpp"
#include "process/copied.hpp"
#include "process/flight_page.hpp"
#include "process/frame_names.hpp"
#include "process/work_page.hpp"
#include "supervision/cell.hpp"
#include "supervision/guest_words.hpp"
#include "supervision/process_link.hpp"
#include "supervision/tenants.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

#include <link.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <cxxabi.h>

namespace steward::supervision {

/// What its keeper tells the guest. Overtakes the mailbox.
struct guest_order {
  caf::message said;
};

}  // namespace steward::supervision

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(steward::supervision::guest_order)

namespace steward::supervision {

namespace {

constexpr int link_fd = process::first_child_fd;
constexpr int control_fd = process::first_child_fd;
constexpr int page_fd = process::first_child_fd + 1;
constexpr unsigned most_threads = 8;  // of a process in which several live
constexpr int ended = 0;
constexpr unsigned limit_of_flush = 2;  // seconds

// A child main is a plain function, so what it needs is found here. Written before threads exist.
const actor_registry* registered_actors = nullptr;

/// Where the program itself lies in memory, whatever libraries it has: the first that the loader tells of.
std::uintptr_t program_base() noexcept {
  std::uintptr_t out = 0;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* to) {
        *static_cast<std::uintptr_t*>(to) = info->dlpi_addr;
        return 1;
      },
      &out);
  return out;
}

[[noreturn]] void end_process(int code) {
  ::alarm(limit_of_flush);  // whoever reads its output may hang
  std::fflush(nullptr);
  ::_exit(code);
}

/// The actor whose mailbox is in the parent: builds one state, and ends with it: the process, or, where others live
/// there, too, its link.
class guest final : public port::durable_actor {
public:
  guest(caf::actor_config& cfg, std::shared_ptr<port::capability_gate> gate, process::work_page& page)
      : durable_actor(cfg, {}), gate_(std::move(gate)), marks_(page, [this] { gate_->tell_settled(); }) {}
  /// One of several, with a page of its own.
  guest(caf::actor_config& cfg, std::shared_ptr<port::capability_gate> gate, process::flight_recorder page)
      : guest(cfg, std::move(gate), *process::work_page::in(page.arena())) {
    own_page_ = std::move(page);
  }

  caf::behavior make_behavior() override {
    live_elsewhere(gate_->offered_by_peer(), marks_);
    gate_->introduce(caf::actor_cast<caf::strong_actor_ptr>(this));
    hold_mailbox();
    return {};
  }
  const char* name() const override { return "steward.guest"; }

  // Its parent tells them of the end, for a process that dies tells nobody.
  void add_link(caf::abstract_actor* x) override {
    durable_actor::add_link(x);
    say(word::make(word::report::linked, caf::actor_cast<caf::actor>(x->address())));
  }
  void remove_link(caf::abstract_actor* x) override {
    durable_actor::remove_link(x);
    say(word::make(word::report::unlinked, caf::actor_cast<caf::actor>(x->address())));
  }

  void say(const caf::message& what) const { static_cast<void>(gate_->send_word(what)); }

private:
  bool is_command(const std::type_info& type) const override { return type == typeid(guest_order); }
  bool on_command(caf::type_erased_tuple& content, const std::type_info& type) override {
    if (type != typeid(guest_order)) return false;
    const auto& said = content.get_as<guest_order>(0).said;
    switch (static_cast<word::order>(word::kind_of(said))) {
      case word::order::begin:
        if (const auto birth = word::birth_in(said)) begin(*birth);
        break;
      case word::order::leave:
        drop_state(caf::exit_reason::user_shutdown);
        say(word::make(word::report::left));
        end();
        break;
      case word::order::news:
        if (auto news = word::news_in(said); news && state_)  // as a timer, it ends with the incarnation
          set_timer({caf::actor_cast<caf::actor>(this), caf::make_message(std::move(*news)), milliseconds{0}});
        break;
    }
    return true;
  }

  void begin(const word::birth& what) {
    const auto* entry = what.type.empty() ? nullptr : registered_actors->find(what.type);
    if (entry != nullptr) rules_ = entry->exceptions.get();
    const actor_args::printer print = [this](const std::string& line) { say(word::make(word::report::printed, line)); };
    path_ = what.path;
    incarnation_ = what.incarnation;
    const actor_args args{what.path, what.incarnation, what.params, what.actors, print, what.seed, this};
    cause why;
    why.cls = cause_class::start;
    reset_handlers();
    try {
      if (entry != nullptr)
        state_ = entry->make(this, args);
      else if (what.type.empty())
        state_ = factory_at(what.factory)(this, args);
      if (!state_) {
        why.message = "no actor is registered as '" + what.type + "' in its process";
      } else {
        auto behavior = state_->make_behavior();
        if (behavior && !quitting()) {
          tell_of_types(behavior);
          open_mailbox(std::move(behavior), what.incarnation);
          say(word::make(word::report::ready, args.for_starter()));
          return;
        }
        why.message = quitting() ? "quit while it was starting" : "make_behavior returned no behaviour";
      }
    } catch (const decline_start& x) {
      drop_state({});
      say(word::make(word::report::declined, text_of(x)));
      return end();
    } catch (const abi::__forced_unwind&) {
      end_program(actor_thread_ended);
    } catch (...) {  // a throwing constructor or init is a failed start, whatever it throws
      why = cause_of(std::current_exception());
    }
    drop_state(caf::make_error(errc::crashed, why.exception, why.message));
    say(word::make(word::report::start_failed, why));
    end();
  }

  void tell_of_types(const caf::behavior& handlers) const {
    std::string all;
    for (const auto& type : port::unannounced_types(handlers, travelling_types(home_system().config())))
      all += (all.empty() ? "" : ", ") + type;
    if (!all.empty()) say(word::make(word::report::unannounced, all));
  }

  static plain_factory factory_at(std::int64_t place) {
    return reinterpret_cast<plain_factory>(  // as `place_of` has found it
        static_cast<std::uintptr_t>(static_cast<std::int64_t>(program_base()) + place));
  }

  void drop_state(const caf::error& reason) {
    if (state_) call_functors(reason);
    state_.reset();
    cancel_timers();
    undo_ties(reason);
    forget_requests();
  }

  bool is_alone() const { return !own_page_.valid(); }

  /// All is told. Nothing more goes to the parent, which takes back what was not begun.
  void end() {
    gate_->await_written();
    if (is_alone()) end_process(ended);
    std::fflush(nullptr);
    marks_.close();
    ::shutdown(gate_->fd(), SHUT_RDWR);
    if (leaving()) return;
    hold_mailbox();
    leave(caf::exit_reason::user_shutdown, caf::make_error(errc::ended), nullptr);
  }

  void on_throw(const std::exception_ptr& problem, const std::exception*, const std::string& in_hand) override {
    const auto rule = rules_ != nullptr ? rules_->match(problem) : treatment::restart;
    const bool resumes = rule == treatment::resume && !quitting() && handlers_intact();
    word::ending out;
    out.why = resumes ? cause_of(problem) : cause_without_frames(problem);
    out.in_hand = shorten(in_hand, event_log::max_args_bytes);
    const auto reason = caf::make_error(errc::crashed, out.why.exception, out.why.message);
    if (resumes) {
      fail_in_hand().deliver(reason);
      say(word::make(word::report::resumed, out.why, out.in_hand));
      return;
    }
    out.thrown_in = thrown_addresses(problem);
    out.anchor = process::program_anchor();
    // Its parent answers what is in hand, which it knows by its slot.
    if (rule == treatment::stop) out.rule = policy::verdict::stop;
    if (rule == treatment::escalate) out.rule = policy::verdict::escalate;
    drop_state(reason);
    say(word::make(out));
    end();
  }

  void on_quit(caf::error reason) override {
    const auto how = exit_of(reason);
    drop_state(reason);
    word::ending out;
    out.why = how.why;
    out.how = how.cls;
    say(word::make(out));
    end();
  }

  caf::result<caf::message> on_unexpected(caf::message_view& view) override {
    say(word::make(word::report::warned, "dropped a message that it has no handler for: " +
                                             shorten(to_string(view.content()), event_log::max_args_bytes)));
    return caf::make_error(caf::sec::unexpected_message);
  }
  void on_refused(const std::string& what) override { say(word::make(word::report::warned, what)); }

  // Its mailbox has no bound, and its parent tells of what is dead.
  void on_dropped(std::uint64_t, const caf::type_erased_tuple*) override {}
  bool hears_of_dead() const override { return false; }
  void on_dead(dead_letter_reason, const caf::strong_actor_ptr&, caf::message) override {}
  void on_left(std::uint64_t, const std::string&) override { end(); }
  void on_drained() override {}
  void describe_in_hand(event& into) const override {
    into.actor = path_;
    into.incarnation = incarnation_;
    into.runs_in = to_string(rung::process);
  }

  const std::shared_ptr<port::capability_gate> gate_;
  port::guest_marks marks_;
  const exception_rules* rules_ = nullptr;
  std::string path_;
  std::uint64_t incarnation_ = 0;
  std::unique_ptr<hosted_state> state_;
  process::flight_recorder own_page_;  // of one of several
};

/// Cares for the guest at its end of the link.
class guest_keeper final : public port::gate_party {
public:
  /// `alone`: the process ends with the guest.
  guest_keeper(const process::flight_page& page, bool alone) : page_(page), alone_(alone) {}

  void care_for(caf::actor guest) {
    const std::lock_guard lock{mutex_};
    guest_ = std::move(guest);
    for (auto& x : std::exchange(early_, {})) port::send_urgently(guest_, guest_order{std::move(x)});
  }

  void on_word(caf::message what) override {
    const std::lock_guard lock{mutex_};
    if (guest_)
      port::send_urgently(guest_, guest_order{std::move(what)});
    else
      early_.push_back(std::move(what));
  }
  void on_delivery(std::uint32_t, caf::mailbox_element_ptr what) override {
    port::durable_of(guest_)->take_delivery(std::move(what));
  }
  /// Nobody is there any more for whom the guest could live.
  void on_closed(std::vector<port::gate_tables::asker>) override {
    if (!alone_) {
      const std::lock_guard lock{mutex_};
      if (guest_) port::send_urgently(guest_, guest_order{word::make(word::order::leave)});
      guest_ = nullptr;
      return;
    }
    // Whoever dies of a signal has closed it himself, and is left to it.
    if (page_.said.load(std::memory_order_acquire) != 0) std::this_thread::sleep_for(limit_of_a_death);
    end_process(ended);
  }

private:
  static constexpr std::chrono::seconds limit_of_a_death{10};

  const process::flight_page& page_;
  const bool alone_;
  std::mutex mutex_;
  caf::actor guest_;
  std::vector<caf::message> early_;
};

/// What a guest's actor system is made of, but for its threads.
struct guest_config : caf::actor_system_config {
  guest_config() { announce_worker_types(*this); }
};

// Made in the zygote, which has the time, and found by its children. Null where the process comes from elsewhere.
guest_config* config_of_zygote = nullptr;

/// What a process of actors has. `channel`: is shut down when it dies of a signal; -1: none.
template <class F>
int live(int channel, unsigned threads, F&& begin) {
  // The page lives as long as the process: a signal handler may write to it at any time.
  static process::flight_recorder recorder = process::flight_recorder::open(page_fd);
  if (!recorder.valid() || registered_actors == nullptr) {
    std::fprintf(stderr, "steward: an actor's process cannot begin\n");
    return process::exit_of_a_copy;
  }
  recorder.close_fd();
  process::install_last_words(recorder.page(), channel);
  process::know_copies();
  try {
    auto* const config = config_of_zygote != nullptr ? config_of_zygote : new guest_config;
    port::configure(*config, port::scheduling::sharing, threads);
    // Left alone at the end: the process leaves through _exit.
    auto* const system = port::make_system_or_end(*config).release();
    port::name_node(*system);
    auto* const loop = new port::gate_loop{*system, port::gate_loop::without_thread{}};
    begin(*system, *loop, recorder);
    loop->run();
  } catch (const std::exception& problem) {  // no thread, no descriptor, no memory
    process::leave_note(recorder.page(), std::string{"it cannot begin: "} + problem.what());
    return process::exit_of_a_copy;
  }
  return ended;
}

template <class Page>
void let_in(caf::actor_system& system, port::gate_loop& loop, const process::flight_page& words, int link,
            Page&& page) {
  constexpr bool alone = std::is_lvalue_reference_v<Page>;
  auto keeper = std::make_shared<guest_keeper>(words, alone);
  port::capability_gate::options options;
  options.fd = link;
  options.trusts_peer = true;
  options.party = keeper;
  auto gate = loop.open(std::move(options));
  if constexpr (alone)
    keeper->care_for(system.spawn<guest>(std::move(gate), page));
  else
    keeper->care_for(system.spawn<guest>(std::move(gate), std::forward<Page>(page)));
}

int guest_main(const process::child_context&) {
  return live(link_fd, 1, [](caf::actor_system& system, port::gate_loop& loop, const process::flight_recorder& page) {
    let_in(system, loop, page.page(), link_fd, *process::work_page::in(page.arena()));
  });
}

/// Lets in whoever is sent to a process in which several live.
class front_door final : public port::side_reader {
public:
  front_door(caf::actor_system& system, port::gate_loop& loop, process::flight_page& words)
      : system_(system), loop_(loop), words_(words) {}

  void join(int epoll, std::uint64_t key) override {
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.u64 = key;
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, control_fd, &e) != 0) end_process(process::exit_of_a_copy);
  }
  bool read() override {
    for (;;) {
      const auto got = receive_tenant(control_fd);
      if (got.over) end_process(ended);
      if (!got.came) return false;
      auto page = got.link_fd < 0 ? process::flight_recorder{} : process::flight_recorder::open(got.page_fd);
      if (!page.valid()) {
        process::leave_note(words_, got.link_fd < 0 ? "there is no descriptor for one actor more"
                                                    : "there is no memory for one actor more");
        end_process(process::exit_of_a_copy);
      }
      page.close_fd();
      let_in(system_, loop_, words_, got.link_fd, std::move(page));
    }
  }
  bool try_again() override { return false; }

private:
  caf::actor_system& system_;
  port::gate_loop& loop_;
  process::flight_page& words_;
};

int tenants_main(const process::child_context&) {
  // One that works does not keep all others waiting.
  const unsigned threads = std::clamp(std::thread::hardware_concurrency(), 2U, most_threads);
  return live(-1, threads, [](caf::actor_system& system, port::gate_loop& loop, const process::flight_recorder& page) {
    static const auto door = std::make_shared<front_door>(system, loop, page.page());
    loop.read_beside(door);
  });
}

/// Nobody is shown in what it reads.
struct no_handles final : port::gate_codec::handles {
  bool given(caf::actor_id) override { return false; }
  caf::strong_actor_ptr theirs(caf::actor_id) override { return nullptr; }
};

/// What each of them does first: it reads what it is built of, and handles a message.
void rehearse(caf::actor_system& system) {
  port::name_node(system);
  const port::gate_codec codec{system};
  std::vector<char> bytes;
  std::vector<caf::actor_id> shown;
  const auto birth = word::make(word::birth{});
  if (codec.encode(birth.content(), port::message_use::request, bytes, shown)) return;
  no_handles nobody;
  caf::message out;
  static_cast<void>(
      codec.decode(std::as_bytes(std::span{bytes}), port::message_use::request, system.node(), nobody, out));
  const auto one = system.spawn(
      [](caf::event_based_actor* self) -> caf::behavior { return {[self](caf::tick_atom) { self->quit(); }}; });
  port::send_anonymously(one, caf::tick_atom::value);
}

/// In the zygote: makes and ends what each of these processes has. What is loaded, found and laid out for that is so in
/// them from then on.
void warm_up() {
  if (config_of_zygote != nullptr) return;  // behind the first of another kind
  try {
    guest_config config;
    port::configure(config, port::scheduling::sharing, 1);
    const auto system = port::make_system(config);
    const port::gate_loop loop{*system, port::gate_loop::without_thread{}};
    rehearse(*system);
    config_of_zygote = new guest_config;
  } catch (const std::exception&) {  // without it each process does that for itself
    return;
  }
  // What was freed is put in order here, where it costs once: each child would do so with pages of its own.
  ::malloc_trim(0);
}

const guest* guest_of(self_ptr self) noexcept { return dynamic_cast<const guest*>(self); }

}  // namespace

void register_guest_main(const actor_registry& actors) {
  registered_actors = &actors;
  process::register_child_main(guest_main_name, &guest_main, &warm_up);
  process::register_child_main(tenants_main_name, &tenants_main, &warm_up);
}

std::int64_t place_of(plain_factory factory) noexcept {
  return static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(factory)) -
         static_cast<std::int64_t>(program_base());
}

bool is_guest(self_ptr self) noexcept { return guest_of(self) != nullptr; }

void watch_from_guest(self_ptr self, const std::string& name, bool ends) {
  guest_of(self)->say(word::make(ends ? word::report::unwatch : word::report::watch, name));
}

}  // namespace steward::supervision
