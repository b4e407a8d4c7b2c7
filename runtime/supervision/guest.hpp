#pragma once

#include "steward/actor.hpp"

#include <cstdint>

// The child's side of an actor that runs in a process of its own: see process_link.hpp.
namespace steward::supervision {

/// The name of the child main.
inline constexpr const char* guest_main_name = "steward_actor";

/// Makes actors in processes possible: those of `actors`, and those whose class the program has. Call it on every start
/// of the program, after the actors are registered, before `process::start_zygote` and before
/// `process::run_spawned_child`. `actors` must live as long as the program.
void register_guest_main(const actor_registry& actors);

/// Where a factory lies in the program, counted from the program's own place in memory, so that another process of it
/// finds it. Of a factory in a library that holds for copies of this process only.
std::int64_t place_of(plain_factory factory) noexcept;

/// Whether this actor lives in a process of its own, and this is that process.
bool is_guest(self_ptr self) noexcept;
/// For the actor's own code, of guests: like `steward::watch` and `steward::unwatch`.
void watch_from_guest(self_ptr self, const std::string& name, bool ends);

}  // namespace steward::supervision
