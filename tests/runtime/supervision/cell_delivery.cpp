#include "cell_alone.hpp"

#include <caf/exit_reason.hpp>

namespace {

using namespace steward;
using namespace steward::testing_support;
using policy::exit_class;
using numbers = std::vector<std::int64_t>;

class cell_delivery : public cell_alone {
protected:
  cell_delivery() { noter::seen().clear(); }
};

/// Crashes so often at each message of its kind, whatever it does with its arguments before that.
class spoiler {
public:
  explicit spoiler(self_ptr self) : self_(self) {}
  caf::behavior make_behavior() {
    return {
        [](caf::put_atom, std::string& text) {
          texts().push_back(text);
          text = "spoilt";
          fail();
          return static_cast<std::int64_t>(texts().size());
        },
        [this](caf::get_atom) -> caf::result<std::int64_t> {
          auto promise = self_->make_response_promise<std::int64_t>();
          fail();
          promise.deliver(std::int64_t{7});
          return promise;
        },
        [](caf::add_atom, std::int64_t n) { noter::seen().push_back(n); },
    };
  }
  static int& failures() {
    static int left = 0;
    return left;
  }
  static std::vector<std::string>& texts() {
    static std::vector<std::string> all;
    return all;
  }

private:
  static void fail() {
    if (failures() > 0) {
      --failures();
      throw std::runtime_error("not yet");
    }
  }
  self_ptr self_;
};

class cell_redelivery : public cell_delivery {
protected:
  void start_spoiler(unsigned redeliver, int failures) {
    spoiler::failures() = failures;
    spoiler::texts().clear();
    kind().redeliver = redeliver;
    start<spoiler>();
  }
};

TEST_F(cell_redelivery, handles_a_message_again_as_it_was_and_before_all_others) {
  start_spoiler(3, 2);
  auto asked = request(caf::put_atom::value, std::string{"hello"});
  send(caf::add_atom::value, std::int64_t{1});
  run();
  incarnate(2);
  EXPECT_TRUE(noter::seen().empty()) << "what came later waits";
  incarnate(3);
  asked->look();
  EXPECT_EQ(asked->value, 3);
  EXPECT_EQ(asked->answers, 1);
  EXPECT_EQ(spoiler::texts(), (std::vector<std::string>{"hello", "hello", "hello"}));
  EXPECT_EQ(noter::seen(), numbers{1});
  EXPECT_EQ(counts().handled, 2U);
  EXPECT_EQ(counts().failed, 0U);
  EXPECT_TRUE(events_of(event_kind::quarantine).empty());
}

TEST_F(cell_redelivery, quarantines_a_message_that_fails_each_time) {
  start_spoiler(2, 100);
  auto asked = request(caf::put_atom::value, std::string{"poison"});
  send(caf::add_atom::value, std::int64_t{1});
  run();
  incarnate(2);
  EXPECT_TRUE(events_of(event_kind::quarantine).empty());
  incarnate(3);
  const auto taken_out = events_of(event_kind::quarantine);
  ASSERT_EQ(taken_out.size(), 1U);
  EXPECT_EQ(taken_out[0].level, event_level::error);
  EXPECT_EQ(taken_out[0].why->message, "not yet");
  EXPECT_NE(taken_out[0].text.find("poison"), std::string::npos) << taken_out[0].text;
  asked->look();
  EXPECT_EQ(asked->answers, 1);
  ASSERT_TRUE(asked->error);
  EXPECT_EQ(code_of(*asked->error), errc::quarantined);
  EXPECT_EQ(crash_of(*asked->error)->message, "not yet");
  EXPECT_EQ(describe(*asked->error), "quarantined: std::runtime_error: not yet");
  incarnate(4);
  EXPECT_EQ(noter::seen(), numbers{1}) << "the others go on";
  EXPECT_EQ(spoiler::texts().size(), 3U) << "once, and twice again";
  EXPECT_EQ(counts().failed, 1U);
  EXPECT_EQ(counts().handled, 1U);
}

TEST_F(cell_redelivery, counts_each_message_by_itself) {
  start_spoiler(1, 1);
  for (int i = 0; i < 5; ++i) {
    send(caf::put_atom::value, std::string{"x"});
    run();
    incarnate(static_cast<std::uint64_t>(2 + i));
    spoiler::failures() = 1;
  }
  EXPECT_TRUE(events_of(event_kind::quarantine).empty());
  EXPECT_EQ(counts().handled, 5U);
}

TEST_F(cell_redelivery, does_not_repeat_a_request_whose_promise_was_taken) {
  start_spoiler(3, 1);
  auto asked = request(caf::get_atom::value);
  run();
  EXPECT_EQ(counts().failed, 1U);
  EXPECT_EQ(counts().waiting, 0U);
}

TEST_F(cell_redelivery, keeps_its_place_through_a_group_restart) {
  start_spoiler(3, 1);
  send(caf::put_atom::value, std::string{"first"});
  send(caf::add_atom::value, std::int64_t{2});
  run();
  hold();
  EXPECT_EQ(counts().waiting, 2U);
  incarnate(2);
  EXPECT_EQ(spoiler::texts().size(), 2U);
  EXPECT_EQ(noter::seen(), numbers{2});
}

TEST_F(cell_redelivery, what_waits_to_be_repeated_is_answered_at_the_end) {
  start_spoiler(3, 1);
  auto asked = request(caf::put_atom::value, std::string{"first"});
  run();
  asked->look();
  EXPECT_EQ(asked->answers, 0);
  leave(cell_, exit_class::abnormal, "the limit was reached");
  asked->look();
  EXPECT_EQ(asked->answers, 1);
  ASSERT_TRUE(asked->error);
  EXPECT_EQ(describe(*asked->error), "gave up: std::runtime_error: not yet") << "how it ended is its own";
  EXPECT_EQ(counts().failed, 1U);
}

struct bad_input : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws what it is told to; keeps a sum.
class picky {
public:
  explicit picky(self_ptr) {}
  caf::behavior make_behavior() {
    return {
        [this](caf::add_atom, std::int64_t n) { return sum_ += n; },
        [](crash_atom, std::int64_t how) -> caf::result<std::int64_t> {
          if (how == 0) throw bad_input("bad");
          if (how == 1) throw std::logic_error("wrong");
          throw std::runtime_error("other");
        },
    };
  }

private:
  std::int64_t sum_ = 0;
};

TEST_F(cell_delivery, an_exception_that_resumes_keeps_the_state_and_skips_the_message) {
  exception_rules rules;
  rules.on<bad_input>(treatment::resume).on<std::logic_error>(treatment::stop);
  kind().exceptions = std::make_shared<const exception_rules>(rules);
  start<picky>();
  send(caf::add_atom::value, std::int64_t{5});
  auto bad = request(crash_atom::value, std::int64_t{0});
  auto after = request(caf::add_atom::value, std::int64_t{1});
  run();
  bad->look();
  after->look();
  EXPECT_EQ(code_of(bad->error.value_or(caf::error{})), errc::crashed);
  EXPECT_EQ(after->value, 6);
  const auto crashes = events_of(event_kind::crash);
  ASSERT_EQ(crashes.size(), 1U);
  EXPECT_EQ(crashes[0].decision->action, "resume");
  EXPECT_EQ(crashes[0].why->message, "bad");
  send(crash_atom::value, std::int64_t{2});
  run();
  EXPECT_EQ(counts().dead, 1U);
  EXPECT_EQ(events_of(event_kind::crash).size(), 1U) << "the others are the supervisor's business";
}

TEST(exception_rules, the_first_that_matches_counts_and_the_default_is_a_restart) {
  exception_rules rules;
  rules.on<std::invalid_argument>(treatment::resume).on<std::logic_error>(treatment::escalate);
  EXPECT_EQ(rules.match(std::make_exception_ptr(std::invalid_argument{""})), treatment::resume);
  EXPECT_EQ(rules.match(std::make_exception_ptr(std::domain_error{""})), treatment::escalate);
  EXPECT_EQ(rules.match(std::make_exception_ptr(std::runtime_error{""})), treatment::restart);
  EXPECT_EQ(rules.match(std::make_exception_ptr(42)), treatment::restart);
}

class decliner {
public:
  explicit decliner(self_ptr) { throw decline_start{"no device"}; }
  caf::behavior make_behavior() { return {}; }
};

TEST_F(cell_delivery, a_start_may_be_declined) {
  start<decliner>();
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_EQ(reports_[0].what, report::kind::declined);
  EXPECT_EQ(reports_[0].why.message, "no device");
}

TEST_F(cell_delivery, holding_is_answered_even_when_nothing_runs) {
  start<noter>();
  hold();
  hold();
  const auto held = reports_of(report::kind::held);
  ASSERT_EQ(held.size(), 2U);
  EXPECT_TRUE(held[0].was_up);
  EXPECT_FALSE(held[1].was_up);
}

TEST_F(cell_delivery, its_end_is_what_monitors_and_links_are_told_once) {
  struct ending {
    exit_class how;
    bool killed;
    std::string text;
  };
  const ending ends[] = {{exit_class::normal, false, ""},
                         {exit_class::shutdown, false, "user_shutdown"},
                         {exit_class::shutdown, true, "kill"},
                         {exit_class::abnormal, false, "gave up: enough"},
                         {exit_class::gave_up, false, "gave up: enough"}};
  for (const auto& [how, killed, text] : ends) {
    start<noter>();
    std::vector<std::string> told;
    auto watcher = system_->spawn([&](caf::event_based_actor* self) -> caf::behavior {
      self->monitor(cell_);
      self->set_down_handler([&told](caf::down_msg& x) { told.push_back(x.reason ? describe(x.reason) : ""); });
      return {[](int) {}};
    });
    run();
    send(crash_atom::value, std::int64_t{1});
    run();
    incarnate(2);
    EXPECT_TRUE(told.empty()) << "a crash is no end";
    leave(cell_, how, "enough", nullptr, killed);
    EXPECT_EQ(told, std::vector<std::string>{text});
    caf::anon_send_exit(watcher, caf::exit_reason::kill);
    run();
  }
}

TEST_F(cell_delivery, requests_after_the_end_are_answered_with_its_reason) {
  start<noter>();
  leave(cell_, exit_class::abnormal, "enough");
  auto asked = request(caf::add_atom::value, std::int64_t{1});
  asked->look();
  ASSERT_TRUE(asked->error);
  EXPECT_EQ(code_of(*asked->error), errc::gave_up);
  EXPECT_EQ(counts().accepted, 0U);
}

TEST_F(cell_delivery, an_heir_gets_what_waits_in_order_and_answers_it) {
  other_ = make<noter>();
  incarnate(other_, 1);
  start<noter>();
  hold();
  send(caf::add_atom::value, std::int64_t{0});
  auto asked = request(caf::add_atom::value, std::int64_t{1});
  send(caf::add_atom::value, std::int64_t{2});
  leave(cell_, exit_class::shutdown, "replaced", other_, true);
  send(caf::add_atom::value, std::int64_t{3});
  run();
  EXPECT_EQ(noter::seen(), (numbers{0, 1, 2, 3}));
  asked->look();
  EXPECT_EQ(asked->value, 1);
  EXPECT_EQ(counts().handled, 3U) << "handed over counts as handled here";
  EXPECT_EQ(counts().dead + counts().failed, 0U);
  EXPECT_EQ(supervision::cell_of(other_).counts().handled, 4U);
}

TEST_F(cell_delivery, what_is_bequeathed_goes_to_the_heir_while_the_cell_is_stuck) {
  other_ = make<noter>();
  incarnate(other_, 1);
  start<noter>();
  send(caf::add_atom::value, std::int64_t{0});
  supervision::cell_of(cell_).bequeath(other_);
  send(caf::add_atom::value, std::int64_t{1});
  EXPECT_EQ(counts().accepted, 1U);
  EXPECT_EQ(supervision::cell_of(other_).counts().accepted, 1U);
  hold();
  EXPECT_EQ(reports_of(report::kind::held).size(), 1U) << "commands are still its own";
}

/// Looks at its own cell while it handles a message.
class mirror {
public:
  explicit mirror(self_ptr self) : self_(self) {}
  caf::behavior make_behavior() {
    return {[this](caf::put_atom, const std::string&) {
      const auto& me = supervision::cell_of(handle_of(self_));
      turn() = me.turn();
      in_hand() = me.in_hand();
    }};
  }
  static std::uint64_t& turn() {
    static std::uint64_t seen;
    return seen;
  }
  static std::string& in_hand() {
    static std::string seen;
    return seen;
  }

private:
  self_ptr self_;
};

TEST_F(cell_delivery, tells_what_is_in_hand_when_it_is_watched) {
  kind().watched = true;
  start<mirror>();
  EXPECT_EQ(supervision::cell_of(cell_).turn(), 0U);
  send(caf::put_atom::value, std::string{"look"});
  run();
  EXPECT_EQ(mirror::turn(), 1U) << "odd while a handler runs";
  EXPECT_NE(mirror::in_hand().find("look"), std::string::npos) << mirror::in_hand();
  EXPECT_EQ(supervision::cell_of(cell_).turn(), 2U);
  EXPECT_EQ(supervision::cell_of(cell_).in_hand(), "");
}

TEST_F(cell_delivery, keeps_no_copy_when_nobody_needs_one) {
  start<mirror>();
  send(caf::put_atom::value, std::string{"look"});
  run();
  EXPECT_EQ(mirror::in_hand(), "");
  EXPECT_EQ(mirror::turn(), 1U);
}

TEST_F(cell_delivery, a_cell_that_nobody_holds_any_more_ends_without_harm) {
  start<noter>();
  send(caf::add_atom::value, std::int64_t{1});
  run();
  cell_ = nullptr;
  run();
  ASSERT_EQ(reports_of(report::kind::left).size(), 1U);
  EXPECT_EQ(reports_of(report::kind::left)[0].counts.handled, 1U);
}

}  // namespace
