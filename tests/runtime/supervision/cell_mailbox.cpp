#include "cell_alone.hpp"

#include <numeric>

namespace {

using namespace steward;
using namespace steward::testing_support;
using numbers = std::vector<std::int64_t>;

numbers range(std::int64_t from, std::int64_t to) {
  numbers out(static_cast<std::size_t>(to - from));
  std::iota(out.begin(), out.end(), from);
  return out;
}

class cell_mailbox : public cell_alone {
protected:
  void start_with(unsigned limit, overflow_policy overflow) {
    noter::seen().clear();
    kind().mailbox = {limit, overflow};
    start<noter>();
  }
  void send_numbers(std::int64_t from, std::int64_t to) {
    for (auto n = from; n < to; ++n) send(caf::add_atom::value, n);
  }
  std::uint64_t told_lost() const {
    std::uint64_t out = 0;
    for (const auto& e : events_of(event_kind::dead_letter)) out += e.lost.value_or(0);
    return out;
  }
};

TEST_F(cell_mailbox, takes_messages_up_to_its_limit_and_refuses_the_next) {
  start_with(3, overflow_policy::reject);
  for (std::int64_t n = 0; n < 3; ++n) EXPECT_TRUE(offer(cell_, caf::add_atom::value, n));
  EXPECT_FALSE(offer(cell_, caf::add_atom::value, std::int64_t{3}));
  EXPECT_EQ(counts().accepted, 3U);
  EXPECT_EQ(counts().waiting, 3U);
  EXPECT_EQ(counts().rejected, 1U);
  run();
  EXPECT_TRUE(offer(cell_, caf::add_atom::value, std::int64_t{4})) << "there is room again";
  run();
  EXPECT_EQ(noter::seen(), (numbers{0, 1, 2, 4}));
  EXPECT_EQ(counts().handled, 4U);
  expect_sound(counts());
}

TEST_F(cell_mailbox, answers_a_request_that_it_refuses_at_once) {
  start_with(2, overflow_policy::reject);
  send_numbers(0, 2);
  auto asked = request(caf::add_atom::value, std::int64_t{2});
  asked->look();  // nothing has run since
  ASSERT_TRUE(asked->error);
  EXPECT_EQ(code_of(*asked->error), errc::full);
  run();
  asked->look();
  EXPECT_EQ(asked->answers, 1);
  EXPECT_EQ(counts().rejected, 1U);
  EXPECT_EQ(counts().failed, 0U) << "what is not accepted cannot fail";
}

TEST_F(cell_mailbox, offers_to_what_is_no_cell_or_is_over_are_told_apart) {
  start_with(2, overflow_policy::reject);
  EXPECT_TRUE(offer(host_, caf::add_atom::value, std::int64_t{1}));
  EXPECT_FALSE(offer(caf::actor{}, caf::add_atom::value, std::int64_t{1}));
  leave(cell_);
  EXPECT_FALSE(offer(cell_, caf::add_atom::value, std::int64_t{1}));
  EXPECT_EQ(counts().accepted, 0U);
}

TEST_F(cell_mailbox, commands_and_exits_get_through_when_it_is_full) {
  start_with(1, overflow_policy::reject);
  send_numbers(0, 1);
  hold();
  EXPECT_EQ(reports_of(report::kind::held).size(), 1U);
  leave(cell_);
  ASSERT_EQ(reports_of(report::kind::left).size(), 1U);
  EXPECT_EQ(reports_of(report::kind::left)[0].dropped, 1U) << "holding came first";
}

TEST_F(cell_mailbox, drops_the_newest_and_answers_requests_among_them) {
  start_with(3, overflow_policy::drop_newest);
  send_numbers(0, 5);
  auto asked = request(caf::add_atom::value, std::int64_t{5});
  asked->look();
  ASSERT_TRUE(asked->error);
  EXPECT_EQ(code_of(*asked->error), errc::full);
  run();
  EXPECT_EQ(noter::seen(), range(0, 3));
  const auto c = counts();
  EXPECT_EQ(c.accepted, 6U);
  EXPECT_EQ(c.handled, 3U);
  EXPECT_EQ(c.dead, 2U);
  EXPECT_EQ(c.failed, 1U);
  EXPECT_EQ(c.rejected, 0U);
}

TEST_F(cell_mailbox, drops_the_oldest_and_keeps_the_order) {
  for (const unsigned limit : {1U, 2U, 5U, 19U, 20U, 21U}) {
    start_with(limit, overflow_policy::drop_oldest);
    send_numbers(0, 20);
    run();
    const auto kept = std::min<std::int64_t>(limit, 20);
    EXPECT_EQ(noter::seen(), range(20 - kept, 20)) << "limit " << limit;
    EXPECT_EQ(counts().accepted, 20U);
    EXPECT_EQ(counts().dead, static_cast<std::uint64_t>(20 - kept));
    EXPECT_EQ(counts().waiting, 0U);
    leave(cell_);
  }
}

TEST_F(cell_mailbox, drops_the_oldest_wave_after_wave) {
  start_with(5, overflow_policy::drop_oldest);
  numbers expected;
  for (std::int64_t wave = 0; wave < 10; ++wave) {
    const auto first = wave * 100;
    send_numbers(first, first + wave * 3);
    run();
    for (auto n = first + std::max<std::int64_t>(0, wave * 3 - 5); n < first + wave * 3; ++n) expected.push_back(n);
  }
  EXPECT_EQ(noter::seen(), expected);
  EXPECT_EQ(counts().waiting, 0U);
  expect_sound(counts());
}

TEST_F(cell_mailbox, a_request_that_waited_longest_is_answered_when_it_is_dropped) {
  start_with(2, overflow_policy::drop_oldest);
  auto asked = request(caf::add_atom::value, std::int64_t{0});
  send_numbers(1, 3);
  run();
  asked->look();
  ASSERT_TRUE(asked->error);
  EXPECT_EQ(code_of(*asked->error), errc::full);
  EXPECT_EQ(asked->answers, 1);
  EXPECT_EQ(counts().failed, 1U);
  EXPECT_EQ(noter::seen(), range(1, 3));
}

TEST_F(cell_mailbox, what_is_in_hand_is_not_dropped) {
  start_with(5, overflow_policy::drop_oldest);
  send(caf::put_atom::value, std::int64_t{20});  // sends itself 20 numbers in one handler
  run();
  EXPECT_EQ(noter::seen(), range(15, 20));
  expect_sound(counts());
}

TEST_F(cell_mailbox, memory_stays_bounded_while_it_is_held) {
  start_with(5, overflow_policy::drop_oldest);
  hold();
  for (std::int64_t n = 0; n < 2'000; ++n) {
    send(caf::add_atom::value, n);
    if (n % 7 == 0) run();
    ASSERT_LE(counts().waiting, 10U) << "twice the limit, until the oldest are dropped";
  }
  incarnate(2);
  EXPECT_EQ(noter::seen(), range(1'995, 2'000));
  EXPECT_EQ(counts().dead, 1'995U);
  EXPECT_EQ(counts().waiting, 0U);
}

TEST_F(cell_mailbox, tells_a_flood_of_drops_in_few_events_and_all_of_them_in_the_end) {
  start_with(5, overflow_policy::drop_newest);
  send_numbers(0, 12'345);
  EXPECT_LE(events_of(event_kind::dead_letter).size(), 6U);
  leave(cell_);
  EXPECT_EQ(told_lost() + reports_of(report::kind::left).at(0).dropped, counts().dead);
  EXPECT_LE(events_of(event_kind::dead_letter).size(), 7U);
  EXPECT_NE(events_of(event_kind::dead_letter)[0].text.find("full (5)"), std::string::npos);
}

TEST_F(cell_mailbox, what_is_in_the_ring_when_it_ends_is_accounted_for) {
  start_with(3, overflow_policy::drop_oldest);
  hold();
  send_numbers(0, 10);
  auto asked = request(caf::add_atom::value, std::int64_t{10});
  leave(cell_);
  const auto c = counts();
  EXPECT_EQ(c.accepted, 11U);
  EXPECT_EQ(c.dead, 10U);
  EXPECT_EQ(c.failed, 1U);
  EXPECT_EQ(c.waiting, 0U);
  asked->look();
  EXPECT_EQ(asked->answers, 1);
  EXPECT_EQ(code_of(asked->error.value_or(caf::error{})), errc::ended);
}

TEST_F(cell_mailbox, a_new_limit_counts_from_now_on) {
  start_with(10, overflow_policy::reject);
  send_numbers(0, 3);
  auto next = caf::make_counted<supervision::cell_kind>(kind());
  next->mailbox = {2, overflow_policy::drop_oldest};
  command renew;
  renew.what = command::kind::renew;
  renew.renewed = next;
  tell(cell_, std::move(renew));
  noter::seen().clear();
  send_numbers(0, 10);
  run();
  EXPECT_EQ(noter::seen(), range(8, 10));
  next = caf::make_counted<supervision::cell_kind>(*next);
  next->mailbox = {4, overflow_policy::reject};
  renew = {};
  renew.what = command::kind::renew;
  renew.renewed = next;
  tell(cell_, std::move(renew));
  noter::seen().clear();
  send_numbers(0, 10);
  run();
  EXPECT_EQ(noter::seen(), range(0, 4));
  expect_sound(counts());
}

}  // namespace
