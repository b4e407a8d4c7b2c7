#include "probe_actor.hpp"

#include "process/child.hpp"
#include "process/link_frames.hpp"
#include "steward/caf_codec.hpp"
#include "steward/messages.hpp"
#include "steward/task_actors.hpp"
#include "steward/timer.hpp"
#include "steward/watch.hpp"

#include <caf/exit_reason.hpp>

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

namespace steward::test {

namespace {

using namespace std::chrono_literals;

[[gnu::noinline]] void fault() {
  volatile int* nowhere = nullptr;
  *nowhere = 1;  // NOLINT: that is what it is for
}

class probe {
public:
  probe(self_ptr self, const actor_args& args)
      : self_(self), path_(args.path()), incarnation_(args.incarnation()), print_(args.print()) {
    const auto how = args.text("start");
    if (how == "throw" || (how == "throw_first" && incarnation_ == 1)) throw std::runtime_error("it does not start");
    if (how == "throw_again" && incarnation_ > 1) throw std::runtime_error("it does not start again");
    if (how == "hang_a_little") std::this_thread::sleep_for(1s);
    if (how == "decline") throw decline_start("not here");
    if (how == "segv") fault();
    if (how == "hang") std::this_thread::sleep_for(60s);
    if (how == "tell") args.tell_starter("hello from " + path_);
    sum_ = args.integer("sum");
    if (!args.text("peer").empty()) peer_ = args.actor("peer");
  }

  static std::vector<param_spec> parameters() {
    return {{"start", param_type::text, param_value{""}, {}, {}, "how it starts"},
            {"sum", param_type::integer, param_value{0}, {}, {}, "what it begins with"},
            {"peer", param_type::actor, param_value{""}, {}, {}, "another one"}};
  }

  caf::behavior make_behavior() {
    return {
        [this](caf::add_atom, std::int64_t n) { return sum_ += n; },
        [this](caf::get_atom) { return sum_; },
        [this](caf::put_atom, std::int64_t n) { list_.push_back(n); },
        [this](show_atom) {
          std::ostringstream out;
          for (const auto n : list_) out << (out.tellp() == 0 ? "" : " ") << n;
          return out.str();
        },
        [this](const std::string& what) { return obey(what); },
        [this](const std::string& what, const caf::actor& who) { return obey_with(what, who); },
        [this](const child_end& x) { heard_.push_back(x.path + " " + to_string(x.how)); },
    };
  }

private:
  caf::result<std::string> obey(const std::string& line) {
    std::istringstream in{line};
    std::string what;
    in >> what;
    long number = 0;
    in >> number;
    if (what == "pid") return std::to_string(::getpid());
    if (what == "incarnation") return std::to_string(incarnation_);
    if (what == "path") return path_;
    if (what == "heard") {
      std::string out;
      for (const auto& one : heard_) out += (out.empty() ? "" : ", ") + one;
      return out;
    }
    if (what == "throw") throw std::runtime_error("boom");
    if (what == "throw_once" && incarnation_ == 1) throw std::runtime_error("boom, once");
    if (what == "bad_input") throw bad_input("bad");
    if (what == "last_straw") throw last_straw("enough");
    if (what == "high_treason") throw high_treason("worse");
    if (what == "throw_number") throw 42;
    if (what == "segv") fault();
    if (what == "segv_once" && incarnation_ == 1) fault();
    if (what == "abort") ::abort();
    if (what == "complain") {
      for (int i = 1; i <= 12; ++i) std::fprintf(stderr, "complaint %d\n", i);
      std::fputs("the last one, with no end", stderr);
      if (number != 0) fault();
      throw std::runtime_error("complained");
    }
    if (what == "shout") {
      const std::string noise(std::size_t{1} << 20U, 'n');
      std::fprintf(stderr, "%s\nnot so loud\n", noise.c_str());
    }
    if (what == "kill") ::kill(::getpid(), SIGKILL);
    if (what == "stop_self") ::raise(SIGSTOP);
    if (what == "exit") ::_exit(static_cast<int>(number));
    if (what == "quit") self_->quit();
    if (what == "quit_shutdown") self_->quit(caf::exit_reason::user_shutdown);
    if (what == "quit_badly") self_->quit(caf::make_error(errc::bad_value, std::string{"of its own will"}));
    if (what == "sleep") std::this_thread::sleep_for(std::chrono::milliseconds{number});
    if (what == "print") print_("a line of " + path_);
    if (what == "print_and_sleep") {
      print_("asleep");
      std::this_thread::sleep_for(std::chrono::milliseconds{number});
    }
    if (what == "fork") return std::to_string(fork_sleeper());
    if (what == "forge") forge(line.substr(line.find(' ') + 1));
    if (what == "eat") return eat(static_cast<std::size_t>(number));
    if (what == "watch") watch(self_, line.substr(line.find(' ') + 1));
    if (what == "timer")
      tell_after(self_, std::chrono::milliseconds{number}, handle_of(self_), caf::add_atom::value, std::int64_t{1000});
    if (what == "beat") every(self_, std::chrono::milliseconds{number}, caf::add_atom::value, std::int64_t{1});
    if (what == "tell_self")
      for (long i = 1; i <= number; ++i) tell(self_, handle_of(self_), caf::put_atom::value, std::int64_t{i});
    if (what == "tell_self_and_die") {
      for (long i = 1; i <= number; ++i) tell(self_, handle_of(self_), caf::put_atom::value, std::int64_t{i});
      throw std::runtime_error("told itself");
    }
    if (what == "ask_self") {
      auto promise = self_->make_response_promise<std::string>();
      ask(self_, handle_of(self_), 5s, caf::get_atom::value)
          .then([promise](std::int64_t x) mutable { promise.deliver("self " + std::to_string(x)); },
                [promise](caf::error& e) mutable { promise.deliver(std::move(e)); });
      return promise;
    }
    if (what == "hear_exits") self_->set_exit_handler([this](const caf::exit_msg&) { heard_.push_back("exit"); });
    if (what == "ask_peer") return pass_on(peer_);
    if (what == "promise_and_die") {
      auto promise = self_->make_response_promise<std::string>();
      kept_.push_back(promise);
      tell_after(self_, 50ms, handle_of(self_), std::string{"segv"});
      return promise;
    }
    if (what == "wait_for_get") {  // skips all else until then
      self_->become(caf::keep_behavior, [this](caf::get_atom) {
        self_->unbecome();
        return sum_;
      });
      self_->set_default_handler(caf::skip);
    }
    return line;
  }

