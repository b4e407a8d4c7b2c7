#pragma once

#include "cli/service_manager.hpp"
#include "config/loader.hpp"
#include "steward/control.hpp"
#include "steward/supervisor.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace steward::cli {

/// True when a pool of processes anywhere in the tree lets its tasks talk to actors.
bool needs_links(const supervisor_spec& tree);

/// Reads a scenario's file again when it is asked to, and gives the tree the new specs.
///
/// A file with faults changes nothing, and the old specs stay. An `operator` event tells so; a reload that took place
/// is told by a `config` event, behind the tree's own, which tell of each change whether it counts or what it waits
/// for. Steps, name and seed stay as they were; that is told where the file has others. What a signal asks for is done
/// on a thread of its own, since reading and restarting take time, and each fault goes to stderr, as at the start;
/// requests that come meanwhile are one request. The tree and the scenario must outlive it; the destructor waits for
/// what is under way. `keep_plan`, where it is given, has the plan at once and after each reload that took place, by
/// one thread at a time.
class reloader {
public:
  reloader(supervisor& tree, event_log& events, config::catalog names, const config::scenario& what,
           const config::origin_map& origins, config::load_options options, service_manager& manager,
           std::function<void(std::string)> keep_plan = nullptr);
  ~reloader();
  reloader(const reloader&) = delete;
  reloader& operator=(const reloader&) = delete;

  /// Asks for a reload on behalf of a signal; returns at once. Thread-safe.
  void ask();
  /// Reloads now, after what is under way, or only tells what would change. What is wrong is in the outcome, and not
  /// told on stderr. Another file than before is the one that counts from then on. Thread-safe.
  control_outcome reload(const control_reload& what, const std::string& by);
  /// What runs by now, as `steward plan --json` prints it: that of the file that was loaded last. Thread-safe.
  std::string plan();

private:
  void serve();
  control_outcome load(const control_reload& what, const std::string& by);
  control_outcome refuse(const control_reload& what, const std::string& by, const std::string& why,
                         std::vector<std::string> faults);
  void tell(event_kind kind, event_level level, const std::string& text, const std::string& by);

  supervisor& tree_;
  event_log& events_;
  config::catalog names_;
  std::string file_;
  const config::scenario& began_with_;
  const config::origin_map& began_with_origins_;
  std::mutex plan_mutex_;
  std::optional<config::load_result> reloaded_;  // what runs in place of what it began with
  bool has_links_;
  config::load_options options_;
  service_manager& manager_;
  std::function<void(std::string)> keep_plan_;
  std::mutex one_at_a_time_;  // whoever reloads
  std::mutex mutex_;
  std::condition_variable changed_;
  bool asked_ = false;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace steward::cli
