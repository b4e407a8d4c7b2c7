#pragma once

#include "config/schema.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace steward::config {

// Other supervisors, service managers and pools (OTP, Akka, systemd, supervisord, Docker, Kubernetes, Celery,
// multiprocessing) call the same things by other names, which no distance between words finds. Pure; any thread may
// call these.

/// What one of our words is called elsewhere.
struct foreign_word {
  std::string_view of;      ///< section of a key, or section and key of a value: "child", "child.restart"
  std::string_view ours;    ///< empty when it is said by leaving the key out
  std::string_view theirs;  ///< separated by spaces
};

std::span<const foreign_word> foreign_keys();
std::span<const foreign_word> foreign_values();

/// The key of a section that a key of another tool stands for: in a pool, "num_workers" is "workers".
std::optional<std::string> meant_key(std::string_view section, std::string_view key);

/// The word of a field that a word of another tool stands for: as a restart, "always" is "permanent". Empty text when
/// it is said by leaving the key out.
std::optional<std::string> meant_word(const field& of, std::string_view word);

}  // namespace steward::config