  caf::result<std::string> obey_with(const std::string& what, const caf::actor& who) {
    if (what == "ask") return pass_on(who);
    if (what == "tell") tell(self_, who, caf::put_atom::value, std::int64_t{7});
    if (what == "introduce") tell(self_, who, std::string{"meet"}, handle_of(self_));
    if (what == "meet") tell(self_, who, caf::put_atom::value, std::int64_t{8});
    if (what == "same") return who == handle_of(self_) ? "same" : "another";
    if (what == "monitor") {
      self_->monitor(who);
      self_->set_down_handler([this](const caf::down_msg&) { heard_.push_back("down"); });
    }
    if (what == "link") {
      self_->link_to(who);
      self_->set_exit_handler([this](const caf::exit_msg&) { heard_.push_back("exit"); });
    }
    if (what == "unlink") self_->unlink_from(who);
    if (what == "sender") {
      const auto from = caf::actor_cast<caf::actor>(self_->current_sender());
      return from == who ? "same" : "another";
    }
    return what;
  }

  caf::result<std::string> pass_on(const caf::actor& who) {
    auto promise = self_->make_response_promise<std::string>();
    ask(self_, who, 10s, caf::add_atom::value, std::int64_t{1})
        .then([promise](std::int64_t x) mutable { promise.deliver("got " + std::to_string(x)); },
              [promise](caf::error& e) mutable { promise.deliver("failed: " + describe(e)); });
    return promise;
  }

  /// A process of its own, which knows nothing of us.
  static int fork_sleeper() {
    const int pid = ::fork();
    if (pid == 0) {
      ::execlp("sleep", "sleep", "1000", nullptr);
      ::_exit(127);
    }
    return pid;
  }

  /// Writes what no guest would into its link.
  static void forge(const std::string& what) {
    using process::link_kind;
    process::link_header header;
    std::string content;
    if (what == "guest") header = {link_kind::guest, 99, 0, 0};
    if (what == "deliver") header = {link_kind::deliver, 1, 0, 0}, content = std::string(1, '\0');
    if (what == "word") header = {link_kind::word, 0, 0, 0}, content = "no message";
    if (what == "hello") header = {link_kind::hello, 0, 0, process::link_version}, content = std::string(24, 'n');
    if (what == "release") header = {link_kind::release, 99, 0, 5};
    if (what == "ask") header = {link_kind::ask, 99, 1, 1}, content = std::string(1, '\0');
    if (what == "exit") header = {link_kind::exit, 1, 0, 0}, content = std::string(1, '\0');
    if (what == "answer") header = {link_kind::answer, 0, 0, 4711}, content = std::string(1, '\0');
    std::string frame(process::link_header_bytes, '\0');
    process::write_link_header(frame.data(), header, content.size());
    if (what == "garbage") frame.assign(5'000, '\x5A');
    frame += content;
    if (::send(process::first_child_fd, frame.data(), frame.size(), MSG_NOSIGNAL) < 0)
      throw std::runtime_error("closed");
    std::this_thread::sleep_for(10s);
  }

  static std::string eat(std::size_t mib) {
    const std::string all(mib << 20U, 'x');  // what is refused is not touched, which would take long
    return std::to_string(all.size() >> 20U);
  }

  self_ptr self_;
  std::string path_;
  std::uint64_t incarnation_;
  actor_args::printer print_;
  std::int64_t sum_ = 0;
  caf::actor peer_;
  std::vector<std::int64_t> list_;
  std::vector<std::string> heard_;
  std::vector<caf::response_promise> kept_;
};

std::int64_t add_to(const task_context& context, std::int64_t n) {
  return ask<std::int64_t>(context, "shared", 10s, caf::add_atom::value, n).value();
}

}  // namespace

const actor_registry& probe_actors() {
  static const auto* all = [] {
    auto* out = new actor_registry;
    out->add<probe>("probe");
    exception_rules rules;
    rules.on<bad_input>(treatment::resume).on<last_straw>(treatment::stop).on<high_treason>(treatment::escalate);
    out->add<probe>("strict_probe", probe::parameters(), std::move(rules));
    return out;
  }();
  return *all;
}

const task_registry& probe_tasks() {
  static const auto* all = [] {
    auto* out = new task_registry;
    out->add("add_to", add_to);
    return out;
  }();
  return *all;
}

void announce_parcel(caf::actor_system_config& config) { port::announce<parcel>(config, "parcel"); }

}  // namespace steward::test
