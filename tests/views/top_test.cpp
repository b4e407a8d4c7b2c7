#include "cli/views/top_model.hpp"
#include "tests/views/history.hpp"

#include <gmock/gmock.h>

#include <ctime>
#include <random>
#include <string>

namespace {

using namespace steward;
using namespace steward::cli;
using testing::ElementsAre;
using testing::HasSubstr;

std::string text_of(const top_line& line) {
  std::string out;
  for (const auto& one : line.parts) out += one.text;
  return out;
}

std::string text_of(const std::vector<top_line>& lines) {
  std::string out;
  for (const auto& one : lines) out += text_of(one) + (one.selected ? " <" : "") + "\n";
  return out;
}

top_input typed(char c) { return {top_key::character, c}; }

class top : public testing::Test {
protected:
  top() : zone_("TZ", "UTC") { ::tzset(); }

  std::vector<top_line> drawn(top_size size = {}, bool live = true) const {
    return draw_top(view_, state_, {}, size, view_.now, live, true);
  }
  std::optional<top_order> press(const top_input& input, bool live = true) {
    return cli::press(state_, input, view_, live, 10);
  }

  run_view view_ = test::usual_history().folded();
  top_state state_;

private:
  test::variable zone_;
};

}  // namespace

TEST_F(top, shows_the_run_its_tree_and_the_last_crashes) {
  EXPECT_EQ(text_of(drawn({16, 80})),
            "shop, r-1, since 2023-11-14 22:13:21: up for 16.0 s\n"
            "3 children up  2 crashes  2 restarts\n"
            "CHILD       STATUS  RESTARTS  BUDGET\n"
            "/root       up             0 <\n"
            "├─ total    up             1  0 of 3\n"
            "└─ squares  up             0  0 of 3\n"
            "   └─ w1    up             1  1 of 20\n"
            "\n\n\n\n\n"
            "LAST CRASHES\n"
            "c-0002        22:13:34  /root/squares/w1  SIGSEGV at 0x10 in work at work.cpp:3…\n"
            "c-0001        22:13:31  /root/total       std::runtime_error: boom\n"
            "enter details  / filter  r restart  s stop  k kill  + - scale  ? help  q quit\n");
}

TEST_F(top, every_screen_has_its_rows_and_none_is_wider) {
  std::mt19937 random{3};
  const char keys[] = "qrsk+-/?pyn";
  for (std::size_t round = 0; round < 400; ++round) {
    const top_size size{1 + random() % 60, 1 + random() % 200};
    if (random() % 3 == 0)
      press(typed(keys[random() % (sizeof keys - 1)]));
    else
      press({static_cast<top_key>(random() % 12), 'x'});
    state_.over = false;
    const auto lines = drawn(size, random() % 2 == 0);
    ASSERT_EQ(lines.size(), size.rows);
    for (const auto& line : lines) ASSERT_LE(columns_of(text_of(line)), size.columns) << text_of(line);
  }
}

TEST_F(top, arrows_lead_from_the_tree_to_the_crashes) {
  press({top_key::down});
  EXPECT_EQ(state_.selected, "/root/total");
  press({top_key::end});
  EXPECT_EQ(state_.selected, "c-0001");
  press({top_key::up});
  EXPECT_EQ(state_.selected, "c-0002");
  press({top_key::home});
  EXPECT_EQ(state_.selected, "/root");
}

TEST_F(top, the_selected_child_stays_on_the_screen) {
  test::history many;
  many.begins("many");
  for (int i = 0; i < 200; ++i) many.adds("/c" + std::to_string(i), "actor", "counter");
  view_ = many.folded();
  for (int i = 0; i < 400; ++i) {
    press({top_key::down});
    const auto lines = drawn({10, 80});
    const auto shown = std::count_if(lines.begin(), lines.end(), [](const auto& x) { return x.selected; });
    ASSERT_EQ(shown, 1) << state_.selected;
  }
  EXPECT_EQ(state_.selected, "/c199");
}

TEST_F(top, a_filter_leaves_the_paths_that_have_it) {
  for (const char c : std::string{"/tot"}) press(typed(c));
  EXPECT_THAT(text_of(drawn().back()), HasSubstr("/tot"));
  press({top_key::enter});
  EXPECT_THAT(selectable(view_, state_), ElementsAre("/root/total", "c-0002", "c-0001"));
  press({top_key::escape});
  EXPECT_EQ(selectable(view_, state_).size(), 6U);
}

