#include "cell_alone.hpp"
#include "steward/caller.hpp"
#include "steward/supervisor.hpp"

#include <array>
#include <atomic>
#include <map>
#include <random>
#include <thread>

namespace {

using namespace std::chrono_literals;
using namespace steward;
using namespace steward::testing_support;

class cell_accounting : public cell_alone {};

TEST_F(cell_accounting, holds_after_every_step_of_random_lives) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random{seed};
    const auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    noter::seen().clear();
    kind().mailbox = {1 + pick(8), static_cast<overflow_policy>(pick(3))};
    kind().redeliver = pick(3);
    kind().watched = pick(2) == 0;
    start<noter>();
    std::uint64_t incarnation = 1;
    std::uint64_t sent = 0;
    std::vector<std::unique_ptr<pending>> asked;
    for (int step = 0; step < 60; ++step) {
      const auto n = static_cast<std::int64_t>(step);
      switch (pick(10)) {
        case 0:
          send(crash_atom::value, n);
          ++sent;
          break;
        case 1:
          asked.push_back(request(crash_atom::value, n));
          ++sent;
          break;
        case 2:
          asked.push_back(request(caf::add_atom::value, n));
          ++sent;
          break;
        case 3:
          hold();
          break;
        case 4:
          incarnate(++incarnation);
          break;
        case 5:
          send(std::string{"nobody knows this"});
          ++sent;
          break;
        case 6:
          run();
          break;
        case 7: {
          const auto before = counts();
          asked.push_back(request(port::guarded_request{caf::make_message(caf::add_atom::value, n)}));
          sent += counts().accepted + counts().rejected - before.accepted - before.rejected;
          break;
        }
        default:
          send(caf::add_atom::value, n);
          ++sent;
          break;
      }
      const auto c = counts();
      expect_sound(c);
      ASSERT_EQ(c.accepted + c.rejected, sent) << "seed " << seed << ", step " << step;
    }
    leave(cell_);
    const auto c = counts();
    expect_sound(c);
    ASSERT_EQ(c.waiting, 0U);
    ASSERT_EQ(c.accepted + c.rejected, sent) << "seed " << seed;
    for (auto& x : asked) {
      x->look();
      ASSERT_EQ(x->answers, 1) << "seed " << seed << ": exactly one answer";
    }
    const auto left = reports_of(report::kind::left).back().counts;
    ASSERT_EQ(left.handled, c.handled);
    ASSERT_EQ(left.dead, c.dead);
    ASSERT_EQ(left.failed, c.failed);
  }
}

/// Adds, and throws when it is told to; checks that the numbers of each sender come in order.
class fragile {
public:
  explicit fragile(self_ptr) {}
  caf::behavior make_behavior() {
    return {
        [](caf::add_atom, std::int64_t n) { return n; },
        [](caf::put_atom, std::int64_t from, std::int64_t n) {
          auto& last = last_of()[static_cast<std::size_t>(from)];  // one cell, so one thread at a time
          if (n <= last) ++out_of_order();
          last = n;
        },
        [](crash_atom) { throw std::runtime_error("injected"); },
    };
  }
  static std::array<std::int64_t, 8>& last_of() {
    static std::array<std::int64_t, 8> all;
    return all;
  }
  static std::atomic<int>& out_of_order() {
    static std::atomic<int> n;
    return n;
  }
};

/// Requests of one thread, many under way at once.
class many_requests {
public:
  explicit many_requests(caf::actor_system& system) : self_(system) {}
  template <class... Ts>
  void ask(const caf::actor& dst, Ts&&... message) {
    const auto pending = port::ask(self_.ptr(), dst, caf::infinite, std::forward<Ts>(message)...);
    answers_[pending.id().integer_value()] = 0;
  }
  /// Waits until each has an answer, but not for ever. Returns how many do not have exactly one.
  std::size_t wrong() {
    std::size_t arrived = 0;
    while (arrived < answers_.size() && self_->await_data(std::chrono::high_resolution_clock::now() + 30s))
      take(arrived);
    while (!self_->mailbox().empty()) take(arrived);
    std::size_t out = 0;
    for (const auto& [id, n] : answers_)
      if (n != 1) ++out;
    return out;
  }
  std::size_t size() const { return answers_.size(); }

private:
  void take(std::size_t& arrived) {
    const auto x = self_->dequeue();
    ++answers_[x->mid.integer_value()];
    ++arrived;
  }
  caf::scoped_actor self_;
  std::map<std::uint64_t, int> answers_;
};

class cell_storm : public ::testing::Test {
protected:
  cell_storm() {
    events_.add_sink([this](const event& e) {
      if (e.kind == event_kind::crash) ++crashes_;
    });
    actors_.add<fragile>("fragile");
    fragile::last_of().fill(-1);
    fragile::out_of_order() = 0;
    runtime_options options;
    options.threads = 2;
    rt_.emplace(events_, tasks_, actors_, options);
  }

