#include "config/scenario.hpp"

namespace steward::config {

bool operator==(const parallel_step& a, const parallel_step& b) { return a.steps == b.steps; }

bool operator==(const step& a, const step& b) {
  return a.what == b.what && a.expect == b.expect && a.every == b.every && a.at_start == b.at_start;
}

}  // namespace steward::config
