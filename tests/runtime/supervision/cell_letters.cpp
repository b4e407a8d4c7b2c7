#include "cell_alone.hpp"

#include <gmock/gmock.h>

// Dead letters with their messages, and messages that come back.

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;
using testing::ElementsAre;
using testing::IsEmpty;
using why = dead_letter_reason;

/// What a listener got: "('add', 1) mailbox_full".
std::string text_of(const dead_letter& x) {
  return (x.message.empty() ? "?" : port::text_of(x.message.content())) + " " + to_string(x.why);
}

class cell_letters : public cell_alone {
protected:
  cell_letters() { noter::seen().clear(); }
  ~cell_letters() override {
    letters_.close();
    caf::anon_send_exit(listener_, caf::exit_reason::kill);
    run();
    listener_ = nullptr;
  }
  /// An actor that notes letters, or keeps them waiting as long as it is `slow_`.
  void listen(std::size_t queue = 100) {
    listener_ = system_->spawn([this](caf::event_based_actor* self) -> caf::behavior {
      return {[this, self](const dead_letter& x) -> caf::result<void> {
        got_.push_back(x);
        if (!slow_) return caf::unit;
        kept_.push_back(self->make_response_promise());
        return caf::delegated<void>{};
      }};
    });
    auto one = std::make_shared<detail::letter_listener>(queue);
    one->begin(*system_, listener_);
    letters_.add(one);
    subscribed_ = one;
    run();
  }
  void be_fast() {
    slow_ = false;
    for (auto& x : kept_) x.deliver(caf::unit);
    kept_.clear();
    run();
  }
  std::vector<std::string> got() {
    run();
    std::vector<std::string> out;
    for (const auto& x : got_) out.push_back(text_of(x));
    return out;
  }
  void send_numbers(std::int64_t from, std::int64_t to) {
    for (auto n = from; n < to; ++n) send(caf::add_atom::value, n);
  }
  void start_with(unsigned limit, overflow_policy overflow) {
    kind().mailbox = {limit, overflow};
    start<noter>();
  }

  bool slow_ = false;
  std::vector<dead_letter> got_;
  std::vector<caf::response_promise> kept_;
  caf::actor listener_;
  std::shared_ptr<detail::letter_listener> subscribed_;
};

TEST_F(cell_letters, bring_the_message_that_a_full_mailbox_refused_with_its_address) {
  listen();
  start_with(1, overflow_policy::reject);
  send_numbers(0, 2);
  EXPECT_THAT(got(), ElementsAre("('add', 1) mailbox_full"));
  EXPECT_EQ(got_[0].to, "/root/a");
  EXPECT_EQ(got_[0].from, "");
  EXPECT_FALSE(got_[0].sender);
  EXPECT_EQ(got_[0].message.get_as<std::int64_t>(1), 1);
}

TEST_F(cell_letters, bring_the_sender) {
  listen();
  start_with(1, overflow_policy::reject);
  caf::scoped_actor self{*system_};
  self->send(cell_, caf::add_atom::value, std::int64_t{1});
  self->send(cell_, caf::add_atom::value, std::int64_t{2});
  EXPECT_THAT(got(), ElementsAre("('add', 2) mailbox_full"));
  EXPECT_EQ(got_[0].sender, caf::actor_cast<caf::actor>(self.ptr()));
  got_.clear();
}

TEST_F(cell_letters, tell_the_supervised_sender_by_its_path) {
  listen();
  start<noter>();
  other_ = std::exchange(cell_, make<noter>());
  leave(cell_);
  caf::anon_send(other_, caf::put_atom::value, std::int64_t{0});
  run();
  other_->enqueue(nullptr, caf::make_message_id(), caf::make_message(caf::delete_atom::value), nullptr);
  cell_->enqueue(caf::actor_cast<caf::strong_actor_ptr>(other_), caf::make_message_id(),
                 caf::make_message(caf::add_atom::value, std::int64_t{7}), nullptr);
  EXPECT_THAT(got(), ElementsAre("('add', 7) ended"));
  EXPECT_EQ(got_[0].from, "/root/a");
}

