#include "cell_alone.hpp"
#include "tests/support/virtual_tree.hpp"

#include <caf/actor_system.hpp>
#include <caf/attach_stream_sink.hpp>
#include <caf/attach_stream_source.hpp>
#include <caf/group.hpp>

// What an incarnation has tied itself to: links, monitors, functors, groups, handlers. None of it outlives it.

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

std::vector<std::string>& said() {
  static std::vector<std::string> all;
  return all;
}
caf::actor& helper() {
  static caf::actor x;
  return x;
}
std::function<void(self_ptr, int&)>& setup() {
  static std::function<void(self_ptr, int&)> f;
  return f;
}

/// Does in its constructor what the test says, and crashes when it is told a number. `marker` is 42 while it lives.
class tied {
public:
  explicit tied(self_ptr self) : self_(self) { setup()(self_, marker_); }
  ~tied() { marker_ = 0; }
  tied(const tied&) = delete;
  tied& operator=(const tied&) = delete;
  caf::behavior make_behavior() {
    return {[](std::int64_t) { throw std::runtime_error("boom"); },
            [this](caf::delete_atom) { self_->quit(caf::make_error(errc::bad_value)); },
            [](const std::string& what) { said().push_back(what); }};
  }

private:
  self_ptr self_;
  int marker_ = 42;
};

caf::behavior idle(caf::event_based_actor* self) {
  return {[](std::int64_t) {}, [self](caf::delete_atom) { self->quit(caf::exit_reason::user_shutdown); }};
}

class cell_ties : public cell_alone {
protected:
  cell_ties() {
    said().clear();
    setup() = [](self_ptr, int&) {};
  }
  ~cell_ties() override {
    if (helper()) caf::anon_send_exit(helper(), caf::exit_reason::kill);
    helper() = nullptr;
    run();
    setup() = nullptr;
  }
  void crash() {
    send(std::int64_t{1});
    run();
  }
  void end_of(const caf::actor& x) {
    caf::anon_send(x, caf::delete_atom::value);
    run();
  }
  static bool over(const caf::actor& x) {
    return caf::actor_cast<caf::abstract_actor*>(x)->getf(caf::abstract_actor::is_terminated_flag);
  }
};

TEST_F(cell_ties, a_linked_helper_goes_with_its_incarnation_and_not_with_the_next) {
  std::vector<caf::actor> helpers;
  setup() = [&](self_ptr self, int&) { helpers.push_back(self->spawn<caf::linked>(idle)); };
  start<tied>();
  for (std::uint64_t n = 2; n <= 11; ++n) {
    crash();
    incarnate(n);
  }
  ASSERT_EQ(helpers.size(), 11U);
  for (std::size_t i = 0; i < 10; ++i) EXPECT_TRUE(over(helpers[i])) << i;
  EXPECT_FALSE(over(helpers[10]));
  EXPECT_EQ(counts().dead, 10U) << "one crash each";
  end_of(helpers[10]);
  leave(cell_);
}

TEST_F(cell_ties, a_monitor_of_each_incarnation_makes_one_down_message) {
  helper() = system_->spawn(idle);
  run();
  setup() = [](self_ptr self, int&) {
    self->set_down_handler([](caf::down_msg&) { said().emplace_back("down"); });
    self->monitor(helper());
  };
  start<tied>();
  for (std::uint64_t n = 2; n <= 6; ++n) {
    crash();
    incarnate(n);
  }
  end_of(helper());
  EXPECT_EQ(said().size(), 1U);
}

TEST_F(cell_ties, a_monitor_of_a_dead_incarnation_tells_nobody) {
  helper() = system_->spawn(idle);
  run();
  setup() = [](self_ptr self, int&) {
    self->monitor(helper());
    self->monitor(helper());
  };
  start<tied>();
  setup() = [](self_ptr self, int&) { self->set_down_handler([](caf::down_msg&) { said().emplace_back("down"); }); };
  crash();
  incarnate(2);
  end_of(helper());
  EXPECT_TRUE(said().empty());
}

TEST_F(cell_ties, what_was_demonitored_is_not_waited_for) {
  helper() = system_->spawn(idle);
  run();
  setup() = [](self_ptr self, int&) {
    self->monitor(helper());
    self->demonitor(helper());
  };
  start<tied>();
  end_of(helper());
  crash();
  setup() = [](self_ptr self, int&) {
    self->set_down_handler([](caf::down_msg&) { said().emplace_back("down"); });
    self->monitor(helper());
  };
  incarnate(2);
  EXPECT_EQ(said().size(), 1U);
}

