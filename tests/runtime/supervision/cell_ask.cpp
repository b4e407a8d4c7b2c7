#include "cell_alone.hpp"
#include "probe.hpp"
#include "steward/caller.hpp"
#include "tests/support/virtual_tree.hpp"

#include <caf/sec.hpp>

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

/// What the askers below do; reset by each test.
struct asking {
  caf::actor whom;
  int count = 1;
  milliseconds timeout{100};
  on_restart then = on_restart::wait;
  bool awaits = false;
  std::vector<std::int64_t> values;
  std::vector<caf::error> errors;
};
asking& plan() {
  static asking all;
  return all;
}

/// (get_atom) asks as planned; (add_atom, n) is a sign of life; (crash_atom) throws.
class asker {
public:
  explicit asker(self_ptr self) : self_(self) {}
  caf::behavior make_behavior() {
    return {
        [this](caf::get_atom) {
          for (int i = 0; i < plan().count; ++i) {
            auto pending = ask(self_, plan().whom, plan().timeout, plan().then, caf::add_atom::value, std::int64_t{i});
            const auto on_value = [](std::int64_t n) { plan().values.push_back(n); };
            const auto on_error = [](caf::error& e) { plan().errors.push_back(std::move(e)); };
            if (plan().awaits)
              pending.await(on_value, on_error);
            else
              pending.then(on_value, on_error);
          }
        },
        [](caf::add_atom, std::int64_t n) { return n; },
        [](crash_atom) { throw std::runtime_error("boom"); },
    };
  }

private:
  self_ptr self_;
};

/// Answers when it is told to.
class slow {
public:
  explicit slow(self_ptr self) : self_(self) {}
  caf::behavior make_behavior() {
    return {
        [this](caf::add_atom, std::int64_t) -> caf::result<std::int64_t> {
          waiting_.push_back(self_->make_response_promise<std::int64_t>());
          return waiting_.back();
        },
        [this](caf::get_atom) {
          for (auto& promise : waiting_) promise.deliver(std::int64_t{7});
          waiting_.clear();
        },
    };
  }

private:
  self_ptr self_;
  std::vector<caf::typed_response_promise<std::int64_t>> waiting_;
};

class cell_ask : public cell_alone {
protected:
  cell_ask() { plan() = {}; }
  ~cell_ask() override { plan() = {}; }
  template <class Other>
  void start_with() {
    other_ = make<Other>();
    incarnate(other_, 1);
    plan().whom = other_;
    start<asker>();
  }
  std::size_t clock_entries() const { return scheduler_->clock().schedule().size(); }
};

TEST_F(cell_ask, gets_its_answer) {
  start_with<noter>();
  send(caf::get_atom::value);
  run();
  EXPECT_EQ(plan().values.size(), 1U);
  EXPECT_TRUE(plan().errors.empty());
  advance(1s);
  EXPECT_TRUE(plan().errors.empty()) << "and no error later";
}

TEST_F(cell_ask, is_told_at_its_deadline_and_not_before_and_a_late_answer_is_dropped) {
  start_with<slow>();
  send(caf::get_atom::value);
  run();
  advance(99ms);
  EXPECT_TRUE(plan().errors.empty());
  advance(1ms);
  ASSERT_EQ(plan().errors.size(), 1U);
  EXPECT_EQ(plan().errors[0], caf::sec::request_timeout);
  port::send_anonymously(other_, caf::get_atom::value);
  run();
  EXPECT_TRUE(plan().values.empty());
  EXPECT_EQ(plan().errors.size(), 1U);
}

TEST_F(cell_ask, an_awaited_answer_has_a_deadline_too) {
  plan().awaits = true;
  start_with<slow>();
  send(caf::get_atom::value);
  auto later = request(caf::add_atom::value, std::int64_t{3});
  run();
  later->look();
  EXPECT_FALSE(later->value) << "nothing else is handled while it awaits";
  advance(100ms);
  ASSERT_EQ(plan().errors.size(), 1U);
  later->look();
  EXPECT_EQ(later->value, 3);
}

