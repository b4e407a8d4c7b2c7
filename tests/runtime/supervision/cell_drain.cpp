#include "cell_alone.hpp"
#include "probe.hpp"
#include "tests/support/virtual_tree.hpp"

#include <gmock/gmock.h>

// Graceful stops: on_stop: drain.

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;
using testing::ElementsAre;
using testing::IsEmpty;

/// Runs `hook` when it is told put_atom; asks `peer` when it is told get_atom, or tick_atom to have all else wait for
/// the answer; crashes and adds as `noter` does.
class hooked {
public:
  explicit hooked(self_ptr self) : self_(self) {}
  caf::behavior make_behavior() {
    return {
        [](caf::add_atom, std::int64_t n) { noter::seen().push_back(n); },
        [](crash_atom) { throw std::runtime_error("boom"); },
        [](caf::put_atom) { hook()(); },
        [this](caf::get_atom) {
          ask(self_, peer(), infinity, caf::get_atom::value).then([](std::int64_t n) { noter::seen().push_back(n); });
        },
        [this](caf::tick_atom) {
          self_->request(peer(), caf::infinite, caf::get_atom::value).await([](std::int64_t n) {
            noter::seen().push_back(n);
          });
        },
        [this](caf::delete_atom) { self_->quit(); },
    };
  }
  static std::function<void()>& hook() {
    static std::function<void()> f;
    return f;
  }
  static caf::actor& peer() {
    static caf::actor x;
    return x;
  }

private:
  self_ptr self_;
};

/// Keeps its first question until it is told to answer.
caf::behavior slow_peer(caf::stateful_actor<caf::response_promise>* self) {
  return {[self](caf::get_atom) {
            self->state = self->make_response_promise();
            return self->state;
          },
          [self](caf::put_atom) { self->state.deliver(std::int64_t{100}); }};
}

class cell_drain : public cell_alone {
protected:
  cell_drain() { noter::seen().clear(); }
  ~cell_drain() override {
    hooked::hook() = nullptr;
    if (hooked::peer()) caf::anon_send_exit(hooked::peer(), caf::exit_reason::kill);
    hooked::peer() = nullptr;
  }
  void begin() { start<hooked>(); }
  void ask_peer() { hooked::peer() = system_->spawn(slow_peer); }
  void drain() {
    command out;
    out.what = command::kind::drain;
    out.why = "the shop closes";
    tell(cell_, std::move(out));
  }
  bool has_left() const { return !reports_of(report::kind::left).empty(); }
  report end() const { return reports_of(report::kind::left).at(0); }
};

TEST_F(cell_drain, handles_what_waits_before_it_ends) {
  begin();
  for (std::int64_t n = 1; n <= 3; ++n) send(caf::add_atom::value, n);
  drain();
  EXPECT_THAT(noter::seen(), ElementsAre(1, 2, 3));
  ASSERT_TRUE(has_left());
  EXPECT_EQ(end().dropped, 0U);
  EXPECT_EQ(end().counts.handled, 3U);
  EXPECT_TRUE(end().was_up);
  expect_sound(end().counts);
}

TEST_F(cell_drain, ends_at_once_when_nothing_waits) {
  begin();
  drain();
  EXPECT_TRUE(has_left());
}

TEST_F(cell_drain, refuses_new_messages_meanwhile_with_the_cause_of_the_stop) {
  begin();
  std::unique_ptr<pending> asked;
  bool taken = true;
  hooked::hook() = [&] {
    taken = offer(cell_, caf::add_atom::value, std::int64_t{9});
    asked = request(caf::add_atom::value, std::int64_t{9});
  };
  send(caf::put_atom::value);
  send(caf::add_atom::value, std::int64_t{1});
  drain();
  EXPECT_FALSE(taken);
  asked->look();
  ASSERT_TRUE(asked->error);
  EXPECT_EQ(describe(*asked->error), "ended: the shop closes");
  EXPECT_THAT(noter::seen(), ElementsAre(1));
  EXPECT_EQ(end().counts.accepted, 2U) << "what is refused is not accepted";
}

TEST_F(cell_drain, refuses_what_the_actor_tells_itself) {
  begin();
  hooked::hook() = [this] { send(caf::add_atom::value, std::int64_t{9}); };
  send(caf::put_atom::value);
  drain();
  EXPECT_THAT(noter::seen(), IsEmpty());
  EXPECT_TRUE(has_left());
}

TEST_F(cell_drain, ends_with_a_crash_and_what_it_had_not_come_to_is_dead) {
  begin();
  send(caf::add_atom::value, std::int64_t{1});
  send(crash_atom::value);
  send(caf::add_atom::value, std::int64_t{2});
  send(caf::add_atom::value, std::int64_t{3});
  drain();
  EXPECT_THAT(noter::seen(), ElementsAre(1));
  ASSERT_TRUE(has_left());
  EXPECT_EQ(end().dropped, 2U);
  EXPECT_EQ(end().counts.dead, 3U) << "with the one in hand";
  EXPECT_EQ(end().first_dropped, "; the first: ('add', 2)");
  expect_sound(end().counts);
}

TEST_F(cell_drain, ends_when_a_handler_quits) {
  begin();
  send(caf::delete_atom::value);
  send(caf::add_atom::value, std::int64_t{2});
  drain();
  EXPECT_THAT(noter::seen(), IsEmpty());
  ASSERT_TRUE(has_left());
  EXPECT_EQ(end().dropped, 1U);
}