TEST_F(top, an_order_is_given_only_after_a_yes) {
  press({top_key::down});
  EXPECT_FALSE(press(typed('r')).has_value());
  EXPECT_THAT(text_of(drawn().back()), HasSubstr("restart /root/total? y/n"));
  EXPECT_FALSE(press(typed('n')).has_value());
  EXPECT_FALSE(state_.asks.has_value());
  press(typed('k'));
  EXPECT_EQ(press(typed('y')), (top_order{"kill", "/root/total", 0}));
  EXPECT_FALSE(press(typed('y')).has_value()) << "once";
}

TEST_F(top, a_pool_is_scaled_by_one_also_from_its_worker) {
  state_.selected = "/root/squares/w1";
  press(typed('+'));
  EXPECT_EQ(press(typed('y')), (top_order{"resize", "/root/squares", 2}));
  press(typed('-'));
  EXPECT_FALSE(state_.asks.has_value()) << "its last worker stays";
  state_.selected = "/root/total";
  press(typed('+'));
  EXPECT_THAT(state_.message, HasSubstr("is no pool"));
}

TEST_F(top, a_worker_can_only_be_killed) {
  state_.selected = "/root/squares/w1";
  press(typed('r'));
  EXPECT_THAT(state_.message, HasSubstr("is a worker"));
  press(typed('k'));
  EXPECT_EQ(press(typed('y')), (top_order{"kill", "/root/squares/w1", 0}));
}

TEST_F(top, a_run_that_is_over_is_not_steered) {
  view_.ended = view_.now;
  for (const char c : {'r', 's', 'k', '+', '-'}) {
    press(typed(c), false);
    EXPECT_FALSE(state_.asks.has_value());
    EXPECT_THAT(state_.message, HasSubstr("the run is over"));
  }
}

TEST_F(top, what_a_run_has_left_is_looked_at_only) {
  press(typed('k'), false);
  EXPECT_THAT(state_.message, HasSubstr("can only be looked at"));
  const auto text = text_of(drawn({16, 80}, false));
  EXPECT_THAT(text, HasSubstr("3 children were up"));
  EXPECT_THAT(text, HasSubstr("├─ total    was up "));
}

TEST_F(top, a_pause_is_seen_on_a_narrow_screen) {
  press(typed('p'));
  EXPECT_THAT(text_of(drawn({16, 30})), HasSubstr("PAUSED"));
}

TEST(top_clock, never_goes_back_and_stands_still_in_a_pause) {
  const run_view::time_point begin{std::chrono::seconds{100}};
  const auto at = [&](int s) { return begin + std::chrono::seconds{s}; };
  top_clock clock;
  EXPECT_EQ(clock.tick(at(5), false), at(5));
  EXPECT_EQ(clock.tick(at(3), false), at(5)) << "the run has ended two seconds ago";
  EXPECT_EQ(clock.tick(at(9), true), at(5));
  EXPECT_EQ(clock.tick(at(9), false), at(9));
}

TEST_F(top, enter_shows_a_crash_whole_and_goes_back) {
  state_.selected = "c-0002";
  press({top_key::enter});
  const auto text = text_of(drawn({40, 120}));
  EXPECT_THAT(text, HasSubstr("c-0002    /root/squares/w1, incarnation 1"));
  EXPECT_THAT(text, HasSubstr("in hand   task 3 square(7), attempt 1 of 3"));
  press({top_key::enter});
  EXPECT_EQ(state_.shown, top_state::page::tree);
}

TEST_F(top, enter_shows_what_is_known_of_a_child) {
  state_.selected = "/root/total";
  press({top_key::enter});
  const auto text = text_of(drawn());
  EXPECT_THAT(text, HasSubstr("kind        actor counter, in a thread, permanent"));
  EXPECT_THAT(text, HasSubstr("budget      0 of 3 in 5 s, of /root"));
  EXPECT_THAT(text, HasSubstr("crash       c-0001 22:13:31 std::runtime_error: boom"));
}

TEST_F(top, help_names_every_key) {
  press(typed('?'));
  const auto text = text_of(drawn());
  for (const char* key : {"arrows", "enter", "/ ", "r ", "s ", "k ", "+ -", "p ", "? ", "q "})
    EXPECT_THAT(text, HasSubstr(key));
  press(typed('q'));
  EXPECT_FALSE(state_.over) << "it only leaves the page";
  press(typed('q'));
  EXPECT_TRUE(state_.over);
}