TEST_F(cell_ask, keeps_one_timeout_of_the_clock_however_many_are_asked) {
  start_with<noter>();
  plan().count = 1'000;
  for (int i = 0; i < 10; ++i) {
    plan().timeout = milliseconds{1'000 * (10 - i)};
    send(caf::get_atom::value);
    run();
  }
  EXPECT_EQ(plan().values.size(), 10'000U);
  EXPECT_LE(clock_entries(), 1U);
  advance(1h);
  EXPECT_EQ(clock_entries(), 0U) << "nothing is left behind";
  EXPECT_TRUE(plan().errors.empty());
}

TEST_F(cell_ask, deadlines_of_different_lengths_each_hold) {
  start_with<slow>();
  for (const int ms : {300, 100, 200, 100}) {
    plan().timeout = milliseconds{ms};
    send(caf::get_atom::value);
    run();
  }
  advance(100ms);
  EXPECT_EQ(plan().errors.size(), 2U);
  advance(100ms);
  EXPECT_EQ(plan().errors.size(), 3U);
  advance(100ms);
  EXPECT_EQ(plan().errors.size(), 4U);
}

TEST_F(cell_ask, a_crash_forgets_what_was_asked) {
  start_with<slow>();
  send(caf::get_atom::value);
  send(crash_atom::value);
  run();
  incarnate(2);
  advance(1s);
  EXPECT_TRUE(plan().errors.empty()) << "the state that asked is gone";
  send(caf::get_atom::value);
  run();
  advance(100ms);
  EXPECT_EQ(plan().errors.size(), 1U) << "and the next one's deadlines hold";
}

TEST_F(cell_ask, nothing_of_it_stays_in_the_clock_when_it_leaves) {
  plan().timeout = 1h;
  start_with<slow>();
  send(caf::get_atom::value);
  run();
  EXPECT_EQ(clock_entries(), 1U);
  leave(cell_);
  EXPECT_EQ(clock_entries(), 0U);
}

TEST_F(cell_ask, infinity_means_no_deadline) {
  plan().timeout = infinity;
  start_with<slow>();
  send(caf::get_atom::value);
  run();
  EXPECT_EQ(clock_entries(), 0U);
}

TEST_F(cell_ask, asking_a_raw_actor_or_asking_as_one_works_alike) {
  auto raw = system_->spawn(
      [](caf::event_based_actor*) -> caf::behavior { return {[](caf::add_atom, std::int64_t n) { return n + 1; }}; });
  plan().whom = raw;
  plan().then = on_restart::fail;
  start<asker>();
  send(caf::get_atom::value);
  run();
  EXPECT_EQ(plan().values, std::vector<std::int64_t>{1});
  std::optional<caf::error> problem;
  auto asks = system_->spawn([&](caf::event_based_actor* self) {
    ask(self, raw, 50ms, std::string{"nobody"}).then([] {}, [&](caf::error& e) { problem = e; });
  });
  run();
  EXPECT_TRUE(problem);
  caf::anon_send_exit(raw, caf::exit_reason::kill);
  run();
}

class cell_guard : public cell_ask {
protected:
  void start_guarded() {
    plan().then = on_restart::fail;
    plan().timeout = 10s;
    start_with<noter>();
  }
  void to_other(command::kind what, std::uint64_t n = 0) {
    command out;
    out.what = what;
    out.incarnation = n;
    tell(other_, std::move(out));
  }
};

TEST_F(cell_guard, is_handled_like_any_other_by_the_incarnation_that_is_up) {
  start_guarded();
  send(caf::get_atom::value);
  run();
  EXPECT_EQ(plan().values, std::vector<std::int64_t>{0});
  const auto c = supervision::cell_of(other_).counts();
  EXPECT_EQ(c.accepted, 1U);
  EXPECT_EQ(c.handled, 1U);
}

TEST_F(cell_guard, is_refused_at_once_while_nothing_is_up) {
  start_guarded();
  to_other(command::kind::hold);
  send(caf::get_atom::value);
  run();
  ASSERT_EQ(plan().errors.size(), 1U);
  EXPECT_EQ(code_of(plan().errors[0]), errc::restarting);
  EXPECT_EQ(supervision::cell_of(other_).counts().accepted, 0U);
}

TEST_F(cell_guard, is_answered_when_its_incarnation_is_gone_and_others_wait_on) {
  start_guarded();
  plan().count = 3;
  port::send_anonymously(other_, crash_atom::value, std::int64_t{-1});
  port::send_anonymously(other_, caf::add_atom::value, std::int64_t{-2});
  send(caf::get_atom::value);
  run();  // the crash comes first; nothing is up then
  EXPECT_EQ(plan().errors.size(), 3U);
  for (const auto& e : plan().errors) EXPECT_EQ(code_of(e), errc::restarting);
  EXPECT_EQ(supervision::cell_of(other_).counts().waiting, 1U);
  to_other(command::kind::incarnate, 2);
  EXPECT_EQ(supervision::cell_of(other_).counts().waiting, 0U);
  expect_sound(supervision::cell_of(other_).counts());
}

TEST_F(cell_guard, one_that_waited_in_the_mailbox_is_answered_while_the_cell_is_held) {
  start_guarded();
  cell_.swap(other_);
  auto first = std::make_unique<pending>(*system_);
  port::ask(first->self.ptr(), cell_, caf::infinite,
            port::guarded_request{caf::make_message(caf::add_atom::value, std::int64_t{5})});
  auto plain = request(caf::add_atom::value, std::int64_t{6});
  hold();  // urgent: comes first
  first->look();
  plain->look();
  ASSERT_TRUE(first->error);
  EXPECT_EQ(code_of(*first->error), errc::restarting);
  EXPECT_EQ(plain->answers, 0);
  EXPECT_EQ(counts().failed, 1U);
  EXPECT_EQ(counts().waiting, 1U);
  incarnate(2);
  first->look();
  plain->look();
  EXPECT_EQ(first->answers, 1);
  EXPECT_EQ(plain->value, 6);
  expect_sound(counts());
  cell_.swap(other_);
}

TEST_F(cell_guard, what_was_in_hand_at_a_crash_tells_of_the_crash) {
  start_guarded();
  cell_.swap(other_);
  auto asked = std::make_unique<pending>(*system_);
  port::ask(asked->self.ptr(), cell_, caf::infinite,
            port::guarded_request{caf::make_message(crash_atom::value, std::int64_t{1})});
  run();
  asked->look();
  ASSERT_TRUE(asked->error);
  EXPECT_EQ(code_of(*asked->error), errc::crashed);
  cell_.swap(other_);
}

/// With a host: restarts in place.
class cell_in_place : public virtual_tree {};

TEST_F(cell_in_place, a_guarded_request_behind_a_crash_is_answered_and_a_plain_one_handled) {
  switches() = {};
  actor_type<probe>("probe");
  start(tree({child("a", "probe")}, {100, 60s}));
  const auto path = "/root/a";
  send(path, crash_atom::value);
  caf::scoped_actor guarded{*system_};
  auto one =
      port::ask(guarded.ptr(), at(path), caf::infinite, port::guarded_request{caf::make_message(caf::get_atom::value)});
  caf::scoped_actor plain{*system_};
  auto two = port::ask(plain.ptr(), at(path), caf::infinite, caf::get_atom::value);
  run();
  EXPECT_FALSE(take<std::uint64_t>(one));
  EXPECT_EQ(code_of(error_), errc::restarting);
  EXPECT_EQ(take<std::uint64_t>(two), 2U);
}

/// On a real scheduler.
class cell_caller : public ::testing::Test {
protected:
  cell_caller() {
    port::configure(config_, port::scheduling::sharing, 2);
    port::announce_block<caf::id_block::steward>(config_);
    system_ = std::make_unique<caf::actor_system>(config_);
    raw_ = system_->spawn([](caf::event_based_actor* self) -> caf::behavior {
      return {
          [](caf::add_atom, std::int64_t n) { return n + 1; }, [](caf::put_atom) {},
          [](crash_atom) -> caf::result<std::int64_t> { return caf::make_error(errc::empty); },
          [self](caf::get_atom) { return self->make_response_promise<std::int64_t>(); },  // never answered
      };
    });
  }
  ~cell_caller() override { caf::anon_send_exit(raw_, caf::exit_reason::kill); }

  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  caf::actor raw_;
};

TEST_F(cell_caller, gets_values_errors_and_nothing) {
  caller ask{*system_};
  auto value = ask.request<std::int64_t>(raw_, 10s, caf::add_atom::value, std::int64_t{1});
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, 2);
  EXPECT_TRUE(ask.request<void>(raw_, infinity, caf::put_atom::value));
  auto problem = ask.request<std::int64_t>(raw_, 10s, on_restart::fail, crash_atom::value);
  ASSERT_FALSE(problem);
  EXPECT_EQ(code_of(problem.error()), errc::empty);
  const auto other = ask.request<std::string>(raw_, 10s, caf::add_atom::value, std::int64_t{1});
  EXPECT_EQ(other.error(), caf::sec::unexpected_response);
  EXPECT_EQ(describe(other.error()), "unexpected_response: the answer is of another type than was asked for");
  EXPECT_EQ(code_of(ask.request<void>(caf::actor{}, 10s, caf::put_atom::value).error()), errc::not_found);
}

TEST_F(cell_caller, waits_no_longer_than_it_is_told) {
  caller ask{*system_};
  EXPECT_EQ(ask.request<std::int64_t>(raw_, 1ms, caf::get_atom::value).error(), caf::sec::request_timeout);
  for (const auto over : {0ms, -1ms, milliseconds::min()})
    EXPECT_EQ(ask.request<std::int64_t>(raw_, over, caf::get_atom::value).error(), caf::sec::request_timeout);
  auto value = ask.request<std::int64_t>(raw_, 10s, caf::add_atom::value, std::int64_t{1});
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, 2);
}

}  // namespace
