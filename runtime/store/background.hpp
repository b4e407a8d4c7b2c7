#pragma once

#include "observe/run_view.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace steward::store {

/// The picture of a run as it is kept.
struct picture {
  std::uint64_t seq = 0;
  std::chrono::system_clock::time_point at;
  std::string text;
};

picture picture_of(const run_view& view);

/// What would hold up the thread that writes, done beside it on a thread of its own, which is made when it is needed
/// first: pictures of large trees are rendered, and the log of the database is taken in by a connection of its own.
///
/// Calls are those of one thread. They do not wait, but for the last one, which lets finish what is under way.
class background {
public:
  explicit background(std::string database_path) : path_(std::move(database_path)) {}
  ~background();
  background(const background&) = delete;
  background& operator=(const background&) = delete;

  /// Begins to render a copy; false while another one is under way, or has not been taken.
  bool render(const run_view& view);
  /// What was rendered, once.
  std::optional<picture> take_rendered();

  /// Begins to take in what is in the log, unless that is under way. What fails is left for the next time.
  void take_log_in();
  /// Up to which page of the log was taken in, as far as it is known; 0 from `log_began_anew` on.
  int log_pages_taken();
  void log_began_anew();

private:
  using locked = std::unique_lock<std::mutex>;

  bool begin(locked& lock);
  void serve();

  const std::string path_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<run_view> to_render_;
  std::optional<picture> rendered_;
  bool renders_ = false;
  bool log_wanted_ = false;
  bool takes_log_in_ = false;
  int taken_ = 0;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace steward::store
