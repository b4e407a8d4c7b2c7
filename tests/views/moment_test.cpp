#include "cli/views/moment.hpp"
#include "tests/views/history.hpp"

#include <gtest/gtest.h>

#include <ctime>

namespace {

using namespace steward;
using namespace steward::cli;
using namespace std::chrono_literals;

const run_view::time_point now{1'700'000'000s};  // 2023-11-14 22:13:20 UTC

class moments : public testing::Test {
protected:
  moments() : zone_("TZ", "UTC") { ::tzset(); }

private:
  test::variable zone_;
};

}  // namespace

TEST_F(moments, a_time_of_day_is_the_last_one) {
  EXPECT_EQ(time_of("22:13:10", now), now - 10s);
  EXPECT_EQ(time_of("22:13", now), now - 20s);
  EXPECT_EQ(time_of("22:13:10.5", now), now - 9500ms);
  EXPECT_EQ(time_of("23:00:00", now), now + 46min + 40s - 24h) << "it has not come yet today";
}

TEST_F(moments, a_date_and_a_time_in_utc_are_exact) {
  EXPECT_EQ(time_of("2023-11-14 22:13:20", now), now);
  EXPECT_EQ(time_of("2023-11-14T22:13:20Z", now), now);
  EXPECT_EQ(time_of("2023-11-14T22:13:19.819653Z", now), now - 1s + 819653us);
}

TEST_F(moments, a_duration_is_so_long_ago) {
  EXPECT_EQ(time_of("5m", now), now - 5min);
  EXPECT_EQ(time_of("1500ms", now), now - 1500ms);
}

TEST_F(moments, what_is_no_time_is_none) {
  for (const char* text : {"", "x", "25:00:00", "22:61", "22", "2023-13-01 00:00", "2023-11-14", "2023-11-14 x",
                           "22:13:99", "22:13Z", "-5m", "22:13:1x"})
    EXPECT_FALSE(time_of(text, now).has_value()) << text;
}

TEST_F(moments, a_number_is_an_event_and_an_id_a_crash) {
  EXPECT_EQ(moment_of_text("37", now)->seq, 37U);
  EXPECT_EQ(moment_of_text("c-0007", now)->crash, "c-0007");
  EXPECT_EQ(moment_of_text("5m", now)->at, now - 5min);
  EXPECT_FALSE(moment_of_text("yesterday", now).has_value());
}
