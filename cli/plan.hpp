#pragma once

#include "config/loader.hpp"

#include <optional>
#include <string>
#include <vector>

namespace steward::cli {

/// What a scenario would start, from top to bottom in start order: per supervisor its strategy and budget, per child
/// where it runs, its effective values, each with where it comes from, the delays of its restarts, and how soon its
/// limit is met when it crashes at once every time. Values that have their default are left out where most people have
/// them, too. Lines end with a newline. Pure; any thread may call it.
std::string render_plan(const config::scenario& what, const config::origin_map& origins);

/// The same as one JSON object, with every value, and times in milliseconds. Pure; any thread may call it.
std::string render_plan_json(const config::scenario& what, const config::origin_map& origins);

/// What is good to know of a scenario that is well: "/root/math: threads cannot ...". Pure; any thread may call it.
std::vector<std::string> notes_on(const config::scenario& what);

/// A value of `with:` as it is shown: "10", "0.5", "true", "word", "10s".
std::string text_of(const param_value& value);

/// The delays of the first restarts: "at once, 100ms, 200ms, 400ms, ... 10s (+ up to 20% jitter)".
std::string describe_ladder(const backoff_spec& delays);

/// From the first crash to the one that is too much, for a child that crashes at once every time. Empty: never, because
/// the back-off is slower than the window. {3 restarts, 5 s} and delays of 0, 100, 200 ms: 300 ms.
std::optional<milliseconds> time_to_give_up(const intensity& limit, backoff_spec delays);

}  // namespace steward::cli
