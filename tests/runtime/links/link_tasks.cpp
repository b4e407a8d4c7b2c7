#include "link_tasks.hpp"

#include "steward/messages.hpp"
#include "steward/task_actors.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace steward::test {

namespace {

using namespace std::chrono_literals;

/// Keeps a number; its handles, its ends and its silence are for the tests.
struct keeper_state {
  explicit keeper_state(self_ptr me) : self(me) {}

  caf::behavior make_behavior() {
    self->set_exit_handler([this](caf::exit_msg&) { ++exits; });
    self->set_down_handler([this](caf::down_msg&) { ++exits; });
    return {
        [this](caf::get_atom) { return total; },
        [this](caf::add_atom, std::int64_t n) { return total += n; },
        [](caf::get_atom, const std::string& text) { return text; },
        [this](size_atom) { return exits; },
        [this](lookup_atom) { return helper(); },
        [this](remove_atom) { return end_helper(); },
        [](pop_atom, std::int64_t) -> caf::result<std::int64_t> {
          return caf::make_error(errc::empty, "nothing here");
        },
        [this](tick_atom_t, std::int64_t) { return self->make_response_promise(); },
        [](put_atom_t, const caf::actor& who) { return who; },
        [this](push_atom, const caf::actor& who, std::int64_t n) { return ask(who, n); },
        [this](show_atom, const caf::actor& who) { self->monitor(who); },
    };
  }

  using tick_atom_t = caf::tick_atom;
  using put_atom_t = caf::put_atom;

  caf::actor helper() {
    if (!kept)
      kept = self->spawn([](caf::event_based_actor* me) -> caf::behavior {
        return {
            [](caf::get_atom) { return std::int64_t{7}; },
            [me](remove_atom) { me->quit(caf::exit_reason::user_shutdown); },
        };
      });
    return kept;
  }
  std::int64_t end_helper() {
    port::send_anonymously(helper(), remove_atom::value);
    return 0;
  }
  caf::result<std::int64_t> ask(const caf::actor& who, std::int64_t n) {
    auto promise = self->make_response_promise<std::int64_t>();
    port::ask(self, who, caf::infinite, caf::get_atom::value, n)
        .then([promise](std::int64_t answer) mutable { promise.deliver(answer); },
              [this, promise](caf::error& problem) mutable {
                ++exits;
                promise.deliver(problem);
              });
    return promise;
  }

