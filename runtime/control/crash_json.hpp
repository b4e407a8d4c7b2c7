#pragma once

#include "observe/crash_account.hpp"

#include <nlohmann/json_fwd.hpp>

namespace steward {

/// One crash whole, for programs: what `steward show --json` prints and `GET /v1/crashes/ID/account` answers.
nlohmann::ordered_json account_json(const whole_crash& x);

}  // namespace steward
