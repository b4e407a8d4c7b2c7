#pragma once

#include "process/child.hpp"

namespace steward::cli {

/// Starts the zygote, and ends it whichever way the run ends. Made while the program has one thread. Without a zygote
/// children are spawned: slower, but all works.
struct zygote_scope {
  zygote_scope() { process::start_zygote(); }
  zygote_scope(const zygote_scope&) = delete;
  zygote_scope& operator=(const zygote_scope&) = delete;
  ~zygote_scope() { process::stop_zygote(); }
};

}  // namespace steward::cli