TEST_F(cell_letters, bring_what_full_mailboxes_drop) {
  listen();
  start_with(2, overflow_policy::drop_newest);
  send_numbers(0, 3);
  EXPECT_THAT(got(), ElementsAre("('add', 2) dropped"));
  got_.clear();
  leave(cell_);
  start_with(2, overflow_policy::drop_oldest);
  send_numbers(0, 4);
  EXPECT_THAT(got(), ElementsAre("('add', 0) dropped", "('add', 1) dropped"));
}

TEST_F(cell_letters, bring_what_is_left_over_and_what_comes_too_late) {
  listen();
  start<noter>();
  hold();
  send_numbers(0, 2);
  leave(cell_);
  send_numbers(2, 3);
  EXPECT_THAT(got(), ElementsAre("('add', 0) ended", "('add', 1) ended", "('add', 2) ended"));
}

TEST_F(cell_letters, say_when_their_actor_has_crashed_for_good) {
  listen();
  start<noter>();
  hold();
  send_numbers(0, 1);
  leave(cell_, policy::exit_class::gave_up, "it crashed");
  send_numbers(1, 2);
  EXPECT_THAT(got(), ElementsAre("('add', 0) gave_up", "('add', 1) gave_up"));
}

TEST_F(cell_letters, bring_the_message_whose_handler_threw) {
  listen();
  start<noter>();
  send(crash_atom::value, std::int64_t{5});
  EXPECT_THAT(got(), ElementsAre("('crash', 5) crashed"));
}

TEST_F(cell_letters, bring_a_quarantined_message_once) {
  listen();
  kind().redeliver = 1;
  start<noter>();
  send(crash_atom::value, std::int64_t{5});
  run();
  incarnate(2);
  EXPECT_THAT(got(), ElementsAre("('crash', 5) quarantined"));
}

TEST_F(cell_letters, bring_what_the_actor_has_no_handler_for) {
  listen();
  start<noter>();
  send(std::string{"what?"});
  EXPECT_THAT(got(), ElementsAre("(\"what?\") unhandled"));
}

TEST_F(cell_letters, are_no_requests_which_have_their_answers) {
  listen();
  start_with(1, overflow_policy::reject);
  auto first = request(crash_atom::value, std::int64_t{1});
  auto second = request(caf::add_atom::value, std::int64_t{2});
  EXPECT_THAT(got(), IsEmpty());
  first->look();
  second->look();
  EXPECT_TRUE(first->error && second->error);
}

TEST_F(cell_letters, are_no_refusals_that_the_sender_knows_of) {
  listen();
  start_with(1, overflow_policy::reject);
  EXPECT_TRUE(offer(cell_, caf::add_atom::value, std::int64_t{1}));
  EXPECT_FALSE(offer(cell_, caf::add_atom::value, std::int64_t{2}));
  EXPECT_TRUE(try_tell(cell_, caf::add_atom::value, std::int64_t{3}));
  EXPECT_THAT(got(), IsEmpty());
}

TEST_F(cell_letters, are_skipped_and_counted_where_the_listener_is_slow) {
  listen(2);
  slow_ = true;
  start<noter>();
  leave(cell_);
  send_numbers(0, 5);
  EXPECT_THAT(got(), ElementsAre("('add', 0) ended", "('add', 1) ended"));
  EXPECT_EQ(subscribed_->skipped(), 3U);
  be_fast();
  send_numbers(5, 7);
  EXPECT_THAT(got(), ElementsAre("('add', 0) ended", "('add', 1) ended", "('add', 5) ended", "('add', 6) ended"));
  EXPECT_EQ(got_[1].skipped, 0U);
  EXPECT_EQ(got_[2].skipped, 3U);
  EXPECT_EQ(got_[3].skipped, 0U);
}

TEST_F(cell_letters, are_made_for_nobody_when_the_listener_has_cancelled) {
  listen();
  EXPECT_TRUE(letters_.heard());
  dead_letter_subscription{subscribed_}.cancel();
  start<noter>();
  leave(cell_);
  send_numbers(0, 1);
  EXPECT_THAT(got(), IsEmpty());
  EXPECT_FALSE(letters_.heard()) << "from the first on that nobody takes";
}

