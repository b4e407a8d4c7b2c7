#pragma once

#include "steward/actor.hpp"
#include "supervision/cell.hpp"

#include <caf/actor_system.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/scoped_actor.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace steward::testing_support {

/// A cell on CAF's test scheduler without a host: the test gives the commands and sees the reports. Its desk has no
/// machine, so that no incarnation begins by itself.
class cell_alone : public ::testing::Test {
protected:
  using command = supervision::cell_command;
  using report = supervision::cell_report;

  cell_alone() {
    port::configure(config_, port::scheduling::testing, 1);
    port::announce_block<caf::id_block::steward>(config_);
    system_ = std::make_unique<caf::actor_system>(config_);
    scheduler_ = dynamic_cast<caf::scheduler::test_coordinator*>(&system_->scheduler());
    log_.add_sink([this](const event& e) { events_.push_back(e); });
    host_ = system_->spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const report& x) { reports_.push_back(x); }};
    });
    run();
  }

  ~cell_alone() override {
    for (auto* x : {&cell_, &other_})
      if (*x) leave(*x);
    run();
    cell_ = nullptr;
    other_ = nullptr;
    caf::anon_send_exit(host_, caf::exit_reason::kill);
    run();
    host_ = nullptr;
  }

  /// What the cells are made of; change it before `make`.
  supervision::cell_kind& kind() { return *kind_; }

  template <class State>
  caf::actor make() {
    kind_->make = actor_registry::factory_of<State>();
    auto address = caf::make_counted<supervision::child_address>();
    address->text = "/root/a";
    address->desk = std::make_shared<policy::supervisor_desk>([] {});
    address->events = &log_;
    address->letters = &letters_;
    address->host = host_;
    supervision::cell_spec spec;
    spec.address = std::move(address);
    spec.kind = kind_;
    auto out = system_->spawn<supervision::cell>(std::move(spec));
    run();
    return out;
  }
  /// Makes `cell_` and starts its first incarnation.
  template <class State>
  void start() {
    cell_ = make<State>();
    incarnate(1);
  }

  void tell(const caf::actor& dst, command what) {
    port::send_urgently(dst, std::move(what));
    run();
  }
  void incarnate(const caf::actor& dst, std::uint64_t n) {
    command out;
    out.what = command::kind::incarnate;
    out.incarnation = n;
    tell(dst, std::move(out));
  }
  void incarnate(std::uint64_t n) { incarnate(cell_, n); }
  void hold() {
    command out;
    out.what = command::kind::hold;
    tell(cell_, std::move(out));
  }
  void leave(const caf::actor& dst, policy::exit_class how = policy::exit_class::shutdown, const std::string& why = {},
             const caf::actor& heir = nullptr, bool killed = false) {
    command out;
    out.what = command::kind::leave;
    out.how = how;
    out.killed = killed;
    out.why = why;
    out.heir = heir;
    tell(dst, std::move(out));
  }

  void run() { scheduler_->run(); }
  void advance(milliseconds by) {
    scheduler_->advance_time(by);
    scheduler_->run();
  }

  template <class... Ts>
  void send(Ts&&... message) {
    port::send_anonymously(cell_, std::forward<Ts>(message)...);
  }

  /// A request that is under way; its answer is a value or an error, once.
  struct pending {
    explicit pending(caf::actor_system& system) : self(system) {}
    caf::scoped_actor self;
    std::optional<std::int64_t> value;
    std::optional<caf::error> error;
    int answers = 0;

    void look() {
      while (!self->mailbox().empty()) {
        ++answers;
        auto x = self->dequeue();
        if (x->content().match_elements<caf::error>())
          error = x->content().get_as<caf::error>(0);
        else if (x->content().match_elements<std::int64_t>())
          value = x->content().get_as<std::int64_t>(0);
      }
    }
  };
  template <class... Ts>
  std::unique_ptr<pending> request(Ts&&... message) {
    auto out = std::make_unique<pending>(*system_);
    port::ask(out->self.ptr(), cell_, caf::infinite, std::forward<Ts>(message)...);
    return out;
  }

  message_counts counts() const { return supervision::cell_of(cell_).counts(); }
  std::vector<event> events_of(event_kind kind) const {
    std::vector<event> out;
    for (const auto& e : events_)
      if (e.kind == kind) out.push_back(e);
    return out;
  }
  std::vector<report> reports_of(report::kind kind) const {
    std::vector<report> out;
    for (const auto& x : reports_)
      if (x.what == kind) out.push_back(x);
    return out;
  }

  event_log log_{"test"};
  dead_letter_hub letters_{event_log::max_args_bytes};
  std::vector<event> events_;
  std::vector<report> reports_;
  caf::intrusive_ptr<supervision::cell_kind> kind_ = caf::make_counted<supervision::cell_kind>();
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  caf::scheduler::test_coordinator* scheduler_ = nullptr;
  caf::actor host_;
  caf::actor cell_;
  caf::actor other_;
};

inline void expect_sound(const message_counts& x) {
  EXPECT_EQ(x.accepted, x.handled + x.failed + x.dead + x.waiting)
      << "handled " << x.handled << ", failed " << x.failed << ", dead " << x.dead << ", waiting " << x.waiting;
}

/// An actor that notes what it handles.
///
/// (add_atom, n) notes n and answers it; (crash_atom, n) notes n and throws; (put_atom, n) sends itself the numbers
/// below n; (delete_atom) quits.
class noter {
public:
  explicit noter(self_ptr self) : self_(self) {}
  caf::behavior make_behavior() {
    return {
        [](caf::add_atom, std::int64_t n) {
          seen().push_back(n);
          return n;
        },
        [](crash_atom, std::int64_t n) -> caf::result<std::int64_t> {
          seen().push_back(n);
          throw std::runtime_error("boom");
        },
        [this](caf::put_atom, std::int64_t n) {
          for (std::int64_t i = 0; i < n; ++i) port::send_anonymously(handle_of(self_), caf::add_atom::value, i);
        },
        [this](caf::delete_atom) { self_->quit(); },
    };
  }

  static std::vector<std::int64_t>& seen() {
    static std::vector<std::int64_t> all;
    return all;
  }

private:
  self_ptr self_;
};

}  // namespace steward::testing_support
