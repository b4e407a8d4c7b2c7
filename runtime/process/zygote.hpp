#pragma once

#include "process/bootstrap.hpp"

#include <optional>

// The parent's side of the zygote. Internal to process/. All functions are thread-safe.
namespace steward::process {

/// How long a start waits for the zygote before it counts as wedged and is killed, in milliseconds.
inline constexpr int zygote_reply_limit_ms = 2000;

/// Starts a child through the zygote: none when there is no zygote, or when it turned out dead or wedged (it is then
/// ended and reaped, and whatever it had begun is killed and reaped, too: no child uses the request's descriptors). An
/// errno in the result is the zygote's answer: it lives, but this child cannot be started.
std::optional<launched> start_from_zygote(const start_request& request);

/// True while the zygote lives.
bool zygote_alive();

/// Its pid, 0 when there is none.
int zygote_pid();

/// A descriptor that becomes readable when the zygote dies; the caller closes it. -1 without a zygote.
int watch_zygote();

/// Reaps the zygote if it died.
void reap_zygote();

}  // namespace steward::process