TEST_F(cell_letters, show_in_events_what_was_lost) {
  start_with(1, overflow_policy::drop_newest);
  send_numbers(0, 2);
  ASSERT_EQ(events_of(event_kind::dead_letter).size(), 1U);
  EXPECT_EQ(events_of(event_kind::dead_letter)[0].text,
            "its mailbox was full (1): drop_newest; the latest: ('add', 1)");
}

// -- messages that come back ----------------------------------------------------------------------------------------

using cell_refusals = cell_letters;

TEST_F(cell_refusals, give_a_tell_back_to_whoever_tries_it) {
  start_with(1, overflow_policy::reject);
  EXPECT_FALSE(try_tell(cell_, caf::add_atom::value, std::int64_t{1}));
  auto back = try_tell(cell_, caf::add_atom::value, std::int64_t{2});
  ASSERT_TRUE(back);
  EXPECT_EQ(back->why, errc::full);
  EXPECT_EQ(back->to, cell_);
  run();
  EXPECT_FALSE(try_tell(back->to, back->message)) << "and it can be sent again";
  run();
  EXPECT_THAT(noter::seen(), ElementsAre(1, 2));
}

TEST_F(cell_refusals, tell_an_actor_that_is_over_from_one_that_is_full) {
  start<noter>();
  leave(cell_);
  EXPECT_EQ(try_tell(cell_, caf::add_atom::value, std::int64_t{2})->why, errc::ended);
  EXPECT_EQ(try_tell(caf::actor{}, caf::add_atom::value, std::int64_t{2})->why, errc::not_found);
}

TEST_F(cell_refusals, reach_the_sender_as_a_message_where_the_mailbox_gives_back) {
  start_with(1, overflow_policy::give_back);
  caf::scoped_actor self{*system_};
  self->send(cell_, caf::add_atom::value, std::int64_t{1});
  self->send(cell_, caf::add_atom::value, std::int64_t{2});
  bool came = false;
  self->receive([&](const refused_message& x) {
    came = true;
    EXPECT_EQ(x.to, cell_);
    EXPECT_EQ(x.why, errc::full);
    EXPECT_EQ(port::text_of(x.message.content()), "('add', 2)");
  });
  EXPECT_TRUE(came);
  EXPECT_EQ(counts().rejected, 1U);
  run();
}

TEST_F(cell_refusals, are_dead_letters_where_there_is_nobody_to_give_them_back_to) {
  listen();
  start_with(1, overflow_policy::give_back);
  send_numbers(0, 2);
  EXPECT_THAT(got(), ElementsAre("('add', 1) mailbox_full"));
}

TEST_F(cell_refusals, of_a_request_are_in_the_error) {
  start_with(1, overflow_policy::reject);
  send_numbers(0, 1);
  auto asked = request(caf::add_atom::value, std::int64_t{2});
  asked->look();
  ASSERT_TRUE(asked->error);
  EXPECT_EQ(describe(*asked->error), "full");
  const auto back = refused_request(*asked->error);
  ASSERT_TRUE(back);
  run();
  auto again = request(*back);
  run();
  again->look();
  EXPECT_EQ(again->value, 2);
}

TEST_F(cell_refusals, of_a_request_for_this_incarnation_are_what_was_asked) {
  start_with(1, overflow_policy::reject);
  send_numbers(0, 1);
  auto asked = request(port::guarded_request{caf::make_message(caf::add_atom::value, std::int64_t{2})});
  asked->look();
  ASSERT_TRUE(asked->error);
  EXPECT_EQ(port::text_of(refused_request(*asked->error)->content()), "('add', 2)");
}

TEST_F(cell_refusals, are_in_no_other_error) {
  EXPECT_FALSE(refused_request(caf::make_error(errc::ended, std::string{"over"})));
  EXPECT_FALSE(refused_request(caf::make_error(errc::full)));
  EXPECT_FALSE(refused_request(caf::error{}));
}

}  // namespace