  self_ptr self;
  std::int64_t total = 0;
  std::int64_t exits = 0;
  caf::actor kept;
};

std::int64_t number(const std::string& text) { return std::stoll(text); }

/// An actor of the worker's own: n + 1, or silence.
caf::actor own_actor() {
  return detail::task_system().spawn([](caf::event_based_actor* me) -> caf::behavior {
    return {
        [me](caf::get_atom, std::int64_t n) -> caf::result<std::int64_t> {
          if (n >= 0) return n + 1;
          return me->make_response_promise<std::int64_t>();
        },
        [me](remove_atom) { me->quit(caf::exit_reason::user_shutdown); },
    };
  });
}

std::string add(const task_context& context, const std::string& n) {
  return std::to_string(ask<std::int64_t>(context, "open", 20s, caf::add_atom::value, number(n)).value());
}

std::string echo_size(const task_context& context, const std::string& size) {
  std::string text(static_cast<std::size_t>(number(size)), 'x');
  text.back() = 'y';
  return ask<std::string>(context, "open", 60s, caf::get_atom::value, text).value() == text ? "same" : "other";
}

std::string from_many_threads(const task_context& context, const std::string& times) {
  std::atomic<int> wrong{0};
  std::vector<std::thread> all;
  for (int t = 0; t < 4; ++t)
    all.emplace_back([&, t] {
      for (std::int64_t i = 0; i < number(times); ++i) {
        const auto text = std::to_string(t) + "/" + std::to_string(i);
        if (ask<std::string>(context, "open", 20s, caf::get_atom::value, text).value() != text) ++wrong;
      }
    });
  for (auto& one : all) one.join();
  return std::to_string(wrong.load());
}

std::string in_vain(const task_context& context, const std::string&) {
  std::string said;
  try {
    ask<std::int64_t>(context, "open", 30ms, caf::tick_atom::value, std::int64_t{1}).value();
  } catch (const actor_error& problem) {
    said = problem.what();
  }
  return said + " then " + add(context, "0");
}

std::string failing(const task_context& context, const std::string& name) {
  return std::to_string(ask<std::int64_t>(context, name, 20s, pop_atom::value, std::int64_t{1}).value());
}

template <class... Ts>
std::string ask_number(const caf::actor& whom, Ts&&... message) {
  caf::scoped_actor self{detail::task_system()};
  std::string out;
  port::ask(self.ptr(), whom, std::chrono::seconds(20), std::forward<Ts>(message)...)
      .receive([&](std::int64_t n) { out = std::to_string(n); }, [&](caf::error& e) { out = describe(e); });
  return out;
}

std::string through_a_handle(const task_context& context, const std::string&) {
  const auto one = ask<caf::actor>(context, "open", 20s, lookup_atom::value).value();
  const auto again = ask<caf::actor>(context, "open", 20s, lookup_atom::value).value();
  return ask_number(one, caf::get_atom::value) + (one == again ? " equal" : " other");
}

std::string lend_own_actor(const task_context& context, const std::string& n) {
  const auto own = own_actor();
  const auto back = ask<caf::actor>(context, "open", 20s, caf::put_atom::value, own).value();
  const auto answer = ask<std::int64_t>(context, "open", 20s, push_atom::value, own, number(n)).value();
  return std::to_string(answer) + (own == back ? " equal" : " other");
}

std::string die_while_asked(const task_context& context, const std::string&) {
  const auto front = detail::find_task_actor(context, "open");
  caf::scoped_actor self{detail::task_system()};
  port::send(self.ptr(), front, push_atom::value, own_actor(), std::int64_t{-1});
  add(context, "0");  // by then the request is on its way here
  std::_Exit(3);
}

std::string watch_the_end(const task_context& context, const std::string&) {
  const auto helper = ask<caf::actor>(context, "open", 20s, lookup_atom::value).value();
  caf::scoped_actor self{detail::task_system()};
  self->monitor(helper);
  ask<std::int64_t>(context, "open", 20s, remove_atom::value).value();
  std::string out = "nothing";
  self->receive([&](const caf::down_msg& down) { out = port::render(down.reason); }, caf::after(20s) >> [] {});
  return out;
}

std::string be_watched(const task_context& context, const std::string&) {
  const auto own = own_actor();
  ask<void>(context, "open", 20s, show_atom::value, own).value();
  port::send_anonymously(own, remove_atom::value);
  std::string seen = "0";
  for (const auto until = std::chrono::steady_clock::now() + 20s;
       seen == "0" && std::chrono::steady_clock::now() < until;)
    seen = ask_number(detail::find_task_actor(context, "open"), size_atom::value);
  return seen;
}

std::string kill_by_handle(const task_context& context, const std::string&) {
  const auto front = detail::find_task_actor(context, "open");
  const auto helper = ask<caf::actor>(context, "open", 20s, lookup_atom::value).value();
  caf::scoped_actor self{detail::task_system()};
  for (const auto& one : {front, helper}) {
    caf::anon_send_exit(one, caf::exit_reason::kill);
    self->send_exit(one, caf::exit_reason::user_shutdown);
    detail::task_system().spawn([one](caf::event_based_actor* me) {
      me->link_to(one);
      me->quit(caf::exit_reason::unhandled_exception);
    });
  }
  std::string out = add(context, "5");
  out += " " + ask_number(helper, caf::get_atom::value);
  out += " " + ask_number(front, caf::make_error(caf::exit_reason::kill));
  out += " " + ask_number(front, caf::sys_atom::value, caf::get_atom::value, std::string{"info"});
  return out + " " + add(context, "0");
}

std::string obey(const task_context& context, std::string line) {
  const auto space = line.find(' ');
  const auto name = line.substr(0, space);
  for (const auto* all : {&honest_commands(), &hostile_commands()})
    if (const auto it = all->find(name); it != all->end())
      return it->second(context, space == std::string::npos ? "" : line.substr(space + 1));
  throw std::invalid_argument("no command " + name);
}

}  // namespace

const std::map<std::string, command>& honest_commands() {
  static const std::map<std::string, command> out{
      {"add", add},
      {"echo", echo_size},
      {"threads", from_many_threads},
      {"in_vain", in_vain},
      {"failing", failing},
      {"handle", through_a_handle},
      {"lend", lend_own_actor},
      {"die", [](const task_context&, const std::string&) -> std::string { std::_Exit(3); }},
      {"die_while_asked", die_while_asked},
      {"watch", watch_the_end},
      {"be_watched", be_watched},
      {"kill", kill_by_handle},
  };
  return out;
}

task_registry& link_tasks() {
  static task_registry out;
  static const auto once = out.add("obey", obey);
  static_cast<void>(once);
  return out;
}

actor_registry& link_actors() {
  static actor_registry out;
  static const bool once = [] {
    out.add<keeper_state>("keeper");
    return true;
  }();
  static_cast<void>(once);
  return out;
}

}  // namespace steward::test
