#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>

namespace steward {
class pool;
}

namespace steward::detail {

/// Where the pools of a runtime's trees are found. Thread-safe.
class pool_finder {
public:
  /// Null when there is none.
  virtual std::shared_ptr<pool> pool_at(const std::string& path) const = 0;
  /// Keeps what waits for a map until that is over, or until the runtime ends; then it is destroyed, on any thread.
  virtual void keep(std::shared_ptr<void> x, std::shared_ptr<const std::atomic<bool>> over) = 0;

protected:
  ~pool_finder() = default;
};

/// The pools that the parameters of an actor name, by parameter.
struct pool_places {
  pool_finder* finder = nullptr;
  std::map<std::string, std::string, std::less<>> paths{};
};

}  // namespace steward::detail
