#pragma once

#include "pool/ledger.hpp"
#include "pool/sizing.hpp"
#include "pool/worker_life.hpp"
#include "steward/event.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace steward::pooling {

/// Makes the events of a pool, and adds them to its notices. Not thread-safe.
class pool_events {
public:
  /// `spec` and `news` must outlive this.
  pool_events(const pool_spec& spec, std::string path, std::vector<notice>& news)
      : spec_(spec), path_(std::move(path)), news_(news) {}

  event of_pool(event_kind kind, event_level how) const;
  event of_worker(event_kind kind, event_level how, const worker_life& worker) const;
  /// What the pool is, with the size that it means to have.
  event_child described(const sizing& size) const;
  /// One item, with its arguments as far as they can be shown.
  event_task task(const ledger::record& r, std::uint64_t item) const;

  void note(event e) { news_.emplace_back(news::happened{std::make_unique<event>(std::move(e))}); }

private:
  const pool_spec& spec_;
  std::string path_;
  std::vector<notice>& news_;
};

}  // namespace steward::pooling