TEST_F(cell_ties, a_functor_is_called_while_its_state_lives_and_once) {
  setup() = [](self_ptr self, int& marker) {
    self->attach_functor([&marker] { said().push_back(std::to_string(marker)); });
  };
  start<tied>();
  crash();
  EXPECT_EQ(said(), std::vector<std::string>{"42"});
  incarnate(2);
  hold();
  EXPECT_EQ(said().size(), 2U);
  incarnate(3);
  send(caf::delete_atom::value);
  run();
  EXPECT_EQ(said().size(), 3U);
  incarnate(4);
  leave(cell_);
  EXPECT_EQ(said(), std::vector<std::string>(4, "42"));
}

TEST_F(cell_ties, a_functor_of_a_constructor_that_throws_is_dropped) {
  setup() = [](self_ptr self, int& marker) {
    self->attach_functor([&marker] { said().push_back(std::to_string(marker)); });
    throw std::runtime_error("no");
  };
  start<tied>();
  EXPECT_EQ(reports_of(report::kind::start_failed).size(), 1U);
  leave(cell_);
  EXPECT_TRUE(said().empty());
}

TEST_F(cell_ties, a_functor_that_throws_is_reported_and_keeps_nobody_from_hearing_of_the_end) {
  setup() = [](self_ptr self, int&) { self->attach_functor([] { throw std::runtime_error("its own"); }); };
  start<tied>();
  auto watcher = system_->spawn([&](caf::event_based_actor* self) -> caf::behavior {
    self->set_down_handler([](caf::down_msg&) { said().emplace_back("down"); });
    self->monitor(cell_);
    return {[](std::int64_t) {}};
  });
  run();
  caf::actor_cast<caf::abstract_actor*>(cell_)->attach_functor([] { throw std::runtime_error("of others"); });
  leave(cell_);
  EXPECT_EQ(reports_of(report::kind::left).size(), 1U);
  EXPECT_EQ(said(), std::vector<std::string>{"down"});
  const auto told = events_of(event_kind::warn);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_NE(told[0].text.find("its own"), std::string::npos) << told[0].text;
  EXPECT_NE(told[1].text.find("of others"), std::string::npos) << told[1].text;
  caf::anon_send_exit(watcher, caf::exit_reason::kill);
}

TEST_F(cell_ties, a_group_is_left) {
  setup() = [&](self_ptr self, int&) { self->join(system_->groups().get_local("all")); };
  start<tied>();
  const auto group = system_->groups().get_local("all");
  caf::anon_send(group, std::string{"one"});
  run();
  EXPECT_EQ(said().size(), 1U);
  setup() = [](self_ptr, int&) {};
  crash();
  incarnate(2);
  caf::anon_send(group, std::string{"two"});
  run();
  EXPECT_EQ(said().size(), 1U);
}

TEST_F(cell_ties, handlers_of_a_dead_incarnation_are_forgotten) {
  setup() = [](self_ptr self, int& marker) {
    self->set_default_handler([&marker](caf::scheduled_actor*, caf::message_view&) -> caf::result<caf::message> {
      said().push_back("default " + std::to_string(marker));
      return caf::message{};
    });
    self->set_down_handler([&marker](caf::down_msg&) { said().push_back("down " + std::to_string(marker)); });
    self->set_exit_handler([&marker](caf::exit_msg&) { said().push_back("exit " + std::to_string(marker)); });
    self->set_error_handler([&marker](caf::error&) { said().push_back("error " + std::to_string(marker)); });
  };
  start<tied>();
  setup() = [](self_ptr, int&) {};
  crash();
  incarnate(2);
  send(caf::tick_atom::value, 1.5);
  send(caf::make_error(errc::bad_value));
  caf::anon_send(cell_, caf::down_msg{});
  run();
  EXPECT_TRUE(said().empty());
}

TEST_F(cell_ties, a_monitor_hears_of_the_end_after_the_host) {
  start<tied>();
  std::size_t reports_before = 0;
  auto watcher = system_->spawn([&](caf::event_based_actor* self) -> caf::behavior {
    self->set_down_handler([&](caf::down_msg&) { reports_before = reports_of(report::kind::left).size(); });
    self->monitor(cell_);
    return {[](std::int64_t) {}};
  });
  run();
  leave(cell_);
  EXPECT_EQ(reports_before, 1U);
  caf::anon_send_exit(watcher, caf::exit_reason::kill);
}

/// Makes `self` the source of three numbers for `to`.
void stream_to(caf::event_based_actor* self, const caf::actor& to) {
  caf::attach_stream_source(
      self, to, [](int& next) { next = 0; },
      [](int& next, caf::downstream<int>& out, std::size_t most) {
        for (; most > 0 && next < 3; --most) out.push(next++);
      },
      [](const int& next) { return next == 3; });
}

/// Takes numbers and says which.
caf::behavior sink(caf::event_based_actor* self) {
  return {[self](const caf::stream<int>& in) {
    return caf::attach_stream_sink(
        self, in, [](caf::unit_t&) {}, [](caf::unit_t&, int x) { said().push_back(std::to_string(x)); });
  }};
}

