#pragma once

#include "process/bootstrap.hpp"

#include <span>

// The parent's side of the zygote. Internal to process/. All functions are thread-safe.
namespace steward::process {

/// How long a start waits for the zygote before it counts as wedged and is killed, in milliseconds.
inline constexpr int zygote_reply_limit_ms = 2000;

/// Starts children through the zygote, which makes one while the next is on its way; `results` has a place for each. A
/// result with neither pid nor error was not settled: there is no zygote, or it turned out dead or wedged (it is then
/// ended and reaped, and whatever it had begun is killed and reaped, too: no child uses the request's descriptors). An
/// errno in a result is the zygote's answer: it lives, but this child cannot be started.
void start_from_zygote(std::span<outgoing_order* const> orders, std::span<launched> results);

/// True while the zygote lives.
bool zygote_alive();

/// Its pid, 0 when there is none.
int zygote_pid();

/// A descriptor that becomes readable when the zygote dies; the caller closes it. -1 without a zygote.
int watch_zygote();

/// Reaps the zygote if it died.
void reap_zygote();

}  // namespace steward::process
