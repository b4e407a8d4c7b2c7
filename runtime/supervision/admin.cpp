#include "steward/admin.hpp"

namespace steward {

const char* to_string(child_status x) noexcept {
  switch (x) {
    case child_status::undefined:
      return "undefined";
    case child_status::starting:
      return "starting";
    case child_status::running:
      return "running";
    case child_status::restarting:
      return "restarting";
    case child_status::stopping:
      return "stopping";
    case child_status::parked:
      return "parked";
  }
  return "unknown";
}

}  // namespace steward
