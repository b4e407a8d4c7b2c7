#include "otp_probe.hpp"

#include <algorithm>
#include <ctime>

// How cost grows with the number of children: 80, 91 and 92 of the list. Ratios of processor time within one run.

namespace {

using namespace steward;
using namespace steward::testing_support;

/// An actor that costs little; (delete_atom) ends it.
struct plain {
  explicit plain(self_ptr self) : self_(self) {}
  caf::behavior make_behavior() {
    return {[this](caf::delete_atom) { self_->quit(); }};
  }
  self_ptr self_;
};

using otp_misc = otp_case;

template <class F>
double cost_of(F&& f) {
  const auto before = std::clock();
  f();
  return static_cast<double>(std::max<std::clock_t>(std::clock() - before, 1)) / CLOCKS_PER_SEC;
}

child_spec plain_child(std::string id, restart_type restart) {
  child_spec out;
  out.id = std::move(id);
  out.restart = restart;
  out.what = actor_spec{"plain", {}};
  return out;
}

supervisor_spec many(strategy how, unsigned n, restart_type restart) {
  supervisor_spec out;
  out.strategy = how;
  if (how == strategy::simple_one_for_one) {
    out.children.push_back(plain_child("d", restart));
    out.initial = n;
  } else {
    out.children.reserve(n);
    for (unsigned i = 1; i <= n; ++i) out.children.push_back(plain_child("d-" + std::to_string(i), restart));
  }
  return out;
}

TEST_F(otp_misc, simple_one_for_one_scale_many_temporary_children) {
  actor_type<plain>("plain");
  log_.add_sink([this](const event&) { events_.clear(); });
  const auto stop_of = [this](unsigned n) {
    start_ok(many(strategy::simple_one_for_one, n, restart_type::temporary));
    EXPECT_EQ(counts_of(), (counts{1, n, 0, n}));
    const auto cost = cost_of([this] { stop(); });
    EXPECT_TRUE(ended_);
    anew();
    return cost;
  };
  stop_of(1'000);  // warms up
  const auto few = stop_of(1'000);
  const auto lots = stop_of(10'000);
  EXPECT_LE(lots, 50 * few) << "10,000: " << lots << " s, 1,000: " << few << " s";
}

TEST_F(otp_misc, scale_start_stop_many_children) {
  actor_type<plain>("plain");
  log_.add_sink([this](const event&) { events_.clear(); });
  const auto start_and_stop_of = [this](unsigned n) {
    auto spec = many(strategy::one_for_one, n, restart_type::permanent);
    const auto up = cost_of([&] { start(std::move(spec)); });
    EXPECT_TRUE(started_ && started_->failed_child.empty());
    EXPECT_EQ(counts_of(), (counts{n, n, 0, n}));
    const auto down = cost_of([this] { stop(); });
    EXPECT_TRUE(ended_);
    anew();
    return std::pair{up, down};
  };
  start_and_stop_of(1'000);  // warms up
  const auto few = start_and_stop_of(1'000);
  const auto lots = start_and_stop_of(100'000);
  EXPECT_LE(lots.first, 10 * 100 * few.first) << "start of 100,000: " << lots.first << " s, 1,000: " << few.first;
  EXPECT_LE(lots.second, 10 * 100 * few.second) << "stop of 100,000: " << lots.second << " s, 1,000: " << few.second;
}

TEST_F(otp_misc, scale_mass_exit_children) {
  actor_type<plain>("plain");
  log_.add_sink([this](const event&) { events_.clear(); });
  for (const auto how : {strategy::simple_one_for_one, strategy::one_for_one}) {
    const auto mass_exit_of = [&](unsigned n) {
      start_ok(many(how, n, restart_type::temporary));
      for (unsigned i = 1; i <= n; ++i) send("/root/d-" + std::to_string(i), caf::delete_atom::value);
      const auto cost = cost_of([this] { run(); });
      EXPECT_EQ(counts_of()[1], 0U);
      EXPECT_EQ(which_children("/root")->size(), 0U);
      anew();
      return cost;
    };
    mass_exit_of(2'000);  // warms up
    const auto few = std::min(mass_exit_of(2'000), mass_exit_of(2'000));
    const auto lots = std::min(mass_exit_of(10'000), mass_exit_of(10'000));
    EXPECT_LE(lots, 12 * few) << to_string(how) << ": 10,000: " << lots << " s, 2,000: " << few << " s";
  }
}

}  // namespace