caf::behavior source(caf::event_based_actor* self) {
  return {[self](const caf::actor& to) { stream_to(self, to); }};
}

TEST_F(cell_ties, a_stream_of_others_to_it_is_refused_with_the_reason) {
  start<tied>();
  const auto from = system_->spawn(source);
  const auto plain = system_->spawn(sink);
  caf::anon_send(from, plain);
  for (int i = 0; i < 10; ++i) {  // a stream goes on by its clock
    run();
    scheduler_->advance_time(50ms);
  }
  EXPECT_EQ(said(), (std::vector<std::string>{"0", "1", "2"})) << "such a stream works between others";
  caf::anon_send(from, cell_);
  run();
  const auto told = events_of(event_kind::warn);
  ASSERT_FALSE(told.empty());
  EXPECT_NE(told[0].text.find("streams do not work in a supervised actor"), std::string::npos) << told[0].text;
  send(std::string{"goes on"});
  run();
  EXPECT_EQ(said().back(), "goes on");
  EXPECT_EQ(counts().waiting, 0U);
  for (const auto& x : {from, plain}) caf::anon_send_exit(x, caf::exit_reason::kill);
}

TEST_F(cell_ties, a_stream_of_its_own_is_refused_with_the_reason_and_ends_with_its_incarnation) {
  helper() = system_->spawn(sink);
  setup() = [](self_ptr self, int&) { stream_to(self, helper()); };
  start<tied>();
  const auto told = events_of(event_kind::warn);
  ASSERT_FALSE(told.empty());
  EXPECT_NE(told[0].text.find("streams do not work in a supervised actor"), std::string::npos) << told[0].text;
  EXPECT_TRUE(said().empty()) << "nothing of it arrives";
  auto* self = dynamic_cast<caf::event_based_actor*>(caf::actor_cast<caf::abstract_actor*>(cell_));
  ASSERT_NE(self, nullptr);
  EXPECT_EQ(self->stream_managers().size() + self->pending_stream_managers().size(), 1U);
  setup() = [](self_ptr, int&) {};
  crash();
  EXPECT_EQ(self->stream_managers().size() + self->pending_stream_managers().size(), 0U);
  incarnate(2);
  send(std::string{"goes on"});
  run();
  EXPECT_EQ(said(), std::vector<std::string>{"goes on"});
}

/// With a host: the next incarnation begins in place, while what the dead one waited for is behind in the mailbox.
class cell_ties_in_place : public virtual_tree {
protected:
  cell_ties_in_place() {
    said().clear();
    setup() = [this](self_ptr self, int&) {
      if (lives_++ == 0) on_first_start(self);
    };
    actor_type<tied>("tied");
    helper() = system_->spawn(idle);
    run();
  }
  ~cell_ties_in_place() override {
    helper() = nullptr;
    setup() = nullptr;
  }
  /// The crash is handled after the helper's end was told, and before that is heard of.
  void crash_while_the_helper_ends() {
    start(tree({child("a", "tied")}));
    send("/root/a", std::int64_t{1});
    caf::anon_send(helper(), caf::delete_atom::value);
    std::rotate(scheduler_->jobs.begin(), scheduler_->jobs.begin() + 1, scheduler_->jobs.end());
    run();
  }
  std::function<void(self_ptr)> on_first_start;
  int lives_ = 0;
};

TEST_F(cell_ties_in_place, an_exit_message_that_is_under_way_does_not_reach_the_next_incarnation) {
  on_first_start = [](self_ptr self) { self->link_to(helper()); };
  crash_while_the_helper_ends();
  EXPECT_EQ(incarnation_of("/root/a"), 2U);
}

TEST_F(cell_ties_in_place, a_down_message_that_is_under_way_does_not_reach_the_next_incarnation) {
  on_first_start = [](self_ptr self) { self->monitor(helper()); };
  setup() = [this](self_ptr self, int&) {
    if (lives_++ == 0) on_first_start(self);
    self->set_down_handler([](caf::down_msg&) { said().emplace_back("down"); });
  };
  crash_while_the_helper_ends();
  EXPECT_EQ(incarnation_of("/root/a"), 2U);
  EXPECT_TRUE(said().empty());
}

TEST_F(cell_ties_in_place, a_timer_whose_time_has_come_does_not_reach_the_next_incarnation) {
  on_first_start = [](self_ptr self) { tell_after(self, 10ms, handle_of(self), std::string{"late"}); };
  start(tree({child("a", "tied")}));
  send("/root/a", std::int64_t{1});
  scheduler_->advance_time(10ms);
  run();
  EXPECT_EQ(incarnation_of("/root/a"), 2U);
  EXPECT_TRUE(said().empty());
}

}  // namespace
