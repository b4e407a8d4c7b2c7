#include "steward/detail/no_waiting.hpp"

namespace steward::detail {

namespace {

thread_local unsigned forbidden = 0;

}  // namespace

no_waiting::no_waiting() noexcept { ++forbidden; }
no_waiting::~no_waiting() { --forbidden; }
bool may_wait_here() noexcept { return forbidden == 0; }

}  // namespace steward::detail