  static child_spec child(const std::string& id, mailbox_spec mailbox, unsigned redeliver) {
    child_spec out;
    out.id = id;
    out.backoff = backoff_spec{0ms, 0ms, 1.0, 0.0, 1s};
    out.mailbox = mailbox;
    out.redeliver = redeliver;
    out.what = actor_spec{"fragile", {}};
    return out;
  }
  static supervisor_spec tree_of(std::vector<child_spec> children) {
    supervisor_spec out;
    out.intensity = intensity{10'000'000, 1'000ms};
    out.children = std::move(children);
    return out;
  }

  event_log events_{"storm"};
  task_registry tasks_;
  actor_registry actors_;
  std::atomic<std::uint64_t> crashes_{0};
  std::optional<runtime> rt_;
};

TEST_F(cell_storm, ten_thousand_crashes_lose_no_message_and_each_request_has_one_answer) {
  constexpr int threads = 4;
  constexpr int cells = 4;
  constexpr int rounds = 625;  // one crash of each cell per thread and round
  std::vector<child_spec> children;
  for (int i = 0; i < cells; ++i) children.push_back(child("c" + std::to_string(i), {}, 0));
  supervisor tree{*rt_, tree_of(std::move(children))};
  ASSERT_TRUE(tree.start().ok);
  std::vector<caf::actor> all;
  for (int i = 0; i < cells; ++i) all.push_back(tree.actor("/root/c" + std::to_string(i)));

  std::atomic<std::size_t> wrong{0};
  std::vector<std::thread> senders;
  for (int t = 0; t < threads; ++t) {
    senders.emplace_back([&, t] {
      many_requests requests{rt_->system()};
      for (int round = 0; round < rounds; ++round) {
        for (const auto& cell : all) {
          port::send_anonymously(cell, caf::add_atom::value, std::int64_t{1});
          if ((round + t) % 2 == 0)
            port::send_anonymously(cell, crash_atom::value);
          else
            requests.ask(cell, crash_atom::value);
          requests.ask(cell, caf::add_atom::value, std::int64_t{round});
        }
      }
      wrong += requests.wrong();
    });
  }
  for (auto& x : senders) x.join();
  EXPECT_EQ(wrong, 0U);
  tree.stop();
  EXPECT_EQ(crashes_, 10'000U);
  constexpr std::uint64_t of_each = threads * rounds;
  for (const auto& x : all) {
    const auto c = supervision::cell_of(x).counts();
    EXPECT_EQ(c.accepted, 3 * of_each);
    EXPECT_EQ(c.handled, 2 * of_each);
    EXPECT_EQ(c.failed + c.dead, of_each) << "crashes that were asked for, and told";
    EXPECT_EQ(c.waiting, 0U);
    expect_sound(c);
  }
}

TEST_F(cell_storm, full_mailboxes_and_redelivery_keep_the_books_and_the_order_under_load) {
  constexpr int threads = 3;
  constexpr std::int64_t rounds = 3'000;
  supervisor tree{*rt_, tree_of({child("oldest", {20, overflow_policy::drop_oldest}, 1),
                                 child("newest", {20, overflow_policy::drop_newest}, 1),
                                 child("reject", {20, overflow_policy::reject}, 0)})};
  ASSERT_TRUE(tree.start().ok);
  const std::vector<caf::actor> all{tree.actor("/root/oldest"), tree.actor("/root/newest"), tree.actor("/root/reject")};
  std::atomic<std::size_t> wrong{0};
  std::atomic<std::uint64_t> told{0};
  std::atomic<std::uint64_t> asked{0};
  std::atomic<std::uint64_t> refused{0};
  std::vector<std::thread> senders;
  for (int t = 0; t < threads; ++t) {
    senders.emplace_back([&, t] {
      many_requests requests{rt_->system()};
      for (std::int64_t n = 0; n < rounds; ++n) {
        port::send_anonymously(all[0], caf::put_atom::value, std::int64_t{t}, n);
        for (const auto& cell : all) {
          if (n % 50 == 0) {
            told += offer(cell, crash_atom::value) ? 1 : 0;
          } else if (n % 7 == 0) {
            requests.ask(cell, caf::add_atom::value, n);
          } else if (offer(cell, caf::add_atom::value, n)) {
            ++told;
          } else {
            ++refused;
          }
        }
      }
      told += static_cast<std::uint64_t>(rounds);  // those to the one that refuses nothing
      asked += requests.size();
      wrong += requests.wrong();
    });
  }
  for (auto& x : senders) x.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(fragile::out_of_order(), 0);
  tree.stop();
  message_counts sum;
  for (const auto& x : all) {
    const auto c = supervision::cell_of(x).counts();
    expect_sound(c);
    EXPECT_EQ(c.waiting, 0U);
    sum.accepted += c.accepted;
    sum.rejected += c.rejected;
  }
  EXPECT_EQ(sum.accepted + sum.rejected, threads * rounds * 4);
  EXPECT_GE(sum.accepted, told.load());
  EXPECT_LE(sum.accepted, told.load() + asked.load());
}

}  // namespace
