#include "probe.hpp"
#include "tests/support/virtual_tree.hpp"

#include <caf/sec.hpp>

// What comes back of a message that nobody has asked for: nothing. And what it means to end without having been asked.

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

/// The tally of the README: it answers each addition.
class tally {
public:
  explicit tally(self_ptr) {}
  caf::behavior make_behavior() {
    return {[this](caf::add_atom, std::int64_t n) { return value_ += n; }, [this](caf::get_atom) { return value_; }};
  }

private:
  std::int64_t value_ = 0;
};

/// Tells others what the test wants, and handles hardly anything itself.
class teller {
public:
  explicit teller(self_ptr self) : self_(self) {}
  caf::behavior make_behavior() {
    return {
        [this](caf::put_atom, const caf::actor& other) { tell(self_, other, caf::add_atom::value, std::int64_t{1}); },
        [this](crash_atom, const caf::actor& other) { tell(self_, other, std::string{"who would know"}); },
        [this](caf::delete_atom, const caf::actor& other) { tell(self_, other, caf::make_error(errc::bad_value)); },
        [this](caf::leave_atom) { self_->unbecome(); },
    };
  }

private:
  self_ptr self_;
};

class cell_tells : public virtual_tree {
protected:
  cell_tells() {
    actor_type<tally>("tally");
    actor_type<teller>("teller");
    start(tree({child("tally", "tally"), child("teller", "teller")}));
  }
  void expect_both_in_their_first_life() {
    EXPECT_EQ(incarnation_of("/root/tally"), 1U);
    EXPECT_EQ(incarnation_of("/root/teller"), 1U);
    EXPECT_TRUE(events_of(event_kind::crash).empty());
    EXPECT_FALSE(ended_);
  }
};

TEST_F(cell_tells, what_a_handler_returns_to_a_tell_goes_nowhere) {
  for (int i = 0; i < 10; ++i) send("/root/teller", caf::put_atom::value, at("/root/tally"));
  run();
  EXPECT_EQ(ask<std::int64_t>("/root/tally", caf::get_atom::value), 10);
  expect_both_in_their_first_life();
  EXPECT_TRUE(events_of(event_kind::warn).empty());
}

TEST_F(cell_tells, a_tell_that_the_receiver_does_not_handle_is_the_receivers_matter) {
  for (int i = 0; i < 10; ++i) send("/root/teller", crash_atom::value, at("/root/tally"));
  run();
  expect_both_in_their_first_life();
  const auto told = paths_of(event_kind::warn);
  EXPECT_EQ(told, std::vector<std::string>(10, "/root/tally"));
}

TEST_F(cell_tells, an_error_that_is_told_ends_nobody) {
  send("/root/teller", caf::delete_atom::value, at("/root/tally"));
  run();
  expect_both_in_their_first_life();
  EXPECT_EQ(paths_of(event_kind::warn), std::vector<std::string>{"/root/tally"});
}

TEST_F(cell_tells, an_actor_without_the_message_is_not_ended_by_a_request_for_a_crash) {
  EXPECT_FALSE(ask<std::int64_t>("/root/tally", crash_atom::value));
  EXPECT_EQ(error_, caf::sec::unexpected_message);
  expect_both_in_their_first_life();
}

TEST_F(cell_tells, an_actor_without_a_behaviour_has_ended_and_is_restarted) {
  const auto before = at("/root/teller");
  send("/root/teller", caf::leave_atom::value);
  run();
  EXPECT_EQ(at("/root/teller"), before);
  EXPECT_EQ(incarnation_of("/root/teller"), 2U);
  send("/root/teller", caf::put_atom::value, at("/root/tally"));
  run();
  EXPECT_EQ(ask<std::int64_t>("/root/tally", caf::get_atom::value), 1);
}

TEST(cell_causes, an_actor_that_quits_with_an_error_is_told_as_that) {
  const auto how = supervision::exit_of(caf::make_error(errc::bad_value, std::string{"tired"}));
  EXPECT_EQ(how.cls, policy::exit_class::abnormal);
  EXPECT_EQ(how.why.cls, cause_class::quit);
  EXPECT_EQ(describe(how.why), "quit: bad value: tired");
}

}  // namespace
