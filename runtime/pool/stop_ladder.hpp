#pragma once

#include "pool/actions.hpp"

#include <algorithm>
#include <cstdint>

namespace steward::pooling {

/// How far the end of a pool has come, and when its next stage is due: all is finished first where it is drained, then
/// each worker is asked to end, is asked harder shortly before the time is over, and is ended when it is. A stage is
/// never left for an earlier one. Pure; not thread-safe.
class stop_ladder {
public:
  enum class stage : std::uint8_t { none, drains, asked, terminated, killed };

  explicit stop_ladder(milliseconds limit) : limit_(limit) {}

  void begin(time_point now) {
    since_ = now;
    reach(stage::drains);
  }
  void reach(stage x) { at_ = std::max(at_, x); }
  bool has_reached(stage x) const noexcept { return at_ >= x; }
  bool is_draining() const noexcept { return at_ == stage::drains; }

  /// Of the next stage that comes by time alone.
  time_point due() const {
    constexpr milliseconds most{500};
    return since_ + limit_ - (has_reached(stage::terminated) ? milliseconds{0} : std::min(limit_ / 5, most));
  }
  bool is_due(stage x, time_point now) const { return x == next() && !has_reached(stage::killed) && now >= due(); }

private:
  stage next() const noexcept { return has_reached(stage::terminated) ? stage::killed : stage::terminated; }

  milliseconds limit_;
  time_point since_;
  stage at_ = stage::none;
};

}  // namespace steward::pooling
