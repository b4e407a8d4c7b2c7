#pragma once

#include "otp_probe.hpp"

namespace steward::testing_support {

/// OTP's cases about strategies (33 to 46).
class otp_strategies : public otp_case {
protected:
  /// The children of "/root", or of a supervisor, in the order in which they have started since `book().forget()`.
  static paths at_root(const paths& ids) {
    paths out;
    for (const auto& id : ids) out.push_back("/root/" + id);
    return out;
  }
  /// Every actor ended, and so did the supervisor, since its limit was reached.
  void expect_gave_up() {
    ASSERT_TRUE(ended_);
    EXPECT_EQ(ended_->cls, policy::exit_class::gave_up);
    EXPECT_EQ(book().alive, 0);
    EXPECT_EQ(paths_of(event_kind::give_up), paths{"/root"});
    EXPECT_EQ(events_of(event_kind::limit).size(), 1U);
    EXPECT_FALSE(which_children("/root"));
  }
  std::vector<std::uint64_t> incarnations(const paths& ids) {
    std::vector<std::uint64_t> out;
    for (const auto& path : at_root(ids)) out.push_back(answering(path));
    return out;
  }
  using numbers = std::vector<std::uint64_t>;
  /// `n` starts of a child that throw.
  static void fail_next(const std::string& path, std::size_t n = 1) {
    book().next[path] = std::deque<start_as>(n, start_as::throws);
  }
};

}  // namespace steward::testing_support