TEST_F(cell_drain, waits_for_the_answers_to_what_it_has_asked) {
  begin();
  ask_peer();
  send(caf::get_atom::value);
  drain();
  EXPECT_FALSE(has_left());
  port::send_anonymously(hooked::peer(), caf::put_atom::value);
  run();
  EXPECT_THAT(noter::seen(), ElementsAre(100));
  EXPECT_TRUE(has_left());
}

TEST_F(cell_drain, comes_to_what_waits_behind_an_answer) {
  begin();
  ask_peer();
  send(caf::tick_atom::value);
  send(caf::add_atom::value, std::int64_t{1});
  drain();
  EXPECT_THAT(noter::seen(), IsEmpty());
  port::send_anonymously(hooked::peer(), caf::put_atom::value);
  run();
  EXPECT_THAT(noter::seen(), ElementsAre(100, 1));
  EXPECT_TRUE(has_left());
  EXPECT_EQ(end().dropped, 0U);
}

TEST_F(cell_drain, handles_what_a_full_mailbox_has_kept) {
  kind().mailbox = {3, overflow_policy::drop_oldest};
  begin();
  for (std::int64_t n = 0; n < 6; ++n) send(caf::add_atom::value, n);
  drain();
  EXPECT_THAT(noter::seen(), ElementsAre(3, 4, 5));
  ASSERT_TRUE(has_left());
  EXPECT_EQ(end().counts.dead, 3U);
  expect_sound(end().counts);
}

TEST_F(cell_drain, is_cut_short_by_an_order_to_leave) {
  begin();
  ask_peer();
  send(caf::tick_atom::value);
  send(caf::add_atom::value, std::int64_t{1});
  drain();
  leave(cell_);
  ASSERT_TRUE(has_left());
  EXPECT_EQ(end().dropped, 1U);
  EXPECT_THAT(noter::seen(), IsEmpty());
}

TEST_F(cell_drain, is_none_while_the_actor_is_down) {
  begin();
  hold();
  send(caf::add_atom::value, std::int64_t{1});
  drain();
  ASSERT_TRUE(has_left());
  EXPECT_EQ(end().dropped, 1U);
}

using paths = std::vector<std::string>;

class draining_tree : public virtual_tree {
protected:
  draining_tree() {
    switches() = {};
    actor_type<probe>("probe");
  }
  static child_spec draining(std::string id) {
    auto out = child(std::move(id), "probe");
    out.on_stop = stop_policy::drain;
    return out;
  }
  void tell_some(const std::string& path) {
    for (int i = 0; i < 3; ++i) send(path, caf::add_atom::value, std::int64_t{1});
  }
  std::uint64_t lost() const {
    std::uint64_t out = 0;
    for (const auto& e : events_of(event_kind::dead_letter)) out += e.lost.value_or(0);
    return out;
  }
};

TEST_F(draining_tree, keeps_the_order_of_its_stop) {
  start(tree({child("a", "probe"), draining("b")}));
  hold_back("/root/b");
  tell_some("/root/b");
  stop();
  EXPECT_EQ(switches().ends, paths{}) << "a is stopped when b is down";
  let_go("/root/b");
  EXPECT_EQ(switches().ends, (paths{"/root/b", "/root/a"}));
  EXPECT_EQ(lost(), 0U);
  EXPECT_TRUE(ended_);
}

TEST_F(draining_tree, gives_up_what_is_left_after_nine_tenths_of_the_shutdown) {
  start(tree({child("a", "probe"), draining("b")}));
  hold_back("/root/b");
  tell_some("/root/b");
  stop();
  advance(4'499ms);
  advance(1ms);
  let_go("/root/b");
  EXPECT_EQ(lost(), 3U);
  EXPECT_TRUE(ended_);
  for (const auto& e : events_of(event_kind::warn)) ADD_FAILURE() << e.text;
}

TEST_F(draining_tree, abandons_one_that_hangs_when_its_shutdown_is_over) {
  start(tree({child("a", "probe"), draining("b")}));
  hold_back("/root/b");
  tell_some("/root/b");
  stop();
  advance(5s);
  EXPECT_EQ(switches().ends, paths{"/root/a"});
  ASSERT_EQ(events_of(event_kind::warn).size(), 1U);
  EXPECT_EQ(events_of(event_kind::warn)[0].text, "did not stop within 5s; abandoned");
  let_go("/root/b");
}

TEST_F(draining_tree, drains_a_child_that_is_terminated_and_not_one_that_restarts_with_its_group) {
  start(tree({child("a", "probe"), draining("b")}, {10, 5s}, strategy::one_for_all));
  const auto b = at("/root/b");
  hold_back("/root/b");
  tell_some("/root/b");
  send("/root/a", crash_atom::value);
  run();
  let_go("/root/b");
  EXPECT_EQ(ask<std::int64_t>("/root/b", caf::add_atom::value, std::int64_t{0}), 3) << "the next incarnation has them";
  hold_back("/root/b");
  tell_some("/root/b");
  EXPECT_FALSE(terminate_child("/root/b"));
  let_go("/root/b");
  EXPECT_EQ(lost(), 0U);
  EXPECT_EQ(status_of("/root/b"), "undefined");
}

}  // namespace
